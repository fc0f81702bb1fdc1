import type { NodeSlot } from "../../core/ids.js";
import type { Uuid } from "../../core/uuid.js";
import type { ReplicationConfig } from "../containers/replication-config.js";
import { isRatis, isSameReplication } from "../containers/replication-config.js";
import type { NodeManager } from "../nodes/node-manager.js";
import type { PipelineLoad } from "../placement/placement-policy.js";
import type { PipelineTable } from "./pipeline-table.js";

/** A pipeline that was proposed and has no outcome yet: it counts as if it were there. */
export interface PipelineInFlight {
  readonly replication: ReplicationConfig;
  readonly members: readonly NodeSlot[];
  readonly suggestedLeader: NodeSlot | undefined;
}

export interface NodePipelinesParts {
  readonly pipelines: Pick<PipelineTable, "get" | "index">;
  readonly nodes: () => Pick<NodeManager, "slotOf" | "uuidOf" | "nodeCount">;
  readonly nodeCountMax: number;
}

/** Which pipelines datanodes are in, those under way counted too, so that no limit is exceeded by what is
 * decided before `apply` has seen the last decision. */
export class NodePipelines implements PipelineLoad {
  readonly #parts: NodePipelinesParts;
  /** RATIS/ONE and RATIS/THREE pipelines that are not closed, by slot: asked of every node for each pipeline
   * that is created. */
  readonly #oneCounts: Int32Array;
  readonly #counts: Int32Array;
  readonly #inFlight = new Set<PipelineInFlight>();

  constructor(parts: NodePipelinesParts) {
    this.#parts = parts;
    this.#oneCounts = new Int32Array(parts.nodeCountMax);
    this.#counts = new Int32Array(parts.nodeCountMax);
  }

  countOf(slot: NodeSlot): number {
    return this.#counts[slot] as number;
  }

  forEachPeer(slot: NodeSlot, visit: (peer: NodeSlot) => void): void {
    const { pipelines, nodes } = this.#parts;
    for (const id of pipelines.index.idsOfNode(nodes().uuidOf(slot))) {
      for (const { details } of pipelines.get(id)?.members ?? []) {
        const peer = nodes().slotOf(details.uuid);
        if (peer !== undefined && peer !== slot) visit(peer);
      }
    }
    for (const { members } of this.#inFlight) {
      if (!members.includes(slot)) continue;
      for (const peer of members) if (peer !== slot) visit(peer);
    }
  }

  /** Pipelines of this very configuration that are not closed (spec 03 §5.1). */
  activeCount(replication: ReplicationConfig): number {
    const { ALLOCATED, OPEN, DORMANT } = this.#parts.pipelines.index.countsOf(replication);
    return ALLOCATED + OPEN + DORMANT + this.#countInFlight(replication);
  }

  /** Closed ones too. */
  totalCount(replication: ReplicationConfig): number {
    return this.#parts.pipelines.index.countsOf(replication).CLOSED + this.activeCount(replication);
  }

  /** Whether the node is in a pipeline of this very configuration that is not closed. */
  isInPipelineOf(slot: NodeSlot, replication: ReplicationConfig): boolean {
    if (isRatis(replication, 1)) return (this.#oneCounts[slot] as number) > 0;
    const { pipelines, nodes } = this.#parts;
    for (const id of pipelines.index.idsOfNode(nodes().uuidOf(slot))) {
      const pipeline = pipelines.get(id);
      if (pipeline === undefined || pipeline.state === "CLOSED") continue;
      if (isSameReplication(pipeline.replication, replication)) return true;
    }
    for (const { members, replication: other } of this.#inFlight) {
      if (members.includes(slot) && isSameReplication(other, replication)) return true;
    }
    return false;
  }

  /** Pipelines that are not closed, of any configuration, which the node is to lead. */
  suggestedCountOf(slot: NodeSlot): number {
    const { pipelines, nodes } = this.#parts;
    let count = pipelines.index.suggestedCountOf(nodes().uuidOf(slot));
    for (const { suggestedLeader } of this.#inFlight) if (suggestedLeader === slot) count++;
    return count;
  }

  begin(pipeline: PipelineInFlight): void {
    this.#inFlight.add(pipeline);
    this.#recount(pipeline.members);
  }

  end(pipeline: PipelineInFlight): void {
    this.#inFlight.delete(pipeline);
    this.#recount(pipeline.members);
  }

  /** Its record; undefined: all of them. */
  changed(id: Uuid | undefined): void {
    const { pipelines, nodes } = this.#parts;
    if (id === undefined) {
      for (let slot = 0; slot < nodes().nodeCount; slot++) this.#recount([slot as NodeSlot]);
      return;
    }
    for (const { details } of pipelines.get(id)?.members ?? []) {
      const slot = nodes().slotOf(details.uuid);
      if (slot !== undefined) this.#recount([slot]);
    }
  }

  /** It has registered for the first time. */
  nodeAdded(slot: NodeSlot): void {
    this.#recount([slot]);
  }

  #countInFlight(replication: ReplicationConfig): number {
    let count = 0;
    for (const other of this.#inFlight) if (isSameReplication(other.replication, replication)) count++;
    return count;
  }

  #recount(slots: readonly NodeSlot[]): void {
    const { pipelines, nodes } = this.#parts;
    for (const slot of slots) {
      const uuid = nodes().uuidOf(slot);
      let oneCount = pipelines.index.ratisOneCountOf(uuid);
      let count = pipelines.index.ratisThreeCountOf(uuid);
      for (const { replication, members } of this.#inFlight) {
        if (!members.includes(slot)) continue;
        if (isRatis(replication, 1)) oneCount++;
        if (isRatis(replication, 3)) count++;
      }
      this.#oneCounts[slot] = oneCount;
      this.#counts[slot] = count;
    }
  }
}
