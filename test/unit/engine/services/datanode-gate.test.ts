import { equal } from "node:assert/strict";
import { test } from "node:test";
import { StrataError } from "../../../../engine/core/errors.js";
import { DatanodeGate } from "../../../../engine/services/datanode-gate.js";
import { ManualScheduler } from "../../../support/consensus/manual-scheduler.js";
import { FakeBarrier } from "../../../support/gateway/fake-barrier.js";

function gateWith(barrier: FakeBarrier) {
  const scheduler = new ManualScheduler();
  const reload = { isReloading: false };
  const gate = new DatanodeGate({
    scheduler,
    whenCaughtUp: barrier.ask,
    isReloading: () => reload.isReloading,
  });
  return { scheduler, gate, reload };
}

test("the gate opens when this SCM has caught up, and stays open", () => {
  const barrier = new FakeBarrier();
  barrier.isHeld = true;
  const { gate, reload } = gateWith(barrier);
  equal(gate.step, "catching up");
  gate.start();
  gate.onStatus(false);
  equal(gate.step, "catching up");
  equal(gate.status(), "PAUSED");
  barrier.release();
  equal(gate.step, undefined);
  equal(gate.status(), "RUNNING");
  gate.onStatus(true);
  gate.onStatus(false);
  equal(gate.step, undefined);
  reload.isReloading = true;
  equal(gate.step, "snapshot");
});

test("as long as nobody can say how far the log is, the gate asks again", () => {
  const barrier = new FakeBarrier();
  barrier.refusal = new StrataError("NOT_LEADER", { term: 3 });
  let count = 0;
  barrier.onAsked = () => count++;
  const { gate, scheduler } = gateWith(barrier);
  gate.start();
  scheduler.advance(1000);
  equal(count, 11);
  equal(gate.step, "catching up");
  barrier.refusal = undefined;
  scheduler.advance(100);
  equal(gate.step, undefined);
  scheduler.advance(1000);
  equal(count, 12);
});

test("a leader's gate is open", () => {
  const barrier = new FakeBarrier();
  barrier.isHeld = true;
  const { gate } = gateWith(barrier);
  gate.start();
  gate.onStatus(true);
  equal(gate.step, undefined);
  barrier.refusal = new StrataError("NOT_LEADER", { term: 3 });
  barrier.release();
  equal(gate.step, undefined);
});

test("a gate that is stopped asks no more", () => {
  const barrier = new FakeBarrier();
  barrier.refusal = new StrataError("NOT_LEADER", { term: 3 });
  const { gate, scheduler } = gateWith(barrier);
  gate.start();
  gate.stop();
  equal(scheduler.timerCount, 0);
});
