import { join } from "node:path";
import { NodeScheduler } from "../../engine/host/node-scheduler.js";
import { NodeDisk } from "../../engine/storage/node-disk.js";
import { scmWorkerPool } from "../../workers/pool/roles.js";
import type { Bench, BenchContext } from "../harness/bench.js";
import { emptyCluster } from "../harness/cluster.js";
import { type Figure, median } from "../harness/figure.js";
import { recoveredNew } from "../harness/storage.js";
import { type AppendTimes, DurableAppends } from "../micro/durable-appends.js";
import { RESTART_SIZES, restartSeconds } from "./restart.js";

const RUNS = 3;

/** Sizes of a run; the tests make them small. */
export interface AppendSizes {
  readonly seconds: number;
  /** Entries under way in the runs that count: two appends of half as many. */
  readonly clientCount: number;
  /** Of the runs that are only printed. */
  readonly otherClientCounts: readonly number[];
}

const SIZES: AppendSizes = { seconds: 4, clientCount: 1024, otherClientCounts: [64, 256, 4096] };

/** Entries that shared an fsync in the log that is read at a restart: about as many as 64 clients make. */
const BATCH = 64;

/** Entries through the log thread: ring, blob, RocksDB's synced write, answer. */
export const append: Bench = {
  name: "append",
  doc: "durable entries of 256 B, 1,024 under way; starts with 1 M of them, 100,000 replayed",
  async run(context: BenchContext): Promise<readonly Figure[]> {
    const appends = await runAppends({ ...context, directory: join(context.directory, "appends") }, SIZES);
    const batched = await restartSeconds(context, RESTART_SIZES, BATCH);
    const single = await restartSeconds(context, RESTART_SIZES, 1);
    const target = { comparison: "≤", value: 3 } as const;
    const restart = { unit: "s", yardstick: "integer" } as const;
    return [
      ...appends,
      { name: "append.restart", value: batched, ...restart, target },
      { name: "append.restart.single.entries", value: single, ...restart },
    ];
  },
};

export async function runAppends(context: BenchContext, sizes: AppendSizes): Promise<readonly Figure[]> {
  const { directories, recovered } = await recoveredNew(new NodeDisk(), context.directory, emptyCluster());
  const pool = scmWorkerPool({ scheduler: new NodeScheduler(), shardCount: 1 });
  try {
    const appends = await DurableAppends.start(pool, directories.raft, recovered);
    for (const clients of sizes.otherClientCounts) {
      context.print(`${clients} under way: ${describe(await appends.run(clients, sizes.seconds / 2))}`);
    }
    const runs: AppendTimes[] = [];
    for (let i = 0; i < RUNS; i++) {
      const times = await appends.run(sizes.clientCount, sizes.seconds);
      context.print(`${sizes.clientCount} under way, run ${i + 1}: ${describe(times)}`);
      runs.push(times);
    }
    await appends.stop();
    return figuresOf(runs);
  } finally {
    await pool.destroy();
  }
}

function figuresOf(runs: readonly AppendTimes[]): Figure[] {
  const of = (pick: (run: AppendTimes) => number): number => median(runs.map(pick));
  return [
    {
      name: "append.rate",
      value: of((run) => run.entriesPerSecond),
      unit: "entries/s",
      target: { comparison: "≥", value: 150_000 },
      yardstick: "fsync",
    },
    { name: "append.entries.per.fsync", value: of((run) => run.entriesPerSync), unit: "entries" },
    {
      name: "append.sync.p50",
      value: of((run) => run.syncUs.percentile(0.5)),
      unit: "µs",
      yardstick: "fsync",
    },
    {
      name: "append.sync.p99",
      value: of((run) => run.syncUs.percentile(0.99)),
      unit: "µs",
      yardstick: "fsync",
    },
    { name: "append.log.cpu", value: of((run) => run.logCpuNs), unit: "ns", yardstick: "integer" },
    { name: "append.main.cpu", value: of((run) => run.mainCpuNs), unit: "ns", yardstick: "integer" },
  ];
}

function describe(times: AppendTimes): string {
  const { entriesPerSecond, entriesPerSync, syncUs, logCpuNs, mainCpuNs, othersCpuNs } = times;
  const ns = [logCpuNs, mainCpuNs, othersCpuNs].map((value) => value.toFixed(0));
  const cpu = `log ${ns[0]}, main ${ns[1]}, others ${ns[2]}`;
  const p = (rank: number): string => `${syncUs.percentile(rank).toFixed(0)} µs`;
  return [
    `${entriesPerSecond.toFixed(0)} entries/s`,
    `${entriesPerSync.toFixed(1)} per fsync`,
    `write with fsync p50 ${p(0.5)} p99 ${p(0.99)}`,
    `CPU per entry, ns: ${cpu}`,
  ].join("; ");
}
