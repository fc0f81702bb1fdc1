import type { LogIndex, Term } from "../../../engine/core/ids.js";
import type { Random } from "../../../engine/core/random.js";
import type { Message } from "../../../engine/raft/message.js";
import type { Entry, HardState, NodeId } from "../../../engine/raft/types.js";
import { NO_NODE } from "../../../engine/raft/types.js";
import { ChainedLog, type ChainPoint, NO_POINT } from "./chained-log.js";
import { pointOf, type StateImage } from "./state-machine.js";

/** One batch for the log store, all or nothing (raft.md §11). */
export interface LogWrite {
  readonly hardState: HardState | undefined;
  /** They replace everything from the first one's index on. */
  readonly entries: readonly Entry[];
  /** The switch to this state, which hides all earlier entries. */
  readonly snapshot: StateImage | undefined;
  /** The truncation record; 0 = none. */
  readonly truncateTo: LogIndex;
  readonly isSynced: boolean;
  /** Counts the replica's writes from 1; 0 = not one of its appends. */
  readonly number: number;
  /** For the replica to deliver once it is durable. */
  readonly responses: Message[];
}

export type DamageKind = "shortened" | "forgottenVote" | "flippedBit" | "flippedStateBit";

/** The watermark: what was durable when it was written (raft.md §11). */
export interface DiskMark {
  readonly last: ChainPoint;
  readonly term: Term;
  readonly vote: NodeId;
}

/** What one replica has on disk: the log store, the watermark file and the state store, with all that a loss
 * of power may legally do to them, and with damage that recovery must see (verification.md §5.2). */
export class LogDisk {
  /** What survives everything legal. */
  readonly log: ChainedLog;
  #hardState: HardState;
  /** States that a crash may leave, the oldest first: that one is synced. */
  #images: StateImage[];
  #mark: DiskMark;
  #markedAt = 0;
  readonly #markInterval: number;
  #queued: LogWrite[] = [];
  #writing: readonly LogWrite[] = [];
  /** Written and not synced. */
  #unsynced: LogWrite[] = [];
  #damage: DamageKind | undefined;
  /** A hash that fails: the state is not what was written. */
  isStateDamaged = false;

  /** `image` is the first state; with index 0 the replica has none yet. `markInterval` in units. */
  constructor(image: StateImage, hardState: HardState, markInterval: number) {
    this.log = new ChainedLog(pointOf(image));
    this.#hardState = hardState;
    this.#images = [image];
    this.#mark = { last: NO_POINT, term: hardState.term, vote: hardState.vote };
    this.#markInterval = markInterval;
  }

  get hardState(): HardState {
    return this.#hardState;
  }

  get mark(): DiskMark {
    return this.#mark;
  }

  /** Undefined while only legal things happened. */
  get damageKind(): DamageKind | undefined {
    return this.#damage;
  }

  get durableApplied(): LogIndex {
    return (this.#images[0] as StateImage).applied.index;
  }

  /** The newest state in the store, synced or not. */
  get newestImage(): StateImage {
    return this.#images.at(-1) as StateImage;
  }

  enqueue(write: LogWrite): void {
    this.#queued.push(write);
  }

  get isWriting(): boolean {
    return this.#writing.length > 0;
  }

  get hasQueued(): boolean {
    return this.#queued.length > 0;
  }

  /** Takes everything queued as one group. Returns the writes that are finished at once, since none needs a
   * sync; undefined when the group must be completed. */
  begin(): readonly LogWrite[] | undefined {
    const group = this.#queued;
    this.#queued = [];
    if (group.every((write) => !write.isSynced)) {
      this.#unsynced = this.#unsynced.concat(group);
      return group;
    }
    this.#writing = group;
    for (const write of group) this.#lowerMark(write);
    return undefined;
  }

  /** The group is synced, and everything written before it. */
  complete(now: number): readonly LogWrite[] {
    const group = this.#writing;
    for (const write of this.#unsynced) this.#take(write);
    for (const write of group) this.#take(write);
    this.#unsynced = [];
    this.#writing = [];
    const isSwitched = group.some((write) => write.snapshot !== undefined);
    if (isSwitched || now - this.#markedAt >= this.#markInterval) {
      this.#markedAt = now;
      const { term, vote } = this.#hardState;
      this.#mark = { last: this.log.last(), term, vote };
    }
    return group;
  }

  /** A flush of the state store is written. One that began before a switch to a snapshot went to a directory
   * that is gone. */
  flushed(image: StateImage, isSynced: boolean): void {
    const newest = this.newestImage;
    if (image.applied.index < newest.applied.index) return;
    if (isSynced) this.#images = [image];
    else this.#images.push(image);
  }

  /** Loss of power: of what was not synced any prefix survives. */
  crash(random: Random): void {
    const pending = this.#unsynced.concat(this.#writing);
    const keptCount = random.below(pending.length + 1);
    for (let i = 0; i < keptCount; i++) this.#take(pending[i] as LogWrite);
    this.#queued = [];
    this.#writing = [];
    this.#unsynced = [];
    this.#images.length = 1 + random.below(this.#images.length);
    this.#images = this.#images.slice(-1);
  }

  /** Illegal: harms what was acknowledged, so that recovery can see it. False when there is nothing to harm
   * whose loss the watermark or a checksum would show. */
  harm(kind: DamageKind, random: Random): boolean {
    const { log } = this;
    const { index } = log.truncated;
    if (kind === "flippedStateBit") {
      this.isStateDamaged = true;
    } else if (kind === "shortened") {
      const { last } = this.#mark;
      if (last.index <= index) return false;
      log.cut(index + random.below(last.index - index));
      const { commit } = this.#hardState;
      if (commit > log.lastIndex) this.#hardState = { ...this.#hardState, commit: log.lastIndex };
    } else if (kind === "forgottenVote") {
      if (this.#mark.term !== this.#hardState.term || this.#mark.vote === NO_NODE) return false;
      this.#hardState = { ...this.#hardState, vote: NO_NODE };
    } else {
      if (log.lastIndex === index) return false;
      log.damage(index + 1 + random.below(log.lastIndex - index));
    }
    this.#damage = kind;
    return true;
  }

  /** Illegal and not to be seen: the last `count` entries are gone. For showing that somebody looks. */
  loseTail(count: number): void {
    this.log.cut(this.log.lastIndex - count);
    this.#hardState = { ...this.#hardState, commit: this.log.truncated.index };
    this.#images = this.#images.slice(0, 1);
    this.#damage = "shortened";
  }

  #take({ hardState, entries, snapshot, truncateTo }: LogWrite): void {
    if (snapshot !== undefined) {
      this.log.restore(pointOf(snapshot));
      this.#images = [snapshot];
    }
    this.log.append(entries);
    if (hardState !== undefined) this.#hardState = hardState;
    if (truncateTo > 0) this.log.truncate(truncateTo);
  }

  /** Before entries at or below the mark are replaced, the mark goes down, durably: else recovery would take
   * a legal change of the tail for a loss. */
  #lowerMark({ entries, snapshot }: LogWrite): void {
    const { index } = this.#mark.last;
    const kept = Math.min(snapshot?.applied.index ?? index, (entries[0]?.index ?? index + 1) - 1);
    if (kept >= index) return;
    const { log } = this;
    const last = log.has(kept)
      ? { term: log.term(kept), index: kept as LogIndex, chain: log.chain(kept) }
      : log.truncated;
    this.#mark = { ...this.#mark, last };
  }
}
