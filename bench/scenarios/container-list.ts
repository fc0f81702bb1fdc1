import { setTimeout as sleep } from "node:timers/promises";
import { assert } from "../../engine/core/assert.js";
import { type AdminClient, createAdminClient } from "../../protocol/client/index.js";
import type { ContainerRecord } from "../../protocol/schema/records.js";
import { FleetPlan } from "../fleet/plan.js";
import type { Bench, BenchContext } from "../harness/bench.js";
import { measure, type Window } from "../harness/cpu-window.js";
import { type Figure, median } from "../harness/figure.js";
import { percentile } from "../harness/histogram.js";
import { populate } from "../harness/population.js";
import { ScmUnderTest } from "../harness/scm-under-test.js";
import { mainWaitNs } from "../harness/thread-cpu.js";

/** Sizes of a run; the tests make them small. */
export interface ContainerListSizes {
  readonly containerCount: number;
  /** In the rare state, evenly spread: the worst case, a block of ids for each. */
  readonly rareCount: number;
  readonly queryCount: number;
  readonly changeCount: number;
  readonly runCount: number;
}

const SIZES: ContainerListSizes = {
  containerCount: 10_000_000,
  rareCount: 1000,
  queryCount: 101,
  changeCount: 1_000_000,
  runCount: 3,
};
const NODES = 750;
const RARE = "QUASI_CLOSED";
const PAGE = 1000;
const WARM_UPS = 20;
const IDS_PER_REQUEST = 1024;
const REQUESTS_AT_ONCE = 4;
/** A flush begins a second after a change at the latest, and is written within another. */
const FLUSHED_MS = 2000;

/** Pages and counts of a real SCM, asked from outside, and its event loop while a tenth of all containers is
 * changed and written. */
export const containerList: Bench = {
  name: "container-list",
  doc: "10 M containers: a page by a rare state, counts by state, loop lag while 1 M are changed and flushed",
  run: (context) => runContainerList(context, { ...SIZES, runCount: context.runs ?? SIZES.runCount }),
};

export async function runContainerList(
  { directory, print }: Pick<BenchContext, "directory" | "print">,
  sizes: ContainerListSizes,
): Promise<readonly Figure[]> {
  const scm = await ScmUnderTest.start({ directory });
  const client = createAdminClient({ endpoints: [scm.endpoint], clientName: "bench", timeoutMs: 600_000 });
  try {
    await populate(scm.endpoint, new RarePlan(sizes), print);
    const page = await timesOf(sizes.queryCount, async () => {
      const { containers } = await client.listContainers({
        startContainerId: 1,
        countMax: PAGE,
        state: RARE,
      });
      assert(containers.length === Math.min(PAGE, sizes.rareCount), "a page has all of them");
    });
    const counts = await timesOf(sizes.queryCount, async () => {
      const { containerCount } = await client.getContainerCount({ state: RARE });
      assert(containerCount === sizes.rareCount, "they are counted");
    });
    print(`page of ${PAGE} by a rare state: ${describeTimes(page)}`);
    print(`count of a state: ${describeTimes(counts)}`);
    const windows: Window[] = [];
    for (let run = 0; run < sizes.runCount; run++) {
      const waitedNs = mainWaitNs(scm.pid);
      const window = await change(scm, client, sizes, run % 2 === 0);
      // On a busy machine that is what the lag is made of.
      const waitedMs = (mainWaitNs(scm.pid) - waitedNs) / 1e6;
      print(
        `run ${run + 1}: ${describeChange(window, sizes)}; main waited for a core ${waitedMs.toFixed(0)} ms`,
      );
      windows.push(window);
    }
    return figures(page, counts, windows);
  } finally {
    client.close();
    await scm.stop();
  }
}

class RarePlan extends FleetPlan {
  readonly #step: number;

  constructor({ containerCount, rareCount }: ContainerListSizes) {
    super({ nodeCount: NODES, containersPerNode: (containerCount * 3) / NODES, seed: 1 });
    this.#step = Math.floor(containerCount / rareCount);
  }

  override container(containerId: number): ContainerRecord {
    const state = containerId % this.#step === 0 ? RARE : "CLOSED";
    return { ...super.container(containerId), state };
  }
}

/** Sorted, in ms. */
async function timesOf(count: number, ask: () => Promise<void>): Promise<readonly number[]> {
  for (let i = 0; i < WARM_UPS; i++) await ask();
  const times: number[] = [];
  for (let i = 0; i < count; i++) {
    const startMs = performance.now();
    await ask();
    times.push(performance.now() - startMs);
  }
  return times.sort((a, b) => a - b);
}

/** Sets or takes away the flag of containers that are spread over all, until all of it is on disk. */
async function change(
  scm: ScmUnderTest,
  client: AdminClient,
  { containerCount, changeCount }: ContainerListSizes,
  suppress: boolean,
): Promise<Window> {
  const step = Math.floor(containerCount / changeCount);
  const { window } = await measure(scm, async () => {
    const underWay: Promise<unknown>[] = [];
    for (let first = 0; first < changeCount; first += IDS_PER_REQUEST) {
      const count = Math.min(IDS_PER_REQUEST, changeCount - first);
      const containerIds = Array.from({ length: count }, (_, i) => (first + i + 1) * step);
      underWay.push(client.suppressContainers({ containerIds, suppress }));
      if (underWay.length >= REQUESTS_AT_ONCE) await underWay.shift();
    }
    await Promise.all(underWay);
    await sleep(FLUSHED_MS);
  });
  return window;
}

function figures(page: readonly number[], counts: readonly number[], windows: readonly Window[]): Figure[] {
  const of = (name: string): number => median(windows.map((window) => window.last(name) * 1000));
  return [
    {
      name: "container-list.rare.page",
      value: percentile(page, 0.5),
      unit: "ms",
      target: { comparison: "≤", value: 5 },
      yardstick: "memory",
    },
    { name: "container-list.rare.page.p99", value: percentile(page, 0.99), unit: "ms" },
    {
      name: "container-list.counts",
      value: percentile(counts, 0.5),
      unit: "ms",
      target: { comparison: "≤", value: 1 },
      yardstick: "integer",
    },
    {
      name: "container-list.flush.loop.lag.p99",
      value: of("strata_main_lag_p99_seconds"),
      unit: "ms",
      target: { comparison: "≤", value: 20 },
    },
    { name: "container-list.flush.loop.lag.max", value: of("strata_main_lag_max_seconds"), unit: "ms" },
  ];
}

function describeTimes(times: readonly number[]): string {
  const at = (rank: number): string => percentile(times, rank).toFixed(2);
  return `p50 ${at(0.5)} p99 ${at(0.99)} worst ${at(1)} ms`;
}

function describeChange(window: Window, { changeCount }: ContainerListSizes): string {
  const lag = (name: string): string => (window.last(`strata_main_lag_${name}_seconds`) * 1000).toFixed(1);
  return [
    `${changeCount} containers changed in ${(window.seconds - FLUSHED_MS / 1000).toFixed(1)} s`,
    `${window.of("strata_state_flushes_total")} flushes`,
    `${window.of("strata_state_rows_total")} pages and rows`,
    `${(window.of("strata_state_bytes_total") / 1e6).toFixed(0)} MB`,
    `turns held ${window.of("strata_raft_held_turns_total")}`,
    `loop lag p50 ${lag("p50")} p99 ${lag("p99")} worst ${lag("max")} ms`,
    window.cpuLine(changeCount),
  ].join("; ");
}
