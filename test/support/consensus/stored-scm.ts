import { ClusterState } from "../../../engine/cluster/cluster-state.js";
import type { Operation } from "../../../engine/cluster/operation.js";
import { NO_SESSION, OPERATION } from "../../../engine/cluster/operation.js";
import { RaftHost } from "../../../engine/consensus/raft-host.js";
import type { RaftHostOptions } from "../../../engine/consensus/raft-host-options.js";
import { DEFAULT_RAFT_HOST_OPTIONS } from "../../../engine/consensus/raft-host-options.js";
import { SILENT_TRACE } from "../../../engine/raft/trace.js";
import { storageDirectories } from "../../../engine/storage/directories.js";
import { initialize } from "../../../engine/storage/initialize.js";
import type { Recovered } from "../../../engine/storage/recovered.js";
import { recover } from "../../../engine/storage/recovery.js";
import { LogWriter } from "../../../workers/log/log-writer.js";
import { STRIPE_ROWS } from "../../../workers/shared/container-layout.js";
import { StateWriter } from "../../../workers/state/state-writer.js";
import type { SimDisk } from "../simulation/sim-disk.js";
import { SimWorkerPool } from "../simulation/sim-workers.js";
import { SimWorld } from "../simulation/sim-world.js";
import { NO_PEERS } from "./no-peers.js";
import { NO_SNAPSHOTS } from "./no-snapshots.js";

const DIRECTORIES = storageDirectories({ metadataDir: "/data" });
const ROW_BYTES = 64;

/** Makes the directories of a fresh cluster on `disk`. */
export async function initializeDisk(disk: SimDisk, seed: number): Promise<void> {
  const { clock, random } = new SimWorld(seed);
  await initialize(disk, DIRECTORIES, { clock, random });
}

/** One life of the replicated part of an SCM: recovery, both storage threads, host and state, on a simulated
 * disk. A crash is to crash the disk and never to run this life's scheduler again. */
export class StoredScm {
  readonly world: SimWorld;
  readonly machine: ClusterState;
  readonly host: RaftHost;
  readonly recovered: Recovered;
  /** With what the log thread ended. */
  readonly logEnded: Promise<Error | undefined>;
  readonly #pool: SimWorkerPool;

  private constructor(
    disk: SimDisk,
    world: SimWorld,
    machine: ClusterState,
    recovered: Recovered,
    options: RaftHostOptions,
  ) {
    this.world = world;
    this.machine = machine;
    this.recovered = recovered;
    const { scheduler, clock, random } = world;
    this.#pool = new SimWorkerPool({
      scheduler,
      random: random.stream("workers"),
      roles: {
        log: (context) => new LogWriter(context, disk, clock),
        state: (context) => new StateWriter(context, disk, clock),
      },
    });
    const ringBytes = 1 << 20;
    const log = this.#pool.start("log", 0, {
      data: { path: DIRECTORIES.raft, position: recovered.log },
      ringBytes,
    });
    this.logEnded = log.ended;
    const state = this.#pool.start("state", 0, {
      data: { path: recovered.statePath, identity: recovered.identity },
      ringBytes,
    });
    this.host = new RaftHost(
      {
        clock,
        scheduler,
        random: random.stream("raft"),
        log,
        state,
        stateMachine: machine,
        recovered,
        trace: SILENT_TRACE,
        peers: () => NO_PEERS,
        snapshots: () => NO_SNAPSHOTS,
        seed: () => this.#seed(),
        waitingSinceMs: () => undefined,
      },
      options,
    );
  }

  /** Starts on what `disk` holds, up to the point where the leader serves. */
  static async start(disk: SimDisk, seed: number, options: Partial<RaftHostOptions>): Promise<StoredScm> {
    const machine = new ClusterState({
      allocateStripe: () => new SharedArrayBuffer(STRIPE_ROWS * ROW_BYTES),
      onReplicationConfig: () => undefined,
      onContainerChanged: () => undefined,
      onNodeIntent: () => undefined,
      onPipelineChanged: () => undefined,
    });
    const recovered = await recover(disk, DIRECTORIES, machine, async () => undefined);
    const world = new SimWorld(seed);
    const all = { ...DEFAULT_RAFT_HOST_OPTIONS, entryBytesMax: 1 << 16, batchBytesMax: 1 << 14, ...options };
    const scm = new StoredScm(disk, world, machine, recovered, all);
    scm.host.start();
    await world.scheduler.runUntil("the leader serves", () => scm.host.leadership.leaderReady);
    return scm;
  }

  /** Stops the host, then the threads. */
  async stop(): Promise<void> {
    let isStopped = false;
    this.host.stop(5000, () => {
      isStopped = true;
    });
    await this.world.scheduler.runUntil("the host stops", () => isStopped);
    await this.world.scheduler.settle(this.#pool.close());
  }

  #seed(): Operation | undefined {
    if (this.machine.clusterId !== "") return undefined;
    const { identity, floors } = this.recovered;
    return {
      kind: OPERATION.seedCluster,
      session: NO_SESSION,
      clusterId: identity.clusterId,
      importAllowed: floors.given,
      localIdFloor: floors.localIdFloor,
      termFloor: floors.termFloor,
    };
  }
}
