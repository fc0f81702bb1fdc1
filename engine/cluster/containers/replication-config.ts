import type { ReplicationRecord } from "../../../protocol/schema/records.js";
import type { ByteReader } from "../../core/byte-reader.js";
import type { ByteWriter } from "../../core/byte-writer.js";
import { REPLICATION_TYPE } from "../../core/enums.js";
import { StrataError } from "../../core/errors.js";
import { enumName } from "../enum-name.js";

/** Replication configurations (spec 02 §3). `factor` is the number of nodes: 1 or 3, with EC data + parity.
 */
export type ReplicationConfig = ReplicationRecord;

const EC_PATTERN = /^([a-z]+)-(\d+)-(\d+)-(\d+)(k?)$/i;
const EC_CODECS: readonly string[] = ["rs", "xor"];
/** A replica index is a byte on the wire and a pipeline has at most 64 members. */
const EC_NODES_MAX = 64;
const EC_CHUNK_BYTES_MAX = 0xffff_ffff;

export function ratis(factor: 1 | 3): ReplicationConfig {
  return { type: "RATIS", factor, ecData: 0, ecParity: 0, ecChunkBytes: 0, ecCodec: "" };
}

export function standAlone(factor: 1 | 3): ReplicationConfig {
  return { type: "STAND_ALONE", factor, ecData: 0, ecParity: 0, ecChunkBytes: 0, ecCodec: "" };
}

export function isRatis({ type, factor }: ReplicationConfig, wanted: 1 | 3): boolean {
  return type === "RATIS" && factor === wanted;
}

/** Without making texts of them. */
export function isSameReplication(a: ReplicationConfig, b: ReplicationConfig): boolean {
  return (
    a.type === b.type &&
    a.factor === b.factor &&
    a.ecData === b.ecData &&
    a.ecParity === b.ecParity &&
    a.ecChunkBytes === b.ecChunkBytes &&
    a.ecCodec === b.ecCodec
  );
}

/** Nodes that a complete copy needs. */
export function requiredNodes(config: ReplicationConfig): number {
  return config.type === "EC" ? config.ecData + config.ecParity : config.factor;
}

/** Nodes without which the data cannot be read (EC, STAND_ALONE) or not be written (RATIS). */
export function minimumNodes(config: ReplicationConfig): number {
  if (config.type === "EC") return config.ecData;
  return config.type === "RATIS" ? 1 : config.factor;
}

/** Text form: `RATIS/THREE`, `STANDALONE/ONE`, `rs-3-2-1024k`. One configuration has one text. */
export function printReplication(config: ReplicationConfig): string {
  if (config.type === "EC") {
    const isWholeKib = config.ecChunkBytes % 1024 === 0;
    const chunk = isWholeKib ? `${config.ecChunkBytes / 1024}k` : String(config.ecChunkBytes);
    return `${config.ecCodec}-${config.ecData}-${config.ecParity}-${chunk}`;
  }
  return `${config.type === "RATIS" ? "RATIS" : "STANDALONE"}/${config.factor === 1 ? "ONE" : "THREE"}`;
}

/** From the text form, in any case; STAND_ALONE is understood too. Throws INVALID_ARGUMENT. */
export function parseReplication(text: string): ReplicationConfig {
  const ec = EC_PATTERN.exec(text);
  const config = ec === null ? parseFactor(text) : parseEc(ec);
  const reason = config === undefined ? "not a replication configuration" : replicationProblem(config);
  if (config === undefined || reason !== undefined) {
    throw new StrataError("INVALID_ARGUMENT", { field: "replication", reason: `${text}: ${reason}` });
  }
  return config;
}

function parseFactor(text: string): ReplicationConfig | undefined {
  const [type, factor, ...rest] = text.toUpperCase().split("/");
  if (rest.length > 0) return undefined;
  const nodes = factor === "ONE" ? 1 : factor === "THREE" ? 3 : undefined;
  if (nodes === undefined) return undefined;
  if (type === "RATIS") return ratis(nodes);
  return type === "STANDALONE" || type === "STAND_ALONE" ? standAlone(nodes) : undefined;
}

function parseEc([, codec = "", data, parity, chunk, kilo]: RegExpExecArray): ReplicationConfig {
  const ecData = Number(data);
  const ecParity = Number(parity);
  return {
    type: "EC",
    factor: ecData + ecParity,
    ecData,
    ecParity,
    ecChunkBytes: Number(chunk) * (kilo === "" ? 1 : 1024),
    ecCodec: codec.toLowerCase(),
  };
}

/** What is wrong with a configuration that came from outside; undefined when it is sound and in its one form.
 */
export function replicationProblem(config: ReplicationConfig): string | undefined {
  if (config.type === "EC") {
    if (!EC_CODECS.includes(config.ecCodec)) return `codec ${config.ecCodec} is not rs or xor`;
    if (config.ecData < 1) return "no data blocks";
    if (config.ecParity < 1) return "no parity blocks";
    if (config.ecData + config.ecParity > EC_NODES_MAX) return `more than ${EC_NODES_MAX} nodes`;
    if (config.ecChunkBytes < 1 || config.ecChunkBytes > EC_CHUNK_BYTES_MAX) return "chunk size out of range";
    return config.factor === config.ecData + config.ecParity ? undefined : "factor is not data + parity";
  }
  if (config.factor !== 1 && config.factor !== 3) return `factor ${config.factor} is not 1 or 3`;
  const hasEcFields = config.ecData + config.ecParity + config.ecChunkBytes > 0 || config.ecCodec !== "";
  return hasEcFields ? "EC fields without type EC" : undefined;
}

export function writeReplication(writer: ByteWriter, config: ReplicationConfig): void {
  writer.u8(REPLICATION_TYPE[config.type]);
  writer.u8(config.factor);
  writer.u8(config.ecData);
  writer.u8(config.ecParity);
  writer.u32(config.ecChunkBytes);
  writer.text(config.ecCodec);
}

/** Throws RangeError on bytes that `writeReplication` cannot have written. */
export function readReplication(reader: ByteReader): ReplicationConfig {
  return {
    type: enumName(REPLICATION_TYPE, reader.u8()),
    factor: reader.u8(),
    ecData: reader.u8(),
    ecParity: reader.u8(),
    ecChunkBytes: reader.u32(),
    ecCodec: reader.text(),
  };
}
