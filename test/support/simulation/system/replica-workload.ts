import type { ReplicaState } from "../../../../engine/core/enums.js";
import type { SeededRandom } from "../../../../engine/core/random.js";
import type { Timer } from "../../../../engine/core/scheduler.js";
import type { ReportRow } from "../../../../protocol/codec/report-rows.js";
import type { SimWorld } from "../sim-world.js";
import { pick, type SimOptions } from "./options.js";
import type { SimPlan } from "./plan.js";
import type { SimDatanode } from "./sim-datanode.js";

const INITIAL_REPLICAS_MAX = 60;
const STATES: readonly ReplicaState[] = [
  "OPEN",
  "OPEN",
  "CLOSING",
  "QUASI_CLOSED",
  "CLOSED",
  "CLOSED",
  "UNHEALTHY",
  "INVALID",
];

/** Most of whose replicas are open, so that datanodes ask to close it, and close it when they are told. */
function isYoung(containerId: number): boolean {
  return containerId % 3 === 0;
}

export interface ReplicaWorkloadParts {
  readonly world: SimWorld;
  readonly options: SimOptions;
  readonly plan: SimPlan;
  readonly random: SeededRandom;
  readonly datanodes: readonly SimDatanode[];
}

/** What happens to replicas: they are made, change, move, are deleted, get lost; and datanodes report in
 * full now and then. */
export class ReplicaWorkload {
  readonly #parts: ReplicaWorkloadParts;
  readonly #timers: Timer[] = [];
  /** How far each container has been written, beyond what its record says when it is imported. */
  readonly #written = new Map<number, number>();

  constructor(parts: ReplicaWorkloadParts) {
    this.#parts = parts;
  }

  /** Fills the datanodes, of which nobody has heard yet. */
  prepare(): void {
    const { options, plan, random, datanodes } = this.#parts;
    for (const datanode of datanodes) {
      for (let left = random.below(INITIAL_REPLICAS_MAX); left > 0; left--) {
        datanode.put(this.#row(datanode, plan.anyReplicaId(random)));
      }
      if (datanode.number >= options.largeDatanodeCount) continue;
      for (const id of plan.bulkIds) datanode.put(this.#row(datanode, id));
    }
  }

  work(): void {
    const { options, datanodes } = this.#parts;
    for (const datanode of datanodes) {
      this.#repeat(
        () => this.#drawn(1000 / options.changeRate),
        () => this.#change(datanode),
      );
      this.#repeat(
        () => options.fullReportIntervalMs * (0.5 + this.#parts.random.fraction()),
        () => datanode.fullReport(),
      );
    }
  }

  rest(): void {
    for (const timer of this.#timers.splice(0)) timer.cancel();
    // Who is no member of the pipeline is never told, and would ask for ever.
    for (const datanode of this.#parts.datanodes) datanode.forgetWishes();
  }

  #repeat(delayMs: () => number, task: () => void): void {
    const index = this.#timers.length;
    const again = (): void => {
      this.#timers[index] = this.#parts.world.scheduler.after(delayMs(), () => {
        again();
        task();
      });
    };
    again();
  }

  #drawn(meanMs: number): number {
    return -Math.log(1 - this.#parts.random.fraction()) * meanMs;
  }

  #change(datanode: SimDatanode): void {
    const { plan, random, datanodes } = this.#parts;
    const id = plan.anyReplicaId(random);
    const held = datanode.replicas.get(id);
    const dice = random.below(10);
    if (held?.state === "OPEN" && dice < 3) {
      datanode.wishClose(id);
    } else if (held === undefined || dice < 4) {
      datanode.put(this.#row(datanode, id));
    } else if (dice < 6) {
      datanode.remove(id);
    } else if (dice < 8) {
      datanode.remove(id);
      const target = pick(random, datanodes);
      target.put({ ...held, replicaIndex: plan.replicaIndex(id, target.number) });
    } else {
      datanode.lose(id);
    }
  }

  /** Mostly what was written last, so that replicas agree and containers close; some are behind, and some go
   * on. */
  #sequenceId(containerId: number): number {
    const { plan, random } = this.#parts;
    const written = this.#written.get(containerId) ?? plan.container(containerId, undefined).sequenceId;
    const dice = random.below(10);
    if (dice === 0) this.#written.set(containerId, written + 1);
    return dice === 0 ? written + 1 : dice < 3 ? random.below(written) : written;
  }

  #row(datanode: SimDatanode, containerId: number): ReportRow {
    const { plan, random } = this.#parts;
    return {
      containerId,
      usedBytes: random.uint32() * (1 + random.below(1000)),
      sequenceId: this.#sequenceId(containerId),
      keyCount: random.below(10_000),
      originNodeId: plan.uuid(random.below(plan.fleet.nodeCount)),
      state: isYoung(containerId) && random.below(20) > 0 ? "OPEN" : pick(random, STATES),
      isEmpty: random.below(8) === 0,
      replicaIndex: plan.replicaIndex(containerId, datanode.number),
      ...(random.below(2) === 0 ? {} : { dataChecksum: BigInt(random.uint32()) << 32n }),
    };
  }
}
