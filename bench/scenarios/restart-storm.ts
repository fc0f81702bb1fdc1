import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { FleetRunner, type FleetSummary } from "../fleet/fleet-runner.js";
import { FleetPlan, type FleetPlanOptions } from "../fleet/plan.js";
import type { Bench, BenchContext } from "../harness/bench.js";
import { measure, type Window } from "../harness/cpu-window.js";
import type { Figure } from "../harness/figure.js";
import { type GcPause, nowUs } from "../harness/gc-pauses.js";
import { ScmUnderTest } from "../harness/scm-under-test.js";
import { processCpuNs } from "../harness/thread-cpu.js";
import { leaveFilledScm } from "../load/filled-scm.js";

const FED_SCM = fileURLToPath(new URL("../load/fed-scm-process.js", import.meta.url));
const NODES = 5000;
const CONTAINERS_PER_NODE = 40_000;
/** Datanodes without replicas, in a process of their own: their heartbeats measure the SCM while the
 * generator of the reports takes all it can get of a core. Six times as many as 5,000 datanodes send every
 * 30 s. */
const PROBE_NODES = 100;
const PROBE_INTERVAL_MS = 100;
const PROBE_SECONDS_BEFORE = 3;
/** Each collection of garbage goes through all clients of a process, and each chunk leaves garbage. */
const GENERATOR_PROCESSES = 6;
/** The datanodes of a fleet have cores of their own; on this machine they get what the SCM leaves. */
const GENERATOR_NICENESS = 5;
const QUIET_SECONDS = 2;
const QUIET_CPU_SHARE = 0.1;
const QUIET_TIMEOUT_MS = 180_000;
const HEARTBEAT_INTERVAL_MS = 30_000;
const TIMEOUT_MS = 900_000;
const POLL_MS = 200;
const GIB = 2 ** 30;

/** An SCM starts with all containers, then all datanodes register and report at once, as after a restart.
 * The rows come from within the SCM's process: 5,000 datanodes have cores of their own, and here they would
 * take most of two. */
export const restartStorm: Bench = {
  name: "restart-storm",
  doc: "all datanodes report everything after a start, fed in process: time, memory, heartbeats meanwhile",
  run: (context) => storm("storm", context, { entry: FED_SCM }, feedStorm),
};

/** The same over the datanodes' sockets, by processes that share the machine's cores. */
export const socketStorm: Bench = {
  name: "socket-storm",
  doc: "the same over a socket for each datanode, with the generator's processes on the same cores",
  run: (context) => storm("socket.storm", context, {}, sendStorm),
};

type RunStorm = (scm: ScmUnderTest, plan: FleetPlanOptions, context: BenchContext) => Promise<Storm>;

async function storm(
  name: string,
  context: BenchContext,
  settings: { readonly entry?: string },
  run: RunStorm,
): Promise<readonly Figure[]> {
  const { nodes = NODES, containers = CONTAINERS_PER_NODE, print, directory } = context;
  const options = { nodeCount: nodes, containersPerNode: containers, seed: 1 };
  const plan = new FleetPlan(options);
  const beganMs = performance.now();
  await leaveFilledScm({ directory, plan: options });
  print(`${plan.containerCount} containers written in ${seconds(performance.now() - beganMs)} s`);
  const scm = await ScmUnderTest.start({ directory, gcTrace: `${directory}.gc.json`, ...settings });
  let result: Storm & Probed;
  let residentPeakBytes: number;
  try {
    print(`serves after ${seconds(scm.startedMs)} s, with ${gib(scm.residentBytes())} GiB`);
    await whenQuiet(scm.pid);
    result = await underProbes(scm, context, () => run(scm, options, context));
    residentPeakBytes = scm.residentPeakBytes();
  } finally {
    await scm.stop();
  }
  const { window, registering, merging } = result;
  const pauses = scm.gcPauses();
  if (registering !== undefined) {
    printPauses("registering", pauses.between(registering.fromUs, registering.toUs), window, print);
  }
  const mergingPauses = pauses.between(merging.fromUs, merging.toUs);
  printPauses("merging", mergingPauses, window, print);
  return figuresOf(name, { ...result, residentPeakBytes, startedMs: scm.startedMs, pauses: mergingPauses });
}

/** Waits until the process does next to nothing: its store still sorts what was written in a hurry. */
async function whenQuiet(pid: number): Promise<void> {
  const endMs = performance.now() + QUIET_TIMEOUT_MS;
  for (let beforeNs = processCpuNs(pid); performance.now() < endMs; ) {
    await sleep(QUIET_SECONDS * 1000);
    const nowNs = processCpuNs(pid);
    if ((nowNs - beforeNs) / 1e9 < QUIET_SECONDS * QUIET_CPU_SHARE) return;
    beforeNs = nowNs;
  }
}

interface Storm {
  readonly window: Window;
  readonly mergedSeconds: number;
  /** Before all datanodes have registered, where that takes a while. */
  readonly registering?: Span;
  readonly merging: Span;
}

interface Span {
  readonly fromUs: number;
  readonly toUs: number;
}

/** The rows of all datanodes from within, until the last report is merged. */
async function feedStorm(scm: ScmUnderTest, plan: FleetPlanOptions, { print }: BenchContext): Promise<Storm> {
  const start = Date.now();
  const fromUs = nowUs();
  const { result, window } = await measure(scm, () => scm.ask(plan));
  const replicas = checkedReplicas(plan, window);
  print(`${replicas} replicas of ${plan.nodeCount} datanodes, fed in process; ${window.cpuLine(replicas)}`);
  const { mergedMs } = result as { readonly mergedMs: number };
  return { window, mergedSeconds: (mergedMs - start) / 1000, merging: { fromUs, toUs: nowUs() } };
}

/** Throws when it is not all that was reported. */
function checkedReplicas(plan: FleetPlanOptions, window: Window): number {
  const wanted = 3 * new FleetPlan(plan).containerCount;
  const replicas = window.last("strata_shard_replica_count");
  if (replicas !== wanted) throw new Error(`${replicas} replicas are known, ${wanted} were reported`);
  return replicas;
}

function printPauses(
  phase: string,
  pauses: readonly GcPause[],
  window: Window,
  print: BenchContext["print"],
): void {
  const describe = ({ kind, ms, cpuMs, threadId }: GcPause): string =>
    `${kind} ${ms.toFixed(1)} ms (CPU ${cpuMs.toFixed(1)}) on ${window.threadName(threadId)}`;
  const byClock = pauses.slice(0, 5).map(describe);
  const byCpu = [...pauses].sort((a, b) => b.cpuMs - a.cpuMs).slice(0, 3);
  print(`${pauses.length} garbage collections while ${phase}, longest: ${byClock.join(", ")}`);
  print(`of those most CPU took: ${byCpu.map(describe).join(", ")}`);
}

/** The whole fleet connects, until the last full report is answered. */
async function sendStorm(scm: ScmUnderTest, plan: FleetPlanOptions, { print }: BenchContext): Promise<Storm> {
  const runner = new FleetRunner();
  await runner.prepare(
    { endpoints: [scm.endpoint], plan, heartbeatIntervalMs: HEARTBEAT_INTERVAL_MS, incrementalIntervalMs: 0 },
    GENERATOR_PROCESSES,
    GENERATOR_NICENESS,
  );
  const startMs = performance.now();
  const startUs = nowUs();
  const start = Date.now();
  // In a short run all were registered and done between two looks.
  let registeredUs = startUs;
  const { window } = await measure(scm, async () => {
    runner.begin();
    for (let fleet = runner.summary(); fleet.fullReports < plan.nodeCount; fleet = runner.summary()) {
      if (fleet.registered === plan.nodeCount && registeredUs === startUs) registeredUs = nowUs();
      if (performance.now() - startMs > TIMEOUT_MS) throw new Error("the reports did not come to an end");
      await sleep(POLL_MS);
    }
  });
  const merging = { fromUs: registeredUs, toUs: nowUs() };
  const fleet = await runner.stop();
  const replicas = checkedReplicas(plan, window);
  print(`${replicas} replicas over ${plan.nodeCount} sockets; ${window.cpuLine(replicas)}`);
  print(`CPU of the generator ${fleet.cpuSeconds.toFixed(1)} s, its errors ${fleet.errors}`);
  const mergedSeconds = (fleet.lastFullReportMs - start) / 1000;
  return { window, mergedSeconds, registering: { fromUs: startUs, toUs: registeredUs }, merging };
}

interface Probed {
  readonly probes: FleetSummary;
}

/** `work` while some datanodes send heartbeats by a fixed schedule; answers with their latencies. */
async function underProbes<T extends object>(
  scm: ScmUnderTest,
  { print }: BenchContext,
  work: () => Promise<T>,
): Promise<T & Probed> {
  const runner = new FleetRunner();
  await runner.start(
    {
      endpoints: [scm.endpoint],
      plan: { nodeCount: PROBE_NODES, containersPerNode: 0, seed: 2 },
      heartbeatIntervalMs: PROBE_INTERVAL_MS,
      incrementalIntervalMs: 0,
    },
    1,
  );
  await sleep(PROBE_SECONDS_BEFORE * 1000);
  print(`heartbeats before: ${latencyLine(runner.summary())}`);
  runner.forgetHeartbeats();
  const result = await work();
  const probes = await runner.stop();
  print(`heartbeats meanwhile: ${latencyLine(probes)}`);
  for (const doubt of probes.doubts) print(`doubt: ${doubt}`);
  return { ...result, probes };
}

interface Measured extends Storm, Probed {
  readonly residentPeakBytes: number;
  readonly startedMs: number;
  readonly pauses: readonly GcPause[];
}

function figuresOf(name: string, storm: Measured): readonly Figure[] {
  const lagMs = storm.window.last("strata_main_lag_p99_seconds") * 1000;
  const cpuMaxMs = storm.pauses.reduce((max, { cpuMs }) => Math.max(max, cpuMs), 0);
  return [
    atMost(`${name}.merged`, storm.mergedSeconds, "s", 60),
    atMost(`${name}.resident.peak`, storm.residentPeakBytes / GIB, "GiB", 17),
    atMost(`${name}.heartbeat.p99`, storm.probes.latencyP99Us / 1000, "ms", 50),
    atMost(`${name}.main.lag.p99`, lagMs, "ms", 20),
    atMost(`${name}.gc.pause.max`, storm.pauses[0]?.ms ?? 0, "ms", 5),
    atMost(`${name}.gc.pause.cpu.max`, cpuMaxMs, "ms", 5),
    { name: `${name}.cold.start`, value: storm.startedMs / 1000, unit: "s", yardstick: "memory" },
  ];
}

function atMost(name: string, value: number, unit: string, target: number): Figure {
  return { name, value, unit, target: { comparison: "≤", value: target } };
}

function latencyLine({
  heartbeatsAnswered,
  latencyP50Us,
  latencyP99Us,
  latencyP999Us,
}: FleetSummary): string {
  const ms = (us: number): string => (us / 1000).toFixed(2);
  const latencies = `p50 ${ms(latencyP50Us)} p99 ${ms(latencyP99Us)} p999 ${ms(latencyP999Us)} ms`;
  return `${heartbeatsAnswered}, ${latencies}`;
}

function seconds(ms: number): string {
  return (ms / 1000).toFixed(1);
}

function gib(bytes: number): string {
  return (bytes / GIB).toFixed(2);
}
