import { memberIds } from "../../../engine/raft/conf-change.js";
import type { ConfChangeStep } from "../../../engine/raft/types.js";
import { CONF_CHANGE, CONF_CHANGE_TRANSITION, nodeId } from "../../../engine/raft/types.js";
import { Cluster } from "./cluster.js";
import { Operators } from "./operators.js";
import { type CoreSimOptions, NO_CORE_FAULTS } from "./options.js";
import type { Replica } from "./replica.js";
import { Workload } from "./workload.js";

/** Three members on fast disks and a fast network, and nothing happens by itself. */
const QUIET: CoreSimOptions = {
  steps: 0,
  voterCount: 3,
  asyncShare: 1,
  electionTimeoutTicks: 10,
  heartbeatTicks: 1,
  preVote: true,
  checkQuorum: true,
  appendBytesMax: 1_000,
  inflightCountMax: 8,
  uncommittedBytesMax: 1_000_000,
  committedBytesPerReadyMax: 1_000_000,
  latencyMax: 2,
  syncMax: 2,
  applyMax: 1,
  turnMax: 0,
  flushIntervalMax: 40,
  keptEntriesMax: 1_000,
  markInterval: 1,
  writesCommit: false,
  fetchShare: 0,
  proposalRate: 0,
  payloadBytesMax: 8,
  readRate: 0,
  membershipRate: 0,
  transferRate: 0,
  disturbanceRate: 0,
  faults: NO_CORE_FAULTS,
};

const SETTLED_TIMEOUTS_MAX = 20;

/** A cluster that is led by hand through one story, under the eyes of the same checker. */
export class Scenario {
  readonly cluster: Cluster;
  readonly operators: Operators;
  readonly workload: Workload;

  /** `seed` only decides on small delays and on election timeouts. All members run. */
  constructor(changes: Partial<CoreSimOptions> = {}, seed = 1) {
    this.cluster = new Cluster(seed, { ...QUIET, ...changes });
    this.operators = new Operators(this.cluster, this.cluster.random.stream("operators"));
    this.workload = new Workload(this.cluster, this.operators, this.cluster.random.stream("workload"));
    for (const replica of this.cluster.replicas) replica.start();
  }

  replica(id: number): Replica {
    return this.cluster.replica(id);
  }

  /** T, in ticks. */
  get electionTimeout(): number {
    return this.cluster.options.electionTimeoutTicks;
  }

  /** Runs until `condition` holds, at most `timeouts` election timeouts; returns the ticks it took. */
  until(what: string, condition: () => boolean, timeouts = SETTLED_TIMEOUTS_MAX): number {
    return this.cluster.runUntil(what, condition, timeouts * this.electionTimeout);
  }

  /** Makes `id` the leader. */
  elect(id: number): Replica {
    const replica = this.replica(id);
    this.until(`${id} leads`, () => {
      const leader = this.cluster.leader();
      if (leader === replica && replica.machine.applied === replica.log.lastIndex) return true;
      if (leader === undefined) replica.ask(() => replica.core.campaign());
      else if (leader !== replica) leader.ask(() => leader.core.transferLeadership(replica.id));
      return false;
    });
    return replica;
  }

  /** Proposes `count` entries at `replica`, and does not wait. */
  append(replica: Replica, count: number): void {
    for (let i = 0; i < count; i++) this.workload.propose(replica, 1);
  }

  /** Has the leader commit `count` more entries. */
  commit(count: number, timeouts = SETTLED_TIMEOUTS_MAX): void {
    const wanted = this.cluster.checker.acknowledgedCount + count;
    let proposedAt = -1;
    this.until(
      `${count} proposals are acknowledged`,
      () => {
        const leader = this.cluster.leader();
        const missing = wanted - this.cluster.checker.acknowledgedCount;
        if (missing <= 0) return true;
        // Those of a leader that fell are lost: the next one gets new ones.
        if (leader !== undefined && leader.officeTerm !== proposedAt) {
          proposedAt = leader.officeTerm;
          this.append(leader, missing);
        }
        return false;
      },
      timeouts,
    );
  }

  /** Commits at least `count` more entries, and until the leader's log begins after as many. */
  truncate(count: number): void {
    const leader = this.cluster.leader() as Replica;
    const target = leader.log.lastIndex + count;
    while (leader.log.truncated.index < target) this.commit(1);
  }

  /** Asks `leader` for a change of membership, whatever the rules for hosts say. */
  change(leader: Replica, steps: readonly ConfChangeStep[], isExplicit = false): void {
    const { AUTO, JOINT_EXPLICIT } = CONF_CHANGE_TRANSITION;
    const transition = isExplicit ? JOINT_EXPLICIT : AUTO;
    leader.ask(() => leader.core.proposeConfChange({ transition, steps, context: new Uint8Array(0) }));
  }

  /** Adds a new machine as a learner and waits until it has everything. */
  addLearner(): Replica {
    const learner = this.cluster.addReplica() as Replica;
    learner.start();
    const leader = this.cluster.leader() as Replica;
    this.change(leader, [{ type: CONF_CHANGE.ADD_LEARNER, nodeId: learner.id }]);
    this.until(
      `learner ${learner.id} has everything`,
      () => learner.machine.applied === leader.log.lastIndex,
    );
    return learner;
  }

  /** Cuts every link between the `left` and the others. */
  isolate(...left: readonly number[]): void {
    const { network, replicas } = this.cluster;
    for (const { id: from } of replicas) {
      for (const { id: to } of replicas) {
        if (left.includes(from) !== left.includes(to)) network.cut(from, to);
      }
    }
  }

  /** All members run and hold and apply the same. */
  converge(timeouts = SETTLED_TIMEOUTS_MAX): void {
    this.until(
      "all members have applied everything",
      () => {
        const leader = this.cluster.leader();
        if (leader === undefined) return false;
        const members = memberIds(leader.machine.confState).map((id) => this.replica(id));
        return members.every(({ isUp, machine }) => isUp && machine.applied === leader.log.lastIndex);
      },
      timeouts,
    );
  }
}

export function voter(id: number): ConfChangeStep {
  return { type: CONF_CHANGE.ADD_VOTER, nodeId: nodeId(id) };
}

export function removed(id: number): ConfChangeStep {
  return { type: CONF_CHANGE.REMOVE, nodeId: nodeId(id) };
}
