import { assert } from "../../core/assert.js";
import { ByteReader } from "../../core/byte-reader.js";
import { ByteWriter } from "../../core/byte-writer.js";
import { type LogIndex, logIndex } from "../../core/ids.js";
import { countFrom } from "../count-from.js";
import { OPERATION, type Operation, type OperationNumber, type SessionStamp } from "../operation.js";
import {
  OPERATION_HEADER_BYTES,
  type OperationHeader,
  readOperation,
  readOperationHeader,
} from "../operation-codec.js";

/** Operations of one row, so that a row stays below 10 KB. */
export const ROW_OPERATION_COUNT_MAX = 64;
/** A longer operation is kept without its fields. */
const OPERATION_BYTES_MAX = 128;

/** A mutation that was carried out, or refused by the state. */
export interface HistoryEntry {
  /** 1, 2, 3 … in the order of the log. */
  readonly number: number;
  readonly index: LogIndex;
  readonly timeMs: number;
  readonly kind: OperationNumber;
  readonly session: SessionStamp;
  /** Wire number of the error table, 0 = done. */
  readonly error: number;
  /** Undefined when it is too long to be kept. */
  readonly operation: Operation | undefined;
}

/** Number of a row's first operation as u64 big-endian, so that rows stand in their order. */
export function historyKey(number: number): Uint8Array {
  const key = new Uint8Array(8);
  new DataView(key.buffer).setBigUint64(0, BigInt(number));
  return key;
}

/** Operations of one log entry, little-endian: index f64, time f64 (epoch ms), then for each operation its
 * error u16, length u16 and its bytes as they stand in the log. */
export class HistoryRowWriter {
  readonly #writer = new ByteWriter(16 * 1024);
  count = 0;

  begin(index: LogIndex, timeMs: number): void {
    assert(this.count === 0, "the row before is taken");
    this.#writer.reset();
    this.#writer.f64(index);
    this.#writer.f64(timeMs);
  }

  add(operation: Uint8Array, error: number): void {
    assert(this.count < ROW_OPERATION_COUNT_MAX, "the row is full");
    const isKept = operation.length <= OPERATION_BYTES_MAX;
    this.#writer.u16(error);
    this.#writer.u16(isKept ? operation.length : OPERATION_HEADER_BYTES);
    this.#writer.raw(isKept ? operation : operation.subarray(0, OPERATION_HEADER_BYTES));
    this.count++;
  }

  take(): Uint8Array {
    this.count = 0;
    return this.#writer.take();
  }
}

/** Takes a row apart. Throws RangeError. */
export function readHistoryRow(key: Uint8Array, value: Uint8Array): HistoryEntry[] {
  const first = Number(new DataView(key.buffer, key.byteOffset, key.length).getBigUint64(0));
  const reader = new ByteReader(value);
  const index = logIndex(countFrom(reader));
  const timeMs = countFrom(reader);
  const entries: HistoryEntry[] = [];
  while (reader.remaining > 0) {
    const error = reader.u16();
    const bytes = reader.raw(reader.u16());
    const header = readOperationHeader(new ByteReader(bytes));
    // An end of the import has no fields to leave out.
    const isCut = bytes.length === OPERATION_HEADER_BYTES && header.kind !== OPERATION.endImport;
    const operation = isCut ? undefined : readOperation(new ByteReader(bytes));
    entries.push({ number: first + entries.length, index, timeMs, error, ...headerOf(header), operation });
  }
  return entries;
}

function headerOf({ kind, session }: OperationHeader): Pick<HistoryEntry, "kind" | "session"> {
  return { kind, session };
}
