import assert from "node:assert/strict";
import { test } from "node:test";
import { Histogram } from "../../../../engine/telemetry/histogram.js";
import { Metrics } from "../../../../engine/telemetry/metrics.js";

async function linesOf(metrics: Metrics): Promise<string[]> {
  return (await metrics.scrape()).split("\n").filter((line) => line !== "");
}

test("counters are the fields of a plain object, read when scraped", async () => {
  const metrics = new Metrics();
  const counters = metrics.addCounters(
    "gateway",
    { framesReceived: 0 },
    { framesReceived: "Frames received." },
  );
  counters.framesReceived += 3;
  assert.deepEqual(await linesOf(metrics), [
    "# HELP strata_gateway_frames_received_total Frames received.",
    "# TYPE strata_gateway_frames_received_total counter",
    "strata_gateway_frames_received_total 3",
  ]);
  counters.framesReceived++;
  assert.ok((await linesOf(metrics)).includes("strata_gateway_frames_received_total 4"));
});

test("gauges go up and down", async () => {
  const metrics = new Metrics();
  const gauges = metrics.addGauges(
    "node_manager",
    { healthyNodes: 2 },
    { healthyNodes: "Healthy datanodes." },
  );
  assert.ok((await linesOf(metrics)).includes("strata_node_manager_healthy_nodes 2"));
  gauges.healthyNodes = 1;
  assert.ok((await linesOf(metrics)).includes("strata_node_manager_healthy_nodes 1"));
});

test("a labelled gauge shows only the label sets of this scrape", async () => {
  const metrics = new Metrics();
  let states: [Record<string, string>, number][] = [
    [{ state: "OPEN" }, 2],
    [{ state: "CLOSED" }, 5],
  ];
  metrics.addLabelledGauge("container", "count", "Containers by state.", ["state"], () => states);
  assert.ok((await linesOf(metrics)).includes('strata_container_count{state="CLOSED"} 5'));
  states = [[{ state: "OPEN" }, 7]];
  const values = (await linesOf(metrics)).filter((line) => !line.startsWith("#"));
  assert.deepEqual(values, ['strata_container_count{state="OPEN"} 7']);
});

test("a histogram shows buckets, sum and count", async () => {
  const metrics = new Metrics();
  const histogram = new Histogram(0.5, 1);
  metrics.addHistogram("log", "fsync_seconds", "Time of an fsync.", histogram);
  histogram.observe(0.25);
  assert.deepEqual((await linesOf(metrics)).slice(1), [
    "# TYPE strata_log_fsync_seconds histogram",
    'strata_log_fsync_seconds_bucket{le="0.5"} 1',
    'strata_log_fsync_seconds_bucket{le="+Inf"} 1',
    "strata_log_fsync_seconds_sum 0.25",
    "strata_log_fsync_seconds_count 1",
  ]);
});

test("what must be gathered for a scrape is gathered before it", async () => {
  const metrics = new Metrics();
  const gauges = metrics.addGauges("x", { y: 0 }, { y: "Y." });
  metrics.beforeScrape(() => {
    gauges.y = 9;
  });
  assert.ok((await linesOf(metrics)).includes("strata_x_y 9"));
});

test("a name that Prometheus would refuse is our mistake", () => {
  assert.throws(() => new Metrics().addGauge("a-b", "c", "C.", () => 0), /bad metric name/);
});
