import { isMainThread, type MessagePort } from "node:worker_threads";
import { assert } from "../../engine/core/assert.js";
import type { Scheduler } from "../../engine/core/scheduler.js";
import type { ChannelSender, RecordHandler } from "../../engine/core/shared-channel.js";
import { SharedWords } from "./atomic-words.js";
import { PortBell, PortBellReceiver } from "./doorbell.js";
import { kernelThreadId } from "./kernel-thread.js";
import { RecordPump } from "./record-pump.js";
import { RING_WORD, RingReceiver, RingSender, ringMemory } from "./ring.js";
import { CONTROL_WORD } from "./worker-control.js";
import { describeFailure, type WorkerFailure } from "./worker-failure.js";
import type { RecordMemory } from "./worker-link.js";
import { checkLayouts, startupLayouts, WORKER_MESSAGE, type WorkerStartup } from "./worker-startup.js";

/** What a worker that lives by its event loop is given. */
export interface EventedContext {
  readonly scheduler: Scheduler;
  /** Where the records lie that `onRecord` gets. */
  readonly receiver: RecordMemory;
  /** Records to main. Nobody tells of room: when `reserve` finds none, look again in a millisecond. */
  readonly sender: ChannelSender;
  /** Publishes what was committed when the present turn ends. */
  publishLater(): void;
  /** What main gave at start; plain data and shared buffers. */
  readonly data: unknown;
}

/** A role with sockets or timers of its own. Whatever one of these throws ends the worker with that error,
 * and so does what is thrown in its other callbacks. */
export interface EventedRole {
  /** Before the first record. */
  start(): Promise<void>;
  /** The payload is valid during the call only. */
  onRecord: RecordHandler;
  /** After a drained batch of records. */
  onBatchEnd(): void;
  /** After the last record. */
  stop(): Promise<void>;
}

/** As `runWorker`, for a role that must not block its thread: main rings by a message on the port. */
export function runEventedWorker(
  scheduler: Scheduler,
  createRole: (context: EventedContext) => EventedRole,
): (startup: WorkerStartup) => Promise<WorkerFailure | undefined> {
  return async (startup) => {
    try {
      await run(startup, scheduler, createRole);
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
  scheduler: Scheduler,
  createRole: (context: EventedContext) => EventedRole,
): Promise<void> {
  assert(!isMainThread, "a worker's entry runs in a thread of its own");
  checkLayouts(layouts, startupLayouts([]));
  const incoming = ringMemory(toWorker);
  const outgoing = ringMemory(toMain);
  const bellToMain = new PortBell(outgoing.words, RING_WORD.FLAG, () =>
    port.postMessage(WORKER_MESSAGE.BELL),
  );
  new SharedWords(new Int32Array(control)).store(CONTROL_WORD.THREAD_ID, kernelThreadId());
  const receiver = new RingReceiver(incoming);
  const sender = new RingSender(outgoing, bellToMain);
  const role = createRole({
    scheduler,
    receiver,
    sender,
    publishLater: publisher(sender, scheduler),
    data,
  });
  const bell = new PortBellReceiver(incoming.words, RING_WORD.FLAG);
  const pump = new RecordPump(receiver, scheduler, (hasWork) => bell.reopen(hasWork), {
    onRecord: (kind, offset, payloadBytes) => role.onRecord(kind, offset, payloadBytes),
    onBatchEnd: () => role.onBatchEnd(),
  });
  await role.start();
  sender.publish();
  port.postMessage(WORKER_MESSAGE.STARTED);
  await untilStopped(port, () => pump.wake());
  pump.end();
  await role.stop();
  sender.publish();
}

function publisher(sender: ChannelSender, scheduler: Scheduler): () => void {
  let isScheduled = false;
  const publish = (): void => {
    isScheduled = false;
    sender.publish();
  };
  return () => {
    if (isScheduled) return;
    isScheduled = true;
    scheduler.endOfTurn(publish);
  };
}

function untilStopped(port: MessagePort, onBell: () => void): Promise<void> {
  return new Promise((resolve) => {
    port.on("message", (message: unknown) => {
      if (message === WORKER_MESSAGE.STOP) resolve();
      else onBell();
    });
  });
}
