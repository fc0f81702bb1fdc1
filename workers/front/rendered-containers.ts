import { CONTAINER_STATE, REPLICATION_TYPE } from "../../engine/core/enums.js";
import { StrataError } from "../../engine/core/errors.js";
import type { ProtoWriter } from "../../protocol/hadoop/proto-writer.js";
import type { ContainerRecord, ReplicationRecord } from "../../protocol/schema/records.js";
import { readsErasureCoding } from "./client-version.js";
import { writeEcReplication, writePipelineId } from "./rendered-pipelines.js";

/** ContainerInfo with what the reference sends (spec 12 §4). */
export function writeContainer(
  writer: ProtoWriter,
  field: number,
  container: ContainerRecord,
  clientVersion: number,
): void {
  const { replication, pipelineId } = container;
  requireReadable(replication, clientVersion);
  writer.openMessage(field);
  writer.number(1, container.containerId);
  writer.number(2, CONTAINER_STATE[container.state]);
  if (pipelineId !== undefined) writePipelineId(writer, 3, pipelineId);
  writer.number(4, container.usedBytes);
  writer.number(5, container.keyCount);
  writer.number(6, container.stateEnterTimeMs);
  writer.text(7, container.owner);
  writer.number(8, container.deleteTransactionId);
  writer.number(9, container.sequenceId);
  if (replication.type !== "EC") writer.number(10, replication.factor);
  writer.number(11, REPLICATION_TYPE[replication.type]);
  if (replication.type === "EC") writeEcReplication(writer, 12, replication);
  if (container.suppressed) writer.boolean(13, true);
  writer.closeMessage();
}

/** Clients from before erasure coding get an error in place of it (spec 09 §4).
 * @throws StrataError INVALID_ARGUMENT */
export function requireReadable({ type }: ReplicationRecord, clientVersion: number): void {
  if (type !== "EC" || readsErasureCoding(clientVersion)) return;
  throw new StrataError("INVALID_ARGUMENT", {
    field: "version",
    reason: `a client of version ${clientVersion} cannot read the erasure coding in the answer`,
  });
}
