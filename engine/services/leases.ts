/** Precision of a lease's end. */
const SLOT_MS = 1_000;

/** Containers with a lease each, of which few end at a time. Pure: times are passed in, in ms of the
 * monotonic clock. */
export class Leases {
  readonly #held = new Set<number>();
  /** By the slot of time in which they end. */
  readonly #bySlot = new Map<number, number[]>();
  /** Slots before it are over. */
  #nextSlot: number;
  /** Over, and not taken from `#overAt` on. */
  #over: number[] = [];
  #overAt = 0;

  constructor(nowMs: number) {
    this.#nextSlot = Math.floor(nowMs / SLOT_MS);
  }

  get size(): number {
    return this.#held.size;
  }

  has(containerId: number): boolean {
    return this.#held.has(containerId);
  }

  /** The container has none yet. */
  add(containerId: number, untilMs: number): void {
    this.#held.add(containerId);
    const slot = Math.max(this.#nextSlot, Math.ceil(untilMs / SLOT_MS));
    const ending = this.#bySlot.get(slot);
    if (ending === undefined) this.#bySlot.set(slot, [containerId]);
    else ending.push(containerId);
  }

  /** Ends up to `countMax` leases whose time is over; fewer when these are all. */
  takeEnded(nowMs: number, countMax: number): number[] {
    const taken: number[] = [];
    while (taken.length < countMax && this.#isAnyOver(nowMs)) {
      const containerId = this.#over[this.#overAt++] as number;
      this.#held.delete(containerId);
      taken.push(containerId);
    }
    return taken;
  }

  #isAnyOver(nowMs: number): boolean {
    const slotNow = Math.floor(nowMs / SLOT_MS);
    while (this.#overAt === this.#over.length && this.#nextSlot <= slotNow) {
      this.#over = this.#bySlot.get(this.#nextSlot) ?? [];
      this.#overAt = 0;
      this.#bySlot.delete(this.#nextSlot++);
    }
    return this.#overAt < this.#over.length;
  }
}
