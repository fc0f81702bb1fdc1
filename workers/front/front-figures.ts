import type { FrontFigures } from "../shared/front-figures.js";
import type { HadoopServer } from "./rpc/hadoop-server.js";

/** What the front has counted since its start. */
export function figuresOf(server: HadoopServer): FrontFigures {
  return {
    ...server.counters,
    connections: server.connectionCount,
    bufferedBytes: server.budget.used,
    connectionsWaiting: server.budget.waitingCount,
    calls: [...server.callStats()].map(
      ({ protocol, type, count, totalMs, requestBytes, responseBytes, errors }) => ({
        protocol,
        type,
        count,
        totalMs,
        requestBytes,
        responseBytes,
        errors: [...errors],
      }),
    ),
  };
}
