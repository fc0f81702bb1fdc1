import type { Clock } from "../../../engine/core/clock.js";

/** Full reports that all datanodes together are asked for in a second. Reading and merging one of 40,000
 * replicas takes ten milliseconds of this thread and of the shards. */
const ORDERS_PER_SECOND = 20;
const BURST = 20;
/** A datanode obeys at once; one that does not, or whose report got lost again, is asked again after this
 * time. */
const SAME_NODE_MS = 60_000;

/** When a datanode is asked to register anew, which is how a Java datanode is asked for a full report: at a
 * pace, since it takes no credit (spec 12 §8.2 H2, §11). */
export class ReportOrders {
  count = 0;
  readonly #clock: Pick<Clock, "monotonicMs">;
  readonly #orderedMs = new WeakMap<object, number>();
  #tokens = BURST;
  #countedMs: number;

  constructor(clock: Pick<Clock, "monotonicMs">) {
    this.#clock = clock;
    this.#countedMs = clock.monotonicMs();
  }

  /** Whether this datanode may be asked now; it counts as asked then. */
  take(datanode: object): boolean {
    const nowMs = this.#clock.monotonicMs();
    const orderedMs = this.#orderedMs.get(datanode);
    if (orderedMs !== undefined && nowMs - orderedMs < SAME_NODE_MS) return false;
    const earned = ((nowMs - this.#countedMs) * ORDERS_PER_SECOND) / 1000;
    this.#tokens = Math.min(BURST, this.#tokens + earned);
    this.#countedMs = nowMs;
    if (this.#tokens < 1) return false;
    this.#tokens--;
    this.count++;
    this.#orderedMs.set(datanode, nowMs);
    return true;
  }

  /** The order did not reach it. */
  takeBack(datanode: object): void {
    this.#orderedMs.delete(datanode);
  }
}
