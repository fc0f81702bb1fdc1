import { setTimeout as sleep } from "node:timers/promises";
import { FleetRunner } from "../fleet/fleet-runner.js";
import { FleetPlan } from "../fleet/plan.js";
import type { Bench, BenchContext } from "../harness/bench.js";
import { measure } from "../harness/cpu-window.js";
import type { Figure } from "../harness/figure.js";
import { populate } from "../harness/population.js";
import { ScmUnderTest } from "../harness/scm-under-test.js";
import { processCpuNs } from "../harness/thread-cpu.js";

const CONTAINERS = 10_000_000;
const NODES = 750;
const IDLE_SECONDS = 20;
/** Compiler, collector and store tidy up after a start. */
const SETTLE_SECONDS = 15;
const REPORT_TIMEOUT_MS = 900_000;

/** 10 M imported containers with 3 replicas each: memory, the work of taking all reports, a cold start,
 * idling. */
export const boot: Bench = {
  name: "boot",
  doc: "10 M containers with 3 replicas: memory per container, cold start, idle CPU",
  async run(context: BenchContext): Promise<readonly Figure[]> {
    const planOptions = { nodeCount: NODES, containersPerNode: (CONTAINERS * 3) / NODES, seed: 1 };
    const plan = new FleetPlan(planOptions);
    let scm = await ScmUnderTest.start({ directory: context.directory });
    try {
      const emptyBytes = scm.residentBytes();
      await populate(scm.endpoint, plan, context.print);
      const tableBytes = await reportAll(scm, plan, context);
      const residentPerContainer = (scm.residentBytes() - emptyBytes) / plan.containerCount;
      context.print(
        `resident memory beyond an empty SCM: ${residentPerContainer.toFixed(0)} B per container`,
      );
      await scm.stop();
      scm = await ScmUnderTest.start({ directory: context.directory });
      const coldStartSeconds = scm.startedMs / 1000;
      const idleShare = await idleCpuPercent(scm.pid);
      return [
        {
          name: "boot.tables.bytes.per.container",
          value: tableBytes / plan.containerCount,
          unit: "bytes",
          target: { comparison: "≤", value: 216 },
        },
        {
          name: "boot.cold.start",
          value: coldStartSeconds,
          unit: "s",
          target: { comparison: "≤", value: 10 },
          yardstick: "memory",
        },
        { name: "boot.idle.cpu", value: idleShare, unit: "%", target: { comparison: "≤", value: 2 } },
      ];
    } finally {
      await scm.stop();
    }
  },
};

/** CPU of all threads of a process that nobody asks anything, in percent of a core. Looked at from
 * outside, since a scrape of /prom would be a good part of it. */
async function idleCpuPercent(pid: number): Promise<number> {
  await sleep(SETTLE_SECONDS * 1000);
  const [beforeNs, startMs] = [processCpuNs(pid), performance.now()];
  await sleep(IDLE_SECONDS * 1000);
  return ((processCpuNs(pid) - beforeNs) / 1e6 / (performance.now() - startMs)) * 100;
}

/** Lets the whole fleet send full reports; answers the bytes of all tables. */
async function reportAll(scm: ScmUnderTest, plan: FleetPlan, { print }: BenchContext): Promise<number> {
  const fleet = new FleetRunner();
  const wanted = plan.containerCount * 3;
  const { window } = await measure(scm, async () => {
    await fleet.start(
      {
        endpoints: [scm.endpoint],
        plan: { nodeCount: plan.nodeCount, containersPerNode: wanted / plan.nodeCount, seed: 1 },
        heartbeatIntervalMs: 30_000,
        incrementalIntervalMs: 0,
      },
      1,
    );
    const endMs = performance.now() + REPORT_TIMEOUT_MS;
    for (let have = 0; have < wanted && performance.now() < endMs; ) {
      await sleep(1000);
      have = (await scm.metrics()).get("strata_shard_replica_count") ?? 0;
    }
  });
  await fleet.stop();
  const replicas = window.last("strata_shard_replica_count");
  print(`${replicas} of ${wanted} replicas reported in ${window.seconds.toFixed(1)} s`);
  print(`full reports: ${window.cpuLine(replicas)}`);
  return window.last("strata_shard_table_bytes");
}
