import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { type Ledger, writeAt } from "./ledger.js";
import { FURTHER, type Job, type Said } from "./subject-jobs.js";

const SUBJECT = fileURLToPath(new URL("./subject.js", import.meta.url));
/** A start takes some ten milliseconds; this allows for a machine that is busy with other things. */
const JOB_LIMIT_MS = 60_000;

export interface SubjectOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** Command that runs node with what follows it. */
  readonly prefix?: readonly string[];
  /** After which a job counts as hanging. */
  readonly limitMs?: number;
}

/** How a job ended: by itself, or with its process. */
export interface JobResult {
  readonly said: readonly Said[];
  readonly ending: "done" | "hung" | "killed" | "died";
  /** How the process ended, and what it had to say; empty while it lives. */
  readonly lastWords: string;
}

/** Called with each thing that is said, while the job goes on. */
export type OnSaid = (said: Said) => void;

/** A subject (subject.ts) and its watchdog. One job at a time. */
export class SubjectProcess {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #ended: Promise<string>;
  readonly #limitMs: number;
  #onSaid: OnSaid = () => {};
  #errors = "";
  #isAlive = true;

  constructor({ env = {}, prefix = [], limitMs = JOB_LIMIT_MS }: SubjectOptions = {}) {
    const [command = process.execPath, ...args] = [...prefix, process.execPath, SUBJECT];
    this.#limitMs = limitMs;
    this.#child = spawn(command, args, { stdio: "pipe", env });
    // Whether it died is seen by its end.
    this.#child.stdin.on("error", () => {});
    this.#child.stderr.on("data", (bytes: Buffer) => {
      this.#errors += String(bytes);
    });
    createInterface({ input: this.#child.stdout }).on("line", (line) => {
      this.#onSaid(JSON.parse(line) as Said);
    });
    this.#ended = new Promise((resolve, reject) => {
      this.#child.once("error", reject);
      this.#child.once("close", (code, signal) => {
        this.#isAlive = false;
        resolve(`ended with ${signal ?? code}: ${this.#errors.trim().slice(0, 2000)}`);
      });
    });
  }

  get isAlive(): boolean {
    return this.#isAlive;
  }

  async run(job: Job, onSaid: OnSaid = () => {}): Promise<JobResult> {
    const said: Said[] = [];
    let timer: NodeJS.Timeout | undefined;
    const isDone = new Promise<"done">((resolve) => {
      this.#onSaid = (each) => {
        if (each.kind === "done") resolve("done");
        else said.push(each);
        onSaid(each);
      };
    });
    const isLate = new Promise<"hung">((resolve) => {
      timer = setTimeout(() => resolve("hung"), this.#limitMs);
    });
    this.#child.stdin.write(`${JSON.stringify(job)}\n`);
    const result = await Promise.race([isDone, isLate, this.#ended]);
    clearTimeout(timer);
    if (result === "done") return { said, ending: "done", lastWords: "" };
    if (result === "hung") return { said, ending: "hung", lastWords: await this.kill() };
    const ending = result.startsWith("ended with SIGKILL") ? "killed" : "died";
    return { said, ending, lastWords: result };
  }

  /** Ends it where it stands. */
  async kill(): Promise<string> {
    this.#child.kill("SIGKILL");
    return await this.#ended;
  }
}

/** What is acknowledged after a subject has written, and the one operation that may have been under way. */
export function ledgerAfter(before: Ledger, { said }: JobResult): Ledger {
  const ledger = before.clone();
  const acknowledged = said.reduce((last, each) => (each.kind === "acknowledged" ? each.index : last), 0);
  while (ledger.begun < Math.max(acknowledged, before.begun) + 1) {
    ledger.begin(writeAt(FURTHER, ledger.begun + 1));
  }
  ledger.acknowledge(acknowledged);
  return ledger;
}
