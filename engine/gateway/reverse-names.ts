import { lookupService } from "node:dns";
import type { Clock } from "../core/clock.js";
import type { Scheduler, Timer } from "../core/scheduler.js";

/** Asks the operating system for the name of an address; undefined when it has none. */
export type ReverseLookUp = (address: string, onName: (name: string | undefined) => void) => void;

/** Hosts file and name service of this machine, as the reference asks them. */
export const systemReverseLookUp: ReverseLookUp = (address, onName) => {
  lookupService(address, 0, (error, name) => onName(error === null && name !== address ? name : undefined));
};

export interface ReverseNamesOptions {
  readonly lookUp: ReverseLookUp;
  readonly clock: Clock;
  readonly scheduler: Scheduler;
}

/** A registration does not wait longer than this for a name; a late answer serves the next one. */
const WAIT_MS_MAX = 1_000;
const KEEP_NAME_MS = 600_000;
/** A name that could not be found is asked for again soon. */
const KEEP_FAILURE_MS = 10_000;
/** Look-ups block threads of a small pool that others use too. */
const AT_ONCE_MAX = 2;
const ADDRESS_COUNT_MAX = 65_536;

interface Entry {
  name: string | undefined;
  /** 0 while the name has never been asked for. */
  validUntilMs: number;
  isAsked: boolean;
  waiting: ((name: string | undefined) => void)[];
}

/** Host names of peers by their addresses (spec 01 §3.2 step 2), remembered for ten minutes. A slow or
 * dead name service delays a registration by a second and blocks nothing. */
export class ReverseNames {
  readonly #options: ReverseNamesOptions;
  readonly #entries = new Map<string, Entry>();
  readonly #queue: string[] = [];
  #runningCount = 0;

  constructor(options: ReverseNamesOptions) {
    this.#options = options;
  }

  /** Calls `onName` once, at once when the name is known. */
  readonly find: ReverseLookUp = (address, onName) => {
    const entry = this.#entryOf(address);
    if (entry === undefined || this.#options.clock.monotonicMs() < entry.validUntilMs) {
      onName(entry?.name);
      return;
    }
    let timer: Timer | undefined;
    const settle = (name: string | undefined): void => {
      timer?.cancel();
      entry.waiting = entry.waiting.filter((other) => other !== settle);
      onName(name);
    };
    entry.waiting.push(settle);
    timer = this.#options.scheduler.after(WAIT_MS_MAX, () => settle(entry.name));
    this.#ask(address, entry);
  };

  /** Undefined when there is no room for another address. */
  #entryOf(address: string): Entry | undefined {
    const known = this.#entries.get(address);
    if (known !== undefined) return known;
    if (this.#entries.size >= ADDRESS_COUNT_MAX) this.#forgetOldest();
    if (this.#entries.size >= ADDRESS_COUNT_MAX) return undefined;
    const entry: Entry = { name: undefined, validUntilMs: 0, isAsked: false, waiting: [] };
    this.#entries.set(address, entry);
    return entry;
  }

  #forgetOldest(): void {
    for (const [address, entry] of this.#entries) {
      if (!entry.isAsked) this.#entries.delete(address);
      return;
    }
  }

  #ask(address: string, entry: Entry): void {
    if (entry.isAsked) return;
    entry.isAsked = true;
    this.#queue.push(address);
    this.#runNext();
  }

  #runNext(): void {
    if (this.#runningCount >= AT_ONCE_MAX) return;
    const address = this.#queue.shift();
    if (address === undefined) return;
    this.#runningCount++;
    this.#options.lookUp(address, (name) => {
      this.#runningCount--;
      this.#found(address, name);
      this.#runNext();
    });
  }

  #found(address: string, name: string | undefined): void {
    const entry = this.#entries.get(address);
    if (entry === undefined) return;
    const keepMs = name === undefined ? KEEP_FAILURE_MS : KEEP_NAME_MS;
    entry.name = name;
    entry.validUntilMs = this.#options.clock.monotonicMs() + keepMs;
    entry.isAsked = false;
    for (const settle of entry.waiting) settle(name);
  }
}
