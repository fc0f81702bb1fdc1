import { assert } from "../../engine/core/assert.js";
import { ByteReader } from "../../engine/core/byte-reader.js";
import { ByteWriter } from "../../engine/core/byte-writer.js";
import { type LogIndex, logIndex, type Term, term } from "../../engine/core/ids.js";
import type { ChannelSender } from "../../engine/core/shared-channel.js";
import { readConfState, writeConfState } from "../../engine/raft/conf-state-codec.js";
import type { ConfState, HardState } from "../../engine/raft/types.js";

/** Records between main and the log thread.
 *
 *   main ─► APPEND, then its ENTRY records; TRUNCATE; INSTALL           ─► log thread
 *   main ◄─ APPENDED for each APPEND and INSTALL, TRUNCATED, in order   ◄─ log thread
 *   main ─► CHAIN                                                       ─► log thread
 *   main ◄─ CHAIN_AT, when what was handed out before it is durable     ◄─ log thread
 *   main ─► FETCH                                                       ─► log thread
 *   main ◄─ FETCHED_ENTRY for each entry, then FETCHED                  ◄─ log thread
 *
 * An APPEND says how many ENTRY records follow it. They need not fit into the channel together: when it is
 * full, the sender goes on later where it stopped. What belongs to one APPEND may become durable in several
 * steps (entries in order, the hard state with the first), and is answered once, after the last.
 *
 * One FETCH is under way at a time, also within an APPEND; its answers come piece by piece between those to
 * the others, never before the answer to what came before it. */
export const LOG_RECORD = {
  APPEND: 1,
  ENTRY: 2,
  TRUNCATE: 3,
  APPENDED: 4,
  TRUNCATED: 5,
  INSTALL: 6,
  CHAIN: 7,
  CHAIN_AT: 8,
  FETCH: 9,
  FETCHED_ENTRY: 10,
  FETCHED: 11,
} as const;

/** APPEND: handOutTerm f64, term f64, vote f64, commit f64, entryCount u32, flags u32. */
const APPEND_BYTES = 40;
const APPEND_HAS_HARD_STATE = 1;
/** ENTRY, FETCHED_ENTRY: index f64, term f64, type u32, then 4 bytes of padding, then the payload. */
export const LOG_ENTRY_HEADER_BYTES = 24;
/** TRUNCATE, TRUNCATED, CHAIN: index f64. */
const INDEX_BYTES = 8;
/** APPENDED: handOutTerm f64, lastIndex f64, lastTerm f64, syncUs f64, entryCount u32, lastChain u32,
 * syncCount u32, padding u32. */
const APPENDED_BYTES = 48;
/** INSTALL: handOutTerm f64, hard state as in APPEND (term f64, vote f64, commit f64), index f64 and term f64
 * of the snapshot's last entry, its chain u32, flags u32, bytes u32 of the membership and bytes u32 of the
 * directory's name; then both. */
const INSTALL_HEADER_BYTES = 64;
/** CHAIN_AT: index f64, chain u32, flags u32. */
const CHAIN_AT_BYTES = 16;
const CHAIN_IS_KNOWN = 1;
/** FETCH: low f64, high f64, bytesMax f64. */
const FETCH_BYTES = 24;
/** FETCHED: entryCount u32, padding u32. */
const FETCHED_BYTES = 8;

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

/** What an INSTALL puts in the place of the log. */
export interface LogInstall {
  readonly handOutTerm: Term;
  /** Undefined when it has not changed. */
  readonly hardState: HardState | undefined;
  /** The snapshot's last entry. */
  readonly index: LogIndex;
  readonly term: Term;
  readonly chain: number;
  readonly confState: ConfState;
  /** Name of the state store that was made of the snapshot. */
  readonly stateDirectory: string;
}

export interface LogEntryFields {
  readonly index: LogIndex;
  readonly term: Term;
  readonly type: number;
  readonly payload: Uint8Array;
}

/** What a FETCH asks for: entries with `low` ≤ index < `high`, all durable and never replaced, as many as fit
 * `bytesMax` (as `entryMemoryBytes` counts them), at least one. */
export interface LogFetch {
  readonly low: LogIndex;
  readonly high: LogIndex;
  readonly bytesMax: number;
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
    return writeEntry(this.#sender, LOG_RECORD.ENTRY, entry);
  }

  /** Drops the entries up to `index`, which the state store must hold durably. */
  truncate(index: LogIndex): boolean {
    return writeIndex(this.#sender, LOG_RECORD.TRUNCATE, index);
  }

  /** Begins the log anew after a snapshot, whose state store must be complete and durable. */
  install(install: LogInstall): boolean {
    const members = new ByteWriter(256);
    writeConfState(members, install.confState);
    const name = new TextEncoder().encode(install.stateDirectory);
    const bytes = INSTALL_HEADER_BYTES + members.length + name.length;
    const offset = this.#sender.reserve(LOG_RECORD.INSTALL, bytes);
    if (offset < 0) return false;
    const { view, bytes: memory } = this.#sender;
    const { hardState } = install;
    view.setFloat64(offset, install.handOutTerm, true);
    view.setFloat64(offset + 8, hardState?.term ?? 0, true);
    view.setFloat64(offset + 16, hardState?.vote ?? 0, true);
    view.setFloat64(offset + 24, hardState?.commit ?? 0, true);
    view.setFloat64(offset + 32, install.index, true);
    view.setFloat64(offset + 40, install.term, true);
    view.setUint32(offset + 48, install.chain, true);
    view.setUint32(offset + 52, hardState === undefined ? 0 : APPEND_HAS_HARD_STATE, true);
    view.setUint32(offset + 56, members.length, true);
    view.setUint32(offset + 60, name.length, true);
    memory.set(members.view(), offset + INSTALL_HEADER_BYTES);
    memory.set(name, offset + INSTALL_HEADER_BYTES + members.length);
    this.#sender.commit();
    return true;
  }

  /** Asks for the chain value of the entry at `index`. */
  chain(index: LogIndex): boolean {
    return writeIndex(this.#sender, LOG_RECORD.CHAIN, index);
  }

  fetch({ low, high, bytesMax }: LogFetch): boolean {
    const offset = this.#sender.reserve(LOG_RECORD.FETCH, FETCH_BYTES);
    if (offset < 0) return false;
    const { view } = this.#sender;
    view.setFloat64(offset, low, true);
    view.setFloat64(offset + 8, high, true);
    view.setFloat64(offset + 16, bytesMax, true);
    this.#sender.commit();
    return true;
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

  /** `chain` is undefined when the entry is not in the log. */
  chainAt(index: LogIndex, chain: number | undefined): boolean {
    const offset = this.#sender.reserve(LOG_RECORD.CHAIN_AT, CHAIN_AT_BYTES);
    if (offset < 0) return false;
    const { view } = this.#sender;
    view.setFloat64(offset, index, true);
    view.setUint32(offset + 8, chain ?? 0, true);
    view.setUint32(offset + 12, chain === undefined ? 0 : CHAIN_IS_KNOWN, true);
    this.#sender.commit();
    return true;
  }

  /** Copies the payload. */
  fetchedEntry(entry: LogEntryFields): boolean {
    return writeEntry(this.#sender, LOG_RECORD.FETCHED_ENTRY, entry);
  }

  /** Ends the answer to a FETCH. */
  fetched(entryCount: number): boolean {
    const offset = this.#sender.reserve(LOG_RECORD.FETCHED, FETCHED_BYTES);
    if (offset < 0) return false;
    this.#sender.view.setUint32(offset, entryCount, true);
    this.#sender.view.setUint32(offset + 4, 0, true);
    this.#sender.commit();
    return true;
  }
}

/** Copies the payload. */
function writeEntry(sender: ChannelSender, kind: number, entry: LogEntryFields): boolean {
  const { payload } = entry;
  const bytes = LOG_ENTRY_HEADER_BYTES + payload.length;
  assert(bytes <= sender.payloadBytesMax, "entry exceeds the log channel's record size");
  const offset = sender.reserve(kind, bytes);
  if (offset < 0) return false;
  const { view } = sender;
  view.setFloat64(offset, entry.index, true);
  view.setFloat64(offset + 8, entry.term, true);
  view.setUint32(offset + 16, entry.type, true);
  view.setUint32(offset + 20, 0, true);
  sender.bytes.set(payload, offset + LOG_ENTRY_HEADER_BYTES);
  sender.commit();
  return true;
}

function writeIndex(sender: ChannelSender, kind: number, index: LogIndex): boolean {
  const offset = sender.reserve(kind, INDEX_BYTES);
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

/** Fields of the ENTRY or FETCHED_ENTRY at `offset`; its payload starts LOG_ENTRY_HEADER_BYTES later. */
export function readEntryIndex(view: DataView, offset: number): LogIndex {
  return logIndex(view.getFloat64(offset, true));
}
export function readEntryTerm(view: DataView, offset: number): Term {
  return term(view.getFloat64(offset + 8, true));
}
export function readEntryType(view: DataView, offset: number): number {
  return view.getUint32(offset + 16, true);
}

/** Copies the INSTALL at `offset` out. */
export function readLogInstall(bytes: Uint8Array, view: DataView, offset: number): LogInstall {
  const hasHardState = (view.getUint32(offset + 52, true) & APPEND_HAS_HARD_STATE) !== 0;
  const membersStart = offset + INSTALL_HEADER_BYTES;
  const nameStart = membersStart + view.getUint32(offset + 56, true);
  const nameEnd = nameStart + view.getUint32(offset + 60, true);
  return {
    handOutTerm: term(view.getFloat64(offset, true)),
    hardState: hasHardState
      ? {
          term: term(view.getFloat64(offset + 8, true)),
          vote: view.getFloat64(offset + 16, true) as HardState["vote"],
          commit: logIndex(view.getFloat64(offset + 24, true)),
        }
      : undefined,
    index: logIndex(view.getFloat64(offset + 32, true)),
    term: term(view.getFloat64(offset + 40, true)),
    chain: view.getUint32(offset + 48, true),
    confState: readConfState(new ByteReader(bytes.slice(membersStart, nameStart))),
    stateDirectory: new TextDecoder().decode(bytes.slice(nameStart, nameEnd)),
  };
}

/** The chain value in a CHAIN_AT; undefined when the entry is not in the log. */
export function readChainAt(view: DataView, offset: number): number | undefined {
  const isKnown = (view.getUint32(offset + 12, true) & CHAIN_IS_KNOWN) !== 0;
  return isKnown ? view.getUint32(offset + 8, true) : undefined;
}

/** The index in a TRUNCATE, TRUNCATED, CHAIN or CHAIN_AT. */
export function readRecordIndex(view: DataView, offset: number): LogIndex {
  return logIndex(view.getFloat64(offset, true));
}

export function readLogFetch(view: DataView, offset: number): LogFetch {
  return {
    low: logIndex(view.getFloat64(offset, true)),
    high: logIndex(view.getFloat64(offset + 8, true)),
    bytesMax: view.getFloat64(offset + 16, true),
  };
}

/** How many entries a FETCHED says came before it. */
export function readFetchedCount(view: DataView, offset: number): number {
  return view.getUint32(offset, true);
}
