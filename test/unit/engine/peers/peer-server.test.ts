import assert from "node:assert/strict";
import { test } from "node:test";
import { encodeMessage } from "../../../../engine/peers/message-codec.js";
import {
  HELLO_OP,
  HELLO_REQUEST,
  HELLO_RESPONSE,
  MEMBER_CHANGED,
  PING,
  PING_OP,
} from "../../../../engine/peers/peer-hello.js";
import { decodeError } from "../../../../protocol/codec/errors.js";
import {
  FLAG_ANSWER,
  FLAG_ERROR,
  FRAME_HEADER_BYTES,
  readFrame,
  writeFrameHeader,
} from "../../../../protocol/codec/frame.js";
import { PEER_FRAME_BYTES_MAX, PEER_MESSAGE_BYTES_MAX } from "../../../../protocol/schema/peer-messages.js";
import { CLUSTER, memberNumber, type PeerNode, PeerWorld } from "../../../support/peers/peer-world.js";
import { helloOf, RawPeer } from "../../../support/peers/raw-peer.js";
import { appResp, heartbeat, readIndexReq } from "../../../support/raft/make-message.js";

/** Member 2 listens; member 1 dials it and says what the test wants. */
async function stage(seed: number): Promise<{ world: PeerWorld; two: PeerNode }> {
  const world = new PeerWorld(seed);
  // Its own dials come to nothing.
  return { world, two: await world.start(2, { addressOf: () => ({ host: "10.0.0.99", port: 1 }) }) };
}

function frameOf(op: number, number: number, body: Uint8Array, flags = 0): Uint8Array {
  const frame = new Uint8Array(FRAME_HEADER_BYTES + body.length);
  frame.set(body, FRAME_HEADER_BYTES);
  writeFrameHeader(frame, op, flags, number);
  return frame;
}

test("hello is answered with who is there, a ping with itself", async () => {
  const { world } = await stage(1);
  const peer = await RawPeer.greeted(world, 1, 2);
  const hello = peer.received[0] as Uint8Array;
  const { op, flags, requestId, bodyStart, bodyEnd } = readFrame(hello);
  assert.deepEqual([op, flags, requestId], [HELLO_OP, FLAG_ANSWER, 1]);
  const member = memberNumber(2);
  assert.deepEqual(HELLO_RESPONSE.decode(hello, bodyStart, bodyEnd), {
    protocolVersion: 1,
    clusterId: CLUSTER,
    member: { ...member, ports: { ...member.ports } },
  });
  peer.send(PING.encode(PING_OP, 0, peer.nextNumber(), {}));
  await world.until("the answer", () => peer.received.length === 2);
  const pong = readFrame(peer.received[1] as Uint8Array);
  assert.deepEqual([pong.op, pong.flags, pong.requestId], [PING_OP, FLAG_ANSWER, 2]);
});

test("a refusal is told with its code, in the answer and by the close", async () => {
  const { world } = await stage(2);
  const peer = await RawPeer.open(world, 1, 2);
  const hello = { protocolVersionMax: 1, clusterId: "CID-other", member: memberNumber(1), target: 2 };
  peer.send(HELLO_REQUEST.encode(HELLO_OP, 0, 1, hello));
  await world.until("it is closed", () => peer.closed !== undefined);
  const answer = peer.received[0] as Uint8Array;
  const { flags, bodyStart, bodyEnd } = readFrame(answer);
  assert.equal(flags, FLAG_ANSWER | FLAG_ERROR);
  assert.equal(decodeError(answer, bodyStart, bodyEnd).code, "CLUSTER_ID_MISMATCH");
  assert.equal(peer.closed?.code, 4200);
});

test("who says nothing is hung up on", async () => {
  const { world } = await stage(3);
  const peer = await RawPeer.open(world, 1, 2);
  await world.pass(3_500);
  assert.match(peer.closed?.reason ?? "", /^HANDSHAKE_TIMEOUT/);
});

const PORTS = memberNumber(1).ports;
/** What member 1 may not send before it was greeted. */
const BAD_HELLOS: readonly [string, RegExp, () => Uint8Array][] = [
  ["a message", /^HELLO_EXPECTED/, () => encodeMessage(heartbeat([1, 2, 5]), 1)],
  ["a hello with a number other than 1", /^REQUEST_ID/, () => helloOf(1, 2, 2)],
  ["an empty message", /^FRAME_TRUNCATED/, () => new Uint8Array(0)],
  ["half a header", /^FRAME_TRUNCATED/, () => helloOf(1, 2).subarray(0, 9)],
  ["a hello that is cut off", /^FRAME_TRUNCATED/, () => helloOf(1, 2).subarray(0, 60)],
  [
    "a hello of version 0",
    /^FIELD_INVALID/,
    () => {
      const hello = { protocolVersionMax: 0, clusterId: CLUSTER, member: memberNumber(1), target: 2 };
      return HELLO_REQUEST.encode(HELLO_OP, 0, 1, hello);
    },
  ],
  ...["", "a b", "a/b", "user@host", "host:80", "[::1]"].map((host): [string, RegExp, () => Uint8Array] => [
    `the host "${host}"`,
    /^PEER_MESSAGE_INVALID/,
    () => {
      const member = { ...memberNumber(1), host, ports: PORTS };
      return HELLO_REQUEST.encode(HELLO_OP, 0, 1, {
        protocolVersionMax: 1,
        clusterId: CLUSTER,
        member,
        target: 2,
      });
    },
  ]),
];
for (const [what, expected, bytes] of BAD_HELLOS) {
  test(`${what} in place of hello closes the connection`, async () => {
    const { world, two } = await stage(4);
    const peer = await RawPeer.open(world, 1, 2);
    peer.send(bytes());
    await world.until("it is closed", () => peer.closed !== undefined);
    assert.match(peer.closed?.reason ?? "", expected);
    assert.deepEqual([two.received, two.seen], [[], []]);
    assert.equal(two.peers.counters.refusals, 1);
  });
}

/** What member 1 may not send after it was greeted, as frame number 2. */
const BAD_MESSAGES: readonly [string, RegExp, Uint8Array][] = [
  ["a second hello", /^HELLO_REPEATED/, helloOf(1, 2, 2)],
  ["a message in another's name", /^PEER_MESSAGE_INVALID/, encodeMessage(heartbeat([3, 2, 5]), 2)],
  ["a message in the receiver's own name", /^PEER_MESSAGE_INVALID/, encodeMessage(heartbeat([2, 2, 5]), 2)],
  ["a read in the receiver's own name", /^PEER_MESSAGE_INVALID/, encodeMessage(readIndexReq(2, 2, 1), 2)],
  ["a message to another", /^PEER_MESSAGE_INVALID/, encodeMessage(heartbeat([1, 3, 5]), 2)],
  ["a message whose number was used", /^REQUEST_ID/, encodeMessage(heartbeat([1, 2, 5]), 1)],
  ["a message after a gap", /^REQUEST_ID/, encodeMessage(heartbeat([1, 2, 5]), 3)],
  ["an answer", /^FRAME_MALFORMED/, frameOf(24, 2, Uint8Array.of(0x90), FLAG_ANSWER)],
  ["an unknown op", /^UNSUPPORTED_OPERATION/, frameOf(200, 2, Uint8Array.of(0x90))],
  ["a part of a snapshot", /^UNSUPPORTED_OPERATION/, frameOf(4, 2, Uint8Array.of(1, 2, 3))],
  ["a proposal that is passed on", /^UNSUPPORTED_OPERATION/, frameOf(16 + 13, 2, Uint8Array.of(0x90))],
  ["a message that stays within a node", /^UNSUPPORTED_OPERATION/, frameOf(16 + 64, 2, Uint8Array.of(0x90))],
  ["a message with too few fields", /^FIELD_INVALID/, frameOf(24, 2, Uint8Array.of(0x92, 1, 2))],
  ["a body that is no msgpack", /^BODY_MALFORMED/, frameOf(24, 2, Uint8Array.of(0x95, 0xc1))],
  ["a frame above the limit", /^FRAME_TOO_LARGE/, frameOf(24, 2, new Uint8Array(PEER_FRAME_BYTES_MAX))],
  [
    "another member's description as its own",
    /^PEER_MESSAGE_INVALID/,
    MEMBER_CHANGED.encode(3, 0, 2, { member: memberNumber(3) }),
  ],
];
for (const [what, expected, bytes] of BAD_MESSAGES) {
  test(`${what} closes the connection, and what came before it counts`, async () => {
    const { world, two } = await stage(5);
    const peer = await RawPeer.open(world, 1, 2);
    peer.send(Buffer.concat([helloOf(1, 2), bytes, encodeMessage(appResp([1, 2, 5], 1), 3)]));
    await world.until("it is closed", () => peer.closed !== undefined);
    assert.match(peer.closed?.reason ?? "", expected);
    assert.equal(two.seen.length, 1);
    assert.deepEqual(two.received, [], "what came behind it does not");
    assert.equal(two.isHeard(1), false);
    await world.pass(1_000);
    assert.deepEqual(two.gone, [], "who is hung up on has not ended");
  });
}

test("an SCM with the same node id is told so, whoever it looks for", async () => {
  const { world } = await stage(9);
  const peer = await RawPeer.open(world, 1, 2);
  peer.send(helloOf(2, 2));
  await world.until("it is closed", () => peer.closed !== undefined);
  assert.match(peer.closed?.reason ?? "", /^NODE_ID_TAKEN/);
});

test("a newer connection of a member closes the older at once", async () => {
  const { world, two } = await stage(10);
  const older = await RawPeer.greeted(world, 1, 2);
  const newer = await RawPeer.greeted(world, 1, 2);
  await world.until("the older is closed", () => older.closed !== undefined, 10);
  assert.match(older.closed?.reason ?? "", /^REPLACED_BY_NEW_CONNECTION/);
  assert.equal(two.isHeard(1), true);
  assert.equal(newer.closed, undefined);
  assert.deepEqual(two.gone, []);
});

test("a WebSocket message above the limit is not taken in at all", async () => {
  const { world } = await stage(6);
  const peer = await RawPeer.greeted(world, 1, 2);
  peer.send(new Uint8Array(PEER_MESSAGE_BYTES_MAX + 1));
  await world.until("it is closed", () => peer.closed !== undefined);
  assert.equal(peer.closed?.code, 1009);
});

test("other paths and subprotocols are not served", async () => {
  const { world } = await stage(7);
  const peer = new RawPeer(world, 1, 2, "/admin");
  await world.until("it is refused", () => peer.closed !== undefined);
  assert.match(peer.closed?.reason ?? "", /404/);
});

test("a member that leaves its answers unread is cut off", async () => {
  const { world } = await stage(8);
  const peer = await RawPeer.greeted(world, 1, 2);
  peer.connection.pauseReading();
  const pings = (): Uint8Array => {
    const frames = Array.from({ length: 1000 }, () => PING.encode(PING_OP, 0, peer.nextNumber(), {}));
    return Buffer.concat(frames);
  };
  for (let i = 0; i < 300; i++) peer.send(pings());
  await world.pass(1_000);
  peer.connection.resumeReading();
  await world.until("it is closed", () => peer.closed !== undefined);
  assert.ok(peer.received.length < 300_000);
});
