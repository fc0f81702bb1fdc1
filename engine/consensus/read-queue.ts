import { assert } from "../core/assert.js";
import { StrataError } from "../core/errors.js";
import { Fifo } from "../core/fifo.js";
import type { LogIndex } from "../core/ids.js";
import type { RaftCore } from "../raft/raw-node.js";
import type { ReadContext, ReadState } from "../raft/types.js";

/** Called once for each barrier: undefined = what is applied here now holds all that was acknowledged before
 * the barrier was added. */
export type ReadBarrierCallback = (refusal: StrataError | undefined) => void;

export interface ReadQueueLimits {
  /** Barriers without answer; more are refused as OVERLOADED. */
  readonly waitingCountMax: number;
  /** After so many ticks without an answer the core is asked again: an election timeout. */
  readonly retryTicks: number;
}

/** Barriers that were asked for by one `readIndex`. */
interface Asked {
  context: ReadContext;
  /** They may go when this is applied; 0 while the leader has not confirmed it. */
  index: number;
  readonly callbacks: readonly ReadBarrierCallback[];
}

/** Barriers for linearizable reads (raft.md §9). Those of a turn share one `readIndex` of the core:
 *
 *   add ─► gathered ─ask, end of turn─► asked, by context ─onReadStates─► confirmed ─release─► callbacks
 *
 * An answer counts for its context and for those asked before, never for a later one: it tells what was
 * committed when its own was asked. A request or its answer may be lost on the way, and the core tells
 * nobody; so while some wait, another one is asked now and then, whose answer counts for them, too. */
export class ReadQueue {
  readonly #core: Pick<RaftCore, "readIndex">;
  readonly #limits: ReadQueueLimits;
  #gathered: ReadBarrierCallback[] = [];
  /** Ascending by context. */
  readonly #asked = new Fifo<Asked>();
  /** So many of them, the first ones, have an index. */
  #confirmedCount = 0;
  #waitingCount = 0;
  #lastContext = 0;
  #ticksSinceAsked = 0;

  /** @param contextFloor contexts are numbered from the one after it. A follower whose requests travel to the
   * leader must not use those of its life before a restart again: late answers to them may still come. */
  constructor(core: Pick<RaftCore, "readIndex">, limits: ReadQueueLimits, contextFloor = 0) {
    assert(limits.waitingCountMax > 0, "some barriers may wait");
    assert(limits.retryTicks > 0, "time passes between two tries");
    this.#core = core;
    this.#limits = limits;
    this.#lastContext = contextFloor;
  }

  /** Barriers without answer. */
  get waitingCount(): number {
    return this.#waitingCount;
  }

  /** Adds a barrier; the callback is not called within. Returns OVERLOADED when it was not taken. */
  add(callback: ReadBarrierCallback): StrataError | undefined {
    if (this.#waitingCount >= this.#limits.waitingCountMax) {
      return new StrataError("OVERLOADED", { reason: `${this.#waitingCount} reads wait` });
    }
    this.#waitingCount++;
    this.#gathered.push(callback);
    return undefined;
  }

  /** Asks the core for those that were gathered. Once per turn, before the core's work is taken. */
  ask(): void {
    if (this.#gathered.length === 0) return;
    const callbacks = this.#gathered;
    this.#gathered = [];
    this.#ask(callbacks);
  }

  /** Takes `Ready.readStates`. */
  onReadStates(states: readonly ReadState[]): void {
    for (const { context, index } of states) {
      // Of a life of this node before its restart.
      if (context > this.#lastContext) continue;
      for (;;) {
        const next = this.#asked.at(this.#confirmedCount);
        if (next === undefined || next.context > context) break;
        next.index = index;
        this.#confirmedCount++;
      }
    }
  }

  /** Calls back those that are confirmed and whose index is applied, in the order in which they came. After
   * `onReadStates` and after applying. */
  release(appliedIndex: LogIndex): void {
    while (this.#confirmedCount > 0) {
      const first = this.#asked.at(0) as Asked;
      if (first.index > appliedIndex) return;
      this.#asked.drop(1);
      this.#confirmedCount--;
      this.#waitingCount -= first.callbacks.length;
      for (const callback of first.callbacks) callback(undefined);
    }
  }

  /** One tick of the core's time. */
  onTick(): void {
    if (this.#confirmedCount === this.#asked.length) return;
    this.#ticksSinceAsked++;
    if (this.#ticksSinceAsked >= this.#limits.retryTicks) this.#ask([]);
  }

  /** Answers all with `error`: this node does not lead any more, or stops. */
  failAll(error: StrataError): void {
    const callbacks = this.#gathered;
    this.#gathered = [];
    const asked = this.#asked.slice(0, this.#asked.length);
    this.#asked.clear();
    this.#confirmedCount = 0;
    this.#waitingCount = 0;
    for (const batch of asked) {
      for (const callback of batch.callbacks) callback(error);
    }
    for (const callback of callbacks) callback(error);
  }

  #ask(callbacks: readonly ReadBarrierCallback[]): void {
    this.#lastContext++;
    const context = this.#lastContext as ReadContext;
    const last = this.#asked.last;
    // Tries follow each other while nobody leads: one place for all of them.
    if (callbacks.length === 0 && last?.callbacks.length === 0) last.context = context;
    else this.#asked.push({ context, index: 0, callbacks });
    this.#ticksSinceAsked = 0;
    this.#core.readIndex(context);
  }
}
