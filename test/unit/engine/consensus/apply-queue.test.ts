import assert from "node:assert/strict";
import { test } from "node:test";
import { ApplyQueue } from "../../../../engine/consensus/apply-queue.js";
import { logIndex, term } from "../../../../engine/core/ids.js";
import { encodeConfChange } from "../../../../engine/raft/conf-change-codec.js";
import { MESSAGE_KIND, type StorageApply } from "../../../../engine/raft/message.js";
import type { ConfChange, ConfState, Entry, EntryType } from "../../../../engine/raft/types.js";
import {
  CONF_CHANGE,
  CONF_CHANGE_TRANSITION,
  ENTRY_TYPE,
  LOCAL_APPLY_THREAD,
  nodeId,
} from "../../../../engine/raft/types.js";
import { CountingState } from "../../../support/consensus/counting-state.js";
import { LONE_CONF_STATE, LONE_ID } from "../../../support/raft/lone-voter.js";

const ADD_LEARNER: ConfChange = {
  transition: CONF_CHANGE_TRANSITION.AUTO,
  steps: [{ type: CONF_CHANGE.ADD_LEARNER, nodeId: nodeId(2) }],
  context: new Uint8Array(0),
};
const WITH_LEARNER: ConfState = { ...LONE_CONF_STATE, learners: [nodeId(2)] };

/** A queue with the given entries, indexes 1, 2, 3 …, and the changes that its core was told. */
function queueOf(...entries: readonly [EntryType, Uint8Array][]) {
  const state = new CountingState();
  const changes: ConfChange[] = [];
  const core = {
    applyConfChange: (change: ConfChange) => {
      assert.equal(state.appliedIndex, changes.length + 1, "in its place in the log");
      changes.push(change);
      return changes.length === 1 ? WITH_LEARNER : LONE_CONF_STATE;
    },
  };
  const queue = new ApplyQueue(state, core, () => {});
  queue.add(applyMessage(entries.map(([type, payload], i) => entry(i + 1, type, payload))));
  return { state, changes, queue };
}

function entry(index: number, type: EntryType, payload: Uint8Array): Entry {
  return { index: logIndex(index), term: term(5), type, payload };
}

function applyMessage(entries: readonly Entry[]): StorageApply {
  const { STORAGE_APPLY: kind } = MESSAGE_KIND;
  return { kind, from: LONE_ID, to: LOCAL_APPLY_THREAD, term: term(0), entries, responses: [] };
}

const EMPTY = new Uint8Array(0);

test("a change of membership goes through the core, and the state keeps what came of it", () => {
  const { state, changes, queue } = queueOf(
    [ENTRY_TYPE.NORMAL, EMPTY],
    [ENTRY_TYPE.CONF_CHANGE_V1, encodeConfChange(ADD_LEARNER)],
    [ENTRY_TYPE.CONF_CHANGE_V2, EMPTY],
  );
  queue.apply(2 * 32 + 1, () => {});
  assert.deepEqual(changes, [ADD_LEARNER]);
  assert.equal(state.appliedIndex, 2);
  assert.equal(state.appliedTerm, 5);
  assert.deepEqual(state.confState, WITH_LEARNER);
  queue.apply(1, () => {});
  assert.deepEqual(changes[1], { transition: CONF_CHANGE_TRANSITION.AUTO, steps: [], context: EMPTY });
  assert.deepEqual(state.confState, LONE_CONF_STATE);
  assert.ok(queue.isEmpty);
});

test("bytes that are no change of membership are corruption of the log, and change nothing", () => {
  const { state, queue } = queueOf([ENTRY_TYPE.CONF_CHANGE_V2, Uint8Array.of(99)]);
  assert.throws(() => queue.apply(1, () => {}), {
    code: "LOG_CORRUPT",
    message: "Raft log, entry 1: no change of membership",
  });
  assert.equal(state.appliedIndex, 0);
});
