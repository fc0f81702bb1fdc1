import type { PipelineRecord } from "../../protocol/schema/records.js";
import type { NodeManager } from "../cluster/nodes/node-manager.js";
import type { Reservation } from "../cluster/placement/pending-containers.js";
import type { Placement } from "../cluster/placement/placement.js";
import type { NodeSlot } from "../core/ids.js";
import type { Room } from "./container-supply.js";

/** Room for containers on the members of pipelines, as the datanodes report it. */
export class MemberRoom implements Room<Reservation> {
  readonly #nodes: Pick<NodeManager, "slotOf">;
  readonly #placement: Pick<Placement, "pending" | "targets">;
  /** Of pipelines whose members are all known: slots stay. */
  readonly #slots = new WeakMap<PipelineRecord, readonly NodeSlot[]>();

  constructor(nodes: Pick<NodeManager, "slotOf">, placement: Pick<Placement, "pending" | "targets">) {
    this.#nodes = nodes;
    this.#placement = placement;
  }

  reserve(pipeline: PipelineRecord, nowMs: number): Reservation | undefined {
    const slots = this.#slotsOf(pipeline);
    return slots === undefined ? undefined : this.#placement.pending.reserve(slots, nowMs);
  }

  bind(reservation: Reservation, containerId: Parameters<Room<Reservation>["bind"]>[1]): void {
    this.#placement.pending.bind(reservation, containerId);
  }

  release(reservation: Reservation): void {
    this.#placement.pending.release(reservation);
  }

  /** How many open containers an owner should have on the pipeline (spec 03 §11.3). */
  containerLimitOf(pipeline: PipelineRecord): number {
    const slots = this.#slotsOf(pipeline);
    return slots === undefined ? 0 : this.#placement.targets.openContainerLimit(slots);
  }

  /** Undefined when a member is not known. */
  #slotsOf(pipeline: PipelineRecord): readonly NodeSlot[] | undefined {
    const known = this.#slots.get(pipeline);
    if (known !== undefined) return known;
    const slots: NodeSlot[] = [];
    for (const { details } of pipeline.members) {
      const slot = this.#nodes.slotOf(details.uuid);
      if (slot === undefined) return undefined;
      slots.push(slot);
    }
    this.#slots.set(pipeline, slots);
    return slots;
  }
}
