import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { CHECKED_LOAD_SETTINGS, CheckedLoad } from "../../../scripts/kill9/checked-load.js";
import { ScmHome, serving } from "../process/scm-home.js";
import type { Ending, StrataProcess } from "../process/strata-process.js";
import { waitFor } from "../wait.js";
import { type Shim, type Tampering, tamperedCalls } from "./shim.js";
import { SmallDisk } from "./small-disk.js";

/** Flushes and truncations of the log happen all the time. */
const SETTINGS = [
  ...CHECKED_LOAD_SETTINGS,
  "strata.state.flush.interval=20ms",
  "strata.state.flush.items.max=64",
  "strata.raft.log.entries.max=1000",
  "strata.shard.count=1",
];
const CLIENTS = 4;
/** Of the end of a process that cannot go on. */
const END_LIMIT_MS = 60_000;

/** A whole SCM with datanodes and administrators at work, whose answers are kept in a ledger; for faults
 * between starts. One for many cases, one after the other. */
export class WholeScm {
  readonly home: ScmHome;
  readonly load: CheckedLoad;
  /** Where its files are; undefined where a disk cannot be had, then they are in the temporary directory. */
  readonly disk: SmallDisk | undefined;
  /** Not on the disk that fills up. */
  readonly #logFile: string;
  #process: StrataProcess | undefined;

  /** Its disk is mounted at `directory`. */
  static async create(directory: string, seed: number): Promise<WholeScm> {
    const disk = await SmallDisk.mount(directory);
    const home = await ScmHome.create(SETTINGS, disk?.directory);
    const scm = new WholeScm(home, seed, disk, `${directory}.log`);
    try {
      await scm.start();
      await scm.load.prepare();
      await scm.kill();
      return scm;
    } catch (error) {
      await scm.close();
      throw error;
    }
  }

  /** For an audit log that is not on the disk that fills up. */
  get otherAuditFile(): string {
    return `${this.#logFile}.audit`;
  }

  private constructor(home: ScmHome, seed: number, disk: SmallDisk | undefined, logFile: string) {
    this.home = home;
    this.#logFile = logFile;
    this.load = new CheckedLoad({ endpoint: home.endpoint, seed, clients: CLIENTS });
    this.disk = disk;
  }

  /** Starts it. `settings` are `key=value`. */
  async start(settings: readonly string[] = []): Promise<StrataProcess> {
    this.#process = await this.home.start(settings, { logFile: this.#logFile });
    return this.#process;
  }

  /** Starts it with system calls that are tampered with once `arm` was called. */
  async startTampered(shim: Shim, tampering: Tampering): Promise<void> {
    await serving(this.spawnTampered(shim, tampering));
  }

  /** The same, without waiting until it serves, which it may never do. */
  spawnTampered(shim: Shim, tampering: Tampering): StrataProcess {
    rmSync(this.#note, { force: true });
    rmSync(this.#armFile, { force: true });
    const environment = shim.environment(tampering, this.#note, this.#armFile);
    const variables = Object.entries(environment).map(([name, value]) => `${name}=${value}`);
    this.#process = this.home.spawn([], { logFile: this.#logFile, prefix: ["env", ...variables] });
    return this.#process;
  }

  get tamperedCalls(): readonly string[] {
    return tamperedCalls(this.#note);
  }

  arm(): void {
    writeFileSync(this.#armFile, "");
  }

  /** Waits until the administrators got more answers. */
  async answered(count: number): Promise<void> {
    const before = this.load.answeredCount;
    await waitFor(`${count} more answers`, () => this.load.answeredCount >= before + count, END_LIMIT_MS);
    this.load.throwProblem();
  }

  /** Waits for its end by itself. */
  async ended(): Promise<Ending & { readonly text: string }> {
    const scm = this.#running;
    await waitFor("HANG: the SCM ends by itself", () => !scm.isAlive, END_LIMIT_MS);
    return { ...(await scm.ended), text: scm.text };
  }

  async kill(): Promise<void> {
    if (this.#process?.isAlive === true) await this.#process.kill();
  }

  /** After the end: verifies, starts and compares everything with the ledger, and ends it again. */
  async checkAfterEnd(): Promise<void> {
    await this.load.pause();
    const verified = await this.home.verify();
    if (verified.code !== 0) throw new Error(`verify ended with ${verified.code}: ${verified.text}`);
    await this.start();
    await this.load.check();
    await this.kill();
  }

  async close(): Promise<void> {
    this.load.close();
    await this.kill();
    await this.home.remove();
    await this.disk?.unmount();
  }

  get #note(): string {
    return join(this.home.directory, "tampered-calls");
  }

  get #armFile(): string {
    return join(this.home.directory, "armed");
  }

  get #running(): StrataProcess {
    if (this.#process === undefined) throw new Error("the SCM was not started");
    return this.#process;
  }
}
