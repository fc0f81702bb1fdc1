import type { StateFlushed } from "../../workers/shared/state-records.js";
import { newStateFlushed, readStateFlushed, StateRecordWriter } from "../../workers/shared/state-records.js";
import type { WorkerLink } from "../../workers/shared/worker-link.js";
import type { FlushSink, FlushSource, StateMachine } from "../cluster/state-machine.js";
import { assert } from "../core/assert.js";
import type { LogIndex } from "../core/ids.js";
import type { Scheduler, Timer } from "../core/scheduler.js";
import { Histogram } from "../telemetry/histogram.js";

export interface StateFlusherOptions {
  /** A flush starts this long after the first change that is not on disk … */
  readonly flushIntervalMs: number;
  /** … or when this many bytes have changed. */
  readonly flushBytes: number;
  /** Copied to the state thread in one turn. */
  readonly drainBytesPerTurnMax: number;
}

export interface FlushCounters {
  flushes: number;
  /** Those that survive a loss of power. */
  durableFlushes: number;
  /** Pages and rows written. */
  rows: number;
  bytes: number;
}

export interface StateFlusherHandler {
  /** Whether the next flush is to survive a loss of power: it lets the log be truncated. */
  wantsDurable(): boolean;
  /** Entries up to here survive a loss of power in this SCM's own log. */
  durableIndex(): LogIndex;
  /** Some of the changed bytes have left main. */
  onDrained(): void;
  /** The state as of `appliedIndex` is in the store. */
  onFlushed(appliedIndex: LogIndex, isDurable: boolean): void;
}

/** How long to wait when the channel to the state thread is full; it tells nobody when it has room again. */
const RETRY_MS = 1;

/** Brings changed pages and rows to disk, one flush at a time:
 *
 *   idle ──interval or bytes──► draining ──all copied, COMMIT sent──► writing ──FLUSHED──► idle
 *
 * The flush shows the state as of `freeze`, whatever is applied while it is copied out (architecture §3). */
export class StateFlusher {
  readonly #scheduler: Scheduler;
  readonly #source: FlushSource & StateMachine;
  readonly #link: WorkerLink;
  readonly #writer: StateRecordWriter;
  readonly #sink: FlushSink = {
    put: (table, key, value) => this.#note(this.#writer.put(table, key, value)),
    delete: (table, key) => this.#note(this.#writer.delete(table, key)),
    deleteBelow: (table, key) => this.#note(this.#writer.deleteBelow(table, key)),
  };
  /** The channel had no room for the last row. */
  #isFull = false;
  readonly #options: StateFlusherOptions;
  readonly #handler: StateFlusherHandler;
  readonly #flushed: StateFlushed = newStateFlushed();
  #phase: "idle" | "draining" | "committing" | "writing" = "idle";
  /** State that the running flush shows. */
  #flushIndex: LogIndex;
  #isDurable = false;
  /** Waits for the interval to pass, or for room in the channel. */
  #timer: Timer | undefined;
  #isStopped = false;
  /** No flush begins: a snapshot is taking the place of the state. */
  #isSuspended = false;
  #onIdle: (() => void) | undefined;
  readonly counters: FlushCounters = { flushes: 0, durableFlushes: 0, rows: 0, bytes: 0 };
  /** Time of a write in µs. */
  readonly writeUs = new Histogram(64, 20);

  constructor(
    parts: {
      readonly scheduler: Scheduler;
      readonly source: FlushSource & StateMachine;
      readonly link: WorkerLink;
      readonly handler: StateFlusherHandler;
    },
    options: StateFlusherOptions,
  ) {
    this.#scheduler = parts.scheduler;
    this.#source = parts.source;
    this.#link = parts.link;
    this.#handler = parts.handler;
    this.#writer = new StateRecordWriter(parts.link.sender);
    this.#options = options;
    this.#flushIndex = parts.source.appliedIndex;
  }

  /** A flush may be started. */
  get isIdle(): boolean {
    return this.#phase === "idle" && !this.#isSuspended;
  }

  /** Something was applied. Once per turn. */
  onApplied(): void {
    if (this.#phase !== "idle" || this.#isStopped || this.#isSuspended) return;
    if (this.#source.dirtyBytes() >= this.#options.flushBytes) {
      this.start();
      return;
    }
    this.#timer ??= this.#scheduler.after(this.#options.flushIntervalMs, () => {
      this.#timer = undefined;
      if (this.#phase === "idle" && !this.#isSuspended) this.start();
    });
  }

  /** Starts a flush of all that has changed. There must be none under way. */
  start(): void {
    assert(this.isIdle, "one flush at a time");
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#flushIndex = this.#source.appliedIndex;
    // A start refuses a state that knows more than the log (raft.md §12.6). With several voters an entry may
    // be committed by the others before it is durable here; the core hands it out for applying only after.
    assert(this.#flushIndex <= this.#handler.durableIndex(), "the state would overtake the own log");
    this.#isDurable = this.#handler.wantsDurable();
    this.#source.freeze();
    this.#phase = "draining";
    this.#step();
  }

  /** A FLUSHED of the state thread. */
  onFlushed(offset: number, view: DataView): void {
    assert(this.#phase === "writing", "the state thread answers what was never sent");
    const flushed = this.#flushed;
    readStateFlushed(view, offset, flushed);
    assert(flushed.appliedIndex === this.#flushIndex, "the state thread wrote another flush");
    assert(flushed.durable || !this.#isDurable, "the flush was to be durable");
    this.#phase = "idle";
    this.#source.flushed();
    this.#count(flushed);
    this.#handler.onFlushed(flushed.appliedIndex, flushed.durable);
    if (this.#isSuspended) {
      const onIdle = this.#onIdle;
      this.#onIdle = undefined;
      onIdle?.();
      return;
    }
    // What changed meanwhile waits no longer than anything else.
    if (this.#source.appliedIndex > this.#flushIndex) this.onApplied();
  }

  /** Lets the flush that is under way end, then calls back, perhaps at once. No other one begins before
   * `resume`. */
  suspend(onIdle: () => void): void {
    assert(!this.#isSuspended, "flushes are suspended already");
    this.#isSuspended = true;
    if (this.#phase !== "idle") {
      this.#onIdle = onIdle;
      return;
    }
    this.#timer?.cancel();
    this.#timer = undefined;
    onIdle();
  }

  /** The store holds what the state holds now. */
  resume(): void {
    assert(this.#isSuspended, "flushes go on already");
    this.#isSuspended = false;
    this.#flushIndex = this.#source.appliedIndex;
  }

  /** No more flushes. */
  stop(): void {
    this.#isStopped = true;
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  /** Copies the next piece. */
  #step(): void {
    if (this.#isStopped) return;
    if (this.#phase === "draining") {
      this.#isFull = false;
      const isDrained = this.#source.drain(this.#sink, this.#options.drainBytesPerTurnMax);
      this.#link.sender.publish();
      this.#handler.onDrained();
      if (!isDrained) {
        this.#again();
        return;
      }
      this.#phase = "committing";
    }
    if (!this.#note(this.#writer.commit(this.#flushIndex, this.#isDurable))) {
      this.#again();
      return;
    }
    this.#phase = "writing";
    this.#link.sender.publish();
  }

  /** Goes on next turn; when the channel is full, a little later. */
  #again(): void {
    if (this.#isFull) {
      this.#timer = this.#scheduler.after(RETRY_MS, () => {
        this.#timer = undefined;
        this.#step();
      });
      return;
    }
    this.#scheduler.endOfTurn(() => this.#step());
  }

  #note(isWritten: boolean): boolean {
    this.#isFull = !isWritten;
    return isWritten;
  }

  #count(flushed: StateFlushed): void {
    const { counters } = this;
    counters.flushes++;
    if (flushed.durable) counters.durableFlushes++;
    counters.rows += flushed.rowCount;
    counters.bytes += flushed.bytes;
    this.writeUs.observe(flushed.writeUs);
  }
}
