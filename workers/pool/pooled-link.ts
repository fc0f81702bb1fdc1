import { MessageChannel, type MessagePort } from "node:worker_threads";
import { AssertionError, assert } from "../../engine/core/assert.js";
import { StrataError } from "../../engine/core/errors.js";
import type { Scheduler } from "../../engine/core/scheduler.js";
import type { ChannelSender, RecordHandler } from "../../engine/core/shared-channel.js";
import { SharedWords } from "../shared/atomic-words.js";
import { type Bell, PortBell, PortBellReceiver, SleepBell } from "../shared/doorbell.js";
import { RecordPump } from "../shared/record-pump.js";
import { allocateSharedRing, RING_WORD, RingReceiver, RingSender, ringMemory } from "../shared/ring.js";
import { CONTROL_WORD, WORKER_CONTROL } from "../shared/worker-control.js";
import { describeFailure, reviveFailure, type WorkerFailure } from "../shared/worker-failure.js";
import type { RecordMemory, WorkerLink, WorkerStartOptions } from "../shared/worker-link.js";
import { startupLayouts, WORKER_MESSAGE, type WorkerStartup } from "../shared/worker-startup.js";

export interface LinkOptions extends WorkerStartOptions {
  readonly role: string;
  readonly index: number;
  readonly scheduler: Scheduler;
  /** Runs the worker's entry in a thread; settles when the thread is done with it. `transfer` moves with
   * it. */
  run(startup: WorkerStartup, transfer: MessagePort[]): Promise<WorkerFailure | undefined>;
}

/** Main's end of a worker in a thread of its own. */
export class PooledLink implements WorkerLink {
  readonly sender: ChannelSender;
  readonly receiver: RecordMemory;
  readonly started: Promise<void>;
  readonly ended: Promise<Error | undefined>;
  onRecord: RecordHandler = () => assert(false, "onRecord was not set when the worker started");
  onBatchEnd: () => void = () => {};

  readonly #control: SharedWords;
  readonly #bell: Bell;
  readonly #isEvented: boolean;
  readonly #port: MessagePort;
  readonly #pump: RecordPump;
  readonly #name: { readonly role: string; readonly index: number };
  #postedCount = 0;
  #hasEnded = false;

  constructor({ role, index, scheduler, data, ringBytes, layouts = [], isEvented, run }: LinkOptions) {
    this.#name = { role, index };
    const toWorker = allocateSharedRing(ringBytes);
    const toMain = allocateSharedRing(ringBytes);
    const control = new SharedArrayBuffer(WORKER_CONTROL.rowBytes);
    const outgoing = ringMemory(toWorker);
    const incoming = ringMemory(toMain);
    const { port1, port2 } = new MessageChannel();
    this.#control = new SharedWords(new Int32Array(control));
    this.#isEvented = isEvented === true;
    this.#bell = this.#isEvented
      ? new PortBell(outgoing.words, RING_WORD.FLAG, () => port1.postMessage(WORKER_MESSAGE.BELL))
      : new SleepBell(outgoing.words, RING_WORD.FLAG);
    this.#port = port1;
    this.sender = new RingSender(outgoing, this.#bell);
    const bellReceiver = new PortBellReceiver(incoming.words, RING_WORD.FLAG);
    const reopenBell = (hasWork: () => boolean): boolean => bellReceiver.reopen(hasWork);
    const receiver = new RingReceiver(incoming);
    this.receiver = receiver;
    this.#pump = new RecordPump(receiver, scheduler, reopenBell, this);

    const startup = { toWorker, toMain, control, port: port2, layouts: startupLayouts(layouts), data };
    const startedMessage = new Promise<void>((resolve) => {
      port1.on("message", (message: unknown) => {
        if (message === WORKER_MESSAGE.STARTED) resolve();
        else this.#pump.wake();
      });
    });
    this.ended = run(startup, [port2]).then(
      (failure) => this.#end(failure === undefined ? undefined : reviveFailure(failure)),
      (error: unknown) => this.#end(this.#reasonOf(error)),
    );
    this.started = Promise.race([startedMessage, this.ended.then((reason) => this.#refuseStart(reason))]);
    // Whoever watches `ended` need not watch `started` too.
    this.started.catch(() => {});
  }

  /** The kernel's number of the worker's thread; 0 before it has started, or where the system does not
   * tell. */
  get threadId(): number {
    return this.#control.load(CONTROL_WORD.THREAD_ID);
  }

  post(message: unknown): void {
    assert(message !== undefined, "undefined is no message");
    assert(!this.#isEvented, "an evented worker takes no control messages");
    if (this.#hasEnded) return;
    this.#port.postMessage(message);
    // Counted after it lies in the port and before any record that depends on it is published
    // (FencedReceiver).
    this.#postedCount = (this.#postedCount + 1) | 0;
    this.#control.store(CONTROL_WORD.POSTED_COUNT, this.#postedCount);
    this.#bell.ring();
  }

  async stop(): Promise<void> {
    this.sender.publish();
    if (this.#isEvented) {
      if (!this.#hasEnded) this.#port.postMessage(WORKER_MESSAGE.STOP);
    } else {
      this.#control.store(CONTROL_WORD.STOP, 1);
      this.#bell.ring();
    }
    await this.ended;
  }

  #end(reason: Error | undefined): Error | undefined {
    this.#hasEnded = true;
    this.#port.close();
    this.#pump.end();
    return reason;
  }

  #refuseStart(reason: Error | undefined): never {
    throw reason ?? new AssertionError(`worker ${this.#name.role} ended before it had started`);
  }

  /** From the way in which Piscina rejects: an error of the thread (also one thrown outside of the loop, or
   * out of memory), a thread that exited, or a thread that was aborted or destroyed. */
  #reasonOf(error: unknown): Error {
    const message = error instanceof Error ? error.message : String(error);
    const exitCode = /^worker exited with code: (\d+)$/.exec(message)?.[1];
    // A terminated thread exits with 1, too.
    const wasTerminated =
      exitCode === "1" ||
      message === "Terminating worker thread" ||
      (error instanceof Error && error.name === "AbortError");
    if (wasTerminated) return new StrataError("WORKER_TERMINATED", this.#name, { cause: error });
    return error instanceof Error ? reviveFailure(describeFailure(error)) : new Error(message);
  }
}
