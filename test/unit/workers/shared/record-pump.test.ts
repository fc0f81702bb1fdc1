import assert from "node:assert/strict";
import { test } from "node:test";
import { PortBellReceiver } from "../../../../workers/shared/doorbell.js";
import { RecordPump } from "../../../../workers/shared/record-pump.js";
import {
  allocateLocalRing,
  RING_WORD,
  RingReceiver,
  RingSender,
  ringMemory,
} from "../../../../workers/shared/ring.js";

const RING_BYTES = 2 ** 20;

/** How many records a pump hands over in each turn, when `count` of `payloadBytes` each lie in the ring. */
function turnsOf(count: number, payloadBytes: number): number[] {
  const memory = ringMemory(allocateLocalRing(RING_BYTES));
  const sender = new RingSender(memory, { ring: () => {} });
  for (let i = 0; i < count; i++) {
    assert.ok(sender.reserve(1, payloadBytes) >= 0);
    sender.commit();
  }
  sender.publish();
  const bell = new PortBellReceiver(memory.words, RING_WORD.FLAG);
  const tasks: (() => void)[] = [];
  const turns: number[] = [];
  let handed = 0;
  const pump = new RecordPump(
    new RingReceiver(memory),
    {
      endOfTurn: (task) => tasks.push(task),
      after: () => assert.fail("no timers here"),
      every: () => assert.fail("no timers here"),
    },
    (hasWork) => bell.reopen(hasWork),
    { onRecord: () => handed++, onBatchEnd: () => turns.push(handed) },
  );
  pump.wake();
  for (let task = tasks.shift(); task !== undefined; task = tasks.shift()) {
    handed = 0;
    task();
  }
  return turns;
}

test("a turn has one long record, or many short ones", () => {
  assert.deepEqual(turnsOf(3, 100_000), [1, 1, 1]);
  assert.deepEqual(turnsOf(3, 40_000), [2, 1]);
  assert.deepEqual(turnsOf(600, 100), [512, 88]);
  assert.deepEqual(turnsOf(3, 0), [3]);
});
