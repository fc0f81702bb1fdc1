import type { PipelineRecord } from "../../../protocol/schema/records.js";
import type { PipelineState } from "../../core/enums.js";
import { CONTAINER_STATE } from "../../core/enums.js";
import type { Uuid } from "../../core/uuid.js";
import type { Containers } from "../containers/containers.js";
import { createContainers, creationRefusal } from "../containers/creation.js";
import type {
  ClosePipeline,
  ContainerFigures,
  CreateContainers,
  CreatePipeline,
  RemovePipeline,
  SetPipelineState,
} from "../operation.js";
import { CREATED_CONTAINERS_MAX } from "../operation.js";
import { createdContainers, DONE, done, refused } from "../operation-result.js";
import type { SequenceTable } from "../sequence/sequence-table.js";
import type { OperationResult } from "../state-machine.js";
import { mayEnter } from "./pipeline-state.js";
import type { PipelineTable } from "./pipeline-table.js";
import { PIPELINE_BYTES_MAX, PIPELINE_COUNT_MAX, pipelineProblem } from "./pipeline-table.js";

interface Target {
  readonly pipelines: PipelineTable;
  readonly containers: Containers;
  readonly sequences: SequenceTable;
}

/** Checks everything before anything changes. */
export function applyCreatePipeline(
  target: Target,
  { pipeline, containerOwner }: CreatePipeline,
  nowMs: number,
): OperationResult {
  const { pipelines } = target;
  const { pipelineId, replication } = pipeline;
  const isOpen = replication.type === "STAND_ALONE" || containerOwner !== undefined;
  const state: PipelineState = isOpen ? "OPEN" : "ALLOCATED";
  const record = { ...pipeline, state, creationTimeMs: nowMs, stateEnterTimeMs: nowMs };
  const problem = pipelineProblem(record);
  if (problem !== undefined) return refused("INVALID_ARGUMENT", { field: "pipeline", reason: problem });
  if (pipelines.get(pipelineId) !== undefined) return refused("DUPLICATED_PIPELINE_ID", { pipelineId });
  if (pipelines.count >= PIPELINE_COUNT_MAX) return refused("PIPELINE_LIMIT", { limit: PIPELINE_COUNT_MAX });
  if (pipelines.bytesOf(record) > PIPELINE_BYTES_MAX) {
    return refused("INVALID_ARGUMENT", { field: "pipeline", reason: "too large" });
  }
  let containerId = 0;
  if (containerOwner !== undefined) {
    // Members of the others must have heard of the pipeline first.
    if (replication.type !== "EC") {
      return refused("INVALID_ARGUMENT", { field: "containerOwner", reason: "is for EC pipelines" });
    }
    const wanted = { pipelineId, replication, owner: containerOwner, count: 1 };
    const refusal = creationRefusal(target, wanted);
    if (refusal !== undefined) return refusal;
    pipelines.add(record);
    containerId = createContainers(target, wanted, nowMs);
  } else pipelines.add(record);
  return done((writer) => {
    writer.uuid(pipelineId);
    writer.f64(containerId);
  });
}

/** On an open pipeline alone: members of another one do not write, and on a closed one nobody ever would. */
export function applyCreateContainers(
  target: Target,
  { pipelineId, owner, count }: Omit<CreateContainers, "kind" | "session">,
  nowMs: number,
): OperationResult {
  if (count < 1 || count > CREATED_CONTAINERS_MAX) {
    const reason = `must be 1 to ${CREATED_CONTAINERS_MAX}, is ${count}`;
    return refused("INVALID_ARGUMENT", { field: "count", reason });
  }
  const pipeline = target.pipelines.get(pipelineId);
  if (pipeline === undefined) return refused("PIPELINE_NOT_FOUND", { pipelineId });
  if (pipeline.state !== "OPEN") return invalidState(pipeline, "takes no containers");
  const wanted = { pipelineId, replication: pipeline.replication, owner, count };
  const refusal = creationRefusal(target, wanted);
  if (refusal !== undefined) return refusal;
  return createdContainers(createContainers(target, wanted, nowMs));
}

export function applyPipelineState(
  { pipelines }: Pick<Target, "pipelines">,
  { pipelineId, state, leaderId }: SetPipelineState,
  nowMs: number,
): OperationResult {
  const pipeline = pipelines.get(pipelineId);
  if (pipeline === undefined) return refused("PIPELINE_NOT_FOUND", { pipelineId });
  if (pipeline.state === state) return DONE;
  if (!mayEnter(state, pipeline.state)) return invalidState(pipeline, `cannot become ${state}`);
  const leader = leaderId === undefined ? {} : { leaderId };
  pipelines.replace({ ...pipeline, ...leader, state, stateEnterTimeMs: nowMs });
  return DONE;
}

export function applyClosePipeline(
  { pipelines, containers }: Pick<Target, "pipelines" | "containers">,
  { pipelineId, containers: figures }: ClosePipeline,
  nowMs: number,
): OperationResult {
  const pipeline = pipelines.get(pipelineId);
  if (pipeline === undefined) return refused("PIPELINE_NOT_FOUND", { pipelineId });
  if (pipeline.state === "CLOSED") return DONE;
  finalizeContainers(containers, pipelineId, figures, nowMs);
  pipelines.replace({ ...pipeline, state: "CLOSED", stateEnterTimeMs: nowMs });
  return DONE;
}

export function applyRemovePipeline(
  { pipelines }: Pick<Target, "pipelines">,
  { pipelineId }: RemovePipeline,
): OperationResult {
  const pipeline = pipelines.get(pipelineId);
  if (pipeline === undefined) return refused("PIPELINE_NOT_FOUND", { pipelineId });
  if (pipeline.state !== "CLOSED") return invalidState(pipeline, "is not yet closed");
  pipelines.remove(pipelineId);
  return DONE;
}

/** Those that are open now, whatever the proposer knew of. From the last one on, so that no list of them is
 * moved up for each: imported pipelines may have very many. */
function finalizeContainers(
  containers: Containers,
  pipelineId: Uuid,
  figures: readonly ContainerFigures[],
  nowMs: number,
): void {
  const told = new Map(figures.map((one) => [one.containerId, one]));
  for (const containerId of containers.open.of(pipelineId).toReversed()) {
    const known = containers.table.read(containerId);
    const { sequenceId, usedBytes, keyCount } = told.get(containerId) ?? known;
    const state = CONTAINER_STATE.CLOSING;
    const raised = Math.max(known.sequenceId, sequenceId);
    containers.enterState(containerId, { state, timeMs: nowMs, usedBytes, keyCount, sequenceId: raised });
  }
}

function invalidState({ pipelineId, state }: PipelineRecord, reason: string): OperationResult {
  return refused("INVALID_PIPELINE_STATE", { pipelineId, state, reason });
}
