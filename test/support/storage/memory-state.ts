import { createHash } from "node:crypto";
import type {
  FlushSink,
  FlushSource,
  LoadTarget,
  ResultSink,
  StateMachine,
} from "../../../engine/cluster/state-machine.js";
import { assert } from "../../../engine/core/assert.js";
import { ByteReader } from "../../../engine/core/byte-reader.js";
import { ByteWriter } from "../../../engine/core/byte-writer.js";
import { StrataError } from "../../../engine/core/errors.js";
import { type LogIndex, logIndex, type Term, term } from "../../../engine/core/ids.js";
import { readConfState, writeConfState } from "../../../engine/raft/conf-state-codec.js";
import type { ConfState } from "../../../engine/raft/types.js";

const META_TABLE = 1;
const ROW_TABLE = 2;
const META_KEY = new Uint8Array(0);

/** The smallest state machine: a payload is row number u8 ‖ value, and the rows are the state. Flushes and
 * loads like the real one. */
export class MemoryState implements StateMachine, FlushSource, LoadTarget {
  readonly rows = new Map<number, string>();
  readonly #dirty = new Set<number>();
  #frozen: { readonly table: number; readonly key: Uint8Array; readonly value: Uint8Array }[] = [];
  #appliedIndex = logIndex(0);
  #appliedTerm = term(0);
  #confState: ConfState | undefined;
  /** Of the rows that belong to the loaded meta row. */
  #storedHash: string | undefined;
  isLoaded = false;

  get appliedIndex(): LogIndex {
    return this.#appliedIndex;
  }

  get appliedTerm(): Term {
    return this.#appliedTerm;
  }

  apply(index: LogIndex, entryTerm: Term, payload: Uint8Array, _onResult?: ResultSink): void {
    assert(index === this.#appliedIndex + 1, `entry ${index} applied after ${this.#appliedIndex}`);
    this.#appliedIndex = index;
    this.#appliedTerm = entryTerm;
    if (payload.length === 0) return;
    this.rows.set(payload[0]!, Buffer.from(payload.subarray(1)).toString("latin1"));
    this.#dirty.add(payload[0]!);
  }

  applyConfChange(index: LogIndex, entryTerm: Term, confState: ConfState): void {
    assert(index === this.#appliedIndex + 1, `entry ${index} applied after ${this.#appliedIndex}`);
    this.#appliedIndex = index;
    this.#appliedTerm = entryTerm;
    this.#confState = confState;
  }

  get confState(): ConfState {
    assert(this.#confState !== undefined, "the state is not loaded");
    return this.#confState;
  }

  checkInvariants(): void {
    for (const value of this.rows.values()) {
      if (value === "bad") throw new StrataError("INVARIANT_BROKEN", { reason: "a row is bad" });
    }
  }

  hash(): string {
    return String(this.#appliedIndex).padStart(16, "0");
  }

  dirtyBytes(): number {
    return this.#dirty.size;
  }

  freeze(): number {
    this.#frozen = [...this.#dirty].map((row) => ({
      table: ROW_TABLE,
      key: Uint8Array.of(row),
      value: Buffer.from(this.rows.get(row) ?? "", "latin1"),
    }));
    this.#dirty.clear();
    const meta = new ByteWriter();
    meta.f64(this.#appliedIndex);
    meta.f64(this.#appliedTerm);
    writeConfState(meta, this.confState);
    meta.text(this.#rowsHash());
    this.#frozen.push({ table: META_TABLE, key: META_KEY, value: meta.take() });
    return this.#frozen.length;
  }

  drain(sink: FlushSink): boolean {
    for (let item = this.#frozen[0]; item !== undefined; item = this.#frozen[0]) {
      if (!sink.put(item.table, item.key, item.value)) return false;
      this.#frozen.shift();
    }
    return true;
  }

  flushed(): void {}

  load(table: number, key: Uint8Array, value: Uint8Array): void {
    if (table === META_TABLE) {
      const meta = new ByteReader(value);
      this.#appliedIndex = logIndex(meta.f64());
      this.#appliedTerm = term(meta.f64());
      this.#confState = readConfState(meta);
      this.#storedHash = meta.text();
    } else {
      this.rows.set(key[0]!, Buffer.from(value).toString("latin1"));
    }
  }

  loaded(firstMembers: ConfState): void {
    if (this.rows.size > 0 && this.#storedHash === undefined) {
      throw new StrataError("STATE_CORRUPT", { where: "meta row", reason: "missing" });
    }
    if (this.#storedHash !== undefined && this.#storedHash !== this.#rowsHash()) {
      throw new StrataError("STATE_CORRUPT", { where: "meta row", reason: "its rows are others" });
    }
    this.#confState ??= firstMembers;
    this.isLoaded = true;
  }

  #rowsHash(): string {
    const rows = [...this.rows].sort(([a], [b]) => a - b);
    return createHash("sha1").update(JSON.stringify(rows)).digest("hex");
  }
}
