import { setImmediate as endOfTurn } from "node:timers/promises";
import { receiveMessageOnPort } from "node:worker_threads";
import { SLEEP_MS_MAX, SleepBell } from "./doorbell.js";
import { RING_WORD, RingReceiver } from "./ring.js";
import { WorkerDriver } from "./worker-driver.js";
import type { WorkerFailure } from "./worker-failure.js";
import type { SharedLayout, WorkerContext, WorkerLoop } from "./worker-link.js";
import { WORKER_MESSAGE, type WorkerStartup } from "./worker-startup.js";
import { openWorkerEnds, workerEntry } from "./worker-thread.js";

/** A busy loop turns its event loop this often, for its own promises and timers. */
const STEPS_PER_TURN = 64;
/** Pause while main has not made room in the outgoing ring; nobody rings for room. */
const BLOCKED_MS = 1;

/** What a worker's `entry.ts` exports by default, for the pool to call in its thread.
 * @param createLoop builds the role; the context is complete when it is called.
 * @param layouts of the shared memory that the role uses, the same list as main gives at start.
 * @returns a function that returns when the loop has stopped: undefined, or why it failed. */
export function runWorker(
  createLoop: (context: WorkerContext) => WorkerLoop,
  layouts: readonly SharedLayout[] = [],
): (startup: WorkerStartup) => Promise<WorkerFailure | undefined> {
  return workerEntry((startup) => run(startup, createLoop, layouts));
}

async function run(
  startup: WorkerStartup,
  createLoop: (context: WorkerContext) => WorkerLoop,
  ownLayouts: readonly SharedLayout[],
): Promise<void> {
  const { port, data } = startup;
  const { incoming, sender, control } = openWorkerEnds(startup, ownLayouts);
  const bell = new SleepBell(incoming.words, RING_WORD.FLAG);
  const driver = new WorkerDriver({
    receiver: new RingReceiver(incoming),
    sender,
    control,
    takeMessage: () => receiveMessageOnPort(port)?.message,
    data,
  });
  const loop = createLoop(driver);
  await loop.start();
  driver.sender.publish();
  port.postMessage(WORKER_MESSAGE.STARTED);
  await poll(driver, loop, bell);
  await loop.stop();
  driver.sender.publish();
}

/** Steps until the stop word is set and everything that was published before it is done. */
async function poll(driver: WorkerDriver, loop: WorkerLoop, bell: SleepBell): Promise<void> {
  const hasWork = (): boolean => driver.hasWork();
  const mustPause = (): boolean => false;
  let stepCount = 0;
  for (;;) {
    const step = driver.step(loop);
    if (step === "done") return;
    stepCount++;
    if (step === "busy") {
      if (stepCount % STEPS_PER_TURN === 0) await endOfTurn();
      continue;
    }
    await endOfTurn();
    if (step === "blocked") bell.sleep(mustPause, BLOCKED_MS);
    else bell.sleep(hasWork, SLEEP_MS_MAX);
  }
}
