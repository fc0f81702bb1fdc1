import { StrataError } from "../../core/errors.js";
import type { NodeSlot } from "../../core/ids.js";
import { PIPELINE } from "../../core/placement-classes.js";
import type { Random } from "../../core/random.js";
import {
  isRatis,
  printReplication,
  type ReplicationConfig,
  ratis,
  requiredNodes,
} from "../containers/replication-config.js";
import { isUsable, type NodeEntry } from "../nodes/node-entry.js";
import type { NodeManager } from "../nodes/node-manager.js";
import type { PlacementPolicy } from "../placement/placement-policy.js";
import { noSpace, noSuitableNode } from "../placement/refusals.js";
import type { NodePipelines } from "./node-pipelines.js";

const DATASTREAM_PORT = "RATIS_DATASTREAM";

/** What the choice of members takes from placement. */
export interface MemberPlacement {
  /** For RATIS/THREE. */
  readonly pipelines: Pick<PlacementPolicy, "name" | "choose">;
  readonly ec: Pick<PlacementPolicy, "choose">;
  readonly targets: {
    /** RATIS/THREE pipelines that the node takes part in at most (spec 03 §5.2). */
    pipelineLimit(slot: NodeSlot): number;
    /** Room for another container, and some metadata volume with more than `metadataBytes` left. */
    hasSpace(slot: NodeSlot, metadataBytes: number): boolean;
  };
  /** What a member of a Ratis pipeline must have left for its log. */
  readonly metadataBytesMin: number;
}

export interface PipelineMembersParts {
  readonly nodes: Pick<NodeManager, "index">;
  readonly load: NodePipelines;
  readonly placement: MemberPlacement;
  readonly random: Random;
  readonly limits: PipelineLimits;
  /** `hdds.container.ratis.datastream.enabled`. */
  readonly wantsDatastream: boolean;
  /** `ozone.scm.pipeline.leader-choose.policy` is MinLeaderCount. */
  readonly suggestsLeader: boolean;
}

export interface PipelineLimits {
  /** `ozone.scm.datanode.pipeline.limit`; 0 or less: derived from each node's volumes. */
  readonly perNode: number;
  /** `ozone.scm.ratis.pipeline.limit`, heeded only without the one per node; 0 = none. */
  readonly total: number;
}

export interface MemberRequest {
  readonly replication: ReplicationConfig;
  readonly excluded: readonly NodeSlot[];
  readonly favoured: readonly NodeSlot[];
}

/** Who becomes a member of a new pipeline (spec 03 §5, §6). */
export class PipelineMembers {
  readonly #parts: PipelineMembersParts;

  constructor(parts: PipelineMembersParts) {
    this.#parts = parts;
  }

  /** In the order of the members. Throws StrataError FAILED_TO_FIND_…. */
  choose(request: MemberRequest): readonly NodeSlot[] {
    const { replication, excluded } = request;
    const required = requiredNodes(replication);
    switch (replication.type) {
      case "EC":
        return this.#parts.placement.ec.choose({ required, excluded, metadataBytes: 0 });
      case "STAND_ALONE":
        return this.#standAlone(replication, required);
      case "RATIS":
        return replication.factor === 1 ? this.#ratisOne(replication) : this.#ratisThree(request);
    }
  }

  /** Whom the members should elect (spec 03 §5.3); undefined when that is left to them. */
  suggestLeader(members: readonly NodeSlot[]): NodeSlot | undefined {
    const { suggestsLeader, load } = this.#parts;
    if (!suggestsLeader) return undefined;
    const counts = members.map((slot) => load.suggestedCountOf(slot));
    return members[counts.indexOf(Math.min(...counts))];
  }

  /** Spec 03 §5.1. Throws StrataError FAILED_TO_FIND_SUITABLE_NODE. */
  checkLimit(replication: ReplicationConfig): void {
    if (!isRatis(replication, 3)) return;
    const active = this.#parts.load.activeCount(replication);
    const limit = this.#limit();
    if (active >= limit) throw unsuitable(replication, 3, `there are ${active}, and ${limit} is the limit`);
  }

  #limit(): number {
    const { perNode, total } = this.#parts.limits;
    if (perNode > 0) {
      let usable = 0;
      for (const node of this.#parts.nodes.index.all()) if (isUsable(node)) usable++;
      return Math.floor((perNode * usable) / 3);
    }
    if (total <= 0) return Number.POSITIVE_INFINITY;
    return total - this.#parts.load.totalCount(ratis(1));
  }

  /** The first one that has none yet; who is excluded does not matter (spec 03 §5.2). */
  #ratisOne(replication: ReplicationConfig): readonly NodeSlot[] {
    const { load, placement, nodes } = this.#parts;
    let hasFree = false;
    for (const node of nodes.index.inOrder(undefined)) {
      if (!isUsable(node) || load.isInPipelineOf(node.slot, replication)) continue;
      hasFree = true;
      if (placement.targets.hasSpace(node.slot, placement.metadataBytesMin)) return [node.slot];
    }
    if (!hasFree) throw unsuitable(replication, 1, "every healthy datanode is in one");
    throw noSpace(1, 0);
  }

  #ratisThree({ excluded, favoured }: MemberRequest): readonly NodeSlot[] {
    const { load, placement, nodes, wantsDatastream } = this.#parts;
    const full: NodeSlot[] = [...excluded];
    const withoutPort: NodeSlot[] = [];
    // In a large cluster most are full in the end: a list of them costs more than the choice.
    const knowsLimits = placement.pipelines.name === PIPELINE;
    for (const node of knowsLimits && !wantsDatastream ? [] : nodes.index.all()) {
      if (!isUsable(node)) continue;
      const isFull = load.countOf(node.slot) >= placement.targets.pipelineLimit(node.slot);
      if (isFull && !knowsLimits) full.push(node.slot);
      else if (!isFull && wantsDatastream && !hasDatastreamPort(node)) withoutPort.push(node.slot);
    }
    const request = { required: 3, favoured, metadataBytes: placement.metadataBytesMin };
    if (withoutPort.length > 0) {
      try {
        return placement.pipelines.choose({ ...request, excluded: full.concat(withoutPort) });
      } catch (error) {
        if (!(error instanceof StrataError)) throw error;
      }
    }
    return placement.pipelines.choose({ ...request, excluded: full });
  }

  #standAlone(replication: ReplicationConfig, required: number): readonly NodeSlot[] {
    const { load, nodes, random } = this.#parts;
    const chosen: NodeSlot[] = [];
    for (const node of nodes.index.inOrder(undefined)) {
      if (chosen.length === required) break;
      if (isUsable(node) && !load.isInPipelineOf(node.slot, replication)) chosen.push(node.slot);
    }
    if (chosen.length < required)
      throw unsuitable(replication, required, "too few healthy datanodes are in none");
    return shuffled(chosen, random);
  }
}

export function hasDatastreamPort({ details }: Pick<NodeEntry, "details">): boolean {
  return details.ports.some(({ name }) => name === DATASTREAM_PORT);
}

function shuffled(slots: NodeSlot[], random: Random): NodeSlot[] {
  for (let left = slots.length; left > 1; left--) {
    const at = random.below(left);
    const last = slots[left - 1] as NodeSlot;
    slots[left - 1] = slots[at] as NodeSlot;
    slots[at] = last;
  }
  return slots;
}

function unsuitable(replication: ReplicationConfig, required: number, reason: string): StrataError {
  return noSuitableNode(required, `${printReplication(replication)} pipelines: ${reason}`);
}
