import type { Member } from "../cluster/members/member.js";
import type { MemberTable } from "../cluster/members/member-table.js";
import {
  type Candidate,
  type GroupFacts,
  type Plan,
  planAdd,
  planPromotion,
  planRemove,
  planTransfer,
} from "../cluster/members/membership-rules.js";
import type { Clock } from "../core/clock.js";
import { StrataError } from "../core/errors.js";
import { type LogIndex, logIndex, type Term } from "../core/ids.js";
import type { Uuid } from "../core/uuid.js";
import type { NodeId, RaftStatus } from "../raft/types.js";
import { ROLE } from "../raft/types.js";
import type { Consensus, GroupCallback, GroupControl } from "./consensus.js";
import { matchOf } from "./group-status.js";

/** In this many looks in a row a learner must have been fit before it is promoted. */
const PROMOTION_LOOKS = 3;

export interface GroupParts {
  readonly clock: Clock;
  readonly consensus: Pick<Consensus<never>, "leadership" | "readBarrier">;
  readonly control: GroupControl;
  readonly members: MemberTable;
  /** This SCM as it should stand in the address book. */
  readonly own: () => Member;
  readonly electionTimeoutMs: number;
}

export type RoleName = "LEADER" | "FOLLOWER" | "CANDIDATE" | "LEARNER";

/** A member as one SCM sees it. */
export interface MemberRole {
  readonly member: Member;
  readonly role: RoleName;
  /** What only the leader knows. */
  readonly progress:
    | { readonly match: LogIndex; readonly lagCount: number; readonly isLive: boolean }
    | undefined;
}

export interface GroupView {
  readonly term: Term;
  readonly configVersion: LogIndex;
  /** A change of several voters is half done. */
  readonly isJoint: boolean;
  readonly roles: readonly MemberRole[];
}

/** The Raft group for those who run it: who is in it, and changes that keep it able to work. Each request
 * ends with one call of its callback, possibly within the call. */
export class Group {
  readonly #parts: GroupParts;
  /** When each member last answered this leader, by its monotonic clock. What the host knows of who is alive
   * would not do: to it a member is alive that sends anything, also one that does not hear this leader, and
   * everybody is at the beginning of an office. That is right for giving up an office, and wrong for counting
   * on them. */
  readonly #answeredMs = new Map<NodeId, number>();
  #heardTerm: Term | undefined;
  #heardSinceMs = 0;
  /** Looks in a row in which a learner was fit. */
  readonly #fitLooks = new Map<NodeId, number>();
  #isPromoting = false;

  constructor(parts: GroupParts) {
    this.#parts = parts;
  }

  /** As this SCM sees it, ascending by node id. */
  view(): GroupView {
    const { control, consensus, members, own } = this.#parts;
    const status = control.status();
    if (consensus.leadership.isLeader) this.#listen(status);
    const listed: Member[] = members.list();
    if (!listed.some(({ nodeId }) => nodeId === status.id) && members.get(status.id) === undefined) {
      // It has not led yet, or is about to join.
      listed.push(own());
    }
    return {
      term: status.hardState.term,
      configVersion: members.configVersion,
      isJoint: status.confState.votersOutgoing.length > 0,
      roles: listed
        .sort((a, b) => a.nodeId - b.nodeId)
        .map((member) => ({
          member,
          role: roleOf(status, member.nodeId),
          progress: consensus.leadership.isLeader ? this.#progressOf(status, member.nodeId) : undefined,
        })),
    };
  }

  /** Adds a learner; done when this SCM has applied it. */
  add(candidate: Candidate, expected: LogIndex | undefined, onOutcome: GroupCallback): void {
    this.#change(onOutcome, (facts) => planAdd(facts, candidate, expected));
  }

  remove(
    scmId: Uuid,
    options: { readonly expected: LogIndex | undefined; readonly force: boolean },
    onOutcome: GroupCallback,
  ): void {
    this.#change(onOutcome, (facts) => planRemove(facts, scmId, options));
  }

  /** Without `scmId` the voter that is furthest takes over. `onOutcome` also gets who leads then. */
  transfer(
    scmId: Uuid | undefined,
    onOutcome: (outcome: StrataError | { readonly scmId: Uuid }) => void,
  ): void {
    this.#whenLeader(onOutcome, (facts) => {
      const target = planTransfer(facts, scmId);
      const taker = this.#parts.members.get(target)?.scmId ?? this.#parts.own().scmId;
      if (target === facts.leaderId) {
        onOutcome({ scmId: taker });
        return;
      }
      this.#parts.control.transferLeadership(target, (refusal) => {
        if (refusal === undefined) onOutcome({ scmId: taker });
        else onOutcome(withScmId(refusal, taker));
      });
    });
  }

  /** Notes who answers; to be called about four times within an election timeout while this SCM leads. */
  look(): void {
    const { control, consensus } = this.#parts;
    if (consensus.leadership.isLeader) this.#listen(control.status());
  }

  /** Makes the first learner a voter that was fit in the last looks, one at a time. Calls `onPromoted` when
   * that is done. */
  promote(onPromoted: (member: Member) => void): void {
    const { consensus, control, members } = this.#parts;
    if (!consensus.leadership.leaderReady || this.#isPromoting) return;
    const facts = this.#facts();
    for (const id of this.#fitLooks.keys()) {
      if (!facts.confState.learners.includes(id)) this.#fitLooks.delete(id);
    }
    for (const id of facts.confState.learners) {
      const row = members.get(id);
      const plan = row === undefined ? undefined : planOrRefusal(() => planPromotion(facts, row));
      const looks = isChange(plan) ? (this.#fitLooks.get(id) ?? 0) + 1 : 0;
      this.#fitLooks.set(id, looks);
      if (row === undefined || !isChange(plan) || looks < PROMOTION_LOOKS || this.#isPromoting) continue;
      this.#isPromoting = true;
      control.changeMembers(plan.change, (refusal) => {
        this.#isPromoting = false;
        if (refusal === undefined) onPromoted(row);
      });
    }
  }

  #change(onOutcome: GroupCallback, planFor: (facts: GroupFacts) => Plan): void {
    this.#whenLeader(onOutcome, (facts) => {
      const plan = planFor(facts);
      if (plan.kind === "done") onOutcome(undefined);
      else this.#parts.control.changeMembers(plan.change, onOutcome);
    });
  }

  /** Only the leader knows enough, and it must know that it still is the one. Refusals that `task` throws go
   * to `onOutcome`. */
  #whenLeader(onOutcome: (refusal: StrataError) => void, task: (facts: GroupFacts) => void): void {
    this.#parts.consensus.readBarrier((refusal) => {
      const thrown = refusal ?? planOrRefusal(() => task(this.#facts()));
      if (thrown instanceof StrataError) onOutcome(this.#orNotYet(thrown));
    });
  }

  #facts(): GroupFacts {
    const { control, members } = this.#parts;
    const status = control.status();
    this.#listen(status);
    return {
      leaderId: status.id,
      confState: status.confState,
      members,
      lastIndex: status.lastIndex,
      match: (id) => knownIndexOf(status, id),
      isLive: (id) => this.#isLive(status, id),
    };
  }

  /** A new leader has not heard of everybody yet: that is no reason against anything. */
  #orNotYet(refusal: StrataError): StrataError {
    const { clock, electionTimeoutMs } = this.#parts;
    const isNew = clock.monotonicMs() - this.#heardSinceMs < electionTimeoutMs;
    if (refusal.code !== "CHANGE_REFUSED" || !isNew) return refusal;
    return new StrataError("NOT_READY", { step: "the leader is new and listens who answers" });
  }

  #listen(status: RaftStatus): void {
    if (this.#heardTerm !== status.hardState.term) {
      this.#heardTerm = status.hardState.term;
      this.#heardSinceMs = this.#parts.clock.monotonicMs();
      this.#answeredMs.clear();
      this.#fitLooks.clear();
    }
    const nowMs = this.#parts.clock.monotonicMs();
    for (const { id, isRecentlyActive } of status.progress) {
      if (isRecentlyActive) this.#answeredMs.set(id, nowMs);
    }
  }

  /** The core forgets who answered at each of its checks, once in an election timeout. */
  #isLive(status: RaftStatus, id: NodeId): boolean {
    if (id === status.id) return true;
    const { clock, electionTimeoutMs } = this.#parts;
    const answeredMs = this.#answeredMs.get(id) ?? Number.NEGATIVE_INFINITY;
    return clock.monotonicMs() - answeredMs < electionTimeoutMs;
  }

  #progressOf(status: RaftStatus, id: NodeId): MemberRole["progress"] {
    const match = knownIndexOf(status, id);
    return { match, lagCount: Math.max(0, status.lastIndex - match), isLive: this.#isLive(status, id) };
  }
}

function roleOf(status: RaftStatus, id: NodeId): RoleName {
  const { leader, role } = status.softState;
  const { voters, votersOutgoing } = status.confState;
  if (id === leader) return "LEADER";
  if (!voters.includes(id) && !votersOutgoing.includes(id)) return "LEARNER";
  const isCampaigning = role === ROLE.CANDIDATE || role === ROLE.PRE_CANDIDATE;
  return id === status.id && isCampaigning ? "CANDIDATE" : "FOLLOWER";
}

/** Highest entry known to be in the member's log; this node's own may still be on its way to the disk. */
function knownIndexOf(status: RaftStatus, id: NodeId): LogIndex {
  return id === status.id ? status.lastIndex : (matchOf(status, id) ?? logIndex(0));
}

/** What `task` returns, or the refusal that it throws. */
function planOrRefusal<T>(task: () => T): T | StrataError {
  try {
    return task();
  } catch (error) {
    if (error instanceof StrataError) return error;
    throw error;
  }
}

function isChange(plan: Plan | StrataError | undefined): plan is Extract<Plan, { kind: "change" }> {
  return plan !== undefined && !(plan instanceof StrataError) && plan.kind === "change";
}

/** The host names members by their number, people by their id. */
function withScmId(refusal: StrataError, scmId: Uuid): StrataError {
  if (refusal.code !== "TRANSFER_FAILED") return refusal;
  return new StrataError("TRANSFER_FAILED", { ...refusal.details, member: scmId });
}
