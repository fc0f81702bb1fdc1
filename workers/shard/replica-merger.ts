import { assert } from "../../engine/core/assert.js";
import { REPLICA_STATE } from "../../engine/core/enums.js";
import {
  ROW_BYTES_WITH_CHECKSUM,
  ROW_CHECKSUM,
  ROW_KEY_COUNT,
  ROW_ORIGIN,
} from "../../protocol/codec/report-rows.js";
import { STRIPE_ROWS } from "../shared/container-layout.js";
import type { StripeMessage } from "../shared/shard-layout.js";
import type { RowsHeader } from "../shared/shard-records.js";
import { emptyMergeCursor, type MergeCursor, rowFrom, skipUnchanged } from "./merge.js";
import { NodeLists } from "./node-lists.js";
import {
  emptyReplicaWords,
  markKnown,
  PUT,
  type Put,
  ReplicaTable,
  type ReplicaWords,
  type RowSums,
} from "./replica-table.js";
import type { ShardCounters } from "./shard-counters.js";
import { SideTable } from "./side-table.js";
import { isKnown, NO_STRIPE, replicaCount, replicaIndexOf, type Stripe, stateOf } from "./stripe.js";
import { StripeDirectory } from "./stripe-directory.js";

/** Words of a report row. */
const ROW_KEY_COUNT_WORD = ROW_KEY_COUNT / 4;
const ROW_IDENTITY_WORD = ROW_ORIGIN / 4;
const ROW_CHECKSUM_WORD = ROW_CHECKSUM / 4;
const ROW_STEP_WITH_CHECKSUM = ROW_BYTES_WITH_CHECKSUM / 8;

/** Containers looked at in one step of a recheck: well below a millisecond. */
const RECHECK_ROWS = 8192;

export interface MergerOptions {
  readonly counters: ShardCounters;
  readonly replicaIndexCounts: SharedArrayBuffer;
  readonly sideIdsPerNodeMax: number;
}

/** Where the rows of a record lie: the whole channel's memory as numbers, and the byte where the rows
 * begin. */
export interface RowMemory {
  readonly numbers: Float64Array;
  readonly words: Int32Array;
}

/** Keeps the replica rows, the nodes' lists and the side table in step with what the datanodes say. */
export class ReplicaMerger {
  readonly #stripes: StripeDirectory;
  readonly #table = new ReplicaTable();
  readonly #lists = new NodeLists();
  readonly #side: SideTable;
  readonly #counters: ShardCounters;
  readonly #cursor = emptyMergeCursor(NO_STRIPE);
  /** Next row of the recheck that is under way, counted over all stripes in order of arrival. */
  #recheckAt = Number.POSITIVE_INFINITY;
  /** The present row, and what was recorded in its place. */
  readonly #values = emptyReplicaWords();
  readonly #oldValues = emptyReplicaWords();

  constructor({ counters, replicaIndexCounts, sideIdsPerNodeMax }: MergerOptions) {
    this.#counters = counters;
    this.#stripes = new StripeDirectory(replicaIndexCounts);
    this.#side = new SideTable(sideIdsPerNodeMax);
  }

  /** Takes over the stripe's memory and moves what stood in the side table into its rows. */
  addStripe(message: StripeMessage): void {
    const stripe = this.#stripes.add(message);
    const values = this.#values;
    for (let node = 0; node < this.#side.nodeLimit; node++) {
      const from = this.#side.indexFrom(node, stripe.firstId);
      const end = this.#side.indexFrom(node, stripe.firstId + STRIPE_ROWS);
      for (let index = from; index < end; index++) {
        const offset = this.#side.idAt(node, index) - stripe.firstId;
        this.#lists.insert(node, stripe.place, offset);
        if (!this.#side.read(node, index, values)) continue;
        this.#countSide(-1);
        this.#table.find(stripe, offset, node);
        if (this.#put(stripe, offset, values) === PUT.FULL) this.#counters.rejectedCount++;
      }
      if (end > from) this.#side.remove(node, from, end - from);
    }
    this.#show();
  }

  /** The container was created or entered another state: what its replicas mean for it is looked at anew. */
  containerChanged(id: number): void {
    const stripe = this.#stripes.find(id);
    if (stripe === undefined) return;
    const offset = id - stripe.firstId;
    if (replicaCount(stripe, offset) > 0) this.#noteKnown(stripe, offset);
  }

  /** The container table is another one than before: looks at every container with replicas anew, in
   * steps. */
  beginRecheck(): void {
    this.#recheckAt = 0;
  }

  /** False when there is nothing to look at. A replica index that does not fit is found by the next report,
   * as ever when a container becomes known after its replica. */
  recheckStep(): boolean {
    const place = Math.floor(this.#recheckAt / STRIPE_ROWS);
    if (place >= this.#stripes.count) return false;
    const stripe = this.#stripes.at(place);
    const first = this.#recheckAt % STRIPE_ROWS;
    for (let offset = first; offset < first + RECHECK_ROWS; offset++) {
      if (replicaCount(stripe, offset) === 0) continue;
      this.#counters.recheckedCount++;
      if (this.#stripes.replicaIndexCount(stripe, offset) >= 0) this.#noteKnown(stripe, offset);
    }
    this.#recheckAt += RECHECK_ROWS;
    this.#show();
    return true;
  }

  /** A chunk of a full report: the node has exactly these replicas with ids in [fromId, toId]. The rows
   * ascend and lie in the range, which main has checked. A row of state DELETED is no replica. */
  mergeChunk(header: Readonly<RowsHeader>, memory: RowMemory, rowsOffset: number): void {
    const cursor = this.#open(header, memory, rowsOffset);
    const { fromId, toId } = header;
    const stripes = this.#stripes.all;
    let nextId = fromId;
    for (let index = this.#stripes.indexFrom(fromId); index < stripes.length; index++) {
      const stripe = stripes[index] as Stripe;
      if (stripe.firstId > toId) break;
      if (stripe.firstId > nextId) this.#mergeSide(nextId, stripe.firstId - 1);
      const lastId = Math.min(toId, stripe.firstId + STRIPE_ROWS - 1);
      this.#mergeStripe(stripe, Math.max(nextId, stripe.firstId), lastId);
      nextId = lastId + 1;
    }
    if (nextId <= toId) this.#mergeSide(nextId, toId);
    assert(cursor.row === cursor.recordEnd, "report rows were left over");
    this.#close(header);
  }

  /** Replicas that changed, in any order; of several rows of one id the last wins. DELETED takes the
   * replica away. */
  applyIncremental(header: Readonly<RowsHeader>, memory: RowMemory, rowsOffset: number): void {
    const cursor = this.#open(header, memory, rowsOffset);
    for (; cursor.row < cursor.recordEnd; cursor.row += cursor.rowStep) {
      const id = cursor.rows[cursor.row] as number;
      const stripe = this.#stripes.find(id);
      if (stripe === undefined) {
        this.#applySide(id);
        continue;
      }
      const offset = id - stripe.firstId;
      if (this.#isDeleted()) {
        this.#lists.remove(cursor.node, stripe.place, offset);
        this.#take(stripe, offset, cursor.node);
      } else {
        this.#lists.insert(cursor.node, stripe.place, offset);
        this.#storeRow(stripe, offset);
      }
    }
    this.#close(header);
  }

  /** Takes all replicas of a dead node away; its set of ids stays (spec 01 §7.4). */
  purgeNode(node: number): void {
    const places = this.#lists.placesOf(node);
    for (let place = 0; place < places; place++) {
      this.#lists.locate(node, place);
      const { entries, start, length } = this.#lists;
      for (let at = start; at < start + length; at++) {
        this.#take(this.#stripes.at(place), entries[at] as number, node);
      }
    }
    const values = this.#values;
    for (let index = 0; index < this.#side.count(node); index++) {
      if (!this.#side.read(node, index, values)) continue;
      values.identity = 0;
      this.#side.write(node, index, values);
      this.#countSide(-1);
      this.#counters.vanishedCount++;
    }
    this.#show();
  }

  /** Calls `onReplica` for each replica of the container. `values` is used again. */
  visitReplicas(containerId: number, onReplica: (values: Readonly<ReplicaWords>) => void): void {
    const values = this.#values;
    const stripe = this.#stripes.find(containerId);
    if (stripe !== undefined) {
      const offset = containerId - stripe.firstId;
      const target = { index: 0, into: values };
      for (; target.index < replicaCount(stripe, offset); target.index++) {
        this.#table.read(stripe, offset, target);
        onReplica(values);
      }
      return;
    }
    for (let node = 0; node < this.#side.nodeLimit; node++) {
      const index = this.#side.indexFrom(node, containerId);
      if (index >= this.#side.count(node) || this.#side.idAt(node, index) !== containerId) continue;
      if (this.#side.read(node, index, values)) onReplica(values);
    }
  }

  /** O(rows). Lists, rows, side table and figures agree. */
  checkInvariants(): void {
    this.#lists.checkInvariants();
    const sideCount = this.#side.checkInvariants();
    const sums: RowSums = {
      replicaCount: 0,
      unknownReplicaCount: 0,
      overflowBlockCount: 0,
      ownChecksumCount: 0,
    };
    for (const stripe of this.#stripes.all) {
      for (let offset = 0; offset < STRIPE_ROWS; offset++) this.#checkRow(stripe, offset, sums);
    }
    this.#table.checkInvariants(sums);
    const { replicaCount, unknownReplicaCount, sideReplicaCount } = this.#counters;
    assert(sideReplicaCount === sideCount, "count of side replicas is wrong");
    assert(replicaCount === sums.replicaCount + sideCount, "count of replicas is wrong");
    assert(
      unknownReplicaCount === sums.unknownReplicaCount + sideCount,
      "count of unknown replicas is wrong",
    );
  }

  #checkRow(stripe: Stripe, offset: number, sums: RowSums): void {
    const count = replicaCount(stripe, offset);
    const target = { index: 0, into: emptyReplicaWords() };
    const id = stripe.firstId + offset;
    this.#table.checkRow(stripe, offset, sums);
    for (; target.index < count; target.index++) {
      this.#table.read(stripe, offset, target);
      this.#lists.locate(target.into.node, stripe.place);
      const at = this.#lists.countBelow(offset);
      const isListed = at < this.#lists.length && this.#lists.entries[this.#lists.start + at] === offset;
      assert(isListed, `the replica of container ${id} is not in the list of node ${target.into.node}`);
    }
  }

  #open(header: Readonly<RowsHeader>, memory: RowMemory, rowsOffset: number): MergeCursor {
    const cursor = this.#cursor;
    cursor.rows = memory.numbers;
    cursor.rowWords = memory.words;
    cursor.row = rowsOffset / 8;
    cursor.rowStep = header.rowBytes / 8;
    cursor.recordEnd = cursor.row + header.rowCount * cursor.rowStep;
    cursor.node = header.node;
    return cursor;
  }

  #close(header: Readonly<RowsHeader>): void {
    this.#counters.rowCount += header.rowCount;
    this.#counters.reportCount++;
    this.#counters.showNode(header.node, this.#lists.count(header.node) + this.#side.count(header.node));
    this.#show();
  }

  #show(): void {
    this.#counters.overflowBlockCount = this.#table.overflowBlockCount;
    this.#counters.listBytes = this.#lists.bytes;
    this.#counters.show();
  }

  /** Merges the rows up to `toId`, all in the stripe, with the node's list from `fromId` on. */
  #mergeStripe(stripe: Stripe, fromId: number, toId: number): void {
    const cursor = this.#cursor;
    const lists = this.#lists;
    const firstRow = cursor.row;
    cursor.rowsEnd = rowFrom(cursor, toId + 1);
    lists.locate(cursor.node, stripe.place);
    const from = lists.countBelow(fromId - stripe.firstId);
    const end = lists.countBelow(toId + 1 - stripe.firstId);
    if (from === end && firstRow === cursor.rowsEnd) return;
    cursor.stripe = stripe;
    cursor.list = lists.entries;
    cursor.listAt = lists.start + from;
    cursor.listEnd = lists.start + end;
    cursor.touchedEnd = 0;
    cursor.touchesValues = from === end;
    cursor.touchesContainers = from === end;
    let isListChanged = false;
    for (;;) {
      skipUnchanged(cursor);
      if (cursor.row === cursor.rowsEnd) break;
      if (this.#mergeRow(stripe)) isListChanged = true;
      cursor.row += cursor.rowStep;
    }
    if (this.#vanishUntil(stripe, STRIPE_ROWS)) isListChanged = true;
    if (isListChanged) this.#rewriteList(stripe, firstRow, { from, end });
  }

  /** Deals with the present row, which is not "as before"; true when the list will change. */
  #mergeRow(stripe: Stripe): boolean {
    const cursor = this.#cursor;
    const offset = (cursor.rows[cursor.row] as number) - stripe.firstId;
    // Changes come in company: the next rows' values will be wanted too.
    cursor.touchesValues = true;
    const hasVanished = this.#vanishUntil(stripe, offset);
    const isListed = cursor.listAt < cursor.listEnd && cursor.list[cursor.listAt] === offset;
    const isDeleted = this.#isDeleted();
    if (isListed) cursor.listAt++;
    if (!isDeleted) this.#storeRow(stripe, offset);
    else if (isListed) this.#take(stripe, offset, cursor.node);
    return hasVanished || isListed === isDeleted;
  }

  /** Takes away what is listed below `offset` and was not in the report; true when there was something. */
  #vanishUntil(stripe: Stripe, offset: number): boolean {
    const cursor = this.#cursor;
    const before = cursor.listAt;
    while (cursor.listAt < cursor.listEnd && (cursor.list[cursor.listAt] as number) < offset) {
      this.#take(stripe, cursor.list[cursor.listAt] as number, cursor.node);
      cursor.listAt++;
    }
    return cursor.listAt !== before;
  }

  /** The list's section becomes what the rows from `firstRow` to the present one say. */
  #rewriteList(stripe: Stripe, firstRow: number, section: { from: number; end: number }): void {
    const cursor = this.#cursor;
    const rowsEnd = cursor.row;
    let insertCount = 0;
    for (cursor.row = firstRow; cursor.row < rowsEnd; cursor.row += cursor.rowStep) {
      if (!this.#isDeleted()) insertCount++;
    }
    const removeCount = section.end - section.from;
    this.#lists.resize(cursor.node, stripe.place, { at: section.from, removeCount, insertCount });
    const { entries } = this.#lists;
    let at = this.#lists.start + section.from;
    for (cursor.row = firstRow; cursor.row < rowsEnd; cursor.row += cursor.rowStep) {
      if (!this.#isDeleted()) entries[at++] = (cursor.rows[cursor.row] as number) - stripe.firstId;
    }
  }

  /** As `#mergeStripe` for a range without a stripe. */
  #mergeSide(fromId: number, toId: number): void {
    const cursor = this.#cursor;
    const { node } = cursor;
    let index = this.#side.indexFrom(node, fromId);
    cursor.rowsEnd = rowFrom(cursor, toId + 1);
    for (; cursor.row < cursor.rowsEnd; cursor.row += cursor.rowStep) {
      const id = cursor.rows[cursor.row] as number;
      this.#takeSide(index, this.#side.indexFrom(node, id));
      const isListed = this.#isSideAt(index, id);
      if (!this.#isDeleted()) {
        if (this.#storeSide(index, id)) index++;
      } else if (isListed) this.#takeSide(index, index + 1);
    }
    this.#takeSide(index, this.#side.indexFrom(node, toId + 1));
  }

  #applySide(id: number): void {
    const index = this.#side.indexFrom(this.#cursor.node, id);
    if (!this.#isDeleted()) this.#storeSide(index, id);
    else if (this.#isSideAt(index, id)) this.#takeSide(index, index + 1);
  }

  #isSideAt(index: number, id: number): boolean {
    const { node } = this.#cursor;
    return index < this.#side.count(node) && this.#side.idAt(node, index) === id;
  }

  /** Puts the present row at `index`, its place in the order; false when the node has its limit of ids. */
  #storeSide(index: number, id: number): boolean {
    const { node } = this.#cursor;
    const counters = this.#counters;
    if (!this.#isSideAt(index, id) && !this.#side.insert(node, index, id)) {
      counters.rejectedCount++;
      return false;
    }
    const old = this.#oldValues;
    const values = this.#readRow();
    if (!this.#side.read(node, index, old)) {
      this.#countSide(1);
      counters.addedCount++;
    } else if (!isSame(old, values)) counters.updatedCount++;
    this.#side.write(node, index, values);
    return true;
  }

  /** Takes the node's side ids from index `from` to below `end` away. */
  #takeSide(from: number, end: number): void {
    if (end <= from) return;
    const { node } = this.#cursor;
    for (let index = from; index < end; index++) {
      if (!this.#side.read(node, index, this.#oldValues)) continue;
      this.#countSide(-1);
      this.#counters.vanishedCount++;
    }
    this.#side.remove(node, from, end - from);
  }

  #countSide(change: 1 | -1): void {
    this.#counters.replicaCount += change;
    this.#counters.unknownReplicaCount += change;
    this.#counters.sideReplicaCount += change;
  }

  #isDeleted(): boolean {
    const { rowWords, row } = this.#cursor;
    const identity = rowWords[row * 2 + ROW_IDENTITY_WORD] as number;
    return stateOf(identity) === REPLICA_STATE.DELETED;
  }

  /** The present row in the form of an entry. */
  #readRow(): ReplicaWords {
    const { rows, rowWords, row, rowStep, node } = this.#cursor;
    const values = this.#values;
    const word = row * 2;
    const hasChecksum = rowStep === ROW_STEP_WITH_CHECKSUM;
    values.node = node;
    values.usedBytes = rows[row + 1] as number;
    values.sequenceId = rows[row + 2] as number;
    values.keyCount = rowWords[word + ROW_KEY_COUNT_WORD] as number;
    values.identity = rowWords[word + ROW_IDENTITY_WORD] as number;
    values.checksumLow = hasChecksum ? (rowWords[word + ROW_CHECKSUM_WORD] as number) : 0;
    values.checksumHigh = hasChecksum ? (rowWords[word + ROW_CHECKSUM_WORD + 1] as number) : 0;
    return values;
  }

  /** Records the present row. A replica index that does not fit the EC container leaves what was recorded
   * before (spec 02 §7.4d); it is looked at only when it is new, since the container's row is another
   * cache miss. */
  #storeRow(stripe: Stripe, offset: number): void {
    const counters = this.#counters;
    const values = this.#readRow();
    const replicaIndex = replicaIndexOf(values.identity);
    if (this.#table.find(stripe, offset, values.node) !== replicaIndex) {
      const indexCount = this.#stripes.replicaIndexCount(stripe, offset);
      if (indexCount >= 0) this.#noteKnown(stripe, offset);
      if (indexCount > 0 && (replicaIndex === 0 || replicaIndex > indexCount)) {
        counters.rejectedCount++;
        return;
      }
    }
    const put = this.#put(stripe, offset, values);
    if (put === PUT.ADDED) counters.addedCount++;
    else if (put === PUT.CHANGED) counters.updatedCount++;
    else if (put === PUT.FULL) counters.rejectedCount++;
  }

  #noteKnown(stripe: Stripe, offset: number): void {
    if (isKnown(stripe, offset)) return;
    markKnown(stripe, offset);
    this.#counters.unknownReplicaCount -= replicaCount(stripe, offset);
  }

  #put(stripe: Stripe, offset: number, values: ReplicaWords): Put {
    const put = this.#table.put(stripe, offset, values);
    if (put === PUT.ADDED) {
      this.#counters.replicaCount++;
      if (!isKnown(stripe, offset)) this.#counters.unknownReplicaCount++;
    }
    return put;
  }

  /** Takes the node's replica out of the row, if there is one. */
  #take(stripe: Stripe, offset: number, node: number): void {
    if (!this.#table.remove(stripe, offset, node)) return;
    this.#counters.replicaCount--;
    this.#counters.vanishedCount++;
    if (!isKnown(stripe, offset)) this.#counters.unknownReplicaCount--;
  }
}

function isSame(a: Readonly<ReplicaWords>, b: Readonly<ReplicaWords>): boolean {
  return (
    a.usedBytes === b.usedBytes &&
    a.sequenceId === b.sequenceId &&
    a.keyCount === b.keyCount &&
    a.identity === b.identity &&
    a.checksumLow === b.checksumLow &&
    a.checksumHigh === b.checksumHigh
  );
}
