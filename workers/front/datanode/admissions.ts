import type { Clock } from "../../../engine/core/clock.js";
import { Fifo } from "../../../engine/core/fifo.js";
import type { Scheduler, Timer } from "../../../engine/core/scheduler.js";
import type { Uuid } from "../../../engine/core/uuid.js";
import type { HeldBytes } from "./held-reports.js";

/** What may be on its way with registrations: half a second of this thread, as a datanode gives up after five
 * (spec 12 §7.1). By the sizes of the last ones; the first are taken for a report of 40,000 replicas. */
const ADMITTED_BYTES_MAX = 256 * 1024 * 1024;
const FIRST_BYTES = 4 * 1024 * 1024;
const AVERAGED_COUNT = 16;
/** However small they are: connections and main take a millisecond for each. */
const ADMITTED_COUNT_MAX = 1024;
/** A datanode registers at once when it is told to. One that has not come after this time does not count. */
const ADMITTED_MS = 10_000;
/** How long a heartbeat may wait for its answer: with less than its limit of 5 s, and a tick. */
const WAIT_MS = 3000;
const WAITING_COUNT_MAX = 8192;
const TICK_MS = 250;
/** Part of the memory for reports that must be free: those who come fill it. */
const FREE_PART = 0.5;

interface Waiting {
  readonly uuid: Uuid;
  readonly untilMs: number;
  readonly told: (isAdmitted: boolean) => void;
}

/** Which datanodes that the front does not know are told to register. After a start of ours that is all of
 * them, each with a full report, some thousands at once when their heartbeats were refused meanwhile; who is
 * not served within five seconds gives up, and what was read of its report was in vain. So some are on their
 * way at a time, the next ones wait with the answer to their heartbeat, and the rest ask again with the next
 * one. */
export class Admissions {
  readonly #clock: Pick<Clock, "monotonicMs">;
  readonly #held: HeldBytes;
  readonly #timer: Timer;
  /** When they were told, oldest first. */
  readonly #admitted = new Map<Uuid, number>();
  #averageBytes = FIRST_BYTES;
  readonly #waiting = new Fifo<Waiting>();
  /** Those that had to wait for another heartbeat. */
  putOffCount = 0;

  constructor(
    { clock, scheduler }: { readonly clock: Pick<Clock, "monotonicMs">; readonly scheduler: Scheduler },
    held: HeldBytes,
  ) {
    this.#clock = clock;
    this.#held = held;
    this.#timer = scheduler.every(TICK_MS, () => this.#tick());
  }

  /** `told` is called once, now or within seconds: whether the datanode is to register. */
  ask(uuid: Uuid, told: (isAdmitted: boolean) => void): void {
    const isKnown = this.#admitted.has(uuid);
    if (isKnown || (this.#waiting.length === 0 && this.#hasRoom)) {
      this.#admit(uuid);
      told(true);
    } else if (this.#waiting.length < WAITING_COUNT_MAX) {
      this.#waiting.push({ uuid, untilMs: this.#clock.monotonicMs() + WAIT_MS, told });
    } else this.#putOff(told);
  }

  /** A datanode has come to register, whether it was told or not. */
  came(uuid: Uuid, requestBytes: number): void {
    this.#averageBytes += (requestBytes - this.#averageBytes) / AVERAGED_COUNT;
    this.notReached(uuid);
  }

  /** What it was told did not reach it. */
  notReached(uuid: Uuid): void {
    if (this.#admitted.delete(uuid)) this.#admitWaiting();
  }

  stop(): void {
    this.#timer.cancel();
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) next.told(false);
  }

  get #hasRoom(): boolean {
    const countMax = Math.min(ADMITTED_COUNT_MAX, ADMITTED_BYTES_MAX / this.#averageBytes);
    return this.#admitted.size < countMax && this.#held.freePart >= FREE_PART;
  }

  #admit(uuid: Uuid): void {
    this.#admitted.delete(uuid);
    this.#admitted.set(uuid, this.#clock.monotonicMs());
  }

  #admitWaiting(): void {
    while (this.#hasRoom) {
      const next = this.#waiting.shift();
      if (next === undefined) return;
      this.#admit(next.uuid);
      next.told(true);
    }
  }

  #tick(): void {
    const nowMs = this.#clock.monotonicMs();
    for (const [uuid, admittedMs] of this.#admitted) {
      if (nowMs - admittedMs < ADMITTED_MS) break;
      this.#admitted.delete(uuid);
    }
    this.#admitWaiting();
    for (let first = this.#waiting.at(0); first !== undefined; first = this.#waiting.at(0)) {
      if (first.untilMs > nowMs) return;
      this.#waiting.drop(1);
      this.#putOff(first.told);
    }
  }

  #putOff(told: Waiting["told"]): void {
    this.putOffCount++;
    told(false);
  }
}
