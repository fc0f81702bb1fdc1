import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import { StrataError } from "../../../engine/core/errors.js";
import { containerId, nodeSlot } from "../../../engine/core/ids.js";
import { NodeClock } from "../../../engine/host/node-clock.js";
import { NodeScheduler } from "../../../engine/host/node-scheduler.js";
import type { ReplicaFacts } from "../../../workers/pool/replica-store.js";
import { ReportIntake } from "../../../workers/pool/report-intake.js";
import type { ReportGrant } from "../../../workers/pool/report-source.js";
import { scmWorkerPool } from "../../../workers/pool/roles.js";
import { ShardSet } from "../../../workers/pool/shard-set.js";
import type { WorkerPool } from "../../../workers/pool/worker-pool.js";
import { CONTAINER_ROW, STRIPE_ROWS } from "../../../workers/shared/container-layout.js";
import { waitFor } from "../../support/wait.js";
import { type TestRow, testRows } from "../../support/workers/report-rows.js";

const SHARDS = 2;
const STRIPES = 4;
const NODES = 6;
const ROWS_PER_CHUNK = 500;
const MAX_ID = Number.MAX_SAFE_INTEGER;

/** Intake and shard set over real threads, and datanodes that send a full report whenever they are asked
 * to. */
class Fleet {
  readonly pool: WorkerPool;
  readonly shards: ShardSet;
  readonly intake: ReportIntake;
  readonly failures: Error[] = [];
  restartCount = 0;

  constructor() {
    const scheduler = new NodeScheduler();
    this.pool = scmWorkerPool({ scheduler, shardCount: SHARDS });
    this.shards = new ShardSet({
      workers: this.pool,
      scheduler,
      shardCount: SHARDS,
      ringBytes: 1024 * 1024,
      sideIdsPerNodeMax: 100,
      onRestart: () => {
        this.restartCount++;
        this.intake.wantAllFullReports();
      },
      onRestarted: () => {},
      onFailed: (error) => this.failures.push(error),
      onDecision: () => {},
      onReportWanted: () => {},
      sendsUnknown: false,
      onRoom: () => this.intake.roomAppeared(),
    });
    this.intake = new ReportIntake({
      shards: this.shards,
      clock: new NodeClock(),
      chunksInFlightMax: 8,
      chunksPerNodeMax: 2,
      waitingBytesMax: 100_000,
      waitingBytesTotalMax: 200_000,
      onComplete: () => {},
    });
    for (let stripe = 0; stripe < STRIPES; stripe++) {
      this.shards.addStripe(stripe, new SharedArrayBuffer(STRIPE_ROWS * CONTAINER_ROW.rowBytes));
    }
    for (let node = 0; node < NODES; node++) this.intake.wantFullReport(nodeSlot(node));
  }

  /** As heartbeats do: who is asked to report begins. */
  heartbeats(): void {
    for (let node = 0; node < NODES; node++) {
      const slot = nodeSlot(node);
      if (!this.intake.fullReportWanted(slot)) continue;
      this.intake.begin(slot, { fromRegistration: false, rowCount: rowsOf(node).length }, (grant) => {
        if (!(grant instanceof StrataError)) this.#sendChunk(node, grant, 0, 0);
      });
    }
  }

  /** One chunk after the other; an error ends the report, as it would a datanode's. */
  #sendChunk(node: number, grant: ReportGrant, start: number, fromId: number): void {
    const all = rowsOf(node);
    const end = Math.min(all.length, start + ROWS_PER_CHUNK);
    const last = end === all.length;
    const toId = last ? MAX_ID : (all[end - 1] as TestRow).id;
    const { rows, rowBytes, origins } = testRows(all.slice(start, end));
    const first = start === 0 ? origins : undefined;
    const chunk = { reportId: grant.reportId, last, fromId, toId, rowBytes, origins: first, rows };
    this.intake.chunk(nodeSlot(node), chunk, (error) => {
      if (error === undefined && !last) this.#sendChunk(node, grant, end, toId + 1);
    });
  }

  isComplete(): boolean {
    for (let node = 0; node < NODES; node++) {
      if (!this.intake.fullReportComplete(nodeSlot(node))) return false;
    }
    return true;
  }

  /** Until every datanode's report is merged. */
  async report(): Promise<void> {
    await waitFor("every full report is merged", () => {
      this.heartbeats();
      return this.isComplete();
    });
  }

  replicasOf(id: number): Promise<readonly ReplicaFacts[]> {
    return new Promise((resolve, reject) => {
      this.shards.queryReplicas(containerId(id), (answer) => {
        if (answer instanceof StrataError) reject(answer);
        else resolve(answer.replicas);
      });
    });
  }
}

function rowsOf(node: number): TestRow[] {
  return Array.from({ length: 3000 }, (_, index) => ({ id: 1 + node + index * 83, keyCount: node }));
}

let fleet: Fleet;
afterEach(() => fleet?.pool.destroy());

async function assertCountsAreRight(): Promise<void> {
  const total = NODES * 3000;
  assert.equal(fleet.shards.statistics().replicaCount, total);
  for (let node = 0; node < NODES; node++) {
    assert.equal(fleet.shards.nodeContainerCount(nodeSlot(node)), 3000);
  }
  const id = 1 + 4 + 2000 * 83;
  assert.deepEqual(
    (await fleet.replicasOf(id)).map(({ node, keyCount }) => [node, keyCount]),
    [[4, 4]],
  );
}

test("reports are merged by shards in threads", async () => {
  fleet = new Fleet();
  await fleet.shards.started;
  await fleet.report();
  await assertCountsAreRight();
  await fleet.shards.stop();
  assert.deepEqual(fleet.failures, []);
});

test("a terminated shard is rebuilt from reports asked for again, whenever it is hit", async () => {
  fleet = new Fleet();
  await fleet.shards.started;
  await fleet.report();
  for (let round = 1; round <= 4; round++) {
    fleet.pool.terminate("shard", round % SHARDS);
    // Some hits come before the reports, others in the middle of them.
    if (round > 2) fleet.heartbeats();
    await waitFor("the shard is replaced", () => fleet.restartCount === round);
    await fleet.report();
    await assertCountsAreRight();
  }
  assert.deepEqual(fleet.failures, []);
});
