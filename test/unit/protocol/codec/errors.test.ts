import { deepEqual, equal, ok, throws } from "node:assert/strict";
import { test } from "node:test";
import type { ErrorCode } from "../../../../engine/core/errors.js";
import { ERRORS, StrataError } from "../../../../engine/core/errors.js";
import {
  closeCodeOf,
  closeReasonOf,
  decodeError,
  encodeErrorView,
  errorBodyOf,
  errorCodeOfClose,
  type Redirect,
  RemoteError,
} from "../../../../protocol/codec/errors.js";
import { FLAG_ANSWER, FLAG_ERROR, readFrame } from "../../../../protocol/codec/frame.js";
import { uuidOf } from "../../../support/cluster/builders.js";

const CODES = Object.keys(ERRORS) as ErrorCode[];

function sent(error: StrataError, redirect: Omit<Redirect, "term"> = {}): RemoteError {
  const frame = Uint8Array.from(encodeErrorView(3, 77, error, { term: 12, ...redirect }));
  const { op, flags, requestId, bodyStart, bodyEnd } = readFrame(frame);
  deepEqual([op, flags, requestId], [3, FLAG_ANSWER | FLAG_ERROR, 77]);
  return decodeError(frame, bodyStart, bodyEnd);
}

test("every error of the table arrives with its code, class, advice and message", () => {
  for (const code of CODES) {
    const error = new StrataError(code, {});
    const remote = sent(error);
    const { class: kind, retry, wire } = ERRORS[code];
    deepEqual(
      [remote.code, remote.class, remote.retry, remote.wire, remote.name, remote.message, remote.term],
      [code, kind, retry, wire, kind, error.message, 12],
    );
  }
});

test("advice when to retry, the leader's endpoint and its term come from the error's details", () => {
  const leaderHint = "ws://scm2:9865";
  const remote = sent(new StrataError("NOT_LEADER", { term: 9, leaderHint, retryAfterMs: 250 }));
  deepEqual([remote.leaderHint, remote.term, remote.retryAfterMs], [leaderHint, 9, 250]);
  const plain = sent(new StrataError("NOT_LEADER", { term: 9 }));
  deepEqual([plain.leaderHint, plain.retryAfterMs], [undefined, 0]);
});

test("who must ask elsewhere is told who leads and where everybody is, others are not", () => {
  const member = {
    nodeId: 2,
    scmId: uuidOf(2),
    name: "b",
    host: "h".repeat(253),
    strataPort: 65_535,
    raftPort: 9894,
    httpPort: 9876,
    clientPort: 9860,
    datanodePort: 9861,
    blockPort: 9863,
    securityPort: 9961,
  };
  const redirect = { leaderHint: `ws://${member.host}:${member.strataPort}`, members: [member] };
  for (const code of CODES) {
    const remote = sent(new StrataError(code, {}), redirect);
    const isRedirected = code === "NOT_LEADER" || code === "OUTCOME_UNKNOWN";
    equal(remote.leaderHint, isRedirected ? redirect.leaderHint : undefined, code);
    deepEqual(remote.members, isRedirected ? [member] : [], code);
  }
});

test("an error of a newer release keeps its number, name and message, and is not retried", () => {
  const body = { code: 64_999, name: "TOO_MODERN", message: "later", retryAfterMs: 0, term: 1 };
  const remote = new RemoteError(body);
  deepEqual(
    [remote.code, remote.wire, remote.message, remote.retry, remote.class],
    ["TOO_MODERN", 64_999, "later", "never", "RejectedError"],
  );
});

test("a message that is too long for an answer is cut", () => {
  const error = new StrataError("STORAGE_IO", { path: "p", reason: "x".repeat(10_000) });
  equal(errorBodyOf(error, { term: 1 }).message.length, 4096);
  equal(sent(error).message.length, 4096);
});

test("an unreadable error answer is a protocol error itself", () => {
  throws(() => decodeError(Uint8Array.from([0x91, 1]), 0, 2), { code: "FIELD_INVALID" });
  throws(() => decodeError(Uint8Array.from([0x91]), 0, 1), { code: "BODY_MALFORMED" });
});

test("each code has a close code that an application may use, and is found again by it", () => {
  for (const code of CODES) {
    const closeCode = closeCodeOf(code);
    ok(closeCode >= 4000 && closeCode <= 4999, code);
    equal(errorCodeOfClose(closeCode), code);
  }
  equal(errorCodeOfClose(1006), undefined);
});

test("a close reason names the code and fits a close frame, cut between characters", () => {
  const reason = closeReasonOf(new StrataError("FRAME_VERSION", { version: 9 }));
  equal(reason, "FRAME_VERSION: frame version 9 is not supported");
  for (let length = 60; length < 90; length++) {
    const long = closeReasonOf(new StrataError("FRAME_MALFORMED", { reason: "ü".repeat(length) }));
    ok(Buffer.byteLength(long) <= 123, `${length}`);
    equal(long.includes("\ufffd"), false);
    ok(long.startsWith("FRAME_MALFORMED: frame header is malformed: ü"));
  }
});
