import { REPLICA_ACTION } from "../../engine/cluster/containers/replica-rules.js";
import { STRIPE_ROWS } from "../shared/container-layout.js";
import { emptyReplicaDecision } from "../shared/shard-records.js";
import type { DecisionSender } from "./decision-sender.js";
import { isDeletedRow, type MergeCursor, readRow, rowFrom } from "./merge-cursor.js";
import { emptyReplicaWords, type ReplicaWords } from "./replica-table.js";
import type { ShardCounters } from "./shard-counters.js";
import { SideTable } from "./side-table.js";
import { replicaIndexOf, type Stripe, stateOf } from "./stripe.js";

export interface SideReplicasOptions {
  readonly counters: ShardCounters;
  readonly decisions: DecisionSender;
  readonly idsPerNodeMax: number;
}

/** Ids of a node for which there was no room. */
interface LeftOut {
  lowest: number;
  highest: number;
}

/** What reports say of ids beyond all stripes: their containers are unknown here, and will be when an SCM
 * that lags behind has caught up, or never. */
export class SideReplicas {
  readonly #table: SideTable;
  readonly #counters: ShardCounters;
  readonly #decisions: DecisionSender;
  readonly #leftOut = new Map<number, LeftOut>();
  readonly #values = emptyReplicaWords();
  readonly #oldValues = emptyReplicaWords();
  readonly #decision = emptyReplicaDecision();

  constructor({ counters, decisions, idsPerNodeMax }: SideReplicasOptions) {
    this.#counters = counters;
    this.#decisions = decisions;
    this.#table = new SideTable(idsPerNodeMax);
  }

  /** Ids in the node's set. */
  count(node: number): number {
    return this.#table.count(node);
  }

  /** Nodes have slots below this number. */
  get nodeLimit(): number {
    return this.#table.nodeLimit;
  }

  /** Merges the rows up to `toId` with what the node had from `fromId` on. */
  merge(cursor: MergeCursor, fromId: number, toId: number): void {
    const { node } = cursor;
    let index = this.#table.indexFrom(node, fromId);
    cursor.rowsEnd = rowFrom(cursor, toId + 1);
    for (; cursor.row < cursor.rowsEnd; cursor.row += cursor.rowStep) {
      const id = cursor.rows[cursor.row] as number;
      this.#take(node, index, this.#table.indexFrom(node, id));
      const isListed = this.#isAt(node, index, id);
      if (!isDeletedRow(cursor)) {
        if (this.#store(cursor, index, id)) index++;
      } else if (isListed) this.#take(node, index, index + 1);
    }
    this.#take(node, index, this.#table.indexFrom(node, toId + 1));
  }

  /** Applies the present row of an incremental report. */
  apply(cursor: MergeCursor): void {
    const { node } = cursor;
    const id = cursor.rows[cursor.row] as number;
    const index = this.#table.indexFrom(node, id);
    if (!isDeletedRow(cursor)) this.#store(cursor, index, id);
    else if (this.#isAt(node, index, id)) this.#take(node, index, index + 1);
  }

  /** Takes the replicas of a dead node away; its ids stay. */
  purge(node: number): void {
    const values = this.#values;
    for (let index = 0; index < this.#table.count(node); index++) {
      if (!this.#table.read(node, index, values)) continue;
      values.identity = 0;
      this.#table.write(node, index, values);
      this.#count(-1);
      this.#counters.vanishedCount++;
    }
  }

  /** Hands over all that is known of the stripe's ids and forgets it. `values` is undefined for an id
   * without a replica, and used again. */
  moveOut(stripe: Stripe, onId: (node: number, id: number, values: ReplicaWords | undefined) => void): void {
    const values = this.#values;
    for (let node = 0; node < this.#table.nodeLimit; node++) {
      const from = this.#table.indexFrom(node, stripe.firstId);
      const end = this.#table.indexFrom(node, stripe.firstId + STRIPE_ROWS);
      for (let index = from; index < end; index++) {
        const hasReplica = this.#table.read(node, index, values);
        if (hasReplica) this.#count(-1);
        onId(node, this.#table.idAt(node, index), hasReplica ? values : undefined);
      }
      if (end > from) this.#table.remove(node, from, end - from);
    }
  }

  /** Calls back for each node that had ids in the stripe for which there was no room: only its next full
   * report brings them. */
  takeLeftOut(stripe: Stripe, onNode: (node: number) => void): void {
    for (const [node, { lowest, highest }] of this.#leftOut) {
      if (highest < stripe.firstId || lowest >= stripe.firstId + STRIPE_ROWS) continue;
      this.#leftOut.delete(node);
      onNode(node);
    }
  }

  /** Calls `onReplica` for each replica of the container. `into` is used again. */
  visit(containerId: number, into: ReplicaWords, onReplica: () => void): void {
    for (let node = 0; node < this.#table.nodeLimit; node++) {
      const index = this.#table.indexFrom(node, containerId);
      if (!this.#isAt(node, index, containerId)) continue;
      if (this.#table.read(node, index, into)) onReplica();
    }
  }

  /** Adds the node's ids in [fromId, toId] to `ids`, ascending, until it holds `countMax`. */
  collectIds(node: number, range: { fromId: number; toId: number }, ids: number[], countMax: number): void {
    let index = this.#table.indexFrom(node, range.fromId);
    for (; index < this.#table.count(node) && ids.length < countMax; index++) {
      const id = this.#table.idAt(node, index);
      if (id > range.toId) return;
      ids.push(id);
    }
  }

  /** Says again that the container of the node's entry `index` is unknown. */
  recheck(node: number, index: number): void {
    const values = this.#values;
    if (this.#table.read(node, index, values)) this.#decide(this.#table.idAt(node, index), values);
  }

  /** O(entries); returns the number of replicas. */
  checkInvariants(): number {
    return this.#table.checkInvariants();
  }

  #isAt(node: number, index: number, id: number): boolean {
    return index < this.#table.count(node) && this.#table.idAt(node, index) === id;
  }

  /** Puts the present row at `index`, its place in the order; false when the node has its limit of ids. */
  #store(cursor: MergeCursor, index: number, id: number): boolean {
    const { node } = cursor;
    const counters = this.#counters;
    counters.unknownRowCount++;
    if (!this.#isAt(node, index, id) && !this.#table.insert(node, index, id)) {
      counters.rejectedCount++;
      this.#leaveOut(node, id);
      return false;
    }
    const old = this.#oldValues;
    const values = this.#values;
    readRow(cursor, values);
    if (!this.#table.read(node, index, old)) {
      this.#count(1);
      counters.addedCount++;
    } else if (!isSame(old, values)) counters.updatedCount++;
    this.#table.write(node, index, values);
    this.#decide(id, values);
    return true;
  }

  /** Takes the node's ids from index `from` to below `end` away. */
  #take(node: number, from: number, end: number): void {
    if (end <= from) return;
    for (let index = from; index < end; index++) {
      if (!this.#table.read(node, index, this.#oldValues)) continue;
      this.#count(-1);
      this.#counters.vanishedCount++;
    }
    this.#table.remove(node, from, end - from);
  }

  #count(change: 1 | -1): void {
    this.#counters.replicaCount += change;
    this.#counters.unknownReplicaCount += change;
    this.#counters.sideReplicaCount += change;
  }

  #leaveOut(node: number, id: number): void {
    const leftOut = this.#leftOut.get(node);
    if (leftOut === undefined) {
      this.#leftOut.set(node, { lowest: id, highest: id });
      return;
    }
    leftOut.lowest = Math.min(leftOut.lowest, id);
    leftOut.highest = Math.max(leftOut.highest, id);
  }

  #decide(id: number, { node, identity, sequenceId }: Readonly<ReplicaWords>): void {
    const decision = this.#decision;
    decision.action = REPLICA_ACTION.UNKNOWN;
    decision.containerId = id;
    decision.node = node;
    decision.replicaIndex = replicaIndexOf(identity);
    decision.replicaState = stateOf(identity);
    decision.sequenceId = sequenceId;
    this.#decisions.send(decision);
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
