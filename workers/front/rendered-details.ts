import { OPERATIONAL_STATE, type OperationalState } from "../../engine/core/enums.js";
import type { Uuid } from "../../engine/core/uuid.js";
import type { ProtoWriter } from "../../protocol/hadoop/proto-writer.js";
import type { DatanodeDetails } from "../../protocol/schema/records.js";
import { isSent, type PortChoice } from "./client-version.js";

/** `currentVersion` of a datanode that does not tell (spec 12 §4). */
const OLDEST_DATANODE_VERSION = 1;

/** DatanodeDetails as a field of a message, with what the reference sends (spec 12 §4): it fills in the
 * operational state, which a datanode does not tell at its first start. */
export function writeDetails(
  writer: ProtoWriter,
  field: number,
  details: DatanodeDetails,
  ports: PortChoice,
): void {
  writeAll(writer, field, details, ports, details.persistedOpState ?? "IN_SERVICE");
}

/** The same with what the datanode has told alone. */
export function writeToldDetails(
  writer: ProtoWriter,
  field: number,
  details: DatanodeDetails,
  ports: PortChoice,
): void {
  writeAll(writer, field, details, ports, details.persistedOpState);
}

function writeAll(
  writer: ProtoWriter,
  field: number,
  details: DatanodeDetails,
  ports: PortChoice,
  opState: OperationalState | undefined,
): void {
  writer.openMessage(field);
  const { certSerialId, networkName, networkLocation, level } = details;
  writer.text(1, details.uuid);
  writer.text(2, details.ipAddress);
  writer.text(3, details.hostName);
  for (const { name, value } of details.ports) {
    if (!isSent(ports, name)) continue;
    writer.openMessage(4);
    writer.text(1, name);
    writer.number(2, value);
    writer.closeMessage();
  }
  if (certSerialId !== undefined) writer.text(5, certSerialId);
  if (networkName !== undefined && networkName !== "") writer.text(6, networkName);
  if (networkLocation !== undefined && networkLocation !== "") writer.text(7, networkLocation);
  if (opState !== undefined) writer.number(8, OPERATIONAL_STATE[opState]);
  writer.number(9, details.persistedOpStateExpiry ?? 0);
  writer.number(10, details.currentVersion ?? OLDEST_DATANODE_VERSION);
  writer.uuid(100, details.uuid);
  if (level !== undefined && level > 0) writer.number(101, level);
  writeDatanodeId(writer, 102, details.uuid);
  writer.closeMessage();
}

/** DatanodeID. */
export function writeDatanodeId(writer: ProtoWriter, field: number, uuid: Uuid): void {
  writer.openMessage(field);
  writer.uuid(1, uuid);
  writer.closeMessage();
}
