import { deepStrictEqual, equal, ok } from "node:assert/strict";
import { randomInt } from "node:crypto";
import { test } from "node:test";
import fc from "fast-check";
import { logIndex, term } from "../../engine/core/ids.js";
import type { Random } from "../../engine/core/random.js";
import { SeededRandom } from "../../engine/core/random.js";
import { decodeMessage, encodeMessage } from "../../engine/peers/message-codec.js";
import { readFrames } from "../../engine/peers/peer-frames.js";
import {
  HELLO_OP,
  HELLO_REQUEST,
  HELLO_RESPONSE,
  MEMBER_CHANGED,
  memberOf,
  PING,
  PING_OP,
  PONG,
} from "../../engine/peers/peer-hello.js";
import type { Message } from "../../engine/raft/message.js";
import { MESSAGE_KIND } from "../../engine/raft/message.js";
import { nodeId, type ReadContext } from "../../engine/raft/types.js";
import { violationOfForm } from "../../engine/raft/violation.js";
import { FLAG_ANSWER, FRAME_HEADER_BYTES, readFrame } from "../../protocol/codec/frame.js";
import { PEER_MESSAGES } from "../../protocol/schema/peer-messages.js";
import { outcomeOf, savedFrames } from "../support/fuzz-case.js";
import { mutate, withHeader } from "../support/mutate-frame.js";
import { makeEntries } from "../support/peers/make-entries.js";
import { CLUSTER, memberNumber, PeerWorld } from "../support/peers/peer-world.js";
import { raftMessage } from "../support/peers/raft-message-arbitrary.js";
import { helloOf, RawPeer } from "../support/peers/raw-peer.js";
import {
  appReject,
  appReq,
  heartbeat,
  heartbeatResp,
  preVoteReq,
  preVoteResp,
  readIndexReq,
  timeoutNow,
  voteReq,
  voteResp,
} from "../support/raft/make-message.js";

const VERSION_1 = new URL("../../../test/fuzz/corpus/peer-protocol/version-1.txt", import.meta.url);
/** To replay a failed run, put the seed of its test name here. */
const REPLAY_SEED: number | undefined = undefined;
const SEED = REPLAY_SEED ?? randomInt(2 ** 31);
const MUTATED_COUNT = 30_000;
const RAW_COUNT = 20_000;
const CONNECTION_COUNT = 400;
const SAMPLE_COUNT = 300;

/** One message of each kind. A frame of it stands in version-1.txt for ever. */
const EXAMPLES: readonly Message[] = [
  appReq([1, 2, 7], { previous: [6, 99], entries: makeEntries(2, 3), commit: 98 }),
  appReject([2, 1, 7], 99, [5, 80]),
  voteReq([2, 3, 8], [7, 101], true),
  voteResp([3, 2, 8], true),
  preVoteReq([2, 3, 8], [7, 101]),
  preVoteResp([3, 2, 8]),
  heartbeat([1, 2, 7], 2 ** 40, 12),
  heartbeatResp([2, 1, 7], 12),
  readIndexReq(3, 1, 5),
  {
    kind: MESSAGE_KIND.READ_INDEX_RESP,
    from: nodeId(1),
    to: nodeId(3),
    term: term(7),
    context: 5 as ReadContext,
    index: logIndex(99),
  },
  timeoutNow([1, 2, 7]),
];

/** Frames of every op by its name. */
function exampleFrames(): Map<string, Uint8Array> {
  const nameOf = new Map(Object.entries(PEER_MESSAGES).map(([name, { op }]) => [op as number, name]));
  const frames = new Map(
    EXAMPLES.map((message) => {
      const frame = encodeMessage(message, 1000 + message.kind);
      return [nameOf.get(frame[0] as number) ?? "", frame] as const;
    }),
  );
  const member = memberNumber(2);
  const response = { protocolVersion: 1, clusterId: CLUSTER, member };
  return frames
    .set("hello request", helloOf(1, 2))
    .set("hello response", HELLO_RESPONSE.encode(HELLO_OP, FLAG_ANSWER, 1, response))
    .set("ping request", PING.encode(PING_OP, 0, 2, {}))
    .set("ping response", PONG.encode(PING_OP, FLAG_ANSWER, 2, {}))
    .set("memberChanged", MEMBER_CHANGED.encode(PEER_MESSAGES.memberChanged.op, 0, 3, { member }));
}

test("messages of version 1 between members are read as ever, and written byte for byte", () => {
  const saved = savedFrames(VERSION_1);
  const frames = exampleFrames();
  deepStrictEqual([...saved.keys()].sort(), [...frames.keys()].sort());
  for (const [name, frame] of frames) equal(Buffer.from(frame).toString("hex"), saved.get(name), name);
  for (const example of EXAMPLES) {
    const hex = [...saved.values()].find(
      (text) => Number.parseInt(text.slice(0, 2), 16) === 16 + example.kind,
    );
    const frame = Uint8Array.from(Buffer.from(hex ?? "", "hex"));
    const { op, bodyStart, bodyEnd } = readFrame(frame);
    deepStrictEqual(decodeMessage(op, frame, bodyStart, bodyEnd), example);
  }
});

/** What a member makes of a message. Whatever the bytes are, they give messages, which come back as the same
 * when they are sent again, or an error that closes the connection. */
function receive(message: Uint8Array): string | undefined {
  return outcomeOf(message, readAsMember, (error) => {
    ok(error.class === "ProtocolError" || error.code === "UNSUPPORTED_OPERATION", error.message);
  });
}

function readAsMember(message: Uint8Array): undefined {
  readFrames(message, ({ op, bodyStart, bodyEnd }, bytes) => {
    if (op === HELLO_OP) memberOf(HELLO_REQUEST.decode(bytes, bodyStart, bodyEnd).member);
    else if (op === PING_OP) PING.decode(bytes, bodyStart, bodyEnd);
    else if (op === PEER_MESSAGES.memberChanged.op) {
      memberOf(MEMBER_CHANGED.decode(bytes, bodyStart, bodyEnd).member);
    } else {
      const decoded = decodeMessage(op, bytes, bodyStart, bodyEnd);
      violationOfForm(decoded);
      const again = encodeMessage(decoded, 1);
      deepStrictEqual(decodeMessage(op, again, FRAME_HEADER_BYTES, again.length), decoded);
    }
    return true;
  });
}

/** Valid messages of every kind, some of several frames. */
function samples(): Uint8Array[] {
  const frames = fc
    .sample(raftMessage, { seed: SEED, numRuns: SAMPLE_COUNT })
    .map((message) => Uint8Array.from(encodeMessage(message, 1)));
  const several = frames.slice(0, 50).map((frame, i) => Buffer.concat([frame, frames[i + 50] as Uint8Array]));
  const changed = MEMBER_CHANGED.encode(PEER_MESSAGES.memberChanged.op, 0, 1, { member: memberNumber(1) });
  return [...frames, ...several, helloOf(1, 2), changed, PING.encode(PING_OP, 0, 1, {})];
}

/** A copy with a header that is right for the length. */
function reframe(bytes: Uint8Array, random: Random): Uint8Array {
  const op = random.below(20) === 0 ? 1 + random.below(255) : (bytes[0] ?? 0) || 1;
  return withHeader(bytes, op, 0, 2);
}

test(`${MUTATED_COUNT} damaged messages of members give messages or errors (seed ${SEED})`, () => {
  const random = new SeededRandom(SEED);
  const valid = samples();
  for (const bytes of valid) equal(receive(bytes), undefined);
  const outcomes = new Map<string, number>();
  for (let i = 0; i < MUTATED_COUNT; i++) {
    let bytes = valid[random.below(valid.length)] as Uint8Array;
    for (let n = 1 + random.below(3); n > 0; n--) bytes = mutate(bytes, random, valid);
    // Most get a header that fits, or next to none would be read further than that.
    if (random.below(10) > 0) bytes = reframe(bytes, random);
    const outcome = receive(bytes) ?? "taken";
    outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
  }
  // A fuzzer that never gets past the first check tests nothing.
  for (const outcome of ["taken", "BODY_MALFORMED", "FIELD_INVALID"]) {
    ok((outcomes.get(outcome) ?? 0) > MUTATED_COUNT / 200, `${outcome}: ${outcomes.get(outcome)}`);
  }
  ok(outcomes.has("PEER_MESSAGE_INVALID"));
});

test(`${RAW_COUNT} messages of random bytes give messages or errors (seed ${SEED})`, () => {
  const random = new SeededRandom(SEED).stream("raw");
  for (let i = 0; i < RAW_COUNT; i++) {
    const bytes = new Uint8Array(random.below(200));
    random.fill(bytes);
    receive(random.below(2) === 0 || bytes.length < FRAME_HEADER_BYTES ? bytes : reframe(bytes, random));
  }
});

test(`a member outlives ${CONNECTION_COUNT} connections of damaged messages (seed ${SEED})`, async () => {
  const random = new SeededRandom(SEED).stream("connections");
  const world = new PeerWorld(SEED);
  const two = await world.start(2, { addressOf: () => ({ host: "10.0.0.99", port: 1 }) });
  const good = await world.start(3);
  good.peers.setPeers([{ ...memberNumber(2), port: memberNumber(2).ports.raft }]);
  const valid = samples();
  for (let i = 0; i < CONNECTION_COUNT; i++) {
    const peer = await RawPeer.open(world, 1, 2);
    if (random.below(4) > 0) peer.send(helloOf(1, 2));
    for (let n = 1 + random.below(4); n > 0; n--) {
      peer.send(reframe(mutate(valid[random.below(valid.length)] as Uint8Array, random, valid), random));
    }
    await world.pass(5);
    if (random.below(2) === 0) peer.connection.reset();
  }
  for (const message of two.received) equal(message.to, 2);
  await world.until("the good one is still connected", () => good.isReady(2));
});
