import { setTimeout as pause } from "node:timers/promises";
import { assert } from "../../engine/core/assert.js";
import type { BenchContext } from "../harness/bench.js";
import { REPLICAS, type ReportShape } from "./hadoop-load.js";
import { LoadClient } from "./load-client.js";
import type { Comparison, Round } from "./ratios.js";
import { type HadoopServer, processCpuSeconds } from "./servers.js";

const REGISTERING_CALLERS = 16;
const CALLERS = 4;
const LOOK_MS = 100;
/** Longer than the reference's counters are old. */
const QUIET_MS = 2500;
const ROUND_LIMIT_MS = 180_000;
/** Of all groups, when nothing is new. */
const REPEATS = 3;
/** Groups whose first reports are not counted: both servers compile meanwhile. */
const WARM_UP_GROUPS = 2;

/** Full reports of all datanodes of a group, or of all, until the server has worked through them: it has
 * answered long before. */
export async function measureReports(
  servers: readonly HadoopServer[],
  { print }: BenchContext,
  shape: ReportShape,
): Promise<Comparison[]> {
  const loads: LoadClient[] = [];
  const first: Round[][] = servers.map(() => []);
  const repeated: Round[][] = servers.map(() => []);
  const groups = Array.from({ length: shape.groups }, (_, group) => group);
  try {
    for (const server of servers) loads.push(await preparedForReports(server, shape));
    const round = async (name: string, i: number, some: readonly number[]): Promise<Round> => {
      const server = servers[i] as HadoopServer;
      const { line, result } = await reported(server, loads[i] as LoadClient, some, shape);
      print(`${name}, ${server.name}: ${line}`);
      return result;
    };
    for (const group of groups)
      for (const i of servers.keys()) {
        const isCounted = group >= WARM_UP_GROUPS;
        const name = isCounted ? `round ${group + 1 - WARM_UP_GROUPS}` : "warm-up";
        const result = await round(`reports, first time, ${name}`, i, [group]);
        if (isCounted) first[i]?.push(result);
      }
    for (const i of servers.keys()) await round("reports, nothing new, warm-up", i, groups);
    for (let count = 1; count <= REPEATS; count++)
      for (const i of servers.keys())
        repeated[i]?.push(await round(`reports, nothing new, round ${count}`, i, groups));
  } finally {
    for (const load of loads) load.end();
  }
  return [comparison("hadoop.report.first", first, 20), comparison("hadoop.report.repeated", repeated, 25)];
}

function comparison(name: string, rounds: readonly Round[][], ratio: number): Comparison {
  const [ours = [], theirs] = rounds;
  return { name, unit: "replicas", ours, theirs, ratio };
}

export function containerCountOf({ groups, nodesPerGroup, containersPerNode }: ReportShape): number {
  return groups * nodesPerGroup * containersPerNode;
}

/** Its datanodes have registered, and their empty first reports are through. */
export async function preparedForReports(server: HadoopServer, shape: ReportShape): Promise<LoadClient> {
  const nodeCount = shape.groups * shape.nodesPerGroup;
  const load = new LoadClient({ ports: server.ports, nodeCount, shape });
  try {
    await load.run({ call: "register", callers: REGISTERING_CALLERS });
    let before = -1;
    for (
      let count = await server.processedReports();
      count !== before;
      count = await server.processedReports()
    ) {
      before = count;
      await pause(QUIET_MS);
    }
    return load;
  } catch (error) {
    load.end();
    throw error;
  }
}

async function reported(
  server: HadoopServer,
  load: LoadClient,
  groups: readonly number[],
  { nodesPerGroup, containersPerNode }: ReportShape,
): Promise<{ readonly line: string; readonly result: Round }> {
  const nodeCount = groups.length * nodesPerGroup;
  const replicas = nodeCount * containersPerNode * REPLICAS;
  const wanted = (await server.processedReports()) + nodeCount;
  const cpuBefore = processCpuSeconds(server.pid);
  const startMs = performance.now();
  const { count, failedCount } = await load.run({ call: "report", callers: CALLERS, groups });
  assert(failedCount === 0, `all ${count + failedCount} heartbeats with reports are answered`);
  const sentSeconds = (performance.now() - startMs) / 1000;
  while ((await server.processedReports()) < wanted) {
    assert(performance.now() - startMs < ROUND_LIMIT_MS, `${server.name} works through all reports`);
    await pause(LOOK_MS);
  }
  const seconds = (performance.now() - startMs) / 1000;
  const cpuSeconds = processCpuSeconds(server.pid) - cpuBefore;
  const line =
    `${replicas} replicas of ${nodeCount} datanodes, sent in ${sentSeconds.toFixed(2)} s, ` +
    `through in ${seconds.toFixed(2)} s; CPU ${cpuSeconds.toFixed(2)} s, ` +
    `${(replicas / cpuSeconds).toFixed(0)} replicas per CPU second`;
  return { line, result: { perSecond: replicas / seconds, perCpuSecond: replicas / cpuSeconds } };
}
