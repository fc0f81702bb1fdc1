import { assert } from "../../engine/core/assert.js";
import { SESSION_WINDOW } from "../schema/messages.js";

/** The client's side of a session: numbers its mutations and remembers up to where every answer has come, so
 * that the SCM can forget the answers it keeps for repetitions. */
export class AdminSession {
  readonly id: number;
  #lastSequence = 0;
  #ackedSequence = 0;
  /** Answered, with an unanswered one before them. */
  readonly #answeredAhead = new Set<number>();

  constructor(id: number) {
    this.id = id;
  }

  /** Every mutation up to here has its answer, or was given up: it will not be sent again. */
  get ackedSequence(): number {
    return this.#ackedSequence;
  }

  /** Whether the SCM would take another one: it refuses what runs too far ahead. */
  get hasRoom(): boolean {
    return this.#lastSequence < this.#ackedSequence + SESSION_WINDOW;
  }

  /** Number of the next mutation, from 1 on. */
  take(): number {
    assert(this.hasRoom, "the session's window is full");
    return ++this.#lastSequence;
  }

  /** The mutation has its answer or was given up. */
  answered(sequence: number): void {
    if (sequence !== this.#ackedSequence + 1) {
      this.#answeredAhead.add(sequence);
      return;
    }
    this.#ackedSequence = sequence;
    while (this.#answeredAhead.delete(this.#ackedSequence + 1)) this.#ackedSequence++;
  }
}
