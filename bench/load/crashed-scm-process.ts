import type { ClusterState } from "../../engine/cluster/cluster-state.js";
import { NO_SESSION, OPERATION, type Operation } from "../../engine/cluster/operation.js";
import { TurnBatch } from "../../engine/cluster/turn-batch.js";
import { assert } from "../../engine/core/assert.js";
import type { Disk, Store, StoreBatch, StoreOptions } from "../../engine/core/disk.js";
import { logIndex, term } from "../../engine/core/ids.js";
import { SeededRandom } from "../../engine/core/random.js";
import { NodeClock } from "../../engine/host/node-clock.js";
import { ENTRY_TYPE, nodeId } from "../../engine/raft/types.js";
import { LogStore } from "../../engine/storage/log-store.js";
import { NodeDisk } from "../../engine/storage/node-disk.js";
import type { Recovered } from "../../engine/storage/recovered.js";
import { emptyCluster, fillingOperations } from "../harness/cluster.js";
import { recoveredNew } from "../harness/storage.js";
import type { CrashedScmOptions } from "./crashed-scm.js";
import { StateFlushes } from "./state-flushes.js";

/** Makes an entry of 256 B. */
const IDS_PER_ENTRY = 26;

/** The log up to its end, the state up to where the last flush saw it. */
async function fill(
  disk: Disk,
  path: string,
  recovered: Recovered,
  cluster: ClusterState,
  { entryCount, entriesPerBlob, replayCount, containerCount }: CrashedScmOptions,
): Promise<void> {
  const log = await LogStore.open(disk, path, recovered.log, new NodeClock());
  const flushes = await StateFlushes.start(cluster, recovered);
  const source = operations(recovered.identity.clusterId, containerCount);
  const batch = new TurnBatch();
  for (let index = 1; index <= entryCount; index++) {
    batch.add(source.next().value);
    const payload = batch.take(Date.now());
    const entry = { term: term(1), type: ENTRY_TYPE.NORMAL, bytes: payload, start: 0, end: payload.length };
    log.append(logIndex(index), entry);
    // What comes after the last flush is never flushed, so it need not be applied.
    if (index <= entryCount - replayCount) cluster.apply(logIndex(index), term(1), payload, undefined);
    if ((entryCount - index) % replayCount === 0 && index < entryCount) await flushes.flush();
    if (index % entriesPerBlob !== 0 && index !== entryCount) continue;
    // The commit index of an append is the one that was known when it was handed out.
    log.setHardState({ term: term(1), vote: nodeId(1), commit: log.last.index });
    log.commit();
    log.markWhenDue();
  }
}

/** First those that fill the tables, then changes without end. */
function* operations(clusterId: string, containerCount: number): Generator<Operation, never> {
  yield* fillingOperations(clusterId, containerCount);
  const random = new SeededRandom(1);
  for (let number = 0; ; number++) {
    const containerIds = Array.from({ length: IDS_PER_ENTRY }, () => 1 + random.below(containerCount));
    const suppress = number % 2 === 0;
    yield { kind: OPERATION.suppressContainers, session: NO_SESSION, suppress, containerIds };
  }
}

/** The same bytes without the waiting: what is killed is a process, so the page cache keeps them. */
class UnsyncedDisk extends NodeDisk {
  override async openStore(path: string, storeOptions: StoreOptions): Promise<Store> {
    return unsynced(await super.openStore(path, storeOptions));
  }
}

function unsynced(store: Store): Store {
  const batch = (): StoreBatch => {
    const inner = store.batch();
    return {
      put: (column, key, value) => inner.put(column, key, value),
      delete: (column, key) => inner.delete(column, key),
      write: () => inner.write({ sync: false }),
    };
  };
  return {
    batch,
    get: (column, key) => store.get(column, key),
    scan: (column, range) => store.scan(column, range),
    clear: (column, range) => store.clear(column, range),
    close: () => store.close(),
  };
}

/** Started by `leaveCrashedScm`: writes what an SCM would have written, and kills itself. */
const options = JSON.parse(process.argv[2] ?? "null") as CrashedScmOptions | null;
assert(options !== null, "the process is started with its options");
process.on("disconnect", () => process.exit(1));

const disk = new UnsyncedDisk();
const cluster = emptyCluster();
const { directories, recovered } = await recoveredNew(disk, options.directory, cluster);
await fill(disk, directories.raft, recovered, cluster, options);
process.kill(process.pid, "SIGKILL");
