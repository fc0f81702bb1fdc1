import type { ReplicationRecord } from "../../protocol/schema/records.js";
import {
  minimumNodes,
  parseReplication,
  printReplication,
  requiredNodes,
} from "../cluster/containers/replication-config.js";
import type { ReplicationType } from "../core/enums.js";
import { StrataError } from "../core/errors.js";

/** Replication configurations as the reference's tools take and show them (spec 02 §3). */

/** `RATIS/THREE`, `STANDALONE/ONE`, `EC{rs-3-2-1024k}`. */
export function replicationText(replication: ReplicationRecord): string {
  const text = printReplication(replication);
  return replication.type === "EC" ? `EC{${text}}` : text;
}

/** In the reference's JSON. */
export function replicationJson(replication: ReplicationRecord): Record<string, unknown> {
  const { type, factor, ecData, ecParity, ecChunkBytes, ecCodec } = replication;
  const nodes = { requiredNodes: requiredNodes(replication), minimumNodes: minimumNodes(replication) };
  if (type === "EC") {
    const shape = { data: ecData, parity: ecParity, ecChunkSize: ecChunkBytes, codec: ecCodec.toUpperCase() };
    return { ...shape, replicationType: "EC", ...nodes };
  }
  const replicationFactor = factor === 1 ? "ONE" : "THREE";
  return { replicationFactor, ...nodes, replicationType: type === "STAND_ALONE" ? "STANDALONE" : type };
}

/** Reads `RATIS/THREE`, `STANDALONE/ONE` or `rs-3-2-1024k`; undefined when it makes no sense. */
export function parseReplicationText(text: string): ReplicationRecord | undefined {
  try {
    return parseReplication(text);
  } catch (error) {
    if (error instanceof StrataError) return undefined;
    throw error;
  }
}

/** Reads what stands behind --replication beside --type: ONE, THREE, 1, 3, or for EC `rs-3-2-1024k`. */
export function parseReplicationOf(type: ReplicationType, text: string): ReplicationRecord | undefined {
  if (type === "EC") {
    const parsed = parseReplicationText(text);
    return parsed?.type === "EC" ? parsed : undefined;
  }
  const factor = text === "1" ? "ONE" : text === "3" ? "THREE" : text;
  return parseReplicationText(`${type}/${factor}`);
}
