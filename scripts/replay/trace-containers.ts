import type { ContainerKind, Figures, ModelReplica, ShownReplica } from "./container-rules.js";
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

/** A container as an answer of the trace shows it. */
export interface ShownContainer extends Figures {
  readonly id: number;
  readonly state: string;
  readonly kind: ContainerKind;
  readonly deleteTransactionId: number;
  readonly isSuppressed: boolean;
}

function modelReplica(row: JsonObject, node: string): ModelReplica {
  return {
    containerId: number(row["containerID"]),
    node,
    state: string(row["state"]),
    replicaIndex: number(row["replicaIndex"]),
    sequenceId: size(row["blockCommitSequenceId"]),
    usedBytes: size(row["used"]),
    keyCount: size(row["keyCount"]),
    origin: string(row["originNodeId"]) || node,
    isEmpty: boolean(row["isEmpty"]),
    dataChecksum: uint64(row["dataChecksum"]),
  };
}

/** A full or an incremental report. */
export interface ReportMessage {
  readonly node: string;
  readonly isFull: boolean;
  readonly isFromRegistration: boolean;
  readonly body: JsonObject;
  readonly rows: readonly ModelReplica[];
}

/** What a datanode says of containers in one call: those that it wants closed, and its reports in order. */
export interface ContainerNews {
  readonly closes: readonly number[];
  readonly reports: readonly ReportMessage[];
}

export function newsOfRegistration(body: JsonObject, node: string): ContainerNews {
  return { closes: [], reports: [fullReport(object(body["containerReport"]), node, true)] };
}

export function newsOfHeartbeat(body: JsonObject, node: string): ContainerNews {
  const full = body["containerReport"];
  const actions = objects(object(body["containerActions"])["containerActions"]);
  return {
    closes: actions.map((action) => number(action["containerID"])),
    reports: [
      ...(full === undefined ? [] : [fullReport(object(full), node, false)]),
      ...objects(body["incrementalContainerReport"]).map((report) => ({
        node,
        isFull: false,
        isFromRegistration: false,
        body: report,
        rows: objects(report["report"]).map((row) => modelReplica(row, node)),
      })),
    ],
  };
}

/** Of rows with one id the last one counts (spec 02 §7). */
function fullReport(body: JsonObject, node: string, isFromRegistration: boolean): ReportMessage {
  const rows = objects(body["reports"]).map((row) => modelReplica(row, node));
  const byId = new Map(rows.map((row) => [row.containerId, row]));
  return { node, isFull: true, isFromRegistration, body, rows: [...byId.values()] };
}

export function shownContainer(info: JsonObject): ShownContainer {
  return {
    id: number(info["containerID"]),
    state: string(info["state"]),
    sequenceId: size(info["sequenceId"]),
    usedBytes: size(info["usedBytes"]),
    keyCount: size(info["numberOfKeys"]),
    deleteTransactionId: size(info["deleteTransactionId"]),
    isSuppressed: boolean(info["suppressed"]),
    kind: {
      owner: string(info["owner"]),
      pipelineId: uuidText(object(info["pipelineID"])),
      ...replicationOf(string(info["replicationType"]), info),
    },
  };
}

export function kindOnPipeline(pipeline: JsonObject, owner: string): ContainerKind {
  return {
    owner,
    pipelineId: uuidText(object(pipeline["id"])),
    ...replicationOf(string(pipeline["type"]), pipeline),
  };
}

/** The containers that an answer about containers shows, whatever its type. */
export function shownInfos(response: JsonObject): JsonObject[] {
  const infos = [
    object(response["getContainerResponse"])["containerInfo"],
    object(object(response["getContainerWithPipelineResponse"])["containerWithPipeline"])["containerInfo"],
    ...[
      ...objects(object(response["getContainerWithPipelineBatchResponse"])["containerWithPipelines"]),
      ...objects(object(response["getExistContainerWithPipelinesInBatchResponse"])["containerWithPipelines"]),
    ].map((each) => each["containerInfo"]),
    ...objects(object(response["scmListContainerResponse"])["containers"]),
  ];
  return infos.filter((info) => info !== undefined).map(object);
}

/** The replicas of an answer to GetContainerReplicas. */
export function shownReplicas(answer: JsonObject): Map<string, ShownReplica> {
  const replicas = objects(answer["containerReplica"]).map((replica) => {
    const node = uuidText(object(replica["datanodeDetails"]));
    return {
      containerId: number(replica["containerID"]),
      node,
      state: string(replica["state"]),
      replicaIndex: size(replica["replicaIndex"]),
      sequenceId: size(replica["sequenceID"]),
      usedBytes: size(replica["bytesUsed"]),
      keyCount: size(replica["keyCount"]),
      origin: string(replica["placeOfBirth"]) || node,
      dataChecksum: uint64(replica["dataChecksum"]),
    };
  });
  return new Map(replicas.map((replica) => [replica.node, replica]));
}

function replicationOf(type: string, message: JsonObject) {
  const ec = object(message["ecReplicationConfig"]);
  const dataCount = number(ec["data"]);
  return { type, dataCount, indexCount: dataCount + number(ec["parity"]) };
}
