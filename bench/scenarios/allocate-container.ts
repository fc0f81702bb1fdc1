import { FleetRunner } from "../fleet/fleet-runner.js";
import type { FleetPlanOptions } from "../fleet/plan.js";
import { whenAtRest } from "../harness/at-rest.js";
import type { Bench, BenchContext } from "../harness/bench.js";
import { measure } from "../harness/cpu-window.js";
import { type Figure, median } from "../harness/figure.js";
import { addPipelines } from "../harness/pipelines.js";
import { ScmUnderTest } from "../harness/scm-under-test.js";
import { loadLine, runLoad } from "../load/run-load.js";

const NODES = 1000;
const PIPELINES = 1000;
const HEARTBEAT_MS = 30_000;
const CONNECTIONS = 64;
const SECONDS = 4;
const RUNS = 3;

/** Containers created one a call, each durable before its answer; datanodes have room for all of them. */
export const allocateContainer: Bench = {
  name: "allocate-container",
  doc: "containers created durably, one a call, 64 connections",
  async run(context: BenchContext): Promise<readonly Figure[]> {
    const plan: FleetPlanOptions = { nodeCount: NODES, containersPerNode: 0, seed: 1 };
    // A gigabyte would be more than the fleet has for a run's containers.
    const settings = ["ozone.scm.container.size=1MB"];
    const scm = await ScmUnderTest.start({ directory: context.directory, settings });
    const fleet = new FleetRunner();
    try {
      const intervals = { heartbeatIntervalMs: HEARTBEAT_MS, incrementalIntervalMs: 0 };
      await fleet.start({ endpoints: [scm.endpoint], plan, ...intervals }, 1);
      await addPipelines(scm.endpoint, plan, { count: PIPELINES, seed: 1 });
      await whenAtRest(scm);
      const rates: number[] = [];
      const latenciesMs: number[] = [];
      const cpuUs: number[] = [];
      for (let run = 0; run <= RUNS; run++) {
        const { result, window } = await measure(scm, () => load(scm.endpoint));
        const line = `${loadLine(result)}; ${window.cpuLine(result.count)}`;
        const perFsync = window.ratio("strata_raft_applied_total", "strata_log_syncs_total").toFixed(1);
        context.print(`${run === 0 ? "warm-up" : `run ${run}`}: ${line}; ${perFsync} operations per fsync`);
        if (run === 0) continue;
        rates.push(result.perSecond);
        latenciesMs.push(result.latencyUs.percentile(0.5) / 1000);
        cpuUs.push(window.cpuUs("main") / result.count);
      }
      const target = { comparison: "≥", value: 30_000 } as const;
      return [
        {
          name: "allocate-container.rate",
          value: median(rates),
          unit: "containers/s",
          target,
          yardstick: "integer",
        },
        { name: "allocate-container.p50", value: median(latenciesMs), unit: "ms", yardstick: "fsync" },
        { name: "allocate-container.main.cpu", value: median(cpuUs), unit: "µs", yardstick: "integer" },
      ];
    } finally {
      await fleet.stop();
      await scm.stop();
    }
  },
};

function load(endpoint: string): ReturnType<typeof runLoad> {
  return runLoad({
    kind: "allocate container",
    endpoint,
    connections: CONNECTIONS,
    seconds: SECONDS,
    replication: "RATIS/THREE",
    owner: "bench",
  });
}
