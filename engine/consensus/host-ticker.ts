import type { Clock } from "../core/clock.js";
import type { Scheduler, Timer } from "../core/scheduler.js";
import type { RaftCore } from "../raft/raw-node.js";
import type { NodeId, RaftStatus } from "../raft/types.js";
import type { Leadership } from "./consensus.js";
import { isLoneVoter } from "./group-status.js";
import { StallWatch } from "./stall-watch.js";

export interface HostTickerParts {
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  readonly core: RaftCore;
  readonly leadership: Leadership;
  /** Since when the oldest thing has waited that the disks must do for a leader; undefined when nothing
   * waits. */
  waitingSinceMs(): number | undefined;
  /** Looks what the core made of what has come in. */
  beforeTick(): void;
  /** Does what the tick has made the core want. */
  afterTick(): void;
}

/** Gives the core its time, and sees to it that a node that cannot do its work does not look as if it could
 * (raft.md §7, rule H4). */
export class HostTicker {
  readonly #parts: HostTickerParts;
  readonly #tickMs: number;
  readonly #stall: StallWatch;
  #timer: Timer | undefined;
  #tickedMs = 0;
  #isStalled = false;

  constructor(
    parts: HostTickerParts,
    options: { readonly tickMs: number; readonly electionTimeoutTicks: number },
  ) {
    this.#parts = parts;
    this.#tickMs = options.tickMs;
    this.#stall = new StallWatch(parts.core.id, options.tickMs * options.electionTimeoutTicks);
  }

  /** The disk does not answer: this node must not speak as a leader. */
  get isStalled(): boolean {
    return this.#isStalled;
  }

  start(): void {
    const { clock, scheduler } = this.#parts;
    this.#tickedMs = clock.monotonicMs();
    this.#timer = scheduler.every(this.#tickMs, () => this.#onTimer());
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  /** A message of `peer` has come. */
  onHeard(peer: NodeId): void {
    this.#stall.onHeard(peer, this.#parts.clock.monotonicMs());
  }

  /** Whether `peer` was heard within an election timeout. */
  isAlive(peer: NodeId): boolean {
    return this.#stall.isAlive(peer, this.#parts.clock.monotonicMs());
  }

  /** A term of office has begun. */
  becameLeader(): void {
    this.#stall.becomeLeader(this.#parts.clock.monotonicMs());
  }

  /** A timer that is late, after a pause of the process, gives one tick, and what has come in the meantime is
   * heard before it. */
  #onTimer(): void {
    const { clock, scheduler } = this.#parts;
    const nowMs = clock.monotonicMs();
    const isLate = nowMs - this.#tickedMs > 2 * this.#tickMs;
    this.#tickedMs = nowMs;
    if (isLate) scheduler.after(0, () => this.#tick());
    else this.#tick();
  }

  #tick(): void {
    if (this.#timer === undefined) return;
    this.#parts.beforeTick();
    this.#lookForStall(this.#parts.core.status());
    // With a disk that hangs it must neither look like a healthy leader nor campaign.
    if (!this.#isStalled) this.#parts.core.tick();
    this.#parts.afterTick();
  }

  #lookForStall(status: RaftStatus): void {
    const { core, clock, leadership, waitingSinceMs } = this.#parts;
    this.#isStalled = false;
    // Who is alone has nobody to give way to.
    if (isLoneVoter(status)) return;
    const nowMs = clock.monotonicMs();
    const verdict = this.#stall.verdict(nowMs, { oldestAppendMs: waitingSinceMs(), status });
    this.#isStalled = verdict.kind === "storageStalled";
    // No transfer: for that the successor would have to be brought to the end of the log, and be heard.
    if (verdict.kind !== "fine" && leadership.isLeader) core.stepDown(verdict.handOverTo);
  }
}
