import { assert } from "../../../engine/core/assert.js";
import type { SeededRandom } from "../../../engine/core/random.js";
import { Cluster } from "./cluster.js";
import { CoreFaults } from "./faults.js";
import { idsOf, Operators } from "./operators.js";
import { type CoreSimOptions, NO_CORE_FAULTS } from "./options.js";
import type { Replica } from "./replica.js";
import { Workload } from "./workload.js";

/** Bounds of the calm at the end. */
const LEADER_TIMEOUTS_MAX = 20;
const MENDED_TIMEOUTS_MAX = 100;
const CONVERGED_TIMEOUTS_MAX = 60;
const SNAPSHOTS_PER_MEMBER_MAX = 4;
const LAST_PROPOSALS = 3;

/** One run: trouble, then calm, in which everything must come right again (verification.md §7). */
export class CoreSimulation {
  readonly cluster: Cluster;
  readonly faults: CoreFaults;
  readonly operators: Operators;
  readonly workload: Workload;

  constructor(seed: number, options: CoreSimOptions, onLine?: (line: string) => void) {
    this.cluster = new Cluster(seed, options, onLine);
    const stream = (name: string): SeededRandom => this.cluster.random.stream(name);
    this.operators = new Operators(this.cluster, stream("operators"));
    this.workload = new Workload(this.cluster, this.operators, stream("workload"));
    this.faults = new CoreFaults(this.cluster, stream("faults"));
  }

  run(): void {
    const { cluster } = this;
    for (const replica of cluster.replicas) replica.start();
    this.workload.start();
    this.faults.start();
    while (cluster.checker.steps < cluster.options.steps) cluster.step(Number.MAX_SAFE_INTEGER);
    this.#calm();
    const { electionTimeoutTicks } = cluster.options;
    const leads = (): boolean => cluster.leader() !== undefined;
    cluster.runUntil("somebody leads", leads, LEADER_TIMEOUTS_MAX * electionTimeoutTicks);
    cluster.runUntil(
      "the membership is mended",
      () => this.#mend(),
      MENDED_TIMEOUTS_MAX * electionTimeoutTicks,
    );
    this.#converge();
    this.#propose();
    this.#converge();
    this.#checkEnd();
  }

  /** Trouble ends, what has become slow is fast. */
  #calm(): void {
    const { cluster } = this;
    const { options } = cluster;
    cluster.trace.words(0, "calm");
    cluster.isCalm = true;
    cluster.change({
      ...options,
      latencyMax: Math.min(options.latencyMax, 4),
      syncMax: Math.min(options.syncMax, 4),
      applyMax: Math.min(options.applyMax, 4),
      faults: NO_CORE_FAULTS,
    });
    this.faults.heal();
    cluster.network.snapshotCount = 0;
  }

  #mend(): boolean {
    const leader = this.cluster.leader();
    return leader !== undefined && this.operators.mend(leader);
  }

  #members(): Replica[] {
    return idsOf(this.cluster.checker.newestConf).map((id) => this.cluster.replica(id));
  }

  #converge(): void {
    const { cluster } = this;
    const isDone = (): boolean => {
      this.operators.retire();
      const leader = cluster.leader();
      const last = leader?.log.lastIndex;
      return this.#members().every(({ isUp, machine }) => isUp && machine.applied === last);
    };
    const limit = CONVERGED_TIMEOUTS_MAX * cluster.options.electionTimeoutTicks;
    cluster.runUntil("all members have applied everything", isDone, limit);
  }

  #propose(): void {
    const { cluster } = this;
    const wanted = cluster.checker.acknowledgedCount + LAST_PROPOSALS;
    const isDone = (): boolean => {
      const leader = cluster.leader();
      if (leader !== undefined) this.workload.propose(leader, 1);
      return cluster.checker.acknowledgedCount >= wanted;
    };
    const limit = CONVERGED_TIMEOUTS_MAX * cluster.options.electionTimeoutTicks;
    cluster.runUntil("proposals are acknowledged", isDone, limit);
  }

  /** Same log, same state, same membership; and no endless sending of state (hashicorp/raft#697). */
  #checkEnd(): void {
    const { cluster } = this;
    const members = this.#members();
    const [first] = members;
    assert(first !== undefined, "a group has members");
    for (const { id, log, machine } of members) {
      assert(machine.hash === first.machine.hash, `the states of ${id} and ${first.id} differ at the end`);
      assert(
        log.last().chain === first.log.last().chain,
        `the logs of ${id} and ${first.id} differ at the end`,
      );
      cluster.trace.sum(machine.hash);
    }
    const { snapshotCount } = cluster.network;
    const limit = SNAPSHOTS_PER_MEMBER_MAX * members.length;
    assert(snapshotCount <= limit, `${snapshotCount} snapshots were sent to ${members.length} members`);
  }
}
