import type { Transport } from "../../../engine/core/transport.js";
import { RingLink } from "../../../workers/front/ring-link.js";
import { FrontTransport } from "../../../workers/pool/front-transport.js";
import { allocateLocalRing, RingReceiver, RingSender, ringMemory } from "../../../workers/shared/ring.js";
import type { WorkerLink } from "../../../workers/shared/worker-link.js";
import { ManualScheduler } from "../consensus/manual-scheduler.js";

const SILENT_BELL = { ring: () => {} };
const RECORDS_MAX = 1000;

/** Front and main on one thread: the two ends of the rings between them, which carry what `step` lets
 * pass. */
export class RingWorld {
  readonly time = new ManualScheduler();
  readonly transport: FrontTransport & Transport;
  readonly link: RingLink;
  /** Whether the front may read on, each time that changed. */
  readonly blocked: boolean[] = [];
  readonly #toMain: { readonly sender: RingSender; readonly receiver: RingReceiver };
  readonly #toFront: { readonly sender: RingSender; readonly receiver: RingReceiver };
  readonly #worker: WorkerLink;

  constructor(ringBytes: number) {
    this.#toMain = openRing(ringBytes);
    this.#toFront = openRing(ringBytes);
    const dropped = { onPorts: () => {}, onFigures: () => {}, onBug: () => {} };
    this.transport = new FrontTransport({ scheduler: this.time, ...dropped });
    const publishLater = () => this.#toMain.sender.publish();
    this.link = new RingLink(
      { scheduler: this.time, receiver: this.#toFront.receiver, sender: this.#toMain.sender, publishLater },
      (isBlocked) => this.blocked.push(isBlocked),
    );
    const never = new Promise<never>(() => {});
    this.#worker = {
      sender: this.#toFront.sender,
      receiver: this.#toMain.receiver,
      onRecord: () => {},
      onBatchEnd: () => {},
      post: () => {},
      started: never,
      ended: never,
      stop: async () => {},
    };
    this.transport.attach(this.#worker);
  }

  /** Main takes at most `countMax` records. */
  mainStep(countMax = RECORDS_MAX): number {
    const count = this.#toMain.receiver.drain(this.#worker.onRecord, countMax);
    if (count > 0) this.#worker.onBatchEnd();
    return count;
  }

  /** The front does. */
  frontStep(countMax = RECORDS_MAX): number {
    const handler = (kind: number, offset: number, bytes: number) =>
      void this.link.onRecord(kind, offset, bytes);
    return this.#toFront.receiver.drain(handler, countMax);
  }

  /** Lets both sides run until nothing moves any more, time included. */
  async settle(): Promise<void> {
    for (let still = 0; still < 5; still++) {
      await Promise.resolve();
      this.time.advance(1);
      this.transport.publish();
      if (this.mainStep() + this.frontStep() > 0) still = 0;
    }
  }
}

function openRing(capacityBytes: number) {
  const buffer = allocateLocalRing(capacityBytes);
  return {
    sender: new RingSender(ringMemory(buffer), SILENT_BELL),
    receiver: new RingReceiver(ringMemory(buffer)),
  };
}
