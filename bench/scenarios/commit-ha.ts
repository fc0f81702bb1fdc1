import type { ScmGroup, ScmMember } from "../../test/support/process/scm-group.js";
import type { Bench, BenchContext } from "../harness/bench.js";
import { measureAll, type Window } from "../harness/cpu-window.js";
import { type Figure, median } from "../harness/figure.js";
import { cpuUsOf, metered, startGroup } from "../harness/group-under-test.js";
import { type LoadSummary, loadLine, runLoad } from "../load/run-load.js";

const CONTAINERS = 100_000;
const CLIENTS = 64;
const SECONDS = 8;
const WARM_UP_SECONDS = 3;
const RUNS = 3;

interface Measured {
  readonly load: LoadSummary;
  /** Of the leader. */
  readonly window: Window;
  /** Of one of the others. */
  readonly followerWindow: Window;
  readonly leader: ScmMember;
  /** Of each process. */
  readonly cpuUs: ReadonlyMap<string, number>;
}

/** Single suppress operations in sessions on a group of three. */
export const commitHa: Bench = {
  name: "commit-ha",
  doc: "durable operations of 64 clients in sessions, one at a time each, on three SCMs on loopback",
  async run(context: BenchContext): Promise<readonly Figure[]> {
    const { runs: runCount = RUNS, print } = context;
    const group = await startGroup({ containerCount: CONTAINERS, print });
    try {
      await commitOn(group, WARM_UP_SECONDS);
      const runs: Measured[] = [];
      for (let i = 0; i < runCount; i++) {
        const run = await commitOn(group, SECONDS);
        runs.push(run);
        print(`run ${i + 1}: ${describe(run, group)}`);
      }
      return figures(runs);
    } finally {
      await group.close();
    }
  },
};

async function commitOn(group: ScmGroup, seconds: number): Promise<Measured> {
  const { endpoints } = group;
  const request = { endpoints, clients: CLIENTS, firstId: 1, lastId: CONTAINERS, seconds, seed: 1 };
  const { result: used, windows } = await measureAll(group.members.map(metered), () =>
    cpuUsOf(group, () => runLoad({ kind: "suppress", ...request })),
  );
  const leader = await group.whenLed();
  const window = windows[group.members.indexOf(leader)] as Window;
  const followerWindow = windows.find((each) => each !== window) as Window;
  return { load: used.result, cpuUs: used.cpuUs, window, followerWindow, leader };
}

function figures(runs: readonly Measured[]): Figure[] {
  const odd = runs.length % 2 === 1 ? runs : runs.slice(1);
  const of = (pick: (run: Measured) => number): number => median(odd.map(pick));
  return [
    {
      name: "commit.ha.rate",
      value: of(({ load }) => load.perSecond),
      unit: "operations/s",
      target: { comparison: "≥", value: 30_000 },
      yardstick: "integer",
    },
    {
      name: "commit.ha.p50",
      value: of(({ load }) => load.latencyUs.percentile(0.5)) / 1000,
      unit: "ms",
      target: { comparison: "≤", value: 3 },
      yardstick: "fsync",
    },
    { name: "commit.ha.p99", value: of(({ load }) => load.latencyUs.percentile(0.99)) / 1000, unit: "ms" },
    { name: "commit.ha.operations.per.fsync", value: of(operationsPerFsync), unit: "operations" },
    { name: "commit.ha.entries.per.fsync", value: of(entriesPerFsync), unit: "entries" },
    {
      name: "commit.ha.leader.cpu",
      value: of(({ cpuUs, leader, load }) => (cpuUs.get(leader.name) ?? 0) / load.count),
      unit: "µs",
      yardstick: "integer",
    },
    {
      name: "commit.ha.follower.cpu",
      value: of(({ cpuUs, leader, load }) => followersCpuUs(cpuUs, leader) / load.count),
      unit: "µs",
      yardstick: "integer",
    },
    { name: "commit.ha.failed", value: of(({ load }) => load.failedCount), unit: "operations" },
  ];
}

/** Mean over them. */
function followersCpuUs(cpuUs: ReadonlyMap<string, number>, leader: ScmMember): number {
  const others = [...cpuUs].filter(([name]) => name !== leader.name).map(([, us]) => us);
  return others.reduce((sum, us) => sum + us, 0) / Math.max(1, others.length);
}

function operationsPerFsync({ window }: Measured): number {
  return window.ratio("strata_raft_applied_total", "strata_log_syncs_total");
}

function entriesPerFsync({ window }: Measured): number {
  return window.ratio("strata_log_entries_total", "strata_log_syncs_total");
}

function describe(run: Measured, group: ScmGroup): string {
  const { load, window, followerWindow, leader, cpuUs } = run;
  const processes = group.members.map((member) => {
    const role = member === leader ? " (leader)" : "";
    return `${member.name}${role} ${((cpuUs.get(member.name) ?? 0) / load.count).toFixed(2)}`;
  });
  const fsync = (rank: number): string => `${window.bucket("strata_log_sync_us", rank).toFixed(0)} µs`;
  return [
    loadLine(load),
    `CPU per operation, µs: ${processes.join(", ")}`,
    `leader's threads: ${window.cpuLine(load.count)}`,
    `a follower's threads: ${followerWindow.cpuLine(load.count)}`,
    `${entriesPerFsync(run).toFixed(1)} entries per fsync`,
    `${operationsPerFsync(run).toFixed(1)} operations per fsync`,
    `the leader's fsync p50 ≤ ${fsync(0.5)}, p99 ≤ ${fsync(0.99)}`,
  ].join("; ");
}
