import { assert } from "../../engine/core/assert.js";
import type { ChannelSender } from "../../engine/core/shared-channel.js";
import { STRIPE_ROWS } from "../shared/container-layout.js";
import { REPLICA_COUNT_MAX } from "../shared/replica-layout.js";
import type { ShardStartData, StripeMessage } from "../shared/shard-layout.js";
import type { LiveUsage, NodeQuery, RowsHeader } from "../shared/shard-records.js";
import { DecisionSender } from "./decision-sender.js";
import { IN_PLACE, updateInPlace } from "./in-place.js";
import { mergeKnown, touch } from "./merge.js";
import { emptyMergeCursor, isDeletedRow, type MergeCursor, readRow, rowFrom } from "./merge-cursor.js";
import { NodeLists } from "./node-lists.js";
import { Recheck } from "./recheck.js";
import { ReplicaKeeper } from "./replica-keeper.js";
import { emptyReplicaWords, type ReplicaWords, type RowSums, wordOf } from "./replica-table.js";
import type { ShardCounters } from "./shard-counters.js";
import { SideReplicas } from "./side-replicas.js";
import { claimRows, isUntouched, NO_STRIPE, replicaCount, type Stripe } from "./stripe.js";
import { StripeDirectory } from "./stripe-directory.js";

export interface MergerOptions {
  readonly data: Pick<ShardStartData, "replications" | "sendsUnknown" | "sideIdsPerNodeMax">;
  readonly counters: ShardCounters;
  readonly sender: ChannelSender;
}

/** Where the rows of a record lie: the whole channel's memory as numbers, and the byte where the rows
 * begin. */
export interface RowMemory {
  readonly numbers: Float64Array;
  readonly words: Int32Array;
}

/** Keeps the replica rows, the nodes' lists and the side table in step with what the datanodes say. */
export class ReplicaMerger {
  readonly #stripes = new StripeDirectory();
  readonly #lists = new NodeLists();
  readonly #keeper: ReplicaKeeper;
  readonly #side: SideReplicas;
  readonly #recheck: Recheck;
  readonly #counters: ShardCounters;
  readonly #cursor = emptyMergeCursor(NO_STRIPE);
  readonly #values = emptyReplicaWords();
  readonly #edit = { at: 0, removeCount: 0, insertCount: 0 };

  constructor({ data, counters, sender }: MergerOptions) {
    const decisions = new DecisionSender({ sender, counters, sendsUnknown: data.sendsUnknown });
    this.#counters = counters;
    this.#keeper = new ReplicaKeeper({ counters, decisions, replications: data.replications });
    this.#side = new SideReplicas({ counters, decisions, idsPerNodeMax: data.sideIdsPerNodeMax });
    this.#recheck = new Recheck({
      stripes: this.#stripes,
      keeper: this.#keeper,
      side: this.#side,
      decisions,
      counters,
    });
  }

  /** Takes over the stripe's memory and moves what stood in the side table into its rows. Calls back for
   * each node whose full report must bring what had found no room there. */
  addStripe(message: StripeMessage, onReportWanted: (node: number) => void): void {
    const stripe = this.#stripes.add(message);
    claimRows(stripe);
    this.#side.moveOut(stripe, (node, id, values) => {
      this.#lists.insert(node, stripe.place, id - stripe.firstId);
      if (values !== undefined) this.#keeper.moveIn(stripe, id - stripe.firstId, values);
    });
    this.#side.takeLeftOut(stripe, onReportWanted);
  }

  /** The container was created or entered another state: what its replicas mean for it is looked at anew. */
  containerChanged(id: number): void {
    const stripe = this.#stripes.find(id);
    if (stripe !== undefined) this.#keeper.recheck(stripe, id - stripe.firstId);
  }

  /** Every container with replicas is looked at anew, in steps. */
  beginRecheck(): void {
    this.#recheck.begin();
  }

  /** False when there is nothing to look at. */
  recheckStep(): boolean {
    return this.#recheck.step();
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
      if (stripe.firstId > nextId) this.#side.merge(cursor, nextId, stripe.firstId - 1);
      const lastId = Math.min(toId, stripe.firstId + STRIPE_ROWS - 1);
      this.#mergeStripe(stripe, Math.max(nextId, stripe.firstId), lastId);
      nextId = lastId + 1;
    }
    if (nextId <= toId) this.#side.merge(cursor, nextId, toId);
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
        this.#side.apply(cursor);
        continue;
      }
      const offset = id - stripe.firstId;
      // A replica that is in the row is in the list.
      const outcome = updateInPlace(cursor, stripe, offset);
      if (outcome === IN_PLACE.CHANGED) cursor.updatedCount++;
      if (outcome !== IN_PLACE.NOT) continue;
      readRow(cursor, this.#values);
      if (isDeletedRow(cursor)) {
        this.#lists.remove(cursor.node, stripe.place, offset);
        this.#keeper.delete(stripe, offset, this.#values);
      } else {
        const isNew = this.#lists.insert(cursor.node, stripe.place, offset);
        if (isNew && this.#keeper.addInPlace(cursor, stripe, offset)) continue;
        this.#keeper.store(stripe, offset, this.#values);
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
        this.#keeper.take(this.#stripes.at(place), entries[at] as number, node);
      }
    }
    this.#side.purge(node);
  }

  /** Calls `onReplica` for each replica of the container. `values` is used again. */
  visitReplicas(containerId: number, onReplica: (values: Readonly<ReplicaWords>) => void): void {
    const values = this.#values;
    const stripe = this.#stripes.find(containerId);
    const onValues = (): void => onReplica(values);
    if (stripe === undefined) this.#side.visit(containerId, values, onValues);
    else this.#keeper.visit(stripe, containerId - stripe.firstId, values, onValues);
  }

  /** Writes how many replicas the container has and `holderWord` of each into `into` from `at` on; returns
   * where the words end. */
  copyHolders(containerId: number, into: Uint32Array, at: number): number {
    const stripe = this.#stripes.find(containerId);
    if (stripe !== undefined) return this.#keeper.copyHolders(stripe, containerId - stripe.firstId, into, at);
    let end = at + 1;
    this.visitReplicas(containerId, ({ node, identity }) => {
      if (end - at <= REPLICA_COUNT_MAX) into[end++] = wordOf(node, identity);
    });
    into[at] = end - at - 1;
    return end;
  }

  /** Undefined: the container is unknown. */
  liveUsage(containerId: number): LiveUsage | undefined {
    const stripe = this.#stripes.find(containerId);
    return stripe === undefined ? undefined : this.#keeper.liveUsage(stripe, containerId - stripe.firstId);
  }

  /** Ids that the node said it holds, ascending, whether a replica is recorded for them or not. */
  nodeIds({ node, fromId, countMax }: NodeQuery): number[] {
    const ids: number[] = [];
    const stripes = this.#stripes.all;
    let nextId = fromId;
    for (let i = this.#stripes.indexFrom(fromId); i < stripes.length && ids.length < countMax; i++) {
      const stripe = stripes[i] as Stripe;
      this.#side.collectIds(node, { fromId: nextId, toId: stripe.firstId - 1 }, ids, countMax);
      this.#lists.locate(node, stripe.place);
      const { entries, start, length } = this.#lists;
      let at = start + this.#lists.countBelow(nextId - stripe.firstId);
      for (; at < start + length && ids.length < countMax; at++) {
        ids.push(stripe.firstId + (entries[at] as number));
      }
      nextId = Math.max(nextId, stripe.firstId + STRIPE_ROWS);
    }
    this.#side.collectIds(node, { fromId: nextId, toId: Number.MAX_SAFE_INTEGER }, ids, countMax);
    return ids;
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
      for (let offset = 0; offset < STRIPE_ROWS; offset++) {
        if (!isUntouched(stripe, offset)) this.#checkRow(stripe, offset, sums);
      }
    }
    this.#keeper.checkInvariants(sums);
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
    const id = stripe.firstId + offset;
    const values = emptyReplicaWords();
    this.#keeper.checkRow(stripe, offset, sums);
    if (count === 0) return;
    this.#keeper.visit(stripe, offset, values, () => {
      this.#lists.locate(values.node, stripe.place);
      const at = this.#lists.countBelow(offset);
      const isListed = at < this.#lists.length && this.#lists.entries[this.#lists.start + at] === offset;
      assert(isListed, `the replica of container ${id} is not in the list of node ${values.node}`);
    });
  }

  #open(header: Readonly<RowsHeader>, memory: RowMemory, rowsOffset: number): MergeCursor {
    const cursor = this.#cursor;
    cursor.rows = memory.numbers;
    cursor.rowWords = memory.words;
    cursor.row = rowsOffset / 8;
    cursor.rowStep = header.rowBytes / 8;
    cursor.recordEnd = cursor.row + header.rowCount * cursor.rowStep;
    cursor.node = header.node;
    cursor.touchesValues = false;
    cursor.updatedCount = 0;
    return cursor;
  }

  #close(header: Readonly<RowsHeader>): void {
    this.#counters.rowCount += header.rowCount;
    this.#counters.updatedCount += this.#cursor.updatedCount;
    this.#counters.reportCount++;
    this.#counters.showNode(header.node, this.#lists.count(header.node) + this.#side.count(header.node));
  }

  /** Shows main the figures. */
  show(): void {
    this.#counters.overflowBlockCount = this.#keeper.overflowBlockCount;
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
    cursor.touchesContainers = from === end;
    let isListChanged = false;
    for (;;) {
      if (cursor.listAt < cursor.listEnd) mergeKnown(cursor);
      if (cursor.row === cursor.rowsEnd) break;
      if (cursor.row >= cursor.touchedEnd) touch(cursor);
      if (this.#mergeRow(stripe)) isListChanged = true;
      cursor.row += cursor.rowStep;
    }
    if (this.#vanishUntil(stripe, STRIPE_ROWS)) isListChanged = true;
    if (isListChanged) this.#rewriteList(stripe, firstRow, from, end);
  }

  /** Deals with the present row, which is not "as before"; true when the list will change. */
  #mergeRow(stripe: Stripe): boolean {
    const cursor = this.#cursor;
    const offset = (cursor.rows[cursor.row] as number) - stripe.firstId;
    const hasVanished = this.#vanishUntil(stripe, offset);
    const isListed = cursor.listAt < cursor.listEnd && cursor.list[cursor.listAt] === offset;
    const isDeleted = isDeletedRow(cursor);
    if (isListed) {
      cursor.listAt++;
    } else {
      // New ones come in company too, and need their containers' rows.
      cursor.touchesContainers = true;
      if (!isDeleted && this.#keeper.addInPlace(cursor, stripe, offset)) return true;
    }
    readRow(cursor, this.#values);
    if (isDeleted) this.#keeper.delete(stripe, offset, this.#values);
    else this.#keeper.store(stripe, offset, this.#values);
    return hasVanished || isListed === isDeleted;
  }

  /** Takes away what is listed below `offset` and was not in the report; true when there was something. */
  #vanishUntil(stripe: Stripe, offset: number): boolean {
    const cursor = this.#cursor;
    const before = cursor.listAt;
    while (cursor.listAt < cursor.listEnd && (cursor.list[cursor.listAt] as number) < offset) {
      this.#keeper.take(stripe, cursor.list[cursor.listAt] as number, cursor.node);
      cursor.listAt++;
    }
    return cursor.listAt !== before;
  }

  /** The list's section becomes what the rows from `firstRow` to the present one say. */
  #rewriteList(stripe: Stripe, firstRow: number, from: number, end: number): void {
    const cursor = this.#cursor;
    const edit = this.#edit;
    const rowsEnd = cursor.row;
    edit.insertCount = 0;
    for (cursor.row = firstRow; cursor.row < rowsEnd; cursor.row += cursor.rowStep) {
      if (!isDeletedRow(cursor)) edit.insertCount++;
    }
    edit.at = from;
    edit.removeCount = end - from;
    this.#lists.resize(cursor.node, stripe.place, edit);
    const { entries } = this.#lists;
    let at = this.#lists.start + from;
    for (cursor.row = firstRow; cursor.row < rowsEnd; cursor.row += cursor.rowStep) {
      if (!isDeletedRow(cursor)) entries[at++] = (cursor.rows[cursor.row] as number) - stripe.firstId;
    }
  }
}
