import { assert } from "../../../engine/core/assert.js";
import type { SeededRandom } from "../../../engine/core/random.js";
import { memberIds } from "../../../engine/raft/conf-change.js";
import type { NodeId } from "../../../engine/raft/types.js";
import { Cluster } from "./cluster.js";
import { CoreFaults } from "./faults.js";
import { Operators } from "./operators.js";
import { type CoreSimOptions, NO_CORE_FAULTS } from "./options.js";
import { Progress } from "./progress.js";
import { isQuorum } from "./quorums.js";
import type { Replica } from "./replica.js";
import { Workload } from "./workload.js";

/** Bounds of the calm at the end, in election timeouts: without any progress, and in all besides what the
 * backlog may take. */
const IDLE_TIMEOUTS_MAX = 60;
const CALM_TIMEOUTS_MAX = 300;
/** One entry in each message, and one message at a time. */
const TICKS_PER_ENTRY_MAX = 20;
/** Of one state to one member. */
const REPEATED_SNAPSHOTS_MAX = 4;
const LAST_PROPOSALS = 3;

/** One run: trouble, then calm, in which everything must come right again (verification.md §7). */
export class CoreSimulation {
  readonly cluster: Cluster;
  readonly faults: CoreFaults;
  readonly operators: Operators;
  readonly workload: Workload;
  readonly progress: Progress;
  /** No quorum was left at the end: of the rules only those of safety were checked. */
  isStuck = false;

  constructor(seed: number, options: CoreSimOptions, onLine?: (line: string) => void) {
    this.cluster = new Cluster(seed, options, onLine);
    const stream = (name: string): SeededRandom => this.cluster.random.stream(name);
    this.operators = new Operators(this.cluster, stream("operators"));
    this.workload = new Workload(this.cluster, this.operators, stream("workload"));
    this.progress = new Progress(this.cluster);
    this.faults = new CoreFaults(this.cluster, stream("faults"));
  }

  run(): void {
    const { cluster } = this;
    for (const replica of cluster.replicas) replica.start();
    this.workload.start();
    this.faults.start();
    while (cluster.checker.steps < cluster.options.steps) cluster.step(Number.MAX_SAFE_INTEGER);
    this.#calm();
    if (!this.#until("somebody leads", () => cluster.leader() !== undefined)) return;
    if (!this.#until("the membership is mended", () => this.#mend())) return;
    this.#converge();
    this.#propose();
    this.#converge();
    this.#checkEnd();
  }

  /** Runs until `condition` holds; throws when there is no progress for long, or progress without end. False
   * when the group is stuck, as it must be: no quorum of it is left. */
  #until(what: string, condition: () => boolean): boolean {
    const { cluster, progress } = this;
    const { electionTimeoutTicks } = cluster.options;
    const limit = CALM_TIMEOUTS_MAX * electionTimeoutTicks + TICKS_PER_ENTRY_MAX * progress.backlog();
    let idleTicks = 0;
    for (let ticks = 0; ticks < limit; ticks++) {
      if (condition()) return true;
      idleTicks = progress.look() ? 0 : idleTicks + 1;
      if (idleTicks > IDLE_TIMEOUTS_MAX * electionTimeoutTicks) break;
      cluster.run(1);
    }
    assert(
      cluster.leader() === undefined && this.#isQuorumLost(),
      `${what}: not for ${idleTicks} ticks without progress`,
    );
    this.isStuck = true;
    return false;
  }

  /** Nobody who runs could be elected under the membership that it acts on. */
  #isQuorumLost(): boolean {
    const { replicas } = this.cluster;
    const runs = (id: NodeId): boolean => this.cluster.replica(id).isUp;
    return replicas.every(({ id, isUp, machine }) => {
      if (!isUp) return true;
      const { confState } = machine;
      return !memberIds(confState).includes(id) || !isQuorum(confState, runs);
    });
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
    cluster.network.forgetSnapshots();
  }

  #mend(): boolean {
    const leader = this.cluster.leader();
    return leader !== undefined && this.operators.mend(leader);
  }

  #members(): Replica[] {
    return memberIds(this.cluster.checker.newestConf).map((id) => this.cluster.replica(id));
  }

  #converge(): void {
    const { cluster } = this;
    const isDone = (): boolean => {
      this.operators.retire();
      const leader = cluster.leader();
      const last = leader?.log.lastIndex;
      return this.#members().every(({ isUp, machine }) => isUp && machine.applied === last);
    };
    this.#until("all members have applied everything", isDone);
  }

  #propose(): void {
    const { cluster } = this;
    const wanted = cluster.checker.acknowledgedCount + LAST_PROPOSALS;
    const isDone = (): boolean => {
      const leader = cluster.leader();
      if (leader !== undefined) this.workload.propose(leader, 1);
      return cluster.checker.acknowledgedCount >= wanted;
    };
    this.#until("proposals are acknowledged", isDone);
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
    const repeated = cluster.network.repeatedSnapshotsMax;
    assert(repeated <= REPEATED_SNAPSHOTS_MAX, `one state was sent ${repeated} times to one member`);
  }
}
