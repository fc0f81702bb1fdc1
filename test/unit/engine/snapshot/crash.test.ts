/** Whenever a member ends while a snapshot comes and takes the place of its log and state, its next start
 * finds either what was before, or the snapshot; and never less than what it has acknowledged. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { SeededRandom } from "../../../../engine/core/random.js";
import { nodeId } from "../../../../engine/raft/types.js";
import { recover } from "../../../../engine/storage/recovery.js";
import { verify } from "../../../../engine/storage/verify.js";
import {
  containerRecord,
  importBatch,
  seedCluster,
  suppressContainers,
} from "../../../support/cluster/builders.js";
import type { SimDisk } from "../../../support/simulation/sim-disk.js";
import { SimWorld } from "../../../support/simulation/sim-world.js";
import { MemoryConnections } from "../../../support/snapshot/memory-connections.js";
import {
  DIRECTORIES,
  newMachine,
  newMemberDisk,
  StoredMember,
} from "../../../support/snapshot/stored-member.js";

const ENDS = 40;

interface Life {
  readonly world: SimWorld;
  readonly disk: SimDisk;
  readonly follower: StoredMember;
  /** Of the follower's state before, of the snapshot, and after what came behind it. */
  readonly hashes: string[];
  /** How many of `hashes` are left behind for good: what was acknowledged. */
  progress: { acknowledged: number };
}

/** A follower with a state of its own gets a snapshot, goes over to it, and goes on. */
async function begin(): Promise<Life> {
  const world = new SimWorld(3);
  const connections = new MemoryConnections(world.scheduler);
  const [leaderDisk, disk] = [await newMemberDisk(1), await newMemberDisk(2)];
  const leader = await StoredMember.start({ world, connections, disk: leaderDisk, nodeId: nodeId(1) });
  const follower = await StoredMember.start({ world, connections, disk, nodeId: nodeId(2) });
  await leader.apply(seedCluster());
  const containers = Array.from({ length: 80 }, (_, i) => containerRecord(1 + i * 16));
  await leader.apply(importBatch(containers), suppressContainers([17], true));
  await leader.apply(suppressContainers([33], true));
  await leader.flush();
  await follower.apply(seedCluster());
  await follower.flush();
  await follower.apply(importBatch([containerRecord(70)]));
  const hashes = [follower.machine.hash(), leader.machine.hash()];
  const snapshot = await leader.snapshot();
  await leader.apply(suppressContainers([1], true));
  hashes.push(leader.machine.hash());
  const progress = { acknowledged: 0 };
  void go().catch(() => {});
  return { world, disk, follower, hashes, progress };

  async function go(): Promise<void> {
    const outcome = leader.send(follower, snapshot);
    await world.scheduler.runUntil("it is delivered", () => outcome.isDelivered !== undefined);
    await follower.installLog(follower.arrived[0]!);
    progress.acknowledged = 1;
    await follower.installState(follower.arrived[0]!);
    await follower.apply(suppressContainers([1], true));
    progress.acknowledged = 2;
    await follower.flush();
  }
}

/** Returns how far the follower was after its next start. */
async function check({ disk, hashes, progress }: Life): Promise<number> {
  const machine = newMachine();
  const problems = async (): Promise<readonly string[]> => {
    const { findings } = await verify(disk, DIRECTORIES, newMachine(), async () => undefined);
    return findings.map(({ severity, where, what }) => `${severity} ${where} ${what}`);
  };
  // What the start will remove is there, and nothing worse.
  for (const problem of await problems()) {
    assert.match(problem, /^warning .* not the state store that the log names$/);
  }
  await recover(disk, DIRECTORIES, machine, async () => undefined);
  machine.checkInvariants();
  const found = hashes.indexOf(machine.hash());
  assert.ok(found >= progress.acknowledged, `state ${found}, acknowledged ${progress.acknowledged}`);
  assert.deepEqual(await problems(), []);
  return found;
}

for (const [name, end] of [
  ["crashes", (life: Life, random: SeededRandom) => crash(life, random)],
  ["stops in order", ({ follower }: Life) => follower.stop()],
] as const) {
  test(`a member that ${name} at any moment starts with what was before, or with the snapshot`, async () => {
    const random = new SeededRandom(11);
    const founds = new Set<number>();
    const whole = await begin();
    const beganMs = whole.world.scheduler.nowMs;
    await whole.world.scheduler.runUntil("it has arrived", () => whole.follower.arrived.length > 0);
    const arrivalMs = whole.world.scheduler.nowMs - beganMs;
    await whole.world.scheduler.runUntil("all is done", () => whole.progress.acknowledged === 2);
    const spanMs = whole.world.scheduler.nowMs - beganMs;
    for (let i = 0; i < ENDS; i++) {
      const life = await begin();
      const { scheduler } = life.world;
      // Half of them after it has arrived, which is the shorter part by far.
      const share = (i + random.below(1000) / 1000) / ENDS;
      const momentMs =
        share < 0.5 ? 2 * share * arrivalMs : arrivalMs + (2 * share - 1) * (spanMs - arrivalMs);
      await scheduler.run(scheduler.nowMs + momentMs);
      await end(life, random);
      founds.add(await check(life));
    }
    assert.deepEqual([...founds].sort(), [0, 1, 2], "all of it was met");
  });
}

async function crash({ disk, follower }: Life, random: SeededRandom): Promise<void> {
  follower.terminate();
  disk.crash(random);
}
