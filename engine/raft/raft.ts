import { assert } from "../core/assert.js";
import type { LogIndex, Term } from "../core/ids.js";
import { logIndex, term } from "../core/ids.js";
import { bytesOf, NO_ENTRY, payloadBytesOf, RaftLog } from "./log.js";
import type { AppResp, Message, Prop, StorageAppendResp, StorageApplyResp, VoteResp } from "./message.js";
import { MESSAGE_KIND } from "./message.js";
import { committedIndex, voteResult } from "./quorum.js";
import type { RaftTrace, TraceEvent } from "./trace.js";
import type {
  ConfState,
  DropReason,
  Entry,
  HardState,
  LogView,
  NodeId,
  ProposeResult,
  RaftConfig,
  RaftState,
  Role,
  SoftState,
  StepResult,
} from "./types.js";
import { ENTRY_TYPE, NO_NODE, ROLE } from "./types.js";

/** What the core draws random numbers with: a whole number in [0, bound). */
export type RandomBelow = (boundExclusive: number) => number;

type CampaignKind = "preElection" | "election";

/** Roles and their transitions for a group whose only voter is this node (etcd-io/raft raft.go).
 *
 * A lone voter needs nobody, but the order of things is that of any group: it votes for itself and
 * acknowledges its own entries by messages that are only delivered once they are durable
 * (`messagesAfterAppend`), and leads or commits when they come back (raft design §6; etcd#14370 is the
 * bug of acknowledging earlier). */
export class Raft {
  readonly id: NodeId;
  readonly log: RaftLog;
  readonly confState: ConfState;
  readonly #config: RaftConfig;
  readonly #random: RandomBelow;
  readonly #trace: RaftTrace;
  #term: Term;
  #vote: NodeId;
  #role: Role = ROLE.FOLLOWER;
  #leader: NodeId = NO_NODE;
  /** Of this node in the running election; undefined = not counted yet. */
  #ownVote: boolean | undefined;
  /** Leader only: up to here the own log is durable. */
  #match: LogIndex = logIndex(0);
  #uncommittedBytes = 0;
  #electionElapsedTicks = 0;
  #randomizedElectionTimeoutTicks = 0;
  #messagesAfterAppend: Message[] = [];

  constructor(config: RaftConfig, state: RaftState, view: LogView, random: RandomBelow, trace: RaftTrace) {
    checkConfig(config);
    assert(isLoneVoter(state.confState, config.id), "this node must be the only member of its group");
    this.id = config.id;
    this.confState = state.confState;
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
    assert(last.term <= state.hardState.term, "the log holds an entry of a term that was never entered");
    const isBelowFloor = state.hardState.term < config.termFloor;
    this.#term = isBelowFloor ? config.termFloor : state.hardState.term;
    this.#vote = isBelowFloor ? NO_NODE : state.hardState.vote;
    this.#emit({ kind: "switchedConfig", confState: this.confState });
    this.#becomeFollower(this.#term);
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

  hardState(): HardState {
    return { term: this.#term, vote: this.#vote, commit: this.log.commit };
  }

  softState(): SoftState {
    return { leader: this.#leader, role: this.#role };
  }

  /** Messages that may be delivered when everything handed out for writing so far is durable. */
  get messagesAfterAppend(): readonly Message[] {
    return this.#messagesAfterAppend;
  }

  /** They were handed out. */
  clearMessages(): void {
    if (this.#messagesAfterAppend.length > 0) this.#messagesAfterAppend = [];
  }

  /** One tick of time. A lone leader has nobody to send heartbeats to and no quorum to miss. */
  tick(): void {
    if (this.#role === ROLE.LEADER) return;
    this.#electionElapsedTicks++;
    if (this.#electionElapsedTicks < this.#randomizedElectionTimeoutTicks) return;
    this.#electionElapsedTicks = 0;
    this.campaign();
  }

  /** Until the next change of term or role, which draws it anew; for scenarios (raft.md §16). */
  setRandomizedElectionTimeout(ticks: number): void {
    this.#randomizedElectionTimeoutTicks = ticks;
  }

  /** Starts an election now. */
  campaign(): void {
    if (this.#role === ROLE.LEADER) {
      this.#emit({ kind: "campaignRefused", reason: "alreadyLeader", term: this.#term });
      return;
    }
    if (this.log.hasUnappliedConfChange()) {
      this.#emit({ kind: "campaignRefused", reason: "unappliedConfChange", term: this.#term });
      return;
    }
    this.#emit({ kind: "startingElection", term: this.#term });
    this.#campaign(this.#config.preVote ? "preElection" : "election");
  }

  /** Appends `payloads` as entries of this term, all or none. */
  propose(payloads: readonly Uint8Array[]): ProposeResult {
    assert(payloads.length > 0, "nothing is proposed");
    const reason = this.#dropReason(payloads);
    if (reason !== undefined) {
      this.#emit({ kind: "proposalDropped", reason, term: this.#term, transferTarget: NO_NODE });
      return { kind: "dropped", reason };
    }
    const first = logIndex(this.log.lastIndex + 1);
    this.#appendOwn(payloads.map((payload, i) => this.#entry(logIndex(first + i), payload)));
    return { kind: "accepted", first, last: this.log.lastIndex, term: this.#term };
  }

  /** Takes a message that this node sent to itself. With one voter there is nobody else: what comes from
   * the network is from a stranger, whose words count for nothing. */
  step(message: Message): StepResult {
    if (message.term !== 0 && message.term < this.#term) {
      this.#emit({
        kind: "staleIgnored",
        message: message.kind,
        from: message.from,
        messageTerm: message.term,
        term: this.#term,
      });
      return "done";
    }
    switch (message.kind) {
      case MESSAGE_KIND.HUP:
        this.campaign();
        return "done";
      case MESSAGE_KIND.PROP:
        return this.#stepProp(message);
      case MESSAGE_KIND.APP_RESP:
        this.#stepAppResp(message);
        return "done";
      case MESSAGE_KIND.VOTE_RESP:
      case MESSAGE_KIND.PRE_VOTE_RESP:
        this.#stepVoteResp(message);
        return "done";
      case MESSAGE_KIND.STORAGE_APPEND_RESP:
        this.#stepStorageAppendResp(message);
        return "done";
      case MESSAGE_KIND.STORAGE_APPLY_RESP:
        this.#stepStorageApplyResp(message);
        return "done";
      default:
        // The rest is about peers: a lone voter never sends it to itself.
        return "unknownPeer";
    }
  }

  /** Throws AssertionError. Called after every step in tests and in simulation. */
  checkInvariants(): void {
    this.log.checkInvariants();
    const isLeader = this.#role === ROLE.LEADER;
    assert(!isLeader || this.#leader === this.id, "a leader knows itself as the leader");
    assert(isLeader || this.#uncommittedBytes === 0, "only a leader counts uncommitted bytes");
    assert(isLeader || this.#match === 0, "only a leader tracks what is durable");
    assert(this.#match <= this.log.lastIndex, "match ≤ last");
    assert(this.log.lastId().term <= this.#term, "no entry of a later term");
  }

  #stepProp(message: Prop): StepResult {
    assert(
      message.proposals.every((proposal) => proposal.type === ENTRY_TYPE.NORMAL),
      "a lone voter proposes no change of membership",
    );
    const result = this.propose(message.proposals.map((proposal) => proposal.payload));
    return result.kind === "accepted" ? "done" : "dropped";
  }

  /** Own entries up to `index` are durable. */
  #stepAppResp(message: AppResp): void {
    if (this.#role !== ROLE.LEADER) return;
    if (message.index > this.#match) this.#match = message.index;
    this.log.maybeCommit({ term: this.#term, index: logIndex(committedIndex([this.#match])) });
  }

  #stepVoteResp(message: VoteResp): void {
    const awaited =
      this.#role === ROLE.PRE_CANDIDATE
        ? MESSAGE_KIND.PRE_VOTE_RESP
        : this.#role === ROLE.CANDIDATE
          ? MESSAGE_KIND.VOTE_RESP
          : undefined;
    // Answers to the pre-vote may still arrive when the real one is under way.
    if (message.kind !== awaited) return;
    this.#emit({
      kind: "voteReceived",
      from: message.from,
      message: message.kind,
      rejected: message.rejected,
      term: this.#term,
    });
    this.#ownVote = !message.rejected;
    this.#emit({
      kind: "votesCounted",
      message: message.kind,
      granted: this.#ownVote ? 1 : 0,
      rejected: this.#ownVote ? 0 : 1,
    });
    if (voteResult([this.#ownVote]) !== "won") this.#becomeFollower(this.#term);
    else if (this.#role === ROLE.PRE_CANDIDATE) this.#campaign("election");
    else this.#becomeLeader();
  }

  #stepStorageAppendResp(message: StorageAppendResp): void {
    if (message.last !== undefined) this.log.unstable.stableTo(message.last);
  }

  #stepStorageApplyResp(message: StorageApplyResp): void {
    const last = message.entries.at(-1);
    assert(last !== undefined, "an apply is never empty");
    this.log.appliedTo(last.index, bytesOf(message.entries));
    this.#uncommittedBytes = Math.max(0, this.#uncommittedBytes - payloadBytesOf(message.entries));
  }

  #campaign(kind: CampaignKind): void {
    const isPreElection = kind === "preElection";
    if (isPreElection) this.#becomePreCandidate();
    else this.#becomeCandidate();
    // The own vote counts when it is durable.
    this.#messagesAfterAppend.push({
      kind: isPreElection ? MESSAGE_KIND.PRE_VOTE_RESP : MESSAGE_KIND.VOTE_RESP,
      from: this.id,
      to: this.id,
      term: isPreElection ? term(this.#term + 1) : this.#term,
      rejected: false,
    });
  }

  #becomeFollower(newTerm: Term): void {
    this.#reset(newTerm);
    this.#role = ROLE.FOLLOWER;
    this.#emit({ kind: "becameFollower", term: this.#term });
  }

  /** Neither term nor vote change: a pre-vote only asks. */
  #becomePreCandidate(): void {
    assert(this.#role !== ROLE.LEADER, "a leader does not campaign");
    this.#ownVote = undefined;
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
    // The vote came back after everything handed out before it was durable, so the whole log is.
    this.#match = this.log.lastIndex;
    // Entries of earlier terms are only committed by an entry of this one (thesis §3.6.2).
    this.#appendOwn([this.#entry(logIndex(this.log.lastIndex + 1), EMPTY_PAYLOAD)]);
    this.#emit({ kind: "becameLeader", term: this.#term });
  }

  #reset(newTerm: Term): void {
    if (this.#term !== newTerm) {
      this.#term = newTerm;
      this.#vote = NO_NODE;
    }
    this.#leader = NO_NODE;
    this.#ownVote = undefined;
    this.#match = logIndex(0);
    this.#uncommittedBytes = 0;
    this.#electionElapsedTicks = 0;
    const timeoutTicks = this.#config.electionTimeoutTicks;
    this.#randomizedElectionTimeoutTicks = timeoutTicks + this.#random(timeoutTicks);
  }

  /** Empty payloads are never refused for their bytes: a leader's first entry must always fit. */
  #dropReason(payloads: readonly Uint8Array[]): DropReason | undefined {
    if (this.#role !== ROLE.LEADER) return "noLeader";
    let bytes = 0;
    for (const payload of payloads) {
      if (payload.length > this.#config.entryBytesMax) return "tooLarge";
      bytes += payload.length;
    }
    if (bytes === 0 || this.#uncommittedBytes === 0) return undefined;
    return this.#uncommittedBytes + bytes > this.#config.uncommittedBytesMax ? "backlog" : undefined;
  }

  #entry(index: LogIndex, payload: Uint8Array): Entry {
    return { term: this.#term, index, type: ENTRY_TYPE.NORMAL, payload };
  }

  #appendOwn(entries: readonly Entry[]): void {
    this.#uncommittedBytes += payloadBytesOf(entries);
    this.log.append(entries);
    this.#messagesAfterAppend.push({
      kind: MESSAGE_KIND.APP_RESP,
      from: this.id,
      to: this.id,
      term: this.#term,
      index: this.log.lastIndex,
      rejected: false,
      hint: NO_ENTRY,
    });
  }

  #emit(event: TraceEvent): void {
    this.#trace.event(this.id, event);
  }
}

const EMPTY_PAYLOAD = new Uint8Array(0);

function isLoneVoter(confState: ConfState, id: NodeId): boolean {
  const { voters, votersOutgoing, learners, learnersNext } = confState;
  if (votersOutgoing.length + learners.length + learnersNext.length > 0) return false;
  return voters.length === 1 && voters[0] === id;
}

function checkConfig(config: RaftConfig): void {
  assert(config.id > 0, "a node has an id");
  assert(config.heartbeatTicks > 0, "heartbeatTicks must be positive");
  assert(config.electionTimeoutTicks > config.heartbeatTicks, "elections wait longer than heartbeats");
  assert(config.entryBytesMax > 0, "entryBytesMax must be positive");
  assert(config.uncommittedBytesMax >= config.entryBytesMax, "an entry must fit uncommittedBytesMax");
}
