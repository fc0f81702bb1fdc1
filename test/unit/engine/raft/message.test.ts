import assert from "node:assert/strict";
import { test } from "node:test";
import type { MessageKind } from "../../../../engine/raft/message.js";
import {
  isAfterAppendKind,
  isLocalKind,
  isResponseKind,
  MESSAGE_KIND,
} from "../../../../engine/raft/message.js";

const namesOf = (predicate: (kind: MessageKind) => boolean) =>
  Object.entries(MESSAGE_KIND)
    .filter(([, kind]) => predicate(kind))
    .map(([name]) => name);

test("kinds have distinct numbers", () => {
  const kinds = Object.values(MESSAGE_KIND);
  assert.equal(new Set(kinds).size, kinds.length);
});

test("promises about what is durable wait for the append, refusals too", () => {
  assert.deepEqual(namesOf(isAfterAppendKind), ["APP_RESP", "VOTE_RESP", "PRE_VOTE_RESP"]);
});

test("local kinds never come from the network", () => {
  assert.deepEqual(namesOf((kind) => !isLocalKind(kind)).length, 14);
  assert.ok(namesOf(isLocalKind).includes("STORAGE_APPEND_RESP"));
  assert.ok(!namesOf(isLocalKind).includes("TRANSFER_LEADER"));
});

test("responses only make sense from members", () => {
  assert.deepEqual(
    namesOf(isResponseKind).filter((name) => !name.endsWith("_RESP")),
    ["UNREACHABLE"],
  );
});
