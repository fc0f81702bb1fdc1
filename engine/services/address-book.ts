import type { Member } from "../cluster/members/member.js";
import type { MemberRow, MemberTable } from "../cluster/members/member-table.js";
import { isSameMember } from "../cluster/members/member-table.js";
import type { StrataError } from "../core/errors.js";
import type { Scheduler, Timer } from "../core/scheduler.js";
import type { NodeId } from "../raft/types.js";
import type { Service } from "./service.js";

/** After a refusal, so that a group in trouble is not asked in a loop. */
const RETRY_MS = 1_000;

export interface AddressBookParts {
  readonly scheduler: Scheduler;
  /** This SCM's own record as of now. */
  own(): Member;
  /** As replicated. */
  readonly members: Pick<MemberTable, "get">;
  /** Proposes that `member` replaces what is recorded. */
  propose(member: Member, onOutcome: (refusal: StrataError | undefined) => void): void;
}

/** Keeps the replicated addresses true: each member says where it is found when its peers connect, and the
 * leader writes down what has changed, of itself too. Whoever is not a member gets no record by saying
 * hello. */
export class AddressBook implements Service {
  readonly name = "address book";
  readonly #parts: AddressBookParts;
  /** As they said last. */
  readonly #heard = new Map<NodeId, Member>();
  readonly #underWay = new Set<NodeId>();
  /** This SCM's own ports are open, and known. */
  #isOwnKnown = false;
  #isRunning = false;
  #retryTimer: Timer | undefined;

  constructor(parts: AddressBookParts) {
    this.#parts = parts;
  }

  start(): void {}

  stop(): void {
    this.#isRunning = false;
    this.#retryTimer?.cancel();
  }

  onStatus(leaderReady: boolean): void {
    this.#isRunning = leaderReady;
    if (leaderReady) this.#checkAll();
  }

  status(): "RUNNING" | "PAUSED" {
    return this.#isRunning ? "RUNNING" : "PAUSED";
  }

  /** A member has said where it is found. */
  heard(member: Member): void {
    this.#heard.set(member.nodeId, member);
    this.#check(member);
  }

  /** This SCM is found elsewhere from now on: it has opened its ports. Before the first call its own record
   * is nothing to write down. */
  ownChanged(): void {
    this.#isOwnKnown = true;
    this.#check(this.#parts.own());
  }

  #checkAll(): void {
    if (this.#isOwnKnown) this.#check(this.#parts.own());
    for (const member of this.#heard.values()) this.#check(member);
  }

  #check(member: Member): void {
    if (!this.#isRunning || this.#underWay.has(member.nodeId)) return;
    const { own, members, propose } = this.#parts;
    const known = members.get(member.nodeId);
    // The first leader's own record is the first of the table.
    if (known === undefined && member.nodeId !== own().nodeId) return;
    if (known !== undefined && !mayReplace(known, member)) return;
    this.#underWay.add(member.nodeId);
    propose(member, (refusal) => {
      this.#underWay.delete(member.nodeId);
      if (refusal === undefined) this.#check(this.#heard.get(member.nodeId) ?? own());
      else this.#retryLater();
    });
  }

  #retryLater(): void {
    if (!this.#isRunning) return;
    this.#retryTimer?.cancel();
    this.#retryTimer = this.#parts.scheduler.after(RETRY_MS, () => this.#checkAll());
  }
}

function mayReplace(known: MemberRow, member: Member): boolean {
  return !known.isRemoved && known.scmId === member.scmId && !isSameMember(known, member);
}
