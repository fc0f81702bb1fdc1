import type { Random } from "../../../engine/core/random.js";
import {
  changeSimply,
  enterJoint,
  isJoint,
  memberIds,
  restoreMembership,
} from "../../../engine/raft/conf-change.js";
import { encodeConfChange } from "../../../engine/raft/conf-change-codec.js";
import { MESSAGE_KIND } from "../../../engine/raft/message.js";
import type { ConfChange, ConfChangeStep, ConfState, NodeId } from "../../../engine/raft/types.js";
import { CONF_CHANGE, CONF_CHANGE_TRANSITION, ENTRY_TYPE } from "../../../engine/raft/types.js";
import type { Cluster } from "./cluster.js";
import { pick } from "./options.js";
import { isQuorum } from "./quorums.js";
import type { Replica } from "./replica.js";

const MEMBERS_MAX = 7;
const NO_CONTEXT = new Uint8Array(0);

/** Operators who change the membership, several at once and at any leader, by the rules of raft.md §8: a new
 * voter was a learner that is caught up, a change is judged against what is applied, and nobody is voted out
 * who is needed. */
export class Operators {
  readonly #cluster: Cluster;
  readonly #random: Random;

  constructor(cluster: Cluster, random: Random) {
    this.#cluster = cluster;
    this.#random = random;
  }

  /** Asks some leader for some change. */
  act(): void {
    const leaders = this.#cluster.replicas.filter((replica) => replica.isLeader);
    if (leaders.length === 0) return;
    const leader = pick(this.#random, leaders);
    leader.ask(() => {
      if (!leader.isLeader) return;
      const change = this.#draw(leader);
      if (change !== undefined) this.propose(leader, change);
    });
  }

  /** Makes `id` a voter if it is a learner that is caught up; else false. */
  promote(leader: Replica, id: NodeId): boolean {
    if (!this.#isCaughtUp(leader, id)) return false;
    leader.ask(() => this.propose(leader, changeOf([{ type: CONF_CHANGE.ADD_VOTER, nodeId: id }])));
    return true;
  }

  /** Asks for the next change that brings the group to what it should be at the end: no harmed member, no
   * joint membership. True when nothing is left to do. */
  mend(leader: Replica): boolean {
    const { confState } = leader.machine;
    const harmed = this.#harmed(confState);
    if (isJoint(confState)) {
      if (!confState.autoLeave) leader.ask(() => this.propose(leader, LEAVE_JOINT));
      return false;
    }
    if (harmed === undefined) return true;
    leader.ask(() => this.propose(leader, changeOf([{ type: CONF_CHANGE.REMOVE, nodeId: harmed }])));
    return false;
  }

  /** Shuts those down that are no members any more, once a crash of everybody would not make them members
   * again. */
  retire(): void {
    const { replicas, checker } = this.#cluster;
    const conf = checker.newestConf;
    const members = memberIds(conf);
    const knows = (id: NodeId): boolean => isDurablyIn(this.#cluster.replica(id), checker.newestConfIndex);
    if (!isQuorum(conf, knows)) return;
    for (const replica of replicas) {
      const isLate = replica.state === "up" || replica.state === "down";
      if (isLate && !members.includes(replica.id) && this.#hasJoined(replica)) replica.retire();
    }
  }

  /** Proposes `change`, which the host has found to be right for what is applied; the core decides. */
  propose(leader: Replica, change: ConfChange): void {
    if (leader.isStalled) return;
    const { steps } = change;
    const step = steps.length === 1 ? steps[0] : undefined;
    const isV1 = change.transition === CONF_CHANGE_TRANSITION.AUTO && this.#random.below(4) === 0;
    if (step !== undefined && isV1) {
      const proposals = [{ type: ENTRY_TYPE.CONF_CHANGE_V1, payload: encodeConfChange(change) }];
      const { id: from } = leader;
      leader.stepCore({ kind: MESSAGE_KIND.PROP, from, to: from, term: 0 as never, proposals });
    } else {
      leader.core.proposeConfChange(change);
    }
  }

  /** Somebody was a member, and is not a newcomer that waits to become one. */
  #hasJoined(replica: Replica): boolean {
    return replica.disk.log.truncated.index > 0;
  }

  #draw(leader: Replica): ConfChange | undefined {
    const random = this.#random;
    const { confState } = leader.machine;
    if (isJoint(confState)) return confState.autoLeave ? undefined : LEAVE_JOINT;
    const steps = pick(random, [
      () => this.#addLearner(confState),
      () => this.#promote(leader),
      () => this.#promote(leader),
      () => this.#remove(confState),
      () => this.#replace(leader),
      () => this.#demote(confState),
    ])();
    if (steps === undefined) return undefined;
    const transition = pick(random, Object.values(CONF_CHANGE_TRANSITION));
    const change: ConfChange = { transition, steps, context: NO_CONTEXT };
    return this.#isRight(confState, change) ? change : undefined;
  }

  #addLearner(confState: ConfState): ConfChangeStep[] | undefined {
    if (memberIds(confState).length >= MEMBERS_MAX) return undefined;
    const waiting = this.#cluster.replicas.find(
      (replica) => replica.isUp && !this.#hasJoined(replica) && !memberIds(confState).includes(replica.id),
    );
    const newcomer = waiting ?? this.#cluster.addReplica();
    if (newcomer === undefined) return undefined;
    if (newcomer.state === "down") newcomer.start();
    return [{ type: CONF_CHANGE.ADD_LEARNER, nodeId: newcomer.id }];
  }

  #promote(leader: Replica): ConfChangeStep[] | undefined {
    const id = leader.machine.confState.learners.find((learner) => this.#isCaughtUp(leader, learner));
    return id === undefined ? undefined : [{ type: CONF_CHANGE.ADD_VOTER, nodeId: id }];
  }

  /** Whether `id` is a learner that holds everything committed, the newest change of membership included. */
  #isCaughtUp(leader: Replica, id: NodeId): boolean {
    const { progress, hardState } = leader.core.status();
    const needed = Math.max(hardState.commit, leader.machine.confIndex);
    return progress.some((member) => member.id === id && member.isLearner && member.match >= needed);
  }

  #remove(confState: ConfState): ConfChangeStep[] | undefined {
    const id = this.#harmed(confState) ?? pick(this.#random, memberIds(confState));
    return [{ type: CONF_CHANGE.REMOVE, nodeId: id }];
  }

  #replace(leader: Replica): ConfChangeStep[] | undefined {
    const steps = this.#promote(leader);
    if (steps === undefined) return undefined;
    const { voters } = leader.machine.confState;
    const type = pick(this.#random, [CONF_CHANGE.REMOVE, CONF_CHANGE.REMOVE, CONF_CHANGE.ADD_LEARNER]);
    return [...steps, { type, nodeId: pick(this.#random, voters) }];
  }

  #demote({ voters }: ConfState): ConfChangeStep[] {
    return [{ type: CONF_CHANGE.ADD_LEARNER, nodeId: pick(this.#random, voters) }];
  }

  /** Whether the core will take it when it is applied, and the unharmed ones can decide in each half. */
  #isRight(before: ConfState, change: ConfChange): boolean {
    const added = { lastIndex: 0 as never, inflightLimits: { countMax: 1, bytesMax: 1 } };
    const membership = restoreMembership(before, added);
    const isSimple = change.transition === CONF_CHANGE_TRANSITION.AUTO && change.steps.length === 1;
    const result = isSimple
      ? changeSimply(membership, change.steps, added)
      : enterJoint(membership, change.steps, { ...added, autoLeave: false });
    if (result.kind === "refused") return false;
    const { voters } = result.membership.confState;
    const isSound = (id: NodeId): boolean => !isHarmed(this.#cluster.replica(id));
    // Those who leave may know of it alone, with the longest logs: they campaign no more and vote for nobody.
    // Those who stay must be able to decide under the old membership without them (raft.md §8).
    const canDecide = isQuorum(before, (id) => voters.includes(id) && isSound(id));
    return canDecide && isQuorum(result.membership.confState, isSound);
  }

  #harmed(confState: ConfState): NodeId | undefined {
    return memberIds(confState).find((id) => isHarmed(this.#cluster.replica(id)));
  }
}

const LEAVE_JOINT: ConfChange = changeOf([]);

export function changeOf(steps: readonly ConfChangeStep[]): ConfChange {
  return { transition: CONF_CHANGE_TRANSITION.AUTO, steps, context: NO_CONTEXT };
}

function isHarmed({ disk }: Replica): boolean {
  return disk.damageKind !== undefined;
}

/** Whether the change at `confIndex` is in effect at `replica` after any crash: it is in its state, or known
 * to be committed. */
export function isDurablyIn({ disk }: Replica, confIndex: number): boolean {
  if (disk.damageKind !== undefined) return false;
  return disk.durableApplied >= confIndex || disk.hardState.commit >= confIndex;
}
