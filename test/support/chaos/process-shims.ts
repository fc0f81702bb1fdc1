import { spawnSync } from "node:child_process";
import { closeSync, constants, openSync, rmSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Shim } from "../disk-faults/shim.js";

const CLOCK_SOURCE = fileURLToPath(new URL("../../../../test/support/chaos/clock-shim.c", import.meta.url));

/** Libraries that let the disk of a process be slow and its clock jump. Undefined where they cannot be
 * built. */
export class ShimLibraries {
  readonly #disk: Shim;
  readonly #clock: string;

  /** Builds them in `directory`. */
  static build(directory: string): ShimLibraries | undefined {
    const disk = Shim.build(directory);
    const clock = join(directory, "clock-shim.so");
    const { status } = spawnSync("cc", ["-O1", "-shared", "-fPIC", "-o", clock, CLOCK_SOURCE, "-ldl"]);
    return disk === undefined || status !== 0 ? undefined : new ShimLibraries(disk, clock);
  }

  private constructor(disk: Shim, clock: string) {
    this.#disk = disk;
    this.#clock = clock;
  }

  /** For the processes of one SCM, one after the other. Its files begin with `path`. */
  forProcess(path: string): ProcessShims {
    return new ProcessShims(this.#disk, this.#clock, path);
  }
}

/** What the libraries do in the processes of one SCM; it may be changed while one runs. */
export class ProcessShims {
  readonly #disk: Shim;
  readonly #clock: string;
  readonly #armFile: string;
  readonly #offsetFile: string;

  constructor(disk: Shim, clock: string, path: string) {
    this.#disk = disk;
    this.#clock = clock;
    this.#armFile = `${path}.armed`;
    this.#offsetFile = `${path}.clock`;
    this.setClockOffset(0);
  }

  /** Command that runs a process with them. */
  get prefix(): readonly string[] {
    const tampering = {
      calls: ["write", "pwrite", "fsync", "fdatasync"],
      // The stores and the watermark, of which the storage threads wait; not the audit log.
      path: "/scm/",
      nth: 1,
      sleepMs: "armed",
    } as const;
    const variables = {
      ...this.#disk.environment(tampering, "/dev/null", this.#armFile),
      LD_PRELOAD: `${this.#disk.library}:${this.#clock}`,
      CLOCK_OFFSET_FILE: this.#offsetFile,
    };
    return ["env", ...Object.entries(variables).map(([name, value]) => `${name}=${value}`)];
  }

  /** Every write and sync waits so long; what waits already is not touched. */
  slowDisk(ms: number): void {
    writeFileSync(this.#armFile, String(ms));
  }

  /** Writes and syncs go on at once, those that wait, too. */
  healDisk(): void {
    rmSync(this.#armFile, { force: true });
  }

  /** The wall clock goes ahead of the machine's by `ms`. */
  setClockOffset(ms: number): void {
    const bytes = Buffer.alloc(8);
    bytes.writeBigInt64LE(BigInt(ms));
    // Written in place, for a process has it in its memory.
    const file = openSync(this.#offsetFile, constants.O_RDWR | constants.O_CREAT);
    writeSync(file, bytes, 0, bytes.length, 0);
    closeSync(file);
  }
}
