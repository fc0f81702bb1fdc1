/** Entries of fewer operations never wait: the machine has time, and a client would only see the delay. */
const BUSY_COUNT = 16;
/** An entry waits this long at most for the clients that were just answered: a round trip of theirs. */
const DELAY_MS = 2;
/** Of these clients, how many are enough. */
const RETURNING_SHARE = 7 / 8;
/** An entry waits this long at most for the one before it to be committed: between distant members, entries
 * follow each other on the way. */
const COMMIT_MS_MAX = 5;
/** Entries that do not wait after two in a row have waited in vain; doubled each time it happens again. */
const PAUSES_MAX = 64;

/** How long the next entry waits so that it holds more operations (group commit, as `commit_delay` and
 * `commit_siblings` of PostgreSQL). With other members each entry costs messages, wake-ups and syncs on all
 * of them, so under load one large entry at a time is worth a moment: the clients that were just answered are
 * likely to ask again at once, and then they all share an entry. Clients that do not are found out, and not
 * waited for any more. */
export class CommitDelay {
  /** Operations of the entry applied last. */
  #lastCount = 0;
  /** Operations that are worth waiting for. */
  #wantedCount = 0;
  #appliedMs = 0;
  /** Some operations have waited since then. */
  #hasWaited = false;
  /** Waited in vain so often, one after the other. */
  #missCount = 0;
  /** Entries to come that do not wait. */
  #pauses = 0;

  /** An entry of `count` operations was applied and is going to be answered, while others wait. */
  onApplied(count: number, waitingCount: number, nowMs: number): void {
    this.#lastCount = count;
    this.#wantedCount = Math.floor((count + waitingCount) * RETURNING_SHARE);
    this.#appliedMs = nowMs;
    this.#hasWaited = false;
    if (this.#pauses > 0) this.#pauses--;
  }

  /** How long `waitingCount` operations wait from now on for more to come; 0: they go now.
   * `underWaySinceMs`: when the oldest entry that is not applied was proposed. */
  waitMs(waitingCount: number, underWaySinceMs: number | undefined, nowMs: number): number {
    if (this.#pauses > 0 || this.#lastCount < BUSY_COUNT) return 0;
    if (underWaySinceMs !== undefined) return Math.max(0, underWaySinceMs + COMMIT_MS_MAX - nowMs);
    if (waitingCount >= this.#wantedCount) {
      this.#missCount = 0;
      return 0;
    }
    const leftMs = this.#appliedMs + DELAY_MS - nowMs;
    if (leftMs > 0) {
      this.#hasWaited = true;
      return leftMs;
    }
    if (!this.#hasWaited) return 0;
    this.#missCount++;
    if (this.#missCount > 1) this.#pauses = Math.min(2 ** (this.#missCount - 2), PAUSES_MAX);
    return 0;
  }
}
