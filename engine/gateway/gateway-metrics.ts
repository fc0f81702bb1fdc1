import { operationOf } from "../../protocol/codec/operations.js";
import type { ErrorCode } from "../core/errors.js";
import type { Labels, Metrics } from "../telemetry/metrics.js";

/** What the gateway counts, incremented in place and read when somebody scrapes. */
export class GatewayMetrics {
  readonly counters = {
    connectionsOpened: 0,
    connectionsClosed: 0,
    requests: 0,
    answers: 0,
    errorAnswers: 0,
    /** Of these: the client was sent to the leader. */
    redirects: 0,
    /** Their connection had closed before. */
    answersDropped: 0,
    receivedBytes: 0,
    sentBytes: 0,
    commandsSent: 0,
    commandsTakenBack: 0,
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

/** Shows what the gateway counts: `strata_gateway_…`. */
export function addGatewayMetrics(metrics: Metrics, gateway: GatewayMetrics): void {
  metrics.addCounters("gateway", gateway.counters, {
    connectionsOpened: "WebSocket connections opened.",
    connectionsClosed: "WebSocket connections closed, whoever closed them.",
    requests: "Requests received.",
    answers: "Answers sent, without errors.",
    errorAnswers: "Error answers sent.",
    redirects: "Of these: NOT_LEADER, which sends the client to the leader.",
    answersDropped: "Answers not sent because their connection had closed.",
    receivedBytes: "Bytes of request frames.",
    sentBytes: "Bytes of answer frames.",
    commandsSent: "Commands sent to datanodes.",
    commandsTakenBack: "Commands put back because their heartbeat's answer could not carry them.",
  });
  metrics.addGauges("gateway", gateway.gauges, {
    connections: "Open WebSocket connections.",
    datanodesConnected: "Datanodes registered on an open connection.",
    requestsInFlight: "Requests that wait for their answer.",
  });
  const closes = () => [...gateway.closesByCode].map(([code, count]) => [{ code }, count] as const);
  const closesHelp = "Connections closed by this SCM since start, by the reason's code.";
  metrics.addLabelledGauge("gateway", "closes", closesHelp, ["code"], closes);
  const requestsHelp = "Requests since start, by operation.";
  metrics.addLabelledGauge("gateway", "requests_by_operation", requestsHelp, ["operation"], () =>
    requestsByName(gateway.requestsByOp),
  );
}

function* requestsByName(requestsByOp: Float64Array): Generator<readonly [Labels, number]> {
  let unknownCount = 0;
  for (const [op, count] of requestsByOp.entries()) {
    const operation = operationOf(op);
    if (operation === undefined) unknownCount += count;
    else yield [{ operation: operation.name }, count];
  }
  yield [{ operation: "unknown" }, unknownCount];
}
