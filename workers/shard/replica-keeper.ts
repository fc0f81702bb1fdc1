import { REPLICA_ACTION } from "../../engine/cluster/containers/replica-rules.js";
import { assert } from "../../engine/core/assert.js";
import { REPLICA_FLAG } from "../shared/replica-layout.js";
import { emptyReplicaDecision, type LiveUsage } from "../shared/shard-records.js";
import {
  type Combination,
  combine,
  liveKeyCount,
  liveSequenceId,
  liveUsedBytes,
  setLiveSequenceId,
  setLiveUsage,
} from "./accounting.js";
import { ContainerFacts, sequenceRisesIn } from "./container-facts.js";
import type { DecisionSender } from "./decision-sender.js";
import { addInPlace, isAllSettledCounting } from "./in-place.js";
import type { MergeCursor } from "./merge-cursor.js";
import { PUT, type Put, ReplicaTable, type ReplicaWords, type RowSums } from "./replica-table.js";
import type { ShardCounters } from "./shard-counters.js";
import {
  containerState,
  flagsAt,
  isUsable,
  replicaCount,
  replicaIndexOf,
  type Stripe,
  setContainerState,
  shapeAt,
  stateOf,
} from "./stripe.js";

export interface ReplicaKeeperOptions {
  readonly counters: ShardCounters;
  readonly decisions: DecisionSender;
  /** Rows of REPLICATION_ROW. */
  readonly replications: SharedArrayBuffer;
}

/** Records one replica at a time with all that follows for its container: the live usage (spec 02 §6), what
 * it means (§9), and which replicas are settled.
 *
 *   report ─► index check ─► row written ─► usage, sequence id ─► decision ─► flags of all places
 *
 * A row is named by its stripe and the container's offset in it. */
export class ReplicaKeeper {
  readonly #table = new ReplicaTable();
  readonly #facts: ContainerFacts;
  readonly #counters: ShardCounters;
  readonly #decisions: DecisionSender;
  readonly #combined: Combination = { usedBytes: 0, keyCount: 0, exists: false };
  readonly #decision = emptyReplicaDecision();

  constructor({ counters, decisions, replications }: ReplicaKeeperOptions) {
    this.#counters = counters;
    this.#decisions = decisions;
    this.#facts = new ContainerFacts(replications);
  }

  get overflowBlockCount(): number {
    return this.#table.overflowBlockCount;
  }

  /** A report says that `values.node` has this replica; its state is not DELETED. A replica index that does
   * not fit the EC container leaves what was recorded before (spec 02 §7.4d). */
  store(stripe: Stripe, offset: number, values: Readonly<ReplicaWords>): void {
    const table = this.#table;
    const counters = this.#counters;
    const isFound = table.find(stripe, offset, values.node);
    if (isFound && isSettled(table.flags(stripe, offset)) && table.isSame(stripe, offset, values)) return;
    const put = this.#record(stripe, offset, values);
    if (put === PUT.ADDED) counters.addedCount++;
    else if (put === PUT.CHANGED) counters.updatedCount++;
    if (put !== PUT.REJECTED && this.#facts.state === 0) counters.unknownRowCount++;
  }

  /** Adds the present row of the merge the short way, if that can be done. */
  addInPlace(cursor: MergeCursor, stripe: Stripe, offset: number): boolean {
    if (!addInPlace(cursor, stripe, offset, this.#facts)) return false;
    this.#counters.addedCount++;
    this.#counters.replicaCount++;
    return true;
  }

  /** As `store`, for a replica that was known before its row was. */
  moveIn(stripe: Stripe, offset: number, values: Readonly<ReplicaWords>): void {
    this.#record(stripe, offset, values);
  }

  /** A report says that `values.node` has deleted its replica. */
  delete(stripe: Stripe, offset: number, values: Readonly<ReplicaWords>): void {
    this.#look(stripe, offset);
    if (this.#table.remove(stripe, offset, values.node)) {
      this.#countRemoved(stripe, offset);
      this.#settle(stripe, offset);
    }
    // Of a container that nobody knows, what is gone needs no deletion.
    if (this.#facts.state === 0 || !this.#facts.allowsIndex(replicaIndexOf(values.identity))) return;
    this.#decide(stripe, offset, values, liveSequenceId(stripe, offset));
  }

  /** Takes away a replica that was not in a full report any more, or whose node is dead, if there is one. */
  take(stripe: Stripe, offset: number, node: number): void {
    if (!this.#table.remove(stripe, offset, node)) return;
    this.#countRemoved(stripe, offset);
    this.#look(stripe, offset);
    this.#settle(stripe, offset);
  }

  /** The container's row may be another than before: takes it over and decides again. */
  recheck(stripe: Stripe, offset: number): void {
    if (replicaCount(stripe, offset) === 0 && containerState(stripe, offset) === 0) return;
    const facts = this.#facts;
    facts.read(stripe, offset);
    const isCurrent = facts.isCurrent(containerState(stripe, offset), liveSequenceId(stripe, offset));
    const { words } = stripe;
    const isSettled = isAllSettledCounting(
      words[flagsAt(offset)] as number,
      words[shapeAt(offset)] as number,
    );
    // As most are. Of an EC container the index of each replica is looked at anew.
    if (isCurrent && isSettled && !facts.isEc) return;
    this.#takeOver(stripe, offset);
    this.#decideAgain(stripe, offset);
  }

  /** Calls `onReplica` for each replica. `into` is used again. */
  copyHolders(stripe: Stripe, offset: number, into: Uint32Array, at: number): number {
    return this.#table.copyHolders(stripe, offset, into, at);
  }

  visit(stripe: Stripe, offset: number, into: ReplicaWords, onReplica: () => void): void {
    const target = { index: 0, into };
    for (; target.index < replicaCount(stripe, offset); target.index++) {
      this.#table.read(stripe, offset, target);
      onReplica();
    }
  }

  /** Undefined: the container is unknown. */
  liveUsage(stripe: Stripe, offset: number): LiveUsage | undefined {
    if (containerState(stripe, offset) === 0) return undefined;
    return {
      usedBytes: liveUsedBytes(stripe, offset),
      keyCount: liveKeyCount(stripe, offset),
      sequenceId: liveSequenceId(stripe, offset),
    };
  }

  /** O(replicas of the row). Adds what the row holds to `sums`. */
  checkRow(stripe: Stripe, offset: number, sums: RowSums): void {
    const table = this.#table;
    table.checkRow(stripe, offset, sums);
    this.#facts.read(stripe, offset);
    // What is known of the container trails its row by the records that are on the way.
    if (this.#facts.state !== containerState(stripe, offset)) return;
    combine(table, stripe, offset, this.#combined);
    const id = stripe.firstId + offset;
    for (let index = 0; index < replicaCount(stripe, offset); index++) {
      table.locate(stripe, offset, index);
      const counts = this.#facts.counts(replicaIndexOf(table.identity(stripe, offset)));
      const flags = (counts ? REPLICA_FLAG.COUNTS : 0) | this.#settledFlags(stripe, offset);
      const mask = REPLICA_FLAG.COUNTS | REPLICA_FLAG.SETTLED | REPLICA_FLAG.AS_HEAD;
      assert((table.flags(stripe, offset) & mask) === flags, `container ${id}: flags of replica ${index}`);
    }
  }

  /** After `checkRow` of every row. */
  checkInvariants(sums: Readonly<RowSums>): void {
    this.#table.checkInvariants(sums);
  }

  #record(stripe: Stripe, offset: number, values: Readonly<ReplicaWords>): Put {
    const table = this.#table;
    const counters = this.#counters;
    this.#look(stripe, offset);
    // The look may have taken others away, and moved this one.
    table.find(stripe, offset, values.node);
    const put = this.#facts.allowsIndex(replicaIndexOf(values.identity))
      ? table.put(stripe, offset, values)
      : PUT.REJECTED;
    if (put === PUT.REJECTED) {
      counters.rejectedCount++;
      return put;
    }
    if (put === PUT.ADDED) {
      counters.replicaCount++;
      if (this.#facts.state === 0) counters.unknownReplicaCount++;
    }
    const sequenceBefore = liveSequenceId(stripe, offset);
    this.#account(stripe, offset, values);
    this.#settle(stripe, offset);
    this.#decide(stripe, offset, values, sequenceBefore);
    return put;
  }

  /** Reads the container's row, and takes it over when it is another one than before. */
  #look(stripe: Stripe, offset: number): void {
    const facts = this.#facts;
    facts.read(stripe, offset);
    if (facts.isCurrent(containerState(stripe, offset), liveSequenceId(stripe, offset))) return;
    this.#takeOver(stripe, offset);
    this.#decideAgain(stripe, offset);
  }

  /** Sequence id of the container as its row and the reports say. Where reports do not raise it, the row
   * alone does: all SCMs have to compare with the same number (spec 02 §9.3). */
  #sequenceFrom(stripe: Stripe, offset: number): number {
    const { sequenceRises, sequenceId } = this.#facts;
    return sequenceRises ? Math.max(sequenceId, liveSequenceId(stripe, offset)) : sequenceId;
  }

  /** Derives anew what stands in the replica row and depends on the container's. A container that was not
   * known begins with what its row says, and its replicas count as reported now. */
  #takeOver(stripe: Stripe, offset: number): void {
    const facts = this.#facts;
    const wasKnown = containerState(stripe, offset) !== 0;
    const isKnown = facts.state !== 0;
    if (wasKnown !== isKnown) {
      this.#counters.unknownReplicaCount += (wasKnown ? 1 : -1) * replicaCount(stripe, offset);
    }
    setLiveSequenceId(stripe, offset, this.#sequenceFrom(stripe, offset));
    if (isKnown && !wasKnown) setLiveUsage(stripe, offset, facts.usedBytes, facts.keyCount);
    // Last: with a state, main takes the head for the container's figures.
    setContainerState(stripe, offset, facts.state);
    this.#checkIndexes(stripe, offset);
    if (isKnown && !wasKnown) this.#accountAll(stripe, offset);
    this.#settle(stripe, offset);
  }

  /** Drops replicas whose index does not fit, and notes which ones count. */
  #checkIndexes(stripe: Stripe, offset: number): void {
    const table = this.#table;
    for (let index = replicaCount(stripe, offset) - 1; index >= 0; index--) {
      table.locate(stripe, offset, index);
      const replicaIndex = replicaIndexOf(table.identity(stripe, offset));
      if (this.#facts.allowsIndex(replicaIndex)) {
        const flags = table.flags(stripe, offset) & ~REPLICA_FLAG.COUNTS;
        table.setFlags(stripe, offset, flags | (this.#facts.counts(replicaIndex) ? REPLICA_FLAG.COUNTS : 0));
      } else {
        table.remove(stripe, offset, table.node(stripe, offset));
        this.#countRemoved(stripe, offset);
        this.#counters.rejectedCount++;
      }
    }
  }

  #countRemoved(stripe: Stripe, offset: number): void {
    this.#counters.replicaCount--;
    this.#counters.vanishedCount++;
    if (containerState(stripe, offset) === 0) this.#counters.unknownReplicaCount--;
  }

  /** Spec 02 §6 for a replica that was just written, at which the table has stopped. */
  #account(stripe: Stripe, offset: number, values: Readonly<ReplicaWords>): void {
    const table = this.#table;
    const counts = this.#facts.counts(replicaIndexOf(values.identity));
    const flags = table.flags(stripe, offset) & ~REPLICA_FLAG.COUNTS;
    table.setFlags(stripe, offset, flags | (counts ? REPLICA_FLAG.COUNTS : 0));
    if (!isUsable(values.identity)) return;
    if (this.#facts.sequenceRises && values.sequenceId > liveSequenceId(stripe, offset)) {
      setLiveSequenceId(stripe, offset, values.sequenceId);
    }
    if (!counts) return;
    combine(table, stripe, offset, this.#combined);
    setLiveUsage(stripe, offset, this.#combined.usedBytes, this.#combined.keyCount);
  }

  /** The same for all replicas of the row, as if each were reported now. */
  #accountAll(stripe: Stripe, offset: number): void {
    const table = this.#table;
    let hasCounting = false;
    let sequenceId = liveSequenceId(stripe, offset);
    for (let index = 0; index < replicaCount(stripe, offset); index++) {
      table.locate(stripe, offset, index);
      if (!isUsable(table.identity(stripe, offset))) continue;
      sequenceId = Math.max(sequenceId, table.sequenceId(stripe, offset));
      if ((table.flags(stripe, offset) & REPLICA_FLAG.COUNTS) !== 0) hasCounting = true;
    }
    if (this.#facts.sequenceRises) setLiveSequenceId(stripe, offset, sequenceId);
    if (!hasCounting) return;
    combine(table, stripe, offset, this.#combined);
    setLiveUsage(stripe, offset, this.#combined.usedBytes, this.#combined.keyCount);
  }

  /** Brings the flags of all places up to date. The facts are those of the container. */
  #settle(stripe: Stripe, offset: number): void {
    const table = this.#table;
    combine(table, stripe, offset, this.#combined);
    const count = replicaCount(stripe, offset);
    for (let index = 0; index < count; index++) {
      table.locate(stripe, offset, index);
      const settledFlags = this.#settledFlags(stripe, offset);
      if ((settledFlags & REPLICA_FLAG.AS_HEAD) === 0) table.unfold(stripe, offset);
      const otherFlags = table.flags(stripe, offset) & ~(REPLICA_FLAG.AS_HEAD | REPLICA_FLAG.SETTLED);
      table.setFlags(stripe, offset, otherFlags | settledFlags);
    }
  }

  /** SETTLED and AS_HEAD of the replica stopped at; `#combined` holds what the row's replicas say. */
  #settledFlags(stripe: Stripe, offset: number): number {
    const table = this.#table;
    const state = containerState(stripe, offset);
    if (state === 0) return 0;
    const identity = table.identity(stripe, offset);
    const sequenceId = table.sequenceId(stripe, offset);
    const live = liveSequenceId(stripe, offset);
    const usedBytes = liveUsedBytes(stripe, offset);
    const keyCount = liveKeyCount(stripe, offset);
    if (isUsable(identity)) {
      const combined = this.#combined;
      const counts = (table.flags(stripe, offset) & REPLICA_FLAG.COUNTS) !== 0;
      if (counts && (combined.usedBytes !== usedBytes || combined.keyCount !== keyCount)) return 0;
      if (sequenceId > live && sequenceRisesIn(state)) return 0;
    }
    if (this.#facts.actionOf(identity, sequenceId, live) !== REPLICA_ACTION.NONE) return 0;
    const isAsHead =
      table.isInRow &&
      table.usedBytes(stripe, offset) === usedBytes &&
      table.keyCount(stripe, offset) === keyCount &&
      sequenceId === live;
    return isAsHead ? REPLICA_FLAG.SETTLED | REPLICA_FLAG.AS_HEAD : REPLICA_FLAG.SETTLED;
  }

  /** Sends what the replica means, if anything. */
  #decide(stripe: Stripe, offset: number, values: Readonly<ReplicaWords>, sequenceBefore: number): void {
    const { identity, sequenceId } = values;
    const action = this.#facts.actionOf(identity, sequenceId, sequenceBefore);
    if (action === REPLICA_ACTION.NONE) return;
    const decision = this.#decision;
    const isResurrection =
      action === REPLICA_ACTION.RESURRECT_CLOSED || action === REPLICA_ACTION.RESURRECT_QUASI_CLOSED;
    decision.containerId = stripe.firstId + offset;
    decision.action = action;
    decision.node = values.node;
    decision.replicaIndex = replicaIndexOf(identity);
    decision.replicaState = stateOf(identity);
    decision.sequenceId = isResurrection ? sequenceId : liveSequenceId(stripe, offset);
    decision.usedBytes = liveUsedBytes(stripe, offset);
    decision.keyCount = liveKeyCount(stripe, offset);
    this.#decisions.send(decision);
  }

  readonly #again: { index: number; into: ReplicaWords } = {
    index: 0,
    into: { node: 0, usedBytes: 0, sequenceId: 0, keyCount: 0, identity: 0, checksumLow: 0, checksumHigh: 0 },
  };

  /** Decides for each replica that is recorded, but for settled ones: they mean nothing. */
  #decideAgain(stripe: Stripe, offset: number): void {
    const target = this.#again;
    const live = liveSequenceId(stripe, offset);
    const count = replicaCount(stripe, offset);
    for (target.index = 0; target.index < count; target.index++) {
      this.#table.locate(stripe, offset, target.index);
      if (isSettled(this.#table.flags(stripe, offset))) continue;
      this.#table.read(stripe, offset, target);
      this.#decide(stripe, offset, target.into, live);
    }
  }
}

function isSettled(flags: number): boolean {
  return (flags & REPLICA_FLAG.SETTLED) !== 0;
}
