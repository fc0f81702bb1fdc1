import { assert } from "../../../engine/core/assert.js";
import type { LogIndex } from "../../../engine/core/ids.js";
import { logIndex, term } from "../../../engine/core/ids.js";
import type { Entry, EntryType, HardState, NodeId } from "../../../engine/raft/types.js";
import { NO_NODE } from "../../../engine/raft/types.js";
import {
  LOG_ENTRY_HEADER_BYTES,
  LOG_RECORD,
  LogAnswerWriter,
  newLogAppend,
  newLogAppended,
  readEntryIndex,
  readEntryTerm,
  readEntryType,
  readLogAppend,
  readLogFetch,
  readRecordIndex,
} from "../../../workers/shared/log-records.js";
import { MemoryLog } from "../raft/memory-log.js";
import { MemoryLink } from "./memory-link.js";

/** What outlives a crash. */
export interface LogDisk {
  readonly log: MemoryLog;
  hardState: HardState;
}

export function emptyLogDisk(): LogDisk {
  return { log: new MemoryLog(), hardState: { term: term(0), vote: NO_NODE, commit: logIndex(0) } };
}

type Step =
  | { readonly kind: "hardState"; readonly hardState: HardState }
  | { readonly kind: "entry"; readonly entry: Entry }
  | { readonly kind: "answer"; readonly entryCount: number; readonly handOutTerm: number }
  | { readonly kind: "truncate"; readonly index: LogIndex }
  | { readonly kind: "fetch"; readonly low: LogIndex; readonly high: LogIndex; readonly bytesMax: number };

/** The log thread in steps: `take` reads what main published, `sync` makes it durable and answers. */
export class FakeLogThread {
  readonly link: MemoryLink;
  readonly disk: LogDisk;
  readonly #answers: LogAnswerWriter;
  readonly #append = newLogAppend();
  readonly #answer = newLogAppended();
  #missing = 0;
  /** Taken, not durable. */
  #queue: Step[] = [];
  /** Answers to a fetch that found no room. */
  #fetched: (() => boolean)[] = [];
  /** Entries that were read again. */
  fetchedCount = 0;

  constructor(disk: LogDisk, ringBytes: number) {
    this.disk = disk;
    this.link = new MemoryLink(ringBytes);
    this.#answers = new LogAnswerWriter(this.link.workerSender);
  }

  get queuedCount(): number {
    return this.#queue.length;
  }

  take(recordCountMax = Number.POSITIVE_INFINITY): number {
    return this.link.workerReceiver.drain(this.#onRecord, recordCountMax);
  }

  /** Makes the first `stepCount` queued steps durable, in order, and publishes their answers. */
  sync(stepCount = this.#queue.length): void {
    const steps = this.#queue.splice(0, stepCount);
    for (const step of steps) {
      if (step.kind === "hardState") this.disk.hardState = step.hardState;
      else if (step.kind === "entry") this.disk.log.write([step.entry]);
      else if (step.kind === "truncate") {
        this.disk.log.truncate(step.index);
        assert(this.#answers.truncated(step.index), "no room for an answer");
      } else if (step.kind === "fetch") {
        this.#fetch(step.low, step.high, step.bytesMax);
      } else {
        const { log } = this.disk;
        Object.assign(this.#answer, {
          handOutTerm: step.handOutTerm,
          lastIndex: log.lastIndex,
          lastTerm: log.term(log.lastIndex),
          entryCount: step.entryCount,
          syncCount: 1,
          syncUs: 100,
        });
        assert(this.#answers.appended(this.#answer), "no room for an answer");
      }
    }
    while (this.#fetched[0]?.()) this.#fetched.shift();
    this.link.workerSender.publish();
  }

  #fetch(low: LogIndex, high: LogIndex, bytesMax: number): void {
    const { log } = this.disk;
    const entries = low <= log.truncated.index ? [] : log.entries(low, high, bytesMax);
    this.fetchedCount += entries.length;
    for (const entry of entries) this.#fetched.push(() => this.#answers.fetchedEntry(entry));
    this.#fetched.push(() => this.#answers.fetched(entries.length));
  }

  readonly #onRecord = (kind: number, offset: number, bytes: number): void => {
    const { view } = this.link.workerReceiver;
    if (kind === LOG_RECORD.TRUNCATE) {
      this.#queue.push({ kind: "truncate", index: readRecordIndex(view, offset) });
      return;
    }
    if (kind === LOG_RECORD.FETCH) {
      this.#queue.push({ kind: "fetch", ...readLogFetch(view, offset) });
      return;
    }
    if (kind === LOG_RECORD.APPEND) {
      assert(this.#missing === 0, "the append before is complete");
      readLogAppend(view, offset, this.#append);
      const { hasHardState, term, vote, commit } = this.#append;
      if (hasHardState) {
        this.#queue.push({ kind: "hardState", hardState: { term, vote: vote as NodeId, commit } });
      }
      this.#missing = this.#append.entryCount;
    } else {
      assert(kind === LOG_RECORD.ENTRY, `unknown record ${kind}`);
      const start = offset + LOG_ENTRY_HEADER_BYTES;
      const entry: Entry = {
        term: readEntryTerm(view, offset),
        index: readEntryIndex(view, offset),
        type: readEntryType(view, offset) as EntryType,
        payload: this.link.workerReceiver.bytes.slice(start, offset + bytes),
      };
      this.#queue.push({ kind: "entry", entry });
      this.#missing--;
    }
    if (this.#missing > 0) return;
    const { entryCount, handOutTerm } = this.#append;
    this.#queue.push({ kind: "answer", entryCount, handOutTerm });
  };
}
