import assert from "node:assert/strict";
import { test } from "node:test";
import { StateFlusher } from "../../../../engine/consensus/state-flusher.js";
import { AssertionError } from "../../../../engine/core/assert.js";
import { type LogIndex, logIndex, term } from "../../../../engine/core/ids.js";
import { CountingState } from "../../../support/consensus/counting-state.js";
import { emptyStateDisk, FakeStateThread } from "../../../support/consensus/fake-state-thread.js";
import { ManualScheduler } from "../../../support/consensus/manual-scheduler.js";

/** A flusher whose own log is durable up to `durableIndex`. */
function flusherWith(log: { durableIndex: LogIndex }) {
  const scheduler = new ManualScheduler();
  const source = new CountingState();
  const thread = new FakeStateThread(emptyStateDisk(), 1 << 16);
  const flushed: number[] = [];
  const handler = {
    wantsDurable: () => false,
    durableIndex: () => log.durableIndex,
    onDrained: () => {},
    onFlushed: (index: LogIndex) => flushed.push(index),
  };
  const options = { flushIntervalMs: 10, flushBytes: 1 << 20, drainBytesPerTurnMax: 1 << 20 };
  const flusher = new StateFlusher({ scheduler, source, link: thread.link, handler }, options);
  thread.link.onRecord = (_, offset) => flusher.onFlushed(offset, thread.link.receiver.view);
  const apply = (index: number): void => {
    source.apply(logIndex(index), term(1), new Uint8Array(0), undefined);
  };
  const finish = (): void => {
    thread.take();
    thread.write();
    thread.link.deliver();
  };
  return { flusher, source, thread, flushed, apply, finish };
}

test("state that the own log could lose never goes to the state thread", () => {
  const log = { durableIndex: logIndex(1) };
  const { flusher, thread, flushed, apply, finish } = flusherWith(log);
  apply(1);
  flusher.start();
  finish();
  assert.deepEqual(flushed, [1]);
  apply(2);
  assert.throws(() => flusher.start(), AssertionError);
  thread.take();
  assert.equal(thread.hasCommit, false);
  log.durableIndex = logIndex(2);
  flusher.start();
  finish();
  assert.deepEqual(flushed, [1, 2]);
});
