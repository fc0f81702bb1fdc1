import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { fileURLToPath } from "node:url";

export const PROGRAM = fileURLToPath(new URL("../../engine/main.js", import.meta.url));

/** An orderly stop takes less; who needs longer is killed. */
const STOP_LIMIT_MS = 10_000;

/** A `strata` process whose output goes to a file. */
export class MemberProcess {
  readonly #child: ChildProcess;
  #ending: string | undefined;
  /** Resolves with how it ended: an exit code or a signal. */
  readonly ended: Promise<string>;

  constructor(words: readonly string[], logFile: string) {
    const log = openSync(logFile, "a");
    this.#child = spawn(process.execPath, [PROGRAM, ...words], {
      stdio: ["ignore", log, log],
      // A signal for the terminal's group must reach this script alone, which then stops the members.
      detached: true,
    });
    closeSync(log);
    this.ended = new Promise((resolve) => {
      const end = (how: string): void => {
        this.#ending = how;
        resolve(how);
      };
      this.#child.once("error", (error) => end(error.message));
      this.#child.once("exit", (code, signal) => end(signal ?? `exit code ${code}`));
    });
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  get isAlive(): boolean {
    return this.#ending === undefined;
  }

  async stop(): Promise<void> {
    if (!this.isAlive) return;
    this.#child.kill("SIGTERM");
    // One that was stopped by a signal hears nothing.
    this.#child.kill("SIGCONT");
    const timer = setTimeout(() => this.#child.kill("SIGKILL"), STOP_LIMIT_MS);
    await this.ended;
    clearTimeout(timer);
  }

  /** For the end of this script, when there is no time. */
  kill(): void {
    if (this.isAlive) this.#child.kill("SIGKILL");
  }
}
