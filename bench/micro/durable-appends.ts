import { setTimeout as sleep } from "node:timers/promises";
import { AppendPipeline } from "../../engine/consensus/append-pipeline.js";
import { DEFAULT_RAFT_HOST_OPTIONS } from "../../engine/consensus/raft-host-options.js";
import { assert } from "../../engine/core/assert.js";
import { logIndex, term } from "../../engine/core/ids.js";
import { SeededRandom } from "../../engine/core/random.js";
import { NodeClock } from "../../engine/host/node-clock.js";
import { MESSAGE_KIND, type StorageAppend } from "../../engine/raft/message.js";
import type { Entry } from "../../engine/raft/types.js";
import { ENTRY_TYPE, LOCAL_APPEND_THREAD, nodeId } from "../../engine/raft/types.js";
import type { Recovered } from "../../engine/storage/recovered.js";
import type { LogWriterData } from "../../workers/log/log-writer.js";
import type { PooledLink } from "../../workers/pool/pooled-link.js";
import type { WorkerPool } from "../../workers/pool/worker-pool.js";
import { LOG_RECORD, newLogAppended, readLogAppended } from "../../workers/shared/log-records.js";
import { Histogram } from "../harness/histogram.js";
import { processCpuNs, threadCpuNs } from "../harness/thread-cpu.js";

const ENTRY_PAYLOAD_BYTES = 256;
/** As the host does: one append is being synced, one lies ready (raft-host.ts). */
const APPENDS_IN_FLIGHT_MAX = 2;
/** As by default (`strata.ring.log.size`). */
const LOG_RING_BYTES = 8 << 20;
/** Payloads are cut from bytes that no compression makes smaller. */
const PAYLOAD_POOL_BYTES = 1 << 20;

export interface AppendTimes {
  readonly entriesPerSecond: number;
  readonly entriesPerSync: number;
  /** Of a synced write on the log thread. */
  readonly syncUs: Histogram;
  /** CPU of one entry on each thread, in ns; `others` are RocksDB's own. */
  readonly logCpuNs: number;
  readonly mainCpuNs: number;
  readonly othersCpuNs: number;
}

/** The log thread behind the pipeline of main, and clients that each wait for their entry to be durable and
 * then append the next one. A batch is what has gathered when the pipeline has room, as in the host. */
export class DurableAppends {
  readonly #link: PooledLink;
  readonly #pipeline: AppendPipeline;
  readonly #payloads: Uint8Array;
  readonly #answer = newLogAppended();
  #syncUs = new Histogram();
  #lastIndex: number;
  /** Clients whose entry is not handed out. */
  #waitingCount = 0;
  #isRunning = false;
  #inFlightCount = 0;
  #durableCount = 0;
  #syncCount = 0;
  #onIdle: (() => void) | undefined;

  static async start(pool: WorkerPool, path: string, recovered: Recovered): Promise<DurableAppends> {
    const data: LogWriterData = { path, position: recovered.log };
    const link = pool.start("log", 0, { data, ringBytes: LOG_RING_BYTES }) as PooledLink;
    const appends = new DurableAppends(link, recovered.last.index);
    await link.started;
    return appends;
  }

  private constructor(link: PooledLink, lastIndex: number) {
    this.#link = link;
    this.#lastIndex = lastIndex;
    const random = new SeededRandom(1);
    this.#payloads = Uint8Array.from({ length: PAYLOAD_POOL_BYTES }, () => random.below(256));
    const handler = {
      onDurable: (): void => this.#onDurable(),
      onTruncated: (): void => assert(false, "nothing is truncated"),
    };
    const { entryBytesMax } = DEFAULT_RAFT_HOST_OPTIONS;
    this.#pipeline = new AppendPipeline(link, new NodeClock(), handler, entryBytesMax);
    link.onRecord = (kind, offset) => {
      assert(kind === LOG_RECORD.APPENDED, "only appends are answered");
      readLogAppended(link.receiver.view, offset, this.#answer);
      if (this.#answer.syncCount > 0) this.#syncUs.record(this.#answer.syncUs / this.#answer.syncCount);
      this.#syncCount += this.#answer.syncCount;
      this.#pipeline.onRecord(kind, offset, link.receiver.view);
    };
    link.onBatchEnd = () => this.#handOut();
  }

  /** Lets `clientCount` clients append for some seconds, after half as long for the code to get compiled. */
  async run(clientCount: number, seconds: number): Promise<AppendTimes> {
    this.#isRunning = true;
    this.#waitingCount = clientCount;
    this.#handOut();
    await sleep(seconds * 500);
    this.#syncUs = new Histogram();
    const before = this.#look();
    await sleep(seconds * 1000);
    const after = this.#look();
    const syncUs = this.#syncUs;
    this.#isRunning = false;
    await new Promise<void>((resolve) => {
      this.#onIdle = resolve;
    });
    const entries = after.durableCount - before.durableCount;
    const [logCpuNs, mainCpuNs] = [after.logNs - before.logNs, after.mainNs - before.mainNs];
    return {
      entriesPerSecond: (entries / (after.atMs - before.atMs)) * 1000,
      entriesPerSync: entries / (after.syncCount - before.syncCount),
      syncUs,
      logCpuNs: logCpuNs / entries,
      mainCpuNs: mainCpuNs / entries,
      othersCpuNs: (after.allNs - before.allNs - logCpuNs - mainCpuNs) / entries,
    };
  }

  async stop(): Promise<void> {
    await this.#link.stop();
  }

  #look() {
    return {
      atMs: performance.now(),
      durableCount: this.#durableCount,
      syncCount: this.#syncCount,
      logNs: threadCpuNs(process.pid, this.#link.threadId) ?? 0,
      mainNs: threadCpuNs(process.pid, process.pid) ?? 0,
      allNs: processCpuNs(process.pid),
    };
  }

  #onDurable(): void {
    const { entryCount } = this.#answer;
    this.#inFlightCount -= entryCount;
    this.#durableCount += entryCount;
    if (this.#isRunning) this.#waitingCount += entryCount;
    else if (this.#inFlightCount === 0) this.#onIdle?.();
  }

  #handOut(): void {
    this.#pipeline.resume();
    if (this.#waitingCount > 0 && this.#pipeline.unansweredCount < APPENDS_IN_FLIGHT_MAX) {
      this.#inFlightCount += this.#waitingCount;
      this.#pipeline.append(this.#nextAppend(this.#waitingCount), true);
      this.#waitingCount = 0;
    }
    this.#pipeline.publish();
  }

  #nextAppend(entryCount: number): StorageAppend {
    return {
      kind: MESSAGE_KIND.STORAGE_APPEND,
      from: nodeId(1),
      to: LOCAL_APPEND_THREAD,
      term: term(1),
      entries: Array.from({ length: entryCount }, () => this.#nextEntry()),
      hardState: undefined,
      snapshot: undefined,
      responses: [],
    };
  }

  #nextEntry(): Entry {
    const index = logIndex(++this.#lastIndex);
    const at = (index * ENTRY_PAYLOAD_BYTES) % PAYLOAD_POOL_BYTES;
    const payload = this.#payloads.subarray(at, at + ENTRY_PAYLOAD_BYTES);
    return { term: term(1), index, type: ENTRY_TYPE.NORMAL, payload };
  }
}
