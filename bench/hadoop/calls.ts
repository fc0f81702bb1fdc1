import { setTimeout as pause } from "node:timers/promises";
import type { BenchContext } from "../harness/bench.js";
import { type LoadSummary, loadLine } from "../load/run-load.js";
import type { LoopCall } from "./hadoop-load.js";
import { LoadClient } from "./load-client.js";
import { openPipelines } from "./open-pipelines.js";
import type { Comparison, Round } from "./ratios.js";
import { type HadoopServer, processCpuSeconds } from "./servers.js";

const REGISTERING_CALLERS = 16;

export interface CallSizes {
  readonly nodeCount: number;
  readonly seconds: number;
  readonly rounds: number;
  /** Shortens each warm-up to so much of what it is. */
  readonly warmUpShare: number;
}

/** A kind of call that is measured, and how many times the reference's work per CPU second is wanted. */
interface Measurement {
  readonly name: string;
  readonly call: LoopCall;
  readonly callers: number;
  readonly ratio?: number;
}

/** Containers come last: allocating a block takes the reference the longer the more of them are open. */
const MEASUREMENTS: readonly Measurement[] = [
  { name: "allocate-block", call: "allocateBlock", callers: 16, ratio: 2.5 },
  { name: "allocate-block.single", call: "allocateBlock", callers: 1 },
  { name: "heartbeat", call: "heartbeat", callers: 16, ratio: 2 },
  { name: "allocate-container", call: "allocateContainer", callers: 16, ratio: 8 },
];

/** Calls in closed loops on each server in turns, round by round. */
export async function measureCalls(
  servers: readonly HadoopServer[],
  context: BenchContext,
  sizes: CallSizes,
): Promise<Comparison[]> {
  const loads: LoadClient[] = [];
  try {
    for (const server of servers) loads.push(await prepared(server, context, sizes));
    const comparisons: Comparison[] = [];
    for (const measurement of MEASUREMENTS) {
      if (context.only !== undefined && !measurement.name.includes(context.only)) continue;
      comparisons.push(await measured(measurement, servers, loads, context, sizes));
    }
    return comparisons;
  } finally {
    for (const load of loads) load.end();
  }
}

/** Its datanodes have registered, and their pipelines are open. */
async function prepared(
  server: HadoopServer,
  { print }: BenchContext,
  { nodeCount }: CallSizes,
): Promise<LoadClient> {
  const load = new LoadClient({ ports: server.ports, nodeCount });
  try {
    const { count, failedCount } = await load.run({ call: "register", callers: REGISTERING_CALLERS });
    const pipelineCount = await openPipelines(server.ports.client, nodeCount);
    print(`${server.name}: ${count} datanodes (${failedCount} refused), ${pipelineCount} pipelines`);
    return load;
  } catch (error) {
    load.end();
    throw error;
  }
}

async function measured(
  measurement: Measurement,
  servers: readonly HadoopServer[],
  loads: readonly LoadClient[],
  { print }: BenchContext,
  { seconds, rounds, warmUpShare }: CallSizes,
): Promise<Comparison> {
  const { name, call, callers } = measurement;
  for (const [i, { warmUpSeconds }] of servers.entries())
    await loads[i]?.run({ call, callers, seconds: warmUpSeconds * warmUpShare });
  const results: Round[][] = servers.map(() => []);
  for (let round = 1; round <= rounds; round++) {
    for (const [i, server] of servers.entries()) {
      const before = processCpuSeconds(server.pid);
      const summary = await (loads[i] as LoadClient).run({ call, callers, seconds });
      const cpuSeconds = processCpuSeconds(server.pid) - before;
      const result = { perSecond: summary.perSecond, perCpuSecond: summary.count / cpuSeconds };
      print(`${name}, ${callers} callers, round ${round}, ${server.name}: ${roundLine(summary, cpuSeconds)}`);
      results[i]?.push(result);
      // What a server still has to do counts for nobody.
      await pause(200);
    }
  }
  const [ours = [], theirs] = results;
  return { name: `hadoop.${name}`, unit: "calls", ours, theirs, ratio: measurement.ratio };
}

function roundLine(summary: LoadSummary, cpuSeconds: number): string {
  const perCpu = (summary.count / cpuSeconds).toFixed(0);
  return `${loadLine(summary)}; CPU ${cpuSeconds.toFixed(2)} s, ${perCpu} per CPU second`;
}
