import { ENTRY_PAYLOAD_BYTES_MAX } from "../../protocol/schema/peer-messages.js";
import { assert } from "../core/assert.js";

const KIB = 1024;
const MIB = 1024 * KIB;

/** Times and limits of the host. All are asserted against each other at start. */
export interface RaftHostOptions {
  /** One tick of the core. A late timer gives one tick, never a burst. */
  readonly tickMs: number;
  readonly electionTimeoutTicks: number;
  readonly heartbeatTicks: number;
  /** An entry is closed when it has reached this, so that applying one never takes long. */
  readonly batchBytesMax: number;
  /** Of one entry's payload: a single larger operation is refused. */
  readonly entryBytesMax: number;
  /** Operations that were proposed and have no outcome; more are refused as OVERLOADED. */
  readonly inflightCountMax: number;
  /** Their bytes; `strata.raft.uncommitted.max`. */
  readonly uncommittedBytesMax: number;
  /** Entry bytes in one append to a member; a single larger entry is sent alone. */
  readonly appendBytesMax: number;
  /** Appends on their way to one member, and their bytes. */
  readonly inflightAppendsMax: number;
  readonly inflightAppendBytesMax: number;
  /** Entry bytes that are committed and wait to be applied. */
  readonly committedBytesPerReadyMax: number;
  /** Entry bytes applied in one event-loop turn; one entry is always applied as a whole. */
  readonly applyBytesPerTurnMax: number;
  /** `strata.state.flush.interval`. */
  readonly flushIntervalMs: number;
  /** A flush starts early when this many bytes have changed: `strata.state.flush.items.max` pages. */
  readonly flushBytes: number;
  /** Copied to the state thread in one event-loop turn. */
  readonly drainBytesPerTurnMax: number;
  /** Proposals wait while more than this has changed and is not on its way to the disk;
   * `strata.state.dirty.max`. */
  readonly dirtyBytesMax: number;
  /** Entries and bytes of the log kept once the state store holds them durably. A start reads them all. */
  readonly logEntryCountMax: number;
  readonly logBytesMax: number;
  /** Memory for the end of the log, so that members that are a little behind are served without the disk. */
  readonly entryCacheBytesMax: number;
  /** Entries that the log thread reads in one go for a member that is further behind, by their memory, and
   * how much of that is kept for the others. */
  readonly fetchBytesMax: number;
  readonly fetchedBytesMax: number;
}

export const DEFAULT_RAFT_HOST_OPTIONS: RaftHostOptions = {
  tickMs: 100,
  electionTimeoutTicks: 10,
  heartbeatTicks: 1,
  batchBytesMax: 128 * KIB,
  entryBytesMax: MIB,
  inflightCountMax: 100_000,
  uncommittedBytesMax: 64 * MIB,
  appendBytesMax: MIB,
  inflightAppendsMax: 256,
  inflightAppendBytesMax: 64 * MIB,
  committedBytesPerReadyMax: 4 * MIB,
  applyBytesPerTurnMax: 128 * KIB,
  flushIntervalMs: 1000,
  flushBytes: 8192 * 4096,
  drainBytesPerTurnMax: 512 * KIB,
  dirtyBytesMax: 256 * MIB,
  logEntryCountMax: 1_000_000,
  logBytesMax: 256 * MIB,
  entryCacheBytesMax: 64 * MIB,
  fetchBytesMax: MIB,
  fetchedBytesMax: 16 * MIB,
};

export function checkRaftHostOptions(options: RaftHostOptions): void {
  assert(options.tickMs > 0, "tickMs must be positive");
  assert(options.batchBytesMax <= options.entryBytesMax, "a closed batch must fit an entry");
  assert(options.entryBytesMax <= ENTRY_PAYLOAD_BYTES_MAX, "an entry must fit a frame");
  assert(options.appendBytesMax <= ENTRY_PAYLOAD_BYTES_MAX, "an append must fit a frame");
  assert(options.entryBytesMax <= options.uncommittedBytesMax, "an entry must fit uncommittedBytesMax");
  assert(options.applyBytesPerTurnMax > 0, "something is applied each turn");
  assert(options.flushBytes <= options.dirtyBytesMax, "a flush must start before proposals wait for it");
  assert(options.drainBytesPerTurnMax > 0, "something is copied each turn");
  assert(options.fetchBytesMax <= options.fetchedBytesMax, "what is fetched in one go is kept");
}
