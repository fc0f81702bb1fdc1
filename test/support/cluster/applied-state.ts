import { ClusterState } from "../../../engine/cluster/cluster-state.js";
import { STRIPE_BYTES } from "../../../engine/cluster/containers/container-stripe.js";
import type { NodeIntent } from "../../../engine/cluster/nodes/node-types.js";
import type { Operation } from "../../../engine/cluster/operation.js";
import { errorOfResult } from "../../../engine/cluster/operation-result.js";
import { PIPELINE_BYTES_MAX } from "../../../engine/cluster/pipelines/pipeline-table.js";
import type { FlushSink, OperationResult } from "../../../engine/cluster/state-machine.js";
import { TurnBatch } from "../../../engine/cluster/turn-batch.js";
import { DISK_TABLE_MIN } from "../../../engine/core/disk-tables.js";
import { logIndex, term } from "../../../engine/core/ids.js";
import type { Uuid } from "../../../engine/core/uuid.js";
import { LONE_CONF_STATE } from "../raft/lone-voter.js";

/** A ClusterState with what drives it: batches, indexes, time. */
export class AppliedState {
  readonly stripes = new Map<number, SharedArrayBuffer>();
  readonly intents = new Map<Uuid, NodeIntent>();
  readonly changedContainers: number[] = [];
  readonly changedPipelines: (Uuid | undefined)[] = [];
  readonly configNumbers: number[] = [];
  readonly state: ClusterState;
  readonly #batch = new TurnBatch();
  nowMs = 1_750_000_000_000;

  /** Of a new cluster, or to be loaded. */
  constructor(isNew = true) {
    this.state = new ClusterState({
      allocateStripe: (stripe) => {
        const buffer = new SharedArrayBuffer(STRIPE_BYTES);
        this.stripes.set(stripe, buffer);
        return buffer;
      },
      onReplicationConfig: (number) => this.configNumbers.push(number),
      onContainerChanged: (id) => this.changedContainers.push(id),
      onNodeIntent: (uuid, intent) => this.intents.set(uuid, intent),
      onPipelineChanged: (id) => this.changedPipelines.push(id),
    });
    if (isNew) this.state.loaded(LONE_CONF_STATE);
  }

  /** One entry with these operations; their results in order. */
  apply(...operations: readonly Operation[]): OperationResult[] {
    for (const operation of operations) this.#batch.add(operation);
    return this.applyPayload(this.#batch.take(this.nowMs));
  }

  applyPayload(payload: Uint8Array): OperationResult[] {
    const results: OperationResult[] = [];
    const index = logIndex(this.state.appliedIndex + 1);
    this.state.apply(index, term(1), payload, (position, result) => {
      results[position] = result;
    });
    return results;
  }

  /** One operation that must be done; its result's bytes. */
  done(operation: Operation): Uint8Array {
    const result = this.apply(operation)[0];
    if (result === undefined) throw new Error("no result");
    const error = errorOfResult(result);
    if (error !== undefined) throw error;
    return result.body;
  }

  /** One operation that must be refused; the error's code. */
  refused(operation: Operation): string | undefined {
    const result = this.apply(operation)[0];
    return result === undefined ? undefined : errorOfResult(result)?.code;
  }
}

/** The state store as a sorted map. Atomic: `commit` makes what was gathered visible. */
export class MemoryStateStore implements FlushSink {
  readonly #rows = new Map<string, Uint8Array>();
  #gathered = new Map<string, Uint8Array | undefined>();
  /** Names from the first up to the second are deleted. */
  #below: [string, string][] = [];
  /** Calls that succeed before the sink is full; then one call fails. */
  room = Number.POSITIVE_INFINITY;

  put(table: number, key: Uint8Array, value: Uint8Array): boolean {
    if (value.length > PIPELINE_BYTES_MAX * 2) throw new Error(`row of ${value.length} bytes`);
    if (!this.#takeRoom()) return false;
    this.#gathered.set(nameOf(table, key), value.slice());
    return true;
  }

  delete(table: number, key: Uint8Array): boolean {
    if (!this.#takeRoom()) return false;
    this.#gathered.set(nameOf(table, key), undefined);
    return true;
  }

  deleteBelow(table: number, key: Uint8Array): boolean {
    if (!this.#takeRoom()) return false;
    this.#below.push([nameOf(table, new Uint8Array(0)), nameOf(table, key)]);
    return true;
  }

  commit(): void {
    for (const [name, value] of this.#gathered) {
      if (value === undefined) this.#rows.delete(name);
      else this.#rows.set(name, value);
    }
    for (const [first, end] of this.#below) {
      for (const name of [...this.#rows.keys()]) if (name >= first && name < end) this.#rows.delete(name);
    }
    this.#gathered = new Map();
    this.#below = [];
  }

  /** A crash: what was gathered and not committed is gone. */
  crash(): void {
    this.#gathered = new Map();
    this.#below = [];
    this.room = Number.POSITIVE_INFINITY;
  }

  /** Rows of the commits so far, in key order, into a new state. */
  load(): AppliedState {
    const loaded = new AppliedState(false);
    this.#loadInto(loaded);
    return loaded;
  }

  /** The same into a state that has been in use, as a snapshot does it. */
  reload(applied: AppliedState): void {
    applied.state.beginReload();
    while (!applied.state.clearStep());
    this.#loadInto(applied);
  }

  #loadInto(loaded: AppliedState): void {
    for (const name of [...this.#rows.keys()].sort()) {
      const key = Uint8Array.from(Buffer.from(name, "hex"));
      if ((key[0] as number) >= DISK_TABLE_MIN) continue;
      loaded.state.load(key[0] as number, key.subarray(1), this.#rows.get(name) as Uint8Array);
    }
    loaded.state.loaded(LONE_CONF_STATE);
  }

  get rowCount(): number {
    return this.#rows.size;
  }

  rowNames(): string[] {
    return [...this.#rows.keys()].sort();
  }

  row(name: string): Uint8Array | undefined {
    return this.#rows.get(name);
  }

  setRow(name: string, value: Uint8Array | undefined): void {
    if (value === undefined) this.#rows.delete(name);
    else this.#rows.set(name, value);
  }

  #takeRoom(): boolean {
    if (this.room > 0) {
      this.room--;
      return true;
    }
    this.room = Number.POSITIVE_INFINITY;
    return false;
  }
}

function nameOf(table: number, key: Uint8Array): string {
  return Buffer.from([table, ...key]).toString("hex");
}

/** Freezes, drains and commits in one go. Returns the number of items. */
export function flush(state: ClusterState, store: MemoryStateStore): number {
  const count = state.freeze();
  while (!state.drain(store, 1 << 20));
  store.commit();
  state.flushed();
  return count;
}
