import type { ByteReader } from "../core/byte-reader.js";
import type { ByteWriter } from "../core/byte-writer.js";
import { StrataError } from "../core/errors.js";
import { nodeId } from "../raft/types.js";
import type { StorageIdentity } from "./recovered.js";

/** Every store begins with its format, so that a release that does not know it can say so. */
export function writeIdentity(writer: ByteWriter, format: number, identity: StorageIdentity): void {
  writer.u32(format);
  writer.text(identity.clusterId);
  writer.uuid(identity.scmId);
  writer.f64(identity.nodeId);
}

/** Throws StorageError STORAGE_FORMAT for another format than `expected`. */
export function readIdentity(reader: ByteReader, expected: number, path: string): StorageIdentity {
  const found = reader.u32();
  if (found !== expected) throw new StrataError("STORAGE_FORMAT", { path, found, expected });
  return { clusterId: reader.text(), scmId: reader.uuid(), nodeId: nodeId(reader.f64()) };
}

/** Throws StorageError STORAGE_IDS_DIFFER when `path` belongs to another SCM than `expected`. */
export function requireIdentity(path: string, found: StorageIdentity, expected: StorageIdentity): void {
  const same =
    found.clusterId === expected.clusterId &&
    found.scmId === expected.scmId &&
    found.nodeId === expected.nodeId;
  if (same) return;
  const details = { path, found: describeIdentity(found), expected: describeIdentity(expected) };
  throw new StrataError("STORAGE_IDS_DIFFER", details);
}

export function describeIdentity(identity: StorageIdentity): string {
  return `SCM ${identity.scmId} (node ${identity.nodeId}) of cluster ${identity.clusterId}`;
}
