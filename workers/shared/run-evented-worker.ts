import type { MessagePort } from "node:worker_threads";
import type { Scheduler } from "../../engine/core/scheduler.js";
import type { ChannelSender, RecordHandler } from "../../engine/core/shared-channel.js";
import { PortBellReceiver } from "./doorbell.js";
import { RecordPump } from "./record-pump.js";
import { RING_WORD, RingReceiver } from "./ring.js";
import type { WorkerFailure } from "./worker-failure.js";
import type { RecordMemory } from "./worker-link.js";
import { WORKER_MESSAGE, type WorkerStartup } from "./worker-startup.js";
import { openWorkerEnds, workerEntry } from "./worker-thread.js";

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
  return workerEntry((startup) => run(startup, scheduler, createRole));
}

async function run(
  startup: WorkerStartup,
  scheduler: Scheduler,
  createRole: (context: EventedContext) => EventedRole,
): Promise<void> {
  const { port, data } = startup;
  const { incoming, sender } = openWorkerEnds(startup, []);
  const receiver = new RingReceiver(incoming);
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
