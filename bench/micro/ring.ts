import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { assert } from "../../engine/core/assert.js";
import { SleepBell } from "../../workers/shared/doorbell.js";
import { allocateSharedRing, RING_WORD, RingSender, ringMemory } from "../../workers/shared/ring.js";

const RING_BYTES = 8 << 20;
/** With its header a record of 64 bytes. */
const PAYLOAD_BYTES = 56;
const MESSAGES_PER_PUBLISH = 32;
/** The clock is read this often. */
const PUBLISHES_PER_CLOCK = 1024;

const KIND_MESSAGE = 1;
export const KIND_LAST = 2;

export interface RingThroughput {
  readonly messagesPerSecond: number;
  /** Of both threads. */
  readonly cpuNsPerMessage: number;
  readonly messageCount: number;
  /** Messages of all that found the ring full at first: near 1 the receiver is the slower side, near 0 the
   * sender. */
  readonly fullFraction: number;
}

/** Sends messages of 64 bytes from this thread to another one, as a busy main does to a shard: each is
 * written and read in place, 32 are published together. Blocks this thread meanwhile.
 * @param seconds how long, without the warm-up of a fifth of it. */
export async function ringThroughput(seconds: number): Promise<RingThroughput> {
  await runOnce(seconds / 5);
  return runOnce(seconds);
}

async function runOnce(seconds: number): Promise<RingThroughput> {
  const buffer = allocateSharedRing(RING_BYTES);
  const memory = ringMemory(buffer);
  const sender = new RingSender(memory, new SleepBell(memory.words, RING_WORD.FLAG));
  const worker = new Worker(new URL("./ring-receiver.js", import.meta.url), { workerData: buffer });
  await once(worker, "message");
  const cpuBefore = process.cpuUsage();
  const startMs = performance.now();
  const { messageCount, fullCount } = send(sender, startMs + seconds * 1000);
  const [receivedCount] = await once(worker, "message");
  const elapsedMs = performance.now() - startMs;
  const { user, system } = process.cpuUsage(cpuBefore);
  assert(receivedCount === messageCount, "messages were lost");
  await once(worker, "exit");
  return {
    messagesPerSecond: (messageCount / elapsedMs) * 1000,
    cpuNsPerMessage: ((user + system) * 1000) / messageCount,
    messageCount,
    fullFraction: fullCount / messageCount,
  };
}

function send(sender: RingSender, endMs: number): { messageCount: number; fullCount: number } {
  let messageCount = 0;
  let fullCount = 0;
  const sendOne = (kind: number): void => {
    let offset = sender.reserve(kind, PAYLOAD_BYTES);
    if (offset < 0) {
      fullCount++;
      while (offset < 0) offset = sender.reserve(kind, PAYLOAD_BYTES);
    }
    sender.view.setFloat64(offset, messageCount++, true);
    sender.commit();
  };
  do {
    for (let publish = 0; publish < PUBLISHES_PER_CLOCK; publish++) {
      for (let i = 0; i < MESSAGES_PER_PUBLISH; i++) sendOne(KIND_MESSAGE);
      sender.publish();
    }
  } while (performance.now() < endMs);
  sendOne(KIND_LAST);
  sender.publish();
  return { messageCount, fullCount };
}
