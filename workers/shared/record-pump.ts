import type { Scheduler } from "../../engine/core/scheduler.js";
import type { RecordHandler } from "../../engine/core/shared-channel.js";
import type { RingReceiver } from "./ring.js";

/** Records handed over in one turn: the next turn goes on, so that no ring keeps a thread from its
 * sockets. */
const RECORDS_PER_TURN_MAX = 512;
/** The same for long records, so that a turn has one: 128 KB of a report's rows take main 0.06 ms, and
 * several times as much on a busy machine, where the ring also fills while main waits for a core. */
const BYTES_PER_TURN_MAX = 64 * 1024;

export interface PumpTarget {
  onRecord: RecordHandler;
  onBatchEnd: () => void;
}

/** Brings the records of a ring to a thread that lives by its event loop. Asleep until its bell rings, then a
 * batch per turn until a turn finds nothing; only then the bell is opened again, so a burst costs one message
 * and at most one batch per turn. */
export class RecordPump {
  readonly #receiver: RingReceiver;
  readonly #scheduler: Scheduler;
  readonly #reopenBell: (hasWork: () => boolean) => boolean;
  readonly #target: PumpTarget;
  #isAwake = false;
  #hasEnded = false;

  /** @param reopenBell see PortBellReceiver.reopen. */
  constructor(
    receiver: RingReceiver,
    scheduler: Scheduler,
    reopenBell: (hasWork: () => boolean) => boolean,
    target: PumpTarget,
  ) {
    this.#receiver = receiver;
    this.#scheduler = scheduler;
    this.#reopenBell = reopenBell;
    this.#target = target;
  }

  /** The bell rang. */
  wake(): void {
    if (this.#isAwake || this.#hasEnded) return;
    this.#isAwake = true;
    this.#turn();
  }

  /** The worker has ended: hands over what it had published. */
  end(): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    while (this.#drain() > 0);
  }

  readonly #turn = (): void => {
    if (this.#hasEnded) return;
    if (this.#drain() > 0 || this.#reopenBell(this.#hasWork)) this.#scheduler.endOfTurn(this.#turn);
    else this.#isAwake = false;
  };

  readonly #hasWork = (): boolean => this.#receiver.refresh();

  #drain(): number {
    const count = this.#receiver.drain(this.#target.onRecord, RECORDS_PER_TURN_MAX, BYTES_PER_TURN_MAX);
    if (count > 0) this.#target.onBatchEnd();
    return count;
  }
}
