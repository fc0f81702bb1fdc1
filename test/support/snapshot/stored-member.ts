import { ClusterState } from "../../../engine/cluster/cluster-state.js";
import type { Operation } from "../../../engine/cluster/operation.js";
import { TurnBatch } from "../../../engine/cluster/turn-batch.js";
import { AppendPipeline } from "../../../engine/consensus/append-pipeline.js";
import type { ArrivedSnapshot } from "../../../engine/consensus/snapshots.js";
import { StateFlusher } from "../../../engine/consensus/state-flusher.js";
import { TableScanner } from "../../../engine/consensus/table-scanner.js";
import type { StrataError } from "../../../engine/core/errors.js";
import { type LogIndex, logIndex, term } from "../../../engine/core/ids.js";
import { encodeConfChange } from "../../../engine/raft/conf-change-codec.js";
import { MESSAGE_KIND, type Snap } from "../../../engine/raft/message.js";
import {
  type ConfChange,
  type ConfState,
  ENTRY_TYPE,
  NO_NODE,
  type NodeId,
  type Snapshot,
} from "../../../engine/raft/types.js";
import { MemberSnapshots } from "../../../engine/snapshot/member-snapshots.js";
import { storageDirectories } from "../../../engine/storage/directories.js";
import { initialize } from "../../../engine/storage/initialize.js";
import type { Recovered } from "../../../engine/storage/recovered.js";
import { recover } from "../../../engine/storage/recovery.js";
import { LogWriter } from "../../../workers/log/log-writer.js";
import { STRIPE_ROWS } from "../../../workers/shared/container-layout.js";
import { STATE_RECORD } from "../../../workers/shared/state-records.js";
import type { WorkerLink } from "../../../workers/shared/worker-link.js";
import { StateWriter } from "../../../workers/state/state-writer.js";
import { SimDisk } from "../simulation/sim-disk.js";
import { SimWorkerPool } from "../simulation/sim-workers.js";
import { SimWorld } from "../simulation/sim-world.js";
import type { MemoryConnections } from "./memory-connections.js";

export const DIRECTORIES = storageDirectories({ metadataDir: "/data" });
const ROW_BYTES = 64;
const RING_BYTES = 1 << 20;
/** Of every entry here. */
const TERM = term(1);

export interface StoredMemberOptions {
  readonly world: SimWorld;
  readonly nodeId: NodeId;
  readonly connections: MemoryConnections;
  readonly disk: SimDisk;
}

/** A fresh SCM's directories. */
export async function newMemberDisk(seed: number): Promise<SimDisk> {
  const disk = new SimDisk();
  const { clock, random } = new SimWorld(seed);
  await initialize(disk, DIRECTORIES, { clock, random });
  return disk;
}

/** Storage, state machine and snapshots of one SCM, without consensus: the test writes its log. */
export class StoredMember {
  readonly nodeId: NodeId;
  readonly machine: ClusterState;
  readonly recovered: Recovered;
  readonly snapshots: MemberSnapshots;
  readonly flusher: StateFlusher;
  readonly scanner: TableScanner;
  readonly pipeline: AppendPipeline;
  /** Snapshots that came, in order. */
  readonly arrived: ArrivedSnapshot[] = [];
  readonly refused: StrataError[] = [];
  readonly fatal: StrataError[] = [];
  unwantedCount = 0;
  recheckCount = 0;
  openedCount = 0;
  /** The last entry that is durable in the log. */
  durableIndex: LogIndex;
  truncated: LogIndex;
  readonly #world: SimWorld;
  readonly #pool: SimWorkerPool;
  readonly #log: WorkerLink;
  readonly #state: WorkerLink;

  static async start(options: StoredMemberOptions): Promise<StoredMember> {
    const machine = newMachine();
    const recovered = await recover(options.disk, DIRECTORIES, machine, async () => undefined);
    return new StoredMember(options, machine, recovered);
  }

  private constructor(options: StoredMemberOptions, machine: ClusterState, recovered: Recovered) {
    const { world, nodeId, connections, disk } = options;
    const { scheduler, clock, random } = world;
    this.nodeId = nodeId;
    this.machine = machine;
    this.recovered = recovered;
    this.#world = world;
    this.durableIndex = recovered.last.index;
    this.truncated = recovered.truncated.index;
    this.#pool = new SimWorkerPool({
      scheduler,
      random: random.stream(`workers ${nodeId}`),
      roles: {
        log: (context) => new LogWriter(context, disk, clock),
        state: (context) => new StateWriter(context, disk, clock),
      },
    });
    this.#log = this.#pool.start("log", 0, {
      data: { path: DIRECTORIES.raft, position: recovered.log },
      ringBytes: RING_BYTES,
    });
    const state = this.#pool.start("state", 0, {
      data: { path: recovered.statePath, identity: recovered.identity },
      ringBytes: RING_BYTES,
    });
    this.#state = state;
    const handler = {
      onDurable: () => {},
      onTruncated: (index: LogIndex) => {
        this.truncated = index;
      },
    };
    this.pipeline = new AppendPipeline(this.#log, clock, handler, 1 << 16);
    this.flusher = new StateFlusher(
      {
        scheduler,
        source: machine,
        link: state,
        handler: {
          wantsDurable: () => true,
          durableIndex: () => this.durableIndex,
          onDrained: () => {},
          onFlushed: () => {},
        },
      },
      { flushIntervalMs: 10_000, flushBytes: 1 << 30, drainBytesPerTurnMax: 1 << 16 },
    );
    this.scanner = new TableScanner({ scheduler, source: machine, link: state });
    this.snapshots = new MemberSnapshots(
      {
        chainAt: (index, onChain) => {
          this.pipeline.chainAt(index, onChain);
          this.pipeline.publish();
        },
        truncatedIndex: () => this.truncated,
        onOpened: () => {
          this.openedCount++;
        },
        suspendFlushes: (onIdle) => this.flusher.suspend(onIdle),
        resumeFlushes: () => this.flusher.resume(),
      },
      {
        nodeId,
        clock,
        scheduler,
        state,
        machine,
        dialer: connections.dialerOf(nodeId),
        recheckContainers: () => {
          this.recheckCount++;
        },
        onSendFailed: (error) => this.refused.push(error),
        onRefused: (_, error) => this.refused.push(error),
        onUnwanted: () => {
          this.unwantedCount++;
        },
        onFatal: (error) => this.fatal.push(error),
      },
    );
    this.snapshots.receiver.onArrived = (arrived) => this.arrived.push(arrived);
    connections.listen(nodeId, this.snapshots.accept);
    this.#listen();
  }

  /** Puts a batch into the log, durably, and applies it. */
  async apply(...operations: Operation[]): Promise<void> {
    const batch = new TurnBatch();
    for (const operation of operations) batch.add(operation);
    const payload = batch.take(1_700_000_000_000 + this.durableIndex);
    const index = logIndex(this.durableIndex + 1);
    await this.#append({ index, term: TERM, type: ENTRY_TYPE.NORMAL, payload });
    this.machine.apply(index, TERM, payload, undefined);
  }

  /** The group has these members from here on. */
  async applyMembers(change: ConfChange, confState: ConfState): Promise<void> {
    const index = logIndex(this.durableIndex + 1);
    const payload = encodeConfChange(change);
    await this.#append({ index, term: TERM, type: ENTRY_TYPE.CONF_CHANGE_V2, payload });
    this.machine.applyConfChange(index, TERM, confState, change.context);
  }

  /** Writes the state, durably. */
  async flush(): Promise<void> {
    this.flusher.start();
    await this.#world.scheduler.runUntil("the flush ends", () => this.flusher.isIdle);
  }

  async truncate(index: LogIndex): Promise<void> {
    this.pipeline.truncate(index);
    this.pipeline.publish();
    await this.#world.scheduler.runUntil("the log is truncated", () => this.truncated >= index);
  }

  /** What the core would be given. */
  async snapshot(): Promise<Snapshot> {
    const { sender } = this.snapshots;
    let snapshot = sender.snapshot();
    if (snapshot === "pending") {
      const before = this.openedCount;
      await this.#world.scheduler.runUntil("a snapshot is open", () => this.openedCount > before);
      snapshot = sender.snapshot();
    }
    return snapshot as Snapshot;
  }

  /** Whether it was delivered, once that is known. */
  send(to: StoredMember, snapshot: Snapshot, leaderTerm = 1): { isDelivered: boolean | undefined } {
    const outcome: { isDelivered: boolean | undefined } = { isDelivered: undefined };
    const message: Snap = {
      kind: MESSAGE_KIND.SNAP,
      from: this.nodeId,
      to: to.nodeId,
      term: term(leaderTerm),
      snapshot,
    };
    this.snapshots.sender.send(message, (isDelivered) => {
      outcome.isDelivered = isDelivered;
    });
    return outcome;
  }

  /** The log goes over to it; resolves when that is durable. */
  async installLog({ message, chain, stateDirectory }: ArrivedSnapshot): Promise<void> {
    const { snapshot } = message;
    const { index } = snapshot.id;
    let isInstalled = false;
    const hardState = { term: message.term, vote: NO_NODE, commit: index };
    const append = {
      kind: MESSAGE_KIND.STORAGE_APPEND,
      from: this.nodeId,
      to: this.nodeId,
      term: message.term,
      entries: [],
      hardState,
      snapshot,
      responses: [],
    } as const;
    this.pipeline.install(append, { chain, stateDirectory }, () => {
      isInstalled = true;
    });
    this.pipeline.publish();
    await this.#world.scheduler.runUntil("the log holds the snapshot", () => isInstalled);
    this.durableIndex = index;
    this.truncated = index;
  }

  /** State thread and tables go over to it. */
  async installState(arrived: ArrivedSnapshot): Promise<void> {
    let isInstalled = false;
    this.snapshots.receiver.install(arrived, () => {
      isInstalled = true;
    });
    await this.#world.scheduler.runUntil("the state is the snapshot's", () => isInstalled);
  }

  async install(arrived: ArrivedSnapshot): Promise<void> {
    await this.installLog(arrived);
    await this.installState(arrived);
  }

  /** Ends both threads in order. */
  async stop(): Promise<void> {
    this.snapshots.stop();
    this.flusher.stop();
    await this.#world.scheduler.settle(this.#pool.close());
  }

  /** Neither thread does anything any more. */
  terminate(): void {
    this.#pool.terminate("log", 0);
    this.#pool.terminate("state", 0);
    this.snapshots.stop();
    this.flusher.stop();
  }

  async #append(entry: Parameters<AppendPipeline["append"]>[0]["entries"][number]): Promise<void> {
    const message = {
      kind: MESSAGE_KIND.STORAGE_APPEND,
      from: this.nodeId,
      to: this.nodeId,
      term: entry.term,
      entries: [entry],
      hardState: { term: entry.term, vote: NO_NODE, commit: entry.index },
      snapshot: undefined,
      responses: [],
    } as const;
    this.pipeline.append(message, true);
    this.pipeline.publish();
    await this.#world.scheduler.runUntil("the entry is durable", () => this.pipeline.unansweredCount === 0);
    this.durableIndex = entry.index;
  }

  #listen(): void {
    const log = this.#log;
    const state = this.#state;
    log.onRecord = (kind, offset) => this.pipeline.onRecord(kind, offset, log.receiver.view);
    state.onRecord = (kind, offset) => {
      if (this.snapshots.onStateRecord(kind, offset)) return;
      if (kind === STATE_RECORD.FLUSHED) this.flusher.onFlushed(offset, state.receiver.view);
      else this.scanner.onRecord(kind, offset);
    };
  }
}

export function newMachine(): ClusterState {
  return new ClusterState({
    allocateStripe: () => new SharedArrayBuffer(STRIPE_ROWS * ROW_BYTES),
    onReplicationConfig: () => undefined,
    onContainerChanged: () => undefined,
    onNodeIntent: () => undefined,
    onPipelineChanged: () => undefined,
  });
}
