import { assert } from "../../engine/core/assert.js";
import { StrataError } from "../../engine/core/errors.js";
import type { ContainerId, NodeSlot } from "../../engine/core/ids.js";
import type { Scheduler } from "../../engine/core/scheduler.js";
import { stripeOf } from "../shared/container-layout.js";
import { allocateReplicaStripe } from "../shared/replica-layout.js";
import { REPLICA_INDEX_COUNTS_BYTES } from "../shared/shard-layout.js";
import { SHARD_RECORD } from "../shared/shard-records.js";
import type { WorkerStarter } from "../shared/worker-link.js";
import type { ReplicaFacts, ReplicaStore, ShardStatistics } from "./replica-store.js";
import { RowRuns } from "./row-runs.js";
import { type CheckedRows, ShardClient } from "./shard-client.js";

export interface ShardSetOptions {
  readonly workers: WorkerStarter;
  readonly scheduler: Scheduler;
  readonly shardCount: number;
  readonly ringBytes: number;
  /** Ids beyond all stripes that one datanode may have in one shard; more are left out. */
  readonly sideIdsPerNodeMax: number;
  /** A shard ended and was started again, empty: every datanode must send a full report. */
  readonly onRestart: (shard: number, error: Error) => void;
  /** Rows that found no room may be tried again. */
  readonly onRoom: () => void;
}

/** All parts of a chunk have been merged, or a shard was lost. */
export type Merged = (error: StrataError | undefined) => void;
type QueryDone = (answer: readonly ReplicaFacts[] | StrataError) => void;

interface Ticket {
  /** Shards whose part is not merged. */
  readonly shards: Set<number>;
  readonly onMerged: Merged;
}

interface Query {
  readonly shard: number;
  readonly onReplicas: QueryDone;
}

/** Figures since start outlive the shard that counted them. */
const PAST_FIGURES = [
  "rowCount",
  "addedCount",
  "updatedCount",
  "vanishedCount",
  "rejectedCount",
  "reportCount",
] as const;

/** Rows of an incremental report state nothing about other ids. */
const NO_RANGE = { fromId: 0, toId: 0 } as const;

/** Main's side of all shards: sends each its rows, keeps tickets until every part is merged, starts a shard again that
 * was ended from outside. */
export class ShardSet implements ReplicaStore {
  /** All threads run. */
  readonly started: Promise<void>;
  readonly #options: ShardSetOptions;
  readonly #clients: ShardClient[] = [];
  readonly #indexCounts = new SharedArrayBuffer(REPLICA_INDEX_COUNTS_BYTES);
  readonly #stripes = new Map<number, SharedArrayBuffer>();
  readonly #runs: RowRuns;
  readonly #tickets = new Map<number, Ticket>();
  readonly #queries = new Map<number, Query>();
  #nextTicket = 1;
  #isPublishing = false;
  #isStopping = false;
  /** Since start, of shards that ended. */
  readonly #past = {
    rowCount: 0,
    addedCount: 0,
    updatedCount: 0,
    vanishedCount: 0,
    rejectedCount: 0,
    reportCount: 0,
  };

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
    postStripe(this.#clientOf(stripe), stripe, containers);
  }

  setReplicaIndexCount(number: number, indexCount: number): void {
    new Uint8Array(this.#indexCounts)[number] = indexCount;
  }

  purgeNode(slot: NodeSlot): void {
    for (const client of this.#clients) client.purge(slot);
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
    if (!client.query(ticket, containerId)) {
      onReplicas(new StrataError("OVERLOADED", { reason: `the ring of shard ${client.shard} is full` }));
      return;
    }
    this.#queries.set(ticket, { shard: client.shard, onReplicas });
    this.#schedulePublish();
  }

  statistics(): ShardStatistics {
    const sum = { ...this.#past, replicaCount: 0, unknownReplicaCount: 0, sideReplicaCount: 0 };
    for (const client of this.#clients) client.addStatistics(sum);
    return sum;
  }

  /** Hands a chunk of a full report over. Every shard gets a part, also one without rows: the chunk states that it has
   * none in the range. False, and nothing happened, when a ring has no room. */
  mergeChunk(
    checked: CheckedRows,
    range: { readonly fromId: number; readonly toId: number },
    onMerged: Merged,
  ): boolean {
    const { rows, rowBytes } = checked;
    this.#runs.cutAscending(new DataView(rows.buffer, rows.byteOffset, rows.byteLength), rowBytes);
    if (!this.#fits(rowBytes)) return false;
    const number = this.#nextTicket++;
    const ticket: Ticket = { shards: new Set(), onMerged };
    this.#tickets.set(number, ticket);
    for (const client of this.#clients) {
      ticket.shards.add(client.shard);
      client.sendRows(SHARD_RECORD.REPORT_CHUNK, number, range, checked, this.#runs);
    }
    this.#schedulePublish();
    return true;
  }

  /** Hands an incremental report over; false, and nothing happened, when a ring has no room. */
  applyIncremental(checked: CheckedRows): boolean {
    const { rows, rowBytes } = checked;
    this.#runs.cutUnordered(new DataView(rows.buffer, rows.byteOffset, rows.byteLength), rowBytes);
    if (!this.#fits(rowBytes)) return false;
    for (const client of this.#clients) {
      if (this.#runs.rowCount(client.shard) === 0) continue;
      client.sendRows(SHARD_RECORD.INCREMENTAL, 0, NO_RANGE, checked, this.#runs);
    }
    this.#schedulePublish();
    return true;
  }

  /** Lets the shards finish what was handed over. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    await Promise.all(this.#clients.map(({ link }) => link.stop()));
  }

  #fits(rowBytes: number): boolean {
    return this.#clients.every((client) => client.hasRoom(this.#runs.rowCount(client.shard), rowBytes));
  }

  #clientOf(stripe: number): ShardClient {
    return this.#clients[stripe % this.#options.shardCount] as ShardClient;
  }

  #startShard(shard: number): ShardClient {
    const { workers, ringBytes, shardCount, sideIdsPerNodeMax, onRoom } = this.#options;
    const client = new ShardClient({
      workers,
      ringBytes,
      start: { shard, shardCount, sideIdsPerNodeMax, replicaIndexCounts: this.#indexCounts },
      onMerged: (ticket) => this.#onMerged(ticket, shard),
      onReplicas: (ticket, facts) => this.#onReplicas(ticket, facts),
      onRoom,
    });
    void client.link.ended.then((error) => {
      if (error !== undefined && !this.#isStopping) this.#restart(client, error);
    });
    return client;
  }

  /** Its replicas are gone and its containers unknown until new full reports came; what waited for it failed. */
  #restart(lost: ShardClient, error: Error): void {
    const { shard } = lost;
    const figures = { ...this.#past, replicaCount: 0, unknownReplicaCount: 0, sideReplicaCount: 0 };
    lost.addStatistics(figures);
    for (const name of PAST_FIGURES) this.#past[name] = figures[name];
    const fresh = this.#startShard(shard);
    this.#clients[shard] = fresh;
    for (const [stripe, containers] of this.#stripes) {
      if (this.#clientOf(stripe) === fresh) postStripe(fresh, stripe, containers);
    }
    this.#failWaiting(shard);
    this.#options.onRestart(shard, error);
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

  #onReplicas(number: number, facts: readonly ReplicaFacts[]): void {
    const query = this.#queries.get(number);
    assert(query !== undefined, "an answer without query");
    this.#queries.delete(number);
    query.onReplicas(facts);
  }

  /** Once a turn: the rings wake their readers then. */
  #schedulePublish(): void {
    if (this.#isPublishing) return;
    this.#isPublishing = true;
    this.#options.scheduler.endOfTurn(() => {
      this.#isPublishing = false;
      for (const { link } of this.#clients) link.sender.publish();
    });
  }
}

function postStripe(client: ShardClient, stripe: number, containers: SharedArrayBuffer): void {
  client.postStripe({ kind: "stripe", stripe, containers, replicas: allocateReplicaStripe() });
}
