import type { ClusterState } from "../../engine/cluster/cluster-state.js";
import { NodeScheduler } from "../../engine/host/node-scheduler.js";
import type { Recovered } from "../../engine/storage/recovered.js";
import { scmWorkerPool } from "../../workers/pool/roles.js";
import type { WorkerPool } from "../../workers/pool/worker-pool.js";
import { newStateFlushed, readStateFlushed, StateRecordWriter } from "../../workers/shared/state-records.js";
import type { WorkerLink } from "../../workers/shared/worker-link.js";
import type { StateWriterData } from "../../workers/state/state-writer.js";

const STATE_RING_BYTES = 8 << 20;

/** A state without an SCM around it, and the state thread that writes it. */
export class StateFlushes {
  readonly #cluster: ClusterState;
  readonly #pool: WorkerPool;
  readonly #link: WorkerLink;
  readonly #writer: StateRecordWriter;
  readonly #flushed = newStateFlushed();

  static async start(cluster: ClusterState, recovered: Recovered): Promise<StateFlushes> {
    const { statePath: path, identity } = recovered;
    const pool = scmWorkerPool({ scheduler: new NodeScheduler(), shardCount: 1 });
    const data: StateWriterData = { path, identity };
    const link = pool.start("state", 0, { data, ringBytes: STATE_RING_BYTES });
    await link.started;
    return new StateFlushes(cluster, pool, link);
  }

  private constructor(cluster: ClusterState, pool: WorkerPool, link: WorkerLink) {
    this.#cluster = cluster;
    this.#pool = pool;
    this.#link = link;
    this.#writer = new StateRecordWriter(link.sender);
    link.onRecord = (_, offset) => readStateFlushed(link.receiver.view, offset, this.#flushed);
  }

  /** Has what changed since the last flush written. */
  async flush(durable = false): Promise<void> {
    const { appliedIndex } = this.#cluster;
    this.#cluster.freeze();
    while (!this.#cluster.drain(this.#writer, STATE_RING_BYTES)) await turn();
    while (!this.#writer.commit(appliedIndex, durable)) await turn();
    this.#link.sender.publish();
    while (this.#flushed.appliedIndex < appliedIndex) await turn();
    this.#cluster.flushed();
  }

  async stop(): Promise<void> {
    await this.#link.stop();
    await this.#pool.destroy();
  }
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
