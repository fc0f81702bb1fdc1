import { type MessagePort, parentPort, workerData } from "node:worker_threads";
import { assert } from "../../../engine/core/assert.js";
import { SeededRandom } from "../../../engine/core/random.js";
import { PortBell, SleepBell } from "../../../workers/shared/doorbell.js";
import { RING_WORD, RingReceiver, RingSender, ringMemory } from "../../../workers/shared/ring.js";
import { pauseAtRandom } from "./random-pause.js";

/* A thread that sends back every record that it gets, with random pauses, until it has relayed `recordCount`.
 * Without the safety nets of the real workers: it sleeps for ever when a wake-up is lost. */

export interface RelayData {
  readonly toWorker: SharedArrayBuffer;
  readonly toMain: SharedArrayBuffer;
  readonly seed: number;
  readonly recordCount: number;
}

function relay({ toWorker, toMain, seed, recordCount }: RelayData, port: MessagePort): void {
  const random = new SeededRandom(seed);
  const incoming = ringMemory(toWorker);
  const outgoing = ringMemory(toMain);
  const receiver = new RingReceiver(incoming);
  const bell = new SleepBell(incoming.words, RING_WORD.FLAG);
  const bellToMain = new PortBell(outgoing.words, RING_WORD.FLAG, () => port.postMessage("bell"));
  const sender = new RingSender(outgoing, bellToMain);
  let relayedCount = 0;

  const onRecord = (kind: number, offset: number, payloadBytes: number): void => {
    let target = sender.reserve(kind, payloadBytes);
    while (target < 0) {
      pauseAtRandom(random);
      target = sender.reserve(kind, payloadBytes);
    }
    sender.bytes.set(receiver.bytes.subarray(offset, offset + payloadBytes), target);
    sender.commit();
    relayedCount++;
  };
  while (relayedCount < recordCount) {
    const count = receiver.drain(onRecord, 1 + random.below(20));
    if (random.below(4) > 0) sender.publish();
    pauseAtRandom(random);
    if (count > 0) continue;
    sender.publish();
    bell.sleep(() => receiver.refresh(), Number.POSITIVE_INFINITY);
  }
  sender.publish();
}

assert(parentPort !== null, "runs in a thread");
relay(workerData as RelayData, parentPort);
