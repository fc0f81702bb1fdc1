import type { TestRow } from "./report-rows.js";

/** What the shards should hold, in Maps: the slow and obvious form of workers/shard. */
export class ReplicaModel {
  /** Container → node → last accepted row. */
  readonly replicas = new Map<number, Map<number, TestRow>>();
  /** Node → ids that it said it holds. */
  readonly sets = new Map<number, Set<number>>();
  /** Known containers: number of replica indexes of EC, 0 of others. */
  readonly containers = new Map<number, number>();

  chunk(node: number, range: { fromId: number; toId: number }, rows: readonly TestRow[]): void {
    const present = new Set(rows.filter(({ state }) => state !== "DELETED").map(({ id }) => id));
    for (const id of [...this.#set(node)]) {
      if (id >= range.fromId && id <= range.toId && !present.has(id)) this.#take(node, id);
    }
    for (const row of rows) if (row.state !== "DELETED") this.#store(node, row);
  }

  incremental(node: number, rows: readonly TestRow[]): void {
    for (const row of rows) {
      if (row.state === "DELETED") this.#take(node, row.id);
      else this.#store(node, row);
    }
  }

  /** Replicas whose index cannot be one of the container's are no replicas of it. */
  addContainer(id: number, indexCount: number): void {
    this.containers.set(id, indexCount);
    if (indexCount === 0) return;
    for (const [node, { replicaIndex = 0 }] of this.replicas.get(id) ?? []) {
      if (replicaIndex < 1 || replicaIndex > indexCount) this.replicas.get(id)?.delete(node);
    }
  }

  purge(node: number): void {
    for (const id of this.#set(node)) this.replicas.get(id)?.delete(node);
  }

  #take(node: number, id: number): void {
    this.#set(node).delete(id);
    this.replicas.get(id)?.delete(node);
  }

  #store(node: number, row: TestRow): void {
    this.#set(node).add(row.id);
    const indexCount = this.containers.get(row.id) ?? 0;
    const index = row.replicaIndex ?? 0;
    if (indexCount > 0 && (index < 1 || index > indexCount)) return;
    let replicas = this.replicas.get(row.id);
    if (replicas === undefined) {
      replicas = new Map();
      this.replicas.set(row.id, replicas);
    }
    replicas.set(node, row);
  }

  #set(node: number): Set<number> {
    let set = this.sets.get(node);
    if (set === undefined) {
      set = new Set();
      this.sets.set(node, set);
    }
    return set;
  }
}
