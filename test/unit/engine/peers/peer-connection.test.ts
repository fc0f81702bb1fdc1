import assert from "node:assert/strict";
import { test } from "node:test";
import type { ErrorCode } from "../../../../engine/core/errors.js";
import { encodeMessage } from "../../../../engine/peers/message-codec.js";
import { snapshotPart } from "../../../../engine/peers/peer-frames.js";
import { PING_OP, PONG } from "../../../../engine/peers/peer-hello.js";
import { nodeId } from "../../../../engine/raft/types.js";
import { closeCodeOf } from "../../../../protocol/codec/errors.js";
import { FLAG_ANSWER } from "../../../../protocol/codec/frame.js";
import { addressNumber, PeerWorld } from "../../../support/peers/peer-world.js";
import { helloAnswer, RawListener } from "../../../support/peers/raw-listener.js";
import { heartbeat } from "../../../support/raft/make-message.js";

const PONG_FRAME = Uint8Array.from(PONG.encode(PING_OP, FLAG_ANSWER, 2, {}));
const MESSAGE = encodeMessage(heartbeat([2, 1, 5]), 1);

/** What may stand in the place of member 2, and how member 1 closes. */
const BAD_ANSWERS: readonly [string, ErrorCode, readonly Uint8Array[]][] = [
  ["of another cluster", "CLUSTER_ID_MISMATCH", [helloAnswer(2, { clusterId: "CID-another" })]],
  ["of another node", "PEER_NODE_ID", [helloAnswer(3)]],
  ["of a version that is none", "FIELD_INVALID", [helloAnswer(2, { protocolVersion: 0 })]],
  ["of a newer version than was offered", "FRAME_VERSION", [helloAnswer(2, { protocolVersion: 2 })]],
  ["without an answer to hello", "HANDSHAKE_TIMEOUT", []],
  ["that sends before it has answered", "HELLO_EXPECTED", [MESSAGE]],
  ["that answers what was not asked", "FRAME_MALFORMED", [PONG_FRAME]],
  ["that answers hello twice", "FRAME_MALFORMED", [helloAnswer(2), helloAnswer(2)]],
  ["that sends messages the wrong way", "FRAME_MALFORMED", [helloAnswer(2), MESSAGE]],
  ["that sends what is no frame", "FRAME_TRUNCATED", [helloAnswer(2), Uint8Array.of(1, 2, 3)]],
  ["that sends nothing at all", "FRAME_TRUNCATED", [helloAnswer(2), new Uint8Array(0)]],
];
for (const [who, code, answers] of BAD_ANSWERS) {
  test(`a listener ${who} is hung up on with ${code}, and dialled again`, async () => {
    const world = new PeerWorld(1);
    const listener = await RawListener.start(world, 2, answers);
    const one = await world.start(1);
    one.peers.setPeers([addressNumber(2)]);
    await world.until("it hangs up", () => listener.closeCodes.length > 0);
    assert.equal(listener.closeCodes[0], closeCodeOf(code));
    await world.until("it dials again", () => listener.openedCount > 1);
    await world.pass(1_000);
    assert.deepEqual([one.received, one.gone], [[], []]);
  });
}

test("parts of a snapshot come numbered, without a gap, and nothing else does", async () => {
  const part = snapshotPart(Uint8Array.of(7), 1);
  for (const [bad, code] of [
    [snapshotPart(Uint8Array.of(8), 3), "REQUEST_ID"],
    [encodeMessage(heartbeat([2, 1, 5]), 2), "UNSUPPORTED_OPERATION"],
  ] as const) {
    const world = new PeerWorld(2);
    const listener = await RawListener.start(world, 2, [helloAnswer(2), part, bad]);
    const one = await world.start(1);
    one.peers.setPeers([addressNumber(2)]);
    const frames: Uint8Array[] = [];
    const ends: string[] = [];
    one.peers.dial(nodeId(2), {
      onOpen: () => {},
      onFrame: (frame) => frames.push(Uint8Array.from(frame)),
      onClose: (reason) => ends.push(reason),
    });
    await world.until("it hangs up", () => ends.length === 1);
    assert.deepEqual(frames, [Uint8Array.of(7)]);
    await world.until("the listener knows", () => listener.closeCodes.includes(closeCodeOf(code)));
  }
});
