import type { PipelineRecord } from "../../protocol/schema/records.js";
import type { NodeManager } from "../cluster/nodes/node-manager.js";
import type { ClientPlace } from "../cluster/topology/topology.js";
import type { NodeSlot } from "../core/ids.js";
import type { Random } from "../core/random.js";

/** Orders the members of pipelines by their distance from a client (spec 05 §2.4). Allocates nothing. */
export class MemberOrders {
  readonly #nodes: Pick<NodeManager, "slotOf" | "topology">;
  readonly #random: Random;
  /** Of the members, in their order in the pipeline; undefined = not registered here. */
  readonly #slots: (NodeSlot | undefined)[] = [];
  readonly #sorted: NodeSlot[] = [];
  readonly #order: number[] = [];

  constructor(nodes: Pick<NodeManager, "slotOf" | "topology">, random: Random) {
    this.#nodes = nodes;
    this.#random = random;
  }

  /** Indexes of the members from the nearest on, those that nothing is known of last. Valid until the next
   * call. */
  of({ members }: Pick<PipelineRecord, "members">, place: ClientPlace): readonly number[] {
    this.#slots.length = 0;
    this.#sorted.length = 0;
    this.#order.length = 0;
    for (let i = 0; i < members.length; i++) {
      const slot = this.#nodes.slotOf((members[i] as (typeof members)[number]).details.uuid);
      this.#slots.push(slot);
      if (slot !== undefined) this.#sorted.push(slot);
    }
    this.#nodes.topology.sort(this.#sorted, place, this.#random);
    for (let i = 0; i < this.#sorted.length; i++) this.#order.push(this.#slots.indexOf(this.#sorted[i]));
    for (let i = 0; i < members.length; i++) if (this.#slots[i] === undefined) this.#order.push(i);
    return this.#order;
  }
}
