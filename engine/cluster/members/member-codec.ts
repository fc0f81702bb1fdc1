import type { ByteReader } from "../../core/byte-reader.js";
import type { ByteWriter } from "../../core/byte-writer.js";
import { isLocalThread, NO_NODE, type NodeId, nodeId } from "../../raft/types.js";
import { countFrom } from "../count-from.js";
import type { Member, MemberPorts } from "./member.js";

/** Ports in their order on disk, which is for ever; new ones go at the end with a new version of the row. */
const PORT_NAMES = ["raft", "strata", "http", "client", "datanode", "block", "security"] as const;

/** What of a member is no number of the group: scm id, name, host as text, ports u16 each. */
export function writeMemberFields(writer: ByteWriter, member: Omit<Member, "nodeId">): void {
  writer.uuid(member.scmId);
  writer.text(member.name);
  writer.text(member.host);
  for (const name of PORT_NAMES) writer.u16(member.ports[name]);
}

/** Throws RangeError for bytes that `writeMemberFields` never makes. */
export function readMemberFields(id: NodeId, reader: ByteReader): Member {
  const scmId = reader.uuid();
  const name = reader.text();
  const host = reader.text();
  if (host === "") throw new RangeError(`member ${id} has no host`);
  return { nodeId: id, scmId, name, host, ports: readPorts(reader) };
}

/** A member with its number, f64, before its fields. */
export function writeMember(writer: ByteWriter, member: Member): void {
  writer.f64(member.nodeId);
  writeMemberFields(writer, member);
}

/** Throws RangeError. */
export function readMember(reader: ByteReader): Member {
  return readMemberFields(readNodeId(reader), reader);
}

/** Throws RangeError for what is no number of a member. */
export function readNodeId(reader: ByteReader): NodeId {
  const id = nodeId(countFrom(reader));
  if (id === NO_NODE || isLocalThread(id)) throw new RangeError(`node id ${id}`);
  return id;
}

function readPorts(reader: ByteReader): MemberPorts {
  const ports: Record<string, number> = {};
  for (const name of PORT_NAMES) ports[name] = reader.u16();
  return ports as unknown as MemberPorts;
}
