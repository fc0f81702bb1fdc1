import { PendingContainers } from "../../engine/cluster/placement/pending-containers.js";
import { assert } from "../../engine/core/assert.js";
import { CONTAINER_STATE, REPLICATION_TYPE } from "../../engine/core/enums.js";
import { containerId, nodeSlot } from "../../engine/core/ids.js";
import { SeededRandom } from "../../engine/core/random.js";
import { randomUuid } from "../../engine/core/uuid.js";
import { ROW_BYTES, ROW_ID } from "../../protocol/codec/report-rows.js";
import { LocalWorkers } from "../../test/support/workers/local-workers.js";
import { ReportIntake } from "../../workers/pool/report-intake.js";
import { ShardSet } from "../../workers/pool/shard-set.js";
import { Shard } from "../../workers/shard/shard.js";
import { CONTAINER_ROW, STRIPE_ROWS, stripeOf } from "../../workers/shared/container-layout.js";
import { keyCountOf, sequenceIdOf, usedBytesOf } from "./report-plan.js";

const RING_BYTES = 8 * 1024 * 1024;
/** As datanodes send them: 128 KB of rows. */
const CHUNK_ROWS = 4096;
/** All chunks of a report are in the ring before the shard begins, so that both sides are timed apart. */
const CHUNKS_MAX = 40;
const RATIS_NUMBER = 1;
/** Containers that each node is still to show: none of its reports does. */
const AWAITED = 20;
const AWAITED_ID = 1e12;
const AWAITING_NODES = 1000;
const ORIGINS = [randomUuid(new SeededRandom(1))];

/** CPU time of the two sides of a report, in ns. */
export interface PathTimes {
  main: number;
  shard: number;
}

/** Intake, shard set, ring and shard as in an SCM, on one thread, with every container known. */
export class ReportPath {
  readonly shards: ShardSet;
  readonly #workers = new LocalWorkers((context) => new Shard(context));
  readonly #intake: ReportIntake;
  #endOfTurn: (() => void)[] = [];
  readonly #pending = new PendingContainers({
    lifetimeMs: Number.POSITIVE_INFINITY,
    slotsOf: () => 0,
    onChanged: () => {},
  });

  constructor(containerCount: number, state: number = CONTAINER_STATE.CLOSED) {
    const noTimer = { cancel: (): void => {} };
    this.shards = new ShardSet({
      workers: this.#workers,
      scheduler: {
        after: () => noTimer,
        every: () => noTimer,
        endOfTurn: (task) => this.#endOfTurn.push(task),
      },
      shardCount: 1,
      ringBytes: RING_BYTES,
      sideIdsPerNodeMax: 1024,
      onRestart: () => assert(false, "a shard ended"),
      onRestarted: () => {},
      onFailed: (error) => {
        throw error;
      },
      onRoom: () => {},
      onDecision: () => {},
      onReportWanted: () => {},
      sendsUnknown: false,
    });
    this.#intake = new ReportIntake({
      shards: this.shards,
      clock: { monotonicMs: () => performance.now() },
      chunksInFlightMax: CHUNKS_MAX,
      chunksPerNodeMax: CHUNKS_MAX,
      waitingBytesMax: 0,
      waitingBytesTotalMax: 0,
      onComplete: () => {},
      awaited: this.#pending,
    });
    for (let node = 0; node < AWAITING_NODES; node++) {
      for (let i = 1; i <= AWAITED; i++) {
        this.#pending.record(nodeSlot(node), containerId(AWAITED_ID + i), 0);
      }
    }
    const ratis = { type: REPLICATION_TYPE.RATIS, dataCount: 0, indexCount: 0 };
    this.shards.setReplicationFacts(RATIS_NUMBER, ratis);
    for (let stripe = 0; stripe <= stripeOf(containerCount); stripe++) {
      this.shards.addStripe(stripe, knownContainers(stripe, state));
    }
  }

  /** Sends a full report and has it merged. */
  fullReport(node: number, rows: Uint8Array): PathTimes {
    const slot = nodeSlot(node);
    const rowCount = rows.length / ROW_BYTES;
    const view = new DataView(rows.buffer, rows.byteOffset, rows.byteLength);
    let reportId = 0;
    const main = cpuNs(() => {
      this.#intake.begin(slot, { fromRegistration: false, rowCount }, (grant) => {
        assert(!(grant instanceof Error), "no credit");
        reportId = grant.reportId;
      });
      for (let row = 0, fromId = 0; row < rowCount; row += CHUNK_ROWS) {
        const end = Math.min(rowCount, row + CHUNK_ROWS);
        const last = end === rowCount;
        const toId = last ? Number.MAX_SAFE_INTEGER : view.getFloat64((end - 1) * ROW_BYTES + ROW_ID, true);
        const bytes = rows.subarray(row * ROW_BYTES, end * ROW_BYTES);
        const origins = row === 0 ? ORIGINS : undefined;
        const chunk = { reportId, last, fromId, toId, rowBytes: ROW_BYTES, origins, rows: bytes };
        this.#intake.chunk(slot, chunk, refuseErrors);
        fromId = toId + 1;
      }
      this.#publish();
    });
    return { main, shard: this.#merge() };
  }

  /** Sends incremental reports and has them merged. */
  incrementalReports(node: number, reports: readonly Uint8Array[]): PathTimes {
    const slot = nodeSlot(node);
    const main = cpuNs(() => {
      for (const rows of reports) {
        this.#intake.incremental(slot, { rowBytes: ROW_BYTES, origins: ORIGINS, rows }, refuseErrors);
      }
      this.#publish();
    });
    return { main, shard: this.#merge() };
  }

  #publish(): void {
    for (const task of this.#endOfTurn.splice(0)) task();
  }

  #merge(): number {
    const [link] = this.#workers.links;
    assert(link !== undefined, "the shard was not started");
    const shard = cpuNs(() => {
      while (link.stepWorker());
    });
    link.deliver();
    return shard;
  }
}

/** Containers with the figures that the plan's replicas report. */
function knownContainers(stripe: number, state: number): SharedArrayBuffer {
  const buffer = new SharedArrayBuffer(STRIPE_ROWS * CONTAINER_ROW.rowBytes);
  const view = new DataView(buffer);
  const { fields, rowBytes } = CONTAINER_ROW;
  for (let offset = 0; offset < STRIPE_ROWS; offset++) {
    const at = offset * rowBytes;
    const id = stripe * STRIPE_ROWS + offset;
    view.setUint8(at + fields.state.offset, state);
    view.setUint16(at + fields.replication.offset, RATIS_NUMBER, true);
    view.setFloat64(at + fields.usedBytes.offset, usedBytesOf(id), true);
    view.setFloat64(at + fields.keyCount.offset, keyCountOf(id), true);
    view.setFloat64(at + fields.sequenceId.offset, sequenceIdOf(id), true);
  }
  return buffer;
}

function refuseErrors(error: Error | undefined): void {
  if (error !== undefined) throw error;
}

/** CPU time and not elapsed time: other processes share the cores. */
function cpuNs(work: () => void): number {
  const before = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) * 1000;
}
