import type { WorkerLink } from "../../workers/shared/worker-link.js";
import { assert } from "../core/assert.js";
import type { LogIndex } from "../core/ids.js";
import type { Entry, EntryId, LogView } from "../raft/types.js";
import type { CachedLog } from "./entry-cache.js";
import { EntryCache } from "./entry-cache.js";
import { LogFetcher } from "./log-fetcher.js";
import type { LogReaders } from "./log-retention.js";
import { LogRetention } from "./log-retention.js";
import type { RaftHostOptions } from "./raft-host-options.js";

export interface HostLogParts {
  /** To the log thread. */
  readonly link: WorkerLink;
  readonly recovered: CachedLog;
  readonly snapshots: Pick<LogView, "snapshot">;
  /** Entries that the core waited for are here. */
  readonly onFetched: () => void;
  readonly readers: () => LogReaders;
}

/** The log as main has it: what the core reads, what is fetched for it, and from where on it is kept. */
export class HostLog {
  readonly #cache: EntryCache;
  readonly #fetcher: LogFetcher;
  readonly #retention: LogRetention;
  readonly #readers: () => LogReaders;
  readonly #entryCacheBytesMax: number;
  /** Up to here it was asked to be truncated. */
  #truncating: LogIndex;
  /** The state store holds everything up to here, whatever happens. */
  #durableApplied: LogIndex;

  constructor(parts: HostLogParts, options: RaftHostOptions) {
    const { recovered, link, snapshots, onFetched, readers } = parts;
    const limits = { bytesMax: options.entryCacheBytesMax, fetchedBytesMax: options.fetchedBytesMax };
    this.#entryCacheBytesMax = options.entryCacheBytesMax;
    this.#cache = new EntryCache(recovered, limits, snapshots);
    this.#fetcher = new LogFetcher(link, this.#cache, options.fetchBytesMax, onFetched);
    this.#retention = new LogRetention(options);
    this.#readers = readers;
    this.#truncating = recovered.truncated.index;
    this.#durableApplied = recovered.truncated.index;
  }

  /** For the core. */
  get view(): LogView {
    return this.#cache;
  }

  /** See RaftHost. */
  get durableApplied(): LogIndex {
    return this.#durableApplied;
  }

  /** Who is alone has nobody to send entries to, and keeps only those that are not applied. */
  keepForOthers(hasOthers: boolean): void {
    this.#cache.keep(hasOthers ? this.#entryCacheBytesMax : 0);
  }

  /** Entries that are handed out for writing. */
  append(entries: readonly Entry[]): void {
    this.#cache.append(entries);
    this.#retention.onAppended(entries);
  }

  applied(index: LogIndex): void {
    this.#cache.release(index);
  }

  /** Asks for entries that are wanted; once per turn, before records to the log thread are published. */
  fetch(): void {
    this.#fetcher.pump();
  }

  /** A record of the log thread; false when it is not about fetching. */
  onRecord(kind: number, offset: number, payloadBytes: number): boolean {
    return this.#fetcher.onRecord(kind, offset, payloadBytes);
  }

  /** Entries for members that lag behind are not needed any more. */
  leadershipLost(): void {
    this.#cache.fetched.clear();
  }

  /** It could be cut: a flush that survives a loss of power is worth its sync. */
  get isWorthCutting(): boolean {
    return this.#droppable() > this.#truncating;
  }

  /** The state store holds everything up to `appliedIndex` durably. Returns up to where the log is to be
   * truncated, undefined when it is not. */
  onStateDurable(appliedIndex: LogIndex): LogIndex | undefined {
    this.#durableApplied = appliedIndex;
    const droppable = this.#droppable();
    const target = droppable < appliedIndex ? droppable : appliedIndex;
    if (target <= this.#truncating) return undefined;
    this.#truncating = target;
    return target;
  }

  onTruncated(index: LogIndex): void {
    this.#cache.truncate(index);
    this.#retention.onTruncated(index);
  }

  /** A snapshot that ends with `id` has taken the place of all, then come `entries`. */
  restore(id: EntryId, entries: readonly Entry[]): void {
    this.#cache.restore(id);
    this.#truncating = id.index;
    this.append(entries);
  }

  /** The snapshot's state is in its place, durably. */
  restored(index: LogIndex): void {
    this.#durableApplied = index;
  }

  checkInvariants(appliedIndex: LogIndex): void {
    assert(this.#truncating <= this.#durableApplied, "the log keeps what the state store may lose");
    assert(this.#durableApplied <= appliedIndex, "durable ≤ applied");
  }

  #droppable(): LogIndex {
    return this.#retention.droppableIndex(this.#truncating, this.#cache.lastIndex, this.#readers());
  }
}
