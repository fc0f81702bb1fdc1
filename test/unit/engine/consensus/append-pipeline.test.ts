import assert from "node:assert/strict";
import { test } from "node:test";
import { AppendPipeline } from "../../../../engine/consensus/append-pipeline.js";
import { logIndex, term } from "../../../../engine/core/ids.js";
import { MESSAGE_KIND, type Message, type StorageAppend } from "../../../../engine/raft/message.js";
import {
  type Entry,
  type HardState,
  LOCAL_APPEND_THREAD,
  NO_NODE,
  nodeId,
} from "../../../../engine/raft/types.js";
import {
  LOG_RECORD,
  LogAnswerWriter,
  newLogAppended,
  readLogInstall,
} from "../../../../workers/shared/log-records.js";
import { emptyLogDisk, FakeLogThread } from "../../../support/consensus/fake-log-thread.js";
import { LONE_CONF_STATE } from "../../../support/raft/lone-voter.js";
import { makeEntries } from "../../../support/raft/memory-log.js";

/** A pipeline to a log thread that syncs when the test says so. */
function make(ringBytes = 1 << 16) {
  const thread = new FakeLogThread(emptyLogDisk(), ringBytes);
  const clock = { nowMs: 100, monotonicMs: () => clock.nowMs };
  const durable: [number, string[]][] = [];
  const pipeline = new AppendPipeline(
    thread.link,
    clock,
    {
      onDurable: (responses, number) => durable.push([number, responses.map(nameOf)]),
      onTruncated: () => {},
    },
    64,
  );
  const { receiver } = thread.link;
  thread.link.onRecord = (kind, offset) => pipeline.onRecord(kind, offset, receiver.view);
  const sync = (stepCount?: number) => {
    pipeline.publish();
    thread.take();
    thread.sync(stepCount);
    thread.link.deliver();
  };
  return { thread, clock, durable, pipeline, sync };
}

/** Responses are told apart by their terms. */
function nameOf(message: Message): string {
  return `r${message.term}`;
}

function append(
  name: number,
  options: { entries?: readonly Entry[]; hardState?: HardState; inTerm?: number } = {},
): StorageAppend {
  const response = { kind: MESSAGE_KIND.HUP, from: nodeId(1), to: nodeId(1), term: term(name) } as const;
  return {
    kind: MESSAGE_KIND.STORAGE_APPEND,
    from: nodeId(1),
    to: LOCAL_APPEND_THREAD,
    term: term(options.inTerm ?? 1),
    entries: options.entries ?? [],
    hardState: options.hardState,
    snapshot: undefined,
    responses: [response],
  };
}

function hardState(inTerm: number): HardState {
  return { term: term(inTerm), vote: NO_NODE, commit: logIndex(0) };
}

test("appends are numbered, and each number comes with the answer that makes it durable", () => {
  const { pipeline, durable, sync } = make();
  assert.equal(pipeline.handedOutCount, 0);
  pipeline.append(append(1, { entries: makeEntries(1, [1, 1]) }), true);
  pipeline.append(append(2, { entries: makeEntries(3, [1]) }), true);
  assert.equal(pipeline.handedOutCount, 2);
  assert.deepEqual(durable, []);
  sync();
  pipeline.append(append(3, { entries: makeEntries(4, [1]) }), true);
  assert.equal(pipeline.handedOutCount, 3);
  sync();
  assert.deepEqual(durable, [
    [1, ["r1"]],
    [2, ["r2"]],
    [3, ["r3"]],
  ]);
});

test("what need not be synced rides with the last append, or is done at once", () => {
  const { pipeline, durable, sync } = make();
  pipeline.append(append(1), false);
  assert.deepEqual(durable, [[0, ["r1"]]]);
  pipeline.append(append(2, { entries: makeEntries(1, [1]) }), true);
  pipeline.append(append(3), false);
  assert.equal(pipeline.handedOutCount, 1);
  sync();
  pipeline.append(append(4), false);
  assert.deepEqual(durable.slice(1), [
    [1, ["r2", "r3"]],
    [1, ["r4"]],
  ]);
});

test("answers come for the terms in which was asked, also after the term has changed", () => {
  const { pipeline, durable, sync } = make();
  pipeline.append(append(1, { entries: makeEntries(1, [1]), inTerm: 1 }), true);
  pipeline.append(append(2, { hardState: hardState(5), inTerm: 5 }), true);
  pipeline.append(append(3, { entries: makeEntries(1, [5]), inTerm: 5 }), true);
  sync();
  assert.deepEqual(
    durable.map(([number]) => number),
    [1, 2, 3],
  );
});

test("it tells since when the oldest append waits, also for a thread that takes nothing", () => {
  const { pipeline, clock, sync, thread } = make(1024);
  assert.equal(pipeline.oldestUnansweredMs, undefined);
  pipeline.append(append(1, { entries: makeEntries(1, [1]) }), true);
  for (let index = 2; index <= 60; index++) {
    clock.nowMs = 100 + index;
    pipeline.append(append(index, { entries: makeEntries(index, [1], 40) }), true);
  }
  assert.equal(pipeline.isBlocked, true);
  assert.equal(pipeline.oldestUnansweredMs, 100);
  thread.take();
  thread.sync(2);
  thread.link.deliver();
  assert.equal(pipeline.oldestUnansweredMs, 102, "an entry and an answer: the first append is durable");
  while (pipeline.unansweredCount > 0) {
    pipeline.resume();
    sync();
  }
  assert.equal(pipeline.oldestUnansweredMs, undefined);
  assert.equal(pipeline.handedOutCount, 60);
});

test("a snapshot goes before the entries behind it, and counts when all of it is durable", () => {
  const { thread, pipeline, durable } = make();
  const { link } = thread;
  const id = { index: logIndex(10), term: term(1) };
  const snapshot = { id, confState: LONE_CONF_STATE, payload: new Uint8Array(0) };
  const message = append(5, { entries: makeEntries(11, [1, 1]), hardState: hardState(1) });
  const installed: string[][] = [];
  const place = { chain: 7, stateDirectory: "snapshot-10" };
  pipeline.install({ ...message, snapshot }, place, (responses) => installed.push(responses.map(nameOf)));
  pipeline.publish();
  const records: number[] = [];
  link.workerReceiver.drain((kind, offset) => {
    records.push(kind);
    if (kind !== LOG_RECORD.INSTALL) return;
    const { bytes, view } = link.workerReceiver;
    const install = { handOutTerm: term(1), hardState: hardState(1), ...id, confState: LONE_CONF_STATE };
    assert.deepEqual(readLogInstall(bytes, view, offset), { ...install, ...place });
  }, 10);
  assert.deepEqual(records, [LOG_RECORD.INSTALL, LOG_RECORD.APPEND, LOG_RECORD.ENTRY, LOG_RECORD.ENTRY]);
  const answers = new LogAnswerWriter(link.workerSender);
  for (const entryCount of [0, 2]) {
    assert.deepEqual(installed, []);
    answers.appended({ ...newLogAppended(), handOutTerm: term(1), entryCount });
    link.workerSender.publish();
    link.deliver();
  }
  assert.deepEqual(installed, [["r5"]]);
  assert.deepEqual(durable, [
    [1, []],
    [2, []],
  ]);
});
