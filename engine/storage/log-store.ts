import { join } from "node:path";
import { assert } from "../core/assert.js";
import type { Clock } from "../core/clock.js";
import type { Disk, Store, StoreBatch } from "../core/disk.js";
import { type LogIndex, logIndex, type Term } from "../core/ids.js";
import { type ConfState, type HardState, NO_NODE } from "../raft/types.js";
import { DurableMarkWriter, MARK_FILE, type Mark } from "./durable-mark.js";
import { IndexQueue } from "./index-queue.js";
import { BlobWriter, type EntrySource, entryCorrupt, LOG_COLUMN, logKey, META_COLUMN } from "./log-format.js";
import { encodeHardState, encodeTruncation, LOG_STORE_OPTIONS, META_KEY } from "./log-meta.js";
import { findInBlob } from "./log-walk.js";
import type { LogPoint, LogPosition } from "./recovered.js";

/** The watermark costs an fsync of its own, so it follows the log at this distance. */
const MARK_INTERVAL_MS = 1000;

/** What a snapshot puts in the place of log and state. */
export interface InstalledSnapshot {
  /** Its last entry, with the chain value that came with it. */
  readonly snapshot: LogPoint;
  readonly confState: ConfState;
  /** Name of the state store made of it. */
  readonly stateDirectory: string;
}

/** The Raft log on disk, for appending (raft.md §11). Belongs to the log thread.
 *
 * Entries and hard state are gathered by `append` and `setHardState` and become durable, all at once, by
 * `commit`: one blob, one synced write. After an error nothing more can be written: the thread ends. */
export class LogStore {
  readonly #store: Store;
  readonly #batch: StoreBatch;
  readonly #mark: DurableMarkWriter;
  readonly #clock: Clock;
  readonly #blobs: IndexQueue;
  /** Of them a snapshot brings new ones. */
  #place: Pick<LogPosition, "epoch" | "confState" | "stateDirectory">;
  /** Entries gathered; the first of them has index `#pendingFirst`. */
  readonly #pending = new BlobWriter();
  #pendingFirst: number;
  #truncated: LogPoint;
  /** What is durable, in the form of the mark. */
  #durable: Mark;
  #storedHardState: HardState;
  #hardState: HardState;
  /** Term and chain of the entry before the next one to be gathered. */
  #tailTerm: Term;
  #tailChain: number;
  #markedMs: number;
  /** Blobs before this index were cleared by this process; those that a crash left over, too, after the first
   * time. Ranges that do not overlap keep RocksDB's tombstones cheap. */
  #clearedTo = 0;
  #rewriteCount = 0;

  static async open(disk: Disk, path: string, position: LogPosition, clock: Clock): Promise<LogStore> {
    const store = await disk.openStore(path, LOG_STORE_OPTIONS);
    const mark = new DurableMarkWriter(disk, join(path, MARK_FILE), position.mark);
    return new LogStore(store, mark, position, clock);
  }

  private constructor(store: Store, mark: DurableMarkWriter, position: LogPosition, clock: Clock) {
    this.#store = store;
    this.#batch = store.batch();
    this.#mark = mark;
    this.#clock = clock;
    this.#place = position;
    this.#blobs = new IndexQueue(position.blobFirstIndexes);
    this.#truncated = position.truncated;
    const { term, vote } = position.hardState;
    this.#durable = { last: position.last, term, vote };
    this.#storedHardState = position.hardState;
    this.#hardState = position.hardState;
    this.#pendingFirst = position.last.index + 1;
    this.#tailTerm = position.last.term;
    this.#tailChain = position.last.chain;
    this.#markedMs = clock.monotonicMs();
    // Recovery read the log; whatever is written from here on follows what it found.
    const found = this.#readPoint(position.last.index);
    assert(found.chain === position.last.chain, "the log changed after its recovery");
    if (this.#hasOldEpochs()) this.#clearOldEpochs();
  }

  /** The last durable entry. */
  get last(): LogPoint {
    return this.#durable.last;
  }

  get truncated(): LogPoint {
    return this.#truncated;
  }

  /** Chain value of a durable entry, or of the one before the log; undefined when it is truncated, or not
   * durable yet. */
  chainAt(index: LogIndex): number | undefined {
    if (index < this.#truncated.index || index > this.last.index) return undefined;
    return this.#readPoint(index).chain;
  }

  /** Rises when stored entries were replaced: what was read before may not be in the log any more. */
  get rewriteCount(): number {
    return this.#rewriteCount;
  }

  /** The blob that holds the durable entry `index`, which is not truncated, and the index it begins with. */
  blobOf(index: LogIndex): { readonly firstIndex: LogIndex; readonly blob: Uint8Array } {
    assert(index > this.#truncated.index, `entry ${index} is truncated`);
    assert(index <= this.last.index, `entry ${index} is not durable`);
    const position = this.#blobs.lastAtMost(index);
    if (position < 0) throw entryCorrupt(index, "missing");
    const firstIndex = logIndex(this.#blobs.at(position));
    return { firstIndex, blob: this.#readBlob(logKey(this.#place.epoch, firstIndex), index) };
  }

  get pendingEntryCount(): number {
    return this.#pending.count;
  }

  get pendingBytes(): number {
    return this.#pending.length;
  }

  /** Gathers an entry, copying its payload. An index at or below the last one replaces that entry and drops
   * all after it, gathered or stored. */
  append(index: LogIndex, source: EntrySource): void {
    const next = this.#pendingFirst + this.#pending.count;
    assert(index <= next, `entry ${index} leaves a gap after ${next - 1}`);
    if (index < next) this.#dropTail(index);
    assert(source.term >= this.#tailTerm, `term ${source.term} of entry ${index} falls`);
    this.#tailChain = this.#pending.append(source, this.#tailChain);
    this.#tailTerm = source.term;
  }

  /** Gathers term, vote and commit index. */
  setHardState(hardState: HardState): void {
    const { term, vote } = this.#hardState;
    assert(hardState.term >= term, "the term never falls");
    const isSameVote = hardState.vote === vote || vote === NO_NODE;
    assert(hardState.term > term || isSameVote, "a term has one vote");
    this.#hardState = hardState;
  }

  /** Makes everything gathered durable. A commit index that moved alone is no reason to write. Returns
   * whether it wrote. Throws StorageError: the log's state on disk is then unknown, end the process. */
  commit(): boolean {
    const { term, vote } = this.#hardState;
    const mustWrite =
      this.#pending.count > 0 || term !== this.#storedHardState.term || vote !== this.#storedHardState.vote;
    if (mustWrite) this.#write();
    return mustWrite;
  }

  /** Writes the watermark when it is due; call it when answers are out and now and then when idle. */
  markWhenDue(): void {
    if (this.#mark.isSynced(this.#durable)) return;
    const nowMs = this.#clock.monotonicMs();
    if (nowMs - this.#markedMs < MARK_INTERVAL_MS) return;
    this.#mark.write(this.#durable);
    this.#markedMs = nowMs;
  }

  /** Forgets the entries up to `index`. Nothing may be gathered. Durable on return, but for the space. */
  truncate(index: LogIndex): void {
    assert(this.#pending.count === 0, "commit before truncating");
    assert(index <= this.last.index, "cannot truncate beyond the end");
    if (index <= this.#truncated.index) return;
    const { epoch, confState, stateDirectory } = this.#place;
    const truncated = this.#readPoint(index);
    const row = encodeTruncation({ epoch, truncated, confState, stateDirectory });
    this.#batch.put(META_COLUMN, META_KEY.TRUNCATION, row);
    this.#batch.write({ sync: true });
    this.#truncated = truncated;
    // What a crash leaves of these is passed by when the log is read.
    const kept = index === this.last.index ? this.#blobs.length : this.#blobs.lastAtMost(index + 1);
    this.#blobs.shift(kept);
    const end = this.#blobs.length === 0 ? index + 1 : this.#blobs.at(0);
    this.#store.clear(LOG_COLUMN, { from: logKey(epoch, this.#clearedTo), to: logKey(epoch, end) });
    this.#clearedTo = end;
  }

  /** Goes over to an installed snapshot (raft.md §9): the log is empty after it, whatever it held, and the
   * state store is another one, which must be complete and durable. The hard state that was set goes with
   * it. One synced write is the switch: before it a start finds the old log and state, after it the new ones.
   * A start removes what is left of the others. */
  installSnapshot({ snapshot, confState, stateDirectory }: InstalledSnapshot): void {
    assert(this.#pending.count === 0, "commit before installing a snapshot");
    assert(snapshot.index > this.#truncated.index, "a snapshot does not go back");
    // A mark that holds before the switch and after it, since the entry that it names may go.
    if (this.#mark.lastIndex > snapshot.index) this.#mark.write({ ...this.#durable, last: this.#truncated });
    const epoch = this.#place.epoch + 1;
    const row = encodeTruncation({ epoch, truncated: snapshot, confState, stateDirectory });
    this.#batch.put(META_COLUMN, META_KEY.TRUNCATION, row);
    const hardState = clampCommit(this.#hardState, snapshot.index);
    this.#batch.put(META_COLUMN, META_KEY.HARD_STATE, encodeHardState(hardState));
    this.#batch.write({ sync: true });
    this.#place = { epoch, confState, stateDirectory };
    this.#rewriteCount++;
    this.#storedHardState = hardState;
    this.#truncated = snapshot;
    this.#blobs.truncate(0);
    this.#clearedTo = 0;
    this.#pendingFirst = snapshot.index + 1;
    this.#tailTerm = snapshot.term;
    this.#tailChain = snapshot.chain;
    this.#durable = { last: snapshot, term: hardState.term, vote: hardState.vote };
    this.#mark.write(this.#durable);
    this.#clearOldEpochs();
  }

  /** A crash came after a switch to a snapshot. */
  #hasOldEpochs(): boolean {
    const cursor = this.#store.scan(LOG_COLUMN, {
      from: logKey(0, 0),
      to: logKey(this.#place.epoch, 0),
    });
    const count = cursor.next(1, () => {});
    cursor.close();
    return count > 0;
  }

  /** Rows that no log walk sees. */
  #clearOldEpochs(): void {
    this.#store.clear(LOG_COLUMN, { from: logKey(0, 0), to: logKey(this.#place.epoch, 0) });
  }

  /** After a clean end the watermark is exact. */
  async close(): Promise<void> {
    assert(this.#pending.count === 0, "commit before closing");
    if (this.#hardState !== this.#storedHardState) this.#write();
    if (!this.#mark.isSynced(this.#durable)) this.#mark.write(this.#durable);
    this.#mark.close();
    await this.#store.close();
  }

  #write(): void {
    const pending = this.#pending;
    const last = this.#tail();
    if (pending.count > 0) {
      if (this.#pendingFirst <= this.last.index) this.#overwriteFrom(this.#pendingFirst);
      this.#batch.put(LOG_COLUMN, logKey(this.#place.epoch, this.#pendingFirst), pending.view());
    }
    const hardState = clampCommit(this.#hardState, last.index);
    if (this.#hardState !== this.#storedHardState) {
      this.#batch.put(META_COLUMN, META_KEY.HARD_STATE, encodeHardState(hardState));
    }
    this.#batch.write({ sync: true });
    if (pending.count > 0) this.#blobs.push(this.#pendingFirst);
    this.#storedHardState = hardState;
    this.#pendingFirst = last.index + 1;
    pending.truncate(0);
    this.#durable = { last, term: hardState.term, vote: hardState.vote };
    this.#mark.follow(this.#durable);
  }

  #tail(): LogPoint {
    const index = logIndex(this.#pendingFirst + this.#pending.count - 1);
    return { index, term: this.#tailTerm, chain: this.#tailChain };
  }

  /** Gathered and stored entries from `index` on are going to be replaced. */
  #dropTail(index: LogIndex): void {
    assert(index > this.#truncated.index, `entry ${index} is truncated already`);
    if (index > this.#pendingFirst) {
      const kept = index - this.#pendingFirst;
      this.#pending.truncate(kept);
      this.#tailTerm = this.#pending.termAt(kept - 1);
      this.#tailChain = this.#pending.chainAt(kept - 1);
      return;
    }
    this.#pending.truncate(0);
    this.#pendingFirst = index;
    const before = this.#readPoint(logIndex(index - 1));
    this.#tailTerm = before.term;
    this.#tailChain = before.chain;
  }

  /** Puts into the batch what makes the stored log end before `index`. The mark comes first: it promises that
   * what it names is there, and after this batch it is not (raft.md §11). */
  #overwriteFrom(index: number): void {
    this.#rewriteCount++;
    const before = this.#readPoint(logIndex(index - 1));
    if (this.#mark.lastIndex >= index) this.#mark.write({ ...this.#durable, last: before });
    const { epoch } = this.#place;
    const cut = this.#blobs.lastAtMost(index - 1);
    for (let i = cut + 1; i < this.#blobs.length; i++) {
      this.#batch.delete(LOG_COLUMN, logKey(epoch, this.#blobs.at(i)));
    }
    this.#blobs.truncate(cut + 1);
    if (cut < 0) return;
    const key = logKey(epoch, this.#blobs.at(cut));
    const blob = this.#readBlob(key, index - 1);
    if (index - 1 <= this.#truncated.index) {
      // The blob holds nothing that counts any more.
      this.#batch.delete(LOG_COLUMN, key);
      this.#blobs.truncate(cut);
      return;
    }
    const { end } = findInBlob(blob, this.#blobs.at(cut), index - 1);
    if (end < blob.length) this.#batch.put(LOG_COLUMN, key, blob.subarray(0, end));
  }

  #readPoint(index: LogIndex): LogPoint {
    if (index === this.#truncated.index) return this.#truncated;
    const { firstIndex, blob } = this.blobOf(index);
    return findInBlob(blob, firstIndex, index).point;
  }

  #readBlob(key: Uint8Array, index: number): Uint8Array {
    const blob = this.#store.get(LOG_COLUMN, key);
    if (blob === undefined) throw entryCorrupt(index, "missing");
    return blob;
  }
}

/** The commit index is only an aid; stored alone it must not point beyond the entries that are there. */
function clampCommit(hardState: HardState, lastIndex: LogIndex): HardState {
  return hardState.commit <= lastIndex ? hardState : { ...hardState, commit: lastIndex };
}
