import { type ChildProcessByStdio, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readdirSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Readable, Writable } from "node:stream";

const DISK_BYTES = 64 * 1024 * 1024;
const FILLER = "filler";

/** A disk that can be full or read-only: a tmpfs, mounted where nobody else sees it, in the mount namespace
 * of a process that does nothing. Its files are reached by way of that process's root. */
export class SmallDisk {
  readonly #holder: ChildProcessByStdio<Writable, Readable, null>;
  readonly #mountPoint: string;
  /** Where its files are. */
  readonly directory: string;

  /** Undefined where this process may not mount. */
  static async mount(directory: string): Promise<SmallDisk | undefined> {
    mkdirSync(directory, { recursive: true });
    const mount = `mount -t tmpfs -o size=${DISK_BYTES},mode=700 tmpfs "$0" && echo mounted && exec cat`;
    // The holder ends with its standard input, and so with this process.
    const holder = spawn("unshare", ["-m", "sh", "-c", mount, directory], {
      stdio: ["pipe", "pipe", "ignore"],
    });
    const isMounted = await new Promise<boolean>((resolve) => {
      holder.stdout.once("data", () => resolve(true));
      holder.once("close", () => resolve(false));
      holder.once("error", () => resolve(false));
    });
    return isMounted ? new SmallDisk(holder, directory) : undefined;
  }

  private constructor(holder: ChildProcessByStdio<Writable, Readable, null>, mountPoint: string) {
    this.#holder = holder;
    this.#mountPoint = mountPoint;
    this.directory = join("/proc", String(holder.pid), "root", mountPoint);
  }

  /** Leaves `bytes` free, rounded down to pages. */
  fill(bytes: number): void {
    this.free();
    const { bavail, bsize } = statfsSync(this.directory);
    const filler = bavail * bsize - bytes;
    if (filler <= 0) return;
    try {
      writeFileSync(join(this.directory, FILLER), Buffer.alloc(filler, 1));
    } catch (error) {
      // Somebody else was writing meanwhile: what there is of the filler does.
      if (!(error instanceof Error && "code" in error && error.code === "ENOSPC")) throw error;
    }
  }

  free(): void {
    rmSync(join(this.directory, FILLER), { force: true });
  }

  setReadOnly(isReadOnly: boolean): void {
    const mode = isReadOnly ? "ro" : "rw";
    const enter = ["-t", String(this.#holder.pid), "-m", "mount", "-o", `remount,${mode}`, this.#mountPoint];
    const { status, stderr } = spawnSync("nsenter", enter, { encoding: "utf8" });
    if (status !== 0) throw new Error(`remounting failed: ${stderr}`);
  }

  /** Removes everything on it. */
  clear(): void {
    for (const name of readdirSync(this.directory)) rmSync(join(this.directory, name), { recursive: true });
  }

  async unmount(): Promise<void> {
    const closed = once(this.#holder, "close");
    this.#holder.stdin.end();
    await closed;
  }
}
