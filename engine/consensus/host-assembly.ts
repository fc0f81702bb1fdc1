import { type LogIndex, logIndex } from "../core/ids.js";
import type { Message } from "../raft/message.js";
import type { RaftCore } from "../raft/raw-node.js";
import { RawNode } from "../raft/raw-node.js";
import type { NodeId } from "../raft/types.js";
import type { Histogram } from "../telemetry/histogram.js";
import { AppendPipeline } from "./append-pipeline.js";
import { ApplyQueue } from "./apply-queue.js";
import { CommitNotices } from "./commit-notices.js";
import { ElectionGuard } from "./election-guard.js";
import { matchOf, slowestMatch } from "./group-status.js";
import { HostLog } from "./host-log.js";
import { HostTicker } from "./host-ticker.js";
import type { LeadershipState } from "./leadership.js";
import { MessageGate } from "./message-gate.js";
import { Office } from "./office.js";
import { OrderlyStop } from "./orderly-stop.js";
import { ProposalQueue } from "./proposal-queue.js";
import { Proposer } from "./proposer.js";
import { raftConfig } from "./raft-config.js";
import type { RaftHostOptions } from "./raft-host-options.js";
import type { ProposalCounters, RaftHostParts } from "./raft-host-parts.js";
import { ReadQueue } from "./read-queue.js";
import { SnapshotInstaller } from "./snapshot-installer.js";
import type { Snapshots } from "./snapshots.js";
import { StateFlusher } from "./state-flusher.js";
import { TableScanner } from "./table-scanner.js";

/** What the parts call back. */
export interface HostHooks {
  readonly counters: ProposalCounters;
  readonly commitMs: Histogram;
  work(): void;
  takeReadies(): void;
  proposeGathered(): void;
  scheduleTurn(): void;
  deliver(messages: readonly Message[]): void;
  sendToMember(message: Message): void;
  send(message: Message): void;
  onFlushed(index: LogIndex, isDurable: boolean): void;
  onInstalled(index: LogIndex): void;
}

/** The parts of a host. */
export interface HostAssembly {
  readonly log: HostLog;
  readonly core: RaftCore;
  readonly proposals: ProposalQueue;
  readonly pipeline: AppendPipeline;
  readonly applying: ApplyQueue;
  readonly flusher: StateFlusher;
  readonly scanner: TableScanner;
  readonly gate: MessageGate;
  readonly notices: CommitNotices;
  readonly guard: ElectionGuard;
  readonly reads: ReadQueue;
  readonly office: Office;
  readonly ticker: HostTicker;
  readonly proposer: Proposer;
  readonly ending: OrderlyStop;
  readonly snapshots: Snapshots;
  readonly installer: SnapshotInstaller;
}

/** Their product stays below 2^53. */
const CONTEXT_FLOORS = 2 ** 20;
const CONTEXTS_PER_LIFE = 2 ** 32;

/** Makes the parts of a host and connects them; nothing moves yet. */
export function assembleHost(
  parts: RaftHostParts,
  options: RaftHostOptions,
  leadership: LeadershipState,
  hooks: HostHooks,
): HostAssembly {
  const { clock, scheduler, recovered, stateMachine } = parts;
  const { scheduleTurn } = hooks;
  const electionTimeoutMs = options.electionTimeoutTicks * options.tickMs;
  const onEntries = (): void => {
    core.onEntriesFetched();
    scheduleTurn();
  };
  const log: HostLog = new HostLog(
    {
      link: parts.log,
      recovered,
      snapshots: { snapshot: () => snapshots.sender.snapshot() },
      onFetched: onEntries,
      readers: () => {
        const status = core.status();
        return {
          slowestMatch: slowestMatch(status, (id: NodeId) => ticker.isAlive(id)),
          neededIndex: snapshots.sender.neededIndex((id) => matchOf(status, id)),
        };
      },
    },
    options,
  );
  const core = newCore(parts, options, log);
  const proposals = newProposals(parts, options);
  const applying = new ApplyQueue(stateMachine, core, (batch, proposedMs) => {
    proposals.settle(batch);
    hooks.counters.applied += batch.callbacks.length;
    proposer.onApplied(batch.callbacks.length);
    hooks.commitMs.observe(clock.monotonicMs() - proposedMs);
  });
  const gate = new MessageGate(recovered.hardState, (message) => hooks.sendToMember(message));
  const pipeline = new AppendPipeline(
    parts.log,
    clock,
    {
      onDurable: (responses, number) => {
        gate.onDurable(number);
        installer.onDurable(responses);
      },
      onTruncated: (index) => log.onTruncated(index),
    },
    options.entryBytesMax,
  );
  const flusher: StateFlusher = newFlusher(parts, options, hooks, {
    durableIndex: () => logIndex(core.status().unstableOffset - 1),
    wantsDurable: () => ending.isUnderWay || log.isWorthCutting,
    hasWaiting: () => !proposals.isEmpty,
  });
  const scanner = new TableScanner({ scheduler, source: stateMachine, link: parts.state });
  const notices = new CommitNotices(scheduler, (message) => hooks.send(message));
  const guard = new ElectionGuard({ ...parts, core, leadership, work: () => hooks.work() });
  const reads = newReads(parts, options, core);
  const office = new Office(
    { ...parts, core, leadership, proposals, applying, reads, seed: () => parts.seed(), scheduleTurn },
    electionTimeoutMs,
  );
  const { counters } = hooks;
  const proposer: Proposer = new Proposer(
    { ...parts, core, proposals, applying, pipeline, flusher, office, counters, scheduleTurn },
    options.dirtyBytesMax,
  );
  const ticker: HostTicker = newTicker(parts, options, hooks, {
    core,
    leadership,
    pipeline,
    proposer,
    reads,
  });
  const ending: OrderlyStop = new OrderlyStop({ scheduler, proposals, applying, office, flusher, pipeline });
  const snapshots = parts.snapshots({
    chainAt: (index, onChain) => pipeline.chainAt(index, onChain),
    truncatedIndex: () => log.view.truncated.index,
    onOpened: onEntries,
    suspendFlushes: (onIdle) => flusher.suspend(onIdle),
    resumeFlushes: () => flusher.resume(),
  });
  const installer: SnapshotInstaller = newInstaller({ core, applying, pipeline, log, snapshots }, hooks);
  return {
    log,
    core,
    proposals,
    pipeline,
    applying,
    flusher,
    scanner,
    gate,
    notices,
    guard,
    reads,
    office,
    ticker,
    proposer,
    ending,
    snapshots,
    installer,
  };
}

function newCore(
  { recovered, random, trace }: RaftHostParts,
  options: RaftHostOptions,
  log: HostLog,
): RaftCore {
  const { hardState, confState, identity, floors } = recovered;
  const config = raftConfig({ id: identity.nodeId, termFloor: floors.termFloor }, options);
  const state = { hardState, confState, applied: hardState.commit };
  return new RawNode(config, state, log.view, (bound) => random.below(bound), trace);
}

function newProposals({ clock }: RaftHostParts, options: RaftHostOptions): ProposalQueue {
  return new ProposalQueue(clock, {
    batchBytesMax: options.batchBytesMax,
    entryBytesMax: options.entryBytesMax,
    inflightCountMax: options.inflightCountMax,
    inflightBytesMax: options.uncommittedBytesMax,
  });
}

function newFlusher(
  { scheduler, stateMachine, state }: RaftHostParts,
  options: RaftHostOptions,
  hooks: HostHooks,
  facts: { durableIndex(): LogIndex; wantsDurable(): boolean; hasWaiting(): boolean },
): StateFlusher {
  return new StateFlusher(
    {
      scheduler,
      source: stateMachine,
      link: state,
      handler: {
        durableIndex: () => facts.durableIndex(),
        wantsDurable: () => facts.wantsDurable(),
        onDrained: () => {
          if (facts.hasWaiting()) hooks.scheduleTurn();
        },
        onFlushed: (index, isDurable) => hooks.onFlushed(index, isDurable),
      },
    },
    options,
  );
}

function newReads({ random }: RaftHostParts, options: RaftHostOptions, core: RaftCore): ReadQueue {
  const { inflightCountMax, electionTimeoutTicks } = options;
  // Answers to what was asked before a restart may still come: they must not be taken for later ones.
  const contextFloor = random.below(CONTEXT_FLOORS) * CONTEXTS_PER_LIFE;
  return new ReadQueue(
    core,
    { waitingCountMax: inflightCountMax, retryTicks: electionTimeoutTicks },
    contextFloor,
  );
}

function newTicker(
  parts: RaftHostParts,
  options: RaftHostOptions,
  hooks: HostHooks,
  {
    core,
    leadership,
    pipeline,
    proposer,
    reads,
  }: Pick<HostAssembly, "core" | "pipeline" | "proposer" | "reads"> & {
    readonly leadership: LeadershipState;
  },
): HostTicker {
  return new HostTicker(
    {
      ...parts,
      core,
      leadership,
      waitingSinceMs: () =>
        earliest(pipeline.oldestUnansweredMs, proposer.heldSinceMs, parts.waitingSinceMs()),
      beforeTick: () => hooks.takeReadies(),
      afterTick: () => {
        reads.onTick();
        // What waited for a transfer that came to nothing.
        hooks.proposeGathered();
        hooks.work();
      },
    },
    options,
  );
}

function newInstaller(
  made: Pick<HostAssembly, "core" | "applying" | "pipeline" | "log" | "snapshots">,
  hooks: HostHooks,
): SnapshotInstaller {
  const { core, applying, pipeline, log, snapshots } = made;
  const installer = new SnapshotInstaller({
    core,
    receiver: snapshots.receiver,
    applying,
    pipeline,
    restoreLog: (id, entries) => log.restore(id, entries),
    deliver: (messages) => hooks.deliver(messages),
    takeReadies: () => hooks.takeReadies(),
    onInstalled: (index) => hooks.onInstalled(index),
  });
  snapshots.receiver.onArrived = (arrived) => {
    installer.offer(arrived);
    hooks.scheduleTurn();
  };
  return installer;
}

function earliest(...times: readonly (number | undefined)[]): number | undefined {
  const known = times.filter((ms) => ms !== undefined);
  return known.length === 0 ? undefined : Math.min(...known);
}
