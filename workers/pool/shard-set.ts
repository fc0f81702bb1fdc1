import { assert } from "../../engine/core/assert.js";
import { StrataError } from "../../engine/core/errors.js";
import type { ContainerId, NodeSlot } from "../../engine/core/ids.js";
import type { Scheduler, Timer } from "../../engine/core/scheduler.js";
import { CONTAINER_ROW, STRIPE_ROWS, stripeOf } from "../shared/container-layout.js";
import { allocateReplicaStripe, OVERFLOW_BLOCK, REPLICA_STRIPE_BYTES } from "../shared/replica-layout.js";
import { REPLICATION_ROW, REPLICATIONS_BYTES } from "../shared/shard-layout.js";
import {
  type LiveUsage,
  NODE_IDS_COUNT_MAX,
  type ReplicaDecision,
  SHARD_RECORD,
} from "../shared/shard-records.js";
import type { WorkerStarter } from "../shared/worker-link.js";
import type { HolderBatch } from "./holder-batch.js";
import { HolderQueries, type HoldersDone } from "./holder-queries.js";
import { NodeIdQueries, type NodeIdsDone } from "./node-id-queries.js";
import type {
  ContainerReplicas,
  NodeIdRange,
  ReplicaStore,
  ReplicationFacts,
  ShardStatistics,
} from "./replica-store.js";
import { RowRuns } from "./row-runs.js";
import { type CheckedRows, ShardClient } from "./shard-client.js";
import { StripeHeads } from "./stripe-heads.js";

export interface ShardSetOptions {
  readonly workers: WorkerStarter;
  readonly scheduler: Scheduler;
  readonly shardCount: number;
  readonly ringBytes: number;
  /** Ids beyond all stripes that one datanode may have in one shard; more are left out. */
  readonly sideIdsPerNodeMax: number;
  /** Whether replicas of unknown containers are told: the operator has them deleted. */
  readonly sendsUnknown: boolean;
  /** A shard was terminated from outside and started again, empty: every datanode must send a full report. */
  readonly onRestart: (shard: number, error: Error) => void;
  /** The new one runs. */
  readonly onRestarted: (shard: number) => void;
  /** A shard ended by itself, by a bug or for want of memory: the process must end (ARCHITECTURE.md,
   * failure rules). */
  readonly onFailed: (error: Error) => void;
  /** Rows that found no room may be tried again. */
  readonly onRoom: () => void;
  /** A replica means something for its container. The object is used again. */
  readonly onDecision: (decision: Readonly<ReplicaDecision>) => void;
  /** Rows of the datanode were left out, beyond all stripes, that would have their place now: only a full
   * report brings them. */
  readonly onReportWanted: (slot: NodeSlot) => void;
}

/** A chunk of a full report. */
export interface CheckedChunk extends CheckedRows {
  readonly fromId: number;
  readonly toId: number;
}

/** All parts of a chunk have been merged, or a shard was lost. */
export type Merged = (error: StrataError | undefined) => void;
type QueryDone = (answer: ContainerReplicas | StrataError) => void;

interface Ticket {
  /** Shards whose part is not merged. */
  readonly shards: Set<number>;
  readonly onMerged: Merged;
}

interface Query {
  readonly shard: number;
  readonly onReplicas: QueryDone;
}

const NO_CURRENT_FIGURES = { replicaCount: 0, unknownReplicaCount: 0, sideReplicaCount: 0 };

/** Figures since start outlive the shard that counted them. */
const PAST_FIGURES = [
  "rowCount",
  "addedCount",
  "updatedCount",
  "vanishedCount",
  "rejectedCount",
  "reportCount",
  "recheckedCount",
  "decisionCount",
  "recheckDueCount",
  "staleCount",
  "unknownRowCount",
  "reportsWantedCount",
] as const;

/** Share of a ring that chunks leave free: incremental reports pass whatever the full ones do. */
const CHUNK_SPARE = 1 / 4;
/** No new full report is let in while a ring is fuller (stack-limits §7.3). */
const FILL_MAX = 1 / 2;
type PastFigure = (typeof PAST_FIGURES)[number];

/** Queries that may be without an answer. */
const QUERY_COUNT_MAX = 1024;
/** Rows that found no room are offered again after this time: a shard tells nobody that it took
 * incremental reports. */
const ROOM_RETRY_MS = 1;

/** Main's side of all shards: sends each its rows, keeps tickets until every part is merged, starts a
 * shard again that was ended from outside. */
export class ShardSet implements ReplicaStore {
  /** All threads run. */
  readonly started: Promise<void>;
  readonly #options: ShardSetOptions;
  readonly #clients: ShardClient[] = [];
  readonly #replications = new SharedArrayBuffer(REPLICATIONS_BYTES);
  readonly #stripes = new Map<number, SharedArrayBuffer>();
  readonly #heads = new StripeHeads();
  readonly #runs: RowRuns;
  readonly #tickets = new Map<number, Ticket>();
  readonly #queries = new Map<number, Query>();
  readonly #nodeQueries = new NodeIdQueries();
  readonly #holderQueries = new HolderQueries();
  #nextTicket = 1;
  #isPublishing = false;
  #retryTimer: Timer | undefined;
  #isStopping = false;
  #restartCount = 0;
  /** Since start, of shards that ended. */
  readonly #past = Object.fromEntries(PAST_FIGURES.map((name) => [name, 0])) as Record<PastFigure, number>;

  constructor(options: ShardSetOptions) {
    assert(options.shardCount >= 1, "at least one shard");
    this.#options = options;
    this.#runs = new RowRuns(options.shardCount);
    for (let shard = 0; shard < options.shardCount; shard++) this.#clients.push(this.#startShard(shard));
    this.started = Promise.all(this.#clients.map(({ link }) => link.started)).then(() => undefined);
  }

  addStripe(stripe: number, containers: SharedArrayBuffer): void {
    assert(!this.#stripes.has(stripe), `stripe ${stripe} was added before`);
    this.#stripes.set(stripe, containers);
    this.#postStripe(stripe, containers);
  }

  recheckContainers(): void {
    for (const client of this.#clients) client.postMessage({ kind: "recheck" });
  }

  containerChanged(containerId: number): void {
    this.#clientOf(stripeOf(containerId)).containerChanged(containerId);
    this.#schedulePublish();
  }

  setReplicationFacts(number: number, { type, dataCount, indexCount }: ReplicationFacts): void {
    const { fields, rowBytes } = REPLICATION_ROW;
    const row = new Uint8Array(this.#replications, number * rowBytes, rowBytes);
    row[fields.dataCount.offset] = dataCount;
    row[fields.indexCount.offset] = indexCount;
    row[fields.type.offset] = type;
  }

  purgeNode(slot: NodeSlot): void {
    for (const client of this.#clients) {
      client.purge(slot);
      if (client.isHolding) this.#retrySoon();
    }
    this.#schedulePublish();
  }

  nodeContainerCount(slot: NodeSlot): number {
    let count = 0;
    for (const client of this.#clients) count += client.nodeCount(slot);
    return count;
  }

  queryReplicas(containerId: ContainerId, onReplicas: QueryDone): void {
    const client = this.#clientOf(stripeOf(containerId));
    const ticket = this.#nextTicket++;
    if (this.#queries.size >= QUERY_COUNT_MAX || !client.query({ ticket, containerId })) {
      onReplicas(new StrataError("OVERLOADED", { reason: `shard ${client.shard} has too much to do` }));
      return;
    }
    this.#queries.set(ticket, { shard: client.shard, onReplicas });
    this.#schedulePublish();
  }

  nodeContainers(slot: NodeSlot, range: NodeIdRange, onIds: NodeIdsDone): void {
    const countMax = Math.min(range.countMax, NODE_IDS_COUNT_MAX);
    const ticket = this.#nextTicket++;
    const query = { ticket, node: slot, fromId: range.fromId, countMax };
    const isTaken =
      this.#nodeQueries.count < QUERY_COUNT_MAX && this.#clients.every((client) => client.queryNode(query));
    if (!isTaken) {
      // Answers of shards that were asked before are for nobody.
      onIds(new StrataError("OVERLOADED", { reason: "the shards have too much to do" }));
      return;
    }
    this.#nodeQueries.add(ticket, { shardCount: this.#clients.length, countMax, onIds });
    this.#schedulePublish();
  }

  queryHolders(batch: HolderBatch, onHolders: HoldersDone): void {
    const { containerIds } = batch;
    assert(containerIds.length > 0, "a question without containers");
    const positions: number[][] = this.#clients.map(() => []);
    for (let i = 0; i < containerIds.length; i++) {
      positions[this.#clientOf(stripeOf(containerIds[i] as number)).shard]?.push(i);
    }
    const ticket = this.#nextTicket++;
    const isTaken =
      this.#holderQueries.count < QUERY_COUNT_MAX &&
      this.#clients.every((client, shard) => {
        const own = positions[shard] as readonly number[];
        return own.length === 0 || client.queryHolders(ticket, containerIds, own);
      });
    if (!isTaken) {
      // Answers of shards that were asked before are for nobody.
      onHolders(new StrataError("OVERLOADED", { reason: "the shards have too much to do" }));
      return;
    }
    this.#holderQueries.add(ticket, { batch, positions, onHolders });
    this.#schedulePublish();
  }

  liveUsage(containerId: number, into: LiveUsage): boolean {
    return this.#heads.read(containerId, into);
  }

  touchUsage(containerId: number): number {
    return this.#heads.touch(containerId);
  }

  statistics(): ShardStatistics {
    const sum = { ...this.#past, ...NO_CURRENT_FIGURES, overflowBlockCount: 0, listBytes: 0 };
    for (const client of this.#clients) client.addStatistics(sum);
    const { overflowBlockCount, listBytes, ...figures } = sum;
    const rowBytes = this.#stripes.size * (STRIPE_ROWS * CONTAINER_ROW.rowBytes + REPLICA_STRIPE_BYTES);
    return { ...figures, tableBytes: rowBytes + overflowBlockCount * OVERFLOW_BLOCK.rowBytes + listBytes };
  }

  /** Whether there is room for another full report; when not, `onRoom` comes again. */
  acceptsReports(): boolean {
    return this.#clients.every(({ ringFill }) => ringFill <= FILL_MAX) || this.#full();
  }

  /** Hands a chunk of a full report over. Each shard with stripes in the range gets a part, also one
   * without rows: the chunk states that it has none there. False, and nothing happened, when a ring has
   * no room beside what is kept for incremental reports. */
  mergeChunk(chunk: CheckedChunk, onMerged: Merged): boolean {
    const { slot, rows, rowBytes, fromId, toId } = chunk;
    this.#runs.cutAscending(rows, rowBytes);
    const concerned = this.#clients.filter(({ shard }) => this.#hasStripeIn(shard, chunk));
    for (const client of concerned) {
      if (!client.hasRoom(this.#runs.rowCount(client.shard), rowBytes, CHUNK_SPARE)) return this.#full();
    }
    const ticket = this.#nextTicket++;
    const shards = new Set<number>();
    this.#tickets.set(ticket, { shards, onMerged });
    for (const client of concerned) {
      shards.add(client.shard);
      const header = {
        ticket,
        fromId,
        toId,
        rowCount: this.#runs.rowCount(client.shard),
        node: slot,
        rowBytes,
      };
      client.sendRows(SHARD_RECORD.REPORT_CHUNK, header, chunk, this.#runs);
    }
    this.#schedulePublish();
    return true;
  }

  /** Hands an incremental report over; false, and nothing happened, when a ring has no room. */
  applyIncremental(checked: CheckedRows): boolean {
    const { slot, rows, rowBytes } = checked;
    this.#runs.cutUnordered(rows, rowBytes);
    for (const client of this.#clients) {
      const rowCount = this.#runs.rowCount(client.shard);
      if (rowCount > 0 && !client.hasRoom(rowCount, rowBytes, 0)) return this.#full();
    }
    for (const client of this.#clients) {
      const rowCount = this.#runs.rowCount(client.shard);
      if (rowCount === 0) continue;
      const header = { ticket: 0, fromId: 0, toId: 0, rowCount, node: slot, rowBytes };
      client.sendRows(SHARD_RECORD.INCREMENTAL, header, checked, this.#runs);
    }
    this.#schedulePublish();
    return true;
  }

  /** How full each shard's ring is, 0 … 1. */
  ringFills(): readonly number[] {
    return this.#clients.map(({ ringFill }) => ringFill);
  }

  /** Shards that were terminated from outside and started again. */
  get restartCount(): number {
    return this.#restartCount;
  }

  /** Lets the shards finish what was handed over. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    this.#retryTimer?.cancel();
    await Promise.all(this.#clients.map(({ link }) => link.stop()));
  }

  /** No room: says so, and that there may be soon. */
  #full(): false {
    this.#retrySoon();
    return false;
  }

  /** Whether a stripe of the shard, existing or not, reaches into the range. */
  #hasStripeIn(shard: number, { fromId, toId }: CheckedChunk): boolean {
    const { shardCount } = this.#options;
    const first = stripeOf(fromId);
    const distance = (shard - (first % shardCount) + shardCount) % shardCount;
    return first + distance <= stripeOf(toId);
  }

  #clientOf(stripe: number): ShardClient {
    return this.#clients[stripe % this.#options.shardCount] as ShardClient;
  }

  #startShard(shard: number): ShardClient {
    const { workers, ringBytes, shardCount, sideIdsPerNodeMax, sendsUnknown } = this.#options;
    const client = new ShardClient({
      workers,
      ringBytes,
      start: { shard, shardCount, sideIdsPerNodeMax, sendsUnknown, replications: this.#replications },
      onMerged: (ticket) => this.#onMerged(ticket, shard),
      onDecision: (decision) => this.#options.onDecision(decision),
      onReplicas: (ticket, answer) => this.#onReplicas(ticket, answer),
      onHolders: (ticket, words, wordCount) => this.#holderQueries.answered(ticket, shard, words, wordCount),
      onNodeIds: (ticket, ids) => this.#nodeQueries.answered(ticket, ids),
      onReportWanted: (slot) => this.#options.onReportWanted(slot),
      onRoom: () => this.#offerRoom(),
    });
    let hasStarted = false;
    client.link.started.then(
      () => {
        hasStarted = true;
      },
      () => {},
    );
    void client.link.ended.then((error) => {
      if (error === undefined || this.#isStopping) return;
      // One that cannot even start would be started again for ever.
      const isTerminated = error instanceof StrataError && error.code === "WORKER_TERMINATED";
      if (isTerminated && hasStarted) this.#restart(client, error);
      else this.#options.onFailed(error);
    });
    return client;
  }

  /** Its replicas are gone and its containers unknown until new full reports came; what waited for it
   * failed. */
  #restart(lost: ShardClient, error: Error): void {
    const { shard } = lost;
    this.#restartCount++;
    const figures = { ...this.#past };
    lost.addStatistics(figures);
    for (const name of PAST_FIGURES) this.#past[name] = figures[name];
    const fresh = this.#startShard(shard);
    this.#clients[shard] = fresh;
    for (const [stripe, containers] of this.#stripes) {
      if (this.#clientOf(stripe) === fresh) this.#postStripe(stripe, containers);
    }
    // First, so that nobody takes the failed parts for the only thing that is lost.
    this.#options.onRestart(shard, error);
    // Should it not start, `ended` says so.
    fresh.link.started.then(
      () => this.#options.onRestarted(shard),
      () => {},
    );
    this.#failWaiting(shard);
  }

  #postStripe(stripe: number, containers: SharedArrayBuffer): void {
    const replicas = allocateReplicaStripe();
    this.#heads.add(stripe, replicas);
    this.#clientOf(stripe).postMessage({ kind: "stripe", stripe, containers, replicas });
  }

  #failWaiting(shard: number): void {
    const unavailable = new StrataError("SHARD_UNAVAILABLE", { shard });
    for (const [number, ticket] of [...this.#tickets]) {
      if (!ticket.shards.has(shard)) continue;
      this.#tickets.delete(number);
      ticket.onMerged(unavailable);
    }
    for (const [number, query] of [...this.#queries]) {
      if (query.shard !== shard) continue;
      this.#queries.delete(number);
      query.onReplicas(unavailable);
    }
    this.#nodeQueries.failAll(unavailable);
    this.#holderQueries.fail(shard, unavailable);
  }

  #onMerged(number: number, shard: number): void {
    const ticket = this.#tickets.get(number);
    // One that failed because another shard was lost.
    if (ticket === undefined) return;
    ticket.shards.delete(shard);
    if (ticket.shards.size > 0) return;
    this.#tickets.delete(number);
    ticket.onMerged(undefined);
  }

  #onReplicas(number: number, answer: ContainerReplicas): void {
    const query = this.#queries.get(number);
    assert(query !== undefined, "an answer without query");
    this.#queries.delete(number);
    query.onReplicas(answer);
  }

  #retrySoon(): void {
    if (this.#retryTimer !== undefined || this.#isStopping) return;
    this.#retryTimer = this.#options.scheduler.after(ROOM_RETRY_MS, () => {
      this.#retryTimer = undefined;
      this.#offerRoom();
    });
  }

  #offerRoom(): void {
    for (const client of this.#clients) {
      if (!client.sendChanges()) this.#retrySoon();
      if (!client.isHolding) continue;
      client.sendHeldPurges();
      this.#schedulePublish();
      if (client.isHolding) this.#retrySoon();
    }
    this.#options.onRoom();
  }

  /** Once a turn: the rings wake their readers then. */
  #schedulePublish(): void {
    if (this.#isPublishing) return;
    this.#isPublishing = true;
    this.#options.scheduler.endOfTurn(() => {
      this.#isPublishing = false;
      for (const client of this.#clients) {
        if (!client.sendChanges()) this.#retrySoon();
        client.link.sender.publish();
      }
    });
  }
}
