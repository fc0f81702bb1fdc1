import assert from "node:assert/strict";
import { test } from "node:test";
import { lateRacksService } from "../../../../engine/services/late-racks.js";
import { silentLogger } from "../../../../engine/telemetry/logger.js";
import { NodeRig } from "../../../support/cluster/node-rig.js";
import { SimScheduler } from "../../../support/simulation/sim-scheduler.js";

test("a datanode whose rack could not be found is moved when it can", () => {
  const rig = new NodeRig();
  const scheduler = new SimScheduler();
  const slot = rig.accept(1);
  rig.accept(2);
  const warnings: unknown[] = [];
  const asked: string[] = [];
  let answer: string | undefined;
  const service = lateRacksService({
    scheduler,
    logger: { ...silentLogger, warn: (message) => void warnings.push(message) },
    nodes: rig.manager,
    racks: {
      failed: () => ["10.0.0.1", "10.9.9.9"],
      find: (host, onLocation) => {
        asked.push(host);
        onLocation(answer);
      },
    },
  });
  service.start();
  service.onStatus(false, false);
  scheduler.runSync(scheduler.nowMs + 60_001);
  assert.deepEqual(asked, ["10.0.0.1"], "only hosts of datanodes are asked for");
  assert.equal(rig.manager.topology.locationOf(slot), "/default-rack");
  rig.changes.length = 0;
  answer = "/rack7";
  scheduler.runSync(scheduler.nowMs + 60_001);
  assert.equal(rig.manager.topology.locationOf(slot), "/rack7");
  assert.equal(rig.node(1).details.networkLocation, "/rack7");
  assert.deepEqual(
    rig.changes.map((node) => node.slot),
    [slot],
  );
  assert.equal(rig.node(2).details.networkLocation, "/default-rack");
  answer = "/a/b";
  scheduler.runSync(scheduler.nowMs + 60_001);
  assert.equal(rig.manager.topology.locationOf(slot), "/rack7");
  assert.equal(warnings.length, 1);
  service.stop();
});
