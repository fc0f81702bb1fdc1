import type { ChannelReceiver, ChannelSender } from "../../engine/core/shared-channel.js";

/** Records between main and a shard.
 *
 *   main ─► REPORT_CHUNK, INCREMENTAL, PURGE_NODE, CONTAINERS_CHANGED, queries              ─► shard
 *   main ◄─ CHUNK_MERGED for each chunk with a ticket, DECISION, REPORT_WANTED, answers     ◄─ shard
 *
 * All of one node travels in this one ring, so that chunks, incremental reports and purges keep their order.
 * Report rows stand behind the header as the datanode sent them (`ROW_DOC` of the protocol), checked by main,
 * with the origin's process-wide number in the place of the index. */
export const SHARD_RECORD = {
  REPORT_CHUNK: 1,
  INCREMENTAL: 2,
  PURGE_NODE: 3,
  QUERY_REPLICAS: 4,
  CHUNK_MERGED: 5,
  REPLICAS: 6,
  CONTAINERS_CHANGED: 7,
  DECISION: 8,
  QUERY_NODE: 9,
  NODE_IDS: 10,
  REPORT_WANTED: 11,
  QUERY_HOLDERS: 12,
  HOLDERS: 13,
} as const;

/** ticket f64, fromId f64, toId f64, rowCount u32, node u16, rowBytes u16. */
export const ROWS_HEADER_BYTES = 32;
const PURGE_BYTES = 8;
const QUERY_BYTES = 16;
const MERGED_BYTES = 8;
/** ticket f64, rowCount u32, isKnown u32, live usage of the container: usedBytes, keyCount, sequenceId f64.
 * Rows of 40 bytes follow, with the node's slot in the place of the id. */
export const REPLICAS_HEADER_BYTES = 40;
const NODE_QUERY_BYTES = 24;
/** ticket f64, idCount u32, padding; ids f64. */
export const NODE_IDS_HEADER_BYTES = 16;
/** Ids of one answer: 32 KB. */
export const NODE_IDS_COUNT_MAX = 4096;
const REPORT_WANTED_BYTES = 8;

export interface RowsHeader {
  /** Comes back when merged; 0 = nobody waits. */
  ticket: number;
  /** Range that the rows state the truth about; 0 and 0 in an incremental report. */
  fromId: number;
  /** Inclusive. */
  toId: number;
  rowCount: number;
  node: number;
  rowBytes: number;
}

/** Reserves a REPORT_CHUNK or INCREMENTAL with its header written; returns where the rows go, −1 without
 * room. The caller writes them and commits. */
export function reserveRows(sender: ChannelSender, kind: 1 | 2, header: Readonly<RowsHeader>): number {
  const offset = sender.reserve(kind, ROWS_HEADER_BYTES + header.rowCount * header.rowBytes);
  if (offset < 0) return -1;
  const { view } = sender;
  view.setFloat64(offset, header.ticket, true);
  view.setFloat64(offset + 8, header.fromId, true);
  view.setFloat64(offset + 16, header.toId, true);
  view.setUint32(offset + 24, header.rowCount, true);
  view.setUint16(offset + 28, header.node, true);
  view.setUint16(offset + 30, header.rowBytes, true);
  return offset + ROWS_HEADER_BYTES;
}

/** Fills `into`; returns where the rows begin. */
export function readRowsHeader(receiver: ChannelReceiver, offset: number, into: RowsHeader): number {
  const { view } = receiver;
  into.ticket = view.getFloat64(offset, true);
  into.fromId = view.getFloat64(offset + 8, true);
  into.toId = view.getFloat64(offset + 16, true);
  into.rowCount = view.getUint32(offset + 24, true);
  into.node = view.getUint16(offset + 28, true);
  into.rowBytes = view.getUint16(offset + 30, true);
  return offset + ROWS_HEADER_BYTES;
}

/** False without room, as all `send…` functions. */
export function sendPurge(sender: ChannelSender, node: number): boolean {
  const offset = sender.reserve(SHARD_RECORD.PURGE_NODE, PURGE_BYTES);
  if (offset < 0) return false;
  sender.view.setFloat64(offset, node, true);
  sender.commit();
  return true;
}

export function readPurge(receiver: ChannelReceiver, offset: number): number {
  return receiver.view.getFloat64(offset, true);
}

export function sendQuery(sender: ChannelSender, query: Readonly<ReplicaQuery>): boolean {
  const offset = sender.reserve(SHARD_RECORD.QUERY_REPLICAS, QUERY_BYTES);
  if (offset < 0) return false;
  sender.view.setFloat64(offset, query.ticket, true);
  sender.view.setFloat64(offset + 8, query.containerId, true);
  sender.commit();
  return true;
}

export interface ReplicaQuery {
  ticket: number;
  containerId: number;
}

export function readQuery(receiver: ChannelReceiver, offset: number, into: ReplicaQuery): void {
  into.ticket = receiver.view.getFloat64(offset, true);
  into.containerId = receiver.view.getFloat64(offset + 8, true);
}

export function sendMerged(sender: ChannelSender, ticket: number): boolean {
  const offset = sender.reserve(SHARD_RECORD.CHUNK_MERGED, MERGED_BYTES);
  if (offset < 0) return false;
  sender.view.setFloat64(offset, ticket, true);
  sender.commit();
  return true;
}

export function readMerged(receiver: Pick<ChannelReceiver, "view">, offset: number): number {
  return receiver.view.getFloat64(offset, true);
}

/** The container's figures as the reports have brought them up to date. */
export interface LiveUsage {
  usedBytes: number;
  keyCount: number;
  sequenceId: number;
}

export interface ReplicasHeader {
  readonly ticket: number;
  readonly rowCount: number;
  /** Undefined: the shard knows no such container. */
  readonly live: Readonly<LiveUsage> | undefined;
}

/** Reserves the answer to a query; returns where its rows of `rowBytes` go, −1 without room. The caller
 * writes and commits. */
export function reserveReplicas(sender: ChannelSender, header: ReplicasHeader, rowBytes: number): number {
  const { ticket, rowCount, live } = header;
  const offset = sender.reserve(SHARD_RECORD.REPLICAS, REPLICAS_HEADER_BYTES + rowCount * rowBytes);
  if (offset < 0) return -1;
  const { view } = sender;
  view.setFloat64(offset, ticket, true);
  view.setUint32(offset + 8, rowCount, true);
  view.setUint32(offset + 12, live === undefined ? 0 : 1, true);
  view.setFloat64(offset + 16, live?.usedBytes ?? 0, true);
  view.setFloat64(offset + 24, live?.keyCount ?? 0, true);
  view.setFloat64(offset + 32, live?.sequenceId ?? 0, true);
  return offset + REPLICAS_HEADER_BYTES;
}

export function readReplicasHeader({ view }: Pick<ChannelReceiver, "view">, offset: number): ReplicasHeader {
  const live = {
    usedBytes: view.getFloat64(offset + 16, true),
    keyCount: view.getFloat64(offset + 24, true),
    sequenceId: view.getFloat64(offset + 32, true),
  };
  return {
    ticket: view.getFloat64(offset, true),
    rowCount: view.getUint32(offset + 8, true),
    live: view.getUint32(offset + 12, true) === 0 ? undefined : live,
  };
}

/** Which containers a datanode has: its ids from `fromId` on, `countMax` at most. */
export interface NodeQuery {
  readonly ticket: number;
  readonly node: number;
  readonly fromId: number;
  readonly countMax: number;
}

export function sendNodeQuery(sender: ChannelSender, query: NodeQuery): boolean {
  const offset = sender.reserve(SHARD_RECORD.QUERY_NODE, NODE_QUERY_BYTES);
  if (offset < 0) return false;
  sender.view.setFloat64(offset, query.ticket, true);
  sender.view.setFloat64(offset + 8, query.fromId, true);
  sender.view.setUint32(offset + 16, query.countMax, true);
  sender.view.setUint32(offset + 20, query.node, true);
  sender.commit();
  return true;
}

export function readNodeQuery({ view }: Pick<ChannelReceiver, "view">, offset: number): NodeQuery {
  return {
    ticket: view.getFloat64(offset, true),
    fromId: view.getFloat64(offset + 8, true),
    countMax: view.getUint32(offset + 16, true),
    node: view.getUint32(offset + 20, true),
  };
}

/** `ids` ascend. */
export function sendNodeIds(sender: ChannelSender, ticket: number, ids: readonly number[]): boolean {
  const offset = sender.reserve(SHARD_RECORD.NODE_IDS, NODE_IDS_HEADER_BYTES + ids.length * 8);
  if (offset < 0) return false;
  const { view } = sender;
  view.setFloat64(offset, ticket, true);
  view.setUint32(offset + 8, ids.length, true);
  for (const [index, id] of ids.entries()) {
    view.setFloat64(offset + NODE_IDS_HEADER_BYTES + index * 8, id, true);
  }
  sender.commit();
  return true;
}

export function readNodeIds(
  { view }: Pick<ChannelReceiver, "view">,
  offset: number,
): { readonly ticket: number; readonly ids: readonly number[] } {
  const count = view.getUint32(offset + 8, true);
  const ids: number[] = [];
  for (let i = 0; i < count; i++) ids.push(view.getFloat64(offset + NODE_IDS_HEADER_BYTES + i * 8, true));
  return { ticket: view.getFloat64(offset, true), ids };
}

/** Rows of the node were left out that now have a place: only a full report brings them back. */
export function sendReportWanted(sender: ChannelSender, node: number): boolean {
  const offset = sender.reserve(SHARD_RECORD.REPORT_WANTED, REPORT_WANTED_BYTES);
  if (offset < 0) return false;
  sender.view.setFloat64(offset, node, true);
  sender.commit();
  return true;
}

export function readReportWanted({ view }: Pick<ChannelReceiver, "view">, offset: number): number {
  return view.getFloat64(offset, true);
}

/** Ids of containers that were created or entered another state: what the shard derived from their rows is
 * looked at anew. f64 each, behind their count (u32) and padding. */
const CHANGED_HEADER_BYTES = 8;

/** Sends `ids[from … end)`. */
export function sendContainersChanged(
  sender: ChannelSender,
  ids: readonly number[],
  from: number,
  end: number,
): boolean {
  const offset = sender.reserve(SHARD_RECORD.CONTAINERS_CHANGED, CHANGED_HEADER_BYTES + (end - from) * 8);
  if (offset < 0) return false;
  sender.view.setUint32(offset, end - from, true);
  for (let i = from; i < end; i++) {
    sender.view.setFloat64(offset + CHANGED_HEADER_BYTES + (i - from) * 8, ids[i] as number, true);
  }
  sender.commit();
  return true;
}

export function readContainersChanged(
  { view }: Pick<ChannelReceiver, "view">,
  offset: number,
  onContainer: (id: number) => void,
): void {
  const count = view.getUint32(offset, true);
  for (let i = 0; i < count; i++) onContainer(view.getFloat64(offset + CHANGED_HEADER_BYTES + i * 8, true));
}

/** What a replica means for its container. Nothing is lost with it: the shard says it again when the replica
 * is reported again, when the container changes, and when it is asked to recheck all. */
export interface ReplicaDecision {
  containerId: number;
  /** REPLICA_ACTION of the rules, never NONE. */
  action: number;
  /** Slot of the datanode. */
  node: number;
  replicaIndex: number;
  /** REPLICA_STATE. */
  replicaState: number;
  /** Of the container, as the reports have raised it; of the replica when it brings the container back. */
  sequenceId: number;
  /** Live usage of the container. */
  usedBytes: number;
  keyCount: number;
}

/** Filled and sent, or read, again and again. */
export function emptyReplicaDecision(): ReplicaDecision {
  return {
    containerId: 0,
    action: 0,
    node: 0,
    replicaIndex: 0,
    replicaState: 0,
    sequenceId: 0,
    usedBytes: 0,
    keyCount: 0,
  };
}

/** containerId, sequenceId, usedBytes, keyCount f64; node u16, action u8, replicaIndex u8, replicaState u8,
 * padding. */
export const DECISION_BYTES = 40;

export function sendDecision(sender: ChannelSender, decision: Readonly<ReplicaDecision>): boolean {
  const offset = sender.reserve(SHARD_RECORD.DECISION, DECISION_BYTES);
  if (offset < 0) return false;
  const { view } = sender;
  view.setFloat64(offset, decision.containerId, true);
  view.setFloat64(offset + 8, decision.sequenceId, true);
  view.setFloat64(offset + 16, decision.usedBytes, true);
  view.setFloat64(offset + 24, decision.keyCount, true);
  view.setUint16(offset + 32, decision.node, true);
  view.setUint8(offset + 34, decision.action);
  view.setUint8(offset + 35, decision.replicaIndex);
  view.setUint8(offset + 36, decision.replicaState);
  sender.commit();
  return true;
}

export function readDecision(
  { view }: Pick<ChannelReceiver, "view">,
  offset: number,
  into: ReplicaDecision,
): void {
  into.containerId = view.getFloat64(offset, true);
  into.sequenceId = view.getFloat64(offset + 8, true);
  into.usedBytes = view.getFloat64(offset + 16, true);
  into.keyCount = view.getFloat64(offset + 24, true);
  into.node = view.getUint16(offset + 32, true);
  into.action = view.getUint8(offset + 34);
  into.replicaIndex = view.getUint8(offset + 35);
  into.replicaState = view.getUint8(offset + 36);
}
