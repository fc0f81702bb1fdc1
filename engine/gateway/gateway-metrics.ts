import type { ErrorCode } from "../core/errors.js";

/** What the gateway counts, incremented in place and read when somebody scrapes. */
export class GatewayMetrics {
  readonly counters = {
    connectionsOpened: 0,
    connectionsClosed: 0,
    requests: 0,
    answers: 0,
    errorAnswers: 0,
    /** Their connection had closed before. */
    answersDropped: 0,
    receivedBytes: 0,
    sentBytes: 0,
    commandsTakenBack: 0,
    commandsSent: 0,
  };
  readonly gauges = {
    connections: 0,
    datanodesConnected: 0,
    /** Requests whose answer waits for a commit, a shard or credit. */
    requestsInFlight: 0,
  };
  /** Connections closed by us, by the reason's code. */
  readonly closesByCode = new Map<ErrorCode, number>();
  /** Index is the op of the request. */
  readonly requestsByOp = new Float64Array(256);

  countClose(code: ErrorCode): void {
    this.closesByCode.set(code, (this.closesByCode.get(code) ?? 0) + 1);
  }
}

export const GATEWAY_COUNTER_MEANINGS = {
  connectionsOpened: "WebSocket connections opened.",
  connectionsClosed: "WebSocket connections closed, whoever closed them.",
  requests: "Requests received.",
  answers: "Answers sent, without errors.",
  errorAnswers: "Error answers sent.",
  answersDropped: "Answers not sent because their connection had closed.",
  receivedBytes: "Bytes of request frames.",
  sentBytes: "Bytes of answer frames.",
  commandsTakenBack: "Commands put back because their heartbeat's answer could not be sent.",
  commandsSent: "Commands sent to datanodes.",
} as const satisfies Record<keyof GatewayMetrics["counters"], string>;

export const GATEWAY_GAUGE_MEANINGS = {
  connections: "Open WebSocket connections.",
  datanodesConnected: "Datanodes registered on an open connection.",
  requestsInFlight: "Requests that wait for their answer.",
} as const satisfies Record<keyof GatewayMetrics["gauges"], string>;
