import { isMainThread } from "node:worker_threads";
import { assert } from "../../engine/core/assert.js";
import { SharedWords } from "./atomic-words.js";
import { PortBell } from "./doorbell.js";
import { kernelThreadId } from "./kernel-thread.js";
import { RING_WORD, type RingMemory, RingSender, ringMemory } from "./ring.js";
import { CONTROL_WORD } from "./worker-control.js";
import { describeFailure, type WorkerFailure } from "./worker-failure.js";
import type { SharedLayout } from "./worker-link.js";
import { checkLayouts, startupLayouts, WORKER_MESSAGE, type WorkerStartup } from "./worker-startup.js";

/** What a worker's `entry.ts` exports by default, for the pool to call in its thread.
 * @returns a function that returns when `run` has: undefined, or why it failed. */
export function workerEntry(
  run: (startup: WorkerStartup) => Promise<void>,
): (startup: WorkerStartup) => Promise<WorkerFailure | undefined> {
  return async (startup) => {
    try {
      await run(startup);
      return undefined;
    } catch (error) {
      return describeFailure(error);
    } finally {
      startup.port.close();
    }
  };
}

/** The worker's ends of what it shares with main. How it is woken is the caller's. */
export interface WorkerEnds {
  /** Records from main. */
  readonly incoming: RingMemory;
  /** Records to main, which is rung by a message on the port. */
  readonly sender: RingSender;
  readonly control: SharedWords;
}

/** Before anything else: refuses layouts that are not main's, and tells main the thread's number.
 * @param ownLayouts of the shared memory that the role uses, the same list as main gives at start. */
export function openWorkerEnds(
  { toWorker, toMain, control: controlMemory, port, layouts }: WorkerStartup,
  ownLayouts: readonly SharedLayout[],
): WorkerEnds {
  assert(!isMainThread, "a worker's entry runs in a thread of its own");
  checkLayouts(layouts, startupLayouts(ownLayouts));
  const incoming = ringMemory(toWorker);
  const outgoing = ringMemory(toMain);
  const bellToMain = new PortBell(outgoing.words, RING_WORD.FLAG, () =>
    port.postMessage(WORKER_MESSAGE.BELL),
  );
  const control = new SharedWords(new Int32Array(controlMemory));
  control.store(CONTROL_WORD.THREAD_ID, kernelThreadId());
  return { incoming, sender: new RingSender(outgoing, bellToMain), control };
}
