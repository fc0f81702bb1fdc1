import { FleetPlan } from "../fleet/plan.js";
import type { Bench, BenchContext } from "../harness/bench.js";
import { measure } from "../harness/cpu-window.js";
import { type Figure, median } from "../harness/figure.js";
import { populate } from "../harness/population.js";
import { ScmUnderTest } from "../harness/scm-under-test.js";
import { loadLine, runLoad } from "../load/run-load.js";
import { fullReportTimes } from "../micro/full-report.js";
import { incrementalReportTimes } from "../micro/incremental-report.js";

const CONTAINERS = 200_000;
const CONNECTIONS = 16;
const ROWS_PER_REPORT = 4;
const SECONDS = 4;
const RUNS = 3;

/** Incremental reports of a few entries, through the gateway to the shards' tables. */
export const incrementalReport: Bench = {
  name: "incremental-report",
  doc: "CPU per entry of incremental reports, end to end: main and shard",
  async run(context: BenchContext): Promise<readonly Figure[]> {
    const scm = await ScmUnderTest.start({ directory: context.directory });
    try {
      const plan = new FleetPlan({ nodeCount: 3, containersPerNode: CONTAINERS, seed: 7 });
      await populate(scm.endpoint, plan, context.print);
      const cpuUs: number[] = [];
      for (let i = 0; i < RUNS; i++) {
        const { result: load, window } = await measure(scm, () =>
          runLoad({
            kind: "incremental",
            endpoint: scm.endpoint,
            connections: CONNECTIONS,
            rowsPerReport: ROWS_PER_REPORT,
            seconds: SECONDS,
            ids: [[1, CONTAINERS]],
            isOpen: false,
          }),
        );
        context.print(`run ${i + 1}: ${loadLine(load)}; ${window.cpuLine(load.count)}`);
        cpuUs.push((window.cpuUs("main") + window.cpuUs("shard-0")) / load.count);
      }
      return [
        {
          name: "incremental.entry.cpu",
          value: median(cpuUs),
          unit: "µs",
          target: { comparison: "≤", value: 3 },
          yardstick: "integer",
        },
      ];
    } finally {
      await scm.stop();
    }
  },
};

/** 400 MB of rows. Another run would keep the first one's memory, so the medians are over reports of one
 * run. */
const COLD_CONTAINERS = 2_000_000;
const INCREMENTAL_ROWS = 16;

/** Full reports from the decoded message to the table, on one thread, with tables far larger than the
 * caches. */
export const fullReport: Bench = {
  name: "full-report",
  doc: "CPU per replica of a full report on cold rows: main and shard",
  async run({ print }: BenchContext): Promise<readonly Figure[]> {
    const times = fullReportTimes(COLD_CONTAINERS);
    print(`new replicas: shard ${times.shardAdded.toFixed(1)} ns`);
    const inTurns = `closed ${times.shardInTurns.toFixed(1)}, open ${times.shardOpenInTurns.toFixed(1)} ns`;
    print(`all three replicas changed in turns: shard, ${inTurns}`);
    const incremental = incrementalReportTimes(INCREMENTAL_ROWS);
    const entry = `main ${incremental.main.toFixed(0)} ns, shard ${incremental.shard.toFixed(0)} ns`;
    print(`incremental entry, without the socket: ${entry}`);
    return [
      figureOf("full.report.main.unchanged", times.main, 15),
      figureOf("full.report.shard.unchanged", times.shardUnchanged, 40),
      figureOf("full.report.shard.changed", times.shardChanged, 150),
    ];
  },
};

function figureOf(name: string, value: number, target: number): Figure {
  return { name, value, unit: "ns", target: { comparison: "≤", value: target }, yardstick: "memory" };
}
