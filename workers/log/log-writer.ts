import { assert } from "../../engine/core/assert.js";
import type { Clock } from "../../engine/core/clock.js";
import type { Disk } from "../../engine/core/disk.js";
import { term } from "../../engine/core/ids.js";
import type { RecordHandler } from "../../engine/core/shared-channel.js";
import type { NodeId } from "../../engine/raft/types.js";
import { EntryFetch } from "../../engine/storage/entry-fetch.js";
import type { EntrySource } from "../../engine/storage/log-format.js";
import { LogStore } from "../../engine/storage/log-store.js";
import type { LogPosition } from "../../engine/storage/recovered.js";
import {
  LOG_ENTRY_HEADER_BYTES,
  LOG_RECORD,
  LogAnswerWriter,
  type LogAppend,
  type LogAppended,
  newLogAppend,
  newLogAppended,
  readEntryIndex,
  readEntryTerm,
  readEntryType,
  readLogAppend,
  readLogFetch,
  readLogInstall,
  readRecordIndex,
} from "../shared/log-records.js";
import type { WorkerContext, WorkerLoop } from "../shared/worker-link.js";

/** A batch takes what is queued up to these limits: more would only let its first entry wait longer. */
const BATCH_ENTRIES_MAX = 4096;
const BATCH_BYTES_MAX = 4 * 1024 * 1024;
/** Records taken between two looks at the limits: as many as fit when each is this large, at most 16. */
const STEP_RECORDS_MAX = 16;
const STEP_RECORD_BYTES = 256 * 1024;
/** Fetched entries sent between two looks at what is queued: appends never wait for a long fetch. */
const FETCH_BYTES_PER_POLL = 256 * 1024;
const FETCH_ENTRIES_PER_POLL = 1024;

/** What main gives the log thread at its start. */
export interface LogWriterData {
  /** Directory of the log store. */
  readonly path: string;
  /** As recovery found it. */
  readonly position: LogPosition;
}

/** An answer that waits for the sync that covers it, then for room in the channel. Reused. */
interface Answer {
  kind: number;
  readonly appended: LogAppended;
}

/** The log thread: takes everything queued, writes it as one synced batch, answers (group commit). Batches
 * form while the one before is being synced; there is no timer. Answers leave in the order of their
 * requests and only after the sync that covers them (raft.md §6, host rule H2). Any error of the disk
 * ends the thread: what is on disk is then unknown, and only a start finds out. */
export class LogWriter implements WorkerLoop {
  readonly #context: WorkerContext;
  readonly #disk: Disk;
  readonly #clock: Clock;
  readonly #writer: LogAnswerWriter;
  readonly #append: LogAppend = newLogAppend();
  readonly #source: EntrySource;
  /** Entries of the present APPEND that are still to come. */
  #missingEntries = 0;
  readonly #answers: Answer[] = [];
  /** Answers in use: those before `#sentCount` are sent, those before `#durableCount` are covered by a
   * sync. */
  #answerCount = 0;
  #durableCount = 0;
  #sentCount = 0;
  /** Syncs that no answer has told of yet. */
  #syncCount = 0;
  #syncUs = 0;
  #openStore: LogStore | undefined;
  #openFetch: EntryFetch | undefined;
  #isFetching = false;

  constructor(context: WorkerContext, disk: Disk, clock: Clock) {
    this.#context = context;
    this.#disk = disk;
    this.#clock = clock;
    this.#writer = new LogAnswerWriter(context.sender);
    this.#source = { term: term(0), type: 0, bytes: context.receiver.bytes, start: 0, end: 0 };
  }

  async start(): Promise<void> {
    const { path, position } = this.#context.data as LogWriterData;
    this.#openStore = await LogStore.open(this.#disk, path, position, this.#clock);
    this.#openFetch = new EntryFetch(this.#openStore);
  }

  poll(): boolean {
    if (!this.#sendAnswers()) return false;
    const taken = this.#take();
    if (taken) {
      this.#commit();
      this.#sendAnswers();
      this.#context.sender.publish();
    }
    const isFetching = this.#sendFetched();
    this.#store.markWhenDue();
    return taken || isFetching;
  }

  /** What came of an append whose rest found no room before main's time was over is a part of the log like
   * any other; nobody is told that it is there. */
  async stop(): Promise<void> {
    await this.#store.close();
  }

  get #store(): LogStore {
    assert(this.#openStore !== undefined, "the log writer has not started");
    return this.#openStore;
  }

  get #fetch(): EntryFetch {
    assert(this.#openFetch !== undefined, "the log writer has not started");
    return this.#openFetch;
  }

  /** Takes queued records up to the limits of a batch; false when there were none. */
  #take(): boolean {
    let taken = false;
    while (this.#store.pendingEntryCount < BATCH_ENTRIES_MAX && this.#store.pendingBytes < BATCH_BYTES_MAX) {
      const bytesLeft = BATCH_BYTES_MAX - this.#store.pendingBytes;
      const recordCountMax = Math.max(
        1,
        Math.min(STEP_RECORDS_MAX, Math.floor(bytesLeft / STEP_RECORD_BYTES)),
      );
      if (this.#context.receiver.drain(this.#onRecord, recordCountMax) === 0) break;
      taken = true;
    }
    return taken;
  }

  readonly #onRecord: RecordHandler = (kind, offset, payloadBytes) => {
    const { view } = this.#context.receiver;
    switch (kind) {
      case LOG_RECORD.APPEND:
        this.#onAppend(view, offset);
        return;
      case LOG_RECORD.ENTRY:
        this.#onEntry(view, offset, payloadBytes);
        return;
      case LOG_RECORD.TRUNCATE:
        this.#onTruncate(view, offset);
        return;
      case LOG_RECORD.INSTALL:
        this.#onInstall(view, offset);
        return;
      case LOG_RECORD.CHAIN:
        this.#onChain(view, offset);
        return;
      case LOG_RECORD.FETCH:
        this.#onFetch(view, offset);
        return;
      default:
        assert(false, `unknown log record ${kind}`);
    }
  };

  #onAppend(view: DataView, offset: number): void {
    assert(this.#missingEntries === 0, "an append began before the last one was complete");
    const append = this.#append;
    readLogAppend(view, offset, append);
    if (append.hasHardState) {
      this.#store.setHardState({
        term: append.term,
        vote: append.vote as NodeId,
        commit: append.commit,
      });
    }
    this.#missingEntries = append.entryCount;
    if (append.entryCount === 0) this.#answerAppend();
  }

  #onEntry(view: DataView, offset: number, payloadBytes: number): void {
    assert(this.#missingEntries > 0, "an entry outside of an append");
    const source = this.#source;
    source.term = readEntryTerm(view, offset);
    source.type = readEntryType(view, offset);
    source.start = offset + LOG_ENTRY_HEADER_BYTES;
    source.end = offset + payloadBytes;
    this.#store.append(readEntryIndex(view, offset), source);
    this.#missingEntries--;
    if (this.#missingEntries === 0) this.#answerAppend();
  }

  /** Rare, so it ends the batch before it: all that was gathered becomes durable first. */
  #onTruncate(view: DataView, offset: number): void {
    assert(this.#missingEntries === 0, "a truncation within an append");
    const index = readRecordIndex(view, offset);
    this.#commit();
    this.#store.truncate(index);
    this.#nextAnswer(LOG_RECORD.TRUNCATED).lastIndex = index;
    this.#durableCount = this.#answerCount;
  }

  /** Ends the batch before it as a truncation does; its own write is synced, too. */
  #onInstall(view: DataView, offset: number): void {
    assert(this.#missingEntries === 0, "a snapshot within an append");
    const install = readLogInstall(this.#context.receiver.bytes, view, offset);
    const { hardState, index, term, chain, confState, stateDirectory, handOutTerm } = install;
    this.#commit();
    if (hardState !== undefined) this.#store.setHardState(hardState);
    this.#store.installSnapshot({ snapshot: { index, term, chain }, confState, stateDirectory });
    this.#syncCount++;
    const answer = this.#nextAnswer(LOG_RECORD.APPENDED);
    answer.handOutTerm = handOutTerm;
    answer.entryCount = 0;
    this.#commit();
  }

  /** The entry may be among those that are gathered. */
  #onChain(view: DataView, offset: number): void {
    assert(this.#missingEntries === 0, "a question within an append");
    const index = readRecordIndex(view, offset);
    this.#commit();
    const answer = this.#nextAnswer(LOG_RECORD.CHAIN_AT);
    const chain = this.#store.chainAt(index);
    answer.lastIndex = index;
    answer.lastChain = chain ?? 0;
    answer.syncCount = chain === undefined ? 0 : 1;
    this.#durableCount = this.#answerCount;
  }

  #onFetch(view: DataView, offset: number): void {
    assert(!this.#isFetching, "one fetch is under way at a time");
    this.#fetch.begin(readLogFetch(view, offset));
    this.#isFetching = true;
  }

  /** Goes on with the fetch under way; true when there is more to do at once. Whatever else has an answer
   * goes first. */
  #sendFetched(): boolean {
    if (!this.#isFetching || this.#answerCount > 0) return false;
    let bytes = 0;
    for (let count = 0; count < FETCH_ENTRIES_PER_POLL && bytes < FETCH_BYTES_PER_POLL; count++) {
      const entry = this.#fetch.entry();
      if (entry === undefined) {
        this.#isFetching = !this.#writer.fetched(this.#fetch.entryCount);
        return false;
      }
      if (!this.#writer.fetchedEntry(entry)) return false;
      bytes += LOG_ENTRY_HEADER_BYTES + entry.payload.length;
      this.#fetch.pass();
    }
    return true;
  }

  #answerAppend(): void {
    const answer = this.#nextAnswer(LOG_RECORD.APPENDED);
    answer.handOutTerm = this.#append.handOutTerm;
    answer.entryCount = this.#append.entryCount;
  }

  #nextAnswer(kind: number): LogAppended {
    let answer = this.#answers[this.#answerCount];
    if (answer === undefined) {
      answer = { kind, appended: newLogAppended() };
      this.#answers.push(answer);
    }
    this.#answerCount++;
    answer.kind = kind;
    return answer.appended;
  }

  /** Makes what was gathered durable; the answers of all that is complete may go then. */
  #commit(): void {
    const beganMs = this.#clock.monotonicMs();
    if (this.#store.commit()) {
      this.#syncCount++;
      this.#syncUs += (this.#clock.monotonicMs() - beganMs) * 1000;
    }
    const { last } = this.#store;
    for (; this.#durableCount < this.#answerCount; this.#durableCount++) {
      const { appended } = this.#answers[this.#durableCount]!;
      appended.lastIndex = last.index;
      appended.lastTerm = last.term;
      appended.lastChain = last.chain;
      const isLast = this.#durableCount === this.#answerCount - 1;
      appended.syncCount = isLast ? this.#syncCount : 0;
      appended.syncUs = isLast ? this.#syncUs : 0;
      if (isLast) this.#syncCount = this.#syncUs = 0;
    }
  }

  /** False when the channel has no room for all of them; the rest goes with the next poll. */
  #sendAnswers(): boolean {
    for (; this.#sentCount < this.#durableCount; this.#sentCount++) {
      if (!this.#send(this.#answers[this.#sentCount]!)) return false;
    }
    assert(this.#durableCount === this.#answerCount, "an answer without its sync");
    this.#answerCount = this.#durableCount = this.#sentCount = 0;
    return true;
  }

  #send({ kind, appended }: Answer): boolean {
    switch (kind) {
      case LOG_RECORD.APPENDED:
        return this.#writer.appended(appended);
      case LOG_RECORD.TRUNCATED:
        return this.#writer.truncated(appended.lastIndex);
      default:
        assert(kind === LOG_RECORD.CHAIN_AT, `record ${kind} is no answer`);
        return this.#writer.chainAt(
          appended.lastIndex,
          appended.syncCount === 0 ? undefined : appended.lastChain,
        );
    }
  }
}
