import assert from "node:assert/strict";
import { test } from "node:test";
import {
  decodeChangeContext,
  encodeChangeContext,
} from "../../../../../engine/cluster/members/change-context.js";
import { MemberTable } from "../../../../../engine/cluster/members/member-table.js";
import { errorOfResult } from "../../../../../engine/cluster/operation-result.js";
import { logIndex } from "../../../../../engine/core/ids.js";
import { type ConfState, nodeId } from "../../../../../engine/raft/types.js";
import { memberOf, uuidOf } from "../../../../support/cluster/builders.js";
import { LONE_CONF_STATE } from "../../../../support/raft/lone-voter.js";

const WITH_LEARNER: ConfState = { ...LONE_CONF_STATE, learners: [nodeId(2)] };

function groupOfTwo(): MemberTable {
  const table = new MemberTable();
  table.begin(LONE_CONF_STATE);
  table.change(logIndex(5), WITH_LEARNER, memberOf(2));
  return table;
}

function codeOf(result: ReturnType<MemberTable["set"]>): string | undefined {
  return result === undefined ? undefined : errorOfResult(result)?.code;
}

test("a member that a change adds is described from then on, and the version is the change's index", () => {
  const table = new MemberTable();
  table.begin(LONE_CONF_STATE);
  assert.deepEqual([table.nextNodeId, table.configVersion], [2, 0]);
  table.change(logIndex(5), WITH_LEARNER, memberOf(2));
  assert.deepEqual(table.list(), [{ ...memberOf(2), isRemoved: false }]);
  assert.deepEqual([table.nextNodeId, table.configVersion], [3, 5]);
  table.change(logIndex(9), { ...LONE_CONF_STATE, voters: [nodeId(1), nodeId(2)] }, undefined);
  assert.deepEqual(table.list(), [{ ...memberOf(2), isRemoved: false }], "promoted: described as before");
  assert.equal(table.configVersion, 9);
});

test("a removed member is kept as removed, its number is never given again", () => {
  const table = groupOfTwo();
  table.change(logIndex(7), LONE_CONF_STATE, undefined);
  assert.deepEqual(table.list(), []);
  assert.deepEqual(table.get(nodeId(2)), { ...memberOf(2), isRemoved: true });
  assert.equal(table.withScmId(memberOf(2).scmId)?.isRemoved, true);
  assert.equal(table.nextNodeId, 3);
  assert.equal(table.problem(LONE_CONF_STATE), undefined);
});

test("a voter that a joint configuration still needs is not removed yet", () => {
  const table = groupOfTwo();
  const joint = { ...LONE_CONF_STATE, votersOutgoing: [nodeId(1), nodeId(2)] };
  table.change(logIndex(7), joint, undefined);
  assert.equal(table.get(nodeId(2))?.isRemoved, false);
  table.change(logIndex(8), { ...LONE_CONF_STATE, learnersNext: [] }, undefined);
  assert.equal(table.get(nodeId(2))?.isRemoved, true);
});

test("a member in the group tells where it is found; nobody else does", () => {
  const table = groupOfTwo();
  assert.equal(codeOf(table.set(memberOf(1), WITH_LEARNER)), undefined, "the first one, never described");
  const moved = memberOf(2, { host: "elsewhere" });
  assert.equal(codeOf(table.set(moved, WITH_LEARNER)), undefined);
  assert.equal(table.get(nodeId(2))?.host, "elsewhere");
  assert.equal(codeOf(table.set(memberOf(3), WITH_LEARNER)), "MEMBER_UNKNOWN");
  table.change(logIndex(7), LONE_CONF_STATE, undefined);
  assert.equal(codeOf(table.set(moved, LONE_CONF_STATE)), "MEMBER_REMOVED");
});

test("an SCM keeps its number, and a number its SCM", () => {
  const table = groupOfTwo();
  const other = memberOf(2, { scmId: uuidOf(77) });
  assert.equal(codeOf(table.set(other, WITH_LEARNER)), "INVALID_ARGUMENT");
  const twice = memberOf(1, { scmId: memberOf(2).scmId });
  assert.equal(codeOf(table.set(twice, WITH_LEARNER)), "INVALID_ARGUMENT");
  const three = { ...WITH_LEARNER, learners: [nodeId(2), nodeId(3)] };
  assert.throws(
    () => table.change(logIndex(8), three, memberOf(3, { scmId: memberOf(2).scmId })),
    RangeError,
  );
  assert.throws(() => table.change(logIndex(8), three, memberOf(4)), RangeError, "described, but not added");
});

test("what changes nothing leaves nothing to write", () => {
  const table = groupOfTwo();
  table.rows.dirty.freeze();
  const before = table.rows.hash.toString();
  assert.equal(table.set(memberOf(2), WITH_LEARNER), undefined);
  assert.equal(table.rows.hash.toString(), before);
  assert.equal(table.rows.dirty.dirtyBytes(), 96, "the frozen row alone");
});

test("a change's context is read back, and refused when it is cut off or of another format", () => {
  assert.equal(decodeChangeContext(encodeChangeContext(undefined)), undefined);
  const member = memberOf(2 ** 40, { name: "" });
  const context = encodeChangeContext(member);
  assert.deepEqual(decodeChangeContext(context), member);
  for (let length = 1; length < context.length; length++) {
    assert.throws(() => decodeChangeContext(context.subarray(0, length)), RangeError);
  }
  assert.throws(() => decodeChangeContext(Buffer.concat([context, Buffer.of(0)])), RangeError);
  assert.throws(() => decodeChangeContext(Uint8Array.from(context).fill(9, 0, 1)), RangeError);
  assert.throws(() => decodeChangeContext(encodeChangeContext(memberOf(1, { host: "" }))), RangeError);
});
