import { CONTAINER_STATE, REPLICA_STATE } from "../../engine/core/enums.js";
import {
  ROW_BYTES,
  ROW_ID,
  ROW_KEY_COUNT,
  ROW_ORIGIN,
  ROW_REPLICA_INDEX,
  ROW_SEQUENCE_ID,
  ROW_STATE,
  ROW_USED_BYTES,
} from "../../protocol/codec/report-rows.js";
import { Shard } from "../../workers/shard/shard.js";
import { CONTAINER_ROW, STRIPE_ROWS, stripeOf } from "../../workers/shared/container-layout.js";
import { allocateReplicaStripe } from "../../workers/shared/replica-layout.js";
import { allocateLocalRing, RingReceiver, RingSender, ringMemory } from "../../workers/shared/ring.js";
import {
  NODE_COUNTS_BYTES,
  REPLICA_INDEX_COUNTS_BYTES,
  SHARD_STATISTICS,
  type ShardStartData,
} from "../../workers/shared/shard-layout.js";
import { reserveRows, SHARD_RECORD } from "../../workers/shared/shard-records.js";

/** Without a common divisor with the number of nodes. */
const FACTORS = [1, 7, 11, 13];

/** A cluster that is computed: containers 1 … n, three replicas each, spread so that a node's ids have
 * gaps without a pattern. In each block of nodeCount / 3 containers every node has one. */
export class ReportPlan {
  readonly nodeCount: number;
  readonly blockCount: number;

  constructor(containerCount: number, nodeCount: number) {
    this.nodeCount = nodeCount;
    this.blockCount = Math.floor((containerCount * 3) / nodeCount);
  }

  /** Rows of a node's full report, ascending; `change` is added to used bytes. */
  rowsOf(node: number, change: number): Uint8Array {
    const rows = new Uint8Array(this.blockCount * ROW_BYTES);
    const view = new DataView(rows.buffer);
    for (let block = 0; block < this.blockCount; block++) {
      const at = block * ROW_BYTES;
      const id = this.idOf(node, block);
      view.setFloat64(at + ROW_ID, id, true);
      view.setFloat64(at + ROW_USED_BYTES, 5e9 + id + change, true);
      view.setFloat64(at + ROW_SEQUENCE_ID, id * 3, true);
      view.setUint32(at + ROW_KEY_COUNT, id & 0xffff, true);
      view.setUint16(at + ROW_ORIGIN, node % 3, true);
      view.setUint8(at + ROW_STATE, REPLICA_STATE.CLOSED);
      view.setUint8(at + ROW_REPLICA_INDEX, 0);
    }
    return rows;
  }

  /** The node's container in a block: a linear map with a factor and a shift of the block's own. */
  idOf(node: number, block: number): number {
    const hash = Math.imul(block + 1, 0x9e3779b1) >>> 0;
    const place = (node * (FACTORS[hash % FACTORS.length] as number) + (hash >>> 8)) % this.nodeCount;
    return 1 + block * (this.nodeCount / 3) + Math.floor(place / 3);
  }
}

const CHUNK_ROWS = 4096;
const noBell = { ring: (): void => {} };

/** One shard on this thread, with every container of a plan known. */
export class LocalShard {
  readonly sender: RingSender;
  readonly #shard: Shard;
  readonly #answers: RingReceiver;
  readonly statistics = new SharedArrayBuffer(SHARD_STATISTICS.rowBytes);

  constructor(containerCount: number) {
    const toShard = ringMemory(allocateLocalRing(8 * 1024 * 1024));
    const toMain = ringMemory(allocateLocalRing(1024 * 1024));
    this.sender = new RingSender(toShard, noBell);
    this.#answers = new RingReceiver(toMain);
    const data: ShardStartData = {
      shard: 0,
      shardCount: 1,
      statistics: this.statistics,
      nodeCounts: new SharedArrayBuffer(NODE_COUNTS_BYTES),
      replicaIndexCounts: new SharedArrayBuffer(REPLICA_INDEX_COUNTS_BYTES),
      sideIdsPerNodeMax: 1024,
    };
    const messages: unknown[] = [];
    for (let stripe = 0; stripe <= stripeOf(containerCount); stripe++) {
      const containers = new SharedArrayBuffer(STRIPE_ROWS * CONTAINER_ROW.rowBytes);
      const bytes = new Uint8Array(containers);
      const state = CONTAINER_ROW.fields.state.offset;
      for (let at = state; at < bytes.length; at += CONTAINER_ROW.rowBytes)
        bytes[at] = CONTAINER_STATE.CLOSED;
      messages.push({ kind: "stripe", stripe, containers, replicas: allocateReplicaStripe() });
    }
    this.#shard = new Shard({
      receiver: new RingReceiver(toShard),
      sender: new RingSender(toMain, noBell),
      receiveMessage: () => messages.shift(),
      data,
    });
  }

  /** Puts a full report into the ring, in chunks. */
  sendReport(node: number, rows: Uint8Array): void {
    const rowCount = rows.length / ROW_BYTES;
    const view = new DataView(rows.buffer, rows.byteOffset, rows.byteLength);
    for (let row = 0; row < rowCount; row += CHUNK_ROWS) {
      const end = Math.min(rowCount, row + CHUNK_ROWS);
      const fromId = row === 0 ? 0 : view.getFloat64((row - 1) * ROW_BYTES + ROW_ID, true) + 1;
      const toId = end === rowCount ? Number.MAX_SAFE_INTEGER : view.getFloat64((end - 1) * ROW_BYTES, true);
      const header = { ticket: 1, fromId, toId, rowCount: end - row, node, rowBytes: ROW_BYTES };
      const at = reserveRows(this.sender, SHARD_RECORD.REPORT_CHUNK, header);
      this.sender.bytes.set(rows.subarray(row * ROW_BYTES, end * ROW_BYTES), at);
      this.sender.commit();
    }
    this.sender.publish();
  }

  /** Nanoseconds until the shard has done everything in the ring. */
  work(): number {
    const start = process.cpuUsage();
    while (this.#shard.poll()) this.#answers.drain(() => {}, 1000);
    const { user, system } = process.cpuUsage(start);
    return (user + system) * 1000;
  }
}
