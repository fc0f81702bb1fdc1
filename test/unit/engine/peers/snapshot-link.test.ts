import assert from "node:assert/strict";
import { test } from "node:test";
import type { Network } from "../../../../engine/core/network.js";
import type { Uuid } from "../../../../engine/core/uuid.js";
import { encodeMessage } from "../../../../engine/peers/message-codec.js";
import type { DialParts } from "../../../../engine/peers/peer-connection.js";
import { DEFAULT_PEER_LIMITS } from "../../../../engine/peers/peer-limits.js";
import { DialledSnapshot } from "../../../../engine/peers/snapshot-link.js";
import { nodeId } from "../../../../engine/raft/types.js";
import type {
  SnapshotConnection,
  SnapshotConnectionHandler,
} from "../../../../engine/snapshot/snapshot-link.js";
import { SNAPSHOT_PART_BYTES_MAX, SNAPSHOT_PATH } from "../../../../protocol/schema/peer-messages.js";
import { hostOf, type PeerNode, PeerWorld } from "../../../support/peers/peer-world.js";
import { RawPeer } from "../../../support/peers/raw-peer.js";
import { heartbeat } from "../../../support/raft/make-message.js";

class Recorder implements SnapshotConnectionHandler {
  readonly frames: Uint8Array[] = [];
  readonly closed: string[] = [];
  isOpen = false;

  onOpen(): void {
    this.isOpen = true;
  }

  onFrame(frame: Uint8Array): void {
    this.frames.push(Uint8Array.from(frame));
  }

  onClose(reason: string): void {
    this.closed.push(reason);
  }
}

interface Stage {
  readonly world: PeerWorld;
  readonly one: PeerNode;
  readonly two: PeerNode;
  readonly sender: Recorder;
  readonly receiver: Recorder;
  readonly dialled: SnapshotConnection;
  readonly accepted: SnapshotConnection;
}

async function connect(seed: number): Promise<Stage> {
  const world = new PeerWorld(seed);
  const [one, two] = await world.startPair();
  const sender = new Recorder();
  const receiver = new Recorder();
  let accepted: SnapshotConnection | undefined;
  two.peers.snapshotAcceptor = (connection) => {
    accepted = connection;
    return receiver;
  };
  const dialled = one.peers.dial(nodeId(2), sender);
  await world.until("the connection is open", () => sender.isOpen);
  assert.ok(accepted !== undefined);
  return { world, one, two, sender, receiver, dialled, accepted };
}

test("frames of any size go both ways, whole and in order", async () => {
  const { world, sender, receiver, dialled, accepted } = await connect(1);
  assert.deepEqual([dialled.peer, accepted.peer], [2, 1]);
  const frames = [0, 1, 100, SNAPSHOT_PART_BYTES_MAX].map((length) => new Uint8Array(length).fill(length));
  for (const frame of frames) {
    dialled.send(frame);
    accepted.send(frame.subarray(0, 1000));
  }
  await world.until("all arrived", () => receiver.frames.length === 4 && sender.frames.length === 4);
  assert.deepEqual(receiver.frames, frames);
  assert.deepEqual(
    sender.frames,
    frames.map((frame) => frame.subarray(0, 1000)),
  );
});

test("messages of Raft do not wait behind a snapshot", async () => {
  const { world, one, two, receiver, dialled } = await connect(2);
  const release = world.connectionOf(1, 2);
  const snapshot = world.network.connections.filter(({ path }) => path === "/snapshot")[0];
  assert.ok(snapshot !== undefined && snapshot !== release);
  snapshot.toServer.hold();
  dialled.send(new Uint8Array(1_000_000));
  one.peers.send(heartbeat([1, 2, 5]));
  await world.until("the message", () => two.received.length === 1);
  assert.equal(receiver.frames.length, 0);
  snapshot.toServer.release();
  await world.until("the frame", () => receiver.frames.length === 1);
});

test("the side that closes hears nothing more, the other learns why", async () => {
  const stage = await connect(3);
  stage.dialled.close("it is sent");
  stage.dialled.send(Uint8Array.of(1));
  stage.dialled.close("again");
  await stage.world.until("the receiver knows", () => stage.receiver.closed.length === 1);
  assert.deepEqual(stage.sender.closed, []);
  const other = await connect(4);
  other.accepted.close(`no room — ${"x".repeat(300)}`);
  other.accepted.send(Uint8Array.of(1));
  await other.world.until("the sender knows", () => other.sender.closed.length === 1);
  assert.match(other.sender.closed[0] ?? "", /^no room \? x+$/);
  await other.world.pass(10_000);
  assert.deepEqual(other.receiver.closed, []);
});

test("both sides learn that the other has ended, once", async () => {
  const { world, sender, receiver, one } = await connect(5);
  world.kill(2);
  await world.until("the sender knows", () => sender.closed.length === 1);
  assert.deepEqual(receiver.closed, []);
  await world.scheduler.settle(one.peers.close());
  assert.equal(sender.closed.length, 1);
});

test("an end of a snapshot's connection is no sign that the process has ended", async () => {
  const { world, two, dialled } = await connect(6);
  await world.pass(2_000);
  dialled.close("enough");
  await world.pass(2_000);
  assert.deepEqual(two.gone, []);
  assert.equal(two.isReady(1) && two.isHeard(1), true);
});

test("a member that has gone silent is given up", async () => {
  const { world, sender, receiver } = await connect(7);
  world.network.partition(hostOf(1), hostOf(2));
  await world.until("the sender gives up", () => sender.closed.length === 1);
  await world.until("and the receiver", () => receiver.closed.length === 1);
});

test("a member that takes no snapshots, is not known or not there is told by onClose, later", async () => {
  const world = new PeerWorld(8);
  const [one] = await world.startPair();
  const refused = new Recorder();
  const unknown = new Recorder();
  one.peers.dial(nodeId(2), refused);
  one.peers.dial(nodeId(9), unknown);
  assert.deepEqual([refused.closed, unknown.closed], [[], []]);
  await world.until("both are told", () => refused.closed.length === 1 && unknown.closed.length === 1);
  assert.equal(refused.isOpen, false);
  world.kill(2);
  const gone = new Recorder();
  one.peers.dial(nodeId(2), gone);
  await world.until("it is told", () => gone.closed.length === 1);
});

test("a member sends nothing but numbered parts on a snapshot's connection", async () => {
  const world = new PeerWorld(9);
  const two = await world.start(2);
  const receiver = new Recorder();
  two.peers.snapshotAcceptor = () => receiver;
  const peer = await RawPeer.greeted(world, 1, 2, "/snapshot");
  peer.send(encodeMessage(heartbeat([1, 2, 5]), 2));
  await world.until("it is closed", () => peer.closed !== undefined);
  assert.match(peer.closed?.reason ?? "", /^UNSUPPORTED_OPERATION/);
  assert.deepEqual([two.received, receiver.frames], [[], []]);
  assert.equal(receiver.closed.length, 1);
  assert.deepEqual(two.seen, [], "only who sends messages is dialled back");
});

test("one that is closed here is forgotten, too", () => {
  let endedCount = 0;
  const socket = { isOpen: true, send: () => true, close: () => {}, bufferedBytes: () => 0 };
  const network: Network = { dial: () => socket };
  const parts = { network, limits: DEFAULT_PEER_LIMITS } as unknown as DialParts;
  const target = { nodeId: nodeId(2), scmId: "" as Uuid, host: "two", port: 1, path: SNAPSHOT_PATH };
  const dialled = new DialledSnapshot(parts, target, new Recorder(), () => endedCount++);
  dialled.close("");
  assert.equal(endedCount, 1);
});
