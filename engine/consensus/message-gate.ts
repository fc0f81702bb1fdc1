import { assert } from "../core/assert.js";
import { Fifo } from "../core/fifo.js";
import type { Message } from "../raft/message.js";
import type { HardState } from "../raft/types.js";

interface Held {
  /** The append that must be durable first. */
  readonly append: number;
  readonly messages: readonly Message[];
}

/** Rule H1 (raft.md §6): a message of a term leaves this node only when the node will still know, after any
 * crash, that it was in that term and whom it voted for.
 *
 * The core sends `voteReq` at once. A candidate that crashed before its term and its own vote were durable
 * would campaign in the same term again, be elected by those who remember voting for it, and write other
 * entries under the same (term, index), while an append of its first life is still on its way. So all
 * messages of a Ready that changes term or vote wait for its append. What comes after them waits behind them,
 * so that no message overtakes another; the cost is one fsync for each election. */
export class MessageGate {
  readonly #send: (message: Message) => void;
  readonly #held = new Fifo<Held>();
  #term: number;
  #vote: number;

  /** `durable` is the hard state that the node started with. */
  constructor(durable: HardState, send: (message: Message) => void) {
    this.#term = durable.term;
    this.#vote = durable.vote;
    this.#send = send;
  }

  get isHolding(): boolean {
    return this.#held.length > 0;
  }

  /** Takes the messages of one Ready to other members. `hardState` is the Ready's, `append` the number of the
   * last append handed out, this Ready's included; numbers ascend. */
  take(messages: readonly Message[], hardState: HardState | undefined, append: number): void {
    const isChange =
      hardState !== undefined && (hardState.term !== this.#term || hardState.vote !== this.#vote);
    if (isChange) {
      this.#term = hardState.term;
      this.#vote = hardState.vote;
    }
    const last = this.#held.last;
    if (!isChange && last === undefined) {
      for (const message of messages) this.#send(message);
      return;
    }
    // A change of term is always worth an append of its own.
    assert(last === undefined || append >= last.append, "appends are numbered in order");
    this.#held.push({ append: isChange ? append : (last?.append ?? append), messages });
  }

  /** Everything up to append `append` is durable. */
  onDurable(append: number): void {
    for (let held = this.#held.at(0); held !== undefined; held = this.#held.at(0)) {
      if (held.append > append) return;
      this.#held.drop(1);
      for (const message of held.messages) this.#send(message);
    }
  }
}
