import { PIPELINE_STATE, REPLICATION_TYPE } from "../../engine/core/enums.js";
import type { Uuid } from "../../engine/core/uuid.js";
import { ProtoWriter } from "../../protocol/hadoop/proto-writer.js";
import type { PipelineRecord, ReplicationRecord } from "../../protocol/schema/records.js";
import { PIPELINE } from "../../protocol/schema/records.js";
import type { PortChoice } from "./client-version.js";
import { KnownRecords } from "./known-records.js";
import { writeDatanodeId, writeDetails } from "./rendered-details.js";

/** More than a large cluster has; 1.5 KB each. */
const KNOWN_COUNT_MAX = 32_768;
const WRITER = new ProtoWriter();

/** Pipelines of answers, rendered once for as long as they do not change. */
export type KnownPipelines = KnownRecords<typeof PIPELINE, RenderedPipeline>;

export function knownPipelines(): KnownPipelines {
  return new KnownRecords(PIPELINE, (record) => new RenderedPipeline(record), KNOWN_COUNT_MAX);
}

/** A pipeline as protobuf, for each choice of ports made when it is first asked for. */
export class RenderedPipeline {
  readonly record: PipelineRecord;
  readonly #bytes = new Map<PortChoice, Uint8Array>();

  constructor(record: PipelineRecord) {
    this.record = record;
  }

  /** The fields of the message Pipeline; never changed. */
  bytes(ports: PortChoice): Uint8Array {
    let bytes = this.#bytes.get(ports);
    if (bytes === undefined) {
      WRITER.begin();
      writePipelineFields(WRITER, this.record, ports);
      bytes = WRITER.copy();
      this.#bytes.set(ports, bytes);
    }
    return bytes;
  }
}

/** The message Pipeline with what the reference sends (spec 12 §4), without tag and length. */
export function writePipelineFields(writer: ProtoWriter, pipeline: PipelineRecord, ports: PortChoice): void {
  const { members, replication, leaderId, suggestedLeaderId } = pipeline;
  for (const { details } of members) writeDetails(writer, 1, details, ports);
  writer.number(2, PIPELINE_STATE[pipeline.state]);
  writer.number(3, REPLICATION_TYPE[replication.type]);
  if (replication.type !== "EC") writer.number(4, replication.factor);
  writePipelineId(writer, 5, pipeline.pipelineId);
  writer.text(6, leaderId ?? "");
  writer.number(8, pipeline.creationTimeMs);
  for (const { replicaIndex } of members) writer.number(10, replicaIndex);
  if (replication.type === "EC") writeEcReplication(writer, 11, replication);
  if (leaderId !== undefined) writeDatanodeId(writer, 101, leaderId);
  if (suggestedLeaderId !== undefined) writeDatanodeId(writer, 102, suggestedLeaderId);
}

/** PipelineID in both its forms. */
export function writePipelineId(writer: ProtoWriter, field: number, id: Uuid): void {
  writer.openMessage(field);
  writer.text(1, id);
  writer.uuid(100, id);
  writer.closeMessage();
}

/** ECReplicationConfig. */
export function writeEcReplication(writer: ProtoWriter, field: number, replication: ReplicationRecord): void {
  writer.openMessage(field);
  writer.number(1, replication.ecData);
  writer.number(2, replication.ecParity);
  writer.text(3, replication.ecCodec);
  writer.number(4, replication.ecChunkBytes);
  writer.closeMessage();
}
