import assert from "node:assert/strict";
import { test } from "node:test";
import type { Member } from "../../../../engine/cluster/members/member.js";
import { DEFAULT_RAFT_HOST_OPTIONS } from "../../../../engine/consensus/raft-host-options.js";
import { DEFAULT_PEER_LIMITS } from "../../../../engine/peers/peer-limits.js";
import { entryBytes, nodeId } from "../../../../engine/raft/types.js";
import { makeEntries } from "../../../support/peers/make-entries.js";
import {
  addressNumber,
  hostOf,
  memberNumber,
  PeerNode,
  PeerWorld,
  RAFT_PORT,
  scmIdOf,
} from "../../../support/peers/peer-world.js";
import { appReq, appResp, heartbeat, readIndexReq } from "../../../support/raft/make-message.js";

test("messages arrive whole and in order, those of one turn in one go", async () => {
  const world = new PeerWorld(1);
  const [one, two] = await world.startPair();
  const messages = [1, 2, 3, 4].map((commit) => heartbeat([1, 2, 5], commit, 7));
  const sent: Uint8Array[] = [];
  world.network.onSend = (_, direction, message) => direction === "toServer" && sent.push(message);
  for (const message of messages) one.peers.send(message);
  assert.equal(sent.length, 0);
  await world.until("all arrived", () => two.received.length === 4);
  assert.deepEqual(two.received, messages);
  assert.equal(sent.length, 1);
  two.peers.send(appResp([2, 1, 5], 9));
  two.peers.flush();
  assert.equal(sent.length, 2, "flush does not wait for the end of the turn");
  await world.until("the answer", () => one.received.length === 1);
  assert.deepEqual(one.received, [appResp([2, 1, 5], 9)]);
  const { messagesSent, messagesReceived, bytesSent, connects } = one.peers.counters;
  assert.deepEqual([messagesSent, messagesReceived, connects], [4, 1, 1]);
  assert.ok(bytesSent > 0 && bytesSent === two.peers.counters.bytesReceived);
});

test("a message to nobody known, or without a connection, is dropped and told once a turn", async () => {
  const world = new PeerWorld(2);
  const one = await world.start(1);
  one.peers.setPeers([addressNumber(2)]);
  one.peers.send(heartbeat([1, 2, 5]));
  one.peers.send(heartbeat([1, 2, 5]));
  one.peers.send(heartbeat([1, 3, 5]));
  assert.deepEqual(one.unreachable, [], "not within the call");
  await world.until("it is told", () => one.unreachable.length > 0);
  assert.deepEqual(one.unreachable, [2, 3]);
  assert.equal(one.peers.counters.messagesDropped, 3);
});

test("a new member that knows nobody answers whoever has dialled it", async () => {
  const world = new PeerWorld(3);
  const leader = await world.start(1);
  const joiner = await world.start(2);
  leader.peers.setPeers([addressNumber(2)]);
  await world.until("the leader is connected", () => leader.isReady(2));
  leader.peers.send(heartbeat([1, 2, 5]));
  await world.until("the joiner dials back", () => joiner.isReady(1));
  joiner.peers.send(appResp([2, 1, 5], 0));
  await world.until("the answer", () => leader.received.length === 1);
  assert.deepEqual(joiner.seen[0], memberNumber(1));
  joiner.peers.setPeers([]);
  assert.equal(joiner.isReady(1), true, "who is connected and a member stays, though no table names it yet");
});

test("who is no member any more is hung up on, in both directions", async () => {
  const world = new PeerWorld(4);
  const members = new Set([1, 2, 3]);
  const [one, two, three] = await world.startGroup([1, 2, 3], { isMember: (id) => members.has(id) });
  assert.ok(one !== undefined && two !== undefined && three !== undefined);
  members.delete(3);
  one.peers.setPeers([addressNumber(2)]);
  assert.deepEqual(
    one.peers.status().map(({ nodeId: id }) => id),
    [2],
  );
  await world.until("three has lost it", () => !three.isReady(1) && !three.isHeard(1));
  await world.pass(5_000);
  assert.equal(three.isReady(1), false, "and is refused");
  assert.equal(three.isReady(2), true);
  assert.deepEqual(one.gone, []);
});

const REFUSALS: readonly [string, (world: PeerWorld) => Promise<[PeerNode, PeerNode]>][] = [
  [
    "of another cluster",
    async (world) => [await world.start(1), await world.start(2, { clusterId: "CID-another" })],
  ],
  [
    "that is no member",
    async (world) => [await world.start(1), await world.start(2, { isMember: (id) => id !== 1 })],
  ],
  [
    "with an SCM id that the member of that number does not have",
    async (world) => [
      await world.start(1),
      await world.start(2, { isMember: (id, scmId) => scmId === scmIdOf(id + 100) }),
    ],
  ],
  [
    "that looks for another node",
    async (world) => [await world.start(1), await world.start(2, { own: () => memberNumber(3) })],
  ],
  [
    "that has the node id of who is dialled",
    async (world) => [await world.start(1), await world.start(2, { own: () => memberNumber(1) })],
  ],
];
for (const [who, start] of REFUSALS) {
  test(`an SCM ${who} is refused with a reason, and asks again only now and then`, async () => {
    const world = new PeerWorld(5);
    const [one, two] = await start(world);
    one.peers.setPeers([addressNumber(2)]);
    await world.pass(10_000);
    assert.equal(one.isReady(2), false);
    assert.deepEqual(two.seen, []);
    const { dials } = one.peers.counters;
    // Pauses are drawn evenly below half a second.
    assert.ok(dials > 15 && dials < 100, `${dials} dials in 10 s`);
    assert.equal(two.peers.counters.refusals, dials);
    assert.deepEqual(one.gone, []);
  });
}

test("who answers must have the SCM id that was looked for", async () => {
  const world = new PeerWorld(6);
  const one = await world.start(1, { isMember: (_, scmId) => scmId === scmIdOf(99) });
  const two = await world.start(2);
  one.peers.setPeers([addressNumber(2, { scmId: scmIdOf(99) })]);
  await world.pass(3_000);
  assert.equal(one.isReady(2), false);
  assert.equal(one.peers.counters.connects, 0);
  assert.equal(two.isReady(1), false);
});

test("a lost connection is dialled again at once, and what was not sent is told", async () => {
  const world = new PeerWorld(7);
  const [one, two] = await world.startPair();
  await world.pass(2_000);
  const lostMs = world.scheduler.nowMs;
  world.connectionOf(1, 2).reset();
  await world.until("it is noticed", () => !one.isReady(2));
  await world.until("it is back", () => one.isReady(2));
  assert.ok(world.scheduler.nowMs - lostMs < 10, `${world.scheduler.nowMs - lostMs} ms`);
  await world.until("raft is told", () => one.unreachable.includes(2));
  one.peers.send(heartbeat([1, 2, 5]));
  await world.until("a message", () => two.received.length === 1);
  assert.deepEqual(one.gone, [], "a connection that breaks says nothing about the process");
  assert.deepEqual(two.gone, []);
});

test("the end of a peer's process is known within moments, once, by both directions' ends", async () => {
  const world = new PeerWorld(8);
  const [one, two, three] = await world.startGroup([1, 2, 3]);
  assert.ok(one !== undefined && two !== undefined && three !== undefined);
  await world.pass(2_000);
  const diedMs = world.scheduler.nowMs;
  world.kill(1);
  await world.until("both know", () => two.gone.length > 0 && three.gone.length > 0);
  assert.ok(world.scheduler.nowMs - diedMs < 10, `${world.scheduler.nowMs - diedMs} ms`);
  await world.pass(10_000);
  assert.deepEqual([two.gone, three.gone], [[1], [1]]);
});

test("the end is told once in whatever order the ends of the connections come", async () => {
  for (let seed = 1; seed <= 20; seed++) {
    const world = new PeerWorld(seed);
    const [one, two] = await world.startPair();
    await world.pass(2_000);
    world.kill(1);
    await world.pass(1_000);
    assert.deepEqual([one.gone, two.gone], [[], [1]], `seed ${seed}`);
  }
});

test("the end of a process that never dialled is known as well", async () => {
  const world = new PeerWorld(30);
  const one = await world.start(1);
  await world.start(2, { addressOf: () => ({ host: "10.0.0.99", port: 1 }) });
  one.peers.setPeers([addressNumber(2)]);
  await world.until("connected", () => one.isReady(2));
  await world.pass(2_000);
  world.kill(2);
  await world.until("it is gone", () => one.gone.length === 1, 20);
});

test("so is that of one that dialled but could not be dialled, at once", async () => {
  const world = new PeerWorld(31);
  const one = await world.start(1, {
    addressOf: () => ({ host: "10.0.0.99", port: 1 }),
    limits: { redialMsMin: 60_000, redialMsMax: 60_000 },
  });
  const two = await world.start(2);
  two.peers.setPeers([addressNumber(1)]);
  await world.until("connected", () => two.isReady(1));
  await world.pass(100);
  world.kill(2);
  await world.until("it is gone", () => one.gone.length === 1, 20);
});

test("connections that were lost leave nothing running", async () => {
  const world = new PeerWorld(32);
  const [one] = await world.startPair();
  await world.pass(5_000);
  const before = one.process.plannedCount;
  for (let i = 0; i < 20; i++) {
    world.connectionOf(1, 2).reset();
    await world.pass(1_500);
  }
  assert.equal(one.process.plannedCount, before);
});

test("a slow link is not a dead one: what leaves counts as well as what comes", async () => {
  const world = new PeerWorld(33);
  const [one, two] = await world.startPair({ socketBytesMax: 10_000_000 });
  // No answer comes back, but the other side's system takes what is sent.
  world.network.cut(hostOf(2), hostOf(1));
  world.network.slow(hostOf(1), hostOf(2), 300);
  for (let i = 0; i < 100; i++) {
    const entries = makeEntries(1, i % 7 === 0 ? 400_000 : 20_000);
    one.peers.send(appReq([1, 2, 5], { previous: [5, 99], entries }));
    await world.pass(100);
  }
  assert.equal(one.isReady(2), true);
  assert.ok(two.received.length > 90);
  await world.pass(5_000);
  assert.equal(one.isReady(2), false, "but then nothing leaves any more");
});

test("a process that ends while it is being dialled is known to be gone too", async () => {
  const world = new PeerWorld(9);
  const [one, two] = await world.startPair();
  await world.pass(2_000);
  world.connectionOf(2, 1).reset();
  await world.until("two dials again", () => two.peers.counters.dials === 2);
  world.kill(1);
  await world.until("two knows", () => two.gone.length > 0);
  assert.deepEqual(two.gone, [1]);
  assert.deepEqual(one.gone, []);
});

test("a machine that falls silent is not gone, but its links are given up and dialled anew", async () => {
  const world = new PeerWorld(10);
  const [one, two] = await world.startPair();
  world.kill(1, "machine");
  const silentMs = world.scheduler.nowMs;
  await world.until("two gives up", () => !two.isReady(1));
  const tookMs = world.scheduler.nowMs - silentMs;
  assert.ok(tookMs > 2_000 && tookMs < 4_000, `${tookMs} ms`);
  await world.pass(30_000);
  assert.deepEqual(two.gone, []);
  assert.ok(two.peers.counters.dials > 5);
  assert.equal(two.isHeard(1), false, "the half-open connection from it is gone as well");
  assert.equal(one.process.isAlive, false);
});

test("a port where nobody ever was is no end of a process", async () => {
  const world = new PeerWorld(11);
  const one = await world.start(1);
  one.peers.setPeers([addressNumber(2)]);
  await world.pass(5_000);
  assert.deepEqual(one.gone, []);
  const two = await world.start(2);
  two.peers.setPeers([addressNumber(1)]);
  const startedMs = world.scheduler.nowMs;
  await world.until("connected both ways", () => one.isReady(2) && two.isReady(1));
  assert.ok(world.scheduler.nowMs - startedMs < 10, "who is dialled dials back without waiting for its turn");
});

test("a partition is noticed in both directions and overcome soon after it is mended", async () => {
  const world = new PeerWorld(12);
  const [one, two] = await world.startPair();
  world.network.partition(hostOf(1), hostOf(2));
  await world.until("both gave up", () => !one.isReady(2) && !two.isReady(1));
  await world.pass(20_000);
  world.network.heal(hostOf(1), hostOf(2));
  const healedMs = world.scheduler.nowMs;
  await world.until("both are back", () => one.isReady(2) && two.isReady(1));
  assert.ok(world.scheduler.nowMs - healedMs < 2_500, `${world.scheduler.nowMs - healedMs} ms`);
  assert.deepEqual([one.gone, two.gone], [[], []]);
});

test("a pause of the own process is not taken for silence of the others", async () => {
  const world = new PeerWorld(13);
  const [one, two] = await world.startPair();
  await world.pass(1_000);
  const thaw = world.network.freeze(hostOf(1));
  one.process.pause(2_000);
  await world.pass(2_000);
  thaw();
  await world.pass(5_000);
  assert.equal(one.peers.counters.dials, 1);
  assert.equal(one.isReady(2) && two.isReady(1), true);
});

test("a newer connection of a member takes the place of the older", async () => {
  const world = new PeerWorld(14);
  const [one, two] = await world.startPair();
  // One's end of the old connection is gone without a word, and it dials anew.
  const older = world.connectionOf(1, 2);
  older.goSilent();
  await world.until("it dials again", () => one.peers.counters.connects === 2);
  one.peers.send(heartbeat([1, 2, 5], 3));
  await world.until("a message", () => two.received.length === 1);
  assert.equal(two.peers.counters.accepts, 2);
  older.release();
  await world.pass(1_000);
  assert.equal(one.isReady(2), true);
  assert.deepEqual(two.received, [heartbeat([1, 2, 5], 3)]);
});

test("an own configuration goes before what a member says, this before the table", async () => {
  const world = new PeerWorld(15);
  const one = await world.start(1, {
    addressOf: ({ name }) => (name === "scm2" ? { host: hostOf(2), port: RAFT_PORT } : undefined),
  });
  const two = await world.start(2, { own: () => memberNumber(2, { host: "10.0.0.99" }) });
  two.peers.setPeers([addressNumber(1)]);
  await world.until("two is connected, and has said where it is", () => two.isReady(1));
  await world.until("one dials where its configuration says", () => one.isReady(2));
  one.peers.setPeers([addressNumber(2, { host: "10.0.0.98" })]);
  world.connectionOf(1, 2).reset();
  await world.until("it is lost", () => !one.isReady(2));
  await world.until("one dials there again", () => one.isReady(2));
  // The table is wrong; four says where it is when it dials.
  const four = await world.start(4);
  four.peers.setPeers([addressNumber(1)]);
  one.peers.setPeers([addressNumber(4, { host: "nowhere", port: 1 })]);
  await world.until("one dials where four says it is", () => one.isReady(4));
});

test("a member that has moved says so to those it is connected with", async () => {
  const world = new PeerWorld(16);
  let own: Member = memberNumber(1);
  const one = await world.start(1, { own: () => own });
  const two = await world.start(2);
  one.peers.setPeers([addressNumber(2)]);
  await world.until("connected", () => one.isReady(2) && two.isReady(1));
  own = { ...own, ports: { ...own.ports, strata: 9865 } };
  one.peers.announce();
  await world.until("two knows", () => two.seen.some(({ ports }) => ports.strata === 9865));
});

test("a member that moves while it says hello says so, too", async () => {
  const world = new PeerWorld(18);
  let own: Member = memberNumber(1);
  const one = await world.start(1, { own: () => own });
  const two = await world.start(2);
  two.peers.setPeers([addressNumber(1)]);
  await world.until("each has dialled the other", () => two.seen.length === 2);
  assert.equal(one.isReady(2), false);
  own = { ...own, ports: { ...own.ports, strata: 9865 } };
  one.peers.announce();
  await world.until("two knows", () => two.seen.some(({ ports }) => ports.strata === 9865));
});

test("after close nothing is sent, said or left to run", async () => {
  const world = new PeerWorld(17);
  const [one, two] = await world.startPair();
  one.peers.send(heartbeat([1, 2, 5]));
  const before = two.received.length;
  await world.scheduler.settle(one.peers.close());
  two.peers.send(heartbeat([2, 1, 5]));
  await world.pass(30_000);
  assert.equal(two.received.length, before);
  assert.deepEqual([one.received, one.unreachable, one.gone], [[], [], []]);
  assert.equal(one.process.plannedCount, 0);
  assert.equal(two.isReady(1), false);
  await world.scheduler.settle(one.peers.close());
});

test("a peer that goes orderly is gone as well", async () => {
  const world = new PeerWorld(18);
  const [one, two] = await world.startPair();
  await world.pass(2_000);
  await world.scheduler.settle(one.peers.close());
  await world.until("two knows", () => two.gone.length === 1);
});

test("appends wait for a full socket, everything else goes past them, and all of it arrives", async () => {
  const world = new PeerWorld(19);
  const [one, two] = await world.startPair({ socketBytesMax: 100_000 });
  const appends = makeEntries(40, 50_000).map((entry) => {
    return appReq([1, 2, 5], { previous: [5, entry.index - 1], entries: [entry], commit: 0 });
  });
  const thaw = world.network.freeze(hostOf(2));
  for (const append of appends) one.peers.send(append);
  one.peers.send(heartbeat([1, 2, 5], 1));
  await world.pass(10);
  const [status] = one.peers.status();
  assert.ok((status?.waitingBytes ?? 0) > 1_500_000);
  thaw();
  await world.until("all arrived", () => two.received.length === appends.length + 1);
  assert.deepEqual(
    two.received.filter((message) => message.kind === appends[0]?.kind),
    appends,
    "appends keep their order",
  );
  const place = two.received.findIndex((message) => message.kind !== appends[0]?.kind);
  assert.ok(place < 10, `the heartbeat came as number ${place}`);
  assert.equal(one.peers.counters.messagesDropped, 0);
  assert.equal(one.peers.status()[0]?.waitingBytes, 0);
});

test("an append never goes past one that waits, though the socket has room again", async () => {
  const world = new PeerWorld(34);
  const [one, two] = await world.startPair({ socketBytesMax: 100_000, drainIntervalMs: 1_000 });
  const appends = makeEntries(10, 50_000).map((entry) => {
    return appReq([1, 2, 5], { previous: [5, entry.index - 1], entries: [entry] });
  });
  for (const append of appends.slice(0, 9)) one.peers.send(append);
  await world.pass(100);
  assert.ok(two.received.length > 0 && two.received.length < 9);
  for (const append of appends.slice(9)) one.peers.send(append);
  await world.until("all arrived", () => two.received.length === appends.length);
  assert.deepEqual(two.received, appends);
});

test("what waits for a member is bounded: more is dropped and told, and room makes it go on", async () => {
  const world = new PeerWorld(20);
  const limits = { socketBytesMax: 100_000, queueBytesMax: 300_000, socketBytesLimit: 200_000 };
  const [one, two] = await world.startPair(limits);
  const [entry] = makeEntries(1, 50_000);
  assert.ok(entry !== undefined);
  const append = appReq([1, 2, 5], { previous: [5, entry.index - 1], entries: [entry] });
  const thaw = world.network.freeze(hostOf(2));
  for (let turn = 0; turn < 4; turn++) {
    for (let i = 0; i < 5; i++) one.peers.send(append);
    await world.pass(1);
  }
  const { waitingBytes } = one.peers.status()[0] ?? { waitingBytes: 0 };
  assert.ok(waitingBytes > 200_000, `${waitingBytes}`);
  assert.ok(waitingBytes < limits.queueBytesMax + limits.socketBytesMax + 2 * entryBytes(entry));
  assert.ok(one.peers.counters.messagesDropped > 5);
  assert.deepEqual(new Set(one.unreachable), new Set([2]));
  for (let i = 0; i < 10_000; i++) one.peers.send(heartbeat([1, 2, 5], i));
  one.peers.flush();
  const dropped = one.peers.counters.messagesDropped;
  one.peers.send(heartbeat([1, 2, 5]));
  assert.equal(one.peers.counters.messagesDropped, dropped + 1, "so is what is small");
  thaw();
  await world.until("it is empty", () => one.peers.status()[0]?.waitingBytes === 0);
  two.received.length = 0;
  one.peers.send(append);
  await world.until("it goes on", () => two.received.length === 1);
});

test("an append to one member that cannot be sent does not stop the others", async () => {
  const world = new PeerWorld(21);
  const [one, two] = await world.startPair();
  const entries = makeEntries(1, 2 * 1024 * 1024);
  one.peers.send(appReq([1, 2, 5], { previous: [5, 99], entries }));
  one.peers.send(heartbeat([1, 2, 5], 1));
  await world.until("the next one", () => two.received.length === 1);
  assert.deepEqual(two.received, [heartbeat([1, 2, 5], 1)]);
  assert.deepEqual(one.unreachable, [2]);
  assert.equal(one.isReady(2), true, "numbers have no gap");
});

test("a read that is passed on keeps the name of who asked first", async () => {
  const world = new PeerWorld(22);
  const [one, two] = await world.startPair();
  one.peers.send(readIndexReq(3, 2, 8));
  await world.until("the request", () => two.received.length === 1);
  assert.equal(two.received[0]?.from, nodeId(3));
});

test("an SCM that listens on a port of the system's choice says which", async () => {
  const world = new PeerWorld(23);
  const one = new PeerNode(world, 1);
  const port = await world.scheduler.settle(one.peers.listen("0.0.0.0", 0));
  assert.ok(port > 0 && port !== RAFT_PORT);
  const two = new PeerNode(world, 2);
  two.peers.setPeers([addressNumber(1, { port })]);
  await world.until("connected", () => two.isReady(1));
});

test("all that Raft leaves unanswered fits the queue of a member", () => {
  const { inflightAppendBytesMax, inflightAppendsMax, appendBytesMax } = DEFAULT_RAFT_HOST_OPTIONS;
  const headers = 128 * (inflightAppendsMax + 1);
  assert.ok(DEFAULT_PEER_LIMITS.queueBytesMax >= inflightAppendBytesMax + appendBytesMax + headers);
});
