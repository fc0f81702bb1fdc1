import { COMMAND_TYPE, OPERATIONAL_STATE, REPLICATION_TYPE } from "../../../engine/core/enums.js";
import type { Uuid } from "../../../engine/core/uuid.js";
import type { ProtoWriter } from "../../../protocol/hadoop/proto-writer.js";
import type { Command, DatanodeDetails, ReplicationRecord } from "../../../protocol/schema/records.js";
import { writeDetails } from "../rendered-details.js";
import { writeEcReplication, writePipelineId } from "../rendered-pipelines.js";

const NO_PIPELINE = "00000000-0000-0000-0000-000000000000" as Uuid;
const NO_REPLICATION: ReplicationRecord = {
  type: "RATIS",
  factor: 0,
  ecData: 0,
  ecParity: 0,
  ecChunkBytes: 0,
  ecCodec: "",
};
const NORMAL_PRIORITY = 1;
const LOW_PRIORITY = 2;

/** SCMCommand as a field of a message, in the fields that the reference sets (spec 12 §5.4). All commands of
 * an answer carry its term: a datanode runs those of the highest term that it has seen, and no others. False,
 * and nothing is written, for the one type that no datanode knows. */
export function writeCommand(writer: ProtoWriter, field: number, command: Command, term: number): boolean {
  const type = COMMAND_TYPE[command.type];
  if (type === COMMAND_TYPE.unknownScmCommand) return false;
  writer.openMessage(field);
  writer.number(1, type);
  writer.openMessage(type + 1);
  WRITE[command.type](writer, command);
  writer.closeMessage();
  writer.number(15, term);
  writer.text(16, command.encodedToken ?? "");
  writer.number(17, command.deadlineMs);
  writer.closeMessage();
  return true;
}

type Write = (writer: ProtoWriter, command: Command) => void;

const WRITE: Readonly<Record<Command["type"], Write>> = {
  unknownScmCommand: () => {},
  reregisterCommand: () => {},
  deleteBlocksCommand: writeDeleteBlocks,
  closeContainerCommand: (
    writer,
    { containerId = 0, pipelineId = NO_PIPELINE, commandId, force = false },
  ) => {
    writer.number(1, containerId);
    writePipelineId(writer, 2, pipelineId);
    writer.number(3, commandId);
    writer.boolean(4, force);
  },
  deleteContainerCommand: (writer, { containerId = 0, commandId, force = false, replicaIndex = 0 }) => {
    writer.number(1, containerId);
    writer.number(2, commandId);
    writer.boolean(3, force);
    writer.number(4, replicaIndex);
  },
  replicateContainerCommand: writeReplicate,
  createPipelineCommand: writeCreatePipeline,
  closePipelineCommand: (writer, { pipelineId = NO_PIPELINE, commandId }) => {
    writePipelineId(writer, 1, pipelineId);
    writer.number(2, commandId);
  },
  setNodeOperationalStateCommand: (writer, command) => {
    writer.number(1, command.commandId);
    writer.number(2, OPERATIONAL_STATE[command.operationalState ?? "IN_SERVICE"]);
    writer.number(3, command.operationalStateExpiry ?? 0);
  },
  finalizeNewLayoutVersionCommand: (writer, { layout, commandId }) => {
    writer.boolean(1, true);
    writer.openMessage(2);
    writer.number(1, layout?.metadata ?? 0);
    writer.number(2, layout?.software ?? 0);
    writer.closeMessage();
    writer.number(3, commandId);
  },
  refreshVolumeUsageInfo: (writer, { commandId }) => writer.number(1, commandId),
  reconstructECContainersCommand: writeReconstruct,
  reconcileContainerCommand: (writer, { containerId = 0, peers = [] }) => {
    writer.number(1, containerId);
    writeAll(writer, 2, peers);
  },
};

function writeDeleteBlocks(writer: ProtoWriter, { deletedBlocks = [], commandId }: Command): void {
  for (const blocks of deletedBlocks) {
    writer.openMessage(1);
    writer.number(1, blocks.transactionId);
    writer.number(2, blocks.containerId);
    for (const localId of blocks.localIds) writer.bigint(3, localId);
    writer.number(4, 0);
    writer.number(5, blocks.totalBlockSize);
    writer.number(6, blocks.totalBlockReplicatedSize);
    writer.number(7, blocks.totalSizePerReplica);
    writer.closeMessage();
  }
  writer.number(3, commandId);
}

/** Pushed: the command goes to a datanode that has the replica, with the one that is to get it. */
function writeReplicate(writer: ProtoWriter, command: Command): void {
  const { containerId = 0, sources = [], targets = [], replicaIndex = 0, isLowPriority } = command;
  writer.number(1, containerId);
  for (const { details } of sources) writeDetails(writer, 2, details, "all");
  writer.number(3, command.commandId);
  writer.number(4, replicaIndex);
  const [target] = targets;
  if (target !== undefined) writeDetails(writer, 5, target, "all");
  writer.number(6, isLowPriority === true ? LOW_PRIORITY : NORMAL_PRIORITY);
}

function writeCreatePipeline(writer: ProtoWriter, command: Command): void {
  const { pipelineId = NO_PIPELINE, replication = NO_REPLICATION, members = [], priorities = [] } = command;
  writePipelineId(writer, 1, pipelineId);
  writer.number(2, REPLICATION_TYPE[replication.type]);
  writer.number(3, replication.factor);
  writeAll(writer, 4, members);
  writer.number(5, command.commandId);
  for (const priority of priorities) writer.number(6, priority);
}

function writeReconstruct(writer: ProtoWriter, command: Command): void {
  const { containerId = 0, sources = [], targets = [], missingIndexes = [] } = command;
  writer.number(1, containerId);
  for (const { details, replicaIndex } of sources) {
    writer.openMessage(2);
    writeDetails(writer, 1, details, "all");
    writer.number(2, replicaIndex);
    writer.closeMessage();
  }
  writeAll(writer, 3, targets);
  writer.bytes(4, Uint8Array.from(missingIndexes));
  writeEcReplication(writer, 5, command.replication ?? NO_REPLICATION);
  writer.number(6, command.commandId);
}

function writeAll(writer: ProtoWriter, field: number, datanodes: readonly DatanodeDetails[]): void {
  for (const details of datanodes) writeDetails(writer, field, details, "all");
}
