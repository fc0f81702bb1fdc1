import { assert } from "../../../engine/core/assert.js";
import type { Message } from "../../../engine/raft/message.js";

/** What an event is. Those up to WORK are a replica's, the rest is the world's. */
export const EVENT = {
  /** The network brings `message`. */
  DELIVER: 0,
  TICK: 1,
  /** The log thread has synced what it wrote. */
  DISK: 2,
  /** Its answers reach the main thread. */
  ANSWER: 3,
  APPLY: 4,
  FLUSH: 5,
  FETCH: 6,
  /** How a message to a peer fared. */
  REPORT: 7,
  /** A client or an operator asks for something. */
  CLIENT: 8,
  RESUME: 9,
  /** The turn ends: what the core wants done is done. */
  WORK: 10,
  WORLD: 11,
} as const;
export type EventKind = (typeof EVENT)[keyof typeof EVENT];

/** Units of virtual time: one tick of the Raft clock. */
export const TICK_UNITS = 20;

export class SimEvent {
  readonly kind: EventKind;
  /** Of the replica; 0 = the world's. */
  readonly id: number;
  /** The replica must still live this life; 0 = any. */
  readonly life: number;
  readonly message: Message | undefined;
  readonly task: (() => void) | undefined;
  /** In the same unit of time, later. */
  next: SimEvent | undefined = undefined;

  constructor(
    kind: EventKind,
    to: { readonly id: number; readonly life: number },
    message: Message | undefined,
    task: (() => void) | undefined,
  ) {
    this.kind = kind;
    this.id = to.id;
    this.life = to.life;
    this.message = message;
    this.task = task;
  }
}

/** A power of two. */
const SLOTS = 1 << 14;

/** All that will happen, by time; at the same time in the order of scheduling. A wheel of time: constant time
 * for each event. */
export class EventQueue {
  readonly #first: (SimEvent | undefined)[] = new Array(SLOTS).fill(undefined);
  readonly #last: (SimEvent | undefined)[] = new Array(SLOTS).fill(undefined);
  #now = 0;
  #count = 0;

  /** In units since the beginning. */
  get now(): number {
    return this.#now;
  }

  /** `delay` in units; 0 = later in the present unit. */
  push(delay: number, event: SimEvent): void {
    assert(delay >= 0 && delay < SLOTS, `delay out of range: ${delay}`);
    const slot = (this.#now + delay) & (SLOTS - 1);
    const last = this.#last[slot];
    if (last === undefined) this.#first[slot] = event;
    else last.next = event;
    this.#last[slot] = event;
    this.#count++;
  }

  /** Takes the next event out and goes to its time, unless that is after `until`; then that is the time. */
  pop(until: number): SimEvent | undefined {
    while (this.#now <= until && this.#count > 0) {
      const slot = this.#now & (SLOTS - 1);
      const event = this.#first[slot];
      if (event !== undefined) {
        this.#first[slot] = event.next;
        if (event.next === undefined) this.#last[slot] = undefined;
        event.next = undefined;
        this.#count--;
        return event;
      }
      if (this.#now === until) return undefined;
      this.#now++;
    }
    this.#now = Math.max(this.#now, until);
    return undefined;
  }
}
