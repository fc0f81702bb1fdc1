import { MessageGate } from "../../../engine/consensus/message-gate.js";
import { assert } from "../../../engine/core/assert.js";
import type { LogIndex } from "../../../engine/core/ids.js";
import { logIndex } from "../../../engine/core/ids.js";
import type { Random } from "../../../engine/core/random.js";
import { decodeConfChange } from "../../../engine/raft/conf-change-codec.js";
import type { Message, StorageAppend, StorageApply } from "../../../engine/raft/message.js";
import { MESSAGE_KIND } from "../../../engine/raft/message.js";
import { RawNode } from "../../../engine/raft/raw-node.js";
import type { Ready } from "../../../engine/raft/ready.js";
import type { Entry, HardState, NodeId, Snapshot, SoftState } from "../../../engine/raft/types.js";
import { ENTRY_TYPE, isLocalThread, ROLE } from "../../../engine/raft/types.js";
import type { ChainedLog } from "./chained-log.js";
import type { Checker } from "./checker.js";
import { EVENT, type EventKind, type EventQueue, SimEvent, TICK_UNITS } from "./event-queue.js";
import type { LogDisk, LogWrite } from "./log-disk.js";
import { LogThread } from "./log-thread.js";
import type { CoreNetwork } from "./network.js";
import { type CoreSimOptions, raftConfigOf } from "./options.js";
import { recover } from "./recovery.js";
import { ReplicaLog } from "./replica-log.js";
import { StateKeeper } from "./state-keeper.js";
import { imageOf, pointOf, StateMachine } from "./state-machine.js";
import { type CoreTrace, messageText } from "./trace.js";

export interface ReplicaParts {
  readonly id: NodeId;
  readonly options: CoreSimOptions;
  /** Storage is written by others; else by the replica itself between `ready` and `advance`. */
  readonly isAsync: boolean;
  readonly disk: LogDisk;
  readonly queue: EventQueue;
  readonly network: CoreNetwork;
  readonly checker: Checker;
  readonly trace: CoreTrace;
  /** For everything that takes time on its disk. */
  readonly random: Random;
  /** What its core draws. */
  readonly coreRandom: Random;
  /** A write begins, or has just become durable. */
  onSync(replica: Replica, stage: "begin" | "end"): void;
}

/** `refused`: recovery found its disk harmed. `retired`: no member any more, and shut down. */
export type ReplicaState = "down" | "up" | "refused" | "retired";

/** One member: the core and a host around it, which keeps the rules of raft.md §6 and §12 on a fake disk and
 * a fake network. Its disk outlives its crashes. */
export class Replica {
  readonly parts: ReplicaParts;
  readonly id: NodeId;
  readonly disk: LogDisk;
  state: ReplicaState = "down";
  /** Counts its starts. */
  life = 0;
  /** As handed out last. */
  hardState: HardState;
  softState: SoftState = NO_LEADER;
  /** The term that it leads; 0 = none. */
  officeTerm = 0;
  /** Of the present life; absent before the first one. */
  #core: RawNode | undefined;
  #log: ChainedLog | undefined;
  #machine: StateMachine | undefined;
  #gate: MessageGate | undefined;
  /** Events that came while it was paused, or wrote in sync mode. */
  #inbox: SimEvent[] = [];
  /** Sync mode: this Ready is being written. */
  #writingReady: Ready | undefined;
  #thread: LogThread | undefined;
  #keeper: StateKeeper | undefined;
  /** A changed commit index that rides with the next append. */
  #ridingHardState: HardState | undefined;
  readonly #applying: StorageApply[] = [];
  /** Snapshots handed out for writing that are not durable. */
  #installCount = 0;
  #isWorkScheduled = false;
  #missedTick = false;
  /** Until then its process stands still, its log thread hangs, and so on; in units. */
  pausedUntil = 0;
  applyStalledUntil = 0;
  slowClockUntil = 0;
  /** Terms of own proposals by index. */
  readonly #proposed = new Map<number, { readonly term: number; readonly number: number }>();

  constructor(parts: ReplicaParts) {
    this.parts = parts;
    this.id = parts.id;
    this.disk = parts.disk;
    this.hardState = parts.disk.hardState;
  }

  get isUp(): boolean {
    return this.state === "up";
  }

  get isLeader(): boolean {
    return this.state === "up" && this.softState.role === ROLE.LEADER;
  }

  get isPaused(): boolean {
    return this.pausedUntil > this.parts.queue.now;
  }

  /** Something of it hangs. */
  get isSlow(): boolean {
    const until = Math.max(this.pausedUntil, this.thread.stalledUntil, this.applyStalledUntil);
    return until > this.parts.queue.now;
  }

  get core(): RawNode {
    return this.#core as RawNode;
  }

  /** Everything handed out for writing. */
  get log(): ChainedLog {
    return this.#log as ChainedLog;
  }

  get machine(): StateMachine {
    return this.#machine as StateMachine;
  }

  /** A snapshot was handed out for writing: the log begins after it, the state is still an older one. */
  get isInstalling(): boolean {
    return this.#installCount > 0;
  }

  /** Rule H4 (raft.md §7): the oldest append has waited for an election timeout. */
  get isStalled(): boolean {
    return this.thread.waitingUnits > this.parts.options.electionTimeoutTicks * TICK_UNITS;
  }

  get thread(): LogThread {
    return this.#thread as LogThread;
  }

  start(): void {
    assert(this.state === "down", "it is started once a life");
    const { trace, checker, disk } = this.parts;
    const recovery = recover(disk);
    checker.onRecovery(this, recovery);
    if (recovery.kind === "refused") {
      this.state = "refused";
      trace.words(this.id, `refuses to run: ${recovery.reason}`);
      return;
    }
    const { log, image, hardState } = recovery;
    this.state = "up";
    this.life++;
    this.#log = log;
    this.#machine = new StateMachine(image);
    this.hardState = hardState;
    this.softState = NO_LEADER;
    this.#thread = this.#newThread();
    const keeper = this.#newKeeper();
    this.#keeper = keeper;
    this.#gate = new MessageGate(hardState, (message) => this.#send(message));
    const view = new ReplicaLog({
      log,
      fetches: (low, high) => this.#fetches(low, high),
      snapshot: () => keeper.snapshot(),
    });
    trace.words(this.id, `starts, log ${log.truncated.index}…${log.lastIndex}`);
    this.#core = new RawNode(
      raftConfigOf(this.id, this.parts.isAsync, this.parts.options),
      { hardState, confState: image.confState, applied: image.applied.index },
      view,
      (bound) => this.parts.coreRandom.below(bound),
      { event: (id, event) => trace.told(id, event) },
    );
    this.#schedule(this.parts.random.below(TICK_UNITS), EVENT.TICK);
  }

  /** Loss of power. */
  crash(): void {
    if (this.state !== "up") return;
    this.parts.trace.words(this.id, "crashes");
    this.disk.crash(this.parts.random);
    this.#forget("down");
  }

  retire(): void {
    this.parts.trace.words(this.id, "is shut down for good");
    this.#forget("retired");
  }

  /** Takes an event that is meant for this life. */
  take(event: SimEvent): void {
    if (this.state !== "up") return;
    switch (event.kind) {
      case EVENT.DISK:
        this.thread.complete();
        return;
      case EVENT.FLUSH:
        event.task?.();
        return;
      case EVENT.TICK:
        this.#schedule(this.#tickInterval(), EVENT.TICK);
        if (this.isPaused) {
          this.#missedTick = true;
          return;
        }
        break;
      case EVENT.RESUME:
        this.#resume();
        return;
      default:
        break;
    }
    // In sync mode only the answer of the disk is heard while a Ready is written.
    if (this.isPaused || (this.#isBusy && event.kind !== EVENT.ANSWER)) {
      this.#inbox.push(event);
      return;
    }
    this.#step(event);
    this.#endTurn(event.kind === EVENT.WORK);
  }

  get #isBusy(): boolean {
    return this.#writingReady !== undefined;
  }

  pause(units: number): void {
    this.pausedUntil = this.parts.queue.now + units;
    this.#schedule(units, EVENT.RESUME);
  }

  /** Appends `payloads` when this is the leader. `numbers` are the proposals'. */
  propose(payloads: readonly Uint8Array[], numbers: readonly number[]): void {
    if (this.isStalled) return;
    const result = this.core.propose(payloads);
    if (result.kind !== "accepted") return;
    for (const [i, number] of numbers.entries()) {
      this.#proposed.set(result.first + i, { term: result.term, number });
    }
  }

  /** Runs `task` on the main thread, as a client's request does. */
  ask(task: () => void): void {
    if (this.state === "up") this.take(this.#event(EVENT.CLIENT, undefined, task));
  }

  #forget(state: ReplicaState): void {
    this.state = state;
    this.softState = NO_LEADER;
    this.officeTerm = 0;
    this.#inbox = [];
    this.#writingReady = undefined;
    this.#ridingHardState = undefined;
    this.#applying.length = 0;
    this.#installCount = 0;
    this.#isWorkScheduled = false;
    this.#missedTick = false;
    this.pausedUntil = 0;
    this.applyStalledUntil = 0;
    this.slowClockUntil = 0;
    this.#proposed.clear();
    this.life++;
  }

  #event(kind: EventKind, message?: Message, task?: () => void): SimEvent {
    return new SimEvent(kind, this, message, task);
  }

  #schedule(delay: number, kind: EventKind, task?: () => void): void {
    this.parts.queue.push(delay, this.#event(kind, undefined, task));
  }

  #tickInterval(): number {
    const jitter = this.parts.random.below(3) - 1;
    return this.slowClockUntil > this.parts.queue.now ? 3 * TICK_UNITS + jitter : TICK_UNITS + jitter;
  }

  /** One step of the core. */
  #step(event: SimEvent): void {
    const { checker, trace } = this.parts;
    checker.steps++;
    if (event.message !== undefined) {
      trace.message(this.id, event.message);
      this.stepCore(event.message);
    } else if (event.kind === EVENT.TICK) {
      this.#tick();
    } else {
      event.task?.();
    }
  }

  /** What came while it was away shares the turn: else a disk that is slower than the requests would let them
   * pile up without end. */
  #endTurn(isWork: boolean): void {
    if (!this.#isBusy) {
      const inbox = this.#inbox;
      this.#inbox = [];
      for (const event of inbox) this.#step(event);
    }
    if (this.parts.options.turnMax === 0 || isWork) this.#work();
    else this.#workLater();
    this.parts.checker.afterStep(this);
  }

  /** Among members that keep the rules no message is a violation of them. */
  stepCore(message: Message): void {
    const result = this.core.step(message);
    assert(result !== "violation", `${this.id} takes ${messageText(message)} for a violation`);
  }

  /** A leader whose disk hangs must not look healthy (H4): no heartbeat, and its office goes to one that is
   * caught up, if there is one. */
  #tick(): void {
    if (!this.isLeader || !this.isStalled) {
      this.core.tick();
      return;
    }
    const { progress, transferTarget, hardState } = this.core.status();
    if (transferTarget !== 0) return;
    const heir = progress.find(
      ({ id, match, isLearner }) => id !== this.id && !isLearner && match >= hardState.commit,
    );
    if (heir !== undefined) this.core.transferLeadership(heir.id);
  }

  /** After a pause what has come in the meantime is heard before the clock: one tick, not a burst. */
  #resume(): void {
    if (this.isPaused) return;
    if (this.#missedTick) {
      this.#missedTick = false;
      this.#inbox.push(this.#event(EVENT.CLIENT, undefined, () => this.#tick()));
    }
    // One of the answers may be the one that its Ready waits for.
    const answers = this.#inbox.filter(({ kind }) => kind === EVENT.ANSWER);
    this.#inbox = this.#inbox.filter(({ kind }) => kind !== EVENT.ANSWER);
    for (const answer of answers) this.#step(answer);
    this.#endTurn(false);
  }

  #workLater(): void {
    if (this.#isWorkScheduled) return;
    this.#isWorkScheduled = true;
    this.#schedule(this.parts.random.below(this.parts.options.turnMax + 1), EVENT.WORK, () => {
      this.#isWorkScheduled = false;
    });
  }

  /** Does what the core wants done. */
  #work(): void {
    while (!this.#isBusy && this.core.hasReady()) {
      const ready = this.core.ready();
      this.#note(ready);
      if (this.parts.isAsync) this.#takeAsync(ready);
      else this.#takeSync(ready);
    }
  }

  /** Updates what others see of this replica, and lets the checker judge it. */
  #note(ready: Ready): void {
    const { checker } = this.parts;
    const { entries, snapshot, hardState, softState, readStates } = ready;
    const install = this.parts.isAsync ? snapshotIn(ready) : snapshot;
    if (install !== undefined) {
      this.log.restore(pointOf(imageOf(install)));
      this.#installCount++;
      checker.onInstalling(this);
    }
    if (entries.length > 0) {
      checker.beforeAppend(this, entries);
      this.log.append(entries);
      checker.afterAppend(this, entries);
    }
    if (hardState !== undefined) {
      const { commit } = this.hardState;
      this.hardState = hardState;
      if (softState !== undefined) this.softState = softState;
      if (hardState.commit > commit) checker.onCommit(this);
    } else if (softState !== undefined) {
      this.softState = softState;
    }
    const officeTerm = this.softState.role === ROLE.LEADER ? this.hardState.term : 0;
    if (officeTerm !== this.officeTerm) {
      this.officeTerm = officeTerm;
      if (officeTerm > 0) checker.onLeader(this);
    }
    for (const readState of readStates) checker.onRead(this, readState);
  }

  #takeAsync(ready: Ready): void {
    const toPeers: Message[] = [];
    for (const message of ready.messages) {
      if (message.kind === MESSAGE_KIND.STORAGE_APPEND) this.#append(message, ready.mustSync);
      else if (message.kind === MESSAGE_KIND.STORAGE_APPLY) this.#applyLater(message);
      else toPeers.push(message);
    }
    this.#gated().take(toPeers, ready.hardState, this.thread.count);
  }

  #gated(): MessageGate {
    return this.#gate as MessageGate;
  }

  #append({ entries, hardState, snapshot, responses }: StorageAppend, mustSync: boolean): void {
    const { options } = this.parts;
    const isSynced = mustSync || snapshot !== undefined;
    if (!isSynced && !options.writesCommit) {
      // As the production pipeline has it: the commit index rides with the next append.
      if (hardState !== undefined) this.#ridingHardState = hardState;
      if (!this.thread.ride(responses)) this.#deliver(responses);
      return;
    }
    const riding = this.#ridingHardState;
    this.#ridingHardState = undefined;
    this.thread.append({
      hardState: hardState ?? riding,
      entries,
      snapshot: snapshot === undefined ? undefined : imageOf(snapshot),
      truncateTo: NO_INDEX,
      isSynced,
      responses: responses.slice(),
    });
  }

  #takeSync(ready: Ready): void {
    const { hardState, entries, snapshot } = ready;
    this.#writingReady = ready;
    if (hardState === undefined && entries.length === 0 && snapshot === undefined) {
      this.#finishReady();
      return;
    }
    this.thread.append({
      hardState,
      entries,
      snapshot: snapshot === undefined ? undefined : imageOf(snapshot),
      truncateTo: NO_INDEX,
      isSynced: ready.mustSync || snapshot !== undefined,
      responses: [],
    });
  }

  /** Sync mode: the Ready is written; its messages go, its entries are applied. */
  #finishReady(): void {
    const ready = this.#writingReady as Ready;
    for (const message of ready.messages) this.#send(message);
    this.#apply(ready.committedEntries);
    this.core.advance();
    this.#writingReady = undefined;
  }

  #newThread(): LogThread {
    return new LogThread(this.parts, {
      id: this.id,
      life: this.life,
      onDurable: (group) => this.#onDurable(group),
      onAnswer: (write) => this.#onAnswer(write),
      onSync: (stage) => this.parts.onSync(this, stage),
    });
  }

  #newKeeper(): StateKeeper {
    const replica = this;
    return new StateKeeper(this.parts, {
      id: this.id,
      life: this.life,
      get appliedIndex() {
        return replica.machine.applied;
      },
      get confIndex() {
        return replica.machine.confIndex;
      },
      image: () => this.machine.image(this.#chainOfApplied()),
      // While a snapshot is installed the log begins after it, beyond all that is in the store.
      truncatedIndex: () => this.log.truncated.index,
      write: (write) => this.thread.write(write),
    });
  }

  #onDurable(group: readonly LogWrite[]): void {
    for (const { snapshot, truncateTo } of group) {
      if (snapshot !== undefined) {
        this.#machine = new StateMachine(snapshot);
        this.#installCount--;
      }
      if (truncateTo > 0) this.log.truncate(truncateTo);
    }
  }

  /** What waited for this write may go out. */
  #onAnswer({ number, responses }: LogWrite): void {
    this.#gated().onDurable(number);
    if (this.parts.isAsync) this.#deliver(responses);
    else this.#finishReady();
  }

  /** Messages that had to wait for a write, to others and to the core itself. */
  #deliver(messages: readonly Message[]): void {
    const { checker, trace } = this.parts;
    for (const message of messages) {
      if (message.to !== this.id) {
        this.#send(message);
        continue;
      }
      checker.onSend(this, message);
      checker.steps++;
      trace.message(this.id, message);
      this.stepCore(message);
    }
  }

  #send(message: Message): void {
    assert(!isLocalThread(message.to), "work for the own storage does not travel");
    this.parts.checker.onSend(this, message);
    if (this.isStalled && this.isLeader && isFromOffice(message)) return;
    this.parts.network.send(this, message);
  }

  #applyLater(message: StorageApply): void {
    this.#applying.push(message);
    if (this.#applying.length === 1) this.#scheduleApply();
  }

  #scheduleApply(): void {
    const { queue, options, random } = this.parts;
    const stall = Math.max(0, this.applyStalledUntil - queue.now);
    this.#schedule(stall + random.below(options.applyMax), EVENT.APPLY, () => {
      const message = this.#applying[0] as StorageApply;
      // What the core has decided under the old membership is told before the membership changes.
      this.#work();
      this.#apply(message.entries);
      this.#deliver(message.responses);
      this.#applying.shift();
      if (this.#applying.length > 0) this.#scheduleApply();
    });
  }

  #apply(entries: readonly Entry[]): void {
    const { checker } = this.parts;
    const { machine } = this;
    for (const entry of entries) {
      // A snapshot has come since the entries were handed out: the core acts on its membership already, in
      // which their changes are.
      if (this.isInstalling || entry.index <= machine.applied) continue;
      machine.apply(entry);
      checker.onApply(this, entry);
      if (entry.type !== ENTRY_TYPE.NORMAL) this.#changeConf(entry);
      const own = this.#proposed.get(entry.index);
      if (own === undefined) continue;
      this.#proposed.delete(entry.index);
      if (own.term === entry.term) checker.onAcknowledged(own.number, entry.index);
    }
    if (entries.length > 0) this.#keeper?.onApplied();
  }

  #changeConf({ payload }: Entry): void {
    const change = decodeConfChange(payload);
    assert(change !== undefined, "a change of membership can be read");
    this.machine.changeConf(this.core.applyConfChange(change));
    this.parts.checker.onConf(this);
  }

  #chainOfApplied(): number {
    const { applied } = this.machine;
    return this.isInstalling ? this.disk.log.chain(applied) : this.log.chain(applied);
  }

  /** Only applied entries may be far: those not applied are in memory. */
  #fetches(low: LogIndex, high: LogIndex): boolean {
    const { options, random } = this.parts;
    if (options.fetchShare === 0 || low > this.machine.applied) return false;
    if (random.fraction() >= options.fetchShare) return false;
    this.#schedule(1 + random.below(options.syncMax), EVENT.FETCH, () => {
      if (!this.log.has(low - 1)) return;
      const end = Math.min(high, this.log.lastIndex + 1);
      if (end > low) this.core.onEntriesFetched();
    });
    return true;
  }
}

const NO_INDEX = logIndex(0);
const NO_LEADER: SoftState = { leader: 0 as NodeId, role: ROLE.FOLLOWER };

function snapshotIn({ messages }: Ready): Snapshot | undefined {
  for (const message of messages) {
    if (message.kind === MESSAGE_KIND.STORAGE_APPEND) return message.snapshot;
  }
  return undefined;
}

/** What a leader only says as such. */
function isFromOffice({ kind }: Message): boolean {
  return kind === MESSAGE_KIND.HEARTBEAT || kind === MESSAGE_KIND.APP_REQ;
}
