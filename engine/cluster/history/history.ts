import type { ByteReader } from "../../core/byte-reader.js";
import type { ByteWriter } from "../../core/byte-writer.js";
import type { LogIndex } from "../../core/ids.js";
import { countFrom } from "../count-from.js";
import { DiskTable } from "../disk-table.js";
import { OPERATION } from "../operation.js";
import { SESSION_ID_OFFSET } from "../operation-codec.js";
import { TABLE } from "../tables.js";
import { HistoryRowWriter, historyKey, ROW_OPERATION_COUNT_MAX } from "./history-row.js";

/** Operations that are kept at least; the same on all SCMs, since it decides what `apply` deletes. At 50 to
 * 150 bytes each that is some 100 MB of disk. */
const HISTORY_COUNT_MAX = 1_000_000;
/** The oldest are deleted by such a share at a time: a range deletion costs every later scan a little. */
const PIECES = 16;

/** What someone asked for, where members are found, and containers that came back from deletion, which is
 * not to happen unseen; the rest the SCM does by itself, and would push the others out. */
const KEPT: ReadonlySet<number> = new Set([
  OPERATION.seedCluster,
  OPERATION.importBatch,
  OPERATION.endImport,
  OPERATION.suppressContainers,
  OPERATION.setNodeIntent,
  OPERATION.setMember,
  OPERATION.newGroup,
  OPERATION.resurrectContainer,
]);

/** The last mutations with their outcomes, on every SCM the same ones: who did what, when, and what became of
 * it. Disk-resident. */
export class History {
  readonly table = new DiskTable(TABLE.history);
  #firstNumber = 1;
  #nextNumber = 1;
  readonly #row = new HistoryRowWriter();
  readonly #countMax: number;

  /** Keeps the last `countMax` operations. */
  constructor(countMax = HISTORY_COUNT_MAX) {
    this.#countMax = countMax;
  }

  /** Of the oldest operation that is kept; `nextNumber` when there is none. */
  get firstNumber(): number {
    return this.#firstNumber;
  }

  /** Of the next operation. */
  get nextNumber(): number {
    return this.#nextNumber;
  }

  /** An operation of the log entry at `index` got its outcome. */
  add(
    place: { readonly index: LogIndex; readonly timeMs: number },
    operation: Uint8Array,
    error: number,
  ): void {
    if (!isKept(operation)) return;
    if (this.#row.count === 0) this.#row.begin(place.index, place.timeMs);
    this.#row.add(operation, error);
    if (this.#row.count === ROW_OPERATION_COUNT_MAX) this.endEntry();
  }

  /** The log entry has no more operations. */
  endEntry(): void {
    const { count } = this.#row;
    if (count === 0) return;
    this.table.put(historyKey(this.#nextNumber), this.#row.take());
    this.#nextNumber += count;
    const keptCount = this.#nextNumber - this.#firstNumber;
    if (keptCount < this.#countMax + this.#countMax / PIECES) return;
    this.#firstNumber = this.#nextNumber - this.#countMax;
    this.table.deleteBelow(historyKey(this.#firstNumber));
  }

  write(writer: ByteWriter): void {
    writer.f64(this.#firstNumber);
    writer.f64(this.#nextNumber);
    this.table.write(writer);
  }

  /** Throws RangeError. */
  read(reader: ByteReader): void {
    this.#firstNumber = countFrom(reader);
    this.#nextNumber = countFrom(reader);
    this.table.read(reader);
  }
}

/** The SCM's own, but for those that came in a client's session. */
const KEPT_WHEN_ASKED: ReadonlySet<number> = new Set([
  OPERATION.transitionContainer,
  OPERATION.createPipeline,
  OPERATION.setPipelineState,
  OPERATION.closePipeline,
  OPERATION.createContainers,
]);

function isKept(operation: Uint8Array): boolean {
  const kind = (operation[0] as number) | ((operation[1] as number) << 8);
  return KEPT.has(kind) || (KEPT_WHEN_ASKED.has(kind) && hasSession(operation));
}

/** Read in place, since nearly none has. */
function hasSession(operation: Uint8Array): boolean {
  for (let i = SESSION_ID_OFFSET; i < SESSION_ID_OFFSET + 8; i++) if (operation[i] !== 0) return true;
  return false;
}
