import type { Operation } from "../../../../engine/cluster/operation.js";
import { readTurnBatch } from "../../../../engine/cluster/turn-batch.js";
import { assert } from "../../../../engine/core/assert.js";
import type { ChannelReceiver, RecordHandler } from "../../../../engine/core/shared-channel.js";
import {
  LOG_ENTRY_HEADER_BYTES,
  LOG_RECORD,
  readEntryIndex,
  readEntryTerm,
} from "../../../../workers/shared/log-records.js";
import type { WorkerContext } from "../../../../workers/shared/worker-link.js";
import { NaiveCluster } from "../../cluster/naive-cluster.js";

interface JournalEntry {
  readonly term: number;
  readonly payload: Uint8Array;
}

/** What went to the log, noted on its way there, and the model that it leads to: an SCM may only ever hold
 * what the entries up to its applied index say, whatever happened to it. */
export class Journal {
  readonly model: NaiveCluster;
  readonly #entries = new Map<number, JournalEntry>();
  #appliedIndex = 0;

  /** `onDone` is called for each operation that the model has carried out, with its result. */
  constructor(onDone: (operation: Operation, value: unknown) => void) {
    this.model = new NaiveCluster(onDone);
  }

  get appliedIndex(): number {
    return this.#appliedIndex;
  }

  /** The context of a log thread whose entries are noted. */
  tap(context: WorkerContext): WorkerContext {
    const { receiver } = context;
    const tapped: ChannelReceiver = {
      bytes: receiver.bytes,
      view: receiver.view,
      drain: (handler, recordCountMax) => receiver.drain(this.#noting(receiver, handler), recordCountMax),
    };
    return {
      data: context.data,
      sender: context.sender,
      receiver: tapped,
      receiveMessage: () => context.receiveMessage(),
    };
  }

  /** Brings the model to where the SCM is. */
  catchUp(appliedIndex: number): void {
    assert(appliedIndex >= this.#appliedIndex, `applied fell from ${this.#appliedIndex} to ${appliedIndex}`);
    while (this.#appliedIndex < appliedIndex) {
      const index = this.#appliedIndex + 1;
      const entry = this.#entries.get(index);
      assert(entry !== undefined, `entry ${index} was applied and never written`);
      const { nowMs, operations } = readTurnBatch(entry.payload);
      if (operations.length > 0) this.model.apply(nowMs, operations);
      this.#appliedIndex = index;
    }
  }

  #noting(receiver: ChannelReceiver, handler: RecordHandler): RecordHandler {
    return (kind, offset, payloadBytes) => {
      if (kind === LOG_RECORD.ENTRY) {
        const { view, bytes } = receiver;
        const payload = bytes.slice(offset + LOG_ENTRY_HEADER_BYTES, offset + payloadBytes);
        this.#note(readEntryIndex(view, offset), { term: readEntryTerm(view, offset), payload });
      }
      handler(kind, offset, payloadBytes);
    };
  }

  /** An entry that a crash took away may be written anew with other content, but not one that was applied. */
  #note(index: number, entry: JournalEntry): void {
    assert(index > this.#appliedIndex, `entry ${index} is written again after it was applied`);
    const before = this.#entries.get(index);
    assert(before === undefined || before.term < entry.term, `two entries ${index} in term ${entry.term}`);
    this.#entries.set(index, entry);
  }
}
