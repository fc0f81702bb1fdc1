import type { ChannelReceiver, ChannelSender } from "../../../engine/core/shared-channel.js";
import { allocateLocalRing, RingReceiver, RingSender, ringMemory } from "../../../workers/shared/ring.js";
import type { WorkerContext } from "../../../workers/shared/worker-link.js";

const NO_BELL = { ring: () => {} };

/** Both ends of a worker's two rings on one thread; the test polls the loop by hand. */
export interface WorkerHarness {
  readonly context: WorkerContext;
  /** Main's ends. */
  readonly toWorker: ChannelSender;
  readonly fromWorker: ChannelReceiver;
}

export function workerHarness(
  data: unknown,
  ringBytes = 1024 * 1024,
  answerBytes = ringBytes,
): WorkerHarness {
  const incoming = ringMemory(allocateLocalRing(ringBytes));
  const outgoing = ringMemory(allocateLocalRing(answerBytes));
  return {
    context: {
      receiver: new RingReceiver(incoming),
      sender: new RingSender(outgoing, NO_BELL),
      receiveMessage: () => undefined,
      data,
    },
    toWorker: new RingSender(incoming, NO_BELL),
    fromWorker: new RingReceiver(outgoing),
  };
}
