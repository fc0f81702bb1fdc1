import { assert } from "../../../engine/core/assert.js";
import type { RecordHandler } from "../../../engine/core/shared-channel.js";
import { SharedWords } from "../../../workers/shared/atomic-words.js";
import { allocateLocalRing, RingReceiver, RingSender, ringMemory } from "../../../workers/shared/ring.js";
import { CONTROL_WORD, WORKER_CONTROL } from "../../../workers/shared/worker-control.js";
import { WorkerDriver } from "../../../workers/shared/worker-driver.js";
import type {
  WorkerContext,
  WorkerLink,
  WorkerLoop,
  WorkerStarter,
  WorkerStartOptions,
} from "../../../workers/shared/worker-link.js";

/** Workers on the test's own thread that do nothing until the test steps them: the real driver and rings,
 * and no scheduler, so that a test decides which side gets how far. */
export class LocalWorkers<L extends WorkerLoop> implements WorkerStarter {
  readonly links: LocalLink<L>[] = [];
  /** Whether workers get through their start. */
  canStart = true;
  readonly #createLoop: (context: WorkerContext) => L;

  constructor(createLoop: (context: WorkerContext) => L) {
    this.#createLoop = createLoop;
  }

  start(_role: string, index: number, options: WorkerStartOptions): WorkerLink {
    const link = new LocalLink(options, this.#createLoop, this.canStart);
    this.links[index] = link;
    return link;
  }

  /** Steps all workers and hands their records to main until nothing moves any more. */
  settle(): void {
    for (let moved = true; moved; ) {
      moved = false;
      for (const link of this.links) {
        if (link.stepWorker()) moved = true;
        if (link.deliver()) moved = true;
      }
    }
  }
}

const noBell = { ring: (): void => {} };

export class LocalLink<L extends WorkerLoop> implements WorkerLink {
  readonly sender: RingSender;
  readonly receiver: RingReceiver;
  readonly started: Promise<void>;
  readonly ended: Promise<Error | undefined>;
  readonly loop: L;
  onRecord: RecordHandler = () => assert(false, "onRecord was not set");
  onBatchEnd: () => void = () => {};

  readonly #control = new SharedWords(new Int32Array(WORKER_CONTROL.rowBytes / 4));
  readonly #messages: unknown[] = [];
  readonly #driver: WorkerDriver;
  #postedCount = 0;
  #end: (reason: Error | undefined) => void = () => {};
  #hasEnded = false;

  constructor(
    { ringBytes, data }: WorkerStartOptions,
    createLoop: (context: WorkerContext) => L,
    canStart: boolean,
  ) {
    this.started = canStart ? Promise.resolve() : new Promise(() => {});
    const outgoing = ringMemory(allocateLocalRing(ringBytes));
    const incoming = ringMemory(allocateLocalRing(ringBytes));
    this.sender = new RingSender(outgoing, noBell);
    this.receiver = new RingReceiver(incoming);
    this.ended = new Promise((resolve) => {
      this.#end = resolve;
    });
    this.#driver = new WorkerDriver({
      receiver: new RingReceiver(outgoing),
      sender: new RingSender(incoming, noBell),
      control: this.#control,
      takeMessage: () => this.#messages.shift(),
      data,
    });
    this.loop = createLoop(this.#driver);
  }

  post(message: unknown): void {
    this.#messages.push(message);
    this.#postedCount++;
    this.#control.store(CONTROL_WORD.POSTED_COUNT, this.#postedCount);
  }

  /** One poll of the worker; false when it had nothing to do. */
  stepWorker(): boolean {
    return !this.#hasEnded && this.#driver.step(this.loop) === "busy";
  }

  /** Hands what the worker published to main; false when there was nothing. */
  deliver(): boolean {
    if (this.#hasEnded || this.receiver.drain(this.onRecord, Number.MAX_SAFE_INTEGER) === 0) return false;
    this.onBatchEnd();
    return true;
  }

  /** Ends the worker where it stands; what lies in the rings is lost. */
  terminate(reason: Error): void {
    this.#hasEnded = true;
    this.#end(reason);
  }

  async stop(): Promise<void> {
    this.#hasEnded = true;
    this.#end(undefined);
    await this.ended;
  }
}
