import { setTimeout as pause } from "node:timers/promises";
import { assert } from "../../engine/core/assert.js";
import type { BenchContext } from "../harness/bench.js";
import type { Figure } from "../harness/figure.js";
import type { LongTurn, WatchedTurns } from "../harness/turn-watch.js";
import type { WatchReply } from "../load/watched-scm.js";
import { REPLICAS, type ReportShape } from "./hadoop-load.js";
import type { LoadClient } from "./load-client.js";
import { preparedForReports } from "./reports.js";
import type { WatchedServer } from "./servers.js";

const CALLERS = 4;
const IDLE_MS = 2000;
const LOOK_MS = 50;
const ROUND_LIMIT_MS = 120_000;
/** Of all groups, when nothing is new. */
const REPEATS = 3;
const TARGET_MS = 1;
const TOLD_COUNT = 3;

/** How long main is held in one turn of its event loop while full reports come in over Hadoop RPC. */
export async function measurePauses(
  server: WatchedServer,
  { print }: BenchContext,
  shape: ReportShape,
): Promise<Figure[]> {
  const load = await preparedForReports(server, shape);
  const groups = Array.from({ length: shape.groups }, (_, group) => group);
  const replicas = shape.containersPerNode * REPLICAS;
  const round = async (name: string, some: readonly number[]): Promise<number> => {
    const turns = await turnsDuring(server, load, some, shape);
    const count = some.length * shape.nodesPerGroup;
    const ns = ((1e6 * turns.cpuMs) / count / replicas).toFixed(0);
    print(`pauses, ${name}, ${count} reports of ${replicas} replicas, ${ns} ns each: ${turnsLine(turns)}`);
    return turns.longest[0]?.cpuMs ?? 0;
  };
  try {
    await server.ask("begin");
    await pause(IDLE_MS);
    print(`pauses, idle: ${turnsLine(turnsOf(await server.ask("end")))}`);
    const [warmUp = 0, ...rest] = groups;
    await round("first time, warm-up", [warmUp]);
    let first = 0;
    for (const group of rest) first = Math.max(first, await round(`first time, round ${group}`, [group]));
    let repeated = 0;
    for (let count = 1; count <= REPEATS; count++)
      repeated = Math.max(repeated, await round(`nothing new, round ${count}`, groups));
    const target = { comparison: "≤", value: TARGET_MS } as const;
    return [
      { name: "hadoop.report.pause.first", value: first, unit: "ms", target },
      { name: "hadoop.report.pause.repeated", value: repeated, unit: "ms", target },
    ];
  } finally {
    load.end();
  }
}

/** Until main has all of them merged, not only answered. */
async function turnsDuring(
  server: WatchedServer,
  load: LoadClient,
  groups: readonly number[],
  { nodesPerGroup }: ReportShape,
): Promise<WatchedTurns> {
  const before = await server.ask("begin");
  const wanted = before.reportCount + groups.length * nodesPerGroup;
  const { failedCount } = await load.run({ call: "report", callers: CALLERS, groups });
  assert(failedCount === 0, "all heartbeats with reports are answered");
  const endMs = performance.now() + ROUND_LIMIT_MS;
  for (;;) {
    const { reportCount, droppedCount } = await server.ask("look");
    assert(droppedCount === before.droppedCount, "no report is given up");
    if (reportCount >= wanted) break;
    assert(performance.now() < endMs, "Strata works through all reports");
    await pause(LOOK_MS);
  }
  return turnsOf(await server.ask("end"));
}

function turnsOf({ turns }: WatchReply): WatchedTurns {
  assert(turns !== undefined, "turns are told at the end");
  return turns;
}

function turnsLine({ count, longest }: WatchedTurns): string {
  const told = longest.slice(0, TOLD_COUNT).map(turnText);
  return `${count} turns of main, longest ${told.length === 0 ? "under 0.3 ms" : told.join(", ")}`;
}

function turnText({ cpuMs, elapsedMs, gcMs, what }: LongTurn): string {
  const gc = gcMs > 0 ? `, of it garbage ${gcMs.toFixed(2)}` : "";
  return `${cpuMs.toFixed(2)} ms of CPU (by the clock ${elapsedMs.toFixed(2)}${gc}; ${what})`;
}
