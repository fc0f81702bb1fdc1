import { MessageGate } from "../../../engine/consensus/message-gate.js";
import { assert } from "../../../engine/core/assert.js";
import type { LogIndex } from "../../../engine/core/ids.js";
import { logIndex } from "../../../engine/core/ids.js";
import { decodeConfChange } from "../../../engine/raft/conf-change-codec.js";
import type { Message, StorageAppend, StorageApply } from "../../../engine/raft/message.js";
import { MESSAGE_KIND } from "../../../engine/raft/message.js";
import { RawNode } from "../../../engine/raft/raw-node.js";
import type { Ready } from "../../../engine/raft/ready.js";
import type { Entry, HardState, Snapshot } from "../../../engine/raft/types.js";
import { ENTRY_TYPE, isLocalThread, ROLE } from "../../../engine/raft/types.js";
import type { ChainedLog } from "./chained-log.js";
import { EVENT, type EventKind, SimEvent, TICK_UNITS } from "./event-queue.js";
import type { LogWrite } from "./log-disk.js";
import { LogThread } from "./log-thread.js";
import { raftConfigOf } from "./options.js";
import type { Recovery } from "./recovery.js";
import type { Replica, ReplicaParts } from "./replica.js";
import { ReplicaLog } from "./replica-log.js";
import { StateKeeper } from "./state-keeper.js";
import { imageOf, pointOf, StateMachine } from "./state-machine.js";

/** One life of a replica, from its recovery to its next crash: the core, and everything around it that a
 * crash takes away. */
export class ReplicaLife {
  readonly core: RawNode;
  /** Everything handed out for writing. */
  readonly log: ChainedLog;
  machine: StateMachine;
  readonly thread: LogThread;
  readonly #replica: Replica;
  readonly #parts: ReplicaParts;
  readonly #gate: MessageGate;
  readonly #keeper: StateKeeper;
  /** Events that came while it was paused, or wrote in sync mode. */
  #inbox: SimEvent[] = [];
  /** Sync mode: this Ready is being written. */
  #writingReady: Ready | undefined;
  /** A changed commit index that rides with the next append. */
  #ridingHardState: HardState | undefined;
  readonly #applying: StorageApply[] = [];
  /** Snapshots handed out for writing that are not durable. */
  #installCount = 0;
  #isWorkScheduled = false;
  #missedTick = false;
  /** Terms of own proposals by index. */
  readonly #proposed = new Map<number, { readonly term: number; readonly number: number }>();

  constructor(replica: Replica, { log, image, hardState }: Exclude<Recovery, { kind: "refused" }>) {
    const { id, parts } = replica;
    this.#replica = replica;
    this.#parts = parts;
    this.log = log;
    this.machine = new StateMachine(image);
    this.thread = this.#newThread();
    this.#keeper = this.#newKeeper();
    this.#gate = new MessageGate(hardState, (message) => this.#send(message));
    const view = new ReplicaLog({
      log,
      fetches: (low, high) => this.#fetches(low, high),
      snapshot: () => this.#keeper.snapshot(),
    });
    parts.trace.words(id, `starts, log ${log.truncated.index}…${log.lastIndex}`);
    this.core = new RawNode(
      raftConfigOf(id, parts.isAsync, parts.options),
      { hardState, confState: image.confState, applied: image.applied.index },
      view,
      (bound) => parts.coreRandom.below(bound),
      { event: (to, event) => parts.trace.told(to, event) },
    );
    this.#schedule(parts.random.below(TICK_UNITS), EVENT.TICK);
  }

  /** The log begins after a snapshot that was handed out for writing, the state is still an older one. */
  get isInstalling(): boolean {
    return this.#installCount > 0;
  }

  get #isBusy(): boolean {
    return this.#writingReady !== undefined;
  }

  take(event: SimEvent): void {
    switch (event.kind) {
      case EVENT.DISK:
        this.thread.complete();
        return;
      case EVENT.FLUSH:
        event.task?.();
        return;
      case EVENT.TICK:
        this.#schedule(this.#tickInterval(), EVENT.TICK);
        if (this.#replica.isPaused) {
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
    if (this.#replica.isPaused || (this.#isBusy && event.kind !== EVENT.ANSWER)) {
      this.#inbox.push(event);
      return;
    }
    this.#step(event);
    this.#endTurn(event.kind === EVENT.WORK);
  }

  propose(payloads: readonly Uint8Array[], numbers: readonly number[]): void {
    const result = this.core.propose(payloads);
    if (result.kind !== "accepted") return;
    for (const [i, number] of numbers.entries()) {
      this.#proposed.set(result.first + i, { term: result.term, number });
    }
  }

  #event(kind: EventKind, message?: Message, task?: () => void): SimEvent {
    return new SimEvent(kind, this.#replica, message, task);
  }

  #schedule(delay: number, kind: EventKind, task?: () => void): void {
    this.#parts.queue.push(delay, this.#event(kind, undefined, task));
  }

  #tickInterval(): number {
    const jitter = this.#parts.random.below(3) - 1;
    return this.#replica.slowClockUntil > this.#parts.queue.now
      ? 3 * TICK_UNITS + jitter
      : TICK_UNITS + jitter;
  }

  /** One step of the core. */
  #step(event: SimEvent): void {
    const { checker, trace } = this.#parts;
    checker.steps++;
    if (event.message !== undefined) {
      trace.message(this.#replica.id, event.message);
      this.#replica.stepCore(event.message);
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
    if (this.#parts.options.turnMax === 0 || isWork) this.#work();
    else this.#workLater();
    this.#parts.checker.afterStep(this.#replica);
  }

  /** A leader whose disk hangs must not look healthy (H4): no heartbeat, and its office goes to one that is
   * caught up, if there is one. */
  #tick(): void {
    if (!this.#replica.isLeader || !this.#replica.isStalled) {
      this.core.tick();
      return;
    }
    const { progress, transferTarget, hardState } = this.core.status();
    if (transferTarget !== 0) return;
    const heir = progress.find(
      ({ id, match, isLearner }) => id !== this.#replica.id && !isLearner && match >= hardState.commit,
    );
    if (heir !== undefined) this.core.transferLeadership(heir.id);
  }

  /** After a pause what has come in the meantime is heard before the clock: one tick, not a burst. */
  #resume(): void {
    if (this.#replica.isPaused) return;
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
    this.#schedule(this.#parts.random.below(this.#parts.options.turnMax + 1), EVENT.WORK, () => {
      this.#isWorkScheduled = false;
    });
  }

  /** Does what the core wants done. */
  #work(): void {
    while (!this.#isBusy && this.core.hasReady()) {
      const ready = this.core.ready();
      this.#note(ready);
      if (this.#parts.isAsync) this.#takeAsync(ready);
      else this.#takeSync(ready);
    }
  }

  /** Updates what others see of this replica, and lets the checker judge it. */
  #note(ready: Ready): void {
    const { checker } = this.#parts;
    const { entries, snapshot, hardState, softState, readStates } = ready;
    const install = this.#parts.isAsync ? snapshotIn(ready) : snapshot;
    if (install !== undefined) {
      this.log.restore(pointOf(imageOf(install)));
      this.#installCount++;
      checker.onInstalling(this.#replica);
    }
    if (entries.length > 0) {
      checker.beforeAppend(this.#replica, entries);
      this.log.append(entries);
      checker.afterAppend(this.#replica, entries);
    }
    if (hardState !== undefined) {
      const { commit } = this.#replica.hardState;
      this.#replica.hardState = hardState;
      if (softState !== undefined) this.#replica.softState = softState;
      if (hardState.commit > commit) checker.onCommit(this.#replica);
    } else if (softState !== undefined) {
      this.#replica.softState = softState;
    }
    const officeTerm = this.#replica.softState.role === ROLE.LEADER ? this.#replica.hardState.term : 0;
    if (officeTerm !== this.#replica.officeTerm) {
      this.#replica.officeTerm = officeTerm;
      if (officeTerm > 0) checker.onLeader(this.#replica);
    }
    for (const readState of readStates) checker.onRead(this.#replica, readState);
  }

  #takeAsync(ready: Ready): void {
    const toPeers: Message[] = [];
    for (const message of ready.messages) {
      if (message.kind === MESSAGE_KIND.STORAGE_APPEND) this.#append(message, ready.mustSync);
      else if (message.kind === MESSAGE_KIND.STORAGE_APPLY) this.#applyLater(message);
      else toPeers.push(message);
    }
    this.#gate.take(toPeers, ready.hardState, this.thread.count);
  }

  #append({ entries, hardState, snapshot, responses }: StorageAppend, mustSync: boolean): void {
    const { options } = this.#parts;
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
    return new LogThread(this.#parts, {
      id: this.#replica.id,
      life: this.#replica.life,
      onDurable: (group) => this.#onDurable(group),
      onAnswer: (write) => this.#onAnswer(write),
      onSync: (stage) => this.#parts.onSync(this.#replica, stage),
    });
  }

  #newKeeper(): StateKeeper {
    const life = this;
    return new StateKeeper(this.#parts, {
      id: this.#replica.id,
      life: this.#replica.life,
      get appliedIndex() {
        return life.machine.applied;
      },
      get confIndex() {
        return life.machine.confIndex;
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
        this.machine = new StateMachine(snapshot);
        this.#installCount--;
      }
      if (truncateTo > 0) this.log.truncate(truncateTo);
    }
  }

  /** What waited for this write may go out. */
  #onAnswer({ number, responses }: LogWrite): void {
    this.#gate.onDurable(number);
    if (this.#parts.isAsync) this.#deliver(responses);
    else this.#finishReady();
  }

  /** Messages that had to wait for a write, to others and to the core itself. */
  #deliver(messages: readonly Message[]): void {
    const { checker, trace } = this.#parts;
    for (const message of messages) {
      if (message.to !== this.#replica.id) {
        this.#send(message);
        continue;
      }
      checker.onSend(this.#replica, message);
      checker.steps++;
      trace.message(this.#replica.id, message);
      this.#replica.stepCore(message);
    }
  }

  #send(message: Message): void {
    assert(!isLocalThread(message.to), "work for the own storage does not travel");
    this.#parts.checker.onSend(this.#replica, message);
    if (this.#replica.isStalled && this.#replica.isLeader && isFromOffice(message)) return;
    this.#parts.network.send(this.#replica, message);
  }

  #applyLater(message: StorageApply): void {
    this.#applying.push(message);
    if (this.#applying.length === 1) this.#scheduleApply();
  }

  #scheduleApply(): void {
    const { queue, options, random } = this.#parts;
    const stall = Math.max(0, this.#replica.applyStalledUntil - queue.now);
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
    const { checker } = this.#parts;
    const { machine } = this;
    for (const entry of entries) {
      // A snapshot has come since the entries were handed out: the core acts on its membership already, in
      // which their changes are.
      if (this.isInstalling || entry.index <= machine.applied) continue;
      machine.apply(entry);
      checker.onApply(this.#replica, entry);
      if (entry.type !== ENTRY_TYPE.NORMAL) this.#changeConf(entry);
      const own = this.#proposed.get(entry.index);
      if (own === undefined) continue;
      this.#proposed.delete(entry.index);
      if (own.term === entry.term) checker.onAcknowledged(own.number, entry.index);
    }
    if (entries.length > 0) this.#keeper.onApplied();
  }

  #changeConf({ payload }: Entry): void {
    const change = decodeConfChange(payload);
    assert(change !== undefined, "a change of membership can be read");
    this.machine.changeConf(this.core.applyConfChange(change));
    this.#parts.checker.onConf(this.#replica);
  }

  #chainOfApplied(): number {
    const { applied } = this.machine;
    return this.isInstalling ? this.#parts.disk.log.chain(applied) : this.log.chain(applied);
  }

  /** Only applied entries may be far: those not applied are in memory. */
  #fetches(low: LogIndex, high: LogIndex): boolean {
    const { options, random } = this.#parts;
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
