import { FleetRunner } from "../fleet/fleet-runner.js";
import type { FleetPlanOptions } from "../fleet/plan.js";
import { whenAtRest } from "../harness/at-rest.js";
import type { Bench, BenchContext } from "../harness/bench.js";
import { measure, type Window } from "../harness/cpu-window.js";
import { type Figure, median } from "../harness/figure.js";
import { addPipelines } from "../harness/pipelines.js";
import { ScmUnderTest } from "../harness/scm-under-test.js";
import { type LoadSummary, loadLine, runLoad } from "../load/run-load.js";

const NODES = 1000;
const HEARTBEAT_MS = 30_000;
const PIPELINES = 1000;
const MANY_PIPELINES = 10_000;
const CONNECTIONS = 64;
const BATCH = 32;
const SECONDS = 4;
/** Rounds on few and on many pipelines, one after the other, and how long each is. */
const ROUNDS = 7;
const ROUND_SECONDS = 2;
const WARM_UP_SECONDS = 3;
const RUNS = 3;
const REPLICATION = "RATIS/THREE";
const OWNER = "bench";

interface Measured {
  readonly load: LoadSummary;
  readonly window: Window;
}

interface Shape {
  readonly connections: number;
  readonly blocksPerCall: number;
}

const SINGLE: Shape = { connections: 1, blocksPerCall: 1 };
const ONE_BLOCK: Shape = { connections: CONNECTIONS, blocksPerCall: 1 };
const BATCHES: Shape = { connections: CONNECTIONS, blocksPerCall: BATCH };

/** Blocks given out by one SCM with 1,000 datanodes that heartbeat, each answer with whole pipelines. */
export const allocateBlock: Bench = {
  name: "allocate-block",
  doc: "blocks given out: 64 connections, one and 32 blocks a call; a single call; 10,000 pipelines",
  async run(context: BenchContext): Promise<readonly Figure[]> {
    const few = await start(context, PIPELINES);
    let many: Started | undefined;
    try {
      const measured = await measureAll(few.scm, context, `${PIPELINES} pipelines`);
      many = await start(context, MANY_PIPELINES);
      const rounds = await compare(few.scm, many.scm, context);
      return [...figures(measured), ...ratios(rounds)];
    } finally {
      await many?.stop();
      await few.stop();
    }
  },
};

interface Started {
  readonly scm: ScmUnderTest;
  stop(): Promise<void>;
}

/** An SCM with a fleet of its own. */
async function start({ directory }: BenchContext, pipelineCount: number): Promise<Started> {
  const plan: FleetPlanOptions = { nodeCount: NODES, containersPerNode: 0, seed: 1 };
  const scm = await ScmUnderTest.start({ directory: `${directory}-${pipelineCount}` });
  const fleet = new FleetRunner();
  const stop = async (): Promise<void> => {
    await fleet.stop();
    await scm.stop();
  };
  try {
    const intervals = { heartbeatIntervalMs: HEARTBEAT_MS, incrementalIntervalMs: 0 };
    await fleet.start({ endpoints: [scm.endpoint], plan, ...intervals }, 1);
    await addPipelines(scm.endpoint, plan, { count: pipelineCount, seed: 1 });
    await whenAtRest(scm);
    return { scm, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** The same load on both in turns, so that an hour in which the machine is slow is slow for both. */
async function compare(
  few: ScmUnderTest,
  many: ScmUnderTest,
  context: BenchContext,
): Promise<readonly (readonly [Measured, Measured])[]> {
  await load(few, ONE_BLOCK, WARM_UP_SECONDS);
  await load(many, ONE_BLOCK, WARM_UP_SECONDS);
  const rounds: [Measured, Measured][] = [];
  for (let i = 0; i < ROUNDS; i++) {
    const pair: [Measured, Measured] = [
      await load(few, ONE_BLOCK, ROUND_SECONDS),
      await load(many, ONE_BLOCK, ROUND_SECONDS),
    ];
    const [one, other] = pair.map((run) => cpuPerCall([run]).toFixed(2));
    context.print(
      `round ${i + 1}, µs of main a call: ${PIPELINES} pipelines ${one}, ${MANY_PIPELINES} ${other}`,
    );
    rounds.push(pair);
  }
  return rounds;
}

interface Measurements {
  readonly single: readonly Measured[];
  readonly oneBlock: readonly Measured[];
  readonly batches: readonly Measured[];
}

async function measureAll(scm: ScmUnderTest, context: BenchContext, name: string): Promise<Measurements> {
  const oneBlock = await runs(scm, context, `${name}, one block`, ONE_BLOCK);
  const batches = await runs(scm, context, `${name}, ${BATCH} blocks`, BATCHES);
  const single = await runs(scm, context, `${name}, one connection`, SINGLE);
  return { single, oneBlock, batches };
}

async function runs(
  scm: ScmUnderTest,
  context: BenchContext,
  name: string,
  shape: Shape,
): Promise<readonly Measured[]> {
  await load(scm, shape, WARM_UP_SECONDS);
  const measured: Measured[] = [];
  for (let i = 0; i < RUNS; i++) {
    const run = await load(scm, shape, SECONDS);
    context.print(`${name}, run ${i + 1}: ${loadLine(run.load)}; ${run.window.cpuLine(run.load.count)}`);
    measured.push(run);
  }
  return measured;
}

async function load(scm: ScmUnderTest, shape: Shape, seconds: number): Promise<Measured> {
  const request = { kind: "allocate", replication: REPLICATION, owner: OWNER, seconds, ...shape } as const;
  const { result, window } = await measure(scm, () => runLoad({ ...request, endpoint: scm.endpoint }));
  return { load: result, window };
}

function figures({ single, oneBlock, batches }: Measurements): Figure[] {
  const rate = median(oneBlock.map(({ load }) => load.perSecond));
  const cpu = cpuPerCall(oneBlock);
  return [
    {
      name: "allocate-block.rate",
      value: rate,
      unit: "calls/s",
      target: { comparison: "≥", value: 120_000 },
      yardstick: "integer",
    },
    {
      name: "allocate-block.p99",
      value: median(oneBlock.map(({ load }) => load.latencyUs.percentile(0.99))) / 1000,
      unit: "ms",
      target: { comparison: "≤", value: 2 },
    },
    { name: "allocate-block.main.cpu", value: cpu, unit: "µs", yardstick: "integer" },
    {
      name: "allocate-block.batch.rate",
      value: median(batches.map(({ load }) => load.perSecond)) * BATCH,
      unit: "blocks/s",
      target: { comparison: "≥", value: 1_000_000 },
      yardstick: "integer",
    },
    {
      name: "allocate-block.batch.main.cpu",
      value: cpuPerCall(batches) / BATCH,
      unit: "µs",
      target: { comparison: "≤", value: 2 },
      yardstick: "integer",
    },
    {
      name: "allocate-block.single.p50",
      value: median(single.map(({ load }) => load.latencyUs.percentile(0.5))),
      unit: "µs",
      target: { comparison: "≤", value: 100 },
    },
  ];
}

/** Of each round, many pipelines to few. */
function ratios(rounds: readonly (readonly [Measured, Measured])[]): Figure[] {
  return [
    {
      name: "allocate-block.many-pipelines.main.cpu.ratio",
      value: median(rounds.map(([few, many]) => cpuPerCall([many]) / cpuPerCall([few]))),
      unit: "×",
      target: { comparison: "≤", value: 1.1 },
    },
    {
      name: "allocate-block.many-pipelines.rate.ratio",
      value: median(rounds.map(([few, many]) => many.load.perSecond / few.load.perSecond)),
      unit: "×",
      target: { comparison: "≥", value: 0.9 },
    },
  ];
}

function cpuPerCall(runs: readonly Measured[]): number {
  return median(runs.map(({ load, window }) => window.cpuUs("main") / load.count));
}
