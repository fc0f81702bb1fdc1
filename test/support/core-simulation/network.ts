import type { Random } from "../../../engine/core/random.js";
import type { Message, Snap } from "../../../engine/raft/message.js";
import { MESSAGE_KIND } from "../../../engine/raft/message.js";
import { EVENT, type EventQueue, SimEvent, TICK_UNITS } from "./event-queue.js";
import type { CoreSimOptions } from "./options.js";
import type { Replica } from "./replica.js";

/** Ids are below it. */
export const ID_LIMIT = 64;

/** Lateness in units at most: enough to outlive a restart. */
const LATE_MAX = 600 * TICK_UNITS;

/** What may happen to one message, for scenarios that hold them by hand. */
export type Interception = "pass" | "drop" | "hold";

/** Carries messages between replicas: late, twice, in another order, or not at all. */
export class CoreNetwork {
  readonly #queue: EventQueue;
  readonly #random: Random;
  #options: CoreSimOptions;
  /** By from × ID_LIMIT + to: whether nothing gets through. */
  readonly #isCut = new Uint8Array(ID_LIMIT * ID_LIMIT);
  /** When the last message in order arrives. */
  readonly #lastArrival = new Float64Array(ID_LIMIT * ID_LIMIT);
  readonly #held: Message[] = [];
  /** Decides on each message first. */
  intercept: (message: Message) => Interception = () => "pass";
  /** How often the state at an index was delivered to a member. */
  readonly #snapshotCounts = new Map<string, number>();

  constructor(queue: EventQueue, random: Random, options: CoreSimOptions) {
    this.#queue = queue;
    this.#random = random;
    this.#options = options;
  }

  /** From now on messages fare as `options` say. */
  change(options: CoreSimOptions): void {
    this.#options = options;
  }

  cut(from: number, to: number): void {
    this.#isCut[from * ID_LIMIT + to] = 1;
  }

  heal(): void {
    this.#isCut.fill(0);
  }

  /** Snapshots delivered since `forgetSnapshots`. */
  get snapshotCount(): number {
    return [...this.#snapshotCounts.values()].reduce((sum, count) => sum + count, 0);
  }

  /** Most deliveries of one state to one member since then. */
  get repeatedSnapshotsMax(): number {
    return Math.max(0, ...this.#snapshotCounts.values());
  }

  forgetSnapshots(): void {
    this.#snapshotCounts.clear();
  }

  heldMessages(): readonly Message[] {
    return this.#held.slice();
  }

  /** Delivers what was held back, now. */
  release(filter: (message: Message) => boolean = () => true): void {
    const held = this.#held.splice(0);
    for (const message of held) {
      if (filter(message)) this.#deliver(message, 0);
      else this.#held.push(message);
    }
  }

  send(sender: Replica, message: Message): void {
    const decision = this.intercept(message);
    if (decision === "hold") this.#held.push(message);
    if (decision !== "pass") return;
    if (message.kind === MESSAGE_KIND.SNAP) {
      this.#sendSnapshot(sender, message);
      return;
    }
    const { loss, duplication, lateness, reordering } = this.#options.faults;
    const random = this.#random;
    const link = message.from * ID_LIMIT + message.to;
    if (this.#isCut[link] === 1 || (loss > 0 && random.fraction() < loss)) {
      if (random.below(8) === 0) this.#report(sender, 1, () => sender.core.reportUnreachable(message.to));
      return;
    }
    if (lateness > 0 && random.fraction() < lateness) {
      this.#deliver(message, random.below(LATE_MAX));
      return;
    }
    let arrival = this.#queue.now + 1 + random.below(this.#options.latencyMax);
    if (reordering === 0 || random.fraction() >= reordering) {
      arrival = Math.max(arrival, this.#lastArrival[link] as number);
      this.#lastArrival[link] = arrival;
    }
    this.#deliver(message, arrival - this.#queue.now);
    if (duplication > 0 && random.fraction() < duplication) {
      this.#deliver(message, 1 + random.below(4 * this.#options.latencyMax));
    }
  }

  /** State travels on a connection of its own, and its sender learns whether it arrived. */
  #sendSnapshot(sender: Replica, message: Snap): void {
    const random = this.#random;
    const { snapshotTrouble, duplication } = this.#options.faults;
    const duration = 1 + random.below(4 * this.#options.latencyMax);
    const isCut = this.#isCut[message.from * ID_LIMIT + message.to] === 1;
    const isLost = isCut || (snapshotTrouble > 0 && random.fraction() < snapshotTrouble);
    if (!isLost) this.#deliver(message, duration);
    if (!isLost && random.fraction() < duplication) {
      this.#deliver(message, duration + random.below(20 * this.#options.latencyMax));
    }
    this.#report(sender, duration + random.below(10), () => sender.core.reportSnapshot(message.to, !isLost));
  }

  #deliver(message: Message, delay: number): void {
    if (message.kind === MESSAGE_KIND.SNAP) {
      const key = `${message.to} ${message.snapshot.id.index}`;
      this.#snapshotCounts.set(key, (this.#snapshotCounts.get(key) ?? 0) + 1);
    }
    this.#queue.push(delay, new SimEvent(EVENT.DELIVER, { id: message.to, life: 0 }, message, undefined));
  }

  #report(sender: Replica, delay: number, task: () => void): void {
    this.#queue.push(delay, new SimEvent(EVENT.REPORT, sender, undefined, task));
  }
}
