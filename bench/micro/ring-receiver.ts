import { type MessagePort, parentPort, workerData } from "node:worker_threads";
import { assert } from "../../engine/core/assert.js";
import { SLEEP_MS_MAX, SleepBell } from "../../workers/shared/doorbell.js";
import { RING_WORD, RingReceiver, ringMemory } from "../../workers/shared/ring.js";
import { KIND_LAST } from "./ring.js";

const RECORDS_PER_DRAIN = 1024;
/** Looks before it sleeps. What is measured is the ring under load, when a receiver has no time to sleep; one
 * that is a little faster than its sender would have itself woken for every publish, 5 µs each. */
const SPIN_COUNT = 2000;

/** Takes numbered messages until the last one, and tells how many there were. */
function receive(buffer: SharedArrayBuffer, port: MessagePort): void {
  const memory = ringMemory(buffer);
  const bell = new SleepBell(memory.words, RING_WORD.FLAG);
  const receiver = new RingReceiver(memory);
  const { view } = receiver;
  let messageCount = 0;
  let isOver = false;
  const onRecord = (kind: number, offset: number): void => {
    assert(view.getFloat64(offset, true) === messageCount, "a message was lost");
    messageCount++;
    if (kind === KIND_LAST) isOver = true;
  };
  const hasWork = (): boolean => receiver.refresh();
  port.postMessage("ready");
  let idleCount = 0;
  while (!isOver) {
    idleCount = receiver.drain(onRecord, RECORDS_PER_DRAIN) === 0 ? idleCount + 1 : 0;
    if (idleCount > SPIN_COUNT) bell.sleep(hasWork, SLEEP_MS_MAX);
  }
  port.postMessage(messageCount);
}

assert(parentPort !== null, "runs in a thread");
receive(workerData as SharedArrayBuffer, parentPort);
