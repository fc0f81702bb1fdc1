import { type ChildProcess, spawn } from "node:child_process";
import { appendFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { waitFor } from "../wait.js";
import { endWithUs } from "./end-with-us.js";

export const STRATA = fileURLToPath(new URL("../../../engine/main.js", import.meta.url));

/** How a process ended; exactly one of `code` and `signal` is not null. */
export interface Ending {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface StrataProcessOptions {
  /** Program instead of `strata`. */
  readonly entry?: string;
  /** Command that runs node with what follows it, such as a shell that sets limits first. */
  readonly prefix?: readonly string[];
  /** What the process prints is added to this file, too. */
  readonly logFile?: string;
  /** A channel for messages to the process. */
  readonly withChannel?: boolean;
}

/** A `strata` process. None outlives the process that started it, unless that is killed itself. */
export class StrataProcess {
  readonly child: ChildProcess;
  readonly ended: Promise<Ending>;
  #text = "";
  #ending: Ending | undefined;

  constructor(words: readonly string[], options: StrataProcessOptions = {}) {
    const [command = process.execPath, ...before] = [...(options.prefix ?? []), process.execPath];
    const args = [...before, options.entry ?? STRATA, ...words];
    const stdio = options.withChannel === true ? (["ignore", "pipe", "pipe", "ipc"] as const) : PIPES;
    // Nothing of the environment: it could hold a configuration.
    this.child = spawn(command, args, { stdio: [...stdio], env: {} });
    endWithUs(this.child);
    const take = (bytes: Buffer): void => {
      this.#text += String(bytes);
      if (options.logFile !== undefined) appendFileSync(options.logFile, bytes);
    };
    this.child.stdout?.on("data", take);
    this.child.stderr?.on("data", take);
    this.ended = new Promise((resolve, reject) => {
      this.child.once("error", reject);
      this.child.once("close", (code, signal) => {
        this.#ending = { code, signal };
        resolve(this.#ending);
      });
    });
  }

  get isAlive(): boolean {
    return this.#ending === undefined;
  }

  /** All that it printed on both streams. */
  get text(): string {
    return this.#text;
  }

  get pid(): number {
    return this.child.pid ?? 0;
  }

  signal(name: NodeJS.Signals): void {
    this.child.kill(name);
  }

  /** Waits until it has printed what `pattern` matches, and answers with the match. Throws when it ends
   * before, or after `limitMs`. */
  async said(pattern: RegExp, limitMs = 30_000): Promise<RegExpExecArray> {
    await waitFor(`it prints ${pattern}`, () => pattern.test(this.#text) || !this.isAlive, limitMs);
    const match = pattern.exec(this.#text);
    if (match !== null) return match;
    throw new Error(`ended (${JSON.stringify(this.#ending)}) without printing ${pattern}:\n${this.#text}`);
  }

  /** Ends it where it stands. */
  async kill(): Promise<Ending> {
    this.signal("SIGKILL");
    return await this.ended;
  }
}

const PIPES = ["ignore", "pipe", "pipe"] as const;

/** Runs a command to its end. */
export async function runStrata(
  words: readonly string[],
  options: StrataProcessOptions = {},
): Promise<Ending & { readonly text: string }> {
  const run = new StrataProcess(words, options);
  const ending = await run.ended;
  return { ...ending, text: run.text };
}
