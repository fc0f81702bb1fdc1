import { assert } from "../../engine/core/assert.js";
import type { ChannelReceiver, ChannelSender, RecordHandler } from "../../engine/core/shared-channel.js";
import type { AtomicWords } from "./atomic-words.js";
import type { RingReceiver, RingSender } from "./ring.js";
import { CONTROL_WORD } from "./worker-control.js";
import type { WorkerContext, WorkerLoop } from "./worker-link.js";

/** What to do after a step: `busy` step again, `idle` sleep until the bell rings, `blocked` pause until main
 * may have made room in the outgoing ring, `done` stop the loop. */
export type WorkerStep = "busy" | "idle" | "blocked" | "done";

export interface WorkerEnds {
  readonly receiver: RingReceiver;
  readonly sender: RingSender;
  /** Over the buffer of WORKER_CONTROL. */
  readonly control: AtomicWords;
  /** Takes the next control message; called only when the count of posted ones says that there is one. */
  takeMessage(): unknown;
  readonly data: unknown;
}

/** Runs a worker's loop step by step; the thread (or the simulator) around it sleeps and turns its event
 * loop. */
export class WorkerDriver implements WorkerContext {
  readonly sender: ChannelSender;
  readonly receiver: ChannelReceiver;
  readonly data: unknown;
  readonly #ends: WorkerEnds;
  #receivedCount = 0;

  constructor(ends: WorkerEnds) {
    this.#ends = ends;
    this.sender = ends.sender;
    this.receiver = new FencedReceiver(ends.receiver, () => this.#hasMessage());
    this.data = ends.data;
  }

  receiveMessage(): unknown {
    if (!this.#hasMessage()) return undefined;
    const message = this.#ends.takeMessage();
    assert(message !== undefined, "a control message was counted but is not there");
    this.#receivedCount = (this.#receivedCount + 1) | 0;
    return message;
  }

  step(loop: WorkerLoop): WorkerStep {
    // Read before the poll: what main published before the stop word is seen by this poll or found below.
    const isStopping = this.#ends.control.load(CONTROL_WORD.STOP) === 1;
    const hadMessage = this.#hasMessage();
    const receivedBefore = this.#receivedCount;
    const isBusy = loop.poll();
    this.#ends.sender.publish();
    const isBlocked = this.#ends.sender.takeWasFull();
    if (isBusy) return "busy";
    if (isBlocked) return "blocked";
    assert(!hadMessage || this.#receivedCount !== receivedBefore, "the loop leaves control messages lying");
    return isStopping && !this.#hasInput() ? "done" : "idle";
  }

  /** Looks at the shared words: is there anything that a step would do? */
  hasWork(): boolean {
    return this.#hasInput() || this.#ends.control.load(CONTROL_WORD.STOP) === 1;
  }

  #hasInput(): boolean {
    return this.#ends.receiver.refresh() || this.#hasMessage();
  }

  #hasMessage(): boolean {
    return this.#ends.control.load(CONTROL_WORD.POSTED_COUNT) !== this.#receivedCount;
  }
}

/** Main counts a control message before it publishes the records that depend on it. So whoever first looks
 * which records there are, and then whether a message waits, cannot take such a record without knowing of the
 * message. */
class FencedReceiver implements ChannelReceiver {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  readonly #ring: RingReceiver;
  readonly #hasMessage: () => boolean;

  constructor(ring: RingReceiver, hasMessage: () => boolean) {
    this.bytes = ring.bytes;
    this.view = ring.view;
    this.#ring = ring;
    this.#hasMessage = hasMessage;
  }

  drain(handler: RecordHandler, recordCountMax: number): number {
    if (!this.#ring.refresh() || this.#hasMessage()) return 0;
    return this.#ring.drainSeen(handler, recordCountMax);
  }
}
