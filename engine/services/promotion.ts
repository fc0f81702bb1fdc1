import type { Member } from "../cluster/members/member.js";
import type { Group } from "../consensus/group.js";
import type { Scheduler } from "../core/scheduler.js";
import { PeriodicService } from "./periodic-service.js";

/** Within an election timeout, so that a member that answers is never taken for a silent one. */
const LOOKS_PER_ELECTION_TIMEOUT = 4;

export interface PromotionParts {
  readonly scheduler: Scheduler;
  readonly group: Group;
  readonly electionTimeoutMs: number;
  readonly onPromoted: (member: Member) => void;
}

/** Watches on the leader who answers, and makes learners voters when they have caught up (raft.md §8). */
export function promotionService(parts: PromotionParts): PeriodicService {
  const { group, scheduler, electionTimeoutMs, onPromoted } = parts;
  return new PeriodicService({
    name: "promotion",
    scheduler,
    intervalMs: electionTimeoutMs / LOOKS_PER_ELECTION_TIMEOUT,
    runsWhen: (leaderReady) => leaderReady,
    task: () => {
      group.look();
      group.promote(onPromoted);
    },
  });
}
