import { DiskTable } from "../../../engine/cluster/disk-table.js";
import { DrainTarget } from "../../../engine/cluster/flush-part.js";
import { HashSum } from "../../../engine/cluster/hash-sum.js";
import { RowSet } from "../../../engine/cluster/row-set.js";
import type { FlushSink, Tail } from "../../../engine/cluster/state-machine.js";
import { ByteReader } from "../../../engine/core/byte-reader.js";
import { ByteWriter } from "../../../engine/core/byte-writer.js";
import { compareBytes } from "../../../engine/core/compare-bytes.js";
import { type LogIndex, logIndex, type Term, term } from "../../../engine/core/ids.js";
import { readConfState, writeConfState } from "../../../engine/raft/conf-state-codec.js";
import type { ConfState } from "../../../engine/raft/types.js";
import { LONE_CONF_STATE } from "../raft/lone-voter.js";
import type { LivingState } from "./state-lives.js";

const META_TABLE = 1;
const KEYED_TABLE = 2;
/** Its rows are on disk only. */
export const DISK_TABLE = 200;

export type TableChange =
  | { readonly kind: "put"; readonly key: Uint8Array; readonly value: Uint8Array }
  | { readonly kind: "delete" | "deleteBelow"; readonly key: Uint8Array };

export function encodeChanges(changes: readonly TableChange[]): Uint8Array {
  const writer = new ByteWriter();
  for (const change of changes) {
    writer.text(change.kind);
    writer.bytes(change.key);
    if (change.kind === "put") writer.bytes(change.value);
  }
  return writer.take();
}

function readChanges(payload: Uint8Array): TableChange[] {
  const reader = new ByteReader(payload);
  const changes: TableChange[] = [];
  while (reader.remaining > 0) {
    const kind = reader.text() as TableChange["kind"];
    const key = reader.bytes().slice();
    changes.push(kind === "put" ? { kind, key, value: reader.bytes().slice() } : { kind, key });
  }
  return changes;
}

/** A machine with one disk-resident table, and one keyed row that counts its changes. */
export class TableMachine implements LivingState {
  isReloading = false;
  appliedIndex: LogIndex = logIndex(0);
  appliedTerm: Term = term(0);
  confState: ConfState = LONE_CONF_STATE;
  readonly #table = new DiskTable(DISK_TABLE);
  readonly #counts = new RowSet<number, number>({
    table: KEYED_TABLE,
    typicalRowBytes: 8,
    writeKey: (writer, key) => writer.u8(key),
    readKey: (reader) => reader.u8(),
    writeRow: (writer, row) => writer.f64(row),
    readRow: (reader) => reader.f64(),
  });
  #frozenMeta: Uint8Array | undefined;

  apply(index: LogIndex, entryTerm: Term, payload: Uint8Array): void {
    for (const change of readChanges(payload)) {
      if (change.kind === "put") this.#table.put(change.key, change.value);
      else this.#table[change.kind](change.key);
      this.#counts.set(change.key[0] ?? 0, (this.#counts.get(change.key[0] ?? 0) ?? 0) + 1);
    }
    this.appliedIndex = index;
    this.appliedTerm = entryTerm;
  }

  applyConfChange(index: LogIndex, entryTerm: Term, confState: ConfState): void {
    this.confState = confState;
    this.appliedIndex = index;
    this.appliedTerm = entryTerm;
  }

  checkInvariants(): void {}

  hash(): string {
    const sum = new HashSum();
    const writer = new ByteWriter();
    this.#table.write(writer);
    writeConfState(writer, this.confState);
    sum.addBytes(writer.view(), META_TABLE);
    sum.add(this.#counts.hash);
    return sum.toString();
  }

  dirtyBytes(): number {
    return this.#table.dirtyBytes() + this.#counts.dirty.dirtyBytes();
  }

  freeze(): number {
    const writer = new ByteWriter();
    writer.f64(this.appliedIndex);
    writer.f64(this.appliedTerm);
    writeConfState(writer, this.confState);
    this.#table.write(writer);
    this.#frozenMeta = writer.take();
    return 1 + this.#table.freeze() + this.#counts.dirty.freeze();
  }

  drain(sink: FlushSink, bytesMax: number): boolean {
    const target = new DrainTarget(sink, bytesMax);
    if (!this.#table.drain(target) || !this.#counts.dirty.drain(target)) return false;
    return target.put(META_TABLE, new Uint8Array(0), this.#frozenMeta as Uint8Array);
  }

  flushed(): void {
    this.#table.flushed();
  }

  tail(_table: number, from: Uint8Array, to: Uint8Array | undefined, rowCountMax: number): Tail {
    return this.#table.tail(from, to, rowCountMax);
  }

  load(table: number, key: Uint8Array, value: Uint8Array): void {
    if (table === KEYED_TABLE) {
      this.#counts.load(key, value);
      return;
    }
    if (table !== META_TABLE) throw new Error(`table ${table} is not for a start`);
    const reader = new ByteReader(value);
    this.appliedIndex = logIndex(reader.f64());
    this.appliedTerm = term(reader.f64());
    this.confState = readConfState(reader);
    this.#table.read(reader);
  }

  loaded(): void {}
}

/** The same table as a sorted array of rows. */
export class NaiveTable {
  rows: readonly { readonly key: Uint8Array; readonly value: Uint8Array }[] = [];

  apply(changes: readonly TableChange[]): void {
    for (const change of changes) {
      const { key } = change;
      if (change.kind === "deleteBelow") {
        this.rows = this.rows.filter((row) => compareBytes(row.key, key) >= 0);
        continue;
      }
      this.rows = this.rows.filter((row) => compareBytes(row.key, key) !== 0);
      if (change.kind === "put") {
        this.rows = [...this.rows, change].sort((a, b) => compareBytes(a.key, b.key));
      }
    }
  }
}
