import { assert } from "../core/assert.js";
import type { LogIndex, Term } from "../core/ids.js";
import { logIndex, term } from "../core/ids.js";
import { CommitQuorum } from "./commit-quorum.js";
import type { AddedProgress, ConfChangeResult, Membership } from "./conf-change.js";
import {
  changeMembership,
  checkMembership,
  isJoint,
  memberIds,
  NO_MEMBERS,
  restoreMembership,
} from "./conf-change.js";
import { decodeConfChange } from "./conf-change-codec.js";
import { Inflights } from "./inflights.js";
import { bytesOf, NO_ENTRY, payloadBytesOf, RaftLog } from "./log.js";
import type {
  AppReq,
  AppResp,
  Heartbeat,
  HeartbeatResp,
  Message,
  ReadIndexReq,
  Snap,
  SnapStatus,
  StorageAppendResp,
  StorageApplyResp,
  TransferLeader,
  VoteReq,
  VoteResp,
} from "./message.js";
import { isAfterAppendKind, MESSAGE_KIND } from "./message.js";
import { PROGRESS_STATE, Progress, progressOf } from "./progress.js";
import type { VoteResult } from "./quorum.js";
import { jointCommittedIndex, jointVoteResult } from "./quorum.js";
import type { PendingRead } from "./read-index.js";
import { PendingReads } from "./read-index.js";
import type { ConfChangeObstacle, RaftTrace, TraceEvent } from "./trace.js";
import type {
  ConfChange,
  ConfState,
  DropReason,
  Entry,
  EntryId,
  EntryType,
  HardState,
  LogView,
  NodeId,
  ProposeResult,
  RaftConfig,
  RaftState,
  ReadContext,
  ReadState,
  Role,
  Snapshot,
  SoftState,
  StepResult,
} from "./types.js";
import { ENTRY_TYPE, NO_NODE, ROLE } from "./types.js";
import type { Violation } from "./violation.js";

/** What the core draws random numbers with: a whole number in [0, bound). */
export type RandomBelow = (boundExclusive: number) => number;

type CampaignKind = "preElection" | "election" | "transfer";

interface Proposal {
  readonly type: EntryType;
  readonly payload: Uint8Array;
}

/** Roles, their transitions, and what each does with a message (etcd-io/raft raft.go; thesis §3, §4, §6.4,
 * §9.6).
 *
 * What promises durability, votes and acknowledgements, also to oneself, goes to `messagesAfterAppend` and is
 * only delivered when everything handed out for writing before it is durable; the rest goes to `messages` at
 * once (raft.md §6). */
export class Raft {
  readonly id: NodeId;
  readonly log: RaftLog;
  readonly #config: RaftConfig;
  readonly #random: RandomBelow;
  readonly #trace: RaftTrace;
  /** Never falls. */
  #term: Term;
  /** Who got our vote in this term; never changes within it, 0 = nobody yet. */
  #vote: NodeId;
  #role: Role = ROLE.FOLLOWER;
  /** Of this term, 0 = not known; a leader knows itself, who campaigns knows none. */
  #leader: NodeId = NO_NODE;
  #membership: Membership = NO_MEMBERS;
  /** Answers to the running election. The first of each voter counts. */
  readonly #votes = new Map<NodeId, boolean>();
  /** Leader only: who is to take over; 0 = nobody. */
  #transferTarget: NodeId = NO_NODE;
  /** Leader only: changes of membership are only proposed when everything up to here is applied, so that at
   * most one is under way. */
  #pendingConfIndex: LogIndex = logIndex(0);
  /** Leader only: payload bytes that are proposed and not known to be applied; never counts too much. */
  #uncommittedBytes = 0;
  /** Since this role began, the leader was heard of or a vote was given; of a leader, since it last checked
   * its quorum or a transfer began. */
  #electionElapsedTicks = 0;
  /** Leader only: since its last heartbeats. */
  #heartbeatElapsedTicks = 0;
  /** When a node without a leader campaigns: electionTimeoutTicks ≤ it < 2 × electionTimeoutTicks, drawn anew
   * with every change of role but to pre-candidate. */
  #randomizedElectionTimeoutTicks = 0;
  /** Leader only: reads that a quorum has not confirmed. */
  #reads = new PendingReads();
  /** Leader only: number of the newest read that each member has confirmed. */
  readonly #readAcks = new Map<NodeId, number>();
  /** Leader only: they came before it had committed in its term, so its commit index says nothing yet. */
  #earlyReads: ReadIndexReq[] = [];
  #readStates: ReadState[] = [];
  #messages: Message[] = [];
  #messagesAfterAppend: Message[] = [];
  readonly #commitQuorum = new CommitQuorum();

  constructor(config: RaftConfig, state: RaftState, view: LogView, random: RandomBelow, trace: RaftTrace) {
    checkConfig(config);
    this.id = config.id;
    this.#config = config;
    this.#random = random;
    this.#trace = trace;
    this.log = new RaftLog(view, {
      id: config.id,
      applied: state.applied,
      commit: state.hardState.commit,
      committedBytesPerReadyMax: config.committedBytesPerReadyMax,
      trace,
    });
    const last = this.log.lastId();
    assert(
      last.index === this.log.truncated.index || last.term <= state.hardState.term,
      "the log holds an entry of a term that was never entered",
    );
    const isBelowFloor = state.hardState.term < config.termFloor;
    this.#term = isBelowFloor ? config.termFloor : state.hardState.term;
    this.#vote = isBelowFloor ? NO_NODE : state.hardState.vote;
    this.#switchTo(restoreMembership(state.confState, this.#added()));
    this.#becomeFollower(this.#term, NO_NODE);
    this.#emit({
      kind: "started",
      confState: this.confState,
      term: this.#term,
      commit: this.log.commit,
      applied: this.log.applied,
      last,
    });
  }

  get term(): Term {
    return this.#term;
  }

  get uncommittedBytes(): number {
    return this.#uncommittedBytes;
  }

  get confState(): ConfState {
    return this.#membership.confState;
  }

  get transferTarget(): NodeId {
    return this.#transferTarget;
  }

  /** Sorted by id. */
  get progress(): readonly Progress[] {
    return this.#membership.progress;
  }

  get isLeader(): boolean {
    return this.#role === ROLE.LEADER;
  }

  hardState(): HardState {
    return { term: this.#term, vote: this.#vote, commit: this.log.commit };
  }

  softState(): SoftState {
    return { leader: this.#leader, role: this.#role };
  }

  isSoftState(state: SoftState): boolean {
    return state.leader === this.#leader && state.role === this.#role;
  }

  isHardState({ term, vote, commit }: HardState): boolean {
    return term === this.#term && vote === this.#vote && commit === this.log.commit;
  }

  /** Messages that may be sent at once. */
  get messages(): Message[] {
    return this.#messages;
  }

  /** Messages that may be delivered when everything handed out for writing so far is durable. */
  get messagesAfterAppend(): Message[] {
    return this.#messagesAfterAppend;
  }

  get readStates(): readonly ReadState[] {
    return this.#readStates;
  }

  /** All three were handed out: what comes from now on goes into new ones. */
  clearOutput(): void {
    this.#messages = [];
    this.#messagesAfterAppend = [];
    this.#readStates = [];
  }

  /** One tick of time. */
  tick(): void {
    this.#electionElapsedTicks++;
    if (this.#role === ROLE.LEADER) this.#tickLeader();
    else if (this.#isPromotable() && this.#electionElapsedTicks >= this.#randomizedElectionTimeoutTicks) {
      this.#electionElapsedTicks = 0;
      this.campaign();
    }
  }

  /** Starts an election now. */
  campaign(): void {
    this.#hup(this.#config.preVote ? "preElection" : "election");
  }

  /** For tests: the timeout that the next reset draws anew. */
  setRandomizedElectionTimeout(ticks: number): void {
    this.#randomizedElectionTimeoutTicks = ticks;
  }

  /** Appends `proposals` of member `from` as entries of this term, all or none; a follower sends them on to
   * its leader. */
  propose(proposals: readonly Proposal[], from = this.id): ProposeResult {
    assert(proposals.length > 0, "nothing is proposed");
    if (this.#role === ROLE.FOLLOWER && this.#leader !== NO_NODE) {
      const to = this.#leader;
      this.#send({ kind: MESSAGE_KIND.PROP, from, to, term: term(0), proposals });
      return { kind: "forwarded", to };
    }
    const reason = this.#dropReason(proposals);
    if (reason !== undefined) {
      this.#emit({
        kind: "proposalDropped",
        reason,
        term: this.#term,
        transferTarget: this.#transferTarget,
      });
      return { kind: "dropped", reason };
    }
    const first = logIndex(this.log.lastIndex + 1);
    const entries = proposals.map((proposal, i) => this.#admit(proposal, logIndex(first + i)));
    this.#appendOwn(entries);
    this.#broadcastAppend();
    return { kind: "accepted", first, last: this.log.lastIndex, term: this.#term };
  }

  /** A committed change of membership was applied. */
  applyConfChange(change: ConfChange): ConfState {
    const result = changeMembership(this.#membership, change, this.#added());
    assert(result.kind === "changed", `committed change of membership refused: ${refusalOf(result)}`);
    return this.#switchTo(result.membership);
  }

  /** The view can serve entries that were "pending" when they were to be sent. */
  resumeSending(): void {
    if (this.#role !== ROLE.LEADER) return;
    for (const progress of this.#membership.progress) {
      if (progress.id !== this.id) this.#sendAllAppends(progress);
    }
  }

  step(message: Message): StepResult {
    if (message.term > this.#term) {
      if (!this.#meetHigherTerm(message)) return "done";
    } else if (message.term !== 0 && message.term < this.#term) {
      this.#stepStale(message);
      return "done";
    }
    switch (message.kind) {
      case MESSAGE_KIND.HUP:
        this.campaign();
        return "done";
      case MESSAGE_KIND.STORAGE_APPEND_RESP:
        this.#stepStorageAppendResp(message);
        return "done";
      case MESSAGE_KIND.STORAGE_APPLY_RESP:
        this.#stepStorageApplyResp(message);
        return "done";
      case MESSAGE_KIND.VOTE_REQ:
      case MESSAGE_KIND.PRE_VOTE_REQ:
        this.#stepVoteReq(message);
        return "done";
      case MESSAGE_KIND.PROP:
        return this.propose(message.proposals, message.from).kind === "dropped" ? "dropped" : "done";
      default:
        if (this.#role === ROLE.LEADER) return this.#stepLeader(message);
        return this.#role === ROLE.FOLLOWER ? this.#stepFollower(message) : this.#stepCandidate(message);
    }
  }

  /** What `message`, well formed and from another, says that cannot be, given what this node knows. */
  violationOfState(message: Message): Violation | undefined {
    if (message.term < this.#term) return undefined;
    const isOfThisTerm = message.term === this.#term;
    const isOtherLeader = isOfThisTerm && this.#leader !== NO_NODE && this.#leader !== message.from;
    switch (message.kind) {
      case MESSAGE_KIND.APP_REQ:
      case MESSAGE_KIND.SNAP:
      case MESSAGE_KIND.TIMEOUT_NOW:
      case MESSAGE_KIND.READ_INDEX_RESP:
        return isOtherLeader ? "otherLeader" : undefined;
      case MESSAGE_KIND.HEARTBEAT:
        if (isOtherLeader) return "otherLeader";
        // It tells no more than what we acknowledged.
        return message.commit > this.log.lastIndex ? "beyondLog" : undefined;
      case MESSAGE_KIND.APP_RESP:
        if (!isOfThisTerm || !this.isLeader || message.rejected) return undefined;
        return message.index > this.log.lastIndex ? "beyondLog" : undefined;
      case MESSAGE_KIND.HEARTBEAT_RESP:
        if (!isOfThisTerm || !this.isLeader) return undefined;
        return message.readRound > this.#reads.lastRound ? "futureRound" : undefined;
      default:
        return undefined;
    }
  }

  /** Throws AssertionError. Called after every step in tests and in simulation. O(members + tail). */
  checkInvariants(): void {
    this.log.checkInvariants();
    checkMembership(this.#membership);
    assert(this.log.lastId().term <= this.#term || this.#term === 0, "no entry of a later term");
    if (this.#role !== ROLE.LEADER) {
      assert(this.#uncommittedBytes === 0, "only a leader counts uncommitted bytes");
      assert(this.#transferTarget === NO_NODE, "only a leader transfers leadership");
      assert(this.#reads.round === 0, "only a leader confirms reads");
      assert(this.#earlyReads.length === 0, "only a leader keeps reads back");
      assert(this.#readAcks.size === 0, "only a leader is told of rounds");
      assert(this.#pendingConfIndex === 0, "only a leader knows of a change under way");
      assert(this.#role === ROLE.FOLLOWER || this.#leader === NO_NODE, "who campaigns has no leader");
      assert(this.#role !== ROLE.CANDIDATE || this.#vote === this.id, "a candidate votes for itself");
      return;
    }
    assert(this.#leader === this.id, "a leader knows itself as the leader");
    assert(this.#vote === this.id, "a leader voted for itself");
    assert(this.#transferTarget !== this.id, "nobody hands leadership to itself");
    for (const progress of this.#membership.progress) {
      progress.checkInvariants();
      assert(progress.match <= this.log.lastIndex, "match ≤ last");
      assert(
        progress.next <= this.log.lastIndex + 1 || progress.state === PROGRESS_STATE.SNAPSHOT,
        "next ≤ last + 1",
      );
    }
  }

  /** See RaftCore. */
  stepDown(successor: NodeId): void {
    if (this.#role !== ROLE.LEADER) return;
    if (this.#isVoter(successor)) this.#sendTimeoutNow(successor);
    this.#becomeFollower(this.#term, NO_NODE);
  }

  // Terms: all rules stand here (raft.md §5).

  /** False when the message is not to be looked at further. */
  #meetHigherTerm(message: Message): boolean {
    switch (message.kind) {
      case MESSAGE_KIND.VOTE_REQ:
      case MESSAGE_KIND.PRE_VOTE_REQ:
        if (!message.transfer && this.#isLeaseStanding()) {
          this.#emitVote("ignored", message);
          return false;
        }
        // Nobody's term moves by a mere question.
        if (message.kind === MESSAGE_KIND.PRE_VOTE_REQ) return true;
        break;
      case MESSAGE_KIND.PRE_VOTE_RESP:
        // A grant is for the term that we would enter. A rejection tells the term of its sender.
        if (!message.rejected) return true;
        break;
      default:
    }
    this.#emit({
      kind: "higherTermSeen",
      message: message.kind,
      from: askerOf(message),
      messageTerm: message.term,
      term: this.#term,
    });
    this.#becomeFollower(message.term, NO_NODE);
    return true;
  }

  /** A leader was heard within the shortest election timeout, so there is no reason to elect another one. */
  #isLeaseStanding(): boolean {
    const { checkQuorum, electionTimeoutTicks } = this.#config;
    return checkQuorum && this.#leader !== NO_NODE && this.#electionElapsedTicks < electionTimeoutTicks;
  }

  #stepStale(message: Message): void {
    switch (message.kind) {
      case MESSAGE_KIND.HEARTBEAT:
      case MESSAGE_KIND.APP_REQ:
        if (!this.#config.checkQuorum && !this.#config.preVote) break;
        // Our term moved while we were cut off, and a leader that does not learn of it could neither reach us
        // nor be replaced by us.
        this.#sendAppResp(message.from, logIndex(0));
        return;
      case MESSAGE_KIND.PRE_VOTE_REQ:
        // A node with a shorter log but a higher term must tell, or nobody is ever elected (etcd#8243).
        this.#emitVote("rejected", message);
        this.#sendVoteResp(message, this.#term, true);
        return;
      case MESSAGE_KIND.STORAGE_APPEND_RESP:
        if (message.last !== undefined) this.#emitStale("staleAppendIgnored", message);
        // State is committed, whatever the term.
        if (message.snapshot !== undefined) this.#snapshotInstalled(message.snapshot);
        return;
      default:
    }
    this.#emitStale("staleIgnored", message);
  }

  // Votes.

  #stepVoteReq(message: VoteReq): void {
    const canVote =
      this.#vote === message.from ||
      (this.#vote === NO_NODE && this.#leader === NO_NODE) ||
      (message.kind === MESSAGE_KIND.PRE_VOTE_REQ && message.term > this.#term);
    // Learners vote, too: they may have been promoted without knowing it, and be needed (etcd#10998).
    if (!canVote || !this.log.isUpToDate(message.last)) {
      this.#emitVote("rejected", message);
      this.#sendVoteResp(message, this.#term, true);
      return;
    }
    this.#emitVote("granted", message);
    // With the term of the request: ours may be behind, and the candidate would drop the answer as stale.
    this.#sendVoteResp(message, message.term, false);
    if (message.kind === MESSAGE_KIND.VOTE_REQ) {
      this.#electionElapsedTicks = 0;
      this.#vote = message.from;
    }
  }

  #stepVoteResp(message: VoteResp): void {
    const { confState } = this.#membership;
    this.#emit({
      kind: "voteReceived",
      from: message.from,
      message: message.kind,
      rejected: message.rejected,
      term: this.#term,
    });
    if (!this.#votes.has(message.from)) this.#votes.set(message.from, !message.rejected);
    let granted = 0;
    let rejected = 0;
    for (const { id, isLearner } of this.#membership.progress) {
      const vote = isLearner ? undefined : this.#votes.get(id);
      if (vote === true) granted++;
      else if (vote === false) rejected++;
    }
    this.#emit({ kind: "votesCounted", message: message.kind, granted, rejected });
    const ofHalf = (ids: readonly NodeId[]) => ids.map((id) => this.#votes.get(id));
    const result = jointVoteResult(ofHalf(confState.voters), ofHalf(confState.votersOutgoing));
    this.#voteEnded(result);
  }

  #voteEnded(result: VoteResult): void {
    if (result === "lost") this.#becomeFollower(this.#term, NO_NODE);
    if (result !== "won") return;
    if (this.#role === ROLE.PRE_CANDIDATE) {
      this.#campaign("election");
      return;
    }
    this.#becomeLeader();
    this.#broadcastAppend();
  }

  #hup(kind: CampaignKind): void {
    const reason =
      this.#role === ROLE.LEADER
        ? "alreadyLeader"
        : !this.#isPromotable()
          ? "notPromotable"
          : this.log.hasUnappliedConfChange()
            ? "unappliedConfChange"
            : undefined;
    if (reason !== undefined) {
      this.#emit({ kind: "campaignRefused", reason, term: this.#term });
      return;
    }
    this.#emit({ kind: "startingElection", term: this.#term });
    this.#campaign(kind);
  }

  #campaign(kind: CampaignKind): void {
    if (!this.#isPromotable()) {
      this.#emit({ kind: "campaignRefused", reason: "lostPromotion", term: this.#term });
    }
    const isPreElection = kind === "preElection";
    if (isPreElection) this.#becomePreCandidate();
    else this.#becomeCandidate();
    const campaignTerm = isPreElection ? term(this.#term + 1) : this.#term;
    const last = this.log.lastId();
    for (const { id } of this.#membership.progress) {
      if (!this.#isVoter(id)) continue;
      if (id === this.id) {
        // The own vote counts when it is durable.
        this.#send({
          kind: isPreElection ? MESSAGE_KIND.PRE_VOTE_RESP : MESSAGE_KIND.VOTE_RESP,
          from: this.id,
          to: this.id,
          term: campaignTerm,
          rejected: false,
        });
        continue;
      }
      const message = isPreElection ? MESSAGE_KIND.PRE_VOTE_REQ : MESSAGE_KIND.VOTE_REQ;
      this.#emit({ kind: "voteRequested", to: id, message, last, term: this.#term });
      this.#send({
        kind: message,
        from: this.id,
        to: id,
        term: campaignTerm,
        last,
        transfer: kind === "transfer",
      });
    }
  }

  #isVoter(id: NodeId): boolean {
    const { voters, votersOutgoing } = this.#membership.confState;
    return voters.includes(id) || votersOutgoing.includes(id);
  }

  /** Whether this node may lead: a voter, and not about to begin anew from a snapshot. */
  #isPromotable(): boolean {
    const own = this.#progressOf(this.id);
    return own !== undefined && !own.isLearner && this.log.unstable.snapshot === undefined;
  }

  #sendVoteResp(request: VoteReq, responseTerm: Term, rejected: boolean): void {
    const isPreVote = request.kind === MESSAGE_KIND.PRE_VOTE_REQ;
    this.#send({
      kind: isPreVote ? MESSAGE_KIND.PRE_VOTE_RESP : MESSAGE_KIND.VOTE_RESP,
      from: this.id,
      to: request.from,
      term: responseTerm,
      rejected,
    });
  }

  #emitVote(outcome: "granted" | "rejected" | "ignored", request: VoteReq): void {
    this.#emit({
      kind: "voteDecided",
      outcome,
      from: request.from,
      message: request.kind,
      last: this.log.lastId(),
      vote: this.#vote,
      candidateLast: request.last,
      term: this.#term,
      remainingTicks: this.#config.electionTimeoutTicks - this.#electionElapsedTicks,
    });
  }

  // Roles.

  #becomeFollower(newTerm: Term, leader: NodeId): void {
    this.#reset(newTerm);
    this.#leader = leader;
    this.#role = ROLE.FOLLOWER;
    this.#emit({ kind: "becameFollower", term: this.#term });
  }

  /** Neither term nor vote change: a pre-vote only asks. */
  #becomePreCandidate(): void {
    assert(this.#role !== ROLE.LEADER, "a leader does not campaign");
    this.#votes.clear();
    // A candidate that kept its leader would refuse its peers (etcd#9586).
    this.#leader = NO_NODE;
    this.#role = ROLE.PRE_CANDIDATE;
    this.#emit({ kind: "becamePreCandidate", term: this.#term });
  }

  #becomeCandidate(): void {
    assert(this.#role !== ROLE.LEADER, "a leader does not campaign");
    this.#reset(term(this.#term + 1));
    this.#vote = this.id;
    this.#role = ROLE.CANDIDATE;
    this.#emit({ kind: "becameCandidate", term: this.#term });
  }

  #becomeLeader(): void {
    assert(this.#role === ROLE.CANDIDATE, "only a candidate becomes leader");
    this.#reset(this.#term);
    this.#leader = this.id;
    this.#role = ROLE.LEADER;
    const own = this.#progressOf(this.id);
    if (own !== undefined) {
      own.becomeReplicate();
      own.isRecentlyActive = true;
    }
    // What earlier leaders left may hold a change of membership that is not applied.
    this.#pendingConfIndex = this.log.lastIndex;
    // Entries of earlier terms are only committed by an entry of this one (thesis §3.6.2).
    this.#appendOwn([this.#entry(ENTRY_TYPE.NORMAL, logIndex(this.log.lastIndex + 1), EMPTY_PAYLOAD)]);
    this.#emit({ kind: "becameLeader", term: this.#term });
  }

  #reset(newTerm: Term): void {
    if (this.#term !== newTerm) {
      this.#term = newTerm;
      this.#vote = NO_NODE;
    }
    this.#leader = NO_NODE;
    this.#electionElapsedTicks = 0;
    this.#heartbeatElapsedTicks = 0;
    const timeoutTicks = this.#config.electionTimeoutTicks;
    this.#randomizedElectionTimeoutTicks = timeoutTicks + this.#random(timeoutTicks);
    this.#transferTarget = NO_NODE;
    this.#votes.clear();
    this.#resetProgress();
    this.#pendingConfIndex = logIndex(0);
    this.#uncommittedBytes = 0;
    this.#reads = new PendingReads();
    this.#readAcks.clear();
    this.#earlyReads = [];
  }

  /** Nothing is known of anybody's log but the own one. */
  #resetProgress(): void {
    const { confState, progress } = this.#membership;
    const { lastIndex } = this.log;
    const fresh = progress.map(({ id, isLearner }) => {
      const member = new Progress(id, {
        next: logIndex(lastIndex + 1),
        isLearner,
        isRecentlyActive: false,
        inflights: new Inflights(this.#config.inflightLimits),
      });
      // A vote came back after everything handed out before it was durable, so the whole own log is.
      if (id === this.id) member.acknowledged(lastIndex);
      return member;
    });
    this.#membership = { confState, progress: fresh };
  }

  // Time.

  #tickLeader(): void {
    const { electionTimeoutTicks, heartbeatTicks, checkQuorum } = this.#config;
    this.#heartbeatElapsedTicks++;
    if (this.#electionElapsedTicks >= electionTimeoutTicks) {
      this.#electionElapsedTicks = 0;
      if (checkQuorum) this.#checkQuorum();
      // It did not take over in time: this node goes on leading.
      this.#transferTarget = NO_NODE;
    }
    if (this.#role !== ROLE.LEADER || this.#heartbeatElapsedTicks < heartbeatTicks) return;
    this.#heartbeatElapsedTicks = 0;
    this.#broadcastHeartbeat();
  }

  #checkQuorum(): void {
    if (!this.#isQuorumActive()) {
      this.#emit({ kind: "quorumLost", term: this.#term });
      this.#becomeFollower(this.#term, NO_NODE);
    }
    for (const progress of this.#membership.progress) {
      if (progress.id !== this.id) progress.isRecentlyActive = false;
    }
  }

  #isQuorumActive(): boolean {
    const { voters, votersOutgoing } = this.#membership.confState;
    const ofHalf = (ids: readonly NodeId[]) =>
      ids.map((id) => this.#progressOf(id)?.isRecentlyActive ?? false);
    return jointVoteResult(ofHalf(voters), ofHalf(votersOutgoing)) === "won";
  }

  // Proposals.

  /** Empty payloads are never refused for their bytes: a leader's first entry and the change that leaves a
   * joint configuration must always fit. */
  #dropReason(proposals: readonly Proposal[]): DropReason | undefined {
    if (this.#role !== ROLE.LEADER) return "noLeader";
    if (this.#progressOf(this.id) === undefined) return "notVoter";
    if (this.#transferTarget !== NO_NODE) return "transferring";
    let bytes = 0;
    for (const { payload } of proposals) {
      if (payload.length > this.#config.entryBytesMax) return "tooLarge";
      bytes += payload.length;
    }
    if (bytes === 0 || this.#uncommittedBytes === 0) return undefined;
    return this.#uncommittedBytes + bytes > this.#config.uncommittedBytesMax ? "backlog" : undefined;
  }

  /** The entry of a proposal. A change of membership that is not legal now becomes an empty one. */
  #admit({ type, payload }: Proposal, index: LogIndex): Entry {
    if (type === ENTRY_TYPE.NORMAL) return this.#entry(type, index, payload);
    const change = decodeConfChange(payload);
    assert(change !== undefined, "a change of membership does not decode");
    const reason = this.#changeRefusal(change);
    if (reason !== undefined && !this.#config.disableConfChangeValidation) {
      this.#emit({
        kind: "confChangeIgnored",
        change,
        confState: this.confState,
        reason,
        pendingIndex: this.#pendingConfIndex,
        applied: this.log.applied,
      });
      return this.#entry(ENTRY_TYPE.NORMAL, index, EMPTY_PAYLOAD);
    }
    this.#pendingConfIndex = index;
    return this.#entry(type, index, payload);
  }

  #changeRefusal(change: ConfChange): ConfChangeObstacle | undefined {
    if (this.#pendingConfIndex > this.log.applied) return "pending";
    const wantsToLeave = change.steps.length === 0;
    if (isJoint(this.confState) !== wantsToLeave) return wantsToLeave ? "notJoint" : "mustLeaveJoint";
    // No other change comes before it, so what is refused now would stop every member when it is applied.
    const result = changeMembership(this.#membership, change, this.#added());
    return result.kind === "changed" ? undefined : "impossible";
  }

  #entry(type: EntryType, index: LogIndex, payload: Uint8Array): Entry {
    return { term: this.#term, index, type, payload };
  }

  #appendOwn(entries: readonly Entry[]): void {
    this.#uncommittedBytes += payloadBytesOf(entries);
    this.log.append(entries);
    // Counts when the entries are durable here (etcd#14370).
    this.#sendAppResp(this.id, this.log.lastIndex);
  }

  // Replication.

  #broadcastAppend(): void {
    for (const progress of this.#membership.progress) {
      if (progress.id !== this.id) this.#sendAppend(progress, true);
    }
  }

  #sendAllAppends(progress: Progress): void {
    while (this.#sendAppend(progress, false));
  }

  /** Sends the entries that `progress` is to get next, as many as one message takes; without any only with
   * `evenEmpty`, to tell the commit index or to be answered. False when nothing was sent. */
  #sendAppend(progress: Progress, evenEmpty: boolean): boolean {
    if (progress.isPaused) return false;
    const previousIndex = logIndex(progress.next - 1);
    const previousTerm = this.log.term(previousIndex);
    if (previousTerm === undefined) return this.#sendSnapshot(progress);
    // With a full window only an empty append goes out: should all in flight be lost, its answer tells.
    const isWindowFull = progress.state === PROGRESS_STATE.REPLICATE && progress.inflights.isFull;
    const entries = isWindowFull ? [] : this.log.entriesFrom(progress.next, this.#config.appendBytesMax);
    // The host fetches them and calls `resumeSending`.
    if (entries === "pending") return false;
    if (entries.length === 0 && !evenEmpty) return false;
    this.#send({
      kind: MESSAGE_KIND.APP_REQ,
      from: this.id,
      to: progress.id,
      term: this.#term,
      previous: { term: previousTerm, index: previousIndex },
      entries,
      commit: this.log.commit,
    });
    progress.sentEntries(entries.length, payloadBytesOf(entries));
    progress.sentCommit(this.log.commit);
    return true;
  }

  #sendSnapshot(progress: Progress): boolean {
    const { id: to } = progress;
    if (!progress.isRecentlyActive) {
      this.#emit({ kind: "snapshotNotSent", to, reason: "inactive" });
      return false;
    }
    const snapshot = this.log.snapshot();
    if (snapshot === "pending") {
      this.#emit({ kind: "snapshotNotSent", to, reason: "unavailable" });
      return false;
    }
    assert(snapshot.id.index > 0, "a log that is truncated has a snapshot");
    this.#emit({
      kind: "snapshotSent",
      to,
      snapshot: snapshot.id,
      firstIndex: logIndex(this.log.truncated.index + 1),
      commit: this.log.commit,
      progress: progress.status(),
    });
    progress.becomeSnapshot(snapshot.id.index);
    this.#emit({ kind: "replicationPaused", peer: to, progress: progress.status() });
    this.#send({ kind: MESSAGE_KIND.SNAP, from: this.id, to, term: this.#term, snapshot });
    return true;
  }

  #broadcastHeartbeat(): void {
    const readRound = this.#reads.round;
    for (const progress of this.#membership.progress) {
      if (progress.id === this.id) continue;
      // Not beyond what it is known to have: a follower commits what it is told.
      const commit = logIndex(Math.min(progress.match, this.log.commit));
      this.#send({
        kind: MESSAGE_KIND.HEARTBEAT,
        from: this.id,
        to: progress.id,
        term: this.#term,
        commit,
        readRound,
      });
      progress.sentCommit(commit);
    }
  }

  /** Commits what a quorum has. Called by a leader. */
  #maybeCommit(): boolean {
    const index = this.#commitQuorum.index(this.#membership);
    return Number.isFinite(index) && this.log.maybeCommit({ term: this.#term, index: logIndex(index) });
  }

  // Leader.

  #stepLeader(message: Message): StepResult {
    switch (message.kind) {
      case MESSAGE_KIND.BEAT:
        this.#broadcastHeartbeat();
        return "done";
      case MESSAGE_KIND.CHECK_QUORUM:
        this.#checkQuorum();
        return "done";
      case MESSAGE_KIND.READ_INDEX:
        this.#stepReadIndex(message);
        return "done";
      case MESSAGE_KIND.FORGET_LEADER:
        return "done";
      case MESSAGE_KIND.TRANSFER_LEADER: {
        const progress = this.#knownMember(message.target);
        if (progress !== undefined) this.#stepTransferLeader(message, progress);
        return "done";
      }
      case MESSAGE_KIND.UNREACHABLE: {
        const progress = this.#knownMember(message.peer);
        if (progress !== undefined) this.#memberUnreachable(progress);
        return "done";
      }
      case MESSAGE_KIND.SNAP_STATUS: {
        const progress = this.#knownMember(message.peer);
        if (progress !== undefined) this.#stepSnapStatus(message, progress);
        return "done";
      }
      default:
    }
    const progress = this.#knownMember(message.from);
    if (progress === undefined) return "done";
    if (message.kind === MESSAGE_KIND.APP_RESP) this.#stepAppResp(message, progress);
    else if (message.kind === MESSAGE_KIND.HEARTBEAT_RESP) this.#stepHeartbeatResp(message, progress);
    return "done";
  }

  #knownMember(id: NodeId): Progress | undefined {
    const progress = this.#progressOf(id);
    if (progress === undefined) this.#emit({ kind: "unknownMember", from: id });
    return progress;
  }

  #stepAppResp(message: AppResp, progress: Progress): void {
    progress.isRecentlyActive = true;
    if (message.rejected) this.#memberRejected(message, progress);
    else this.#memberAcknowledged(message.index, progress);
  }

  #memberRejected({ from, index, hint }: AppResp, progress: Progress): void {
    this.#emit({ kind: "appendRejected", from, index, hint });
    // What follows the hint in the member's log is of a term up to the hint's; where our log has later terms
    // the two cannot agree. So at most one probe a term is needed, whatever the length of the tails.
    const nextProbe = hint.term > 0 ? this.log.lastWithTermAtMost(this.#capped(hint.index), hint.term) : hint;
    if (!progress.rejected(index, nextProbe.index)) return;
    this.#emit({ kind: "progressDecreased", peer: from, progress: progress.status() });
    if (progress.state === PROGRESS_STATE.REPLICATE) progress.becomeProbe();
    this.#sendAppend(progress, true);
  }

  #capped(index: LogIndex): LogIndex {
    return index < this.log.lastIndex ? index : this.log.lastIndex;
  }

  #memberAcknowledged(index: LogIndex, progress: Progress): void {
    // The second half brings a member back that is probed although it has everything.
    const isNews =
      progress.acknowledged(index) || (progress.match === index && progress.state === PROGRESS_STATE.PROBE);
    if (!isNews) return;
    if (progress.state === PROGRESS_STATE.PROBE) {
      progress.becomeReplicate();
    } else if (progress.state === PROGRESS_STATE.REPLICATE) {
      progress.inflights.freeTo(index);
    } else if (progress.match >= this.log.truncated.index) {
      // Whichever snapshot it got: the log goes on from there (etcd#18055).
      this.#emit({ kind: "snapshotCaughtUp", peer: progress.id, progress: progress.status() });
      progress.becomeProbe();
      progress.becomeReplicate();
    }
    const isOwn = progress.id === this.id;
    if (this.#maybeCommit()) {
      this.#releaseEarlyReads();
      this.#broadcastAppend();
    } else if (!isOwn && progress.canRaiseCommit(this.log.commit)) {
      this.#sendAppend(progress, true);
    }
    if (!isOwn) this.#sendAllAppends(progress);
    if (progress.id === this.#transferTarget && progress.match === this.log.lastIndex) {
      this.#emit({ kind: "timeoutNowSent", to: progress.id, cause: "caughtUp" });
      this.#sendTimeoutNow(progress.id);
    }
  }

  /** Never moves `match`: the answer says nothing about the log (RATIS-2605). */
  #stepHeartbeatResp({ from, readRound }: HeartbeatResp, progress: Progress): void {
    progress.isRecentlyActive = true;
    progress.resumeFlow();
    if (progress.match < this.log.lastIndex || progress.state === PROGRESS_STATE.PROBE) {
      this.#sendAppend(progress, true);
    }
    if (this.#config.readOnly === "safe" && readRound > 0) this.#readConfirmed(from, readRound);
  }

  #stepSnapStatus({ peer, failed }: SnapStatus, progress: Progress): void {
    if (progress.state !== PROGRESS_STATE.SNAPSHOT) return;
    if (failed) progress.forgetSnapshot();
    progress.becomeProbe();
    const kind = failed ? "snapshotFailed" : "snapshotSucceeded";
    this.#emit({ kind, peer, progress: progress.status() });
    // Delivered, its acknowledgement says how to go on; failed, the next try waits for a heartbeat.
    progress.pauseFlow();
  }

  #memberUnreachable(progress: Progress): void {
    // Of what runs ahead, something is lost most likely.
    if (progress.state === PROGRESS_STATE.REPLICATE) progress.becomeProbe();
    this.#emit({ kind: "peerUnreachable", peer: progress.id, progress: progress.status() });
  }

  #stepTransferLeader({ target }: TransferLeader, progress: Progress): void {
    const event = { target, term: this.#term };
    if (progress.isLearner) {
      this.#emit({ kind: "transferToLearnerIgnored", ...event });
      return;
    }
    if (this.#transferTarget === target) {
      this.#emit({ kind: "transferRepeatedIgnored", ...event });
      return;
    }
    if (this.#transferTarget !== NO_NODE) {
      const aborted = this.#transferTarget;
      this.#transferTarget = NO_NODE;
      this.#emit({ kind: "transferAborted", target: aborted, term: this.#term });
    }
    if (target === this.id) {
      this.#emit({ kind: "transferToSelfIgnored", ...event });
      return;
    }
    this.#emit({ kind: "transferStarted", ...event });
    // It has an election timeout from now on.
    this.#electionElapsedTicks = 0;
    this.#transferTarget = target;
    if (progress.match !== this.log.lastIndex) {
      this.#sendAppend(progress, true);
      return;
    }
    this.#sendTimeoutNow(target);
    this.#emit({ kind: "timeoutNowSent", to: target, cause: "atOnce" });
  }

  #sendTimeoutNow(to: NodeId): void {
    this.#send({ kind: MESSAGE_KIND.TIMEOUT_NOW, from: this.id, to, term: this.#term });
  }

  // Reads.

  readIndex(context: ReadContext): void {
    this.step({ kind: MESSAGE_KIND.READ_INDEX, from: this.id, to: this.id, term: term(0), context });
  }

  /** Before its first commit in this term a leader may not know all that earlier ones committed, a lone voter
   * neither: after a restart its commit index may lag behind what it had answered for. */
  #stepReadIndex(request: ReadIndexReq): void {
    if (this.log.term(this.log.commit) === this.#term) this.#confirmRead(request);
    else this.#earlyReads.push(request);
  }

  #confirmRead({ from, context }: ReadIndexReq): void {
    const read = { from, context, index: this.log.commit };
    const { voters, votersOutgoing } = this.confState;
    const isAlone = voters.length === 1 && voters[0] === this.id && votersOutgoing.length === 0;
    if (isAlone || this.#config.readOnly === "leaseBased") {
      this.#answerRead(read);
      return;
    }
    this.#reads.add(read);
    this.#readAcks.set(this.id, this.#reads.round);
    this.#broadcastHeartbeat();
  }

  #readConfirmed(from: NodeId, readRound: number): void {
    if (readRound > (this.#readAcks.get(from) ?? 0)) this.#readAcks.set(from, readRound);
    this.#answerConfirmedReads();
  }

  #answerConfirmedReads(): void {
    if (this.#reads.round === 0) return;
    const { voters, votersOutgoing } = this.confState;
    const ofHalf = (ids: readonly NodeId[]) => ids.map((id) => this.#readAcks.get(id) ?? 0);
    const round = jointCommittedIndex(ofHalf(voters), ofHalf(votersOutgoing));
    for (const read of this.#reads.confirm(round)) this.#answerRead(read);
  }

  /** The first commit of this term tells what is committed at all. */
  #releaseEarlyReads(): void {
    if (this.#earlyReads.length === 0 || this.log.term(this.log.commit) !== this.#term) return;
    const requests = this.#earlyReads;
    this.#earlyReads = [];
    for (const request of requests) this.#confirmRead(request);
  }

  #answerRead({ from, context, index }: PendingRead): void {
    if (from === this.id) {
      this.#readStates.push({ index, context });
      return;
    }
    this.#send({
      kind: MESSAGE_KIND.READ_INDEX_RESP,
      from: this.id,
      to: from,
      term: this.#term,
      context,
      index,
    });
  }

  // Candidates and followers.

  #stepCandidate(message: Message): StepResult {
    switch (message.kind) {
      case MESSAGE_KIND.APP_REQ:
      case MESSAGE_KIND.HEARTBEAT:
      case MESSAGE_KIND.SNAP:
        this.#becomeFollower(message.term, message.from);
        this.#followLeader(message);
        return "done";
      case MESSAGE_KIND.VOTE_RESP:
      case MESSAGE_KIND.PRE_VOTE_RESP: {
        // Answers to the pre-vote may still arrive when the real one is under way.
        const isPreVote = message.kind === MESSAGE_KIND.PRE_VOTE_RESP;
        if (isPreVote === (this.#role === ROLE.PRE_CANDIDATE)) this.#stepVoteResp(message);
        return "done";
      }
      case MESSAGE_KIND.TIMEOUT_NOW:
        this.#emitTimeoutNow(message.from);
        return "done";
      default:
        return "done";
    }
  }

  #stepFollower(message: Message): StepResult {
    switch (message.kind) {
      case MESSAGE_KIND.APP_REQ:
      case MESSAGE_KIND.HEARTBEAT:
      case MESSAGE_KIND.SNAP:
        this.#electionElapsedTicks = 0;
        this.#leader = message.from;
        this.#followLeader(message);
        return "done";
      case MESSAGE_KIND.TRANSFER_LEADER:
        if (this.#leader === NO_NODE) {
          this.#emit({ kind: "transferNoLeader", target: message.target, term: this.#term });
        } else {
          this.#send({ ...message, from: this.id, to: this.#leader, term: this.#term });
        }
        return "done";
      case MESSAGE_KIND.FORGET_LEADER:
        this.#forgetLeader();
        return "done";
      case MESSAGE_KIND.TIMEOUT_NOW:
        this.#emitTimeoutNow(message.from);
        // The leader wants it: nobody needs to be asked first.
        this.#hup("transfer");
        return "done";
      case MESSAGE_KIND.READ_INDEX:
        if (this.#leader === NO_NODE) this.#emit({ kind: "readDropped", term: this.#term });
        else this.#send({ ...message, from: this.#origin(message.from), to: this.#leader });
        return "done";
      case MESSAGE_KIND.READ_INDEX_RESP:
        this.#readStates.push({ index: message.index, context: message.context });
        return "done";
      default:
        return "done";
    }
  }

  #origin(from: NodeId): NodeId {
    return from === NO_NODE ? this.id : from;
  }

  #forgetLeader(): void {
    if (this.#config.readOnly === "leaseBased") {
      this.#emit({ kind: "forgetLeaderRefused" });
      return;
    }
    if (this.#leader === NO_NODE) return;
    this.#emit({ kind: "leaderForgotten", leader: this.#leader, term: this.#term });
    this.#leader = NO_NODE;
  }

  #emitTimeoutNow(from: NodeId): void {
    this.#emit({ kind: "timeoutNowReceived", from, term: this.#term, role: this.#role });
  }

  #followLeader(message: AppReq | Heartbeat | Snap): void {
    if (message.kind === MESSAGE_KIND.APP_REQ) this.#stepAppReq(message);
    else if (message.kind === MESSAGE_KIND.SNAP) this.#stepSnap(message);
    else this.#stepHeartbeat(message);
  }

  #stepAppReq({ from, previous, entries, commit }: AppReq): void {
    if (previous.index < this.log.commit) {
      this.#sendAppResp(from, this.log.commit);
      return;
    }
    const last = this.log.tryAppend(previous, entries, commit);
    if (last !== undefined) {
      this.#sendAppResp(from, last);
      return;
    }
    this.#emit({ kind: "appendRefused", from, previous, found: this.log.term(previous.index) ?? term(0) });
    // Where our terms are later than the leader's we cannot agree: skip them.
    const hint = this.log.lastWithTermAtMost(this.#capped(previous.index), previous.term);
    this.#send({
      kind: MESSAGE_KIND.APP_RESP,
      from: this.id,
      to: from,
      term: this.#term,
      index: previous.index,
      rejected: true,
      hint,
    });
  }

  #stepHeartbeat({ from, commit, readRound }: Heartbeat): void {
    this.log.commitTo(commit);
    this.#send({ kind: MESSAGE_KIND.HEARTBEAT_RESP, from: this.id, to: from, term: this.#term, readRound });
  }

  #stepSnap({ from, snapshot }: Snap): void {
    const isRestored = this.#restore(snapshot);
    this.#emitSnapshot(isRestored ? "accepted" : "ignored", snapshot.id);
    this.#sendAppResp(from, isRestored ? this.log.lastIndex : this.log.commit);
  }

  /** Begins anew from `snapshot`; false when it is old, or the log holds what it says. */
  #restore(snapshot: Snapshot): boolean {
    const { id, confState } = snapshot;
    if (id.index <= this.log.commit) return false;
    assert(this.#role === ROLE.FOLLOWER, "only a follower takes a snapshot");
    if (!memberIds(confState).includes(this.id)) {
      this.#emit({ kind: "snapshotRefused", reason: "notMember", confState });
      return false;
    }
    if (this.log.matches(id)) {
      // Truncating the log to it would take back what was acknowledged.
      this.#emitSnapshot("fastForwarded", id);
      this.log.commitTo(id.index);
      return false;
    }
    this.log.restore(snapshot);
    this.#switchTo(restoreMembership(confState, this.#added()));
    this.#emitSnapshot("restored", id);
    return true;
  }

  #emitSnapshot(stage: "restored" | "fastForwarded" | "accepted" | "ignored", snapshot: EntryId): void {
    const last = this.log.lastId();
    this.#emit({ kind: "snapshotHandled", stage, snapshot, commit: this.log.commit, last });
  }

  #sendAppResp(to: NodeId, index: LogIndex): void {
    this.#send({
      kind: MESSAGE_KIND.APP_RESP,
      from: this.id,
      to,
      term: this.#term,
      index,
      rejected: false,
      hint: NO_ENTRY,
    });
  }

  // Storage.

  #stepStorageAppendResp(message: StorageAppendResp): void {
    if (message.last !== undefined) this.log.unstable.stableTo(message.last);
    if (message.snapshot !== undefined) this.#snapshotInstalled(message.snapshot);
  }

  #snapshotInstalled(snapshot: Snapshot): void {
    this.log.unstable.stableSnapshotTo(snapshot.id.index);
    this.#appliedTo(snapshot.id.index, 0);
  }

  #stepStorageApplyResp({ entries }: StorageApplyResp): void {
    const last = entries.at(-1);
    assert(last !== undefined, "an apply is never empty");
    this.#appliedTo(last.index, bytesOf(entries));
    this.#uncommittedBytes = Math.max(0, this.#uncommittedBytes - payloadBytesOf(entries));
  }

  #appliedTo(index: LogIndex, bytes: number): void {
    const applied = index > this.log.applied ? index : this.log.applied;
    this.log.appliedTo(applied, bytes);
    const { confState } = this;
    if (!confState.autoLeave || this.#role !== ROLE.LEADER || applied < this.#pendingConfIndex) return;
    // Dropped while leadership is being handed over: the next leader does it, or the next entry applied here.
    const result = this.propose([{ type: ENTRY_TYPE.CONF_CHANGE_V2, payload: EMPTY_PAYLOAD }]);
    this.#emit({ kind: "autoLeaving", confState, proposed: result.kind === "accepted" });
  }

  // Membership.

  #added(): AddedProgress {
    return { lastIndex: this.log.lastIndex, inflightLimits: this.#config.inflightLimits };
  }

  #switchTo(membership: Membership): ConfState {
    this.#membership = membership;
    const { confState, progress } = membership;
    this.#emit({ kind: "switchedConfig", confState });
    if (this.#role !== ROLE.LEADER) return confState;
    const own = this.#progressOf(this.id);
    if (own === undefined || own.isLearner) {
      if (this.#config.stepDownOnRemoval) this.#becomeFollower(this.#term, NO_NODE);
      return confState;
    }
    if (confState.voters.length === 0) return confState;
    if (this.#maybeCommit()) {
      this.#broadcastAppend();
    } else {
      // Newcomers need not wait for a heartbeat.
      for (const member of progress) if (member.id !== this.id) this.#sendAppend(member, false);
    }
    if (this.#transferTarget !== NO_NODE && !this.#isVoter(this.#transferTarget)) {
      this.#transferTarget = NO_NODE;
    }
    // Whose answer is still missing may be no member any more, and nobody else may ever answer.
    this.#answerConfirmedReads();
    return confState;
  }

  #progressOf(id: NodeId): Progress | undefined {
    return progressOf(this.#membership.progress, id);
  }

  // Output.

  #send(message: Message): void {
    if (isAfterAppendKind(message.kind)) {
      this.#messagesAfterAppend.push(message);
      return;
    }
    assert(message.to !== this.id, `message ${message.kind} to oneself`);
    this.#messages.push(message);
  }

  #emitStale(kind: "staleIgnored" | "staleAppendIgnored", message: Message): void {
    this.#emit({
      kind,
      message: message.kind,
      from: askerOf(message),
      messageTerm: message.term,
      term: this.#term,
    });
  }

  #emit(event: TraceEvent): void {
    this.#trace.event(this.id, event);
  }
}

const EMPTY_PAYLOAD = new Uint8Array(0);

/** Whom the trace names: a transfer is asked for in the name of its target, whoever sends it on. */
function askerOf(message: Message): NodeId {
  return message.kind === MESSAGE_KIND.TRANSFER_LEADER ? message.target : message.from;
}

function refusalOf(result: ConfChangeResult): string {
  return result.kind === "refused" ? result.reason : "";
}

function checkConfig(config: RaftConfig): void {
  assert(config.id > 0, "a node has an id");
  assert(config.heartbeatTicks > 0, "heartbeatTicks must be positive");
  assert(config.electionTimeoutTicks > config.heartbeatTicks, "elections wait longer than heartbeats");
  assert(config.entryBytesMax > 0, "entryBytesMax must be positive");
  assert(config.appendBytesMax > 0, "appendBytesMax must be positive");
  assert(config.uncommittedBytesMax >= config.entryBytesMax, "an entry must fit uncommittedBytesMax");
  assert(config.readOnly === "safe" || config.checkQuorum, "leases need checkQuorum");
}
