import { assert } from "../../engine/core/assert.js";
import { holderWord } from "../shared/holder-records.js";
import {
  OVERFLOW_ENTRY,
  OVERFLOW_ENTRY_COUNT,
  OVERFLOW_HEAD_BYTES,
  REPLICA_COUNT_MAX,
  REPLICA_FLAG,
  REPLICA_FLAGS_MASK,
  REPLICA_IDENTITY,
  ROW_REPLICA_COUNT,
  SHAPE,
} from "../shared/replica-layout.js";
import { ChecksumTable } from "./checksum-table.js";
import { OverflowPool } from "./overflow-pool.js";
import { sequenceOf, unfold, usedOf, writeValues } from "./row-values.js";
import {
  CHECKSUM_FLAGS,
  checksumAt,
  containerState,
  flagsAt,
  identityAt,
  keyCountAt,
  nodeAt,
  replicaCount,
  type Stripe,
  sequenceAt,
  shapeAt,
  stateOf,
  usedAt,
  valuesAt,
  versionAt,
} from "./stripe.js";

const ENTRY_WORDS = OVERFLOW_ENTRY.rowBytes / 4;
const FIRST_ENTRY = OVERFLOW_HEAD_BYTES / 4;
const ENTRY_IDENTITY = OVERFLOW_ENTRY.fields.identity.offset / 4;
/** node ‖ flags */
const ENTRY_NODE = OVERFLOW_ENTRY.fields.node.offset / 4;
const ENTRY_FLAGS_SHIFT = 16;

/** A replica in the words of its row; filled and read again and again, never allocated per row. */
export interface ReplicaWords {
  node: number;
  usedBytes: number;
  sequenceId: number;
  keyCount: number;
  /** origin ‖ state ‖ replica index, as in a report row. */
  identity: number;
  checksumLow: number;
  checksumHigh: number;
}

export function emptyReplicaWords(): ReplicaWords {
  return { node: 0, usedBytes: 0, sequenceId: 0, keyCount: 0, identity: 0, checksumLow: 0, checksumHigh: 0 };
}

export const PUT = { ADDED: 1, CHANGED: 2, SAME: 3, REJECTED: 4 } as const;
export type Put = (typeof PUT)[keyof typeof PUT];

/** Changes and reads single rows; `merge.ts` has the path that compares many. A row is named by its stripe
 * and the container's offset in it. */
export class ReplicaTable {
  readonly #overflow: OverflowPool;
  readonly #checksums = new ChecksumTable();

  /** The place that the last `#find` or `#locate` stopped at: its number, and where its values stand. */
  #index = 0;
  #words: Int32Array = new Int32Array(0);
  #at = 0;
  #isFound = false;

  constructor(overflow = new OverflowPool()) {
    this.#overflow = overflow;
  }

  get overflowBlockCount(): number {
    return this.#overflow.usedCount;
  }

  get ownChecksumCount(): number {
    return this.#checksums.count;
  }

  /** Whether the node has a replica in the row; stops at it. */
  find(stripe: Stripe, offset: number, node: number): boolean {
    this.#isFound = this.#find(stripe, offset, node);
    return this.#isFound;
  }

  /** Records the replica of `values.node`, after `find` of the same, and stops at it. Its flags are left to
   * the caller, but for those of the checksum. REJECTED: the row has REPLICA_COUNT_MAX others, or no
   * overflow block is left, and it stays as it is. */
  put(stripe: Stripe, offset: number, values: Readonly<ReplicaWords>): Put {
    let result: Put = PUT.CHANGED;
    if (!this.#isFound) {
      if (!this.#hasPlace(replicaCount(stripe, offset))) return PUT.REJECTED;
      this.#append(stripe, offset, values.node);
      result = PUT.ADDED;
    } else if (this.isSame(stripe, offset, values)) {
      return PUT.SAME;
    }
    this.setFlags(stripe, offset, this.flags(stripe, offset) & ~REPLICA_FLAG.AS_HEAD);
    writeValues(this.#words, this.#at, values.usedBytes, values.sequenceId, values.keyCount);
    this.#setIdentity(stripe, offset, values.identity);
    if ((values.checksumLow | values.checksumHigh | (this.flags(stripe, offset) & CHECKSUM_FLAGS)) !== 0) {
      this.#setChecksum(stripe, offset, values);
    }
    return result;
  }

  /** Takes the node's replica out; false when there is none. */
  remove(stripe: Stripe, offset: number, node: number): boolean {
    if (!this.#find(stripe, offset, node)) return false;
    if ((this.flags(stripe, offset) & REPLICA_FLAG.CHECKSUM_OWN) !== 0) {
      this.#checksums.delete(stripe.firstId + offset, node);
    }
    const hole = this.#index;
    const last = replicaCount(stripe, offset) - 1;
    this.#move(stripe, offset, last, hole);
    this.locate(stripe, offset, last);
    this.#clear(stripe, offset);
    this.#dropLastBlock(stripe, offset, last);
    stripe.words[shapeAt(offset)]!--;
    return true;
  }

  /** Reads replica number `index`, 0 … count − 1, into `into`. */
  read(stripe: Stripe, offset: number, target: { index: number; into: ReplicaWords }): void {
    const { index, into } = target;
    assert(index < replicaCount(stripe, offset), "no such replica in the row");
    this.locate(stripe, offset, index);
    into.node = this.node(stripe, offset);
    into.usedBytes = this.usedBytes(stripe, offset);
    into.sequenceId = this.sequenceId(stripe, offset);
    into.keyCount = this.keyCount(stripe, offset) | 0;
    into.identity = this.identity(stripe, offset);
    const flags = this.flags(stripe, offset);
    into.checksumLow = 0;
    into.checksumHigh = 0;
    if ((flags & REPLICA_FLAG.CHECKSUM_SHARED) !== 0) {
      into.checksumLow = stripe.words[checksumAt(offset)] as number;
      into.checksumHigh = stripe.words[checksumAt(offset) + 1] as number;
    } else if ((flags & REPLICA_FLAG.CHECKSUM_OWN) !== 0) {
      this.#findOwnChecksum(stripe, offset, into.node);
      into.checksumLow = this.#checksums.low;
      into.checksumHigh = this.#checksums.high;
    }
  }

  /** Writes how many replicas there are and `holderWord` of each into `into` from `at` on; returns where the
   * words end. */
  copyHolders(stripe: Stripe, offset: number, into: Uint32Array, at: number): number {
    const count = replicaCount(stripe, offset);
    into[at] = count;
    for (let index = 0; index < count; index++) {
      this.locate(stripe, offset, index);
      into[at + 1 + index] = wordOf(this.node(stripe, offset), this.identity(stripe, offset));
    }
    return at + 1 + count;
  }

  /** O(replicas of the row). Adds what the row holds to `sums`. */
  checkRow(stripe: Stripe, offset: number, sums: RowSums): void {
    const id = stripe.firstId + offset;
    const count = replicaCount(stripe, offset);
    const nodes = new Set<number>();
    for (let index = 0; index < Math.max(count, ROW_REPLICA_COUNT); index++) {
      this.locate(stripe, offset, index);
      if (index >= count) {
        const isEmpty = this.node(stripe, offset) === -1 && this.identity(stripe, offset) === 0;
        assert(isEmpty && this.flags(stripe, offset) === 0, `container ${id}: a free place is not empty`);
        continue;
      }
      const node = this.node(stripe, offset);
      const flags = this.flags(stripe, offset);
      assert(!nodes.has(node), `container ${id} has two replicas of node ${node}`);
      nodes.add(node);
      assert(stateOf(this.identity(stripe, offset)) !== 0, `container ${id}: a replica has no state`);
      assert((flags & CHECKSUM_FLAGS) !== CHECKSUM_FLAGS, `container ${id}: checksum flags contradict`);
      if ((flags & REPLICA_FLAG.CHECKSUM_OWN) !== 0) {
        this.#findOwnChecksum(stripe, offset, node);
        sums.ownChecksumCount++;
      }
    }
    let blockCount = 0;
    for (let block = firstBlock(stripe, offset); block !== 0; block = this.#overflow.next(block))
      blockCount++;
    const neededCount = Math.max(0, Math.ceil((count - ROW_REPLICA_COUNT) / OVERFLOW_ENTRY_COUNT));
    assert(blockCount === neededCount, `container ${id} has ${blockCount} overflow blocks`);
    assert(((stripe.words[versionAt(offset)] as number) & 1) === 0, "a row is being written");
    sums.replicaCount += count;
    sums.overflowBlockCount += blockCount;
    if (containerState(stripe, offset) === 0) sums.unknownReplicaCount += count;
  }

  /** After `checkRow` of every row. */
  checkInvariants(sums: Readonly<RowSums>): void {
    this.#overflow.checkInvariants(sums.overflowBlockCount);
    assert(sums.ownChecksumCount === this.#checksums.count, "own checksums are left over");
  }

  /** Whether the node has a replica in the row; stops at it. */
  #find(stripe: Stripe, offset: number, node: number): boolean {
    const count = replicaCount(stripe, offset);
    const inRow = Math.min(count, ROW_REPLICA_COUNT);
    const nodes = nodeAt(offset, 0);
    for (let index = 0; index < inRow; index++) {
      if (stripe.halves[nodes + index] !== node + 1) continue;
      this.locate(stripe, offset, index);
      return true;
    }
    let block = firstBlock(stripe, offset);
    for (let index = ROW_REPLICA_COUNT; index < count; block = this.#overflow.next(block)) {
      this.#words = this.#overflow.wordsOf(block);
      this.#at = this.#overflow.wordOf(block) + FIRST_ENTRY;
      const end = Math.min(count, index + OVERFLOW_ENTRY_COUNT);
      for (; index < end; index++, this.#at += ENTRY_WORDS) {
        this.#index = index;
        if (this.node(stripe, offset) === node) return true;
      }
    }
    return false;
  }

  /** Stops at place number `index`, 0 … count − 1. */
  locate(stripe: Stripe, offset: number, index: number): void {
    this.#index = index;
    if (index < ROW_REPLICA_COUNT) {
      this.#words = stripe.words;
      this.#at = valuesAt(offset, index);
      return;
    }
    let block = firstBlock(stripe, offset);
    let rest = index - ROW_REPLICA_COUNT;
    for (; rest >= OVERFLOW_ENTRY_COUNT; rest -= OVERFLOW_ENTRY_COUNT) block = this.#overflow.next(block);
    this.#words = this.#overflow.wordsOf(block);
    this.#at = this.#overflow.wordOf(block) + FIRST_ENTRY + rest * ENTRY_WORDS;
  }

  node(stripe: Stripe, offset: number): number {
    if (this.#index < ROW_REPLICA_COUNT) return (stripe.halves[nodeAt(offset, this.#index)] as number) - 1;
    return ((this.#words[this.#at + ENTRY_NODE] as number) & 0xffff) - 1;
  }

  identity(stripe: Stripe, offset: number): number {
    if (this.#index < ROW_REPLICA_COUNT) return stripe.words[identityAt(offset, this.#index)] as number;
    return this.#words[this.#at + ENTRY_IDENTITY] as number;
  }

  #setIdentity(stripe: Stripe, offset: number, identity: number): void {
    if (this.#index < ROW_REPLICA_COUNT) stripe.words[identityAt(offset, this.#index)] = identity;
    else this.#words[this.#at + ENTRY_IDENTITY] = identity;
  }

  /** REPLICA_FLAG bits of the replica stopped at. */
  flags(stripe: Stripe, offset: number): number {
    if (this.#index < ROW_REPLICA_COUNT)
      return ((stripe.words[flagsAt(offset)] as number) >>> (this.#index * 8)) & REPLICA_FLAGS_MASK;
    return (this.#words[this.#at + ENTRY_NODE] as number) >>> ENTRY_FLAGS_SHIFT;
  }

  setFlags(stripe: Stripe, offset: number, flags: number): void {
    if (this.#index < ROW_REPLICA_COUNT) {
      const at = flagsAt(offset);
      const shift = this.#index * 8;
      stripe.words[at] = ((stripe.words[at] as number) & ~(REPLICA_FLAGS_MASK << shift)) | (flags << shift);
    } else {
      const node = (this.#words[this.#at + ENTRY_NODE] as number) & 0xffff;
      this.#words[this.#at + ENTRY_NODE] = node | (flags << ENTRY_FLAGS_SHIFT);
    }
  }

  /** Whether the replica stopped at stands in the row itself. */
  get isInRow(): boolean {
    return this.#index < ROW_REPLICA_COUNT;
  }

  usedBytes(stripe: Stripe, offset: number): number {
    if (this.#isAsHead(stripe, offset)) return stripe.numbers[usedAt(offset)] as number;
    return usedOf(this.#words, this.#at);
  }

  sequenceId(stripe: Stripe, offset: number): number {
    if (this.#isAsHead(stripe, offset)) return stripe.numbers[sequenceAt(offset)] as number;
    return sequenceOf(this.#words, this.#at);
  }

  keyCount(stripe: Stripe, offset: number): number {
    if (this.#isAsHead(stripe, offset)) return (stripe.words[keyCountAt(offset)] as number) >>> 0;
    return (this.#words[this.#at + 2] as number) >>> 0;
  }

  /** Gives the replica stopped at values of its own, if it is as the head. */
  unfold(stripe: Stripe, offset: number): void {
    if (this.#isAsHead(stripe, offset)) unfold(stripe, offset, REPLICA_FLAG.AS_HEAD << (this.#index * 8));
  }

  #isAsHead(stripe: Stripe, offset: number): boolean {
    return (this.flags(stripe, offset) & REPLICA_FLAG.AS_HEAD) !== 0;
  }

  #setNodeAndFlags(stripe: Stripe, offset: number, node: number, flags: number): void {
    if (this.#index < ROW_REPLICA_COUNT) {
      stripe.halves[nodeAt(offset, this.#index)] = node + 1;
      this.setFlags(stripe, offset, flags);
    } else {
      this.#words[this.#at + ENTRY_NODE] = (node + 1) | (flags << ENTRY_FLAGS_SHIFT);
    }
  }

  /** Copies a replica from one place to another; stops at the latter. */
  #move(stripe: Stripe, offset: number, from: number, to: number): void {
    if (from === to) return;
    this.locate(stripe, offset, from);
    const words = this.#words;
    const at = this.#at;
    const node = this.node(stripe, offset);
    const identity = this.identity(stripe, offset);
    const flags = this.flags(stripe, offset);
    this.locate(stripe, offset, to);
    if ((flags & REPLICA_FLAG.AS_HEAD) === 0) {
      for (let word = 0; word < 4; word++) this.#words[this.#at + word] = words[at + word] as number;
    }
    this.#setIdentity(stripe, offset, identity);
    this.#setNodeAndFlags(stripe, offset, node, flags);
  }

  #clear(stripe: Stripe, offset: number): void {
    this.#setIdentity(stripe, offset, 0);
    this.#setNodeAndFlags(stripe, offset, -1, 0);
  }

  /** Whether a row of `count` replicas takes one more. */
  #hasPlace(count: number): boolean {
    if (count === REPLICA_COUNT_MAX) return false;
    return !isFirstOfBlock(count) || !this.#overflow.isFull;
  }

  /** Counts one replica more and stops at its place, which is empty but for the node. */
  #append(stripe: Stripe, offset: number, node: number): void {
    const index = replicaCount(stripe, offset);
    if (isFirstOfBlock(index)) {
      const block = this.#overflow.allocate();
      const last = this.#lastBlock(stripe, offset);
      if (last === 0) stripe.words[shapeAt(offset)]! |= block << SHAPE.OVERFLOW_SHIFT;
      else this.#overflow.setNext(last, block);
    }
    stripe.words[shapeAt(offset)]!++;
    this.locate(stripe, offset, index);
    this.#setNodeAndFlags(stripe, offset, node, 0);
  }

  /** Frees the last block when place number `last`, now empty, was its first. */
  #dropLastBlock(stripe: Stripe, offset: number, last: number): void {
    if (!isFirstOfBlock(last)) return;
    const block = this.#lastBlock(stripe, offset);
    let before = firstBlock(stripe, offset);
    if (before === block) {
      stripe.words[shapeAt(offset)]! &= (1 << SHAPE.OVERFLOW_SHIFT) - 1;
    } else {
      while (this.#overflow.next(before) !== block) before = this.#overflow.next(before);
      this.#overflow.setNext(before, 0);
    }
    this.#overflow.free(block);
  }

  #lastBlock(stripe: Stripe, offset: number): number {
    let last = firstBlock(stripe, offset);
    if (last === 0) return 0;
    for (let next = this.#overflow.next(last); next !== 0; next = this.#overflow.next(next)) last = next;
    return last;
  }

  /** Whether the replica stopped at has these values. */
  isSame(stripe: Stripe, offset: number, values: Readonly<ReplicaWords>): boolean {
    if (this.identity(stripe, offset) !== values.identity) return false;
    if (this.keyCount(stripe, offset) !== values.keyCount >>> 0) return false;
    if (this.usedBytes(stripe, offset) !== values.usedBytes) return false;
    if (this.sequenceId(stripe, offset) !== values.sequenceId) return false;
    const { checksumLow: low, checksumHigh: high } = values;
    const flags = this.flags(stripe, offset);
    if ((flags & REPLICA_FLAG.CHECKSUM_SHARED) !== 0) return isRowChecksum(stripe, offset, low, high);
    if ((flags & REPLICA_FLAG.CHECKSUM_OWN) === 0) return (low | high) === 0;
    this.#findOwnChecksum(stripe, offset, values.node);
    return this.#checksums.low === low && this.#checksums.high === high;
  }

  #findOwnChecksum(stripe: Stripe, offset: number, node: number): void {
    const id = stripe.firstId + offset;
    assert(this.#checksums.find(id, node), `own checksum of container ${id} is missing`);
  }

  /** Stores the checksum of the replica stopped at, in the row when it may stand there. */
  #setChecksum(stripe: Stripe, offset: number, values: Readonly<ReplicaWords>): void {
    const id = stripe.firstId + offset;
    const index = this.#index;
    const { node, checksumLow: low, checksumHigh: high } = values;
    const oldFlags = this.flags(stripe, offset);
    const otherFlags = oldFlags & ~CHECKSUM_FLAGS;
    this.#setNodeAndFlags(stripe, offset, node, otherFlags);
    let flag = 0;
    if ((low | high) !== 0) {
      const isShared =
        isRowChecksum(stripe, offset, low, high) || this.#takeOverRowChecksum(stripe, offset, values);
      flag = isShared ? REPLICA_FLAG.CHECKSUM_SHARED : REPLICA_FLAG.CHECKSUM_OWN;
      this.locate(stripe, offset, index);
    }
    this.#setNodeAndFlags(stripe, offset, node, otherFlags | flag);
    if (flag === REPLICA_FLAG.CHECKSUM_OWN) this.#checksums.set(id, node, low, high);
    else if ((oldFlags & REPLICA_FLAG.CHECKSUM_OWN) !== 0) this.#checksums.delete(id, node);
  }

  /** Puts a checksum into the row when no replica uses the one there. Others that had it as their own
   * share it then: after a reconciliation all replicas change to the same new checksum, one after the
   * other. */
  #takeOverRowChecksum(stripe: Stripe, offset: number, values: Readonly<ReplicaWords>): boolean {
    const count = replicaCount(stripe, offset);
    for (let index = 0; index < count; index++) {
      this.locate(stripe, offset, index);
      if ((this.flags(stripe, offset) & REPLICA_FLAG.CHECKSUM_SHARED) !== 0) return false;
    }
    stripe.words[checksumAt(offset)] = values.checksumLow;
    stripe.words[checksumAt(offset) + 1] = values.checksumHigh;
    for (let index = 0; index < count; index++) {
      this.locate(stripe, offset, index);
      const flags = this.flags(stripe, offset);
      if ((flags & REPLICA_FLAG.CHECKSUM_OWN) === 0) continue;
      const node = this.node(stripe, offset);
      this.#findOwnChecksum(stripe, offset, node);
      if (!isRowChecksum(stripe, offset, this.#checksums.low, this.#checksums.high)) continue;
      this.#checksums.delete(stripe.firstId + offset, node);
      const shared = (flags & ~CHECKSUM_FLAGS) | REPLICA_FLAG.CHECKSUM_SHARED;
      this.#setNodeAndFlags(stripe, offset, node, shared);
    }
    return true;
  }
}

/** `holderWord` of a replica. */
export function wordOf(node: number, identity: number): number {
  return holderWord(node, identity >>> REPLICA_IDENTITY.REPLICA_INDEX_SHIFT);
}

/** What the rows of a table hold together. */
export interface RowSums {
  replicaCount: number;
  unknownReplicaCount: number;
  overflowBlockCount: number;
  ownChecksumCount: number;
}

function isFirstOfBlock(index: number): boolean {
  return index >= ROW_REPLICA_COUNT && (index - ROW_REPLICA_COUNT) % OVERFLOW_ENTRY_COUNT === 0;
}

function firstBlock(stripe: Stripe, offset: number): number {
  return (stripe.words[shapeAt(offset)] as number) >>> SHAPE.OVERFLOW_SHIFT;
}

function isRowChecksum({ words }: Stripe, offset: number, low: number, high: number): boolean {
  return words[checksumAt(offset)] === low && words[checksumAt(offset) + 1] === high;
}
