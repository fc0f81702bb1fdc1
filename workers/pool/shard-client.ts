import { assert } from "../../engine/core/assert.js";
import type { NodeSlot } from "../../engine/core/ids.js";
import {
  ROW_BYTES_WITH_CHECKSUM,
  ROW_CHECKSUM,
  ROW_EMPTY_FLAG,
  ROW_ID,
  ROW_KEY_COUNT,
  ROW_ORIGIN,
  ROW_REPLICA_INDEX,
  ROW_SEQUENCE_ID,
  ROW_STATE,
  ROW_STATE_MASK,
  ROW_USED_BYTES,
} from "../../protocol/codec/report-rows.js";
import {
  HOLDER_WORDS_MAX,
  readHolders,
  readHoldersTicket,
  sendHolderQuery,
} from "../shared/holder-records.js";
import {
  NODE_COUNTS_BYTES,
  type RecheckMessage,
  SHARD_LAYOUTS,
  SHARD_STATISTICS,
  type ShardStartData,
  type ShardStatistic,
  type StripeMessage,
} from "../shared/shard-layout.js";
import {
  emptyReplicaDecision,
  type NodeQuery,
  REPLICAS_HEADER_BYTES,
  type ReplicaDecision,
  type ReplicaQuery,
  ROWS_HEADER_BYTES,
  type RowsHeader,
  readDecision,
  readMerged,
  readNodeIds,
  readReplicasHeader,
  readReportWanted,
  reserveRows,
  SHARD_RECORD,
  sendContainersChanged,
  sendNodeQuery,
  sendPurge,
  sendQuery,
} from "../shared/shard-records.js";
import type { WorkerLink, WorkerStarter } from "../shared/worker-link.js";
import type { ContainerReplicas, ReplicaFacts } from "./replica-store.js";
import type { RowRuns } from "./row-runs.js";

/** Header of a ring's record. */
const RECORD_HEADER_BYTES = 8;
/** 32 KB. */
const CHANGES_PER_RECORD = 4096;
/** Changed containers that wait for room: 1 MB. */
const CHANGES_WAITING_MAX = 131_072;

/** Of one record; all clients are on one thread. */
const HOLDER_WORDS = new Uint32Array(HOLDER_WORDS_MAX);

export interface ShardClientOptions {
  readonly workers: WorkerStarter;
  readonly ringBytes: number;
  readonly start: Pick<
    ShardStartData,
    "shard" | "shardCount" | "replications" | "sendsUnknown" | "sideIdsPerNodeMax"
  >;
  onMerged(ticket: number): void;
  /** The decision is used again. */
  onDecision(decision: Readonly<ReplicaDecision>): void;
  onReplicas(ticket: number, answer: ContainerReplicas): void;
  onNodeIds(ticket: number, ids: readonly number[]): void;
  /** As in HOLDERS; `words` is used again. */
  onHolders(ticket: number, words: Uint32Array, wordCount: number): void;
  /** Rows of the node were left out that would find room now. */
  onReportWanted(slot: NodeSlot): void;
  /** Records were taken: there may be room again. */
  onRoom(): void;
}

/** Rows that were checked, with process-wide numbers of origins (row-check.ts). */
export interface CheckedRows {
  readonly slot: NodeSlot;
  readonly rows: Uint8Array;
  readonly rowBytes: number;
}

/** Main's side of one shard thread: its ring and its shared figures. */
export class ShardClient {
  readonly shard: number;
  readonly link: WorkerLink;
  readonly #options: ShardClientOptions;
  readonly #statistics = new Float64Array(new SharedArrayBuffer(SHARD_STATISTICS.rowBytes));
  readonly #nodeCounts = new Uint32Array(new SharedArrayBuffer(NODE_COUNTS_BYTES));
  /** Purges that found no room; nothing of a node may overtake its purge, so rows wait with them. */
  readonly #heldPurges: NodeSlot[] = [];
  readonly #decision = emptyReplicaDecision();
  #changedIds: number[] = [];

  constructor(options: ShardClientOptions) {
    this.#options = options;
    this.shard = options.start.shard;
    const data: ShardStartData = {
      ...options.start,
      statistics: this.#statistics.buffer as SharedArrayBuffer,
      nodeCounts: this.#nodeCounts.buffer as SharedArrayBuffer,
    };
    const { workers, ringBytes } = options;
    this.link = workers.start("shard", this.shard, { data, ringBytes, layouts: SHARD_LAYOUTS });
    this.link.onRecord = (kind, offset) => this.#onRecord(kind, offset);
    this.link.onBatchEnd = () => options.onRoom();
  }

  /** Purges wait for room. */
  get isHolding(): boolean {
    return this.#heldPurges.length > 0;
  }

  postMessage(message: StripeMessage | RecheckMessage): void {
    this.link.post(message);
  }

  purge(slot: NodeSlot): void {
    if (this.isHolding || !sendPurge(this.link.sender, slot)) this.#heldPurges.push(slot);
  }

  sendHeldPurges(): void {
    let sentCount = 0;
    for (const slot of this.#heldPurges) {
      if (!sendPurge(this.link.sender, slot)) break;
      sentCount++;
    }
    this.#heldPurges.splice(0, sentCount);
  }

  /** Told to the shard by the next `sendChanges`. When too many wait, it looks at all containers instead. */
  containerChanged(id: number): void {
    if (this.#changedIds.length === CHANGES_WAITING_MAX) {
      this.#changedIds = [];
      this.postMessage({ kind: "recheck" });
    }
    this.#changedIds.push(id);
  }

  /** False when some found no room. */
  sendChanges(): boolean {
    const ids = this.#changedIds;
    let sent = 0;
    while (sent < ids.length) {
      const end = Math.min(ids.length, sent + CHANGES_PER_RECORD);
      if (!sendContainersChanged(this.link.sender, ids, sent, end)) break;
      sent = end;
    }
    if (sent > 0) this.#changedIds = ids.slice(sent);
    return sent === ids.length;
  }

  /** False without room. */
  query(query: ReplicaQuery): boolean {
    return sendQuery(this.link.sender, query);
  }

  /** False without room. */
  queryNode(query: NodeQuery): boolean {
    return sendNodeQuery(this.link.sender, query);
  }

  /** False without room. */
  queryHolders(ticket: number, containerIds: readonly number[], positions: readonly number[]): boolean {
    return sendHolderQuery(this.link.sender, ticket, containerIds, positions);
  }

  /** Share of the ring that is in use, 0 … 1. */
  get ringFill(): number {
    const { sender } = this.link;
    return 1 - sender.freeBytes() / sender.capacityBytes;
  }

  /** Whether a record with so many rows is sure to find room, with the share `spare` of the ring left free.
   * A record may leave the end of the ring unused. */
  hasRoom(rowCount: number, rowBytes: number, spare: number): boolean {
    if (this.isHolding) return false;
    const { sender } = this.link;
    const recordBytes = RECORD_HEADER_BYTES + ROWS_HEADER_BYTES + rowCount * rowBytes;
    return sender.freeBytes() >= 2 * recordBytes + RECORD_HEADER_BYTES + spare * sender.capacityBytes;
  }

  /** Writes this shard's rows of a report into its ring, once, with process-wide numbers as origins. There
   * must be room. */
  sendRows(kind: 1 | 2, header: Readonly<RowsHeader>, { rows }: CheckedRows, runs: RowRuns): void {
    const { sender } = this.link;
    const offset = reserveRows(sender, kind, header);
    assert(offset >= 0, "the ring has room for what was asked");
    runs.copy(this.shard, rows, { bytes: sender.bytes, offset });
    sender.commit();
  }

  nodeCount(slot: NodeSlot): number {
    return this.#nodeCounts[slot] as number;
  }

  /** Adds this shard's figures to those that `sum` has. */
  addStatistics(sum: Partial<Record<ShardStatistic, number>>): void {
    for (const name of Object.keys(sum) as ShardStatistic[]) {
      const figure = this.#statistics[SHARD_STATISTICS.fields[name].offset >> 3] as number;
      sum[name] = (sum[name] ?? 0) + figure;
    }
  }

  #onRecord(kind: number, offset: number): void {
    const { receiver } = this.link;
    switch (kind) {
      case SHARD_RECORD.CHUNK_MERGED:
        this.#options.onMerged(readMerged(receiver, offset));
        return;
      case SHARD_RECORD.DECISION:
        readDecision(receiver, offset, this.#decision);
        this.#options.onDecision(this.#decision);
        return;
      case SHARD_RECORD.REPORT_WANTED:
        this.#options.onReportWanted(readReportWanted(receiver, offset) as NodeSlot);
        return;
      case SHARD_RECORD.NODE_IDS: {
        const { ticket, ids } = readNodeIds(receiver, offset);
        this.#options.onNodeIds(ticket, ids);
        return;
      }
      case SHARD_RECORD.HOLDERS: {
        const wordCount = readHolders(receiver, offset, HOLDER_WORDS);
        this.#options.onHolders(readHoldersTicket(receiver, offset), HOLDER_WORDS, wordCount);
        return;
      }
      case SHARD_RECORD.REPLICAS:
        this.#onReplicas(offset);
        return;
      default:
        assert(false, `a shard sent a record of kind ${kind}`);
    }
  }

  #onReplicas(offset: number): void {
    const { receiver } = this.link;
    const { ticket, rowCount, live } = readReplicasHeader(receiver, offset);
    const replicas: ReplicaFacts[] = [];
    for (let row = 0; row < rowCount; row++) {
      replicas.push(readFacts(receiver.view, offset + REPLICAS_HEADER_BYTES + row * ROW_BYTES_WITH_CHECKSUM));
    }
    this.#options.onReplicas(ticket, { replicas, live });
  }
}

function readFacts(view: DataView, at: number): ReplicaFacts {
  const state = view.getUint8(at + ROW_STATE);
  return {
    node: view.getFloat64(at + ROW_ID, true) as NodeSlot,
    origin: view.getUint16(at + ROW_ORIGIN, true),
    state: state & ROW_STATE_MASK,
    replicaIndex: view.getUint8(at + ROW_REPLICA_INDEX),
    isEmpty: (state & ROW_EMPTY_FLAG) !== 0,
    sequenceId: view.getFloat64(at + ROW_SEQUENCE_ID, true),
    keyCount: view.getUint32(at + ROW_KEY_COUNT, true),
    usedBytes: view.getFloat64(at + ROW_USED_BYTES, true),
    dataChecksum: view.getBigUint64(at + ROW_CHECKSUM, true),
  };
}
