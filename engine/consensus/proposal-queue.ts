import type { Operation } from "../cluster/operation.js";
import { TurnBatch } from "../cluster/turn-batch.js";
import { assert } from "../core/assert.js";
import type { Clock } from "../core/clock.js";
import { StrataError } from "../core/errors.js";
import type { ProposalCallback } from "./consensus.js";

/** One entry to be proposed, with who waits for each of its operations. */
export interface SealedBatch {
  readonly payload: Uint8Array;
  /** By position in the batch. */
  readonly callbacks: readonly ProposalCallback[];
}

export interface ProposalQueueLimits {
  /** A batch that has reached this is sealed: what is applied in one go stays short. */
  readonly batchBytesMax: number;
  /** Of one entry, so that a single large operation still fits. */
  readonly entryBytesMax: number;
  /** Operations and bytes that were proposed and have no outcome yet. */
  readonly inflightCountMax: number;
  readonly inflightBytesMax: number;
}

/** Gathers operations into entries: all of one event-loop turn into one, or more when they are many.
 * Encoding goes straight into the batch, and of a caller only its callback is kept. */
export class ProposalQueue {
  readonly #clock: Clock;
  readonly #limits: ProposalQueueLimits;
  readonly #batch = new TurnBatch();
  #callbacks: ProposalCallback[] = [];
  #sealed: SealedBatch[] = [];
  #sealedBytes = 0;
  /** Taken and without outcome. */
  #takenCount = 0;
  #takenBytes = 0;
  #sealedCount = 0;

  constructor(clock: Clock, limits: ProposalQueueLimits) {
    assert(limits.batchBytesMax <= limits.entryBytesMax, "a sealed batch must fit an entry");
    assert(limits.entryBytesMax <= limits.inflightBytesMax, "an entry must fit what may be in flight");
    this.#clock = clock;
    this.#limits = limits;
  }

  /** Operations without outcome: gathered, sealed, or in the log and not applied. */
  get inflightCount(): number {
    return this.#takenCount + this.gatheredCount;
  }

  /** Operations to be taken. */
  get gatheredCount(): number {
    return this.#sealedCount + this.#batch.count;
  }

  get inflightBytes(): number {
    return this.#takenBytes + this.#sealedBytes + this.#batch.bytes;
  }

  get isEmpty(): boolean {
    return this.#batch.count === 0 && this.#sealed.length === 0;
  }

  /** Adds `operation`. The error says why it was not taken: OVERLOADED, or INVALID_ARGUMENT for one that
   * fits no entry. */
  add(operation: Operation, callback: ProposalCallback): StrataError | undefined {
    if (this.inflightCount >= this.#limits.inflightCountMax) {
      return new StrataError("OVERLOADED", { reason: `${this.inflightCount} operations wait` });
    }
    if (this.inflightBytes >= this.#limits.inflightBytesMax) {
      return new StrataError("OVERLOADED", { reason: `${this.inflightBytes} bytes wait` });
    }
    this.#batch.add(operation);
    if (this.#batch.bytes > this.#limits.entryBytesMax) {
      // It does not fit any more: it starts the next entry, if it fits one at all.
      this.#batch.dropLast();
      if (this.#batch.count > 0) this.#seal();
      this.#batch.add(operation);
      const operationBytes = this.#batch.bytes;
      if (operationBytes > this.#limits.entryBytesMax) {
        this.#batch.dropLast();
        const reason = `${operationBytes} bytes exceed the limit of ${this.#limits.entryBytesMax}`;
        return new StrataError("INVALID_ARGUMENT", { field: "operation", reason });
      }
    }
    this.#callbacks.push(callback);
    if (this.#batch.bytes >= this.#limits.batchBytesMax) this.#seal();
    return undefined;
  }

  /** All that was gathered, as entries in order; they stay in flight until `settle`. */
  take(): readonly SealedBatch[] {
    if (this.#batch.count > 0) this.#seal();
    const taken = this.#sealed;
    this.#sealed = [];
    this.#takenCount += this.#sealedCount;
    this.#takenBytes += this.#sealedBytes;
    this.#sealedCount = 0;
    this.#sealedBytes = 0;
    return taken;
  }

  /** The operations of `batch`, taken earlier, have their outcome. */
  settle(batch: SealedBatch): void {
    this.#takenCount -= batch.callbacks.length;
    this.#takenBytes -= batch.payload.length;
    assert(this.#takenCount >= 0, "more outcomes than proposals");
    assert(this.#takenBytes >= 0, "more bytes settled than proposed");
  }

  #seal(): void {
    const callbacks = this.#callbacks;
    this.#callbacks = [];
    const payload = this.#batch.take(this.#clock.wallMs());
    this.#sealed.push({ payload, callbacks });
    this.#sealedCount += callbacks.length;
    this.#sealedBytes += payload.length;
  }
}
