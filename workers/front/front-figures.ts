import type { CallFigures, FrontFigures } from "../shared/front-figures.js";
import type { BugReports } from "./bug-reports.js";
import type { HadoopProtocol } from "./rpc/call.js";
import type { CallStats } from "./rpc/call-stats.js";
import type { HadoopServer } from "./rpc/hadoop-server.js";

/** What the front has counted since its start. */
export function figuresOf(
  server: HadoopServer,
  protocols: readonly HadoopProtocol[],
  bugs: BugReports,
): FrontFigures {
  return {
    ...server.counters,
    connections: server.connectionCount,
    bufferedBytes: server.budget.used,
    connectionsWaiting: server.budget.waitingCount,
    bugs: bugs.count,
    calls: [...server.callStats()].map(callFigures),
    counters: protocols.flatMap(({ name, counters }) => (counters === undefined ? [] : [[name, counters]])),
  };
}

function callFigures(stats: CallStats): CallFigures {
  const { protocol, type, count, totalMs, requestBytes, responseBytes, errors } = stats;
  return { protocol, type, count, totalMs, requestBytes, responseBytes, errors: [...errors] };
}
