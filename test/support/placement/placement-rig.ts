import { NodeEntry } from "../../../engine/cluster/nodes/node-entry.js";
import { NodeIndex } from "../../../engine/cluster/nodes/node-index.js";
import { usageOf } from "../../../engine/cluster/nodes/node-usage.js";
import { Placement, type PlacementOptions } from "../../../engine/cluster/placement/placement.js";
import type { PlacementStatus } from "../../../engine/cluster/placement/placement-policy.js";
import { DEFAULT_SCHEMA } from "../../../engine/cluster/topology/schema.js";
import { Topology } from "../../../engine/cluster/topology/topology.js";
import type { NodeHealth, OperationalState } from "../../../engine/core/enums.js";
import { type NodeSlot, nodeSlot } from "../../../engine/core/ids.js";
import { SeededRandom } from "../../../engine/core/random.js";
import { nodeOf, volumeOf } from "../records.js";

export const CONTAINER_BYTES = 1000;
export const METADATA_BYTES = 100;
const ALGORITHMS = "org.apache.hadoop.hdds.scm.container.placement.algorithms";

export interface NodePlan {
  /** Its rack is /rack<number>. */
  readonly rack: number;
  readonly health?: NodeHealth;
  readonly operationalState?: OperationalState;
  /** Containers that fit. */
  readonly slots?: number;
  readonly metadataBytes?: number;
  readonly scmUsed?: number;
  readonly capacity?: number;
  /** Pipelines of RATIS/THREE that it is in. */
  readonly pipelineCount?: number;
  /** Nodes with which it shares pipelines. */
  readonly peers?: readonly number[];
}

/** Placement with the defaults of the configuration, on small volumes. */
export function placementOf(
  options: Partial<PlacementOptions> & Pick<PlacementOptions, "index" | "tree" | "slotCountMax">,
): Placement {
  return new Placement({
    random: new SeededRandom(1),
    load: { countOf: () => 0, forEachPeer: () => undefined },
    containerPolicy: `${ALGORITHMS}.SCMContainerPlacementRackAware`,
    ecPolicy: `${ALGORITHMS}.SCMContainerPlacementRackScatter`,
    pipelinePolicy: "org.apache.hadoop.hdds.scm.pipeline.PipelinePlacementPolicy",
    isCapacityAware: false,
    disallowsSamePeers: false,
    containerBytes: CONTAINER_BYTES,
    pendingRollMs: 300_000,
    limits: { pipelinesPerNode: 2, pipelinesPerMetadataVolume: 2, containersPerVolume: 3 },
    metadataBytesMin: METADATA_BYTES,
    ...options,
  });
}

/** Placement over datanodes that are described, with everything real but pipelines. */
export class PlacementRig {
  readonly index = new NodeIndex();
  readonly tree: Topology;
  readonly placement: Placement;
  readonly plans: NodePlan[];

  constructor(
    plans: readonly NodePlan[],
    options: Partial<PlacementOptions> & { readonly seed?: number } = {},
  ) {
    this.plans = [...plans];
    const slotCountMax = Math.max(16, plans.length);
    this.tree = new Topology(DEFAULT_SCHEMA, slotCountMax);
    this.placement = placementOf({
      index: this.index,
      tree: this.tree,
      random: new SeededRandom(options.seed ?? 1),
      load: {
        countOf: (node) => this.plans[node]?.pipelineCount ?? 0,
        forEachPeer: (node, visit) => {
          for (const peer of this.plans[node]?.peers ?? []) visit(nodeSlot(peer));
        },
      },
      slotCountMax,
      ...options,
    });
    for (const [number, plan] of plans.entries()) this.#add(number, plan);
  }

  /** The node changes as the node manager would tell. */
  change(number: number, changes: Partial<NodePlan>): void {
    const plan = { ...(this.plans[number] as NodePlan), ...changes };
    this.plans[number] = plan;
    this.#apply(this.index.at(nodeSlot(number)), plan);
  }

  /** Location of a node by its plan. */
  locationOf(node: NodeSlot): string {
    return `/rack${this.plans[node]?.rack}`;
  }

  #add(number: number, plan: NodePlan): void {
    const details = { ...nodeOf(number + 1).details, networkLocation: `/rack${plan.rack}` };
    const node = new NodeEntry(nodeSlot(number), details, { metadata: 1, software: 1 }, 0);
    this.index.add(node);
    this.#apply(node, plan);
  }

  #apply(node: NodeEntry, plan: NodePlan): void {
    const { slots = 5, capacity = 1_000_000, scmUsed = 0, metadataBytes = 2 * METADATA_BYTES } = plan;
    node.health = plan.health ?? "HEALTHY";
    node.operationalState = plan.operationalState ?? "IN_SERVICE";
    const remaining = slots * CONTAINER_BYTES + CONTAINER_BYTES / 2;
    const volume = volumeOf({ capacity, scmUsed, remaining, committed: 0, freeSpaceToSpare: 0 });
    node.report = {
      storageReports: [volume],
      metadataStorageReports: [
        {
          storageLocation: "/ratis",
          storageType: "SSD",
          capacity: 1000,
          scmUsed: 0,
          remaining: metadataBytes,
          failed: false,
        },
      ],
    };
    node.usage = usageOf(node.report);
    if (node.health === "DEAD") this.tree.remove(node.slot);
    else this.tree.place(node.slot, `/rack${plan.rack}`);
    this.placement.nodeChanged(node);
  }
}

/** What spec 03 §16 says of nodes by their locations: an independent model. */
export function naiveStatus(
  kind: "two" | "all" | "any",
  locations: readonly string[],
  replicaCount: number,
  rackCount: number,
): Pick<PlacementStatus, "isSatisfied" | "misReplicationCount"> {
  const wanted = kind === "two" ? 2 : kind === "all" ? Math.min(rackCount, replicaCount) : 1;
  if (replicaCount === 1 || wanted <= 1 || rackCount <= 1) {
    const isSatisfied = locations.length > 0;
    return { isSatisfied, misReplicationCount: isSatisfied ? 0 : 1 };
  }
  const expected = Math.min(wanted, replicaCount, rackCount);
  const cap = kind === "two" ? Math.max(replicaCount - 1, 1) : Math.ceil(replicaCount / expected);
  const limit = cap + Math.max(0, locations.length - replicaCount);
  const sizes = [...new Set(locations)].map((at) => locations.filter((other) => other === at).length);
  const surplus = sizes.map((size) => Math.max(0, size - limit)).reduce((a, b) => a + b, 0);
  const isSatisfied = sizes.length >= expected && surplus === 0;
  return { isSatisfied, misReplicationCount: isSatisfied ? 0 : Math.max(expected - sizes.length, surplus) };
}
