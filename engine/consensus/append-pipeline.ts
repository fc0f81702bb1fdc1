import {
  LOG_ENTRY_HEADER_BYTES,
  LOG_RECORD,
  LogRecordWriter,
  newLogAppend,
  newLogAppended,
  readChainAt,
  readLogAppended,
  readRecordIndex,
} from "../../workers/shared/log-records.js";
import type { WorkerLink } from "../../workers/shared/worker-link.js";
import { AssertionError, assert } from "../core/assert.js";
import type { Clock } from "../core/clock.js";
import { Fifo } from "../core/fifo.js";
import type { LogIndex, Term } from "../core/ids.js";
import type { Message, StorageAppend } from "../raft/message.js";
import type { HardState } from "../raft/types.js";
import { Histogram } from "../telemetry/histogram.js";

/** What the pipeline calls back. */
export interface AppendPipelineHandler {
  /** Append `number` and everything before is durable; the messages speak for it. */
  onDurable(responses: readonly Message[], number: number): void;
  /** The log begins after `index` now. */
  onTruncated(index: LogIndex): void;
}

export interface AppendCounters {
  /** Appends handed to the log thread. */
  appends: number;
  /** Entries in them. */
  entries: number;
  /** Synced writes that the log thread reported. */
  syncs: number;
}

interface HandedOut {
  /** Delivered with this append's answer. */
  responses: readonly Message[];
  readonly entryCount: number;
  readonly term: Term;
  readonly atMs: number;
  /** Called after that. */
  readonly onAnswered: (() => void) | undefined;
}

/** What the log must know of a snapshot besides what the core says. */
export interface InstallPlace {
  /** Chain value at its last entry. */
  readonly chain: number;
  readonly stateDirectory: string;
}

/** The chain value at an index, undefined when the log does not hold it any more. */
export type ChainCallback = (chain: number | undefined) => void;

type Handout = Pick<StorageAppend, "term" | "entries" | "responses">;

/** Main's end of the log thread: hands appends over in order, and delivers each one's responses when it is
 * durable.
 *
 * A commit index alone is not worth a write (raft.md §4): it rides with the next append that must be
 * synced, and the responses of an append that need not be synced ride with the last one handed out, whose
 * answer says the same: everything before is durable. After a crash the commit index may be behind; then
 * the new leader's first entry commits the rest. */
export class AppendPipeline {
  readonly #link: WorkerLink;
  readonly #clock: Pick<Clock, "monotonicMs">;
  readonly #writer: LogRecordWriter;
  readonly #handler: AppendPipelineHandler;
  /** In the channel, not answered. */
  readonly #handedOut = new Fifo<HandedOut>();
  /** Records that found no room, in order. */
  readonly #waiting = new Fifo<() => boolean>();
  readonly #fields = newLogAppend();
  readonly #answer = newLogAppended();
  /** Asked for, in order. */
  readonly #chains = new Fifo<ChainCallback>();
  /** Changed but not handed out. */
  #hardState: HardState | undefined;
  #answeredCount = 0;
  readonly counters: AppendCounters = { appends: 0, entries: 0, syncs: 0 };
  /** Time of a synced write in µs. */
  readonly syncUs = new Histogram(16, 20);

  constructor(
    link: WorkerLink,
    clock: Pick<Clock, "monotonicMs">,
    handler: AppendPipelineHandler,
    entryBytesMax: number,
  ) {
    this.#link = link;
    this.#clock = clock;
    this.#writer = new LogRecordWriter(link.sender);
    this.#handler = handler;
    assert(
      link.sender.payloadBytesMax >= entryBytesMax + LOG_ENTRY_HEADER_BYTES,
      "the log channel is too small for an entry",
    );
  }

  /** Appends handed out and not answered. */
  get unansweredCount(): number {
    return this.#handedOut.length;
  }

  /** Appends are numbered from 1: this is the number of the last one. */
  get handedOutCount(): number {
    return this.#answeredCount + this.#handedOut.length;
  }

  /** When the oldest append without answer was handed out, also when it still waits for room in the channel
   * of a log thread that takes nothing; undefined without one. */
  get oldestUnansweredMs(): number | undefined {
    return this.#handedOut.at(0)?.atMs;
  }

  /** Records wait for room in the channel: call `resume` a little later. */
  get isBlocked(): boolean {
    return this.#waiting.length > 0;
  }

  /** Takes one storage append. `mustSync` as in the Ready that holds it. */
  append(message: StorageAppend, mustSync: boolean): void {
    if (message.hardState !== undefined) this.#hardState = message.hardState;
    if (mustSync) {
      this.#handOut(message);
      return;
    }
    assert(message.entries.length === 0, "entries must be synced");
    const last = this.#handedOut.last;
    if (last === undefined) this.#handler.onDurable(message.responses, this.#answeredCount);
    else last.responses = last.responses.concat(message.responses);
  }

  /** Hands out the commit index, when it changed since the last append. For an orderly stop. */
  appendCommit(): void {
    if (this.#hardState === undefined) return;
    this.#handOut({ term: this.#hardState.term, entries: [], responses: [] });
  }

  /** Drops the log up to `index`, which the state store must hold durably. */
  truncate(index: LogIndex): void {
    this.#put(() => this.#writer.truncate(index));
  }

  /** Takes a storage append with a snapshot: the log begins anew after it, then come the append's entries.
   * `onInstalled` gets its responses when all of it is durable; they wait there until the state machine holds
   * the snapshot, too. */
  install(message: StorageAppend, place: InstallPlace, onInstalled: (responses: readonly Message[]) => void) {
    const { snapshot, entries, term } = message;
    assert(snapshot !== undefined, "there is no snapshot to install");
    if (message.hardState !== undefined) this.#hardState = message.hardState;
    const hardState = this.#hardState;
    this.#hardState = undefined;
    const onAnswered = (): void => onInstalled(message.responses);
    const isWhole = entries.length === 0;
    const atMs = this.#clock.monotonicMs();
    const onEnd = isWhole ? onAnswered : undefined;
    this.#handedOut.push({ responses: [], entryCount: 0, term, atMs, onAnswered: onEnd });
    this.counters.appends++;
    const { id, confState } = snapshot;
    const install = { handOutTerm: term, hardState, ...id, confState, ...place };
    this.#put(() => this.#writer.install(install));
    if (!isWhole) this.#handOut({ term, entries, responses: [] }, onAnswered);
  }

  /** Asks the log thread for the chain value at `index`, behind everything that was handed out. */
  chainAt(index: LogIndex, onChain: ChainCallback): void {
    this.#chains.push(onChain);
    this.#put(() => this.#writer.chain(index));
  }

  /** Makes what was handed out visible to the log thread. Once per turn. */
  publish(): void {
    this.#link.sender.publish();
  }

  /** Tries again what found no room. */
  resume(): void {
    for (let write = this.#waiting.at(0); write !== undefined; write = this.#waiting.at(0)) {
      if (!write()) return;
      this.#waiting.drop(1);
    }
  }

  /** A record of the log thread. */
  onRecord(kind: number, offset: number, view: DataView): void {
    switch (kind) {
      case LOG_RECORD.APPENDED:
        this.#onAppended(offset, view);
        return;
      case LOG_RECORD.TRUNCATED:
        this.#handler.onTruncated(readRecordIndex(view, offset));
        return;
      case LOG_RECORD.CHAIN_AT: {
        const onChain = this.#chains.shift();
        assert(onChain !== undefined, "the log thread answers what was never asked");
        onChain(readChainAt(view, offset));
        return;
      }
      default:
        throw new AssertionError(`record ${kind} does not come from the log thread`);
    }
  }

  #onAppended(offset: number, view: DataView): void {
    const answer = this.#answer;
    readLogAppended(view, offset, answer);
    const done = this.#handedOut.shift();
    assert(done !== undefined, "the log thread answers what was never handed out");
    assert(answer.entryCount === done.entryCount, "the log thread answers in order");
    // The core's term may have moved on since: it looks at the terms of the responses (raft.md §6, rule H3).
    assert(answer.handOutTerm === done.term, "the log thread answers for the term that asked");
    if (answer.syncCount > 0) {
      this.counters.syncs += answer.syncCount;
      this.syncUs.observe(answer.syncUs / answer.syncCount);
    }
    this.#answeredCount++;
    this.#handler.onDurable(done.responses, this.#answeredCount);
    done.onAnswered?.();
  }

  #handOut(message: Handout, onAnswered?: () => void): void {
    const hardState = this.#hardState;
    this.#hardState = undefined;
    this.#handedOut.push({
      responses: message.responses,
      entryCount: message.entries.length,
      term: message.term,
      atMs: this.#clock.monotonicMs(),
      onAnswered,
    });
    this.counters.appends++;
    this.counters.entries += message.entries.length;
    this.#put(() => this.#writeHead(message, hardState));
    for (const entry of message.entries) this.#put(() => this.#writer.entry(entry));
  }

  #writeHead(message: Handout, hardState: HardState | undefined): boolean {
    const fields = this.#fields;
    fields.handOutTerm = message.term;
    fields.entryCount = message.entries.length;
    fields.hasHardState = hardState !== undefined;
    if (hardState !== undefined) {
      fields.term = hardState.term;
      fields.vote = hardState.vote;
      fields.commit = hardState.commit;
    }
    return this.#writer.append(fields);
  }

  #put(write: () => boolean): void {
    if (this.isBlocked || !write()) this.#waiting.push(write);
  }
}
