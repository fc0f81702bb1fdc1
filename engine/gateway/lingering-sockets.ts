/** Counts sockets that we closed but whose peer may keep them half open. uWebSockets.js tells nothing
 * about a socket after its close frame was sent, and cuts it off when its idle timer fires; until then it
 * holds a descriptor and unsent bytes, so it must count against the connection limit. */
export class LingeringSockets {
  readonly #lingerMs: number;
  #goneAtMs: number[] = [];
  #first = 0;

  /** `lingerMs`: longest time that a closed socket can stay. */
  constructor(lingerMs: number) {
    this.#lingerMs = lingerMs;
  }

  add(nowMs: number): void {
    this.#goneAtMs.push(nowMs + this.#lingerMs);
  }

  /** How many may still be there at `nowMs`, which never goes back. Amortised O(1). */
  count(nowMs: number): number {
    while ((this.#goneAtMs[this.#first] ?? Number.POSITIVE_INFINITY) <= nowMs) this.#first++;
    if (this.#first > 1024 && this.#first * 2 > this.#goneAtMs.length) {
      this.#goneAtMs = this.#goneAtMs.slice(this.#first);
      this.#first = 0;
    }
    return this.#goneAtMs.length - this.#first;
  }
}
