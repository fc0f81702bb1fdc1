import type { ReportDone } from "./report-source.js";

/** Rows on their way to the shards. */
export interface QueuedRows {
  readonly rows: Uint8Array;
  /** Hands the rows over; false, and nothing happened, when there is no room. */
  send(rows: Uint8Array): boolean;
  /** Answers that they are not sent any more. */
  readonly drop: ReportDone;
}

/** Rows of one datanode that found no room in the rings, in the order they came. */
export interface NodeQueue {
  readonly items: QueuedRows[];
  bytes: number;
}

export function emptyNodeQueue(): NodeQueue {
  return { items: [], bytes: 0 };
}

/** The queues of all datanodes, bounded each and together. */
export class NodeQueues {
  readonly #limits: { readonly waitingBytesMax: number; readonly waitingBytesTotalMax: number };
  /** Those with something in it. */
  readonly #stalled = new Set<NodeQueue>();
  #bytes = 0;

  constructor(limits: { readonly waitingBytesMax: number; readonly waitingBytesTotalMax: number }) {
    this.#limits = limits;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Sends now, or keeps a copy behind what waits; false when that exceeds a limit. */
  offer(queue: NodeQueue, item: QueuedRows): boolean {
    if (queue.items.length === 0 && item.send(item.rows)) return true;
    // An empty chunk takes memory as well.
    const bytes = item.rows.length + ITEM_BYTES;
    const { waitingBytesMax, waitingBytesTotalMax } = this.#limits;
    if (queue.bytes + bytes > waitingBytesMax || this.#bytes + bytes > waitingBytesTotalMax) return false;
    const { send, drop } = item;
    queue.items.push({ rows: item.rows.slice(), send, drop });
    queue.bytes += bytes;
    this.#bytes += bytes;
    this.#stalled.add(queue);
    return true;
  }

  /** Offers what waits to the shards again: one item of each node in turn, so that one which always has
   * something is not always first; those of a node in order. */
  sendWaiting(): void {
    for (let isMoving = true; isMoving; ) {
      isMoving = false;
      for (const queue of [...this.#stalled]) {
        // Taken out first: what comes of it may empty the queue.
        const item = queue.items.shift();
        if (item === undefined) continue;
        if (!item.send(item.rows)) {
          queue.items.unshift(item);
          continue;
        }
        isMoving = true;
        this.#release(queue, item);
        this.#stalled.delete(queue);
        if (queue.items.length > 0) this.#stalled.add(queue);
      }
    }
  }

  /** Empties a queue; returns what was in it. */
  clear(queue: NodeQueue): readonly QueuedRows[] {
    const items = queue.items.splice(0);
    for (const item of items) this.#release(queue, item);
    this.#stalled.delete(queue);
    return items;
  }

  #release(queue: NodeQueue, item: QueuedRows): void {
    queue.bytes -= item.rows.length + ITEM_BYTES;
    this.#bytes -= item.rows.length + ITEM_BYTES;
  }
}

/** About what an item takes beside its rows. */
const ITEM_BYTES = 256;
