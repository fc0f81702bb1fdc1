import type { Random } from "../core/random.js";
import type { Scheduler, Timer } from "../core/scheduler.js";
import type { Message } from "../raft/message.js";
import { MESSAGE_KIND } from "../raft/message.js";
import type { RaftCore } from "../raft/raw-node.js";
import type { NodeId } from "../raft/types.js";
import { NO_NODE } from "../raft/types.js";
import type { Leadership } from "./consensus.js";

/** Who sees a leader's connection close campaigns after a random part of this; short beside the election
 * timeout, long beside an election. */
const CAMPAIGN_WITHIN_MS = 150;
/** One that failed, because the others still heard the leader or campaigned too, is tried again after this
 * and a random part of the above … */
const RETRY_MS = 150;
/** … so often; then the election timeout is at work again. */
const CAMPAIGNS_MAX = 4;

export interface ElectionGuardParts {
  readonly scheduler: Scheduler;
  readonly random: Random;
  readonly core: Pick<RaftCore, "forgetLeader" | "campaign">;
  readonly leadership: Leadership;
  /** Has the host do what the core wants done. */
  readonly work: () => void;
}

/** The host's own rules about elections: no votes for a while after a start, and a campaign before its time
 * when the leader's process has ended. */
export class ElectionGuard {
  readonly #parts: ElectionGuardParts;
  #isVoting = false;
  #graceTimer: Timer | undefined;
  #campaignTimer: Timer | undefined;

  constructor(parts: ElectionGuardParts) {
    this.#parts = parts;
  }

  /** For `graceMs` from now this node votes for nobody: before its start it may have told a leader that it
   * hears it, and that leader may still count on it (raft.md §9, tikv#15035). */
  start(graceMs: number): void {
    if (graceMs === 0) this.#isVoting = true;
    else {
      this.#graceTimer = this.#parts.scheduler.after(graceMs, () => {
        this.#isVoting = true;
      });
    }
  }

  /** Whether the grace keeps `message` from the core. An election that the leader asked for goes on. */
  refuses(message: Message): boolean {
    if (this.#isVoting) return false;
    switch (message.kind) {
      case MESSAGE_KIND.VOTE_REQ:
      case MESSAGE_KIND.PRE_VOTE_REQ:
        return !message.transfer;
      default:
        return false;
    }
  }

  /** Rule H5 (raft.md §7): the process of `peer` seems to have ended. It is only a hint: a pre-vote asks
   * the others first, and who still hears the leader refuses. */
  onGone(peer: NodeId): void {
    const { leadership, core, work } = this.#parts;
    if (leadership.isLeader || leadership.leaderId !== peer) return;
    core.forgetLeader();
    work();
    this.#campaignLater(1, 0);
  }

  stop(): void {
    this.#graceTimer?.cancel();
    this.#campaignTimer?.cancel();
  }

  #campaignLater(count: number, leastMs: number): void {
    const { scheduler, random, core, leadership, work } = this.#parts;
    this.#campaignTimer?.cancel();
    const delayMs = leastMs + random.fraction() * CAMPAIGN_WITHIN_MS;
    this.#campaignTimer = scheduler.after(delayMs, () => {
      this.#campaignTimer = undefined;
      if (leadership.leaderId !== NO_NODE) return;
      core.campaign();
      work();
      if (count < CAMPAIGNS_MAX) this.#campaignLater(count + 1, RETRY_MS);
    });
  }
}
