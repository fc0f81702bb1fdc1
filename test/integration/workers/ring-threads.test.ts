import assert from "node:assert/strict";
import { test } from "node:test";
import { Worker } from "node:worker_threads";
import { SeededRandom } from "../../../engine/core/random.js";
import { NodeScheduler } from "../../../engine/host/node-scheduler.js";
import { PortBellReceiver, SleepBell } from "../../../workers/shared/doorbell.js";
import { RecordPump } from "../../../workers/shared/record-pump.js";
import {
  allocateSharedRing,
  RING_WORD,
  RingReceiver,
  RingSender,
  ringMemory,
} from "../../../workers/shared/ring.js";
import { waitFor } from "../../support/wait.js";
import { pauseAtRandom } from "../../support/workers/random-pause.js";
import type { RelayData } from "../../support/workers/relay-worker.js";

const RELAY = new URL("../../support/workers/relay-worker.js", import.meta.url);
const RING_BYTES = 2048;
const RECORD_COUNT = 12_000;
/** Cursors pass 2^32 a few laps after the start. */
const CURSOR = 2 ** 32 - 5 * RING_BYTES;

interface Expected {
  readonly kind: number;
  readonly payload: Uint8Array;
}

/** The stream of records that belongs to a seed. */
function* recordsOf(seed: number): Generator<Expected> {
  const random = new SeededRandom(seed).stream("records");
  for (let i = 0; i < RECORD_COUNT; i++) {
    const payload = new Uint8Array(random.below(8) === 0 ? random.below(RING_BYTES / 4) : random.below(40));
    random.fill(payload);
    yield { kind: 1 + random.below(0xffff), payload };
  }
}

/** Sends all records with random pauses and publishes, and turns the event loop when the ring is full. */
async function sendAll(sender: RingSender, seed: number): Promise<void> {
  const random = new SeededRandom(seed).stream("sender");
  for (const { kind, payload } of recordsOf(seed)) {
    let offset = sender.reserve(kind, payload.length);
    while (offset < 0) {
      await new Promise((resolve) => setImmediate(resolve));
      offset = sender.reserve(kind, payload.length);
    }
    sender.bytes.set(payload, offset);
    sender.commit();
    if (random.below(3) === 0) sender.publish();
    pauseAtRandom(random);
  }
  sender.publish();
}

for (const seed of [1, Date.now() % 1_000_000]) {
  test(`threads with random pauses pass all records on, there and back (seed ${seed})`, async () => {
    const data: RelayData = {
      toWorker: allocateSharedRing(RING_BYTES, CURSOR),
      toMain: allocateSharedRing(RING_BYTES, CURSOR),
      seed,
      recordCount: RECORD_COUNT,
    };
    const outgoing = ringMemory(data.toWorker);
    const incoming = ringMemory(data.toMain);
    const receiver = new RingReceiver(incoming);
    const bell = new PortBellReceiver(incoming.words, RING_WORD.FLAG);
    const expected = recordsOf(seed);
    let receivedCount = 0;
    const pump = new RecordPump(receiver, new NodeScheduler(), (hasWork) => bell.reopen(hasWork), {
      onRecord: (kind, offset, payloadBytes) => {
        const { value } = expected.next() as { value: Expected };
        const payload = receiver.bytes.subarray(offset, offset + payloadBytes);
        assert.equal(kind, value.kind);
        assert.ok(Buffer.from(payload).equals(value.payload), `record ${receivedCount} is unchanged`);
        receivedCount++;
      },
      onBatchEnd: () => {},
    });
    const worker = new Worker(RELAY, { workerData: data });
    worker.on("message", () => pump.wake());
    try {
      await sendAll(new RingSender(outgoing, new SleepBell(outgoing.words, RING_WORD.FLAG)), seed);
      await waitFor("all records came back", () => receivedCount === RECORD_COUNT, 30_000);
    } finally {
      await worker.terminate();
    }
  });
}
