import { isFieldSet } from "@bufbuild/protobuf";
import {
  COMMAND_TYPE,
  type CommandType,
  nameOf,
  OPERATIONAL_STATE,
  STORAGE_TYPE,
} from "../../../engine/core/enums.js";
import {
  ClosePipelineInfo_Reason as CloseReason,
  CommandStatus_Status as CommandOutcome,
  type CommandQueueReportProto,
  type CommandStatusReportsProto,
  type ContainerActionsProto,
  ContainerAction_Reason as ContainerReason,
  type LayoutVersionProto,
  type NodeReportProto,
  type PipelineActionsProtoValid,
  type PipelineReportsProtoValid,
  type SCMHeartbeatRequestProtoValid,
  StorageReportProtoSchema as Storage,
  type StorageReportProto,
} from "../../../protocol/hadoop/generated/datanode_pb.js";
import type { RequestOf } from "../../../protocol/schema/messages.js";
import type {
  LayoutVersion,
  MetadataStorageReport,
  NodeReport,
  PipelineReport,
  StorageReport,
} from "../../../protocol/schema/records.js";
import type { Writable } from "../../../protocol/schema/types.js";
import { readPipelineId } from "../request-parts.js";
import { countWithin, integerWithin } from "./numbers.js";

/** What registrations and heartbeats tell besides containers, as Strata's records. One bad entry must not
 * keep a datanode from beating: what is beyond the limit of a list, or names nothing, is left out. */

type HeartbeatRequest = RequestOf<"heartbeat">;

/** Limits of protocol/schema/datanode-messages.ts and records.ts. */
const ACTIONS_MAX = 20;
const COMMAND_COUNTS_MAX = 64;
const STATUSES_MAX = 1024;
const STATUS_TEXT_MAX = 4096;
const REASON_TEXT_MAX = 16_384;
const PIPELINES_MAX = 4096;
const VOLUMES_MAX = 1024;
const METADATA_VOLUMES_MAX = 64;
/** In all statuses together: they share a frame. */
const DELETIONS_MAX = 4096;
const UINT32_MAX = 2 ** 32 - 1;

/** A layout that a datanode does not tell is (0, 0) (spec 01 §4.1). */
const NO_LAYOUT: LayoutVersion = { metadata: 0, software: 0 };

/** The heartbeat without its container reports. */
export function heartbeatRequest(sent: SCMHeartbeatRequestProtoValid): HeartbeatRequest {
  const { persistedOpState, persistedOpStateExpiry } = sent.datanodeDetails;
  const request: Writable<HeartbeatRequest> = {
    // Absent at first start (spec 12 §4).
    persistedOpState: nameOf(OPERATIONAL_STATE, persistedOpState) ?? "IN_SERVICE",
    persistedOpStateExpiry: integerWithin(persistedOpStateExpiry),
    layout: layoutOf(sent.dataNodeLayoutVersion),
  };
  const { nodeReport, pipelineReports, pipelineActions, containerActions, commandQueueReport } = sent;
  if (commandQueueReport !== undefined) request.commandCounts = commandCounts(commandQueueReport);
  if (nodeReport !== undefined) request.nodeReport = nodeReportOf(nodeReport);
  if (pipelineReports !== undefined) request.pipelineReports = pipelineReportsOf(pipelineReports);
  if (pipelineActions !== undefined) request.pipelineActions = pipelineActionsOf(pipelineActions);
  if (containerActions !== undefined) request.containerActions = containerActionsOf(containerActions);
  if (sent.commandStatusReports.length > 0) {
    request.commandStatuses = commandStatuses(sent.commandStatusReports);
  }
  return request;
}

export function layoutOf(sent: LayoutVersionProto | undefined): LayoutVersion {
  if (sent === undefined) return NO_LAYOUT;
  return { metadata: sent.metadataLayoutVersion, software: sent.softwareLayoutVersion };
}

export function nodeReportOf({ storageReport, metadataStorageReport }: NodeReportProto): NodeReport {
  return {
    storageReports: storageReport.slice(0, VOLUMES_MAX).map(storageReportOf),
    metadataStorageReports: metadataStorageReport.slice(0, METADATA_VOLUMES_MAX).map(
      ({ storageLocation, storageType, capacity, scmUsed, remaining, failed }): MetadataStorageReport => ({
        storageLocation,
        storageType: nameOf(STORAGE_TYPE, storageType) ?? "DISK",
        capacity: countWithin(capacity),
        scmUsed: countWithin(scmUsed),
        remaining: countWithin(remaining),
        failed,
      }),
    ),
  };
}

function storageReportOf(sent: StorageReportProto): StorageReport {
  const report: Writable<StorageReport> = {
    storageUuid: sent.storageUuid,
    storageLocation: sent.storageLocation,
    capacity: countWithin(sent.capacity),
    scmUsed: countWithin(sent.scmUsed),
    remaining: countWithin(sent.remaining),
    storageType: nameOf(STORAGE_TYPE, sent.storageType) ?? "DISK",
    failed: sent.failed,
    committed: countWithin(sent.committed),
    freeSpaceToSpare: countWithin(sent.freeSpaceToSpare),
    reserved: countWithin(sent.reserved),
  };
  if (isFieldSet(sent, Storage.field.fsCapacity)) report.fsCapacity = countWithin(sent.fsCapacity);
  if (isFieldSet(sent, Storage.field.fsAvailable)) report.fsAvailable = countWithin(sent.fsAvailable);
  return report;
}

export function pipelineReportsOf({ pipelineReport }: PipelineReportsProtoValid): PipelineReport[] {
  const reports: PipelineReport[] = [];
  for (const { pipelineID, isLeader, bytesWritten } of pipelineReport) {
    const pipelineId = readPipelineId(pipelineID);
    if (pipelineId === undefined) continue;
    reports.push({ pipelineId, isLeader, bytesWritten: countWithin(bytesWritten) });
    if (reports.length === PIPELINES_MAX) break;
  }
  return reports;
}

function pipelineActionsOf({
  pipelineActions,
}: PipelineActionsProtoValid): HeartbeatRequest["pipelineActions"] {
  const actions: NonNullable<HeartbeatRequest["pipelineActions"]>[number][] = [];
  for (const { closePipeline } of pipelineActions) {
    const pipelineId = closePipeline && readPipelineId(closePipeline.pipelineID);
    if (closePipeline === undefined || pipelineId === undefined) continue;
    const reason = nameOf(CloseReason, closePipeline.reason) ?? "PIPELINE_FAILED";
    const detailedReason = closePipeline.detailedReason.slice(0, REASON_TEXT_MAX);
    actions.push({ pipelineId, reason, detailedReason });
    if (actions.length === ACTIONS_MAX) break;
  }
  return actions;
}

function containerActionsOf({
  containerActions,
}: ContainerActionsProto): HeartbeatRequest["containerActions"] {
  return containerActions.slice(0, ACTIONS_MAX).map(({ containerID, reason }) => ({
    containerId: countWithin(containerID),
    reason: nameOf(ContainerReason, reason) ?? "CONTAINER_FULL",
  }));
}

/** Parallel lists; what one of them lacks does not count. */
function commandCounts({ command, count }: CommandQueueReportProto): HeartbeatRequest["commandCounts"] {
  const counts: { type: CommandType; count: number }[] = [];
  for (let at = 0; at < Math.min(command.length, count.length, COMMAND_COUNTS_MAX); at++) {
    const type = nameOf(COMMAND_TYPE, command[at] as number);
    if (type === undefined || type === "unknownScmCommand") continue;
    counts.push({ type, count: Math.min(count[at] as number, UINT32_MAX) });
  }
  return counts;
}

function commandStatuses(reports: readonly CommandStatusReportsProto[]): HeartbeatRequest["commandStatuses"] {
  const statuses: NonNullable<HeartbeatRequest["commandStatuses"]>[number][] = [];
  let deletionsLeft = DELETIONS_MAX;
  for (const { cmdId, type, status, msg, blockDeletionAck } of reports.flatMap(
    ({ cmdStatus }) => cmdStatus,
  )) {
    if (statuses.length === STATUSES_MAX) break;
    const deletions = (blockDeletionAck?.results ?? []).slice(0, deletionsLeft);
    deletionsLeft -= deletions.length;
    statuses.push({
      commandId: countWithin(cmdId),
      type: nameOf(COMMAND_TYPE, type) ?? "unknownScmCommand",
      status: nameOf(CommandOutcome, status) ?? "PENDING",
      message: msg.slice(0, STATUS_TEXT_MAX),
      blockDeletions: deletions.map(({ txID, containerID, success }) => ({
        transactionId: countWithin(txID),
        containerId: countWithin(containerID),
        success,
      })),
    });
  }
  return statuses;
}
