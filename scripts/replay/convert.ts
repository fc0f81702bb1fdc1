import { assert } from "../../engine/core/assert.js";
import {
  COMMAND_TYPE,
  CONTAINER_STATE,
  type CommandType,
  OPERATIONAL_STATE,
  type OperationalState,
  REPLICA_STATE,
  REPLICATION_TYPE,
  type ReplicaState,
  type ReplicationType,
  STORAGE_TYPE,
  type StorageType,
} from "../../engine/core/enums.js";
import { parseUuid, type Uuid } from "../../engine/core/uuid.js";
import type { RequestOf } from "../../protocol/schema/messages.js";
import type {
  ContainerRecord,
  DatanodeDetails,
  NodeReport,
  PipelineRecord,
  PipelineReport,
  ReplicationRecord,
} from "../../protocol/schema/records.js";
import {
  boolean,
  type JsonObject,
  number,
  object,
  objects,
  size,
  string,
  uint64,
  uuidText,
} from "./trace.js";

/** The reference's messages into those of our protocol. A full report never travels inside another
 * message. */

export interface ReplicaRow {
  readonly containerId: number;
  readonly usedBytes: number;
  readonly sequenceId: number;
  readonly keyCount: number;
  readonly origin: Uuid;
  readonly state: ReplicaState;
  readonly isEmpty: boolean;
  readonly replicaIndex: number;
  readonly dataChecksum: bigint;
}

export function uuidOf(value: JsonObject): Uuid {
  return toUuid(uuidText(value));
}

export function toUuid(text: string): Uuid {
  const uuid = parseUuid(text);
  assert(uuid !== undefined, `the trace holds a bad uuid: "${text}"`);
  return uuid;
}

export function registerRequest(body: JsonObject): RequestOf<"register"> {
  const extended = object(body["extendedDatanodeDetails"]);
  return {
    details: {
      ...datanodeDetails(object(extended["datanodeDetails"])),
      version: string(extended["version"]),
      setupTime: size(extended["setupTime"]),
      revision: string(extended["revision"]),
    },
    report: nodeReport(object(body["nodeReport"])),
    pipelineReports: pipelineReports(object(body["pipelineReports"])),
    layout: layoutVersion(object(body["dataNodeLayoutVersion"])),
  };
}

export function heartbeatRequest(body: JsonObject): RequestOf<"heartbeat"> {
  const details = object(body["datanodeDetails"]);
  return {
    persistedOpState: operationalState(details["persistedOpState"]),
    persistedOpStateExpiry: size(details["persistedOpStateExpiry"]),
    // Without one it is that of the beginning (spec 01 §4.1).
    layout: layoutVersion(object(body["dataNodeLayoutVersion"])),
    ...when(body, "commandQueueReport", (value) => ({ commandCounts: commandCounts(value) })),
    ...when(body, "nodeReport", (value) => ({ nodeReport: nodeReport(value) })),
    ...when(body, "pipelineReports", (value) => ({ pipelineReports: pipelineReports(value) })),
    ...when(body, "pipelineActions", (value) => ({ pipelineActions: pipelineActions(value) })),
    ...when(body, "containerActions", (value) => ({ containerActions: containerActions(value) })),
    commandStatuses: objects(body["commandStatusReports"]).flatMap(commandStatuses),
  };
}

function when<T>(body: JsonObject, name: string, convert: (value: JsonObject) => T): T | undefined {
  return body[name] === undefined ? undefined : convert(object(body[name]));
}

/** A replica that does not tell where it was created was created on the datanode that reports it. */
export function replicaRow(row: JsonObject, reporter: Uuid): ReplicaRow {
  return {
    containerId: number(row["containerID"]),
    usedBytes: size(row["used"]),
    sequenceId: size(row["blockCommitSequenceId"]),
    keyCount: size(row["keyCount"]),
    origin: row["originNodeId"] === undefined ? reporter : toUuid(string(row["originNodeId"])),
    state: member(REPLICA_STATE, row["state"], "INVALID"),
    isEmpty: boolean(row["isEmpty"]),
    replicaIndex: size(row["replicaIndex"]),
    dataChecksum: uint64(row["dataChecksum"]),
  };
}

/** Rows of a full report, ascending by id; of rows with one id the last one counts (spec 02 §7). */
export function fullReportRows(report: JsonObject, reporter: Uuid): ReplicaRow[] {
  const byId = new Map<number, ReplicaRow>();
  for (const row of objects(report["reports"])) {
    byId.set(number(row["containerID"]), replicaRow(row, reporter));
  }
  return [...byId.values()].sort((a, b) => a.containerId - b.containerId);
}

export function pipelineRecord(pipeline: JsonObject, nowMs: number): PipelineRecord {
  const indexes = Array.isArray(pipeline["memberReplicaIndexes"]) ? pipeline["memberReplicaIndexes"] : [];
  const created = number(pipeline["creationTimeStamp"]) || nowMs;
  const leaderId = parseUuid(string(pipeline["leaderID"]));
  return {
    pipelineId: uuidOf(object(pipeline["id"])),
    replication: replication(pipeline),
    state: "OPEN",
    members: objects(pipeline["members"]).map((details, position) => ({
      details: datanodeDetails(details),
      replicaIndex: number(indexes[position]),
    })),
    ...(leaderId === undefined ? {} : { leaderId }),
    creationTimeMs: created,
    stateEnterTimeMs: created,
  };
}

/** The pipeline that a createPipelineCommand orders: allocated, until its members report. */
export function pipelineOfCommand(command: JsonObject, nowMs: number): PipelineRecord {
  return {
    pipelineId: uuidOf(object(command["pipelineID"])),
    replication: replication(command),
    state: "ALLOCATED",
    members: objects(command["datanode"]).map((d) => ({ details: datanodeDetails(d), replicaIndex: 0 })),
    creationTimeMs: nowMs,
    stateEnterTimeMs: nowMs,
  };
}

export type NewContainer = Omit<ContainerRecord, "containerId">;

/** As it is created. */
export function openContainer(
  owner: string,
  { replication, pipelineId }: Pick<ContainerRecord, "replication" | "pipelineId">,
  nowMs: number,
): NewContainer {
  return {
    state: "OPEN",
    replication,
    ...(pipelineId === undefined ? {} : { pipelineId }),
    owner,
    usedBytes: 0,
    keyCount: 0,
    sequenceId: 0,
    deleteTransactionId: 0,
    stateEnterTimeMs: nowMs,
    suppressed: false,
  };
}

/** The replication of a container that an answer shows. */
export function replicationOfInfo(info: JsonObject): ReplicationRecord {
  return replication({ ...info, type: info["replicationType"], factor: info["replicationFactor"] });
}

/** Which containers an administrator wants to see. */
export function containerFilter(asked: JsonObject): Partial<RequestOf<"listContainers">> {
  const { state, type, factor, suppressed, ecReplicationConfig } = asked;
  return {
    ...(state === undefined ? {} : { state: member(CONTAINER_STATE, state, "OPEN") }),
    ...(type === undefined ? {} : { replicationType: member(REPLICATION_TYPE, type, "RATIS") }),
    ...(factor === undefined ? {} : { replicationFactor: string(factor) === "THREE" ? 3 : 1 }),
    ...(suppressed === undefined ? {} : { suppressed: boolean(suppressed) }),
    ...(ecReplicationConfig === undefined
      ? {}
      : { replication: replication({ type: "EC", ecReplicationConfig }) }),
  };
}

function datanodeDetails(details: JsonObject): DatanodeDetails {
  return {
    uuid: uuidOf(details),
    ipAddress: string(details["ipAddress"]),
    hostName: string(details["hostName"]),
    ports: objects(details["ports"]).map((port) => ({
      name: string(port["name"]),
      value: number(port["value"]),
    })),
    ...optionalText(details, "certSerialId"),
    ...optionalText(details, "networkName"),
    ...optionalText(details, "networkLocation"),
    ...(details["level"] === undefined ? {} : { level: number(details["level"]) }),
    ...(details["persistedOpState"] === undefined
      ? {}
      : { persistedOpState: operationalState(details["persistedOpState"]) }),
    persistedOpStateExpiry: size(details["persistedOpStateExpiry"]),
    currentVersion: size(details["currentVersion"]),
  };
}

function optionalText(details: JsonObject, name: string): Record<string, string> {
  return details[name] === undefined ? {} : { [name]: string(details[name]) };
}

function nodeReport(report: JsonObject): NodeReport {
  return {
    storageReports: objects(report["storageReport"]).map((volume) => ({
      storageUuid: string(volume["storageUuid"]),
      storageLocation: string(volume["storageLocation"]),
      capacity: size(volume["capacity"]),
      scmUsed: size(volume["scmUsed"]),
      remaining: size(volume["remaining"]),
      storageType: storageType(volume["storageType"]),
      failed: boolean(volume["failed"]),
      committed: size(volume["committed"]),
      freeSpaceToSpare: size(volume["freeSpaceToSpare"]),
      reserved: size(volume["reserved"]),
      ...(volume["fsCapacity"] === undefined ? {} : { fsCapacity: size(volume["fsCapacity"]) }),
      ...(volume["fsAvailable"] === undefined ? {} : { fsAvailable: size(volume["fsAvailable"]) }),
    })),
    metadataStorageReports: objects(report["metadataStorageReport"]).map((volume) => ({
      storageLocation: string(volume["storageLocation"]),
      storageType: storageType(volume["storageType"]),
      capacity: size(volume["capacity"]),
      scmUsed: size(volume["scmUsed"]),
      remaining: size(volume["remaining"]),
      failed: boolean(volume["failed"]),
    })),
  };
}

function layoutVersion(layout: JsonObject): { metadata: number; software: number } {
  return {
    metadata: size(layout["metadataLayoutVersion"]),
    software: size(layout["softwareLayoutVersion"]),
  };
}

function pipelineReports(reports: JsonObject): PipelineReport[] {
  return objects(reports["pipelineReport"]).map((report) => ({
    pipelineId: uuidOf(object(report["pipelineID"])),
    isLeader: boolean(report["isLeader"]),
    bytesWritten: size(report["bytesWritten"]),
  }));
}

function pipelineActions(actions: JsonObject): NonNullable<RequestOf<"heartbeat">["pipelineActions"]> {
  return objects(actions["pipelineActions"]).map((action) => {
    const close = object(action["closePipeline"]);
    const reasons = { PIPELINE_FAILED: 1, PIPELINE_LOG_FAILED: 2, STATEMACHINE_TRANSACTION_FAILED: 3 };
    return {
      pipelineId: uuidOf(object(close["pipelineID"])),
      reason: member(reasons, close["reason"], "PIPELINE_FAILED"),
      detailedReason: string(close["detailedReason"]),
    };
  });
}

function containerActions(actions: JsonObject): NonNullable<RequestOf<"heartbeat">["containerActions"]> {
  return objects(actions["containerActions"]).map((action) => ({
    containerId: number(action["containerID"]),
    reason: member({ CONTAINER_FULL: 1, CONTAINER_UNHEALTHY: 2 }, action["reason"], "CONTAINER_FULL"),
  }));
}

function commandCounts(report: JsonObject): { type: CommandType; count: number }[] {
  const types = Array.isArray(report["command"]) ? report["command"] : [];
  const counts = Array.isArray(report["count"]) ? report["count"] : [];
  return types.map((type, position) => ({
    type: member(COMMAND_TYPE, type, "unknownScmCommand"),
    count: size(counts[position]),
  }));
}

function commandStatuses(report: JsonObject): NonNullable<RequestOf<"heartbeat">["commandStatuses"]> {
  return objects(report["cmdStatus"]).map((status) => ({
    commandId: number(status["cmdId"]),
    type: member(COMMAND_TYPE, status["type"], "unknownScmCommand"),
    status: member({ PENDING: 1, EXECUTED: 2, FAILED: 3 }, status["status"], "FAILED"),
    message: string(status["msg"]),
    blockDeletions: objects(object(status["blockDeletionAck"])["results"]).map((result) => ({
      transactionId: number(result["txID"]),
      containerId: number(result["containerID"]),
      success: boolean(result["success"]),
    })),
  }));
}

function replication(message: JsonObject): ReplicationRecord {
  const type: ReplicationType = member(REPLICATION_TYPE, message["type"], "STAND_ALONE");
  const ec = object(message["ecReplicationConfig"]);
  const [ecData, ecParity] = [number(ec["data"]), number(ec["parity"])];
  return {
    type,
    factor: type === "EC" ? ecData + ecParity : string(message["factor"]) === "THREE" ? 3 : 1,
    ecData,
    ecParity,
    ecChunkBytes: number(ec["ecChunkSize"]),
    ecCodec: string(ec["codec"]),
  };
}

export function operationalState(value: JsonObject[string]): OperationalState {
  return member(OPERATIONAL_STATE, value, "IN_SERVICE");
}

function storageType(value: JsonObject[string]): StorageType {
  return member(STORAGE_TYPE, value, "DISK");
}

/** The name when the table has it, else `otherwise` (the protobuf default). */
function member<T extends Readonly<Record<string, number>>>(
  table: T,
  value: JsonObject[string],
  otherwise: keyof T & string,
): keyof T & string {
  return typeof value === "string" && Object.hasOwn(table, value) ? (value as keyof T & string) : otherwise;
}
