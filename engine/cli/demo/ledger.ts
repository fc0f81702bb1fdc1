import {
  appendFileSync,
  closeSync,
  existsSync,
  openSync,
  readFileSync,
  renameSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";

interface Note {
  readonly suppress: boolean;
  /** Undefined outcome: sent, and the process ended before the answer came. */
  readonly isAcknowledged: boolean;
}

/** What the demo's own client was told is done, kept beside the SCM's data and not in it: after a `kill
 * -9` it says what must still be there. A line a note: `sent|done <container id> <0|1>`, or `containers
 * <count>`. */
export class Ledger {
  readonly #path: string;
  readonly #notes = new Map<number, Note>();
  #containerCount = 0;
  #file: number;

  private constructor(path: string) {
    this.#path = path;
    if (existsSync(path)) this.#read();
    this.#rewrite();
    this.#file = openSync(path, "a");
  }

  static open(directory: string): Ledger {
    return new Ledger(join(directory, "acknowledged.txt"));
  }

  /** Containers whose import was acknowledged. */
  get containerCount(): number {
    return this.#containerCount;
  }

  /** Acknowledged flags: what must be there. Those without an answer may be either way and are left out. */
  *acknowledged(): Generator<readonly [number, boolean]> {
    for (const [id, note] of this.#notes) if (note.isAcknowledged) yield [id, note.suppress];
  }

  sent(containerId: number, suppress: boolean): void {
    this.#note(containerId, { suppress, isAcknowledged: false });
  }

  done(containerId: number, suppress: boolean): void {
    this.#note(containerId, { suppress, isAcknowledged: true });
  }

  imported(containerCount: number): void {
    this.#containerCount = containerCount;
    writeSync(this.#file, `containers ${containerCount}\n`);
  }

  close(): void {
    closeSync(this.#file);
  }

  /** A write reaches the kernel before it returns, which a killed process cannot take back. */
  #note(containerId: number, note: Note): void {
    this.#notes.set(containerId, note);
    writeSync(this.#file, line(containerId, note));
  }

  #read(): void {
    for (const text of readFileSync(this.#path, "utf8").split("\n")) {
      const [word, first, second] = text.split(" ");
      if (word === "containers") this.#containerCount = Number(first);
      else if ((word === "sent" || word === "done") && second !== undefined) {
        this.#notes.set(Number(first), { suppress: second === "1", isAcknowledged: word === "done" });
      }
    }
  }

  /** One line a container instead of its history. */
  #rewrite(): void {
    const next = `${this.#path}.tmp`;
    writeFileSync(next, `containers ${this.#containerCount}\n`);
    appendFileSync(next, [...this.#notes].map(([id, note]) => line(id, note)).join(""));
    renameSync(next, this.#path);
    this.#file = -1;
  }
}

function line(containerId: number, note: Note): string {
  return `${note.isAcknowledged ? "done" : "sent"} ${containerId} ${note.suppress ? 1 : 0}\n`;
}
