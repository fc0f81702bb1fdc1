import type { Clock } from "../core/clock.js";
import type { Scheduler } from "../core/scheduler.js";
import type { DatanodeServices } from "./datanode-services.js";

export interface RackLocationsOptions {
  /** Asks the operator's mapping for the racks of some hosts, in their order; answers once. */
  ask(hosts: readonly string[], onRacks: (racks: readonly string[] | Error) => void): void;
  /** Hosts of one question. */
  readonly batchMax: number;
  /** Datanodes are asked for by name, not by address: `hdds.datanode.use.datanode.hostname`. */
  readonly byHostName: boolean;
  /** Whether a datanode can be there; who is refused for its location tries again soon. */
  isRack(location: string): boolean;
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  onFailed(hosts: readonly string[], error: Error): void;
}

/** Calls back once, at once when the location is known; undefined when it cannot be found. */
export type FindLocation = (host: string, onLocation: (location: string | undefined) => void) => void;

/** So that a corrected mapping counts when a datanode registers anew. */
const KEEP_MS = 600_000;
/** A mapping that failed, or gave what is no rack, is not asked for the same host again before. */
const KEEP_FAILURE_MS = 10_000;
const QUESTIONS_AT_ONCE_MAX = 2;
const HOST_COUNT_MAX = 65_536;
/** What may be an argument of the operator's script: a name or an address, and no option. */
const HOST = /^[A-Za-z0-9:_][A-Za-z0-9:._%-]{0,254}$/;

interface Entry {
  /** The last one that was found; a failure leaves it. */
  location: string | undefined;
  /** 0 while nobody has asked for it. */
  validUntilMs: number;
  hasFailed: boolean;
  isAsked: boolean;
  waiting: ((location: string | undefined) => void)[];
}

/** Locations of hosts by name or address, as the operator's mapping tells them (spec 03 §12.2 rule 2), in
 * questions of many hosts: those of an event-loop turn, or all that came while others were asked. */
export class RackLocations {
  readonly #options: RackLocationsOptions;
  readonly #entries = new Map<string, Entry>();
  #queue: string[] = [];
  #questionCount = 0;
  #isArmed = false;

  constructor(options: RackLocationsOptions) {
    this.#options = options;
  }

  readonly find: FindLocation = (host, onLocation) => {
    const entry = this.#entryOf(host);
    if (entry === undefined || this.#options.clock.monotonicMs() < entry.validUntilMs) {
      onLocation(entry?.location);
      return;
    }
    entry.waiting.push(onLocation);
    this.#ask(host, entry);
  };

  readonly findDatanode: NonNullable<DatanodeServices["lookUpLocation"]> = (datanode, onLocation) => {
    this.find(this.#options.byHostName ? datanode.hostName : datanode.ipAddress, onLocation);
  };

  /** Hosts for which the last question failed. */
  failed(): readonly string[] {
    return [...this.#entries].filter(([, { hasFailed }]) => hasFailed).map(([host]) => host);
  }

  /** Undefined when that is no host, or when there is no room for another one. */
  #entryOf(host: string): Entry | undefined {
    const known = this.#entries.get(host);
    if (known !== undefined || !HOST.test(host)) return known;
    if (this.#entries.size >= HOST_COUNT_MAX) this.#forgetOldest();
    if (this.#entries.size >= HOST_COUNT_MAX) return undefined;
    const entry: Entry = {
      location: undefined,
      validUntilMs: 0,
      hasFailed: false,
      isAsked: false,
      waiting: [],
    };
    this.#entries.set(host, entry);
    return entry;
  }

  #forgetOldest(): void {
    const [oldest] = this.#entries;
    if (oldest !== undefined && !oldest[1].isAsked) this.#entries.delete(oldest[0]);
  }

  #ask(host: string, entry: Entry): void {
    if (entry.isAsked) return;
    entry.isAsked = true;
    this.#queue.push(host);
    if (this.#isArmed) return;
    this.#isArmed = true;
    this.#options.scheduler.endOfTurn(() => {
      this.#isArmed = false;
      this.#askNext();
    });
  }

  #askNext(): void {
    while (this.#questionCount < QUESTIONS_AT_ONCE_MAX && this.#queue.length > 0) {
      const hosts = this.#queue.slice(0, this.#options.batchMax);
      this.#queue = this.#queue.slice(hosts.length);
      this.#questionCount++;
      this.#options.ask(hosts, (racks) => {
        this.#questionCount--;
        if (racks instanceof Error) this.#options.onFailed(hosts, racks);
        for (const [i, host] of hosts.entries())
          this.#answered(host, racks instanceof Error ? undefined : racks[i]);
        this.#askNext();
      });
    }
  }

  #answered(host: string, location: string | undefined): void {
    const entry = this.#entries.get(host);
    if (entry === undefined) return;
    entry.hasFailed = location === undefined;
    entry.location = location ?? entry.location;
    const { clock, isRack } = this.#options;
    const isGood = location !== undefined && isRack(location);
    entry.validUntilMs = clock.monotonicMs() + (isGood ? KEEP_MS : KEEP_FAILURE_MS);
    entry.isAsked = false;
    const { waiting } = entry;
    entry.waiting = [];
    for (const onLocation of waiting) onLocation(entry.location);
  }
}
