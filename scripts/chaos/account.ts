import type { HistoryEntryRecord } from "../../protocol/schema/records.js";
import { tagOfDetails } from "./tag.js";

/** What became of a mutation, as its client knows it. */
export type Outcome = "acknowledged" | "refused" | "unknown";

/** The clients' account of their mutations, compared with the history that the SCMs keep in their state: what
 * was acknowledged happened once, what was refused never, and nothing happened twice. */
export class Account {
  readonly #outcomes = new Map<number, Outcome>();
  readonly #done = new Set<number>();
  readonly #sequences = new Set<string>();
  /** Of the history that was read so far. */
  lastNumber = 0;

  count(outcome: Outcome): number {
    let count = 0;
    for (const each of this.#outcomes.values()) if (each === outcome) count++;
    return count;
  }

  settle(tag: number, outcome: Outcome): void {
    this.#outcomes.set(tag, outcome);
  }

  /** Takes the next entry of the history. Throws when it cannot be. */
  read({ number, operation, outcome, sessionId, sequence, details }: HistoryEntryRecord): void {
    if (number !== this.lastNumber + 1) throw new Error(`history entry ${number} follows ${this.lastNumber}`);
    this.lastNumber = number;
    const text = `history entry ${number}, ${operation} ${details}`;
    if (sessionId !== 0) {
      const key = `${sessionId} ${sequence}`;
      if (this.#sequences.has(key))
        throw new Error(`${text}: operation ${sequence} of session ${sessionId} again`);
      this.#sequences.add(key);
    }
    const tag = tagOfDetails(operation, details);
    if (tag === undefined || outcome !== "DONE") return;
    if (this.#done.has(tag)) throw new Error(`${text}: happened twice`);
    this.#done.add(tag);
    const told = this.#outcomes.get(tag);
    if (told === undefined) throw new Error(`${text}: nobody asked for it`);
    if (told === "refused") throw new Error(`${text}: was refused, and happened`);
  }

  /** With the history read to its end while nothing is under way. */
  requireAcknowledged(): void {
    for (const [tag, outcome] of this.#outcomes) {
      if (outcome === "acknowledged" && !this.#done.has(tag)) {
        throw new Error(`the mutation with tag ${tag} was acknowledged and is not in the history`);
      }
    }
  }

  /** What is settled for good is forgotten. */
  startRound(): void {
    this.#outcomes.clear();
  }
}
