import assert from "node:assert/strict";
import { logIndex, term } from "../../../engine/core/ids.js";
import { decodeConfChange } from "../../../engine/raft/conf-change-codec.js";
import type { Message, StorageAppend, StorageApply } from "../../../engine/raft/message.js";
import { MESSAGE_KIND } from "../../../engine/raft/message.js";
import { PROGRESS_STATE } from "../../../engine/raft/progress.js";
import { RawNode } from "../../../engine/raft/raw-node.js";
import type { Ready } from "../../../engine/raft/ready.js";
import type { TraceEvent } from "../../../engine/raft/trace.js";
import type {
  ConfChange,
  ConfState,
  Entry,
  HardState,
  LogView,
  ProgressStatus,
  RaftConfig,
  ReadContext,
  ReadState,
  Role,
  Snapshot,
  StepResult,
} from "../../../engine/raft/types.js";
import { ENTRY_TYPE, NO_NODE, nodeId, ROLE } from "../../../engine/raft/types.js";
import { brief, briefId } from "./brief.js";
import { entryId, makeConfState, preVoteResp, voteResp } from "./make-message.js";
import { MemoryLog, makeEntries } from "./memory-log.js";

export interface MemberOptions {
  readonly voters?: readonly number[];
  readonly learners?: readonly number[];
  /** In place of voters and learners. */
  readonly confState?: ConfState;
  /** Terms of the entries on disk, from index 1 on, or the disk itself. */
  readonly log?: readonly number[] | MemoryLog;
  /** Default: the last entry's term. */
  readonly term?: number;
  readonly vote?: number;
  readonly commit?: number;
  readonly applied?: number;
  readonly config?: Partial<RaftConfig>;
}

/** As in the Raft paper: elections without pre-vote, and leaders that never doubt themselves. */
export const PLAIN = { preVote: false, checkQuorum: false } as const;

/** As in production, which `testConfig` is without further words. */
export function testConfig(id: number, changes: Partial<RaftConfig> = {}): RaftConfig {
  return {
    id: nodeId(id),
    electionTimeoutTicks: 10,
    heartbeatTicks: 1,
    asyncStorageWrites: true,
    preVote: true,
    checkQuorum: true,
    readOnly: "safe",
    appendBytesMax: 1 << 20,
    inflightLimits: { countMax: 256, bytesMax: 1 << 26 },
    stepDownOnRemoval: true,
    disableConfChangeValidation: false,
    entryBytesMax: 1 << 16,
    uncommittedBytesMax: 1 << 20,
    committedBytesPerReadyMax: 1 << 20,
    termFloor: term(0),
    ...changes,
  };
}

/** A core with its disk, its writer and its state, whose work the test completes step by step, or all of
 * it with `settle`. Invariants are checked after each step.
 *
 * With asynchronous writes `takeReady` queues `appends` and `applies`; without, it does all the work of
 * each Ready. What goes to others lands in `outbox`. */
export class Member {
  readonly id: number;
  readonly node: RawNode;
  readonly events: TraceEvent[] = [];
  readonly outbox: Message[] = [];
  /** Handed out and not done yet, in order. */
  readonly appends: StorageAppend[] = [];
  readonly applies: StorageApply[] = [];
  /** Durable. */
  readonly disk: MemoryLog;
  hardState: HardState;
  /** Of what is applied. */
  confState: ConfState;
  readonly applied: Entry[] = [];
  readonly readStates: ReadState[] = [];
  /** Added to electionTimeoutTicks whenever the core draws its next timeout. */
  jitterTicks = 0;
  /** Entries up to here must be fetched before they can be read. */
  pendingThrough = 0;
  readonly #config: RaftConfig;

  constructor(id: number, options: MemberOptions = {}) {
    this.id = id;
    const log = options.log ?? [];
    this.disk = log instanceof MemoryLog ? log : new MemoryLog(undefined, makeEntries(1, log));
    this.hardState = {
      term: term(options.term ?? this.disk.term(this.disk.lastIndex)),
      vote: nodeId(options.vote ?? NO_NODE),
      commit: logIndex(options.commit ?? this.disk.truncated.index),
    };
    this.confState =
      options.confState ??
      makeConfState({ voters: options.voters ?? [1, 2, 3], learners: options.learners ?? [] });
    this.#config = testConfig(id, options.config);
    this.node = new RawNode(
      this.#config,
      {
        hardState: this.hardState,
        confState: this.confState,
        applied: logIndex(options.applied ?? this.disk.truncated.index),
      },
      this.#view(),
      (bound) => {
        assert.ok(this.jitterTicks < bound, "the jitter is below the timeout");
        return this.jitterTicks;
      },
      { event: (_, event) => this.events.push(event) },
    );
    this.node.checkInvariants();
  }

  get role(): Role {
    return this.node.status().softState.role;
  }

  get isLeader(): boolean {
    return this.role === ROLE.LEADER;
  }

  get leader(): number {
    return this.node.status().softState.leader;
  }

  get term(): number {
    return this.node.status().hardState.term;
  }

  get vote(): number {
    return this.node.status().hardState.vote;
  }

  get commit(): number {
    return this.node.status().hardState.commit;
  }

  get lastIndex(): number {
    return this.node.status().lastIndex;
  }

  /** Everything that was ever applied, `term/index`. */
  get appliedIds(): string[] {
    return this.applied.map(briefId);
  }

  /** Its durable log, `term/index` from the first entry on. */
  get log(): string[] {
    return this.entriesFrom(this.disk.truncated.index + 1).map(briefId);
  }

  get kinds(): string[] {
    return this.events.map((event) => event.kind);
  }

  /** Durable entries from `index` on. */
  entriesFrom(index: number): readonly Entry[] {
    const { lastIndex } = this.disk;
    if (index > lastIndex) return [];
    return this.disk.entries(logIndex(index), logIndex(lastIndex + 1), Number.POSITIVE_INFINITY);
  }

  progress(of: number): ProgressStatus {
    const found = this.node.status().progress.find((progress) => progress.id === of);
    assert.ok(found !== undefined, `no progress of ${of}`);
    return found;
  }

  /** `probe match/next`, and what else there is to say. */
  progressOf(other: number): string {
    const { state, match, next, isPaused, pendingSnapshot, inflightCount } = this.progress(other);
    const names = Object.entries(PROGRESS_STATE);
    const name = names.find(([, value]) => value === state)?.[0].toLowerCase();
    const more = [
      isPaused ? " paused" : "",
      pendingSnapshot > 0 ? ` pending ${pendingSnapshot}` : "",
      inflightCount > 0 ? ` inflight ${inflightCount}` : "",
    ];
    return `${name} ${match}/${next}${more.join("")}`;
  }

  step(message: Message): StepResult {
    const result = this.node.step(message);
    this.node.checkInvariants();
    return result;
  }

  tick(count = 1): void {
    for (let i = 0; i < count; i++) {
      this.node.tick();
      this.node.checkInvariants();
    }
  }

  propose(...payloads: readonly (number | string)[]): void {
    const bytes = payloads.map((payload) =>
      typeof payload === "string" ? new TextEncoder().encode(payload) : new Uint8Array(payload),
    );
    const result = this.node.propose(bytes);
    this.node.checkInvariants();
    assert.equal(result.kind, "accepted");
  }

  proposeConfChange(change: ConfChange): void {
    const result = this.node.proposeConfChange(change);
    this.node.checkInvariants();
    assert.equal(result.kind, "accepted");
  }

  readIndex(context: number): void {
    this.node.readIndex(context as ReadContext);
    this.node.checkInvariants();
  }

  /** Takes what is ready, without or with the storage work. */
  takeReady(): void {
    while (this.node.hasReady()) this.takeOneReady();
  }

  takeOneReady(): Ready {
    const ready = this.node.ready();
    this.readStates.push(...ready.readStates);
    if (this.#config.asyncStorageWrites) this.#queue(ready.messages);
    else this.#workSynchronously(ready);
    this.node.checkInvariants();
    return ready;
  }

  /** Makes the oldest append durable; nobody is told. */
  write(): StorageAppend | undefined {
    const append = this.appends.shift();
    if (append === undefined) return undefined;
    this.#persist(append);
    return append;
  }

  /** Responses of writers: to the core, or to others. */
  deliver(responses: readonly Message[]): void {
    for (const response of responses) {
      if (response.to === this.id) this.step(response);
      else this.outbox.push(response);
    }
  }

  writeAndAnswer(): boolean {
    const append = this.write();
    if (append !== undefined) this.deliver(append.responses);
    return append !== undefined;
  }

  /** Applies and answers the oldest apply. */
  apply(): boolean {
    const apply = this.applies.shift();
    if (apply === undefined) return false;
    this.#apply(apply.entries);
    this.deliver(apply.responses);
    return true;
  }

  /** Does all work until none is left. */
  settle(): this {
    do this.takeReady();
    while (this.writeAndAnswer() || this.apply());
    return this;
  }

  /** All work, then what was sent since the last time, one line each. */
  sent(): string[] {
    this.settle();
    return this.outbox.splice(0).map(brief);
  }

  /** Makes it the leader of the next term: it campaigns, and all other voters grant. What it sends is
   * dropped. */
  lead(): this {
    this.node.campaign();
    for (let round = 0; round < 2 && !this.isLeader; round++) {
      this.settle();
      for (const { kind, from, to, term: asked } of this.outbox.splice(0)) {
        if (kind === MESSAGE_KIND.VOTE_REQ) this.step(voteResp([to, from, asked]));
        else if (kind === MESSAGE_KIND.PRE_VOTE_REQ) this.step(preVoteResp([to, from, asked]));
      }
    }
    assert.ok(this.isLeader, `${this.id} leads`);
    this.settle();
    this.outbox.length = 0;
    return this;
  }

  /** State at what is applied, served from now on to members that need it; drops the log up to
   * `through`. */
  snapshot(through: number = this.node.status().applied): Snapshot {
    const { applied } = this.node.status();
    const id = entryId([this.disk.term(applied), applied]);
    const snapshot = { id, confState: this.confState, payload: new Uint8Array(0) };
    this.disk.served = snapshot;
    this.disk.truncate(logIndex(through));
    return snapshot;
  }

  #view(): LogView {
    const { disk } = this;
    return {
      get truncated() {
        return disk.truncated;
      },
      get lastIndex() {
        return disk.lastIndex;
      },
      term: (index) => disk.term(index),
      entries: (low, high, bytesMax) =>
        low <= this.pendingThrough ? "pending" : disk.entries(low, high, bytesMax),
      snapshot: () => disk.snapshot(),
    };
  }

  #queue(messages: readonly Message[]): void {
    for (const message of messages) {
      if (message.kind === MESSAGE_KIND.STORAGE_APPEND) this.appends.push(message);
      else if (message.kind === MESSAGE_KIND.STORAGE_APPLY) this.applies.push(message);
      else this.outbox.push(message);
    }
  }

  #workSynchronously(ready: Ready): void {
    this.#persist(ready);
    this.outbox.push(...ready.messages);
    this.#apply(ready.committedEntries);
    this.node.advance();
  }

  #persist(work: Pick<Ready, "entries" | "hardState" | "snapshot">): void {
    if (work.snapshot !== undefined) {
      this.disk.restore(work.snapshot);
      this.confState = work.snapshot.confState;
    }
    this.disk.write(work.entries);
    if (work.hardState !== undefined) this.hardState = work.hardState;
  }

  #apply(entries: readonly Entry[]): void {
    for (const entry of entries) {
      assert.ok(entry.index <= this.disk.lastIndex, "applied before it was durable");
      this.applied.push(entry);
      if (entry.type === ENTRY_TYPE.NORMAL) continue;
      const change = decodeConfChange(entry.payload);
      assert.ok(change !== undefined, "the core only appends changes that decode");
      this.confState = this.node.applyConfChange(change);
    }
  }
}

/** A follower of `leader` in `termNumber`, which it heard of by a heartbeat. */
export function follow(member: Member, leader: number, termNumber: number): Member {
  member.step({
    kind: MESSAGE_KIND.HEARTBEAT,
    from: nodeId(leader),
    to: nodeId(member.id),
    term: term(termNumber),
    commit: logIndex(0),
    readRound: 0,
  });
  member.settle();
  member.outbox.length = 0;
  return member;
}
