import type { ReportRows } from "../../../protocol/client/report-source.js";

/** Part of all that one report may take: 2 million replicas of 512 MB, when a large datanode has 40,000. */
const REPORT_PART = 1 / 8;
/** Part of what is free: while a report is read its rows lie there twice, beside their order. */
const READING_PART = 0.4;

/** Bytes of report rows that all datanodes together may have waiting here (spec 12 §8.2 H2). */
export class HeldBytes {
  readonly #bytesMax: number;
  #bytes = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get free(): number {
    return this.#bytesMax - this.#bytes;
  }

  /** Of 1. */
  get freePart(): number {
    return this.free / this.#bytesMax;
  }

  /** Of rows of a report that is to be read, with `takenBytes` of the same request not held yet. */
  roomForOne(takenBytes: number): number {
    return Math.min(this.#bytesMax * REPORT_PART, (this.free - takenBytes) * READING_PART);
  }

  /** Undefined when there is no room for them. */
  hold(rows: ReportRows): HeldRows | undefined {
    if (rows.rows.length > this.free) return undefined;
    return new HeldRows(rows, this);
  }

  add(bytes: number): void {
    this.#bytes += bytes;
  }
}

/** Rows that count against the limit until they are let go of. */
export class HeldRows {
  readonly rows: ReportRows;
  readonly #held: HeldBytes;
  #bytes: number;

  constructor(rows: ReportRows, held: HeldBytes) {
    this.rows = rows;
    this.#held = held;
    this.#bytes = rows.rows.length;
    held.add(this.#bytes);
  }

  /** May be called again. */
  release(): void {
    this.#held.add(-this.#bytes);
    this.#bytes = 0;
  }
}
