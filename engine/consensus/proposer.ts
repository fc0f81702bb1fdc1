import type { StateMachine } from "../cluster/state-machine.js";
import { assert } from "../core/assert.js";
import type { Clock } from "../core/clock.js";
import type { Scheduler, Timer } from "../core/scheduler.js";
import type { RaftCore } from "../raft/raw-node.js";
import type { AppendPipeline } from "./append-pipeline.js";
import type { ApplyQueue } from "./apply-queue.js";
import { CommitDelay } from "./commit-delay.js";
import type { Office } from "./office.js";
import type { ProposalQueue } from "./proposal-queue.js";
import type { ProposalCounters } from "./raft-host-parts.js";
import type { StateFlusher } from "./state-flusher.js";

/** Appends on their way to the disk before proposals gather. Alone, one is being synced and one lies ready
 * for the moment the disk is free. With others each entry costs messages and syncs on all members, so fewer
 * and larger ones are worth a moment of the disk: 64 clients, three SCMs on two cores, 82 → 67 µs of all
 * processes for an operation. */
const APPENDS_IN_FLIGHT_MAX = { alone: 2, withOthers: 1 } as const;

export interface ProposerParts {
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  readonly core: Pick<RaftCore, "propose" | "isTransferring">;
  readonly proposals: ProposalQueue;
  readonly applying: ApplyQueue;
  readonly pipeline: Pick<AppendPipeline, "unansweredCount">;
  readonly flusher: Pick<StateFlusher, "onApplied">;
  readonly stateMachine: StateMachine & { dirtyBytes(): number };
  readonly office: Pick<Office, "isBeingHandedOver">;
  readonly counters: ProposalCounters;
  /** Has `propose` called once more. */
  readonly scheduleTurn: () => void;
}

/** Decides when what was gathered becomes entries of the log. */
export class Proposer {
  /** Whether there are other members. */
  hasOthers = false;
  readonly #parts: ProposerParts;
  readonly #dirtyBytesMax: number;
  #heldSinceMs: number | undefined;
  readonly #delay = new CommitDelay();
  #delayTimer: Timer | undefined;
  constructor(parts: ProposerParts, dirtyBytesMax: number) {
    this.#parts = parts;
    this.#dirtyBytesMax = dirtyBytesMax;
  }

  /** Since when proposals have waited for changed state to be written; undefined when they do not, also when
   * they were refused meanwhile: a node that does not lead any more would take its disk to hang for ever. */
  get heldSinceMs(): number | undefined {
    return this.#parts.proposals.isEmpty ? undefined : this.#heldSinceMs;
  }

  /** An entry of `count` operations was applied and is going to be answered; `propose` is called after it. */
  onApplied(count: number): void {
    const { clock, proposals } = this.#parts;
    // It was for that entry, and may be later than what is waited for now.
    this.#cancelDelay();
    this.#delay.onApplied(count, proposals.gatheredCount, clock.monotonicMs());
  }

  /** No more turns are asked for. */
  stop(): void {
    this.#cancelDelay();
  }

  /** Hands what was gathered to the core, which leads, unless it must wait: for the disk of the log, which
   * goes on by its next answer, for more operations, or for the state to be written, when the flusher has
   * brought some of it away. */
  propose(): void {
    const { clock, core, proposals, applying, pipeline, flusher, stateMachine, office, counters } =
      this.#parts;
    if (proposals.isEmpty || office.isBeingHandedOver) {
      this.#heldSinceMs = undefined;
      return;
    }
    // A leader whose disk hangs hands its office over by itself (rule H4).
    if (core.isTransferring) return;
    const appendsMax = APPENDS_IN_FLIGHT_MAX[this.hasOthers ? "withOthers" : "alone"];
    if (pipeline.unansweredCount >= appendsMax) return;
    if (this.hasOthers && this.#waitsForMore()) return;
    if (stateMachine.dirtyBytes() > this.#dirtyBytesMax) {
      counters.heldTurns++;
      this.#heldSinceMs ??= clock.monotonicMs();
      flusher.onApplied();
      return;
    }
    this.#heldSinceMs = undefined;
    const batches = proposals.take();
    const result = core.propose(batches.map((batch) => batch.payload));
    assert(result.kind === "accepted", "a leader takes what stays within its limits");
    counters.entries += batches.length;
    applying.expect(result.first, batches, clock.monotonicMs());
  }

  /** Whether what was gathered waits for more operations; then a turn follows when that is over. */
  #waitsForMore(): boolean {
    const { clock, scheduler, proposals, applying, scheduleTurn } = this.#parts;
    const delayMs = this.#delay.waitMs(
      proposals.gatheredCount,
      applying.expectedSinceMs,
      clock.monotonicMs(),
    );
    if (delayMs === 0) return false;
    this.#delayTimer ??= scheduler.after(delayMs, () => {
      this.#delayTimer = undefined;
      scheduleTurn();
    });
    return true;
  }

  #cancelDelay(): void {
    this.#delayTimer?.cancel();
    this.#delayTimer = undefined;
  }
}
