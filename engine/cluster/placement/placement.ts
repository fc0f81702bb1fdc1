import { CAPACITY, PIPELINE, RACK_AWARE, RACK_SCATTER, RANDOM } from "../../core/placement-classes.js";
import type { Random } from "../../core/random.js";
import type { NodeEntry } from "../nodes/node-entry.js";
import type { NodeIndex } from "../nodes/node-index.js";
import type { Topology } from "../topology/topology.js";
import { CapacityPolicy } from "./capacity.js";
import { Choice, type PlacementCounters } from "./choice.js";
import type { NodeLimitOptions } from "./node-limits.js";
import { PendingContainers } from "./pending-containers.js";
import { PipelinePolicy } from "./pipeline.js";
import type { PipelineLoad, PlacementPolicy } from "./placement-policy.js";
import type { PolicyParts } from "./policy.js";
import { RackAwarePolicy } from "./rack-aware.js";
import { RackScatterPolicy } from "./rack-scatter.js";
import { RandomPolicy } from "./random.js";
import { Targets } from "./targets.js";

/** Policies by the reference's classes. */
const POLICIES = {
  [RANDOM]: (parts: PolicyParts) => new RandomPolicy(parts),
  [CAPACITY]: (parts: PolicyParts) => new CapacityPolicy(parts),
  [RACK_AWARE]: (parts: PolicyParts) => new RackAwarePolicy(parts),
  [RACK_SCATTER]: (parts: PolicyParts, isCapacityAware: boolean) =>
    new RackScatterPolicy(parts, isCapacityAware),
  [PIPELINE]: (parts: PolicyParts) => new PipelinePolicy(parts),
} as const;

export type PolicyName = keyof typeof POLICIES;

export interface PlacementOptions {
  readonly index: Pick<NodeIndex, "count" | "at" | "all">;
  readonly tree: Topology;
  readonly random: Random;
  readonly load: PipelineLoad;
  /** Slots are below it. */
  readonly slotCountMax: number;
  /** `ozone.scm.container.placement.impl`, `….ec.impl` and `ozone.scm.pipeline.placement.impl`. */
  readonly containerPolicy: PolicyName;
  readonly ecPolicy: PolicyName;
  readonly pipelinePolicy: PolicyName;
  /** `ozone.scm.container.placement.rack.scatter.capacity.aware.enabled`. */
  readonly isCapacityAware: boolean;
  /** `ozone.scm.datanode.disallow.same.peers`. */
  readonly disallowsSamePeers: boolean;
  /** `ozone.scm.container.size`. */
  readonly containerBytes: number;
  /** `ozone.scm.pending.container.roll.interval`. */
  readonly pendingRollMs: number;
  readonly limits: NodeLimitOptions;
  /** `ozone.scm.datanode.ratis.volume.free-space.min`. */
  readonly metadataBytesMin: number;
}

/** Where containers and pipelines go: which datanodes may be chosen, what was promised to them, and the
 * policies that choose. */
export class Placement {
  readonly pending: PendingContainers;
  readonly targets: Targets;
  /** What a member of a Ratis pipeline must have left for its log. */
  readonly metadataBytesMin: number;
  readonly counters: PlacementCounters = {
    datanodeRequestCount: 0,
    datanodeChooseAttemptCount: 0,
    datanodeChooseSuccessCount: 0,
    datanodeChooseFallbackCount: 0,
  };
  /** For containers that are not EC. */
  readonly containers: PlacementPolicy;
  readonly ec: PlacementPolicy;
  /** For RATIS/THREE pipelines. */
  readonly pipelines: PlacementPolicy;

  constructor(options: PlacementOptions) {
    const { tree, random, load, slotCountMax, limits, isCapacityAware } = options;
    this.metadataBytesMin = options.metadataBytesMin;
    this.pending = new PendingContainers({
      // As long as the reference keeps one at most: two windows.
      lifetimeMs: 2 * options.pendingRollMs,
      slotsOf: (node) => this.targets.slotsOf(node),
      onChanged: (node) => this.targets.pendingChanged(node),
    });
    this.targets = new Targets({
      ...options,
      pendingCountOf: (node) => this.pending.countOf(node),
    });
    const shared = { tree, targets: this.targets, random, counters: this.counters, slotCountMax };
    const parts: PolicyParts = {
      ...shared,
      choice: new Choice(shared),
      load,
      // With one pipeline a node there is nobody to meet again.
      avoidsPeers: options.disallowsSamePeers && limits.pipelinesPerNode !== 1,
    };
    this.containers = POLICIES[options.containerPolicy](parts, isCapacityAware);
    this.ec = POLICIES[options.ecPolicy](parts, isCapacityAware);
    this.pipelines = POLICIES[options.pipelinePolicy](parts, isCapacityAware);
  }

  /** Health, operational state, place in the tree or volumes of the node changed. */
  nodeChanged(node: NodeEntry): void {
    this.targets.nodeChanged(node);
  }
}
