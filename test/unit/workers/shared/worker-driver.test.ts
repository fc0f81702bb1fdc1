import assert from "node:assert/strict";
import { test } from "node:test";
import { AssertionError } from "../../../../engine/core/assert.js";
import { SharedWords } from "../../../../workers/shared/atomic-words.js";
import { allocateLocalRing, RingReceiver, RingSender, ringMemory } from "../../../../workers/shared/ring.js";
import { CONTROL_WORD, WORKER_CONTROL } from "../../../../workers/shared/worker-control.js";
import { WorkerDriver } from "../../../../workers/shared/worker-driver.js";
import type { WorkerLoop } from "../../../../workers/shared/worker-link.js";

const BELL = { ring: () => {} };

/** A driver with main's ends of everything. */
function open() {
  const toWorker = ringMemory(allocateLocalRing(256));
  const toMain = ringMemory(allocateLocalRing(256));
  const control = new SharedWords(new Int32Array(WORKER_CONTROL.rowBytes / 4));
  const messages: unknown[] = [];
  const driver = new WorkerDriver({
    receiver: new RingReceiver(toWorker),
    sender: new RingSender(toMain, BELL),
    control,
    takeMessage: () => messages.shift(),
    data: undefined,
  });
  const main = {
    sender: new RingSender(toWorker, BELL),
    receiver: new RingReceiver(toMain),
    stop: () => control.store(CONTROL_WORD.STOP, 1),
    post: (message: unknown) => {
      messages.push(message);
      control.store(CONTROL_WORD.POSTED_COUNT, control.load(CONTROL_WORD.POSTED_COUNT) + 1);
    },
  };
  return { driver, main };
}

function loopOf(poll: () => boolean): WorkerLoop {
  return { start: async () => {}, poll, stop: async () => {} };
}

function send(sender: { reserve: RingSender["reserve"]; commit(): void }): boolean {
  if (sender.reserve(1, 8) < 0) return false;
  sender.commit();
  return true;
}

test("a poll that did something makes the loop busy, and its records are published", () => {
  const { driver, main } = open();
  assert.equal(driver.step(loopOf(() => send(driver.sender))), "busy");
  assert.equal(main.receiver.refresh(), true);
});

test("a poll that did nothing makes it idle, and done after the stop word", () => {
  const { driver, main } = open();
  const loop = loopOf(() => false);
  assert.equal(driver.step(loop), "idle");
  assert.equal(driver.hasWork(), false);
  main.stop();
  assert.equal(driver.hasWork(), true);
  assert.equal(driver.step(loop), "done");
});

test("a poll that found no room makes it blocked, until one finds room", () => {
  const { driver, main } = open();
  let backlogCount = 20;
  const loop = loopOf(() => {
    while (backlogCount > 0 && send(driver.sender)) backlogCount--;
    return false;
  });
  main.stop();
  assert.equal(driver.step(loop), "blocked");
  assert.equal(driver.step(loop), "blocked");
  main.receiver.drain(() => {}, 100);
  assert.equal(driver.step(loop), "done");
  assert.equal(backlogCount, 0);
});

test("a loop that leaves records lying is not done", () => {
  const { driver, main } = open();
  send(main.sender);
  main.sender.publish();
  main.stop();
  assert.equal(driver.step(loopOf(() => false)), "idle");
  const drain = loopOf(() => driver.receiver.drain(() => {}, 10) > 0);
  assert.equal(driver.step(drain), "busy");
  assert.equal(driver.step(drain), "done");
});

test("a waiting message holds all records back until it was taken", () => {
  const { driver, main } = open();
  send(main.sender);
  main.sender.publish();
  main.post("first");
  assert.equal(
    driver.receiver.drain(() => {}, 10),
    0,
  );
  assert.equal(driver.hasWork(), true);
  assert.equal(driver.receiveMessage(), "first");
  assert.equal(driver.receiveMessage(), undefined);
  assert.equal(
    driver.receiver.drain(() => {}, 10),
    1,
  );
});

test("a loop that leaves a message lying is an assertion failure", () => {
  const { driver, main } = open();
  main.post("anybody?");
  assert.throws(() => driver.step(loopOf(() => false)), AssertionError);
});
