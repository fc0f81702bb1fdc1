import type { OperationResult, ResultSink, StateMachine } from "../cluster/state-machine.js";
import { assert } from "../core/assert.js";
import { StrataError } from "../core/errors.js";
import { Fifo } from "../core/fifo.js";
import { type LogIndex, logIndex } from "../core/ids.js";
import { decodeConfChange } from "../raft/conf-change-codec.js";
import type { StorageApply } from "../raft/message.js";
import type { RaftCore } from "../raft/raw-node.js";
import type { Entry } from "../raft/types.js";
import { ENTRY_TYPE, entryBytes } from "../raft/types.js";
import type { SealedBatch } from "./proposal-queue.js";

/** Where the outcome of an entry goes. */
interface Expected {
  readonly index: LogIndex;
  readonly batch: SealedBatch;
  readonly proposedMs: number;
}

/** Called when `batch` was applied, before its callbacks are. */
export type OnBatchApplied = (batch: SealedBatch, proposedMs: number) => void;

/** Applies committed entries in order and tells those who wait for them, who see all of the entry's
 * effects. */
export class ApplyQueue {
  readonly #stateMachine: StateMachine;
  readonly #core: Pick<RaftCore, "applyConfChange">;
  readonly #onBatchApplied: OnBatchApplied;
  readonly #handedOut = new Fifo<StorageApply>();
  /** Entries of the first of `#handedOut` that are applied. */
  #appliedCount = 0;
  /** Ascending by index. */
  readonly #expected = new Fifo<Expected>();
  /** Of the last change of membership; 0 = none since the start. */
  #confIndex = logIndex(0);
  /** Of the entry that is being applied, by position. */
  #results: OperationResult[] = [];
  readonly #sink: ResultSink = (position, result) => {
    assert(position === this.#results.length, "results come in order");
    this.#results.push(result);
  };

  constructor(
    stateMachine: StateMachine,
    core: Pick<RaftCore, "applyConfChange">,
    onBatchApplied: OnBatchApplied,
  ) {
    this.#stateMachine = stateMachine;
    this.#core = core;
    this.#onBatchApplied = onBatchApplied;
  }

  get isEmpty(): boolean {
    return this.#handedOut.length === 0;
  }

  /** Batches in the log without an outcome. */
  get expectedCount(): number {
    return this.#expected.length;
  }

  /** When the oldest batch without an outcome was proposed; undefined without one. */
  get expectedSinceMs(): number | undefined {
    return this.#expected.at(0)?.proposedMs;
  }

  /** Index of the last change of membership that was applied since the start, 0 when there was none. */
  get confIndex(): LogIndex {
    return this.#confIndex;
  }

  /** The entries from `first` on hold `batches`. */
  expect(first: LogIndex, batches: readonly SealedBatch[], proposedMs: number): void {
    for (let i = 0; i < batches.length; i++) {
      this.#expected.push({ index: (first + i) as LogIndex, batch: batches[i] as SealedBatch, proposedMs });
    }
  }

  add(message: StorageApply): void {
    this.#handedOut.push(message);
  }

  /** Applies entries until `bytesMax` is used up, at least one while it is positive, and tells of each
   * message that is complete. Returns the bytes used. */
  apply(bytesMax: number, onComplete: (message: StorageApply) => void): number {
    let bytes = 0;
    while (bytes < bytesMax) {
      const message = this.#handedOut.at(0);
      if (message === undefined) break;
      const entry = message.entries[this.#appliedCount] as Entry;
      this.#applyEntry(entry);
      bytes += entryBytes(entry);
      this.#appliedCount++;
      if (this.#appliedCount < message.entries.length) continue;
      this.#handedOut.drop(1);
      this.#appliedCount = 0;
      onComplete(message);
    }
    return bytes;
  }

  /** Drops what was handed out and is not applied: a snapshot holds it. Returns it. */
  clear(): readonly StorageApply[] {
    const dropped = this.#handedOut.slice(0, this.#handedOut.length);
    this.#handedOut.clear();
    this.#appliedCount = 0;
    return dropped;
  }

  /** What is still expected; nothing of it will be told any more. */
  takeExpected(): readonly SealedBatch[] {
    const batches = this.#expected.slice(0, this.#expected.length).map((expected) => expected.batch);
    this.#expected.clear();
    return batches;
  }

  #applyEntry(entry: Entry): void {
    const expected = this.#expected.at(0);
    assert(expected === undefined || expected.index >= entry.index, "an expected entry was passed over");
    if (entry.type !== ENTRY_TYPE.NORMAL) {
      assert(expected?.index !== entry.index, "a change of membership holds no operations");
      this.#applyConfChange(entry);
      return;
    }
    if (expected === undefined || expected.index > entry.index) {
      this.#stateMachine.apply(entry.index, entry.term, entry.payload, undefined);
      return;
    }
    this.#expected.drop(1);
    const { batch } = expected;
    this.#stateMachine.apply(entry.index, entry.term, entry.payload, this.#sink);
    const results = this.#results;
    assert(results.length === batch.callbacks.length, "each operation has one result");
    this.#results = [];
    this.#onBatchApplied(batch, expected.proposedMs);
    for (let i = 0; i < results.length; i++) {
      (batch.callbacks[i] as (typeof batch.callbacks)[number])(results[i] as OperationResult);
    }
  }

  /** The core says what it makes of the change; the state keeps that, for the next start (raft.md §12.7). */
  #applyConfChange({ index, term, payload }: Entry): void {
    const change = decodeConfChange(payload);
    if (change === undefined) {
      throw new StrataError("LOG_CORRUPT", { where: `entry ${index}`, reason: "no change of membership" });
    }
    this.#stateMachine.applyConfChange(index, term, this.#core.applyConfChange(change), change.context);
    this.#confIndex = index;
  }
}
