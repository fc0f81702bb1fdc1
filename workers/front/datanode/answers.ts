import type { Uuid } from "../../../engine/core/uuid.js";
import type { ProtoWriter } from "../../../protocol/hadoop/proto-writer.js";
import type { ResponseOf } from "../../../protocol/schema/messages.js";
import type { Command, DatanodeDetails } from "../../../protocol/schema/records.js";
import { writeCommand } from "./commands.js";

/** SCMDatanodeResponse in the fields that the reference sets: type, status and body (spec 12 §5). */

export const GET_VERSION = 1;
export const REGISTER = 2;
export const SEND_HEARTBEAT = 3;
const STATUS_OK = 1;
const SOFTWARE_VERSION = 1;
const SUCCESS = 1;
const NODE_NOT_PERMITTED = 2;

/** Names of 01 §2; a datanode fails without either. */
export function writeVersionAnswer(writer: ProtoWriter, clusterId: string, scmId: Uuid): void {
  begin(writer, GET_VERSION);
  writer.openMessage(6);
  writer.number(1, SOFTWARE_VERSION);
  writeKeyValue(writer, "clusterID", clusterId);
  writeKeyValue(writer, "scmUuid", scmId);
  writer.closeMessage();
}

function writeKeyValue(writer: ProtoWriter, key: string, value: string): void {
  writer.openMessage(2);
  writer.text(1, key);
  writer.text(2, value);
  writer.closeMessage();
}

/** The names as the SCM has recorded them. */
export function writeRegistered(writer: ProtoWriter, recorded: ResponseOf<"register">): void {
  writeRegisterAnswer(writer, SUCCESS, recorded, recorded.clusterId);
}

/** The names as the datanode has told them; it tries again with its next heartbeat. */
export function writeRefused(writer: ProtoWriter, details: DatanodeDetails, clusterId: string): void {
  writeRegisterAnswer(writer, NODE_NOT_PERMITTED, details, clusterId);
}

type Names = Pick<DatanodeDetails, "uuid" | "hostName" | "ipAddress" | "networkName" | "networkLocation">;

function writeRegisterAnswer(writer: ProtoWriter, outcome: number, names: Names, clusterId: string): void {
  const { uuid, hostName, ipAddress, networkName = "", networkLocation = "" } = names;
  begin(writer, REGISTER);
  writer.openMessage(7);
  writer.number(1, outcome);
  writer.text(2, uuid);
  writer.text(3, clusterId);
  // In pairs: a datanode takes over both or none (spec 01 §3.1).
  if (hostName !== "" && ipAddress !== "") {
    writer.text(5, hostName);
    writer.text(6, ipAddress);
  }
  if (networkName !== "" && networkLocation !== "") {
    writer.text(7, networkName);
    writer.text(8, networkLocation);
  }
  writer.closeMessage();
}

/** `term` 0: this SCM does not lead, so it sends none. */
export function writeHeartbeatAnswer(
  writer: ProtoWriter,
  uuid: Uuid,
  term: number,
  commands: readonly Command[],
): void {
  begin(writer, SEND_HEARTBEAT);
  writer.openMessage(8);
  writer.text(1, uuid);
  for (const command of commands) writeCommand(writer, 2, command, term);
  if (term > 0) writer.number(3, term);
  writer.closeMessage();
}

function begin(writer: ProtoWriter, type: number): void {
  writer.begin();
  writer.number(1, type);
  writer.number(5, STATUS_OK);
}
