import type { ContainerRecord, PipelineRecord } from "../../protocol/schema/records.js";
import type { Uuid } from "../core/uuid.js";
import type { Containers } from "./containers/containers.js";
import { printReplication, replicationProblem } from "./containers/replication-config.js";
import type { ImportBatch } from "./operation.js";
import { done, refused } from "./operation-result.js";
import type { PipelineTable } from "./pipelines/pipeline-table.js";
import { PIPELINE_BYTES_MAX, PIPELINE_COUNT_MAX, pipelineProblem } from "./pipelines/pipeline-table.js";
import type { SequenceTable } from "./sequence/sequence-table.js";
import type { OperationResult } from "./state-machine.js";

/** Rows keep times in 48 bits. */
const TIME_MS_MAX = 2 ** 48 - 1;

export interface ImportTarget {
  readonly containers: Containers;
  readonly pipelines: PipelineTable;
  readonly sequences: SequenceTable;
}

/** Takes over containers and pipelines of another SCM, all or nothing: everything is checked before anything
 * changes. Equal ones that exist are skipped, so that an import can be repeated. Afterwards new container
 * ids start above the highest imported one. */
export function applyImport(target: ImportTarget, batch: ImportBatch): OperationResult {
  const pipelines = checkPipelines(target, batch.pipelines);
  if ("error" in pipelines) return pipelines;
  const containers = checkContainers(target, batch.containers, pipelines.added);
  if ("error" in containers) return containers;
  for (const pipeline of pipelines.added.values()) target.pipelines.add(pipeline);
  for (const container of containers.added) target.containers.add(container);
  const highest = containers.added.at(-1);
  if (highest !== undefined) target.sequences.raise("containerId", BigInt(highest.containerId));
  return done((writer) => {
    writer.u32(pipelines.added.size);
    writer.u32(containers.added.length);
  });
}

function checkPipelines(
  { pipelines }: ImportTarget,
  records: readonly PipelineRecord[],
): { added: ReadonlyMap<Uuid, PipelineRecord> } | OperationResult {
  const added = new Map<Uuid, PipelineRecord>();
  for (const record of records) {
    const { pipelineId } = record;
    const problem = pipelineProblem(record);
    if (problem !== undefined) return invalid(`pipeline ${pipelineId}`, problem);
    if (pipelines.bytesOf(record) > PIPELINE_BYTES_MAX) return invalid(`pipeline ${pipelineId}`, "too large");
    const existing = pipelines.get(pipelineId) ?? added.get(pipelineId);
    if (existing === undefined) added.set(pipelineId, record);
    else if (!pipelines.isEqual(existing, record)) return refused("PIPELINE_ALREADY_EXISTS", { pipelineId });
  }
  if (pipelines.count + added.size > PIPELINE_COUNT_MAX) {
    return refused("PIPELINE_LIMIT", { limit: PIPELINE_COUNT_MAX });
  }
  return { added };
}

function checkContainers(
  target: ImportTarget,
  records: readonly ContainerRecord[],
  newPipelines: ReadonlyMap<Uuid, PipelineRecord>,
): { added: readonly ContainerRecord[] } | OperationResult {
  const { table } = target.containers;
  const added: ContainerRecord[] = [];
  let before = 0;
  let highestId = Math.max(table.highestId, Number(target.sequences.last("containerId")));
  for (const record of records) {
    const { containerId } = record;
    if (containerId <= before) return invalid("containers", `id ${containerId} does not ascend`);
    before = containerId;
    const problem = containerProblem(record);
    if (problem !== undefined) return invalid(`container ${containerId}`, problem);
    const existing = target.containers.get(containerId);
    if (existing !== undefined) {
      if (isEqual(existing, record)) continue;
      return refused("CONTAINER_ALREADY_EXISTS", { containerId });
    }
    if (!table.isWithinReach(containerId, highestId)) return refused("CONTAINER_ID_TOO_FAR", { containerId });
    const refusal = checkPipelineOf(target, record, newPipelines);
    if (refusal !== undefined) return refusal;
    highestId = Math.max(highestId, containerId);
    added.push(record);
  }
  return checkDictionaries(target, added) ?? { added };
}

function containerProblem(record: ContainerRecord): string | undefined {
  if (record.stateEnterTimeMs > TIME_MS_MAX) return "stateEnterTimeMs is out of range";
  return replicationProblem(record.replication);
}

/** An open container is written through its pipeline, which must be there and not closed (spec 02 §4.2 rule
 * 7, 03 §3 rule 4). Others outlive theirs. */
function checkPipelineOf(
  { pipelines }: ImportTarget,
  { containerId, state, pipelineId }: ContainerRecord,
  newPipelines: ReadonlyMap<Uuid, PipelineRecord>,
): OperationResult | undefined {
  if (state !== "OPEN" || pipelineId === undefined) return undefined;
  const pipeline = pipelines.get(pipelineId) ?? newPipelines.get(pipelineId);
  if (pipeline === undefined) return refused("PIPELINE_NOT_FOUND", { pipelineId });
  if (pipeline.state !== "CLOSED") return undefined;
  return invalid(`container ${containerId}`, "is open on a closed pipeline");
}

function checkDictionaries(
  { containers }: ImportTarget,
  added: readonly ContainerRecord[],
): OperationResult | undefined {
  const { owners, replications } = containers;
  const newOwners = new Set<string>();
  const newConfigs = new Set<string>();
  for (const { owner, replication } of added) {
    if (owners.numberOf(owner) === undefined) newOwners.add(owner);
    if (replications.numberOf(replication) === undefined) newConfigs.add(printReplication(replication));
  }
  if (newOwners.size > owners.room) return refused("DICTIONARY_FULL", { name: "owners" });
  if (newConfigs.size > replications.room) return refused("DICTIONARY_FULL", { name: "replication" });
  return undefined;
}

function isEqual(a: ContainerRecord, b: ContainerRecord): boolean {
  return (
    a.state === b.state &&
    a.pipelineId === b.pipelineId &&
    a.owner === b.owner &&
    a.usedBytes === b.usedBytes &&
    a.keyCount === b.keyCount &&
    a.sequenceId === b.sequenceId &&
    a.deleteTransactionId === b.deleteTransactionId &&
    a.stateEnterTimeMs === b.stateEnterTimeMs &&
    a.suppressed === b.suppressed &&
    printReplication(a.replication) === printReplication(b.replication)
  );
}

function invalid(field: string, reason: string): OperationResult {
  return refused("INVALID_ARGUMENT", { field, reason });
}
