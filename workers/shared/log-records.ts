import { assert } from "../../engine/core/assert.js";
import { type LogIndex, logIndex, type Term, term } from "../../engine/core/ids.js";
import type { ChannelSender } from "../../engine/core/shared-channel.js";

/** Records between main and the log thread.
 *
 *   main ─► APPEND, then its ENTRY records; TRUNCATE        ─► log thread
 *   main ◄─ APPENDED for each APPEND, TRUNCATED, in order   ◄─ log thread
 *
 * An APPEND says how many ENTRY records follow it. They need not fit into the channel together: when it is
 * full, the sender goes on later where it stopped. What belongs to one APPEND may become durable in several
 * steps (entries in order, the hard state with the first), and is answered once, after the last. */
export const LOG_RECORD = { APPEND: 1, ENTRY: 2, TRUNCATE: 3, APPENDED: 4, TRUNCATED: 5 } as const;

/** APPEND: handOutTerm f64, term f64, vote f64, commit f64, entryCount u32, flags u32. */
const APPEND_BYTES = 40;
const APPEND_HAS_HARD_STATE = 1;
/** ENTRY: index f64, term f64, type u32, then 4 bytes of padding, then the payload. */
export const LOG_ENTRY_HEADER_BYTES = 24;
/** TRUNCATE, TRUNCATED: index f64. */
const TRUNCATE_BYTES = 8;
/** APPENDED: handOutTerm f64, lastIndex f64, lastTerm f64, syncUs f64, entryCount u32, lastChain u32,
 * syncCount u32, padding u32. */
const APPENDED_BYTES = 48;

/** What one storage append hands out (raft.md §6). */
export interface LogAppend {
  /** Term of the core when it handed this out; comes back with the answer (host rule H3). */
  handOutTerm: Term;
  /** Whether `term`, `vote` and `commit` are to be stored. */
  hasHardState: boolean;
  term: Term;
  vote: number;
  commit: LogIndex;
  entryCount: number;
}

export interface LogEntryFields {
  readonly index: LogIndex;
  readonly term: Term;
  readonly type: number;
  readonly payload: Uint8Array;
}

/** Answer to one APPEND: it and everything before it is durable. */
export interface LogAppended {
  handOutTerm: Term;
  /** End of the log when this was written. */
  lastIndex: LogIndex;
  lastTerm: Term;
  /** Equal at equal index on all replicas, or their logs differ. */
  lastChain: number;
  /** Entries of this APPEND. */
  entryCount: number;
  /** Synced writes that this answer is the first to tell of: answers that shared one have 0 but for the last,
   * so that entries per sync = sum of `entryCount` / sum of `syncCount`. */
  syncCount: number;
  /** Their time in µs. */
  syncUs: number;
}

/** Main's side. Each method answers false when the channel has no room now; nothing is written then. */
export class LogRecordWriter {
  readonly #sender: ChannelSender;

  constructor(sender: ChannelSender) {
    this.#sender = sender;
  }

  append(append: Readonly<LogAppend>): boolean {
    const offset = this.#sender.reserve(LOG_RECORD.APPEND, APPEND_BYTES);
    if (offset < 0) return false;
    const { view } = this.#sender;
    view.setFloat64(offset, append.handOutTerm, true);
    view.setFloat64(offset + 8, append.term, true);
    view.setFloat64(offset + 16, append.vote, true);
    view.setFloat64(offset + 24, append.commit, true);
    view.setUint32(offset + 32, append.entryCount, true);
    view.setUint32(offset + 36, append.hasHardState ? APPEND_HAS_HARD_STATE : 0, true);
    this.#sender.commit();
    return true;
  }

  /** Copies the payload. It must fit: `payloadBytesMax` of the channel less LOG_ENTRY_HEADER_BYTES. */
  entry(entry: LogEntryFields): boolean {
    const { payload } = entry;
    const bytes = LOG_ENTRY_HEADER_BYTES + payload.length;
    assert(bytes <= this.#sender.payloadBytesMax, "entry exceeds the log channel's record size");
    const offset = this.#sender.reserve(LOG_RECORD.ENTRY, bytes);
    if (offset < 0) return false;
    const { view } = this.#sender;
    view.setFloat64(offset, entry.index, true);
    view.setFloat64(offset + 8, entry.term, true);
    view.setUint32(offset + 16, entry.type, true);
    view.setUint32(offset + 20, 0, true);
    this.#sender.bytes.set(payload, offset + LOG_ENTRY_HEADER_BYTES);
    this.#sender.commit();
    return true;
  }

  /** Drops the entries up to `index`, which the state store must hold durably. */
  truncate(index: LogIndex): boolean {
    return writeIndex(this.#sender, LOG_RECORD.TRUNCATE, index);
  }
}

/** The log thread's side. */
export class LogAnswerWriter {
  readonly #sender: ChannelSender;

  constructor(sender: ChannelSender) {
    this.#sender = sender;
  }

  appended(answer: Readonly<LogAppended>): boolean {
    const offset = this.#sender.reserve(LOG_RECORD.APPENDED, APPENDED_BYTES);
    if (offset < 0) return false;
    const { view } = this.#sender;
    view.setFloat64(offset, answer.handOutTerm, true);
    view.setFloat64(offset + 8, answer.lastIndex, true);
    view.setFloat64(offset + 16, answer.lastTerm, true);
    view.setFloat64(offset + 24, answer.syncUs, true);
    view.setUint32(offset + 32, answer.entryCount, true);
    view.setUint32(offset + 36, answer.lastChain, true);
    view.setUint32(offset + 40, answer.syncCount, true);
    view.setUint32(offset + 44, 0, true);
    this.#sender.commit();
    return true;
  }

  truncated(index: LogIndex): boolean {
    return writeIndex(this.#sender, LOG_RECORD.TRUNCATED, index);
  }
}

function writeIndex(sender: ChannelSender, kind: number, index: LogIndex): boolean {
  const offset = sender.reserve(kind, TRUNCATE_BYTES);
  if (offset < 0) return false;
  sender.view.setFloat64(offset, index, true);
  sender.commit();
  return true;
}

export function newLogAppend(): LogAppend {
  const none = logIndex(0);
  return { handOutTerm: term(0), hasHardState: false, term: term(0), vote: 0, commit: none, entryCount: 0 };
}

export function newLogAppended(): LogAppended {
  return {
    handOutTerm: term(0),
    lastIndex: logIndex(0),
    lastTerm: term(0),
    lastChain: 0,
    entryCount: 0,
    syncCount: 0,
    syncUs: 0,
  };
}

/** Reads the APPEND at `offset` into `into`, which can be reused. */
export function readLogAppend(view: DataView, offset: number, into: LogAppend): void {
  into.handOutTerm = term(view.getFloat64(offset, true));
  into.term = term(view.getFloat64(offset + 8, true));
  into.vote = view.getFloat64(offset + 16, true);
  into.commit = logIndex(view.getFloat64(offset + 24, true));
  into.entryCount = view.getUint32(offset + 32, true);
  into.hasHardState = (view.getUint32(offset + 36, true) & APPEND_HAS_HARD_STATE) !== 0;
}

/** Reads the APPENDED at `offset` into `into`, which can be reused. */
export function readLogAppended(view: DataView, offset: number, into: LogAppended): void {
  into.handOutTerm = term(view.getFloat64(offset, true));
  into.lastIndex = logIndex(view.getFloat64(offset + 8, true));
  into.lastTerm = term(view.getFloat64(offset + 16, true));
  into.syncUs = view.getFloat64(offset + 24, true);
  into.entryCount = view.getUint32(offset + 32, true);
  into.lastChain = view.getUint32(offset + 36, true);
  into.syncCount = view.getUint32(offset + 40, true);
}

/** Fields of the ENTRY at `offset`; its payload starts LOG_ENTRY_HEADER_BYTES later. */
export function readEntryIndex(view: DataView, offset: number): LogIndex {
  return logIndex(view.getFloat64(offset, true));
}
export function readEntryTerm(view: DataView, offset: number): Term {
  return term(view.getFloat64(offset + 8, true));
}
export function readEntryType(view: DataView, offset: number): number {
  return view.getUint32(offset + 16, true);
}

/** The index in a TRUNCATE or TRUNCATED. */
export function readTruncateIndex(view: DataView, offset: number): LogIndex {
  return logIndex(view.getFloat64(offset, true));
}
