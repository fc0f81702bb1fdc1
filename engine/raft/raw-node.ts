import { assert } from "../core/assert.js";
import type { Term } from "../core/ids.js";
import { term } from "../core/ids.js";
import { encodeConfChange } from "./conf-change-codec.js";
import type { Message, StorageAppendResp, StorageApplyResp } from "./message.js";
import { isLocalKind, isResponseKind, MESSAGE_KIND } from "./message.js";
import { progressOf } from "./progress.js";
import type { RandomBelow } from "./raft.js";
import { Raft } from "./raft.js";
import type { Ready } from "./ready.js";
import type { RaftTrace } from "./trace.js";
import type {
  ConfChange,
  ConfState,
  Entry,
  HardState,
  LogView,
  NodeId,
  ProposeResult,
  RaftConfig,
  RaftState,
  RaftStatus,
  ReadContext,
  Snapshot,
  SoftState,
  StepResult,
} from "./types.js";
import { ENTRY_TYPE, isLocalThread, LOCAL_APPEND_THREAD, LOCAL_APPLY_THREAD, NO_NODE } from "./types.js";
import { violationOfForm } from "./violation.js";

/** The consensus core as its host meets it: synchronous, without I/O, time or threads. Same inputs, same
 * outputs. */
export interface RaftCore {
  readonly id: NodeId;
  tick(): void;
  campaign(): void;
  /** The caller has made sure that `message.from` sent it; a proposal or read that a member passed on keeps
   * the name of who asked first. */
  step(message: Message): StepResult;
  propose(payloads: readonly Uint8Array[]): ProposeResult;
  /** Appends a change of membership; when it is not legal now, an empty entry takes its place (the trace
   * tells). It takes effect when it is applied: `applyConfChange`. */
  proposeConfChange(change: ConfChange): ProposeResult;
  /** A committed change of membership was applied, in the order of the log. An illegal one is a bug and
   * throws AssertionError. */
  applyConfChange(change: ConfChange): ConfState;
  /** Asks from where on a read of the present is right; `Ready.readStates` answers, or nobody does. */
  readIndex(context: ReadContext): void;
  /** Hands leadership to `target` when its log is complete; given up after an election timeout. */
  transferLeadership(target: NodeId): void;
  /** Vote for others before the leader's lease has run out. */
  forgetLeader(): void;
  /** The host knows that this node should not lead, before a quorum's silence would tell: it follows, in the
   * same term, after it has told `successor` (NO_NODE: nobody) to campaign at once, whatever that one has of
   * the log: the votes decide. Does nothing when it does not lead. */
  stepDown(successor: NodeId): void;
  /** The last message to `id` was lost. */
  reportUnreachable(id: NodeId): void;
  /** A snapshot was delivered to `id`, or not. */
  reportSnapshot(id: NodeId, isDelivered: boolean): void;
  /** The view can serve entries that were "pending" when they were to be sent (`LogView.entries`): sends
   * them, as far as the members' windows allow. */
  onEntriesFetched(): void;
  hasReady(): boolean;
  /** What is to be done. Handed out once: the caller must do it. */
  ready(): Ready;
  /** Everything of the last Ready is written and applied; only without `asyncStorageWrites`. */
  advance(): void;
  status(): RaftStatus;
  /** Leadership is on its way to another member: proposals would be dropped. */
  readonly isTransferring: boolean;
  checkInvariants(): void;
}

/** Puts Ready together and remembers what was handed out (etcd-io/raft rawnode.go). */
export class RawNode implements RaftCore {
  readonly #raft: Raft;
  readonly #trace: RaftTrace;
  readonly #asyncStorageWrites: boolean;
  #handedOutSoftState: SoftState;
  #handedOutHardState: HardState;
  /** Messages to this node that `advance` delivers. */
  #stepsOnAdvance: Message[] = [];

  constructor(config: RaftConfig, state: RaftState, view: LogView, random: RandomBelow, trace: RaftTrace) {
    this.#raft = new Raft(config, state, view, random, trace);
    this.#trace = trace;
    this.#asyncStorageWrites = config.asyncStorageWrites;
    this.#handedOutSoftState = this.#raft.softState();
    this.#handedOutHardState = state.hardState;
  }

  get id(): NodeId {
    return this.#raft.id;
  }

  tick(): void {
    this.#raft.tick();
  }

  campaign(): void {
    this.#raft.campaign();
  }

  propose(payloads: readonly Uint8Array[]): ProposeResult {
    return this.#raft.propose(payloads.map((payload) => ({ type: ENTRY_TYPE.NORMAL, payload })));
  }

  proposeConfChange(change: ConfChange): ProposeResult {
    return this.#raft.propose([{ type: ENTRY_TYPE.CONF_CHANGE_V2, payload: encodeConfChange(change) }]);
  }

  get isTransferring(): boolean {
    return this.#raft.transferTarget !== NO_NODE;
  }

  applyConfChange(change: ConfChange): ConfState {
    return this.#raft.applyConfChange(change);
  }

  readIndex(context: ReadContext): void {
    this.#raft.readIndex(context);
  }

  transferLeadership(target: NodeId): void {
    this.#raft.step({ ...this.#envelope(), kind: MESSAGE_KIND.TRANSFER_LEADER, target });
  }

  forgetLeader(): void {
    this.#raft.step({ ...this.#envelope(), kind: MESSAGE_KIND.FORGET_LEADER });
  }

  stepDown(successor: NodeId): void {
    this.#raft.stepDown(successor);
  }

  reportUnreachable(id: NodeId): void {
    this.#raft.step({ ...this.#envelope(), kind: MESSAGE_KIND.UNREACHABLE, peer: id });
  }

  reportSnapshot(id: NodeId, isDelivered: boolean): void {
    this.#raft.step({
      ...this.#envelope(),
      kind: MESSAGE_KIND.SNAP_STATUS,
      peer: id,
      failed: !isDelivered,
    });
  }

  onEntriesFetched(): void {
    this.#raft.resumeSending();
  }

  /** For tests: how long this node waits for a leader, until it draws another time. */
  setRandomizedElectionTimeout(ticks: number): void {
    this.#raft.setRandomizedElectionTimeout(ticks);
  }

  step(message: Message): StepResult {
    const refusal = this.#refusalOf(message);
    if (refusal !== undefined) return refusal;
    if (message.from === this.#raft.id || isLocalThread(message.from)) return this.#raft.step(message);
    const reason = violationOfForm(message) ?? this.#raft.violationOfState(message);
    if (reason !== undefined) {
      const { kind, from } = message;
      this.#trace.event(this.#raft.id, { kind: "violation", reason, message: kind, from });
      return "violation";
    }
    return this.#raft.step(message);
  }

  /** For scenarios: `step` that believes its peers as etcd-io/raft does. They let members send what a correct
   * one would not, such as a snapshot by a follower. */
  stepBelieving(message: Message): StepResult {
    return this.#refusalOf(message) ?? this.#raft.step(message);
  }

  hasReady(): boolean {
    const raft = this.#raft;
    const { log } = raft;
    return (
      raft.messages.length > 0 ||
      raft.messagesAfterAppend.length > 0 ||
      raft.readStates.length > 0 ||
      log.unstable.hasNextEntries() ||
      log.unstable.nextSnapshot() !== undefined ||
      log.hasNextCommitted(!this.#asyncStorageWrites) ||
      !raft.isHardState(this.#handedOutHardState) ||
      !raft.isSoftState(this.#handedOutSoftState)
    );
  }

  ready(): Ready {
    assert(this.#stepsOnAdvance.length === 0, "the Ready before was not advanced");
    const raft = this.#raft;
    const { unstable } = raft.log;
    const softState = raft.isSoftState(this.#handedOutSoftState) ? undefined : raft.softState();
    const hardState = raft.isHardState(this.#handedOutHardState) ? undefined : raft.hardState();
    const entries = unstable.nextEntries();
    const snapshot = unstable.nextSnapshot();
    const committedEntries = raft.log.nextCommitted(!this.#asyncStorageWrites);
    const { messages, messagesAfterAppend: afterAppend, readStates } = raft;
    const mustSync =
      entries.length > 0 ||
      (hardState !== undefined &&
        (hardState.term !== this.#handedOutHardState.term ||
          hardState.vote !== this.#handedOutHardState.vote));
    const appendResponse = this.#appendResponse(snapshot);
    const applyResponse = this.#applyResponse(committedEntries);
    if (this.#asyncStorageWrites) {
      const mustAppend = entries.length > 0 || hardState !== undefined || snapshot !== undefined;
      if (mustAppend || afterAppend.length > 0) {
        // Own acknowledgements first: they look up terms, which is quickest while the entries are unstable.
        if (appendResponse !== undefined) afterAppend.push(appendResponse);
        messages.push({
          kind: MESSAGE_KIND.STORAGE_APPEND,
          from: raft.id,
          to: LOCAL_APPEND_THREAD,
          term: raft.term,
          entries,
          hardState,
          snapshot,
          responses: afterAppend,
        });
      }
      if (applyResponse !== undefined) {
        messages.push({
          kind: MESSAGE_KIND.STORAGE_APPLY,
          from: raft.id,
          to: LOCAL_APPLY_THREAD,
          term: term(0),
          entries: committedEntries,
          responses: [applyResponse],
        });
      }
    } else {
      for (const message of afterAppend) {
        (message.to === raft.id ? this.#stepsOnAdvance : messages).push(message);
      }
      if (appendResponse !== undefined) this.#stepsOnAdvance.push(appendResponse);
      if (applyResponse !== undefined) this.#stepsOnAdvance.push(applyResponse);
    }
    if (softState !== undefined) this.#handedOutSoftState = softState;
    if (hardState !== undefined) this.#handedOutHardState = hardState;
    raft.clearOutput();
    unstable.acceptInProgress();
    if (committedEntries.length > 0) raft.log.acceptApplying(committedEntries, !this.#asyncStorageWrites);
    return { softState, hardState, snapshot, entries, committedEntries, messages, readStates, mustSync };
  }

  advance(): void {
    assert(!this.#asyncStorageWrites, "responses take the place of advance");
    const steps = this.#stepsOnAdvance;
    this.#stepsOnAdvance = [];
    for (const message of steps) this.#raft.step(message);
  }

  status(): RaftStatus {
    const { log } = this.#raft;
    return {
      id: this.#raft.id,
      hardState: this.#raft.hardState(),
      softState: this.#raft.softState(),
      applied: log.applied,
      applying: log.applying,
      lastIndex: log.lastIndex,
      unstableOffset: log.unstable.offset,
      uncommittedBytes: this.#raft.uncommittedBytes,
      confState: this.#raft.confState,
      progress: this.#raft.isLeader ? this.#raft.progress.map((member) => member.status()) : [],
      transferTarget: this.#raft.transferTarget,
    };
  }

  checkInvariants(): void {
    this.#raft.checkInvariants();
  }

  /** Local kinds never travel, and only members answer: also this node, which may have been removed. */
  #refusalOf({ kind, from }: Message): "localMessage" | "unknownPeer" | undefined {
    if (isLocalThread(from)) return undefined;
    if (isLocalKind(kind)) return "localMessage";
    const isMember = progressOf(this.#raft.progress, from) !== undefined;
    return isResponseKind(kind) && !isMember ? "unknownPeer" : undefined;
  }

  #envelope(): { from: NodeId; to: NodeId; term: Term } {
    return { from: this.#raft.id, to: this.#raft.id, term: term(0) };
  }

  /** Tells, once everything handed out so far is durable, up to where the tail may be dropped.
   *
   * It speaks for the whole tail at the present term, not only for this Ready's entries. Suppose a
   * follower writes entries of one leader, then others at the same indexes of a second leader, then the
   * first ones again from the first leader in a new term. When the first write is acknowledged, id and
   * content at the index are right, yet the second write is still under way and will put other entries
   * there until the third one lands: dropping the tail now would show them to readers. Every change of
   * leader is a change of term, so an acknowledgement from before a change is ignored, and the one of the
   * first write after it (there is one, the term itself) speaks for the tail anew (etcd-io/raft
   * rawnode.go). */
  #appendResponse(snapshot: Snapshot | undefined): StorageAppendResp | undefined {
    const { log } = this.#raft;
    const hasEntries = log.unstable.entryCount > 0;
    if (!hasEntries && snapshot === undefined) return undefined;
    return {
      kind: MESSAGE_KIND.STORAGE_APPEND_RESP,
      from: LOCAL_APPEND_THREAD,
      to: this.#raft.id,
      term: this.#raft.term,
      last: hasEntries ? log.lastId() : undefined,
      snapshot,
    };
  }

  #applyResponse(entries: readonly Entry[]): StorageApplyResp | undefined {
    if (entries.length === 0) return undefined;
    return {
      kind: MESSAGE_KIND.STORAGE_APPLY_RESP,
      from: LOCAL_APPLY_THREAD,
      to: this.#raft.id,
      term: term(0),
      entries,
    };
  }
}
