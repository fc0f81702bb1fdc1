import { assert } from "../core/assert.js";
import type { LogIndex } from "../core/ids.js";
import { term } from "../core/ids.js";
import type { Message, StorageAppendResp, StorageApplyResp } from "./message.js";
import { isLocalKind, MESSAGE_KIND } from "./message.js";
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
  SoftState,
  StepResult,
} from "./types.js";
import { isLocalThread, LOCAL_APPEND_THREAD, LOCAL_APPLY_THREAD, nodeId } from "./types.js";

/** The consensus core as its host meets it: synchronous, without I/O, time or threads. Same inputs, same
 * outputs. */
export interface RaftCore {
  tick(): void;
  campaign(): void;
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
  /** The last message to `id` was lost. */
  reportUnreachable(id: NodeId): void;
  /** A snapshot was delivered to `id`, or not. */
  reportSnapshot(id: NodeId, isDelivered: boolean): void;
  /** The view can serve entries from `low` on that were "pending". */
  onEntriesFetched(low: LogIndex, entries: readonly Entry[]): void;
  hasReady(): boolean;
  /** What is to be done. Handed out once: the caller must do it. */
  ready(): Ready;
  /** Everything of the last Ready is written and applied; only without `asyncStorageWrites`. */
  advance(): void;
  status(): RaftStatus;
  checkInvariants(): void;
}

/** Puts Ready together and remembers what was handed out (etcd-io/raft rawnode.go). */
export class RawNode implements RaftCore {
  readonly #raft: Raft;
  readonly #asyncStorageWrites: boolean;
  #handedOutSoftState: SoftState;
  #handedOutHardState: HardState;
  /** Messages to this node that `advance` delivers. */
  #stepsOnAdvance: Message[] = [];

  constructor(config: RaftConfig, state: RaftState, view: LogView, random: RandomBelow, trace: RaftTrace) {
    this.#raft = new Raft(config, state, view, random, trace);
    this.#asyncStorageWrites = config.asyncStorageWrites;
    this.#handedOutSoftState = this.#raft.softState();
    this.#handedOutHardState = state.hardState;
  }

  tick(): void {
    this.#raft.tick();
  }

  setRandomizedElectionTimeout(ticks: number): void {
    this.#raft.setRandomizedElectionTimeout(ticks);
  }

  campaign(): void {
    this.#raft.campaign();
  }

  propose(payloads: readonly Uint8Array[]): ProposeResult {
    return this.#raft.propose(payloads);
  }

  proposeConfChange(_change: ConfChange): ProposeResult {
    assert(false, "TODO core");
  }
  applyConfChange(_change: ConfChange): ConfState {
    assert(false, "TODO core");
  }
  readIndex(_context: ReadContext): void {}
  transferLeadership(_target: NodeId): void {}
  forgetLeader(): void {}
  reportUnreachable(_id: NodeId): void {}
  reportSnapshot(_id: NodeId, _isDelivered: boolean): void {}
  onEntriesFetched(_low: LogIndex, _entries: readonly Entry[]): void {}

  step(message: Message): StepResult {
    const isFromHere = message.from === this.#raft.id || isLocalThread(message.from);
    if (isLocalKind(message.kind) && !isFromHere) return "localMessage";
    if (!isFromHere) return "unknownPeer";
    return this.#raft.step(message);
  }

  hasReady(): boolean {
    const { log } = this.#raft;
    return (
      this.#raft.messagesAfterAppend.length > 0 ||
      log.unstable.hasNextEntries() ||
      log.hasNextCommitted(!this.#asyncStorageWrites) ||
      this.#changedHardState() !== undefined ||
      this.#changedSoftState() !== undefined
    );
  }

  ready(): Ready {
    assert(this.#stepsOnAdvance.length === 0, "the Ready before was not advanced");
    const raft = this.#raft;
    const softState = this.#changedSoftState();
    const hardState = this.#changedHardState();
    const entries = raft.log.unstable.nextEntries();
    const committedEntries = raft.log.nextCommitted(!this.#asyncStorageWrites);
    const afterAppend = raft.messagesAfterAppend;
    const mustSync =
      entries.length > 0 ||
      (hardState !== undefined &&
        (hardState.term !== this.#handedOutHardState.term ||
          hardState.vote !== this.#handedOutHardState.vote));
    const messages: Message[] = [];
    const appendResponse = this.#appendResponse();
    const applyResponse = this.#applyResponse(committedEntries);
    if (this.#asyncStorageWrites) {
      if (entries.length > 0 || hardState !== undefined || afterAppend.length > 0) {
        messages.push({
          kind: MESSAGE_KIND.STORAGE_APPEND,
          from: raft.id,
          to: LOCAL_APPEND_THREAD,
          term: raft.term,
          entries,
          hardState,
          snapshot: undefined,
          // Own acknowledgements first: they look up terms, which is quickest while the entries are unstable.
          responses: appendResponse === undefined ? afterAppend : afterAppend.concat(appendResponse),
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
    raft.clearMessages();
    raft.log.unstable.acceptInProgress();
    if (committedEntries.length > 0) {
      raft.log.acceptApplying(committedEntries, !this.#asyncStorageWrites);
    }
    return {
      softState,
      hardState,
      snapshot: undefined,
      entries,
      committedEntries,
      messages,
      readStates: [],
      mustSync,
    };
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
      progress: [],
      transferTarget: nodeId(0),
    };
  }

  checkInvariants(): void {
    this.#raft.checkInvariants();
  }

  #changedSoftState(): SoftState | undefined {
    const current = this.#raft.softState();
    const before = this.#handedOutSoftState;
    return current.leader === before.leader && current.role === before.role ? undefined : current;
  }

  #changedHardState(): HardState | undefined {
    const current = this.#raft.hardState();
    const before = this.#handedOutHardState;
    if (current.term !== before.term || current.vote !== before.vote) return current;
    return current.commit === before.commit ? undefined : current;
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
  #appendResponse(): StorageAppendResp | undefined {
    const { log } = this.#raft;
    if (log.unstable.entryCount === 0) return undefined;
    return {
      kind: MESSAGE_KIND.STORAGE_APPEND_RESP,
      from: LOCAL_APPEND_THREAD,
      to: this.#raft.id,
      term: this.#raft.term,
      last: log.lastId(),
      snapshot: undefined,
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
