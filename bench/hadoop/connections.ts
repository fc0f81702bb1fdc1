import { setTimeout as pause } from "node:timers/promises";
import { openFileLimit } from "../../engine/host/open-file-limit.js";
import type { BenchContext } from "../harness/bench.js";
import type { Figure } from "../harness/figure.js";
import { residentBytes } from "../harness/thread-cpu.js";
import { loadLine } from "../load/run-load.js";
import { LoadClient } from "./load-client.js";
import type { HadoopServer } from "./servers.js";

const NODES = 300;
const CALLERS = 16;
/** Of a process, beside the connections. */
const OTHER_FILES = 500;
const SETTLE_MS = 2000;

export interface ConnectionSizes {
  readonly count: number;
  readonly seconds: number;
}

/** Heartbeats of 300 datanodes, alone and beside connections that say nothing: datanodes between theirs. */
export async function measureConnections(
  server: HadoopServer,
  { print }: BenchContext,
  { count: wanted, seconds }: ConnectionSizes,
): Promise<Figure[]> {
  const limit = openFileLimit() ?? Number.POSITIVE_INFINITY;
  const connections = Math.min(wanted, limit - OTHER_FILES);
  if (connections < wanted) print(`connections: ${connections} of ${wanted}, since ulimit -n is ${limit}`);
  const load = new LoadClient({ ports: server.ports, nodeCount: NODES });
  const crowd = new LoadClient({ ports: server.ports, nodeCount: 1 });
  try {
    await load.run({ call: "register", callers: CALLERS });
    await load.run({ call: "heartbeat", callers: CALLERS, seconds });
    const alone = await load.run({ call: "heartbeat", callers: CALLERS, seconds });
    print(`connections, heartbeats alone: ${loadLine(alone)}`);
    await pause(SETTLE_MS);
    const before = residentBytes(server.pid);
    const opened = await crowd.run({ call: "connect", connections });
    await pause(SETTLE_MS);
    const bytes = (residentBytes(server.pid) - before) / opened.count;
    print(
      `connections: ${opened.count} opened in ${opened.seconds.toFixed(1)} s, ` +
        `resident ${(residentBytes(server.pid) / 2 ** 20).toFixed(0)} MB, ${bytes.toFixed(0)} B each`,
    );
    const beside = await load.run({ call: "heartbeat", callers: CALLERS, seconds });
    const open = (await server.metrics()).get("strata_hadoop_connections") ?? 0;
    print(`connections, heartbeats beside ${open} that are still open: ${loadLine(beside)}`);
    return [
      { name: "hadoop.connections", value: open, unit: "connections" },
      { name: "hadoop.connections.resident", value: bytes, unit: "bytes each" },
      { name: "hadoop.connections.heartbeat.rate", value: beside.perSecond / alone.perSecond, unit: "×" },
      {
        name: "hadoop.connections.heartbeat.p99",
        value: beside.latencyUs.percentile(0.99) / 1000,
        unit: "ms",
      },
    ];
  } finally {
    crowd.end();
    load.end();
  }
}
