import type { PipelineState } from "../../engine/core/enums.js";
import type { Uuid } from "../../engine/core/uuid.js";
import type { ResponseOf } from "../schema/messages.js";
import type { ContainerRecord, DatanodeDetails } from "../schema/records.js";

/** Where a container is written or read. */
export interface Location {
  /** Undefined: made for this answer from the container's replicas. */
  readonly pipelineId: Uuid | undefined;
  readonly state: PipelineState;
  /** Of a read pipeline in the order in which to ask them. */
  readonly members: readonly { readonly details: DatanodeDetails; readonly replicaIndex: number }[];
  readonly leaderId: Uuid | undefined;
}

export interface LocatedContainer {
  readonly container: ContainerRecord;
  readonly location: Location;
}

/** Each container of an answer with its pipeline. */
export function locatedContainers({
  containers,
  pipelineOf,
  pipelines,
  readPipelines,
  datanodes,
}: ResponseOf<"getContainersWithPipelines">): readonly LocatedContainer[] {
  return containers.map((container, i) => {
    const which = pipelineOf[i] as number;
    const own = pipelines[which];
    if (own !== undefined) {
      const { pipelineId, state, members, leaderId } = own;
      return { container, location: { pipelineId, state, members, leaderId } };
    }
    const members = (readPipelines[which - pipelines.length] ?? []).map(({ datanode, replicaIndex }) => ({
      details: datanodes[datanode] as DatanodeDetails,
      replicaIndex,
    }));
    const state = container.replication.type === "STAND_ALONE" ? "OPEN" : "ALLOCATED";
    return { container, location: { pipelineId: undefined, state, members, leaderId: undefined } };
  });
}
