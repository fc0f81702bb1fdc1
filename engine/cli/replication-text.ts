import type { ReplicationRecord } from "../../protocol/schema/records.js";

const FACTORS: Readonly<Record<string, number>> = { ONE: 1, THREE: 3, "1": 1, "3": 3 };
const FACTOR_NAMES: Readonly<Record<number, string>> = { 1: "ONE", 3: "THREE" };

/** Replication configurations as text and as JSON (spec 02 §3). */

/** `RATIS/THREE`, `STANDALONE/ONE`, `EC{rs-3-2-1024k}`, as the reference shows them. */
export function replicationText(replication: ReplicationRecord): string {
  const { type, factor } = replication;
  if (type === "EC") return `EC{${ecText(replication)}}`;
  return `${type === "STAND_ALONE" ? "STANDALONE" : type}/${FACTOR_NAMES[factor] ?? factor}`;
}

/** In the reference's JSON. */
export function replicationJson(replication: ReplicationRecord): Record<string, unknown> {
  const { type, factor, ecData, ecParity, ecChunkBytes, ecCodec } = replication;
  if (type === "EC") {
    const [data, parity] = [ecData, ecParity];
    const shape = { data, parity, ecChunkSize: ecChunkBytes, codec: ecCodec.toUpperCase() };
    return { ...shape, replicationType: "EC", requiredNodes: data + parity, minimumNodes: data };
  }
  return {
    replicationFactor: FACTOR_NAMES[factor] ?? String(factor),
    requiredNodes: factor,
    minimumNodes: type === "RATIS" ? 1 : factor,
    replicationType: type === "STAND_ALONE" ? "STANDALONE" : type,
  };
}

/** Reads the parameters of a type: ONE, THREE, 1, 3, or for EC `rs-3-2-1024k`; undefined when they make no
 * sense. */
export function parseReplication(
  type: ReplicationRecord["type"],
  text: string,
): ReplicationRecord | undefined {
  if (type !== "EC") {
    const factor = FACTORS[text.toUpperCase()];
    if (factor === undefined) return undefined;
    return { type, factor, ecData: 0, ecParity: 0, ecChunkBytes: 0, ecCodec: "" };
  }
  const match = /^(rs|xor)-(\d{1,3})-(\d{1,3})-(\d{1,7})(k?)$/i.exec(text);
  if (match === null) return undefined;
  const [data, parity, chunk] = [Number(match[2]), Number(match[3]), Number(match[4])];
  const ecChunkBytes = match[5] === "" ? chunk : chunk * 1024;
  if (data === 0 || parity === 0 || chunk === 0 || data + parity > 255 || ecChunkBytes >= 2 ** 32)
    return undefined;
  const ecCodec = (match[1] ?? "").toLowerCase();
  return { type, factor: data + parity, ecData: data, ecParity: parity, ecChunkBytes, ecCodec };
}

/** Reads `RATIS/THREE`, `STANDALONE/ONE` (or `STAND_ALONE/ONE`), `EC/rs-3-2-1024k`. */
export function parseReplicationText(text: string): ReplicationRecord | undefined {
  const [, name, parameters] = /^([A-Za-z_]+)\/(.+)$/.exec(text) ?? [];
  const type = TYPES[(name ?? "").toUpperCase()];
  return type === undefined || parameters === undefined ? undefined : parseReplication(type, parameters);
}

const TYPES: Readonly<Record<string, ReplicationRecord["type"]>> = {
  RATIS: "RATIS",
  STANDALONE: "STAND_ALONE",
  STAND_ALONE: "STAND_ALONE",
  EC: "EC",
};

function ecText({ ecCodec, ecData, ecParity, ecChunkBytes }: ReplicationRecord): string {
  return `${ecCodec}-${ecData}-${ecParity}-${ecChunkBytes / 1024}k`;
}
