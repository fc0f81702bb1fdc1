import { allocateLocalRing, RingReceiver, RingSender, ringMemory } from "../../../workers/shared/ring.js";
import type { WorkerLink } from "../../../workers/shared/worker-link.js";

/** Both ends of a worker's two rings on one thread; records move when the test says so. */
export class MemoryLink implements WorkerLink {
  readonly sender: RingSender;
  readonly receiver: RingReceiver;
  onRecord: WorkerLink["onRecord"] = () => undefined;
  onBatchEnd: WorkerLink["onBatchEnd"] = () => undefined;
  readonly started = Promise.resolve();
  readonly ended = new Promise<undefined>(() => undefined);
  /** The worker's ends. */
  readonly workerReceiver: RingReceiver;
  readonly workerSender: RingSender;

  constructor(ringBytes: number) {
    const silent = { ring: () => undefined };
    const toWorker = ringMemory(allocateLocalRing(ringBytes));
    const toMain = ringMemory(allocateLocalRing(ringBytes));
    this.sender = new RingSender(toWorker, silent);
    this.workerReceiver = new RingReceiver(toWorker);
    this.workerSender = new RingSender(toMain, silent);
    this.receiver = new RingReceiver(toMain);
  }

  post(): void {
    throw new Error("nothing is posted to the storage threads");
  }

  async stop(): Promise<void> {}

  /** Delivers what the worker published to main. */
  deliver(): void {
    const handler: WorkerLink["onRecord"] = (kind, offset, bytes) => this.onRecord(kind, offset, bytes);
    if (this.receiver.drain(handler, Number.POSITIVE_INFINITY) > 0) this.onBatchEnd();
  }
}
