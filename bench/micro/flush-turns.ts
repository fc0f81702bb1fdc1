import type { ClusterState } from "../../engine/cluster/cluster-state.js";
import { PAGE_ROWS } from "../../engine/cluster/containers/container-table.js";
import { NO_SESSION, OPERATION } from "../../engine/cluster/operation.js";
import { TurnBatch } from "../../engine/cluster/turn-batch.js";
import { DEFAULT_RAFT_HOST_OPTIONS } from "../../engine/consensus/raft-host-options.js";
import { StateFlusher } from "../../engine/consensus/state-flusher.js";
import { assert } from "../../engine/core/assert.js";
import { logIndex, term } from "../../engine/core/ids.js";
import { SeededRandom } from "../../engine/core/random.js";
import type { Scheduler, Timer } from "../../engine/core/scheduler.js";
import { NodeScheduler } from "../../engine/host/node-scheduler.js";
import type { Recovered } from "../../engine/storage/recovered.js";
import type { WorkerPool } from "../../workers/pool/worker-pool.js";
import type { WorkerLink } from "../../workers/shared/worker-link.js";
import type { StateWriterData } from "../../workers/state/state-writer.js";
import { fillingOperations } from "../harness/cluster.js";
import { Histogram } from "../harness/histogram.js";
import { CoreWait } from "../harness/thread-cpu.js";

/** As by default (`strata.ring.state.size`). */
const STATE_RING_BYTES = 8 << 20;
/** Of the entry that is applied in each turn while a flush goes on; every other id lies in a frozen page. */
const IDS_PER_TURN = 64;

/** Flushes of one kind together. */
export interface FlushTimes {
  /** How long the flusher holds main in one turn, in µs: the freeze with the first piece, or a piece. Less
   * what main waited for a core meanwhile. */
  readonly heldUs: Histogram;
  /** The same with the waiting. */
  readonly elapsedUs: Histogram;
  /** Whole turns from freeze to answer, in µs: flusher, applies, answers, collector. */
  readonly turnUs: Histogram;
  /** Pages and rows, and their bytes. */
  rows: number;
  bytes: number;
  /** From freeze to answer. */
  ms: number;
  /** Ids in entries that were applied meanwhile. */
  appliedIds: number;
}

/** A filled state, its flusher on main's event loop, and the state thread. */
export class FlushTurns {
  readonly #cluster: ClusterState;
  readonly #containerCount: number;
  readonly #link: WorkerLink;
  readonly #flusher: StateFlusher;
  readonly #coreWait = new CoreWait();
  readonly #random = new SeededRandom(1);
  readonly #batch = new TurnBatch();
  #times = newTimes();
  /** First ids of the pages that the present flush was frozen with. */
  #frozenIds: number[] = [];
  #isFlushed = false;

  /** Fills `cluster`, the empty one that recovery left, and has all of it flushed. */
  static async start(
    pool: WorkerPool,
    { statePath: path, identity }: Recovered,
    cluster: ClusterState,
    containerCount: number,
  ): Promise<FlushTurns> {
    const data: StateWriterData = { path, identity };
    const link = pool.start("state", 0, { data, ringBytes: STATE_RING_BYTES });
    const turns = new FlushTurns(link, cluster, containerCount);
    await link.started;
    for (const operation of fillingOperations(identity.clusterId, containerCount)) {
      turns.#batch.add(operation);
      turns.#applyBatch();
    }
    await turns.#flush(newTimes(), false);
    return turns;
  }

  private constructor(link: WorkerLink, cluster: ClusterState, containerCount: number) {
    this.#link = link;
    this.#cluster = cluster;
    this.#containerCount = containerCount;
    const scheduler = timed(new NodeScheduler(), (task) => this.#hold(task));
    const handler = {
      wantsDurable: (): boolean => false,
      durableIndex: () => cluster.appliedIndex,
      onDrained: (): void => undefined,
      onFlushed: (): void => {
        this.#isFlushed = true;
      },
    };
    // Only when this asks for it.
    const never = { flushIntervalMs: 2 ** 31 - 1, flushBytes: Number.POSITIVE_INFINITY };
    const options = { ...DEFAULT_RAFT_HOST_OPTIONS, ...never };
    this.#flusher = new StateFlusher({ scheduler, source: cluster, link, handler }, options);
    link.onRecord = (_, offset) => this.#flusher.onFlushed(offset, link.receiver.view);
  }

  /** Changes a container in each of `pageCount` pages and flushes them, `flushCount` times.
   * @param withApplies an entry is applied in each turn meanwhile. */
  async run(flushCount: number, pageCount: number, withApplies: boolean): Promise<FlushTimes> {
    const times = newTimes();
    for (let i = 0; i < flushCount; i++) {
      // What applies have left dirty is not of this flush.
      await this.#flush(newTimes(), false);
      this.#frozenIds = this.#changePages(pageCount);
      await this.#flush(times, withApplies);
    }
    return times;
  }

  async stop(): Promise<void> {
    this.#flusher.stop();
    this.#coreWait.close();
    await this.#link.stop();
  }

  async #flush(times: FlushTimes, withApplies: boolean): Promise<void> {
    this.#times = times;
    const { rows, bytes } = this.#flusher.counters;
    this.#isFlushed = false;
    await turn();
    const startMs = performance.now();
    this.#hold(() => this.#flusher.start());
    for (let beganMs = startMs; !this.#isFlushed; ) {
      if (withApplies) this.#applyMeanwhile();
      await turn();
      const nowMs = performance.now();
      times.turnUs.record((nowMs - beganMs) * 1000);
      beganMs = nowMs;
    }
    times.ms += performance.now() - startMs;
    times.rows += this.#flusher.counters.rows - rows;
    times.bytes += this.#flusher.counters.bytes - bytes;
  }

  #hold(task: () => void): void {
    const waitedUs = this.#coreWait.us();
    const startMs = performance.now();
    task();
    const elapsedUs = (performance.now() - startMs) * 1000;
    this.#times.elapsedUs.record(elapsedUs);
    this.#times.heldUs.record(elapsedUs - (this.#coreWait.us() - waitedUs));
  }

  /** Changes one container in each of some random pages; answers their ids. */
  #changePages(pageCount: number): number[] {
    const pages = new Set<number>();
    // Page 0 begins with id 0, which no container has, and the last one may not be full.
    const last = Math.floor(this.#containerCount / PAGE_ROWS);
    assert(last > pageCount, "there are more pages than are changed");
    while (pages.size < pageCount) pages.add(1 + this.#random.below(last - 1));
    const ids = [...pages].map((page) => page * PAGE_ROWS + this.#random.below(PAGE_ROWS));
    this.#toggle(ids);
    return ids;
  }

  #applyMeanwhile(): void {
    const ids = new Set<number>();
    while (ids.size < IDS_PER_TURN) {
      ids.add(this.#frozenIds[this.#random.below(this.#frozenIds.length)] as number);
      ids.add(1 + this.#random.below(this.#containerCount));
    }
    this.#toggle([...ids]);
    this.#times.appliedIds += ids.size;
  }

  #toggle(ids: readonly number[]): void {
    const { table } = this.#cluster.containers;
    for (const suppress of [true, false]) {
      const containerIds = ids.filter((id) => table.isSuppressed(id) !== suppress);
      this.#batch.add({ kind: OPERATION.suppressContainers, session: NO_SESSION, suppress, containerIds });
    }
    this.#applyBatch();
  }

  #applyBatch(): void {
    const payload = this.#batch.take(Date.now());
    this.#cluster.apply(logIndex(this.#cluster.appliedIndex + 1), term(1), payload, undefined);
  }
}

function newTimes(): FlushTimes {
  const [heldUs, elapsedUs, turnUs] = [new Histogram(), new Histogram(), new Histogram()];
  return { heldUs, elapsedUs, turnUs, rows: 0, bytes: 0, ms: 0, appliedIds: 0 };
}

/** A scheduler whose tasks run within `hold`. */
function timed(scheduler: Scheduler, hold: (task: () => void) => void): Scheduler {
  return {
    after: (delayMs, task): Timer => scheduler.after(delayMs, () => hold(task)),
    every: (intervalMs, task): Timer => scheduler.every(intervalMs, () => hold(task)),
    endOfTurn: (task) => scheduler.endOfTurn(() => hold(task)),
  };
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
