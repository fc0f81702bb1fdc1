import type { Operation, SuppressContainers } from "../../../engine/cluster/operation.js";
import { NO_SESSION, OPERATION } from "../../../engine/cluster/operation.js";
import type {
  FlushSink,
  FlushSource,
  OperationResult,
  ResultSink,
  StateMachine,
  Tail,
  TailSource,
} from "../../../engine/cluster/state-machine.js";
import { readTurnBatch } from "../../../engine/cluster/turn-batch.js";
import { assert } from "../../../engine/core/assert.js";
import type { LogIndex, Term } from "../../../engine/core/ids.js";
import { logIndex, term } from "../../../engine/core/ids.js";
import type { ConfState } from "../../../engine/raft/types.js";
import { LONE_CONF_STATE } from "../raft/lone-voter.js";

const DATA_TABLE = 2;
const META_TABLE = 1;
/** What a changed row counts for in `dirtyBytes`. */
export const COUNTING_ROW_BYTES = 100;

/** An operation that notes `id` as done. Refused with error 212 when `id` is odd and was done before. */
export function note(id: number): SuppressContainers {
  return { kind: OPERATION.suppressContainers, session: NO_SESSION, suppress: true, containerIds: [id] };
}

/** A state machine that counts how often each id was noted, with rows that are flushed as they were at the
 * freeze. */
export class CountingState implements StateMachine, FlushSource, TailSource {
  appliedIndex: LogIndex = logIndex(0);
  appliedTerm: Term = term(0);
  confState: ConfState = LONE_CONF_STATE;
  readonly isReloading = false;
  readonly counts = new Map<number, number>();
  /** Ids in the order in which they were noted since this object was made. */
  readonly order: number[] = [];
  readonly times: number[] = [];
  #dirty = new Set<number>();
  #frozen: { key: number; value: Float64Array }[] = [];

  apply(index: LogIndex, entryTerm: Term, payload: Uint8Array, onResult: ResultSink | undefined): void {
    assert(index === this.appliedIndex + 1, `applied ${index} after ${this.appliedIndex}`);
    const { nowMs, operations } = readTurnBatch(payload);
    for (let i = 0; i < operations.length; i++) {
      const operation = operations[i] as Operation;
      assert(operation.kind === OPERATION.suppressContainers, "unexpected operation");
      const id = operation.containerIds[0] as number;
      const before = this.counts.get(id) ?? 0;
      this.counts.set(id, before + 1);
      this.#dirty.add(id);
      this.order.push(id);
      this.times.push(nowMs);
      onResult?.(i, before > 0 && id % 2 === 1 ? REFUSED : DONE);
    }
    this.appliedIndex = index;
    this.appliedTerm = entryTerm;
  }

  applyConfChange(index: LogIndex, entryTerm: Term, confState: ConfState): void {
    assert(index === this.appliedIndex + 1, `applied ${index} after ${this.appliedIndex}`);
    this.confState = confState;
    this.appliedIndex = index;
    this.appliedTerm = entryTerm;
  }

  dirtyBytes(): number {
    return (this.#dirty.size + this.#frozen.length) * COUNTING_ROW_BYTES;
  }

  freeze(): number {
    assert(this.#frozen.length === 0, "the flush before is drained");
    this.#frozen = [...this.#dirty].map((key) => ({
      key,
      value: Float64Array.of(this.counts.get(key) ?? 0),
    }));
    // The meta row comes last: it is what makes the others count.
    this.#frozen.push({ key: -1, value: Float64Array.of(this.appliedIndex, this.appliedTerm) });
    this.#dirty.clear();
    return this.#frozen.length;
  }

  drain(sink: FlushSink, bytesMax: number): boolean {
    for (let bytes = 0; bytes < bytesMax && this.#frozen.length > 0; bytes += COUNTING_ROW_BYTES) {
      const { key, value } = this.#frozen[0] as { key: number; value: Float64Array };
      const table = key < 0 ? META_TABLE : DATA_TABLE;
      const keyBytes = new Uint8Array(Float64Array.of(key).buffer);
      if (!sink.put(table, keyBytes, new Uint8Array(value.buffer))) return false;
      this.#frozen.shift();
    }
    return this.#frozen.length === 0;
  }

  flushed(): void {}

  /** It has no disk-resident tables. */
  tail(_table: number, from: Uint8Array): Tail {
    return { rows: [], from, isComplete: true };
  }

  load(rows: ReadonlyMap<string, Uint8Array>): void {
    for (const [text, bytes] of rows) {
      const key = Uint8Array.from(text.split(",").map(Number));
      const value = new Float64Array(bytes.slice().buffer);
      if (key[0] === META_TABLE) {
        this.appliedIndex = logIndex(value[0] as number);
        this.appliedTerm = term(value[1] as number);
      } else {
        this.counts.set(new Float64Array(key.slice(1).buffer)[0] as number, value[0] as number);
      }
    }
  }

  checkInvariants(): void {}

  hash(): string {
    return [...this.counts].sort(([a], [b]) => a - b).join(";");
  }
}

const DONE: OperationResult = { error: 0, body: new Uint8Array(0) };
const REFUSED: OperationResult = { error: 212, body: new Uint8Array(0) };
