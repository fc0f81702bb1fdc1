import { assert } from "../core/assert.js";
import { PROGRESS_STATE } from "../raft/progress.js";
import { jointCommittedIndex } from "../raft/quorum.js";
import type { NodeId, ProgressStatus, RaftStatus } from "../raft/types.js";
import { NO_NODE } from "../raft/types.js";

export type StallVerdict =
  | { readonly kind: "fine" }
  /** `storageStalled`: an append has waited for the disk for longer than an election timeout. `quorumLost`:
   * nothing came from a quorum for so long. The leader must not go on sending heartbeats. `handOverTo` is a
   * voter that can take over, NO_NODE when none is known: then it steps down. */
  | { readonly kind: "storageStalled" | "quorumLost"; readonly handOverTo: NodeId };

export interface StallInput {
  /** Time at which the oldest append without answer was handed out; undefined without one. */
  readonly oldestAppendMs: number | undefined;
  readonly status: Pick<RaftStatus, "confState" | "progress" | "lastIndex">;
}

const FINE: StallVerdict = { kind: "fine" };

/** Rule H4 (raft.md §7): whether a leader can still do its work.
 *
 * Heartbeats leave from main, so a leader whose log thread hangs looks healthy to its followers for ever
 * (hashicorp/raft#503, etcd#13527); and one that sends but does not hear is believed until its own check of
 * the quorum, which the core makes only once per election timeout. So each tick this is asked.
 *
 * How the host calls it, on a leader:
 * - `becomeLeader` when it becomes one, `onHeard` for each message of a member.
 * - `verdict` at each tick, before the core's: no heartbeat leaves after a bad one.
 * - When a tick is late (garbage collection, SIGSTOP), everything that arrived meanwhile is handled first:
 *   messages of members and answers of the log thread. A late timer runs before the event loop looks at
 *   sockets and ports, so the host lets one turn of input pass (`Scheduler.endOfTurn`) before it asks. Then
 *   one tick is given to the core, however many were missed.
 *
 * What the host itself slept through is not held against the disk, whose thread slept, too, most likely: an
 * append has a whole timeout from the first verdict after a gap. For the quorum there is no such grace: who
 * has heard no heartbeat for so long elects another leader, and if followers did answer meanwhile, their
 * messages were just handled. */
export class StallWatch {
  readonly #self: NodeId;
  readonly #timeoutMs: number;
  /** By member; cleared with each term of office. */
  readonly #heardMs = new Map<NodeId, number>();
  /** End of the last gap between two verdicts, or the beginning of the office. */
  #awakeSinceMs = 0;
  #verdictMs = 0;
  /** Beginning of the office. */
  #officeMs = Number.NEGATIVE_INFINITY;
  /** Since when those count who are seen for the first time. */
  #unseenMs: number | undefined;

  /** @param timeoutMs the election timeout, electionTimeoutTicks × tickMs. */
  constructor(self: NodeId, timeoutMs: number) {
    assert(timeoutMs > 0, "timeoutMs must be positive");
    this.#self = self;
    this.#timeoutMs = timeoutMs;
  }

  /** A term of office begins. Everyone counts as heard now: a quorum has just voted. */
  becomeLeader(nowMs: number): void {
    this.#heardMs.clear();
    this.#awakeSinceMs = nowMs;
    this.#verdictMs = nowMs;
    this.#officeMs = nowMs;
    this.#unseenMs = nowMs;
  }

  /** A message of `peer` has arrived. */
  onHeard(peer: NodeId, nowMs: number): void {
    this.#heardMs.set(peer, nowMs);
  }

  /** Whether `peer` was heard within the timeout, or the office is younger than that. */
  isAlive(peer: NodeId, nowMs: number): boolean {
    const heardMs = this.#heardMs.get(peer) ?? this.#officeMs;
    return nowMs - heardMs <= this.#timeoutMs;
  }

  /** Asked at each tick. Who was never heard, like a member that was just added, counts from the first
   * verdict on that sees it. */
  verdict(nowMs: number, { oldestAppendMs, status }: StallInput): StallVerdict {
    assert(nowMs >= this.#verdictMs, "time does not go back");
    if (nowMs - this.#verdictMs > this.#timeoutMs / 2) {
      this.#awakeSinceMs = nowMs;
      // A lone voter, who is not watched, has got company.
      this.#unseenMs = nowMs;
    }
    this.#verdictMs = nowMs;
    // First, since it also notes who is seen for the first time.
    const quorumMs = this.#quorumHeardMs(status, nowMs);
    this.#unseenMs = undefined;
    if (oldestAppendMs !== undefined) {
      const waitsSinceMs = Math.max(oldestAppendMs, this.#awakeSinceMs);
      if (nowMs - waitsSinceMs > this.#timeoutMs) return this.#bad("storageStalled", status, nowMs);
    }
    if (nowMs - quorumMs > this.#timeoutMs) return this.#bad("quorumLost", status, nowMs);
    return FINE;
  }

  /** Since when, at the latest, a quorum of voters has been heard: of both halves when there are two. */
  #quorumHeardMs({ confState }: StallInput["status"], nowMs: number): number {
    const ofHalf = (ids: readonly NodeId[]) => ids.map((id) => this.#lastHeardMs(id, nowMs));
    return jointCommittedIndex(ofHalf(confState.voters), ofHalf(confState.votersOutgoing));
  }

  #lastHeardMs(id: NodeId, nowMs: number): number {
    if (id === this.#self) return nowMs;
    const heardMs = this.#heardMs.get(id);
    if (heardMs !== undefined) return heardMs;
    const seenMs = this.#unseenMs ?? nowMs;
    this.#heardMs.set(id, seenMs);
    return seenMs;
  }

  #bad(
    kind: "storageStalled" | "quorumLost",
    status: StallInput["status"],
    nowMs: number,
  ): Exclude<StallVerdict, { kind: "fine" }> {
    let best: ProgressStatus | undefined;
    for (const member of status.progress) {
      if (!this.#canTakeOver(member, status, kind === "quorumLost" ? undefined : nowMs)) continue;
      if (best === undefined || this.#isBetter(member, best)) best = member;
    }
    return { kind, handOverTo: best?.id ?? NO_NODE };
  }

  /** A voter that stays one, and either has the whole log, or was sent all of it and was heard lately. Who
   * hears nobody goes by what was sent: it may be heard itself, and what it asks for harms nobody. */
  #canTakeOver(
    member: ProgressStatus,
    { confState, lastIndex }: StallInput["status"],
    nowMs: number | undefined,
  ): boolean {
    if (member.id === this.#self || !confState.voters.includes(member.id)) return false;
    if (member.match === lastIndex) return true;
    if (member.state !== PROGRESS_STATE.REPLICATE) return false;
    return nowMs === undefined || this.isAlive(member.id, nowMs);
  }

  #isBetter(a: ProgressStatus, b: ProgressStatus): boolean {
    if (a.match !== b.match) return a.match > b.match;
    return (this.#heardMs.get(a.id) ?? 0) > (this.#heardMs.get(b.id) ?? 0);
  }
}
