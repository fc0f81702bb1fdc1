import assert from "node:assert/strict";
import { test } from "node:test";
import { addGatewayMetrics, GatewayMetrics } from "../../../../engine/gateway/gateway-metrics.js";
import { Metrics } from "../../../../engine/telemetry/metrics.js";

test("everything that the gateway counts is on the metrics page", async () => {
  const metrics = new Metrics();
  const gateway = new GatewayMetrics();
  addGatewayMetrics(metrics, gateway);
  gateway.counters.requests = 5;
  gateway.gauges.connections = 2;
  gateway.countClose("SLOW_CONSUMER");
  gateway.countClose("SLOW_CONSUMER");
  gateway.requestsByOp[3] = 4;
  gateway.requestsByOp[200] = 1;
  const page = await metrics.scrape();
  for (const line of [
    "strata_gateway_requests_total 5",
    "strata_gateway_connections 2",
    'strata_gateway_closes{code="SLOW_CONSUMER"} 2',
    'strata_gateway_requests_by_operation{operation="heartbeat"} 4',
    'strata_gateway_requests_by_operation{operation="unknown"} 1',
  ]) {
    assert.ok(page.includes(`${line}\n`), `${line} in\n${page}`);
  }
  const keys = [...Object.keys(gateway.counters), ...Object.keys(gateway.gauges)];
  assert.equal(page.match(/^# TYPE strata_gateway_/gm)?.length, keys.length + 2);
});
