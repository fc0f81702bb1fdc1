import assert from "node:assert/strict";
import { test } from "node:test";
import { logIndex } from "../../../../engine/core/ids.js";
import { nodeId } from "../../../../engine/raft/types.js";
import { recover } from "../../../../engine/storage/recovery.js";
import {
  containerRecord,
  importBatch,
  seedCluster,
  suppressContainers,
} from "../../../support/cluster/builders.js";
import { SimWorld } from "../../../support/simulation/sim-world.js";
import { MemoryConnections } from "../../../support/snapshot/memory-connections.js";
import {
  DIRECTORIES,
  newMachine,
  newMemberDisk,
  StoredMember,
} from "../../../support/snapshot/stored-member.js";

/** Two members in one world; the first has a state. */
async function pair(seed: number, batches = 20) {
  const world = new SimWorld(seed);
  const connections = new MemoryConnections(world.scheduler);
  const disks = [await newMemberDisk(1), await newMemberDisk(2)] as const;
  const leader = await StoredMember.start({ world, connections, disk: disks[0], nodeId: nodeId(1) });
  const follower = await StoredMember.start({ world, connections, disk: disks[1], nodeId: nodeId(2) });
  await leader.apply(seedCluster());
  for (let batch = 0; batch < batches; batch++) await leader.apply(containersOf(batch));
  await leader.flush();
  return { world, connections, disks, leader, follower };
}

/** 100 containers, spread over a hundred pages. */
function containersOf(batch: number) {
  const containers = Array.from({ length: 100 }, (_, i) => containerRecord(1 + batch * 1600 + i * 16));
  return importBatch(containers);
}

test("a member takes over the state of another one, and goes on from there after a start", async () => {
  const { world, disks, leader, follower } = await pair(1);
  const snapshot = await leader.snapshot();
  assert.equal(snapshot.id.index, leader.machine.appliedIndex);
  const hash = leader.machine.hash();
  const outcome = leader.send(follower, snapshot);
  // The leader goes on meanwhile: the snapshot does not.
  await leader.apply(suppressContainers([1, 17], true));
  await leader.flush();
  await world.scheduler.runUntil("it is delivered", () => outcome.isDelivered !== undefined);
  assert.equal(outcome.isDelivered, true);
  const [arrived] = follower.arrived;
  assert.deepEqual(arrived?.message.snapshot.id, snapshot.id);
  await follower.install(arrived!);
  assert.equal(follower.machine.hash(), hash);
  assert.equal(follower.machine.appliedIndex, snapshot.id.index);
  follower.machine.checkInvariants();
  assert.equal(follower.recheckCount, 1);
  // Both apply the same from here on.
  await follower.apply(suppressContainers([1, 17], true));
  assert.equal(follower.machine.hash(), leader.machine.hash());
  await follower.flush();
  await follower.stop();
  const again = newMachine();
  const recovered = await recover(disks[1], DIRECTORIES, again, async () => undefined);
  assert.equal(again.hash(), leader.machine.hash());
  assert.equal(recovered.truncated.index, snapshot.id.index);
  assert.equal(recovered.truncated.chain, arrived!.chain);
  assert.deepEqual(disks[1].list(DIRECTORIES.state), [`snapshot-${snapshot.id.index}`]);
  assert.equal(follower.fatal.length, 0);
  assert.ok(logIndex(0) < snapshot.id.index);
});
