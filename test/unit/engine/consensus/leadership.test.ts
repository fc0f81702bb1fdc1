import assert from "node:assert/strict";
import { test } from "node:test";
import { LeadershipState } from "../../../../engine/consensus/leadership.js";
import { term } from "../../../../engine/core/ids.js";
import { NO_NODE, nodeId } from "../../../../engine/raft/types.js";

const leading = (termNumber: number) => ({ term: term(termNumber), leaderId: nodeId(1), isLeader: true });

test("listeners hear each change once, and none after they left", () => {
  const leadership = new LeadershipState();
  let calls = 0;
  const leave = leadership.subscribe(() => calls++);
  leadership.update(leading(2));
  leadership.update(leading(2));
  leadership.becomeReady();
  leadership.becomeReady();
  assert.equal(calls, 2);
  leave();
  leadership.update(leading(3));
  assert.equal(calls, 2);
});

test("readiness ends with the term or the office", () => {
  const leadership = new LeadershipState();
  leadership.becomeReady();
  assert.equal(leadership.leaderReady, false, "only a leader serves");
  leadership.update(leading(2));
  leadership.becomeReady();
  leadership.update(leading(3));
  assert.equal(leadership.leaderReady, false);
  leadership.becomeReady();
  leadership.update({ term: term(3), leaderId: NO_NODE, isLeader: false });
  assert.equal(leadership.leaderReady, false);
  assert.equal(leadership.leaderId, 0);
});

test("a listener that leaves while it is called does not disturb the others", () => {
  const leadership = new LeadershipState();
  const heard: string[] = [];
  const leave = leadership.subscribe(() => {
    heard.push("first");
    leave();
  });
  leadership.subscribe(() => heard.push("second"));
  leadership.update(leading(1));
  leadership.update(leading(2));
  assert.deepEqual(heard, ["first", "second", "second"]);
});
