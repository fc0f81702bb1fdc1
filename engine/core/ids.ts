import { assert } from "./assert.js";
import type { Branded } from "./brand.js";

/** Largest number that ids, indexes and byte counts may take: 2^53 − 1. */
export const SAFE_INTEGER_MAX = Number.MAX_SAFE_INTEGER;

export function isCount(value: unknown): value is number {
  return typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= SAFE_INTEGER_MAX;
}

/** Container id, 1 … 2^53 − 1; never reused (spec 02 §1). */
export type ContainerId = Branded<number, "ContainerId">;
export function containerId(value: number): ContainerId {
  assert(Number.isSafeInteger(value) && value > 0, `container id out of range: ${value}`);
  return value as ContainerId;
}

/** Place of a datanode in the node table, 0 … 65,534. Local to one SCM process, never on disk or on the
 * wire. */
export type NodeSlot = Branded<number, "NodeSlot">;
export const NODE_SLOT_COUNT_MAX = 65_535;
export function nodeSlot(value: number): NodeSlot {
  assert(
    Number.isInteger(value) && value >= 0 && value < NODE_SLOT_COUNT_MAX,
    `node slot out of range: ${value}`,
  );
  return value as NodeSlot;
}

/** Raft term, 0 = none. */
export type Term = Branded<number, "Term">;
export function term(value: number): Term {
  assert(isCount(value), `term out of range: ${value}`);
  return value as Term;
}

/** Position in the Raft log, the first entry is 1, 0 = none. */
export type LogIndex = Branded<number, "LogIndex">;
export function logIndex(value: number): LogIndex {
  assert(isCount(value), `log index out of range: ${value}`);
  return value as LogIndex;
}

/** Number of an admin client's session, given by the log; 0 = no session. */
export type SessionId = Branded<number, "SessionId">;
export function sessionId(value: number): SessionId {
  assert(isCount(value), `session id out of range: ${value}`);
  return value as SessionId;
}

/** Block local id: a true 64-bit value, because a fresh cluster starts at about 13 × 2^53 (spec 07 §12.4). */
export type LocalId = Branded<bigint, "LocalId">;
/** Serial number of a certificate, 64 bits. */
export type CertificateSerial = Branded<bigint, "CertificateSerial">;
/** Checksum over a replica's data, 64 bits, 0 = unknown (spec 02 §2). */
export type DataChecksum = Branded<bigint, "DataChecksum">;

export const UINT64_MAX = 0xffff_ffff_ffff_ffffn;

function uint64(value: bigint, name: string): bigint {
  assert(value >= 0n, `${name} is negative`);
  assert(value <= UINT64_MAX, `${name} exceeds 64 bits`);
  return value;
}
export function localId(value: bigint): LocalId {
  return uint64(value, "local id") as LocalId;
}
export function certificateSerial(value: bigint): CertificateSerial {
  return uint64(value, "certificate serial") as CertificateSerial;
}
export function dataChecksum(value: bigint): DataChecksum {
  return uint64(value, "data checksum") as DataChecksum;
}
