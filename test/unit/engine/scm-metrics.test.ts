import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ratis } from "../../../engine/cluster/containers/replication-config.js";
import type { ContainerState } from "../../../engine/core/enums.js";
import {
  addContainerMetrics,
  addPipelineMetrics,
  addReportMetrics,
  addShardMetrics,
} from "../../../engine/scm-metrics.js";
import { Metrics } from "../../../engine/telemetry/metrics.js";
import { pipelineRecord } from "../../support/cluster/builders.js";
import { ReportWorld } from "../../support/gateway/report-world.js";
import { PipelineRig } from "../../support/services/pipeline-rig.js";

/** What spec 02 §16 names; creation and deletion of records are counted when there are such operations. */
const REFERENCE_COUNTERS = [
  "NumListContainerOps",
  "NumContainerReportsProcessedSuccessful",
  "NumContainerReportsProcessedFailed",
  "NumICRReportsProcessedSuccessful",
  "NumICRReportsProcessedFailed",
];
const REFERENCE_GAUGES = [
  "OpenContainers",
  "ClosingContainers",
  "QuasiClosedContainers",
  "ClosedContainers",
  "DeletingContainers",
  "DeletedContainers",
  "TotalContainers",
];

function snake(name: string): string {
  return name
    .replace("ICR", "Icr")
    .replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
    .slice(1);
}

const BY_STATE: Readonly<Record<ContainerState, number>> = {
  OPEN: 1,
  CLOSING: 2,
  QUASI_CLOSED: 3,
  CLOSED: 4,
  DELETING: 5,
  DELETED: 6,
  RECOVERING: 0,
};

/** A world whose page shows everything of containers and reports. */
async function stage() {
  const world = await ReportWorld.create({ shardCount: 2 });
  const admin = { listContainerOps: 3 };
  const metrics = new Metrics();
  const containers = { counts: () => ({ byState: BY_STATE, total: 21, suppressed: 0 }) };
  addContainerMetrics(metrics, containers, { admin, reports: world.shards.intake.counters });
  addShardMetrics(metrics, world.shards.set);
  addReportMetrics(metrics, world.shards.intake);
  /** The page by the names of its samples, and the types. */
  const scrape = async () => {
    const page = await metrics.scrape();
    const values = new Map(
      [...page.matchAll(/^(strata_\S+) (\S+)$/gm)].map(([, name = "", value]) => [name, Number(value)]),
    );
    const types = new Map(
      [...page.matchAll(/^# TYPE (\S+) (\w+)$/gm)].map(([, name = "", type]) => [name, type]),
    );
    const helps = new Map(
      [...page.matchAll(/^# HELP (\S+) (.+)$/gm)].map(([, name = "", help]) => [name, help]),
    );
    return { values, types, helps };
  };
  return { world, scrape };
}

describe("/prom", () => {
  test("has what spec 02 §16 names, with help and type", async () => {
    const { scrape } = await stage();
    const { values, types, helps } = await scrape();
    const names = [
      ...REFERENCE_COUNTERS.map((name) => [`strata_container_${snake(name)}_total`, "counter"]),
      ...REFERENCE_GAUGES.map((name) => [`strata_container_${snake(name)}`, "gauge"]),
    ];
    for (const [name = "", type] of names) {
      assert.equal(types.get(name), type, name);
      assert.ok((helps.get(name) ?? "").length > 5, name);
      assert.ok(values.has(name), name);
    }
    const states = REFERENCE_GAUGES.map((name) => values.get(`strata_container_${snake(name)}`));
    assert.deepEqual(states, [1, 2, 3, 4, 5, 6, 21]);
    assert.equal(values.get("strata_container_num_list_container_ops_total"), 3);
  });

  test("tells every sample's help and type", async () => {
    const { scrape } = await stage();
    const { values, types, helps } = await scrape();
    assert.ok(values.size > 40);
    for (const sample of values.keys()) {
      const name = sample.replace(/\{.*/, "").replace(/_(bucket|sum|count)$/, "");
      const own = types.has(name) ? name : sample.replace(/\{.*/, "");
      assert.ok(types.has(own) && helps.has(own), sample);
    }
  });

  test("counts full reports once, incremental ones by their entries (spec 02 §18 rule 16)", async () => {
    const { world, scrape } = await stage();
    for (const id of [5, 6, 7]) world.setContainer(id, "CLOSED");
    const peer = world.datanode(1);
    assert.equal((await scrape()).values.get("strata_report_missing"), 1);
    peer.report([{ id: 5 }, { id: 6 }]);
    const { rowBytes, origins, rows } = peer.chunk(0, [{ id: 5, usedBytes: 1 }, { id: 6 }, { id: 7 }]);
    peer.tell("incrementalReport", { rowBytes, origins, rows });
    peer.tell("incrementalReport", { rowBytes, origins, rows: rows.subarray(32, 32) });
    world.settle();
    peer.tell("incrementalReport", { rowBytes, origins: [], rows: rows.subarray(0, 64) });
    const other = world.datanode(2);
    other.begin();
    const { values } = await scrape();
    const is = (name: string, value: number): void => assert.equal(values.get(`strata_${name}`), value, name);
    is("container_num_container_reports_processed_successful_total", 1);
    is("container_num_container_reports_processed_failed_total", 0);
    is("container_num_icr_reports_processed_successful_total", 3);
    is("container_num_icr_reports_processed_failed_total", 2);
    is("report_begun_total", 2);
    is("report_granted_total", 2);
    is("report_completed_total", 1);
    is("report_refused_total", 1);
    is("report_incrementals_total", 2);
    is("report_credit_in_use", 4);
    is("report_waiting_for_credit", 0);
    is("report_missing", 2);
    is("report_merge_ms_count", 1);
    is("report_wait_ms_count", 2);
    is("shard_row_count_total", 5);
    is("shard_replica_count", 3);
    is("shard_restart_count_total", 0);
    is('shard_ring_fill{shard="0"}', 0);
    is('shard_ring_fill{shard="1"}', 0);
    other.connection.close(1006, "");
    assert.equal(
      (await scrape()).values.get("strata_container_num_container_reports_processed_failed_total"),
      1,
    );
  });

  test("shows how full the rings are, who waits, and shards that were lost", async () => {
    const { world, scrape } = await stage();
    const peers = [1, 2, 3].map((number) => world.datanode(number));
    for (const peer of peers) peer.begin();
    const { rowBytes, origins, rows } = peers[0]?.chunk(0, [{ id: 5 }]) ?? {};
    for (let i = 0; i < 3; i++) peers[0]?.tell("incrementalReport", { rowBytes, origins, rows });
    const { values } = await scrape();
    assert.equal(values.get("strata_report_waiting_for_credit"), 1);
    assert.equal(values.get("strata_report_credit_in_use"), 8);
    assert.ok((values.get('strata_shard_ring_fill{shard="0"}') ?? 0) > 0);
    assert.equal(values.get('strata_shard_ring_fill{shard="1"}'), 0);
    await world.loseShard(0);
    const after = (await scrape()).values;
    assert.equal(after.get("strata_shard_restart_count_total"), 1);
    assert.equal(after.get("strata_report_missing"), 3);
    assert.equal(after.get("strata_report_dropped_total"), 2);
  });
});

test("pipelines are counted in all four states, and by what became of them", async () => {
  const rig = PipelineRig.of(3);
  const metrics = new Metrics();
  addPipelineMetrics(metrics, rig.applied.state.pipelines, rig);
  const sampleOf = async (name: string): Promise<number> => {
    const [, value] =
      (await metrics.scrape())
        .split("\n")
        .find((line) => line.startsWith(`${name} `))
        ?.split(" ") ?? [];
    return Number(value);
  };
  const counts = () =>
    Promise.all(
      ["ALLOCATED", "OPEN", "DORMANT", "CLOSED"].map((state) =>
        sampleOf(`strata_pipeline_pipelines{state="${state}"}`),
      ),
    );
  assert.deepEqual(await counts(), [0, 0, 0, 0]);
  rig.add(pipelineRecord(1, { state: "DORMANT" }));
  const pipeline = rig.created(ratis(3));
  rig.time.advance(300);
  rig.open(pipeline);
  rig.created(ratis(1));
  assert.deepEqual(await counts(), [1, 1, 1, 0]);
  rig.create({ replication: ratis(3) });
  rig.manager.closeAndRemove(pipeline.pipelineId);
  rig.settle();
  const names = ["allocated", "created", "creation_refused", "destroyed", "destroy_failed"];
  const counters = await Promise.all(
    names.map((name) => sampleOf(`strata_pipeline_num_pipeline_${name}_total`)),
  );
  assert.deepEqual(counters, [2, 1, 1, 1, 0]);
  assert.equal(await sampleOf("strata_pipeline_open_ms_sum"), 300);
});
