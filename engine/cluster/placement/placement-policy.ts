import type { NodeSlot } from "../../core/ids.js";

/** What a choice of datanodes starts from (spec 03 §13). A list that is left out is empty; slots that left
 * the tree, or stand in a list twice, do no harm. */
export interface PlacementRequest {
  /** Nodes that hold a replica already: they count for their racks and are never chosen. */
  readonly used?: readonly NodeSlot[];
  /** Nodes that are never chosen, and do not count for their racks. */
  readonly excluded?: readonly NodeSlot[];
  /** Taken first where the rules of the policy allow it. */
  readonly favoured?: readonly NodeSlot[];
  /** How many are wanted, at least 1. */
  readonly required: number;
  /** Some metadata volume must have more than this left; 0 = none is needed. */
  readonly metadataBytes: number;
}

/** How well replicas are spread over racks (spec 03 §16). */
export interface PlacementStatus {
  readonly isSatisfied: boolean;
  /** Racks that hold a replica, and how many should. */
  readonly rackCount: number;
  readonly expectedRackCount: number;
  /** Replicas that would have to move; 0 when satisfied. */
  readonly misReplicationCount: number;
}

/** One way to choose datanodes. Synchronous and pure but for the generator of random numbers; a choice
 * filters first and draws then, so that it fails only when there is nothing to choose from. */
export interface PlacementPolicy {
  /** Of the reference's class, as the configuration has it. */
  readonly name: string;
  /** Exactly `required` different nodes, in the order of their choice. Throws StrataError
   * FAILED_TO_FIND_HEALTHY_NODES, FAILED_TO_FIND_NODES_WITH_SPACE, FAILED_TO_FIND_SUITABLE_NODE or
   * INVALID_CAPACITY. */
  choose(request: PlacementRequest): readonly NodeSlot[];
  /** Whether these nodes are a good place for a container of `replicaCount` replicas. */
  validate(holders: readonly NodeSlot[], replicaCount: number): PlacementStatus;
  /** Indexes in `holders` of the replicas to copy elsewhere, so that no rack has too many (spec 03 §17). */
  copySet(holders: readonly NodeSlot[], isCopyable: (index: number) => boolean): readonly number[];
  /** Indexes in `holders` of the replicas to remove, so that `copyCount` stay of each replica index, from the
   * fullest racks (spec 03 §17). `replicaIndexes` runs beside `holders`. */
  removalSet(
    holders: readonly NodeSlot[],
    replicaIndexes: readonly number[],
    copyCount: number,
  ): readonly number[];
}

/** What placement must know of pipelines. */
export interface PipelineLoad {
  /** RATIS/THREE pipelines of the node that are not CLOSED. Asked of each eligible node for each pipeline. */
  countOf(slot: NodeSlot): number;
  /** Calls `visit` with each node that shares a pipeline with this one, possibly several times. */
  forEachPeer(slot: NodeSlot, visit: (peer: NodeSlot) => void): void;
}
