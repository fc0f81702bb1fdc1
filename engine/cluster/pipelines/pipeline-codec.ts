import type { DatanodeDetails, PipelineRecord } from "../../../protocol/schema/records.js";
import type { ByteReader } from "../../core/byte-reader.js";
import type { ByteWriter } from "../../core/byte-writer.js";
import { OPERATIONAL_STATE, PIPELINE_STATE } from "../../core/enums.js";
import { readReplication, writeReplication } from "../containers/replication-config.js";
import { enumName } from "../enum-name.js";
import type { NewPipeline } from "../operation.js";

/** Stored form of a pipeline: log and state store. One record has one encoding, so equal bytes are equal
 * records. */
const FORMAT = 1;

/** Which optional fields of the details are present: that is data too (spec 12 §8.2 H4). */
const PRESENT = {
  certSerialId: 1,
  networkName: 2,
  networkLocation: 4,
  level: 8,
  persistedOpState: 16,
  persistedOpStateExpiry: 32,
  currentVersion: 64,
  version: 128,
  setupTime: 256,
  revision: 512,
} as const;
const PRESENT_ALL = 1023;
const LEADER = { leaderId: 1, suggestedLeaderId: 2 } as const;

export function writePipeline(writer: ByteWriter, pipeline: PipelineRecord): void {
  writer.u8(FORMAT);
  writer.uuid(pipeline.pipelineId);
  writer.u8(PIPELINE_STATE[pipeline.state]);
  writeReplication(writer, pipeline.replication);
  writer.f64(pipeline.creationTimeMs);
  writer.f64(pipeline.stateEnterTimeMs);
  writer.u8(
    (pipeline.leaderId === undefined ? 0 : LEADER.leaderId) |
      (pipeline.suggestedLeaderId === undefined ? 0 : LEADER.suggestedLeaderId),
  );
  if (pipeline.leaderId !== undefined) writer.uuid(pipeline.leaderId);
  if (pipeline.suggestedLeaderId !== undefined) writer.uuid(pipeline.suggestedLeaderId);
  writeMembers(writer, pipeline.members);
}

/** Throws RangeError on bytes that `writePipeline` cannot have written. */
export function readPipeline(reader: ByteReader): PipelineRecord {
  const format = reader.u8();
  if (format !== FORMAT) throw new RangeError(`pipeline format ${format}`);
  const pipelineId = reader.uuid();
  const state = enumName(PIPELINE_STATE, reader.u8());
  const replication = readReplication(reader);
  const creationTimeMs = reader.f64();
  const stateEnterTimeMs = reader.f64();
  const leaders = reader.u8();
  if (leaders > 3) throw new RangeError(`leader flags ${leaders}`);
  const leaderId = (leaders & LEADER.leaderId) === 0 ? undefined : reader.uuid();
  const suggestedLeaderId = (leaders & LEADER.suggestedLeaderId) === 0 ? undefined : reader.uuid();
  const members = readMembers(reader);
  return {
    pipelineId,
    replication,
    state,
    members,
    ...(leaderId === undefined ? {} : { leaderId }),
    ...(suggestedLeaderId === undefined ? {} : { suggestedLeaderId }),
    creationTimeMs,
    stateEnterTimeMs,
  };
}

/** What a pipeline is created with, as it stands in the log. */
export function writeNewPipeline(writer: ByteWriter, pipeline: NewPipeline): void {
  writer.u8(FORMAT);
  writer.uuid(pipeline.pipelineId);
  writeReplication(writer, pipeline.replication);
  writer.u8(pipeline.suggestedLeaderId === undefined ? 0 : LEADER.suggestedLeaderId);
  if (pipeline.suggestedLeaderId !== undefined) writer.uuid(pipeline.suggestedLeaderId);
  writeMembers(writer, pipeline.members);
}

/** Throws RangeError on bytes that `writeNewPipeline` cannot have written. */
export function readNewPipeline(reader: ByteReader): NewPipeline {
  const format = reader.u8();
  if (format !== FORMAT) throw new RangeError(`pipeline format ${format}`);
  const pipelineId = reader.uuid();
  const replication = readReplication(reader);
  const leaders = reader.u8();
  if (leaders !== 0 && leaders !== LEADER.suggestedLeaderId) throw new RangeError(`leader flags ${leaders}`);
  const suggestedLeaderId = leaders === 0 ? undefined : reader.uuid();
  const members = readMembers(reader);
  return {
    pipelineId,
    replication,
    members,
    ...(suggestedLeaderId === undefined ? {} : { suggestedLeaderId }),
  };
}

function writeMembers(writer: ByteWriter, members: PipelineRecord["members"]): void {
  writer.u16(members.length);
  for (const { replicaIndex, details } of members) {
    writer.u8(replicaIndex);
    writeDetails(writer, details);
  }
}

function readMembers(reader: ByteReader): PipelineRecord["members"] {
  return Array.from({ length: reader.u16() }, () => {
    const replicaIndex = reader.u8();
    return { details: readDetails(reader), replicaIndex };
  });
}

function writeDetails(writer: ByteWriter, details: DatanodeDetails): void {
  writer.uuid(details.uuid);
  writer.text(details.ipAddress);
  writer.text(details.hostName);
  writer.u8(details.ports.length);
  for (const port of details.ports) {
    writer.text(port.name);
    writer.u32(port.value);
  }
  let present = 0;
  for (const [name, bit] of Object.entries(PRESENT)) {
    if (details[name as keyof typeof PRESENT] !== undefined) present |= bit;
  }
  writer.u16(present);
  if (details.certSerialId !== undefined) writer.text(details.certSerialId);
  if (details.networkName !== undefined) writer.text(details.networkName);
  if (details.networkLocation !== undefined) writer.text(details.networkLocation);
  if (details.level !== undefined) writer.u16(details.level);
  if (details.persistedOpState !== undefined) writer.u8(OPERATIONAL_STATE[details.persistedOpState]);
  if (details.persistedOpStateExpiry !== undefined) writer.f64(details.persistedOpStateExpiry);
  if (details.currentVersion !== undefined) writer.f64(details.currentVersion);
  if (details.version !== undefined) writer.text(details.version);
  if (details.setupTime !== undefined) writer.f64(details.setupTime);
  if (details.revision !== undefined) writer.text(details.revision);
}

function readDetails(reader: ByteReader): DatanodeDetails {
  const uuid = reader.uuid();
  const ipAddress = reader.text();
  const hostName = reader.text();
  const ports = Array.from({ length: reader.u8() }, () => ({ name: reader.text(), value: reader.u32() }));
  const present = reader.u16();
  if (present > PRESENT_ALL) throw new RangeError(`presence flags ${present}`);
  const has = (bit: number): boolean => (present & bit) !== 0;
  return {
    uuid,
    ipAddress,
    hostName,
    ports,
    ...(has(PRESENT.certSerialId) ? { certSerialId: reader.text() } : {}),
    ...(has(PRESENT.networkName) ? { networkName: reader.text() } : {}),
    ...(has(PRESENT.networkLocation) ? { networkLocation: reader.text() } : {}),
    ...(has(PRESENT.level) ? { level: reader.u16() } : {}),
    ...(has(PRESENT.persistedOpState) ? { persistedOpState: enumName(OPERATIONAL_STATE, reader.u8()) } : {}),
    ...(has(PRESENT.persistedOpStateExpiry) ? { persistedOpStateExpiry: reader.f64() } : {}),
    ...(has(PRESENT.currentVersion) ? { currentVersion: reader.f64() } : {}),
    ...(has(PRESENT.version) ? { version: reader.text() } : {}),
    ...(has(PRESENT.setupTime) ? { setupTime: reader.f64() } : {}),
    ...(has(PRESENT.revision) ? { revision: reader.text() } : {}),
  };
}
