import { AssertionError, assert } from "../../../engine/core/assert.js";
import { StrataError } from "../../../engine/core/errors.js";
import type { Random } from "../../../engine/core/random.js";
import type { Scheduler, Timer } from "../../../engine/core/scheduler.js";
import type { ChannelSender, RecordHandler } from "../../../engine/core/shared-channel.js";
import { SharedWords } from "../../../workers/shared/atomic-words.js";
import { PortBell, PortBellReceiver } from "../../../workers/shared/doorbell.js";
import { RecordPump } from "../../../workers/shared/record-pump.js";
import {
  allocateLocalRing,
  RING_WORD,
  RingReceiver,
  RingSender,
  ringMemory,
} from "../../../workers/shared/ring.js";
import { CONTROL_WORD, WORKER_CONTROL } from "../../../workers/shared/worker-control.js";
import { WorkerDriver } from "../../../workers/shared/worker-driver.js";
import { describeFailure, reviveFailure } from "../../../workers/shared/worker-failure.js";
import type {
  RecordMemory,
  WorkerContext,
  WorkerLink,
  WorkerLoop,
  WorkerStarter,
  WorkerStartOptions,
} from "../../../workers/shared/worker-link.js";

const WAKE_MS_MAX = 0.2;
/** As the real one (run-worker.ts). */
const BLOCKED_MS = 1;

export type CreateLoop = (context: WorkerContext) => WorkerLoop;

export interface SimWorkerPoolOptions {
  readonly scheduler: Scheduler;
  /** Draws when a worker wakes and how long a poll takes. */
  readonly random: Random;
  /** What the entry files of the roles give to `runWorker`. */
  readonly roles: Readonly<Record<string, CreateLoop>>;
  /** Longest virtual time from a ring of the bell, or from one poll, to the next poll; default 0.2. */
  readonly wakeMsMax?: number;
}

/** WorkerPool on one thread: the real loops, driver, rings and pump, over ordinary memory; sleeping and
 * waking are events of the simulation. */
export class SimWorkerPool implements WorkerStarter {
  readonly #options: SimWorkerPoolOptions;
  readonly #running = new Map<string, SimWorkerLink>();

  constructor(options: SimWorkerPoolOptions) {
    this.#options = options;
  }

  start(role: string, index: number, options: WorkerStartOptions): WorkerLink {
    const key = `${role} ${index}`;
    assert(!this.#running.has(key), `worker ${key} is running`);
    const createLoop = this.#options.roles[role];
    assert(createLoop !== undefined, `no worker role ${role}`);
    const link = new SimWorkerLink({ ...this.#options, ...options, role, index, createLoop });
    this.#running.set(key, link);
    void link.ended.then(() => {
      if (this.#running.get(key) === link) this.#running.delete(key);
    });
    return link;
  }

  isRunning(role: string, index: number): boolean {
    return this.#running.has(`${role} ${index}`);
  }

  /** Ends a worker where it stands: it never polls again. */
  terminate(role: string, index: number): void {
    const link = this.#running.get(`${role} ${index}`);
    assert(link !== undefined, `worker ${role} ${index} is not running`);
    link.terminate();
  }

  /** Lets a worker do nothing for a while, or for good, as one whose disk hangs; nothing happens when there
   * is none. */
  stall(role: string, index: number, durationMs?: number): void {
    this.#running.get(`${role} ${index}`)?.stall(durationMs);
  }

  async close(): Promise<void> {
    await Promise.all([...this.#running.values()].map((link) => link.stop()));
  }
}

interface SimLinkOptions extends WorkerStartOptions {
  readonly scheduler: Scheduler;
  readonly random: Random;
  readonly role: string;
  readonly index: number;
  readonly createLoop: CreateLoop;
  readonly wakeMsMax?: number;
}

class SimWorkerLink implements WorkerLink {
  readonly sender: ChannelSender;
  readonly receiver: RecordMemory;
  readonly started: Promise<void>;
  readonly ended: Promise<Error | undefined>;
  onRecord: RecordHandler = () => assert(false, "onRecord was not set when the worker started");
  onBatchEnd: () => void = () => {};

  readonly #options: SimLinkOptions;
  readonly #control = new SharedWords(new Int32Array(WORKER_CONTROL.rowBytes / 4));
  readonly #messages: unknown[] = [];
  readonly #pump: RecordPump;
  readonly #driver: WorkerDriver;
  #loop: WorkerLoop | undefined;
  #postedCount = 0;
  #isStepScheduled = false;
  #isStalled = false;
  #hasStarted = false;
  #hasEnded = false;
  #bellTimer: Timer | undefined;
  #stepTimer: Timer | undefined;
  #onStarted: () => void = () => {};
  #onEnded: (reason: Error | undefined) => void = () => {};

  constructor(options: SimLinkOptions) {
    this.#options = options;
    const outgoing = ringMemory(allocateLocalRing(options.ringBytes));
    const incoming = ringMemory(allocateLocalRing(options.ringBytes));
    this.sender = new RingSender(outgoing, { ring: () => this.#wakeWorker() });
    const receiver = new RingReceiver(incoming);
    const bell = new PortBell(incoming.words, RING_WORD.FLAG, () => {
      this.#bellTimer = this.#soon(() => this.#pump.wake());
    });
    const bellReceiver = new PortBellReceiver(incoming.words, RING_WORD.FLAG);
    this.receiver = receiver;
    this.#pump = new RecordPump(receiver, options.scheduler, (hasWork) => bellReceiver.reopen(hasWork), this);
    this.#driver = new WorkerDriver({
      receiver: new RingReceiver(outgoing),
      sender: new RingSender(incoming, bell),
      control: this.#control,
      takeMessage: () => this.#messages.shift(),
      data: options.data,
    });
    this.ended = new Promise((resolve) => {
      this.#onEnded = resolve;
    });
    this.started = new Promise((resolve, reject) => {
      this.#onStarted = resolve;
      void this.ended.then((reason) => reject(reason ?? new AssertionError("ended before it had started")));
    });
    this.started.catch(() => {});
    this.#soon(() => this.#worker(() => this.#start()));
  }

  post(message: unknown): void {
    assert(message !== undefined, "undefined is no message");
    if (this.#hasEnded) return;
    this.#messages.push(message);
    this.#postedCount = (this.#postedCount + 1) | 0;
    this.#control.store(CONTROL_WORD.POSTED_COUNT, this.#postedCount);
    this.#wakeWorker();
  }

  async stop(): Promise<void> {
    this.sender.publish();
    this.#control.store(CONTROL_WORD.STOP, 1);
    this.#wakeWorker();
    await this.ended;
  }

  terminate(): void {
    const { role, index } = this.#options;
    this.#end(new StrataError("WORKER_TERMINATED", { role, index }));
  }

  stall(durationMs: number | undefined): void {
    if (this.#isStalled) return;
    this.#isStalled = true;
    if (durationMs === undefined) return;
    this.#options.scheduler.after(durationMs, () => {
      this.#isStalled = false;
      this.#wakeWorker();
    });
  }

  async #start(): Promise<void> {
    this.#loop = this.#options.createLoop(this.#driver);
    await this.#loop.start();
    this.#driver.sender.publish();
    this.#hasStarted = true;
    this.#onStarted();
    this.#wakeWorker();
  }

  #wakeWorker(delayMs = this.#drawDelayMs()): void {
    if (!this.#hasStarted || this.#hasEnded || this.#isStepScheduled) return;
    this.#isStepScheduled = true;
    this.#stepTimer = this.#options.scheduler.after(delayMs, () => {
      this.#isStepScheduled = false;
      if (!this.#isStalled) this.#worker(() => this.#step());
    });
  }

  async #step(): Promise<void> {
    const loop = this.#loop as WorkerLoop;
    const step = this.#driver.step(loop);
    if (step === "done") {
      this.#hasStarted = false;
      await loop.stop();
      this.#driver.sender.publish();
      this.#end(undefined);
    } else if (step === "blocked") {
      this.#wakeWorker(BLOCKED_MS);
    } else if (step === "busy" || this.#driver.hasWork()) {
      this.#wakeWorker();
    }
  }

  /** Runs a part of the worker; what it throws ends the worker. */
  #worker(part: () => Promise<void>): void {
    if (this.#hasEnded) return;
    part().catch((error: unknown) => this.#end(reviveFailure(describeFailure(error))));
  }

  #end(reason: Error | undefined): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#soon(() => {
      // What it rang for last, the pump takes now.
      this.#bellTimer?.cancel();
      this.#stepTimer?.cancel();
      this.#pump.end();
      this.#onEnded(reason);
    });
  }

  #soon(task: () => void): Timer {
    return this.#options.scheduler.after(this.#drawDelayMs(), task);
  }

  #drawDelayMs(): number {
    return this.#options.random.fraction() * (this.#options.wakeMsMax ?? WAKE_MS_MAX);
  }
}
