import type { SeededRandom } from "../../../engine/core/random.js";
import { MESSAGE_KIND } from "../../../engine/raft/message.js";
import type { ReadContext } from "../../../engine/raft/types.js";
import { ENTRY_TYPE } from "../../../engine/raft/types.js";
import { PROPOSAL_BYTES_MIN, proposalPayload } from "./chain.js";
import type { Cluster } from "./cluster.js";
import type { Operators } from "./operators.js";
import { pick } from "./options.js";
import type { Replica } from "./replica.js";

const BATCH_MAX = 4;

/** What clients and operators ask for. */
export class Workload {
  readonly #cluster: Cluster;
  readonly #operators: Operators;
  readonly #random: SeededRandom;
  #proposalCount = 0;
  #readCount = 0;

  constructor(cluster: Cluster, operators: Operators, random: SeededRandom) {
    this.#cluster = cluster;
    this.#operators = operators;
    this.#random = random;
  }

  start(): void {
    const { options } = this.#cluster;
    const random = this.#random;
    this.#cluster.repeat(options.proposalRate, random.stream("propose"), () => this.#propose());
    this.#cluster.repeat(options.readRate, random.stream("read"), () => this.#read());
    this.#cluster.repeat(options.transferRate, random.stream("transfer"), () => this.#transfer());
    this.#cluster.repeat(options.disturbanceRate, random.stream("disturb"), () => this.#disturb());
    this.#cluster.repeat(options.membershipRate, random.stream("members"), () => this.#operators.act());
    if (options.membershipRate > 0) this.#retireNowAndThen();
  }

  /** Proposes a batch at `replica`; a follower forwards it, and its outcome stays unknown. */
  propose(replica: Replica, count: number): void {
    const { payloadBytesMax } = this.#cluster.options;
    const numbers = Array.from({ length: count }, () => ++this.#proposalCount);
    const payloads = numbers.map((number) => {
      const bytes = PROPOSAL_BYTES_MIN + this.#random.below(payloadBytesMax - PROPOSAL_BYTES_MIN + 1);
      return proposalPayload(number, bytes);
    });
    replica.ask(() => {
      if (replica.isLeader) {
        replica.propose(payloads, numbers);
        return;
      }
      const proposals = payloads.map((payload) => ({ type: ENTRY_TYPE.NORMAL, payload }));
      const { id: from } = replica;
      replica.stepCore({ kind: MESSAGE_KIND.PROP, from, to: from, term: 0 as never, proposals });
    });
  }

  read(replica: Replica): void {
    replica.ask(() => {
      const context = ++this.#readCount;
      this.#cluster.checker.onReadBegin(context);
      replica.core.readIndex(context as ReadContext);
    });
  }

  /** Mostly the leader, sometimes anybody. */
  #someone(): Replica | undefined {
    const random = this.#random;
    if (random.below(4) > 0) return this.#cluster.leader();
    const up = this.#cluster.replicas.filter((replica) => replica.isUp);
    return up.length === 0 ? undefined : pick(random, up);
  }

  #propose(): void {
    const replica = this.#someone();
    if (replica !== undefined) this.propose(replica, 1 + this.#random.below(BATCH_MAX));
  }

  #read(): void {
    const replica = this.#someone();
    if (replica !== undefined) this.read(replica);
  }

  #transfer(): void {
    const replica = this.#someone();
    const target = pick(this.#random, this.#cluster.replicas);
    replica?.ask(() => replica.core.transferLeadership(target.id));
  }

  #disturb(): void {
    const replica = this.#someone();
    const campaigns = this.#random.below(2) === 0;
    replica?.ask(() => {
      replica.core.forgetLeader();
      if (campaigns) replica.core.campaign();
    });
  }

  #retireNowAndThen(): void {
    this.#cluster.after(this.#cluster.electionTimeoutUnits, () => {
      if (this.#cluster.isCalm) return;
      this.#operators.retire();
      this.#retireNowAndThen();
    });
  }
}
