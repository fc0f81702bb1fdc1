import { type ChildProcess, spawn } from "node:child_process";
import { EventEmitter, once } from "node:events";
import { appendFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { run } from "../../../engine/cli/program.js";
import { realParts } from "../../../engine/cli/real-parts.js";
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
  /** "news" when it has printed something or ended. */
  readonly #events = new EventEmitter();
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
      this.#events.emit("news");
    };
    this.child.stdout?.on("data", take);
    this.child.stderr?.on("data", take);
    this.ended = new Promise((resolve, reject) => {
      this.child.once("error", reject);
      this.child.once("close", (code, signal) => {
        this.#ending = { code, signal };
        this.#events.emit("news");
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
  async said(pattern: RegExp, limitMs = 120_000): Promise<RegExpExecArray> {
    const signal = AbortSignal.timeout(limitMs);
    for (;;) {
      const match = pattern.exec(this.#text);
      if (match !== null) return match;
      if (!this.isAlive || signal.aborted) {
        const state = this.isAlive ? `lives ${limitMs} ms` : `ended (${JSON.stringify(this.#ending)})`;
        throw new Error(`${state} without printing ${pattern}:\n${this.#text}`);
      }
      await once(this.#events, "news", { signal }).catch(() => undefined);
    }
  }

  /** Ends it where it stands. */
  async kill(): Promise<Ending> {
    this.signal("SIGKILL");
    return await this.ended;
  }
}

const PIPES = ["ignore", "pipe", "pipe"] as const;

/** What a command left behind. */
export interface CommandEnding {
  readonly code: number;
  /** All that it printed on both streams. */
  readonly text: string;
}

/** Runs a command of `strata` that starts no SCM, in this process: most take less than a start of Node.js. */
export async function runCommand(words: readonly string[]): Promise<CommandEnding> {
  const lines: string[] = [];
  const code = await run(
    words,
    {
      out: (line) => lines.push(line),
      err: (line) => lines.push(line),
      drained: async () => {},
      progress: () => {},
      inputLines: async function* () {},
      // Nothing of the environment: it could hold a configuration.
      env: {},
    },
    realParts,
  );
  return { code, text: lines.map((line) => `${line}\n`).join("") };
}

/** Runs a program, `strata` by default, to the end of its process. */
export async function runStrata(
  words: readonly string[],
  options: StrataProcessOptions = {},
): Promise<Ending & { readonly text: string }> {
  const program = new StrataProcess(words, options);
  const ending = await program.ended;
  return { ...ending, text: program.text };
}
