import { setTimeout as pause } from "node:timers/promises";
import { FleetRunner } from "../fleet/fleet-runner.js";
import type { FleetPlanOptions, IdRange } from "../fleet/plan.js";
import type { Bench, BenchContext } from "../harness/bench.js";
import { measure } from "../harness/cpu-window.js";
import { type Figure, median } from "../harness/figure.js";
import { ScmUnderTest } from "../harness/scm-under-test.js";
import { leaveFilledScm } from "../load/filled-scm.js";
import { loadLine, runLoad } from "../load/run-load.js";

/** Sizes of a run; the tests make them small. */
export interface ReadContainersSizes {
  readonly nodeCount: number;
  readonly containersPerNode: number;
  readonly seconds: number;
  readonly runCount: number;
}

const SIZES: ReadContainersSizes = { nodeCount: 750, containersPerNode: 4000, seconds: 4, runCount: 3 };
const HEARTBEAT_MS = 30_000;
const CONNECTIONS = 16;
const BATCH = 100;
const REPLICAS = 3;
const TARGET_PER_SECOND = 100_000;

/** Containers with their pipelines, as Ozone Manager asks for every key that is not in its cache: closed
 * ones, whose read pipelines are made of replicas, and open ones. */
export const readContainers: Bench = {
  name: "read-containers",
  doc: "containers with pipelines in batches of 100, drawn from 1 M of 750 datanodes: closed ones, open ones",
  run: (context) => runReadContainers(context, { ...SIZES, runCount: context.runs ?? SIZES.runCount }),
};

export async function runReadContainers(
  context: Pick<BenchContext, "directory" | "print">,
  sizes: ReadContainersSizes,
): Promise<readonly Figure[]> {
  const { nodeCount, containersPerNode } = sizes;
  const lastId = Math.floor((nodeCount * containersPerNode) / REPLICAS);
  const closed: IdRange = [1, Math.floor(lastId / 2)];
  const open: IdRange = [closed[1] + 1, lastId];
  const plan: FleetPlanOptions = { nodeCount, containersPerNode, seed: 1, openIds: [open] };
  await leaveFilledScm({ directory: context.directory, plan });
  const scm = await ScmUnderTest.start({ directory: context.directory });
  const fleet = new FleetRunner();
  try {
    const intervals = { heartbeatIntervalMs: HEARTBEAT_MS, incrementalIntervalMs: 0 };
    await fleet.start({ endpoints: [scm.endpoint], plan, ...intervals }, 1);
    while (fleet.summary().fullReports < nodeCount) await pause(100);
    return [
      ...(await figuresOf("CLOSED", closed, scm, context, sizes)),
      ...(await figuresOf("OPEN", open, scm, context, sizes)),
    ];
  } finally {
    await fleet.stop();
    await scm.stop();
  }
}

async function figuresOf(
  state: "OPEN" | "CLOSED",
  [firstId, lastId]: IdRange,
  scm: ScmUnderTest,
  { print }: Pick<BenchContext, "print">,
  { seconds, runCount }: ReadContainersSizes,
): Promise<Figure[]> {
  const name = state.toLowerCase();
  const rates: number[] = [];
  const cpuUs: number[] = [];
  for (let run = 0; run <= runCount; run++) {
    const { result: load, window } = await measure(scm, () =>
      runLoad({
        kind: "read",
        endpoint: scm.endpoint,
        connections: CONNECTIONS,
        batchSize: BATCH,
        state,
        memberCount: REPLICAS,
        seconds,
        firstId,
        lastId,
        seed: run + 1,
      }),
    );
    print(`${name}, run ${run}: ${loadLine(load)}; ${window.cpuLine(load.count)}`);
    // The first one warms up.
    if (run === 0) continue;
    rates.push(load.perSecond);
    cpuUs.push(window.cpuUs("main") / load.count);
  }
  return [
    {
      name: `read-containers.${name}`,
      value: median(rates),
      unit: "ids/s",
      target: { comparison: "≥", value: TARGET_PER_SECOND },
      yardstick: "integer",
    },
    { name: `read-containers.${name}.main.cpu`, value: median(cpuUs), unit: "µs", yardstick: "integer" },
  ];
}
