import assert from "node:assert/strict";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { FleetPlan } from "../../../bench/fleet/plan.js";
import { importContainers } from "../../../engine/cli/demo/workload.js";
import { createAdminClient } from "../../../protocol/client/index.js";
import { Datanodes } from "../../../scripts/kill9/datanodes.js";
import { LOOPBACK, ScmHome } from "../../support/process/scm-home.js";

const BREAKABLE = fileURLToPath(new URL("../../support/process/breakable-scm.js", import.meta.url));
const PLAN = new FleetPlan({ nodeCount: 6, containersPerNode: 400, seed: 3 });
const REPLICA_COUNT = PLAN.containerCount * 3;
const REBUILD_LIMIT_MS = 20_000;
const TERMINATIONS = 4;

test("a shard that was terminated is rebuilt from new reports, and no count is ever wrong", async () => {
  const home = await ScmHome.create(["strata.shard.count=2"]);
  const client = createAdminClient({ endpoints: [home.endpoint], clientName: "test" });
  const datanodes = new Datanodes(PLAN, home.endpoint);

  /** Waits until all replicas are there. A node that counts as reported must have its right count
   * meanwhile. */
  async function rebuilt(): Promise<void> {
    const dueMs = performance.now() + REBUILD_LIMIT_MS;
    for (;;) {
      const { nodes } = await client.listNodes({ countMax: 256 });
      for (const { details, containerCount, fullReportComplete } of nodes) {
        const node = Array.from({ length: PLAN.nodeCount }, (_, i) => i).find(
          (i) => PLAN.uuid(i) === details.uuid,
        );
        const expected = PLAN.containersOfNode(node ?? 0);
        assert.ok(containerCount <= expected, `${containerCount} containers of ${expected}`);
        if (fullReportComplete) assert.equal(containerCount, expected, "what counts as reported is complete");
      }
      const { replicaCount } = await client.scmInfo();
      assert.ok(replicaCount <= REPLICA_COUNT, `${replicaCount} replicas of ${REPLICA_COUNT}`);
      const isWhole = nodes.filter(({ fullReportComplete }) => fullReportComplete).length === PLAN.nodeCount;
      if (isWhole && replicaCount === REPLICA_COUNT) return;
      assert.ok(performance.now() < dueMs, `${replicaCount} replicas of ${REPLICA_COUNT} in time`);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  try {
    const scm = await home.start([], { entry: BREAKABLE, withChannel: true });
    await importContainers(client, PLAN, () => {});
    datanodes.start();
    await rebuilt();
    for (let i = 0; i < TERMINATIONS; i++) {
      scm.child.send({ role: "shard", index: 0 });
      await scm.said(new RegExp(`(shard restarted[\\s\\S]*){${i + 1}}`));
      // Every second time in the middle of the reports that follow.
      if (i % 2 === 0) await rebuilt();
    }
    await rebuilt();
    for (let containerId = 1; containerId <= PLAN.containerCount; containerId += 7) {
      const { replicas } = await client.getContainerReplicas({ containerId });
      const expected = PLAN.members(containerId % PLAN.nodeCount).map((node) => PLAN.uuid(node));
      const found = replicas.map(({ datanode }) => datanode);
      assert.deepEqual(found, expected.sort(), `replicas of container ${containerId}`);
    }
    const page = await (await fetch(`http://${LOOPBACK}:${home.httpPort}/prom`)).text();
    for (const line of [
      `strata_shard_restart_count_total ${TERMINATIONS}`,
      `strata_shard_replica_count ${REPLICA_COUNT}`,
      `strata_container_total_containers ${PLAN.containerCount}`,
      "strata_report_missing 0",
      "strata_report_credit_in_use 0",
    ]) {
      assert.ok(page.includes(`\n${line}\n`), `${line} in:\n${page}`);
    }
    assert.ok(scm.isAlive);
    scm.signal("SIGTERM");
    assert.equal((await scm.ended).code, 0, scm.text);
  } finally {
    client.close();
    datanodes.close();
    await home.remove();
  }
});
