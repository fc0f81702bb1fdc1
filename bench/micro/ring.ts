import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { assert } from "../../engine/core/assert.js";
import { SleepBell } from "../../workers/shared/doorbell.js";
import { allocateSharedRing, RING_WORD, RingSender, ringMemory } from "../../workers/shared/ring.js";

/** As between main and the shards by default. One that fits a core's cache (1 MB) is half as fast again. */
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
  /** Share of messages that found the ring full at first; 0: the sender is the slower side. */
  readonly fullFraction: number;
}

/** Sends messages of 64 bytes from this thread to another one, as a busy main does to a shard: each is
 * written and read in place, 32 are published together. Blocks this thread meanwhile.
 * @param seconds how long. As much time goes before, for both threads to get their code compiled. */
export async function ringThroughput(seconds: number, ringBytes = RING_BYTES): Promise<RingThroughput> {
  const buffer = allocateSharedRing(ringBytes);
  const memory = ringMemory(buffer);
  const sender = new RingSender(memory, new SleepBell(memory.words, RING_WORD.FLAG));
  const worker = new Worker(new URL("./ring-receiver.js", import.meta.url), { workerData: buffer });
  await once(worker, "message");
  const warmUp = send(sender, 0, performance.now() + seconds * 1000);
  while (sender.freeBytes() < ringBytes) await new Promise((resolve) => setImmediate(resolve));

  const cpuBefore = process.cpuUsage();
  const startMs = performance.now();
  const { endNumber, fullCount } = send(sender, warmUp.endNumber, startMs + seconds * 1000);
  sendOne(sender, KIND_LAST, endNumber);
  sender.publish();
  const [receivedCount] = await once(worker, "message");
  const elapsedMs = performance.now() - startMs;
  const { user, system } = process.cpuUsage(cpuBefore);
  assert(receivedCount === endNumber + 1, "messages were lost");
  await once(worker, "exit");
  const messageCount = endNumber - warmUp.endNumber;
  return {
    messagesPerSecond: (messageCount / elapsedMs) * 1000,
    cpuNsPerMessage: ((user + system) * 1000) / messageCount,
    messageCount,
    fullFraction: fullCount / messageCount,
  };
}

/** Sends messages numbered from `startNumber` until `endMs`; returns the next number, and how many messages
 * found the ring full. */
function send(
  sender: RingSender,
  startNumber: number,
  endMs: number,
): { endNumber: number; fullCount: number } {
  let number = startNumber;
  let fullCount = 0;
  do {
    for (let publish = 0; publish < PUBLISHES_PER_CLOCK; publish++) {
      for (let i = 0; i < MESSAGES_PER_PUBLISH; i++) {
        if (sendOne(sender, KIND_MESSAGE, number++)) fullCount++;
      }
      sender.publish();
    }
  } while (performance.now() < endMs);
  return { endNumber: number, fullCount };
}

/** True when the ring was full at first. */
function sendOne(sender: RingSender, kind: number, number: number): boolean {
  let offset = sender.reserve(kind, PAYLOAD_BYTES);
  const wasFull = offset < 0;
  while (offset < 0) offset = sender.reserve(kind, PAYLOAD_BYTES);
  sender.view.setFloat64(offset, number, true);
  sender.commit();
  return wasFull;
}
