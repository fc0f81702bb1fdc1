import { setImmediate as endOfTurn } from "node:timers/promises";
import { isMainThread, receiveMessageOnPort } from "node:worker_threads";
import { assert } from "../../engine/core/assert.js";
import { SharedWords } from "./atomic-words.js";
import { PortBell, SLEEP_MS_MAX, SleepBell } from "./doorbell.js";
import { kernelThreadId } from "./kernel-thread.js";
import { RING_WORD, RingReceiver, RingSender, ringMemory } from "./ring.js";
import { CONTROL_WORD } from "./worker-control.js";
import { WorkerDriver } from "./worker-driver.js";
import { describeFailure, type WorkerFailure } from "./worker-failure.js";
import type { SharedLayout, WorkerContext, WorkerLoop } from "./worker-link.js";
import { checkLayouts, startupLayouts, WORKER_MESSAGE, type WorkerStartup } from "./worker-startup.js";

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
  return async (startup) => {
    try {
      await run(startup, createLoop, layouts);
      return undefined;
    } catch (error) {
      return describeFailure(error);
    } finally {
      startup.port.close();
    }
  };
}

async function run(
  { toWorker, toMain, control, port, layouts, data }: WorkerStartup,
  createLoop: (context: WorkerContext) => WorkerLoop,
  ownLayouts: readonly SharedLayout[],
): Promise<void> {
  assert(!isMainThread, "a worker's entry runs in a thread of its own");
  checkLayouts(layouts, startupLayouts(ownLayouts));
  const incoming = ringMemory(toWorker);
  const outgoing = ringMemory(toMain);
  const bell = new SleepBell(incoming.words, RING_WORD.FLAG);
  const bellToMain = new PortBell(outgoing.words, RING_WORD.FLAG, () =>
    port.postMessage(WORKER_MESSAGE.BELL),
  );
  const controlWords = new SharedWords(new Int32Array(control));
  controlWords.store(CONTROL_WORD.THREAD_ID, kernelThreadId());
  const driver = new WorkerDriver({
    receiver: new RingReceiver(incoming),
    sender: new RingSender(outgoing, bellToMain),
    control: controlWords,
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
