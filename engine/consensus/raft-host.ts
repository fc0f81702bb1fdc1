import { STATE_RECORD } from "../../workers/shared/state-records.js";
import type { Operation } from "../cluster/operation.js";
import { assert } from "../core/assert.js";
import { StrataError } from "../core/errors.js";
import { type LogIndex, logIndex } from "../core/ids.js";
import type { Timer } from "../core/scheduler.js";
import type { Message, StorageAppend, StorageApply } from "../raft/message.js";
import { MESSAGE_KIND } from "../raft/message.js";
import type { RaftCore } from "../raft/raw-node.js";
import type { Ready } from "../raft/ready.js";
import type { ConfChange, Entry, NodeId, RaftStatus } from "../raft/types.js";
import { Histogram } from "../telemetry/histogram.js";
import type { AppendPipeline } from "./append-pipeline.js";
import type { ApplyQueue } from "./apply-queue.js";
import type { CommitNotices } from "./commit-notices.js";
import type { Consensus, GroupCallback, GroupControl, Leadership, ProposalCallback } from "./consensus.js";
import type { ElectionGuard } from "./election-guard.js";
import { hasOthers, heirOf, isLoneVoter } from "./group-status.js";
import { assembleHost } from "./host-assembly.js";
import type { HostLog } from "./host-log.js";
import type { HostTicker } from "./host-ticker.js";
import { LeadershipState } from "./leadership.js";
import type { MessageGate } from "./message-gate.js";
import type { Office } from "./office.js";
import type { OrderlyStop } from "./orderly-stop.js";
import type { Peers } from "./peers.js";
import type { ProposalQueue } from "./proposal-queue.js";
import type { Proposer } from "./proposer.js";
import type { RaftHostOptions } from "./raft-host-options.js";
import { checkRaftHostOptions } from "./raft-host-options.js";
import type { ProposalCounters, RaftHostParts } from "./raft-host-parts.js";
import type { ReadBarrierCallback, ReadQueue } from "./read-queue.js";
import type { SnapshotInstaller } from "./snapshot-installer.js";
import type { Snapshots } from "./snapshots.js";
import type { StateFlusher } from "./state-flusher.js";
import type { ScanCallback, ScanRequest, TableReader, TableScanner } from "./table-scanner.js";

/** Drives the consensus core on main: once per event-loop turn proposes what was gathered, hands the
 * core's work to the log thread, applies what is committed, and has changed state written.
 *
 *   propose ─► ProposalQueue ─end of turn─► core ─► AppendPipeline ─► log thread
 *   callbacks ◄─ ApplyQueue ◄─ core ◄──────────── answers ◄──────────┘
 *                   └─► state machine ─► StateFlusher ─► state thread ─► log truncated
 */
export class RaftHost implements Consensus<Operation>, GroupControl, TableReader {
  readonly #parts: RaftHostParts;
  readonly #options: RaftHostOptions;
  readonly #log: HostLog;
  readonly #core: RaftCore;
  readonly #proposals: ProposalQueue;
  readonly #pipeline: AppendPipeline;
  readonly #applying: ApplyQueue;
  readonly #flusher: StateFlusher;
  readonly #scanner: TableScanner;
  readonly #leadership: LeadershipState;
  readonly #gate: MessageGate;
  readonly #notices: CommitNotices;
  readonly #guard: ElectionGuard;
  readonly #reads: ReadQueue;
  readonly #office: Office;
  readonly #ticker: HostTicker;
  readonly #proposer: Proposer;
  readonly #ending: OrderlyStop;
  readonly #snapshots: Snapshots;
  readonly #installer: SnapshotInstaller;
  #peers: Peers | undefined;
  #resumeTimer: Timer | undefined;
  #isTurnScheduled = false;
  /** Applied when `#afterApply` last looked. */
  #notedApplied: LogIndex;
  /** Of the last change of membership that was looked at. */
  #notedConf = logIndex(0);
  #phase: "created" | "running" | "stopped" = "created";
  readonly counters: ProposalCounters = { proposed: 0, overloaded: 0, applied: 0, entries: 0, heldTurns: 0 };
  /** From proposing an entry to having applied it. */
  readonly commitMs = new Histogram(0.0625, 20);

  constructor(parts: RaftHostParts, options: RaftHostOptions) {
    checkRaftHostOptions(options);
    const { recovered, stateMachine } = parts;
    assert(
      stateMachine.appliedIndex === recovered.hardState.commit,
      "recovery applied all that is committed",
    );
    this.#parts = parts;
    this.#options = options;
    this.#notedApplied = stateMachine.appliedIndex;
    this.#leadership = new LeadershipState();
    const assembly = assembleHost(parts, options, this.#leadership, {
      counters: this.counters,
      commitMs: this.commitMs,
      work: () => this.#work(),
      takeReadies: () => this.#takeReadies(),
      proposeGathered: () => this.#proposeGathered(),
      scheduleTurn: () => this.#scheduleTurn(),
      deliver: (messages) => this.#deliver(messages),
      sendToMember: (message) => this.#sendToMember(message),
      send: (message) => this.#peers?.send(message),
      onFlushed: (index, isDurable) => this.#onFlushed(index, isDurable),
      onInstalled: (index) => this.#onInstalled(index),
    });
    this.#log = assembly.log;
    this.#core = assembly.core;
    this.#proposals = assembly.proposals;
    this.#pipeline = assembly.pipeline;
    this.#applying = assembly.applying;
    this.#flusher = assembly.flusher;
    this.#scanner = assembly.scanner;
    this.#gate = assembly.gate;
    this.#notices = assembly.notices;
    this.#guard = assembly.guard;
    this.#reads = assembly.reads;
    this.#office = assembly.office;
    this.#ticker = assembly.ticker;
    this.#proposer = assembly.proposer;
    this.#ending = assembly.ending;
    this.#snapshots = assembly.snapshots;
    this.#installer = assembly.installer;
    this.#listen();
  }

  get leadership(): Leadership {
    return this.#leadership;
  }

  /** Operations without outcome. */
  get inflightCount(): number {
    return this.#proposals.inflightCount;
  }

  /** Up to here the state survives a loss of power; the log may be truncated to it. */
  get durableAppliedIndex(): LogIndex {
    return this.#log.durableApplied;
  }

  /** Of the log thread's work, for metrics. */
  get appends(): Pick<AppendPipeline, "counters" | "syncUs"> {
    return this.#pipeline;
  }

  /** Of the state thread's work, for metrics. */
  get flushes(): Pick<StateFlusher, "counters" | "writeUs"> {
    return this.#flusher;
  }

  status(): RaftStatus {
    return this.#core.status();
  }

  /** Starts the clock and connects to the others. A lone voter campaigns at once, since it has nobody to wait
   * for. The workers must run. */
  start(): void {
    assert(this.#phase === "created", "the host starts once");
    this.#phase = "running";
    this.#ticker.start();
    this.#noteMembers(this.#notedConf);
    this.#peers = this.#parts.peers({
      onMessage: (message) => this.#onMessage(message),
      onUnreachable: (peer) => {
        this.#core.reportUnreachable(peer);
        this.#scheduleTurn();
      },
      onGone: (peer) => this.#guard.onGone(peer),
    });
    const isAlone = isLoneVoter(this.#core.status());
    this.#guard.start(isAlone ? 0 : this.#options.electionTimeoutTicks * this.#options.tickMs);
    if (isAlone) this.#core.campaign();
    this.#work();
  }

  propose(operation: Operation, onOutcome: ProposalCallback): void {
    this.counters.proposed++;
    const refusal = this.#refusal() ?? this.#proposals.add(operation, onOutcome);
    if (refusal === undefined) {
      this.#scheduleTurn();
      return;
    }
    if (refusal.code === "OVERLOADED") this.counters.overloaded++;
    onOutcome(refusal);
  }

  readBarrier(onReady: ReadBarrierCallback): void {
    const refusal = this.#refusal() ?? this.#reads.add(onReady);
    if (refusal !== undefined) onReady(refusal);
    else this.#scheduleTurn();
  }

  /** As `readBarrier`, also on a follower: whether this SCM has caught up with what the leader had committed
   * when it was asked. Fails with NOT_LEADER when leadership is lost meanwhile: ask again. */
  whenCaughtUp(onReady: ReadBarrierCallback): void {
    const refusal = this.#phase === "running" ? this.#reads.add(onReady) : new StrataError("SHUTTING_DOWN");
    if (refusal !== undefined) onReady(refusal);
    else this.#scheduleTurn();
  }

  changeMembers(change: ConfChange, onOutcome: GroupCallback): void {
    const refusal = this.#refusal();
    if (refusal !== undefined) onOutcome(refusal);
    else this.#office.changeMembers(change, onOutcome);
    this.#scheduleTurn();
  }

  transferLeadership(target: NodeId, onOutcome: GroupCallback): void {
    const refusal = this.#refusal();
    if (refusal !== undefined) {
      onOutcome(refusal);
      return;
    }
    this.#proposeGathered();
    this.#office.transfer(target, onOutcome);
    this.#scheduleTurn();
  }

  scan(request: ScanRequest, onPage: ScanCallback): void {
    this.#scanner.scan(request, onPage);
  }

  /** Hands leadership over when another member can take it, refuses new proposals, finishes those under way,
   * writes the state and the commit index durably, then calls `onStopped`; after `limitMs` at the latest,
   * with what is left unfinished answered SHUTTING_DOWN. The caller then stops the workers. */
  stop(limitMs: number, onStopped: () => void): void {
    assert(this.#phase === "running" && !this.#ending.isUnderWay, "only a running host is stopped, once");
    this.#ending.begin(limitMs, () => this.#finishStop(onStopped));
    const heir =
      limitMs > 0 && this.#leadership.leaderReady ? heirOf(this.#core.status(), this.#isAlive) : undefined;
    if (heir !== undefined) this.#office.transfer(heir, () => {});
    this.#scheduleTurn();
  }

  /** O(log tail). For tests and the simulator, after each step. */
  checkInvariants(): void {
    this.#core.checkInvariants();
    if (this.#installer.isInstalling) return;
    const status = this.#core.status();
    assert(
      this.#parts.stateMachine.appliedIndex <= status.hardState.commit,
      "only what is committed is applied",
    );
    assert(this.#parts.stateMachine.appliedIndex < status.unstableOffset, "only what is durable is applied");
    this.#log.checkInvariants(this.#parts.stateMachine.appliedIndex);
  }

  #listen(): void {
    const { log, state } = this.#parts;
    log.onRecord = (kind, offset, bytes) => {
      if (this.#log.onRecord(kind, offset, bytes)) return;
      this.#pipeline.onRecord(kind, offset, log.receiver.view);
    };
    log.onBatchEnd = () => {
      this.#pipeline.resume();
      this.#proposeGathered();
      this.#work();
    };
    state.onRecord = (kind, offset) => {
      if (this.#snapshots.onStateRecord(kind, offset)) return;
      if (kind === STATE_RECORD.FLUSHED) this.#flusher.onFlushed(offset, state.receiver.view);
      else this.#scanner.onRecord(kind, offset);
    };
    state.onBatchEnd = () => {
      if (!this.#proposals.isEmpty) this.#scheduleTurn();
      this.#work();
    };
  }

  #refusal(): StrataError | undefined {
    if (this.#phase === "stopped") return new StrataError("SHUTTING_DOWN");
    // Who has handed over tells where to go, also while it stops.
    const refusal = this.#office.refusal();
    return refusal ?? (this.#ending.isDraining ? new StrataError("SHUTTING_DOWN") : undefined);
  }

  /** A member that stops and does not lead takes in nothing more: its log would never come to rest. */
  get #isLeaving(): boolean {
    return this.#ending.isDraining && !this.#leadership.isLeader;
  }

  #onMessage(message: Message): void {
    if (this.#phase === "stopped" || this.#isLeaving || this.#guard.refuses(message)) return;
    this.#ticker.onHeard(message.from);
    this.#core.step(message);
    this.#scheduleTurn();
  }

  #scheduleTurn(): void {
    if (this.#isTurnScheduled || this.#phase === "stopped") return;
    this.#isTurnScheduled = true;
    this.#parts.scheduler.endOfTurn(() => {
      this.#isTurnScheduled = false;
      this.#proposeGathered();
      this.#work();
    });
  }

  #proposeGathered(): void {
    if (this.#proposals.isEmpty || this.#phase === "stopped") return;
    // A message of this turn may have ended our term.
    this.#takeReadies();
    this.#proposer.propose();
  }

  /** Does what the core wants done, and applies, as much as fits this turn. */
  #work(): void {
    if (this.#phase === "stopped") return;
    this.#reads.ask();
    let bytesLeft = this.#options.applyBytesPerTurnMax;
    do {
      this.#takeReadies();
      bytesLeft -= this.#applying.apply(bytesLeft, this.#onApplyComplete);
    } while (this.#core.hasReady());
    this.#afterApply();
    this.#peers?.flush();
    this.#log.fetch();
    this.#pipeline.publish();
    if (this.#pipeline.isBlocked) this.#resumeLater();
    if (!this.#applying.isEmpty) this.#scheduleTurn();
    this.#ending.step();
  }

  #takeReadies(): void {
    while (this.#core.hasReady()) this.#take(this.#core.ready());
  }

  #take(ready: Ready): void {
    const toMembers: Message[] = [];
    for (const message of ready.messages) {
      switch (message.kind) {
        case MESSAGE_KIND.STORAGE_APPEND:
          this.#append(message, ready.mustSync);
          break;
        case MESSAGE_KIND.STORAGE_APPLY:
          this.#applying.add(message);
          break;
        default:
          toMembers.push(message);
      }
    }
    this.#reads.onReadStates(ready.readStates);
    this.#gate.take(toMembers, ready.hardState, this.#pipeline.handedOutCount);
    if (ready.softState !== undefined || ready.hardState !== undefined) this.#noteLeadership();
  }

  #append(message: StorageAppend, mustSync: boolean): void {
    if (message.snapshot !== undefined) {
      this.#installer.install(message);
      return;
    }
    this.#log.append(message.entries);
    this.#pipeline.append(message, mustSync);
  }

  #noteLeadership(): void {
    const { isLeader, term } = this.#leadership;
    this.#office.note(this.#core.status());
    if (this.#leadership.isLeader && (!isLeader || this.#leadership.term !== term)) {
      this.#ticker.becameLeader();
    }
    if (!isLeader || this.#leadership.isLeader) return;
    this.#snapshots.sender.cancelAll();
    this.#log.leadershipLost();
    // A leader that committed its own removal has told nobody yet, and nobody will ask it again.
    this.#notices.flush();
  }

  readonly #isAlive = (peer: NodeId): boolean => this.#ticker.isAlive(peer);

  #sendToMember(message: Message): void {
    if (message.kind === MESSAGE_KIND.SNAP) {
      this.#snapshots.sender.send(message, (isDelivered) => {
        this.#core.reportSnapshot(message.to, isDelivered);
        this.#scheduleTurn();
      });
      return;
    }
    if (this.#ticker.isStalled && isFromOffice(message)) return;
    this.#notices.send(message);
  }

  readonly #onApplyComplete = (message: StorageApply): void => {
    this.#deliver(message.responses);
    this.#log.applied((message.entries.at(-1) as Entry).index);
  };

  /** Everything handed out before is durable, or applied. */
  #deliver(messages: readonly Message[]): void {
    for (const message of messages) {
      if (message.to !== this.#core.id) {
        this.#sendToMember(message);
        continue;
      }
      const result = this.#core.step(message);
      // Once removed, this SCM is no member to itself.
      const isTaken = result === "done" || result === "unknownPeer";
      assert(isTaken, `message ${message.kind} to oneself was refused: ${result}`);
    }
  }

  #afterApply(): void {
    if (this.#installer.isInstalling) return;
    const { stateMachine } = this.#parts;
    const appliedIndex = stateMachine.appliedIndex;
    if (appliedIndex > this.#notedApplied) {
      this.#notedApplied = appliedIndex;
      this.#flusher.onApplied();
      // What waited for these entries goes on.
      if (!this.#proposals.isEmpty) this.#scheduleTurn();
    }
    if (this.#applying.confIndex > this.#notedConf) this.#noteMembers(this.#applying.confIndex);
    this.#office.step();
    this.#reads.release(appliedIndex);
  }

  /** Log and state are those of a snapshot that ends at `index`. */
  #onInstalled(index: LogIndex): void {
    this.#log.restored(index);
    this.#notedApplied = index;
    this.#noteMembers(index);
    this.#scheduleTurn();
  }

  #noteMembers(confIndex: LogIndex): void {
    this.#notedConf = confIndex;
    const isWithOthers = hasOthers(this.#core.status());
    this.#log.keepForOthers(isWithOthers);
    this.#proposer.hasOthers = isWithOthers;
  }

  #onFlushed(appliedIndex: LogIndex, isDurable: boolean): void {
    if (!isDurable) return;
    this.#ending.onFlushed();
    const target = this.#log.onStateDurable(appliedIndex);
    if (target !== undefined) this.#pipeline.truncate(target);
  }

  /** The log channel is full and tells nobody when it has room again. */
  #resumeLater(): void {
    this.#resumeTimer ??= this.#parts.scheduler.after(RESUME_MS, () => {
      this.#resumeTimer = undefined;
      this.#pipeline.resume();
      this.#work();
    });
  }

  #finishStop(onStopped: () => void): void {
    if (this.#phase === "stopped") return;
    this.#phase = "stopped";
    this.#ticker.stop();
    this.#resumeTimer?.cancel();
    this.#ending.cancelTimer();
    this.#guard.stop();
    this.#notices.flush();
    this.#proposer.stop();
    this.#flusher.stop();
    this.#scanner.stop();
    this.#snapshots.stop();
    void this.#peers?.close();
    this.#reads.failAll(new StrataError("SHUTTING_DOWN"));
    this.#office.stop(new StrataError("SHUTTING_DOWN"));
    const unfinished = this.#applying.takeExpected().concat(this.#proposals.take());
    for (const batch of unfinished) {
      for (const callback of batch.callbacks) callback(new StrataError("SHUTTING_DOWN"));
    }
    onStopped();
  }
}

const RESUME_MS = 1;

/** What a leader only says as such. */
function isFromOffice({ kind }: Message): boolean {
  return kind === MESSAGE_KIND.HEARTBEAT || kind === MESSAGE_KIND.APP_REQ;
}
