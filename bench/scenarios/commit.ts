import { FleetPlan } from "../fleet/plan.js";
import type { Bench, BenchContext } from "../harness/bench.js";
import { measure, type Window } from "../harness/cpu-window.js";
import { type Figure, median } from "../harness/figure.js";
import { populate } from "../harness/population.js";
import { ScmUnderTest } from "../harness/scm-under-test.js";
import { type LoadSummary, loadLine, runLoad } from "../load/run-load.js";

const CONTAINERS = 10_000_000;
const NEWEST = 100_000;
const CLIENTS = 64;
const SECONDS = 8;
const RUNS = 3;

interface Measured {
  readonly load: LoadSummary;
  readonly window: Window;
}

/** Single suppress operations in sessions, state flush on, over 10 M containers. */
export const commit: Bench = {
  name: "commit",
  doc: "durable operations of 64 clients over 10 M containers: ids of the newest 100,000, then of all",
  async run(context: BenchContext): Promise<readonly Figure[]> {
    const plan = new FleetPlan({ nodeCount: 750, containersPerNode: (CONTAINERS * 3) / 750, seed: 1 });
    const scm = await ScmUnderTest.start({ directory: context.directory });
    try {
      await populate(scm.endpoint, plan, context.print);
      await suppress(scm, plan.containerCount - NEWEST + 1, plan.containerCount, 2);
      const newest: Measured[] = [];
      for (let i = 0; i < RUNS; i++) {
        newest.push(await suppress(scm, plan.containerCount - NEWEST + 1, plan.containerCount, SECONDS));
        context.print(`newest 100,000, run ${i + 1}: ${describe(newest[i] as Measured)}`);
      }
      const all = await suppress(scm, 1, plan.containerCount, SECONDS);
      context.print(`all 10 M: ${describe(all)}`);
      return [...newestFigures(newest), ...allFigures(all)];
    } finally {
      await scm.stop();
    }
  },
};

async function suppress(
  scm: ScmUnderTest,
  firstId: number,
  lastId: number,
  seconds: number,
): Promise<Measured> {
  const request = { kind: "suppress", clients: CLIENTS, firstId, lastId, seconds, seed: 1 } as const;
  const { result: load, window } = await measure(scm, () =>
    runLoad({ ...request, endpoints: [scm.endpoint] }),
  );
  return { load, window };
}

function newestFigures(runs: readonly Measured[]): Figure[] {
  const of = (pick: (run: Measured) => number): number => median(runs.map(pick));
  return [
    {
      name: "commit.newest.rate",
      value: of(({ load }) => load.perSecond),
      unit: "operations/s",
      target: { comparison: "≥", value: 80_000 },
      yardstick: "integer",
    },
    {
      name: "commit.newest.p50",
      value: of(({ load }) => load.latencyUs.percentile(0.5)) / 1000,
      unit: "ms",
      target: { comparison: "≤", value: 1 },
      yardstick: "fsync",
    },
    {
      name: "commit.newest.main.cpu",
      value: of(({ load, window }) => window.cpuUs("main") / load.count),
      unit: "µs",
      yardstick: "integer",
    },
    { name: "commit.newest.operations.per.fsync", value: of(operationsPerFsync), unit: "operations" },
    { name: "commit.newest.bytes.per.row", value: of(bytesPerRow), unit: "bytes" },
  ];
}

function allFigures(run: Measured): Figure[] {
  return [
    { name: "commit.all.rate", value: run.load.perSecond, unit: "operations/s" },
    { name: "commit.all.p50", value: run.load.latencyUs.percentile(0.5) / 1000, unit: "ms" },
    {
      name: "commit.all.loop.lag.p99",
      value: run.window.last("strata_main_lag_p99_seconds") * 1000,
      unit: "ms",
      target: { comparison: "≤", value: 20 },
    },
    { name: "commit.all.operations.per.fsync", value: operationsPerFsync(run), unit: "operations" },
    { name: "commit.all.bytes.per.row", value: bytesPerRow(run), unit: "bytes" },
  ];
}

function operationsPerFsync({ window }: Measured): number {
  return window.ratio("strata_raft_applied_total", "strata_log_syncs_total");
}

/** State bytes written for each operation, which changes one row. */
function bytesPerRow({ window }: Measured): number {
  return window.ratio("strata_state_bytes_total", "strata_raft_applied_total");
}

function describe(measured: Measured): string {
  const { load, window } = measured;
  const held = window.of("strata_raft_held_turns_total");
  return [
    loadLine(load),
    window.cpuLine(load.count),
    `${operationsPerFsync(measured).toFixed(1)} operations per fsync`,
    `${bytesPerRow(measured).toFixed(0)} B per row`,
    `turns held ${held}`,
    `loop lag p99 ${(window.last("strata_main_lag_p99_seconds") * 1000).toFixed(1)} ms`,
  ].join("; ");
}
