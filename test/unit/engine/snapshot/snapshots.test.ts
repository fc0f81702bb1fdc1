import assert from "node:assert/strict";
import { test } from "node:test";
import type { Operation } from "../../../../engine/cluster/operation.js";
import { StrataError } from "../../../../engine/core/errors.js";
import { type LogIndex, logIndex } from "../../../../engine/core/ids.js";
import { CONF_CHANGE, CONF_CHANGE_TRANSITION, nodeId } from "../../../../engine/raft/types.js";
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

const HISTORY_TABLE = 128;
const MIB = 1024 * 1024;

/** Members in one world; the first has a state of `batches` × 100 pages. */
async function membersWith(batches: number, memberCount = 2) {
  const world = new SimWorld(7);
  const connections = new MemoryConnections(world.scheduler);
  const disks = [];
  const members: StoredMember[] = [];
  for (let number = 1; number <= memberCount; number++) {
    const disk = await newMemberDisk(number);
    disks.push(disk);
    members.push(await StoredMember.start({ world, connections, disk, nodeId: nodeId(number) }));
  }
  const [leader, follower] = members as [StoredMember, StoredMember];
  await leader.apply(seedCluster());
  for (let batch = 0; batch < batches; batch++) await leader.apply(containersOf(batch));
  await leader.flush();
  const until = (what: string, condition: () => boolean, limitMs?: number): Promise<void> =>
    world.scheduler.runUntil(what, condition, limitMs);
  return { world, connections, disks, members, leader, follower, until };
}

/** 100 containers, each on a page of its own. */
function containersOf(batch: number): Operation {
  const containers = Array.from({ length: 100 }, (_, i) => containerRecord(1 + batch * 1600 + i * 16));
  return importBatch(containers);
}

function stateDirectories(disk: { list(path: string): string[] } | undefined): string {
  return disk?.list(DIRECTORIES.state).join() ?? "";
}

/** Rows of the disk-resident history that the member holds. */
async function historyOf(member: StoredMember, until: (what: string, done: () => boolean) => Promise<void>) {
  let rows: string[] | undefined;
  member.scanner.scan({ table: HISTORY_TABLE, from: new Uint8Array(0), rowCountMax: 1024 }, (page) => {
    if (page instanceof StrataError) throw page;
    rows = page.rows.map(({ key, value }) => `${Buffer.from(key).toString("hex")} ${value.length}`);
  });
  await until("the page comes", () => rows !== undefined);
  return rows;
}

test("a member takes over the state of another one, and goes on from there after a start", async () => {
  const { disks, leader, follower, until } = await membersWith(20);
  const snapshot = await leader.snapshot();
  assert.equal(snapshot.id.index, leader.machine.appliedIndex);
  const hash = leader.machine.hash();
  const history = await historyOf(leader, until);
  const outcome = leader.send(follower, snapshot);
  // The leader goes on meanwhile: the snapshot does not.
  await leader.apply(suppressContainers([1, 17], true));
  await leader.flush();
  await until("it is delivered", () => outcome.isDelivered !== undefined);
  assert.equal(outcome.isDelivered, true);
  const [arrived] = follower.arrived;
  assert.deepEqual(arrived?.message.snapshot.id, snapshot.id);
  await follower.install(arrived);
  assert.equal(follower.machine.hash(), hash);
  assert.equal(follower.machine.appliedIndex, snapshot.id.index);
  follower.machine.checkInvariants();
  assert.equal(follower.recheckCount, 1);
  assert.deepEqual(await historyOf(follower, until), history);
  // Both apply the same from here on.
  await follower.apply(suppressContainers([1, 17], true));
  assert.equal(follower.machine.hash(), leader.machine.hash());
  assert.deepEqual(await historyOf(follower, until), await historyOf(leader, until));
  await follower.flush();
  await follower.stop();
  const again = newMachine();
  const recovered = await recover(disks[1]!, DIRECTORIES, again, async () => undefined);
  assert.equal(again.hash(), leader.machine.hash());
  assert.deepEqual(recovered.truncated, { ...snapshot.id, chain: arrived.chain });
  assert.equal(stateDirectories(disks[1]), `snapshot-${snapshot.id.index}`);
  assert.deepEqual(follower.fatal, []);
});

test("a member that has a state already takes over another one as a whole", async () => {
  const { disks, leader, follower, until } = await membersWith(10);
  await follower.apply(seedCluster());
  await follower.apply(importBatch([containerRecord(5, { owner: "gone" }), containerRecord(70_000)]));
  await follower.flush();
  await follower.apply(suppressContainers([5], true));
  const outcome = leader.send(follower, await leader.snapshot());
  await until("it is delivered", () => outcome.isDelivered === true);
  // A flush is under way when the log has gone over.
  await follower.installLog(follower.arrived[0]!);
  follower.durableIndex = follower.machine.appliedIndex;
  follower.flusher.start();
  await follower.installState(follower.arrived[0]!);
  assert.equal(follower.machine.hash(), leader.machine.hash());
  follower.machine.checkInvariants();
  assert.equal(follower.machine.containers.get(70_000), undefined);
  assert.equal(stateDirectories(disks[1]), `snapshot-${leader.machine.appliedIndex}`);
});

test("while the tables are loaded nothing is read from a disk-resident one", async () => {
  const { leader, follower, until } = await membersWith(10);
  const outcome = leader.send(follower, await leader.snapshot());
  await until("it is delivered", () => outcome.isDelivered === true);
  await follower.installLog(follower.arrived[0]!);
  const installing = follower.installState(follower.arrived[0]!);
  await until("tables are loaded", () => follower.machine.isReloading);
  const outcomes: unknown[] = [];
  follower.scanner.scan({ table: HISTORY_TABLE, from: new Uint8Array(0), rowCountMax: 1 }, (page) => {
    outcomes.push(page instanceof StrataError ? page.code : page.rows.length);
  });
  assert.deepEqual(outcomes, ["NOT_READY"]);
  await installing;
  assert.equal(follower.machine.isReloading, false);
  assert.ok((await historyOf(follower, until))!.length > 0);
});

test("after a lost connection it goes on behind what was written", async () => {
  const { connections, leader, follower, until } = await membersWith(40);
  const snapshot = await leader.snapshot();
  const receiver = follower.nodeId;
  const outcome = leader.send(follower, snapshot);
  let bytes = 0;
  let cutCount = 0;
  connections.beforeDelivery = (to, frame) => {
    if (to === receiver) bytes += frame.length;
    if (cutCount >= 3 || bytes < (cutCount + 1) * MIB) return true;
    cutCount++;
    return false;
  };
  await until("it is delivered", () => outcome.isDelivered !== undefined);
  assert.equal(outcome.isDelivered, true);
  assert.equal(cutCount, 3);
  assert.equal(connections.dialledCount, 4);
  await follower.install(follower.arrived[0]!);
  assert.equal(follower.machine.hash(), leader.machine.hash());
  // 40 × 100 pages of 1 KB: what was on its way at each cut was sent twice, no more.
  assert.ok(bytes > 4 * MIB, `${bytes}`);
  assert.ok(bytes < 8 * MIB, `${bytes}`);
});

test("members that need one at about the same time are sent the same", async () => {
  const { members, leader, until } = await membersWith(10, 4);
  const outcomes: { isDelivered: boolean | undefined }[] = [];
  for (const member of members.slice(1)) outcomes.push(leader.send(member, await leader.snapshot()));
  await leader.apply(suppressContainers([1], true));
  await leader.flush();
  assert.equal(leader.openedCount, 1);
  await until("all are delivered", () => outcomes.every(({ isDelivered }) => isDelivered === true));
  for (const member of members.slice(1)) {
    await member.install(member.arrived[0]!);
    await member.apply(suppressContainers([1], true));
    assert.equal(member.machine.hash(), leader.machine.hash());
  }
});

test("a snapshot that the log does not follow any more is opened anew", async () => {
  const { leader } = await membersWith(3);
  const first = await leader.snapshot();
  await leader.apply(suppressContainers([1], true));
  await leader.flush();
  assert.deepEqual(await leader.snapshot(), first, "the log still follows it");
  await leader.truncate(logIndex(first.id.index + 1));
  const second = await leader.snapshot();
  assert.equal(second.id.index, first.id.index + 1);
  assert.equal(leader.openedCount, 2);
});

test("a member is sent no state of a group that it was not in yet", async () => {
  const { leader, world } = await membersWith(3);
  const before = await leader.snapshot();
  const change = {
    transition: CONF_CHANGE_TRANSITION.AUTO,
    steps: [{ type: CONF_CHANGE.ADD_LEARNER, nodeId: nodeId(2) }],
    context: new Uint8Array(0),
  };
  const confState = { ...before.confState, learners: [nodeId(2)] };
  await leader.applyMembers(change, confState);
  // What is on disk is still of before: there is no snapshot now, and nobody is told that there is one.
  assert.equal(leader.snapshots.sender.snapshot(), "pending");
  await world.scheduler.run(world.scheduler.nowMs + 50);
  assert.equal(leader.snapshots.sender.snapshot(), "pending");
  assert.equal(leader.openedCount, 1);
  await world.scheduler.run(world.scheduler.nowMs + 50);
  await leader.flush();
  const after = await leader.snapshot();
  assert.deepEqual(after.confState, confState);
});

test("the log is kept from where a member is that is being filled, or was just now", async () => {
  const { leader, follower, world, until } = await membersWith(3);
  const { sender } = leader.snapshots;
  const needed = (match?: LogIndex): LogIndex | undefined =>
    sender.neededIndex((member) => (member === follower.nodeId ? match : undefined));
  assert.equal(needed(), undefined);
  const snapshot = await leader.snapshot();
  const outcome = leader.send(follower, snapshot);
  assert.equal(needed(), snapshot.id.index);
  await until("it is delivered", () => outcome.isDelivered === true);
  assert.equal(needed(logIndex(0)), snapshot.id.index, "it is still to be installed");
  const later = logIndex(snapshot.id.index + 10);
  assert.equal(needed(later), later, "the member goes on with the log");
  await world.scheduler.run(world.scheduler.nowMs + 120_000);
  assert.equal(needed(), undefined);
});

test("the log is not kept for a member that did not take its snapshot", async () => {
  const { connections, leader, follower, until } = await membersWith(3);
  connections.beforeDelivery = (to) => to !== follower.nodeId;
  const outcome = leader.send(follower, await leader.snapshot());
  await until("it is given up", () => outcome.isDelivered === false);
  assert.equal(
    leader.snapshots.sender.neededIndex(() => undefined),
    undefined,
  );
});

test("who has applied as much is sent nothing, and counts as served", async () => {
  const { connections, leader, follower, until } = await membersWith(5);
  const snapshot = await leader.snapshot();
  const first = leader.send(follower, snapshot);
  await until("it is delivered", () => first.isDelivered === true);
  await follower.install(follower.arrived[0]!);
  const frames = connections.deliveredCount.get(follower.nodeId);
  const second = leader.send(follower, snapshot);
  await until("the second one ends", () => second.isDelivered !== undefined);
  assert.equal(second.isDelivered, true);
  assert.equal(connections.deliveredCount.get(follower.nodeId), (frames ?? 0) + 1, "the offer alone");
  assert.equal(follower.arrived.length, 1);
});

test("what was damaged on its way is refused, and nothing of it is kept", async () => {
  const { connections, disks, leader, follower, until } = await membersWith(10);
  connections.beforeDelivery = (to, frame) => {
    if (to === follower.nodeId && frame.length > 10_000) frame[5000] = (frame[5000] as number) ^ 1;
    return true;
  };
  const before = follower.machine.hash();
  const outcome = leader.send(follower, await leader.snapshot());
  await until("it is given up", () => outcome.isDelivered !== undefined);
  assert.equal(outcome.isDelivered, false);
  assert.deepEqual(new Set(follower.refused.map(({ code }) => code)), new Set(["SNAPSHOT_INVALID"]));
  assert.deepEqual(follower.arrived, []);
  assert.equal(follower.machine.hash(), before);
  assert.equal(stateDirectories(disks[1]), "base");
  // It is as it was: the next one is taken.
  connections.beforeDelivery = () => true;
  const again = leader.send(follower, await leader.snapshot());
  await until("the next one is delivered", () => again.isDelivered === true);
});

test("a member that cannot be reached is given up after some attempts", async () => {
  const { connections, leader, follower, until } = await membersWith(3);
  connections.beforeDelivery = () => false;
  const outcome = leader.send(follower, await leader.snapshot());
  await until("it is given up", () => outcome.isDelivered !== undefined);
  assert.equal(outcome.isDelivered, false);
  assert.equal(connections.dialledCount, 5);
});

test("a receiver that falls silent is given up", async () => {
  const { connections, leader, follower, until } = await membersWith(3);
  const { accept } = follower.snapshots;
  connections.listen(follower.nodeId, (connection) => {
    accept(connection);
    return { onFrame: () => {}, onClose: () => {} };
  });
  const outcome = leader.send(follower, await leader.snapshot());
  await until("it is given up", () => outcome.isDelivered !== undefined, 300_000);
  assert.equal(outcome.isDelivered, false);
});

test("a full disk refuses the snapshot, and the member lives on", async () => {
  const { disks, leader, follower, until } = await membersWith(30);
  const disk = disks[1]!;
  let writeCount = 0;
  disk.beforeWrite = (path) => {
    if (path.includes("snapshot-") && ++writeCount > 10) throw new StrataError("STORAGE_FULL", { path });
  };
  const outcome = leader.send(follower, await leader.snapshot());
  await until("it is given up", () => outcome.isDelivered !== undefined);
  assert.equal(outcome.isDelivered, false);
  assert.deepEqual(new Set(follower.refused.map(({ code }) => code)), new Set(["STORAGE_FULL"]));
  assert.equal(stateDirectories(disk), "base");
  await follower.apply(seedCluster());
  await follower.flush();
  disk.beforeWrite = () => {};
  const again = leader.send(follower, await leader.snapshot());
  await until("the next one is delivered", () => again.isDelivered === true);
});

test("one of a later term takes the place of one that is arriving, not the other way round", async () => {
  const { world, connections, disks, members, leader, until } = await membersWith(40, 3);
  const [, second, follower] = members as [StoredMember, StoredMember, StoredMember];
  await second.apply(seedCluster());
  await second.apply(containersOf(0));
  await second.flush();
  const large = leader.send(follower, await leader.snapshot(), 1);
  await until("some of it has arrived", () => (connections.deliveredCount.get(follower.nodeId) ?? 0) > 5);
  const newer = second.send(follower, await second.snapshot(), 2);
  await until("the newer one is delivered", () => newer.isDelivered !== undefined);
  assert.equal(newer.isDelivered, true);
  assert.deepEqual(
    follower.arrived.map(({ message }) => [message.from, message.term]),
    [[second.nodeId, 2]],
  );
  await world.scheduler.run(world.scheduler.nowMs + 500);
  assert.notEqual(large.isDelivered, true);
  assert.equal(stateDirectories(disks[2]), `base,snapshot-${second.machine.appliedIndex}`);
});

test("one that is not wanted, or does not go on, leaves nothing behind", async () => {
  const { connections, disks, leader, follower, world, until } = await membersWith(20);
  const outcome = leader.send(follower, await leader.snapshot());
  await until("it is delivered", () => outcome.isDelivered === true);
  assert.match(stateDirectories(disks[1]), /snapshot/);
  follower.snapshots.receiver.discard(follower.arrived[0]!);
  assert.equal(follower.unwantedCount, 1);
  await until("it is gone", () => stateDirectories(disks[1]) === "base");
  connections.deliveredCount.clear();
  leader.send(follower, await leader.snapshot());
  await until("some has arrived", () => (connections.deliveredCount.get(follower.nodeId) ?? 0) > 5);
  assert.deepEqual(follower.snapshots.receiver.sources, [leader.nodeId]);
  leader.snapshots.sender.cancelAll();
  assert.equal(
    leader.snapshots.sender.neededIndex(() => undefined),
    undefined,
  );
  await world.scheduler.run(world.scheduler.nowMs + 61_000);
  assert.equal(stateDirectories(disks[1]), "base");
  assert.deepEqual(follower.snapshots.receiver.sources, []);
});

test("a second one for the same member takes the place of the first, whose end nobody hears", async () => {
  const { leader, follower, until } = await membersWith(20);
  const first = leader.send(follower, await leader.snapshot());
  const second = leader.send(follower, await leader.snapshot());
  await until("the second is delivered", () => second.isDelivered === true);
  assert.equal(first.isDelivered, undefined);
});

test("a state that cannot be read is not sent", async () => {
  const { disks, leader, follower, until } = await membersWith(10);
  const page = Uint8Array.of(2, 0, 0, 0, 10);
  disks[0]!.damageValue(`${DIRECTORIES.state}/base`, "rows", page, (value) => value.fill(9, 0, 4));
  const snapshot = await leader.snapshot();
  const outcome = leader.send(follower, snapshot);
  await until("it is given up", () => outcome.isDelivered !== undefined);
  assert.equal(outcome.isDelivered, false);
  assert.deepEqual(
    leader.refused.map(({ code }) => code),
    ["STATE_CORRUPT"],
  );
  assert.deepEqual(follower.arrived, []);
});

test("who stops when only the log has gone over to a snapshot starts with that snapshot", async () => {
  const { disks, leader, follower, until } = await membersWith(5);
  const snapshot = await leader.snapshot();
  const outcome = leader.send(follower, snapshot);
  await until("it is delivered", () => outcome.isDelivered === true);
  await follower.installLog(follower.arrived[0]!);
  await follower.stop();
  const again = newMachine();
  const recovered = await recover(disks[1]!, DIRECTORIES, again, async () => undefined);
  assert.equal(again.hash(), leader.machine.hash());
  assert.equal(recovered.truncated.index, snapshot.id.index);
  assert.equal(stateDirectories(disks[1]), `snapshot-${snapshot.id.index}`);
});

test("one that is being checked when another takes its place does not spoil that one", async () => {
  const alone = await membersWith(3);
  const beganMs = alone.world.scheduler.nowMs;
  alone.leader.send(alone.follower, await alone.leader.snapshot(), 1);
  await alone.until("it has arrived", () => alone.follower.arrived.length > 0);
  const arrivalMs = alone.world.scheduler.nowMs - beganMs;
  // From where the last chunk is on its way to after the end.
  for (let delayMs = arrivalMs - 6; delayMs < arrivalMs + 1; delayMs += 0.25) {
    const { world, members, leader, until } = await membersWith(3, 3);
    const [, second, follower] = members as [StoredMember, StoredMember, StoredMember];
    await second.apply(seedCluster());
    await second.apply(containersOf(0));
    await second.flush();
    const newer = await second.snapshot();
    leader.send(follower, await leader.snapshot(), 1);
    await world.scheduler.run(world.scheduler.nowMs + delayMs);
    if (follower.arrived.length > 0) return;
    const outcome = second.send(follower, newer, 2);
    await until("the newer one has an outcome", () => outcome.isDelivered !== undefined);
    if (follower.arrived[0]?.message.from === leader.nodeId) return;
    assert.deepEqual(follower.refused, [], `${delayMs} ms`);
  }
  assert.fail("the first one never arrived");
});
