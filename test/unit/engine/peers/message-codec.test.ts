import assert from "node:assert/strict";
import { randomInt } from "node:crypto";
import { test } from "node:test";
import fc from "fast-check";
import { logIndex, term } from "../../../../engine/core/ids.js";
import {
  decodeMessage,
  encodeMessage,
  isPeerKind,
  messageBytes,
} from "../../../../engine/peers/message-codec.js";
import type { AppReq, Message } from "../../../../engine/raft/message.js";
import { isLocalKind, MESSAGE_KIND } from "../../../../engine/raft/message.js";
import {
  ENTRY_OVERHEAD_BYTES,
  ENTRY_TYPE,
  LOCAL_APPEND_THREAD,
  LOCAL_APPLY_THREAD,
} from "../../../../engine/raft/types.js";
import { RecordCodec } from "../../../../protocol/codec/codec.js";
import { FRAME_HEADER_BYTES, readFrame } from "../../../../protocol/codec/frame.js";
import {
  APP_REQ,
  ENTRY_PAYLOAD_BYTES_MAX,
  HEARTBEAT,
  PEER_FRAME_BYTES_MAX,
} from "../../../../protocol/schema/peer-messages.js";
import { raftMessage } from "../../../support/peers/raft-message-arbitrary.js";
import {
  appReq,
  heartbeat,
  makeSnapshot,
  prop,
  snap,
  transferLeader,
} from "../../../support/raft/make-message.js";

const SEED = randomInt(2 ** 31);

function decode(frame: Uint8Array): Message {
  const { op, bodyStart, bodyEnd } = readFrame(frame, PEER_FRAME_BYTES_MAX);
  return decodeMessage(op, frame, bodyStart, bodyEnd);
}

function append(...payloads: readonly Uint8Array[]): AppReq {
  const entries = payloads.map((payload, i) => {
    return { term: term(3), index: logIndex(8 + i), type: ENTRY_TYPE.NORMAL, payload };
  });
  return appReq([1, 2, 3], { previous: [2, 7], entries, commit: 7 });
}

test(`every message comes back as it was sent (seed ${SEED})`, () => {
  fc.assert(
    fc.property(raftMessage, fc.nat(), (message, before) => {
      const frame = encodeMessage(message, before + 1);
      assert.equal(readFrame(frame).requestId, before + 1);
      assert.deepEqual(decode(frame), message);
      assert.ok(frame.length <= messageBytes(message), `${frame.length} of ${messageBytes(message)}`);
    }),
    { seed: SEED, numRuns: 2000 },
  );
});

test("payloads may be kept: they are not those of the frame", () => {
  const frame = Buffer.from(encodeMessage(append(Uint8Array.of(1, 2, 3), Uint8Array.of(4)), 1));
  const message = decode(frame) as AppReq;
  frame.fill(0xdd);
  assert.deepEqual(
    message.entries.map(({ payload }) => payload),
    [Uint8Array.of(1, 2, 3), Uint8Array.of(4)],
  );
  assert.equal(message.entries[0]?.payload.constructor, Uint8Array);
});

test("the largest entry fits a frame, and so does an append of as much in the smallest entries", () => {
  const large = append(new Uint8Array(ENTRY_PAYLOAD_BYTES_MAX));
  assert.equal(
    (decode(encodeMessage(large, 1)) as AppReq).entries[0]?.payload.length,
    ENTRY_PAYLOAD_BYTES_MAX,
  );
  const count = ENTRY_PAYLOAD_BYTES_MAX / ENTRY_OVERHEAD_BYTES;
  const many = append(...new Array<Uint8Array>(count).fill(new Uint8Array(0)));
  assert.equal((decode(encodeMessage(many, 1)) as AppReq).entries.length, count);
  assert.throws(() => encodeMessage(append(new Uint8Array(ENTRY_PAYLOAD_BYTES_MAX + 1)), 1), {
    code: "FIELD_INVALID",
  });
});

test("kinds that stay within a node, and those that nobody passes on, do not travel", () => {
  const kinds = Object.values(MESSAGE_KIND);
  const travelling = kinds.filter(isPeerKind);
  assert.deepEqual(
    kinds.filter((kind) => !isLocalKind(kind) && !travelling.includes(kind)),
    [MESSAGE_KIND.SNAP, MESSAGE_KIND.PROP, MESSAGE_KIND.TRANSFER_LEADER],
  );
  const snapshot = makeSnapshot([2, 9], { voters: [1, 2] });
  for (const message of [snap([1, 2, 3], snapshot), prop(2, 1), transferLeader([2, 1, 0], 2)]) {
    assert.throws(() => encodeMessage(message, 1), { code: "PEER_MESSAGE_INVALID" });
  }
  const { bodyStart, bodyEnd } = readFrame(encodeMessage(heartbeat([1, 2, 3]), 1));
  const frame = encodeMessage(heartbeat([1, 2, 3]), 1);
  for (let op = 0; op < 256; op++) {
    if (travelling.some((kind) => kind + 16 === op)) continue;
    assert.throws(
      () => decodeMessage(op, frame, bodyStart, bodyEnd),
      { code: "UNSUPPORTED_OPERATION" },
      `${op}`,
    );
  }
});

test("nobody speaks in the name of the core's own threads, or of nobody", () => {
  const codec = new RecordCodec<object>(HEARTBEAT);
  for (const id of [0, LOCAL_APPEND_THREAD, LOCAL_APPLY_THREAD]) {
    for (const way of [
      { from: id, to: 2 },
      { from: 1, to: id },
    ]) {
      const frame = codec.encode(24, 0, 1, { ...way, term: 3, commit: 0, readRound: 0 });
      assert.throws(() => decode(frame), { code: "PEER_MESSAGE_INVALID" });
    }
  }
});

test("entries that no index is left for are refused", () => {
  const codec = new RecordCodec<object>(APP_REQ);
  const entry = { term: 1, type: "NORMAL", payload: new Uint8Array(0) };
  const fields = { from: 1, to: 2, term: 3, previousTerm: 1, commit: 0 };
  const last = { ...fields, previousIndex: Number.MAX_SAFE_INTEGER - 1 };
  decode(codec.encode(17, 0, 1, { ...last, entries: [entry] }));
  const frame = codec.encode(17, 0, 1, { ...last, entries: [entry, entry] });
  assert.throws(() => decode(frame), { code: "PEER_MESSAGE_INVALID", class: "ProtocolError" });
});

test("a body that is cut anywhere is refused", () => {
  const frame = encodeMessage(append(Uint8Array.of(1, 2, 3), Uint8Array.of(4)), 1);
  for (let end = FRAME_HEADER_BYTES; end < frame.length; end++) {
    assert.throws(() => decodeMessage(frame[0] as number, frame, FRAME_HEADER_BYTES, end), {
      class: "ProtocolError",
    });
  }
});
