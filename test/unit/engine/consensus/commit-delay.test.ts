import assert from "node:assert/strict";
import { test } from "node:test";
import { CommitDelay } from "../../../../engine/consensus/commit-delay.js";

test("few operations never wait: a lone client sees no delay", () => {
  const delay = new CommitDelay();
  delay.onApplied(15, 0, 100);
  assert.equal(delay.waitMs(1, undefined, 100), 0);
  assert.equal(delay.waitMs(1, 99, 100), 0);
});

test("under load an entry waits for the one before it, though not for ever", () => {
  const delay = new CommitDelay();
  delay.onApplied(64, 0, 100);
  assert.equal(delay.waitMs(64, 100, 101), 4);
  assert.equal(delay.waitMs(64, 100, 105), 0, "members are far apart: entries follow each other");
});

test("an entry waits for most of the clients that were just answered and of those that waited then", () => {
  const delay = new CommitDelay();
  delay.onApplied(32, 32, 100);
  assert.equal(delay.waitMs(55, undefined, 100.5), 1.5);
  assert.equal(delay.waitMs(56, undefined, 100.5), 0);
});

test("an entry does not wait longer for clients that stay away", () => {
  const delay = new CommitDelay();
  delay.onApplied(64, 0, 100);
  assert.equal(delay.waitMs(1, undefined, 102), 0);
});

test("clients that stay away are waited for less and less", () => {
  const delay = new CommitDelay();
  let nowMs = 0;
  const waited: number[] = [];
  for (let entry = 0; entry < 300; entry++) {
    delay.onApplied(64, 0, nowMs);
    if (delay.waitMs(1, undefined, nowMs) > 0) waited.push(entry);
    nowMs += 2;
    assert.equal(delay.waitMs(1, undefined, nowMs), 0);
  }
  assert.deepEqual(waited, [0, 1, 2, 4, 8, 16, 32, 64, 128, 192, 256]);
});

test("clients that come back once are waited for again, and a single delay is no reason not to", () => {
  const delay = new CommitDelay();
  for (let round = 0; round < 10; round++) {
    delay.onApplied(64, 0, 100);
    assert.equal(delay.waitMs(1, undefined, 101), 1);
    assert.equal(delay.waitMs(1, undefined, 102), 0);
    delay.onApplied(64, 0, 102);
    assert.equal(delay.waitMs(1, undefined, 102), 2, "they may come yet");
    assert.equal(delay.waitMs(64, undefined, 103), 0);
  }
});

test("operations that come late, and did not wait, say nothing about clients that stay away", () => {
  const delay = new CommitDelay();
  for (let round = 0; round < 10; round++) {
    delay.onApplied(64, 0, 100);
    assert.equal(delay.waitMs(1, undefined, 500), 0);
  }
  delay.onApplied(64, 0, 500);
  assert.equal(delay.waitMs(1, undefined, 500), 2);
});
