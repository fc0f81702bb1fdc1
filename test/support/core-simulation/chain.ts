import type { Entry } from "../../../engine/raft/types.js";

/** One step of a 32-bit hash: a cheap stand-in for the log's CRC (raft.md §11), as good for telling two logs
 * apart. */
export function mix(hash: number, value: number): number {
  const low = Math.imul(value, 0xcc9e2d51);
  const mixed = hash ^ Math.imul((low << 15) | (low >>> 17), 0x1b873593);
  return (Math.imul((mixed << 13) | (mixed >>> 19), 5) + 0xe6546b64) | 0;
}

/** Hash of an entry and everything before it. */
export function chainOf(previous: number, entry: Entry): number {
  let hash = mix(mix(previous, entry.term), entry.type);
  const { payload } = entry;
  for (let i = 0; i < payload.length; i++) hash = Math.imul(hash ^ (payload[i] as number), 0x01000193);
  return mix(hash, payload.length);
}

/** Bytes of a proposal at least: its number. */
export const PROPOSAL_BYTES_MIN = 4;

/** A proposal that no other equals: its number, then filling. */
export function proposalPayload(number: number, bytes: number): Uint8Array {
  const payload = new Uint8Array(bytes);
  payload[0] = number;
  payload[1] = number >>> 8;
  payload[2] = number >>> 16;
  payload[3] = number >>> 24;
  return payload;
}

/** Number of the proposal in `payload`; 0 = none. */
export function proposalNumber(payload: Uint8Array): number {
  if (payload.length < PROPOSAL_BYTES_MIN) return 0;
  const [a = 0, b = 0, c = 0, d = 0] = payload;
  return (a | (b << 8) | (c << 16) | (d << 24)) >>> 0;
}

/** What a snapshot carries besides its id and the membership. */
export interface SnapshotSums {
  /** Of the log at the snapshot's index. */
  readonly chain: number;
  /** Of the state. */
  readonly hash: number;
}

export function encodeSums({ chain, hash }: SnapshotSums): Uint8Array {
  const view = new DataView(new ArrayBuffer(8));
  view.setInt32(0, chain);
  view.setInt32(4, hash);
  return new Uint8Array(view.buffer);
}

export function decodeSums(payload: Uint8Array): SnapshotSums {
  const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
  return { chain: view.getInt32(0), hash: view.getInt32(4) };
}
