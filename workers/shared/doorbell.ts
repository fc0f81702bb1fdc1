import type { AtomicWords } from "./atomic-words.js";

/** What the sender of a ring calls after it has published. */
export interface Bell {
  ring(): void;
}

/** Longest sleep of a worker without a ring. No wake-up depends on it (see `SleepBell`); it bounds the damage
 * if one ever gets lost, and costs two polls a second. */
export const SLEEP_MS_MAX = 500;

/** Doorbell to a worker, which sleeps in `Atomics.wait` (7–8 µs to wake, no CPU while idle; stack-limits §4).
 *
 *      receiver                                ringer
 *      flag ← 1                                publishes its records (head ← …)
 *      looks again: work? → flag ← 0, go on    flag = 1? → flag ← 0, notify
 *      wait while flag = 1
 *      flag ← 0
 *
 * Both sides first write and then read what the other wrote, all sequentially consistent, so at least one
 * sees the other: the receiver finds the records, or the ringer finds the flag. A notify that comes before
 * the wait has cleared the flag, and then the wait returns at once. So no wake-up is lost. */
export class SleepBell implements Bell {
  readonly #words: AtomicWords;
  readonly #flag: number;

  /** @param flag index of the word that is 1 while the receiver sleeps or is about to. */
  constructor(words: AtomicWords, flag: number) {
    this.#words = words;
    this.#flag = flag;
  }

  ring(): void {
    if (this.#words.load(this.#flag) === 0) return;
    if (this.#words.exchange(this.#flag, 0) === 1) this.#words.notify(this.#flag);
  }

  /** Receiver only. Returns when there may be work: `hasWork` was true, the bell rang, or `timeoutMs` has
   * passed. `hasWork` must look at the shared words anew, not at cached ones. */
  sleep(hasWork: () => boolean, timeoutMs: number): void {
    this.#words.store(this.#flag, 1);
    if (!hasWork()) this.#words.wait(this.#flag, 1, timeoutMs);
    this.#words.store(this.#flag, 0);
  }
}

/** Doorbell to a thread that must not block, main or a worker with sockets: a message on a port, which starts
 * a turn of the event loop. The flag is 1 from the message on until the receiver has drained everything and
 * opens the bell again, so that there is one message per burst and none while it is at work anyway. Lost
 * wake-ups: as in `SleepBell`, with the flag's meaning reversed. */
export class PortBell implements Bell {
  readonly #words: AtomicWords;
  readonly #flag: number;
  readonly #sendMessage: () => void;

  /** @param flag index of the word that is 1 while a message is on its way or the receiver drains. */
  constructor(words: AtomicWords, flag: number, sendMessage: () => void) {
    this.#words = words;
    this.#flag = flag;
    this.#sendMessage = sendMessage;
  }

  ring(): void {
    if (this.#words.load(this.#flag) === 1) return;
    if (this.#words.exchange(this.#flag, 1) === 0) this.#sendMessage();
  }
}

/** The receiver's end of a `PortBell`. */
export class PortBellReceiver {
  readonly #words: AtomicWords;
  readonly #flag: number;

  constructor(words: AtomicWords, flag: number) {
    this.#words = words;
    this.#flag = flag;
  }

  /** Call when everything has been drained. True: there is work again and the receiver stays in charge of it.
   * False: the next record brings a message. */
  reopen(hasWork: () => boolean): boolean {
    this.#words.store(this.#flag, 0);
    // When the sender was faster (the exchange finds 1), its message is on the way and takes care of the
    // work.
    return hasWork() && this.#words.exchange(this.#flag, 1) === 0;
  }
}
