import type { StrataError } from "../../core/errors.js";
import type { NodeSlot } from "../../core/ids.js";
import { isUsable, type NodeEntry } from "../nodes/node-entry.js";
import type { NodeIndex } from "../nodes/node-index.js";
import type { NodeUsage } from "../nodes/node-usage.js";
import { NONE, type Topology } from "../topology/topology.js";
import {
  containerSlots,
  metadataBytesLeft,
  type NodeLimitOptions,
  openContainerLimitOf,
  pipelineLimitOf,
  volumesOf,
} from "./node-limits.js";
import type { PlacementRequest } from "./placement-policy.js";
import { noHealthyNodes, noSpace, noSuitableNode } from "./refusals.js";

export interface TargetsOptions {
  readonly index: Pick<NodeIndex, "count" | "at" | "all">;
  readonly tree: Pick<Topology, "rackOf" | "rackAt" | "setEligible">;
  /** Slots are below it. */
  readonly slotCountMax: number;
  /** `ozone.scm.container.size`. */
  readonly containerBytes: number;
  readonly limits: NodeLimitOptions;
  /** Containers promised to the node. */
  readonly pendingCountOf: (node: NodeSlot) => number;
}

/** Which datanodes may be given something new: those that are IN_SERVICE, HEALTHY, in the tree and have room
 * for one more container (spec 03 §13.4). Kept in the tree as nodes and promises change, so that a choice
 * filters nothing: it draws. */
export class Targets {
  readonly #options: TargetsOptions;
  // By slot; all are 0 for a node that is not known.
  readonly #slots: Float64Array;
  readonly #metadataBytesLeft: Float64Array;
  /** 1 = IN_SERVICE and HEALTHY. */
  readonly #isWritable: Uint8Array;
  readonly #healthyVolumeCount: Uint16Array;
  readonly #pipelineLimit: Int32Array;
  readonly #openContainerLimit: Int32Array;

  constructor(options: TargetsOptions) {
    const { slotCountMax } = options;
    this.#options = options;
    this.#slots = new Float64Array(slotCountMax);
    this.#metadataBytesLeft = new Float64Array(slotCountMax);
    this.#isWritable = new Uint8Array(slotCountMax);
    this.#healthyVolumeCount = new Uint16Array(slotCountMax);
    this.#pipelineLimit = new Int32Array(slotCountMax);
    this.#openContainerLimit = new Int32Array(slotCountMax);
  }

  /** Health, operational state, place in the tree or volumes of the node changed. */
  nodeChanged(node: NodeEntry): void {
    const { slot, report } = node;
    const { containerBytes, limits } = this.#options;
    const volumes = volumesOf(report);
    this.#isWritable[slot] = isUsable(node) ? 1 : 0;
    this.#slots[slot] = containerSlots(report, containerBytes);
    this.#metadataBytesLeft[slot] = metadataBytesLeft(report);
    this.#healthyVolumeCount[slot] = volumes.healthyVolumeCount;
    this.#pipelineLimit[slot] = pipelineLimitOf(volumes, limits);
    this.#openContainerLimit[slot] = openContainerLimitOf(volumes, limits);
    this.pendingChanged(slot);
  }

  /** What was promised to the node changed. */
  pendingChanged(node: NodeSlot): void {
    this.#options.tree.setEligible(node, this.#isWritable[node] === 1 && this.#hasRoom(node));
  }

  /** Containers that fit on the node by its last report. */
  slotsOf(node: NodeSlot): number {
    return this.#slots[node] ?? 0;
  }

  /** Whether the node has a slot that nobody was promised, and the metadata space (spec 03 §11.1). */
  hasSpace(node: NodeSlot, metadataBytes: number): boolean {
    return this.#hasRoom(node) && this.hasMetadataSpace(node, metadataBytes);
  }

  hasMetadataSpace(node: NodeSlot, bytes: number): boolean {
    return bytes === 0 || (this.#metadataBytesLeft[node] as number) > bytes;
  }

  /** Calls `visit` with each node that lacks the space. */
  forEachWithout(metadataBytes: number, visit: (node: NodeSlot) => void): void {
    const { count } = this.#options.index;
    for (let node = 0; node < count; node++) {
      if (!this.hasMetadataSpace(node as NodeSlot, metadataBytes)) visit(node as NodeSlot);
    }
  }

  usageOf(node: NodeSlot): Readonly<NodeUsage> {
    return this.#options.index.at(node).usage;
  }

  /** Rack for which a replica on the node counts; NONE = for none. */
  rackOfHolder(node: NodeSlot): number {
    const { tree } = this.#options;
    const rack = tree.rackOf(node);
    if (rack >= 0) return rack;
    const location = this.keptLocationOf(node);
    return location === undefined ? NONE : tree.rackAt(location);
  }

  /** Where a node that is not in the tree still counts for the racks of its replicas: one that is down for
   * maintenance comes back (spec 03 §16). */
  keptLocationOf(node: NodeSlot): string | undefined {
    if (node >= this.#options.index.count) return undefined;
    const { health, operationalState, details } = this.#options.index.at(node);
    const isInMaintenance =
      operationalState === "IN_MAINTENANCE" || operationalState === "ENTERING_MAINTENANCE";
    return health === "DEAD" && isInMaintenance ? details.networkLocation : undefined;
  }

  /** Data volumes of the node that have not failed. */
  healthyVolumeCount(node: NodeSlot): number {
    return this.#healthyVolumeCount[node] ?? 0;
  }

  /** Pipelines of RATIS/THREE that the node may be in; 0 for one that is not known. */
  pipelineLimit(node: NodeSlot): number {
    return this.#pipelineLimit[node] ?? 0;
  }

  /** Open containers that a pipeline of these nodes may have; without nodes there is no limit. */
  openContainerLimit(nodes: readonly NodeSlot[]): number {
    let least = Number.POSITIVE_INFINITY;
    for (const node of nodes) least = Math.min(least, this.#openContainerLimit[node] ?? 0);
    return least;
  }

  /** Why a request that found no nodes could not be met (spec 03 §13). Looks at all nodes. */
  refusalOf(request: PlacementRequest, reason: string): StrataError {
    const { used = [], excluded = [], required, metadataBytes } = request;
    const barred = new Set([...used, ...excluded]);
    let healthyCount = 0;
    let spaciousCount = 0;
    for (const { slot } of this.#options.index.all()) {
      if (this.#isWritable[slot] !== 1 || this.#options.tree.rackOf(slot) < 0 || barred.has(slot)) continue;
      healthyCount++;
      if (this.hasSpace(slot, metadataBytes)) spaciousCount++;
    }
    if (healthyCount === 0) return noHealthyNodes(required);
    if (healthyCount < required) {
      return noSuitableNode(required, `${healthyCount} in service and healthy are left to choose from`);
    }
    return spaciousCount < required ? noSpace(required, spaciousCount) : noSuitableNode(required, reason);
  }

  #hasRoom(node: NodeSlot): boolean {
    return this.slotsOf(node) > this.#options.pendingCountOf(node);
  }
}
