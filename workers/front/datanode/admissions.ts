import { assert } from "../../../engine/core/assert.js";
import type { Clock } from "../../../engine/core/clock.js";
import { Fifo } from "../../../engine/core/fifo.js";
import type { Scheduler, Timer } from "../../../engine/core/scheduler.js";
import type { Uuid } from "../../../engine/core/uuid.js";
import type { HeldBytes } from "./held-reports.js";

/** What may be on its way with registrations: half a second of this thread, as a datanode gives up after five
 * (spec 12 §7.1). By the sizes of the last ones; the first are taken for a report of 40,000 replicas. */
const ADMITTED_BYTES_MAX = 256 * 1024 * 1024;
const FIRST_BYTES = 4 * 1024 * 1024;
/** What a single one counts at most: some huge ones must not take the places of all others. */
const COUNTED_BYTES_MAX = 16 * 1024 * 1024;
const AVERAGED_COUNT = 16;
/** However small they are: connections and main take a millisecond for each. */
const ADMITTED_COUNT_MAX = 1024;
/** A datanode registers at once when it is told to. One that has not come after this time does not count. */
const ADMITTED_MS = 10_000;
/** How long a heartbeat may wait for its answer: with less than its limit of 5 s, and a tick. */
const WAIT_MS = 3000;
/** Of all addresses; a single one gets half, see `#mayWait`. */
const WAITING_COUNT_MAX = 16_384;
const TICK_MS = 250;
/** Part of the memory for reports that must be free: those who come fill it. */
const FREE_PART = 0.5;

/** Tells a datanode whether it is to register; false when it has gone. */
type Told = (isAdmitted: boolean) => boolean;

interface Waiting {
  readonly uuid: Uuid;
  readonly untilMs: number;
  readonly told: Told;
}

/** The datanodes of one address: mostly one, of a machine that simulates them hundreds. */
interface Origin {
  readonly address: string;
  readonly waiting: Fifo<Waiting>;
  admittedCount: number;
}

/** Which datanodes that the front does not know are told to register. After a start of ours that is all of
 * them, each with a full report, some thousands at once when their heartbeats were refused meanwhile; who is
 * not served within five seconds gives up, and what was read of its report was in vain. So some are on their
 * way at a time, the next ones wait with the answer to their heartbeat, and the rest ask again with the next
 * one.
 *
 * Anybody can send heartbeats of datanodes that do not exist. They never come, and would keep the places
 * from those that do. So addresses take turns, and one that has nobody on the way gets a place though all are
 * taken, as long as fewer addresses than there are places have somebody on the way: at worst twice as many
 * are. Where each datanode has its own address, or all have the same one, that changes nothing. */
export class Admissions {
  readonly #clock: Pick<Clock, "monotonicMs">;
  readonly #held: HeldBytes;
  readonly #timer: Timer;
  /** When they were told, oldest first. */
  readonly #admitted = new Map<Uuid, { readonly origin: Origin; readonly sinceMs: number }>();
  /** Those of whom somebody is on the way or waits, by address; whose turn it is comes first. */
  readonly #origins = new Map<string, Origin>();
  /** Those of whom somebody is on the way. */
  #admittedOriginCount = 0;
  #waitingCount = 0;
  #averageBytes = FIRST_BYTES;
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

  /** `told` is called once, now or within seconds. */
  ask(uuid: Uuid, address: string, told: Told): void {
    const origin = this.#originAt(address);
    const isKnown = this.#admitted.has(uuid);
    if (isKnown || (origin.waiting.length === 0 && this.#hasRoomFor(origin))) {
      this.#admit(uuid, origin);
      if (!told(true)) this.notReached(uuid);
    } else if (this.#mayWait(origin)) {
      origin.waiting.push({ uuid, untilMs: this.#clock.monotonicMs() + WAIT_MS, told });
      this.#waitingCount++;
    } else {
      this.#forgetIdle(origin);
      this.#putOff(told);
    }
  }

  /** A datanode has come to register, whether it was told or not. */
  came(uuid: Uuid, requestBytes: number): void {
    const countedBytes = Math.min(requestBytes, COUNTED_BYTES_MAX);
    this.#averageBytes += (countedBytes - this.#averageBytes) / AVERAGED_COUNT;
    this.notReached(uuid);
  }

  /** What it was told did not reach it after all. */
  notReached(uuid: Uuid): void {
    if (this.#leave(uuid)) this.#admitWaiting();
  }

  stop(): void {
    this.#timer.cancel();
    for (const { waiting } of this.#origins.values()) {
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) next.told(false);
    }
  }

  get #countMax(): number {
    return Math.min(ADMITTED_COUNT_MAX, ADMITTED_BYTES_MAX / this.#averageBytes);
  }

  #hasRoomFor({ admittedCount }: Origin): boolean {
    const takenCount = admittedCount === 0 ? this.#admittedOriginCount : this.#admitted.size;
    return takenCount < this.#countMax && this.#hasMemory;
  }

  get #hasMemory(): boolean {
    return this.#held.freePart >= FREE_PART;
  }

  /** No more of an address than there are places left to wait: the next address finds some. */
  #mayWait({ waiting }: Origin): boolean {
    return waiting.length < WAITING_COUNT_MAX - this.#waitingCount;
  }

  #originAt(address: string): Origin {
    const known = this.#origins.get(address);
    if (known !== undefined) return known;
    const origin = { address, waiting: new Fifo<Waiting>(), admittedCount: 0 };
    this.#origins.set(address, origin);
    return origin;
  }

  #forgetIdle({ address, waiting, admittedCount }: Origin): void {
    if (admittedCount === 0 && waiting.length === 0) this.#origins.delete(address);
  }

  #admit(uuid: Uuid, origin: Origin): void {
    if (origin.admittedCount++ === 0) this.#admittedOriginCount++;
    this.#leave(uuid);
    this.#admitted.set(uuid, { origin, sinceMs: this.#clock.monotonicMs() });
  }

  /** Whether it was on its way. */
  #leave(uuid: Uuid): boolean {
    const origin = this.#admitted.get(uuid)?.origin;
    if (origin === undefined) return false;
    this.#admitted.delete(uuid);
    if (--origin.admittedCount === 0) this.#admittedOriginCount--;
    this.#forgetIdle(origin);
    return true;
  }

  #admitWaiting(): void {
    if (!this.#hasMemory) return;
    for (const origin of this.#origins.values()) {
      if (this.#waitingCount === 0 || this.#admittedOriginCount >= this.#countMax) return;
      if (origin.waiting.length === 0 || !this.#hasRoomFor(origin)) continue;
      const next = this.#takeWaiting(origin);
      // To the end of the map, and so of this loop.
      this.#origins.delete(origin.address);
      this.#origins.set(origin.address, origin);
      this.#admit(next.uuid, origin);
      // This loop goes on with its place: thousands may have gone while they waited.
      if (!next.told(true)) this.#leave(next.uuid);
    }
  }

  #takeWaiting({ waiting }: Origin): Waiting {
    const first = waiting.shift();
    assert(first !== undefined, "somebody waits");
    this.#waitingCount--;
    return first;
  }

  #tick(): void {
    const nowMs = this.#clock.monotonicMs();
    for (const [uuid, { sinceMs }] of this.#admitted) {
      if (nowMs - sinceMs < ADMITTED_MS) break;
      this.#leave(uuid);
    }
    this.#admitWaiting();
    for (const origin of this.#origins.values()) {
      while ((origin.waiting.at(0)?.untilMs ?? Number.POSITIVE_INFINITY) <= nowMs) {
        this.#putOff(this.#takeWaiting(origin).told);
      }
      this.#forgetIdle(origin);
    }
  }

  #putOff(told: Told): void {
    this.putOffCount++;
    told(false);
  }
}
