import type { ClusterState } from "../../engine/cluster/cluster-state.js";
import { NO_SESSION, OPERATION, type Operation } from "../../engine/cluster/operation.js";
import { TurnBatch } from "../../engine/cluster/turn-batch.js";
import { assert } from "../../engine/core/assert.js";
import { logIndex, term } from "../../engine/core/ids.js";
import { NodeClock } from "../../engine/host/node-clock.js";
import { ENTRY_TYPE, nodeId } from "../../engine/raft/types.js";
import { LogStore } from "../../engine/storage/log-store.js";
import { NodeDisk } from "../../engine/storage/node-disk.js";
import { FleetPlan } from "../fleet/plan.js";
import { emptyCluster } from "../harness/cluster.js";
import { recoveredNew } from "../harness/storage.js";
import type { FilledScmOptions } from "./filled-scm.js";
import { StateFlushes } from "./state-flushes.js";

const PIPELINES_PER_ENTRY = 100;
/** 32 MB of pages. */
const CONTAINERS_PER_FLUSH = 524_288;
const NO_PAYLOAD = new Uint8Array(0);

/** The log and the state of an SCM, as one term writes them. */
class Filler {
  readonly #cluster: ClusterState;
  readonly #log: LogStore;
  readonly #flushes: StateFlushes;
  readonly #batch = new TurnBatch();

  constructor(cluster: ClusterState, log: LogStore, flushes: StateFlushes) {
    this.#cluster = cluster;
    this.#log = log;
    this.#flushes = flushes;
  }

  apply(operation: Operation): void {
    this.#batch.add(operation);
    this.#applyEntry(this.#batch.take(Date.now()));
  }

  /** What was put into the tables since the last flush belongs to an entry without operations. */
  async flush(): Promise<void> {
    this.#applyEntry(NO_PAYLOAD);
    await this.#flushes.flush(true);
  }

  #applyEntry(bytes: Uint8Array): void {
    const index = logIndex(this.#cluster.appliedIndex + 1);
    const entry = { term: term(1), type: ENTRY_TYPE.NORMAL, bytes, start: 0, end: bytes.length };
    this.#log.append(index, entry);
    this.#log.setHardState({ term: term(1), vote: nodeId(1), commit: index });
    this.#log.commit();
    this.#log.markWhenDue();
    this.#cluster.apply(index, term(1), bytes, undefined);
  }
}

async function fill(
  filler: Filler,
  cluster: ClusterState,
  clusterId: string,
  plan: FleetPlan,
): Promise<void> {
  filler.apply({
    kind: OPERATION.seedCluster,
    session: NO_SESSION,
    clusterId,
    importAllowed: true,
    localIdFloor: 0n,
    termFloor: 0,
  });
  for (let first = 0; first < plan.nodeCount; first += PIPELINES_PER_ENTRY) {
    const count = Math.min(PIPELINES_PER_ENTRY, plan.nodeCount - first);
    const pipelines = Array.from({ length: count }, (_, i) => plan.pipeline(first + i));
    filler.apply({ kind: OPERATION.importBatch, session: NO_SESSION, pipelines, containers: [] });
  }
  cluster.sequences.raise("containerId", BigInt(plan.containerCount));
  for (let id = 1; id <= plan.containerCount; id++) {
    cluster.containers.add(plan.container(id));
    if (id % CONTAINERS_PER_FLUSH === 0) await filler.flush();
  }
  await filler.flush();
}

/** Started by `leaveFilledScm`. */
const options = JSON.parse(process.argv[2] ?? "null") as FilledScmOptions | null;
assert(options !== null, "the process is started with its options");
process.on("disconnect", () => process.exit(1));

const disk = new NodeDisk();
const cluster = emptyCluster();
const { directories, recovered } = await recoveredNew(disk, options.directory, cluster);
const log = await LogStore.open(disk, directories.raft, recovered.log, new NodeClock());
const flushes = await StateFlushes.start(cluster, recovered);
const plan = new FleetPlan(options.plan);
await fill(new Filler(cluster, log, flushes), cluster, recovered.identity.clusterId, plan);
await flushes.stop();
await log.close();
process.exit(0);
