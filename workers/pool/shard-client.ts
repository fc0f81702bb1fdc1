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
  NODE_COUNTS_BYTES,
  SHARD_LAYOUTS,
  SHARD_STATISTICS,
  type ShardStartData,
  type StripeMessage,
} from "../shared/shard-layout.js";
import {
  REPLICAS_HEADER_BYTES,
  ROWS_HEADER_BYTES,
  type RowsHeader,
  readMerged,
  reserveRows,
  SHARD_RECORD,
  sendPurge,
  sendQuery,
} from "../shared/shard-records.js";
import type { WorkerLink, WorkerStarter } from "../shared/worker-link.js";
import type { ReplicaFacts, ShardStatistics } from "./replica-store.js";
import type { RowRuns } from "./row-runs.js";

/** Header of a ring's record. */
const RECORD_HEADER_BYTES = 8;

export interface ShardClientOptions {
  readonly workers: WorkerStarter;
  readonly ringBytes: number;
  readonly start: Pick<ShardStartData, "shard" | "shardCount" | "replicaIndexCounts" | "sideIdsPerNodeMax">;
  onMerged(ticket: number): void;
  onReplicas(ticket: number, facts: readonly ReplicaFacts[]): void;
  /** Records were taken: there may be room again. */
  onRoom(): void;
}

/** Rows that were checked. */
export interface CheckedRows {
  readonly slot: NodeSlot;
  readonly rows: Uint8Array;
  readonly rowBytes: number;
  /** Process-wide number of each origin, by its index in the report's dictionary. */
  readonly originNumbers: Uint16Array;
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
  readonly #header: RowsHeader = { ticket: 0, fromId: 0, toId: 0, rowCount: 0, node: 0, rowBytes: 0 };

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
    this.link.onBatchEnd = () => {
      this.#sendHeldPurges();
      options.onRoom();
    };
  }

  postStripe(message: StripeMessage): void {
    this.link.post(message);
  }

  purge(slot: NodeSlot): void {
    if (this.#heldPurges.length > 0 || !sendPurge(this.link.sender, slot)) this.#heldPurges.push(slot);
  }

  /** False without room. */
  query(ticket: number, containerId: number): boolean {
    return sendQuery(this.link.sender, { ticket, containerId });
  }

  /** Whether a record with so many rows is sure to find room. A record may leave the end of the ring unused. */
  hasRoom(rowCount: number, rowBytes: number): boolean {
    const recordBytes = RECORD_HEADER_BYTES + ROWS_HEADER_BYTES + rowCount * rowBytes;
    return (
      this.#heldPurges.length === 0 && this.link.sender.freeBytes() >= 2 * recordBytes + RECORD_HEADER_BYTES
    );
  }

  /** Writes this shard's rows of a report into its ring, origins as process-wide numbers. There must be room. */
  sendRows(
    kind: typeof SHARD_RECORD.REPORT_CHUNK | typeof SHARD_RECORD.INCREMENTAL,
    ticket: number,
    range: { readonly fromId: number; readonly toId: number },
    checked: CheckedRows,
    runs: RowRuns,
  ): void {
    const { slot, rows, rowBytes, originNumbers } = checked;
    const { sender } = this.link;
    const header = this.#header;
    header.ticket = ticket;
    header.fromId = range.fromId;
    header.toId = range.toId;
    header.rowCount = runs.rowCount(this.shard);
    header.node = slot;
    header.rowBytes = rowBytes;
    const offset = reserveRows(sender, kind, header);
    assert(offset >= 0, "the ring has room for what was asked");
    runs.copy(this.shard, rows, rowBytes, sender.bytes, offset);
    const { view } = sender;
    const end = offset + header.rowCount * rowBytes;
    for (let at = offset + ROW_ORIGIN; at < end; at += rowBytes) {
      view.setUint16(at, originNumbers[view.getUint16(at, true)] as number, true);
    }
    sender.commit();
  }

  nodeCount(slot: NodeSlot): number {
    return this.#nodeCounts[slot] as number;
  }

  addStatistics(sum: { -readonly [K in keyof ShardStatistics]: number }): void {
    for (const name of Object.keys(sum) as (keyof ShardStatistics)[]) {
      sum[name] += this.#statistics[SHARD_STATISTICS.fields[name].offset >> 3] as number;
    }
  }

  #sendHeldPurges(): void {
    while (this.#heldPurges.length > 0) {
      if (!sendPurge(this.link.sender, this.#heldPurges[0] as NodeSlot)) return;
      this.#heldPurges.shift();
      this.link.sender.publish();
    }
  }

  #onRecord(kind: number, offset: number): void {
    const { receiver } = this.link;
    if (kind === SHARD_RECORD.CHUNK_MERGED) {
      this.#options.onMerged(readMerged(receiver, offset));
      return;
    }
    assert(kind === SHARD_RECORD.REPLICAS, `a shard sent a record of kind ${kind}`);
    const ticket = receiver.view.getFloat64(offset, true);
    const rowCount = receiver.view.getUint32(offset + 8, true);
    const facts: ReplicaFacts[] = [];
    for (let row = 0; row < rowCount; row++) {
      facts.push(readFacts(receiver.view, offset + REPLICAS_HEADER_BYTES + row * ROW_BYTES_WITH_CHECKSUM));
    }
    this.#options.onReplicas(ticket, facts);
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
