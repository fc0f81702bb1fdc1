import type { Clock } from "../../../engine/core/clock.js";
import type { Random } from "../../../engine/core/random.js";
import type { Scheduler, Timer } from "../../../engine/core/scheduler.js";

/** Bytes in flight that the operating systems on both sides take; what exceeds them waits with the sender. */
const SOCKET_BUFFER_BYTES = 64 * 1024;
/** What a reader of memory that it must not keep will find there. */
const POISON = 0xdd;

/** What all connections share. */
export interface Latency {
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  /** The stream of random numbers for the network alone. */
  readonly random: Random;
  readonly latencyMsMin: number;
  readonly latencyMsMax: number;
}

interface Item {
  readonly dueMs: number;
  readonly bytes: number;
  readonly deliver: () => void;
}

/** One direction of a connection: delivers in order, each item after a random latency but never before the
 * one ahead of it. */
export class SimFlow {
  readonly #latency: Latency;
  readonly #extraMs: () => number;
  #items: Item[] = [];
  #timer: Timer | undefined;
  #bytesInFlight = 0;
  #holdCount = 0;

  /** `extraMs` is what the link takes longer just now. */
  constructor(latency: Latency, extraMs: () => number) {
    this.#latency = latency;
    this.#extraMs = extraMs;
  }

  get isHeld(): boolean {
    return this.#holdCount > 0;
  }

  /** Bytes that wait with the sender. */
  get bufferedBytes(): number {
    return Math.max(0, this.#bytesInFlight - SOCKET_BUFFER_BYTES);
  }

  /** Copies `message`; `deliver` gets the copy, which is only valid during the call. */
  sendMessage(message: Uint8Array, deliver: (message: Uint8Array) => void): void {
    // A Buffer's own slice would not copy.
    const copy = Uint8Array.from(message);
    this.#send(copy.length, () => {
      deliver(copy);
      // The real transport detaches or reuses its memory here: who kept the message finds out.
      copy.fill(POISON);
    });
  }

  sendSignal(deliver: () => void): void {
    this.#send(0, deliver);
  }

  /** Delivers nothing until `release` was called as often. */
  hold(count = 1): void {
    this.#holdCount += count;
  }

  release(count = 1): void {
    this.#holdCount -= count;
    this.#arm();
  }

  /** Loses what has not arrived. */
  cut(): void {
    this.#items = [];
    this.#bytesInFlight = 0;
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #send(bytes: number, deliver: () => void): void {
    const { clock, random, latencyMsMin, latencyMsMax } = this.#latency;
    const latencyMs = latencyMsMin + random.fraction() * (latencyMsMax - latencyMsMin) + this.#extraMs();
    this.#bytesInFlight += bytes;
    this.#items.push({ dueMs: clock.monotonicMs() + latencyMs, bytes, deliver });
    this.#arm();
  }

  #arm(): void {
    const next = this.#items[0];
    if (next === undefined || this.#timer !== undefined || this.isHeld) return;
    const { clock, scheduler } = this.#latency;
    this.#timer = scheduler.after(Math.max(0, next.dueMs - clock.monotonicMs()), () => {
      this.#timer = undefined;
      if (this.isHeld) return;
      this.#items.shift();
      this.#bytesInFlight -= next.bytes;
      this.#arm();
      next.deliver();
    });
  }
}
