import { createHash } from "node:crypto";

/** One operation of the small SCM: writes `value` into `row`. Operation i is entry i of the log. */
export interface Write {
  readonly row: number;
  readonly value: string;
}

/** What a start has found. */
export interface FoundState {
  readonly last: number;
  readonly rows: readonly (readonly [row: number, value: string])[];
}

/** What the log holds: an entry's index and the digest of its payload. */
export type FoundEntry = readonly [index: number, digest: string];

/** What was begun and what was acknowledged, kept apart from the store that it is compared with. */
export class Ledger {
  readonly #writes: Write[];
  #acknowledged: number;

  constructor(writes: readonly Write[] = [], acknowledged = 0) {
    this.#writes = [...writes];
    this.#acknowledged = acknowledged;
  }

  /** Operations begun. */
  get begun(): number {
    return this.#writes.length;
  }

  get acknowledged(): number {
    return this.#acknowledged;
  }

  begin(write: Write): void {
    this.#writes.push(write);
  }

  /** All up to operation `index` is acknowledged. */
  acknowledge(index: number): void {
    this.#acknowledged = Math.max(this.#acknowledged, index);
  }

  clone(): Ledger {
    return new Ledger(this.#writes, this.#acknowledged);
  }

  /** After a start has found the log to end at `last`: what it has not found never happened, what it has
   * found has. */
  settle(last: number): void {
    this.#writes.length = last;
    this.#acknowledged = last;
  }

  /** Throws when `found` lacks something acknowledged, or has something that was never begun, or other
   * values. */
  check({ last, rows }: FoundState): void {
    if (last < this.#acknowledged) {
      throw new Error(`LOST: the log ends at ${last}, ${this.#acknowledged} was acknowledged`);
    }
    if (last > this.begun) throw new Error(`the log ends at ${last}, only ${this.begun} were begun`);
    const expected = new Map(this.#writes.slice(0, last).map(({ row, value }) => [row, value]));
    for (const [row, value] of rows) {
      if (expected.get(row) !== value) throw new Error(`row ${row} has another value than after ${last}`);
    }
    if (rows.length !== expected.size) throw new Error(`${rows.length} rows, not ${expected.size}`);
  }

  checkEntries(entries: readonly FoundEntry[]): void {
    for (const [index, digest] of entries) {
      const write = this.#writes[index - 1];
      if (write === undefined || digestOf(payloadOf(write)) !== digest) {
        throw new Error(`entry ${index} of the log is another one than was written`);
      }
    }
  }
}

export function payloadOf({ row, value }: Write): Uint8Array {
  return Buffer.concat([Buffer.of(row), Buffer.from(value, "latin1")]);
}

export function digestOf(bytes: Uint8Array): string {
  return createHash("sha1").update(bytes).digest("hex");
}

/** Operation `index` of SCM `name`. Most are small; some fill more than a block of RocksDB's write-ahead log
 * (32 KiB), so that records are split over blocks. */
export function writeAt(name: string, index: number): Write {
  const bytes = index % 23 === 0 ? 40_000 : index % 7 === 0 ? 3_000 : 60 + (index % 5) * 50;
  const text = `${name} ${index} `;
  return { row: (index * 7) % 64, value: text.repeat(Math.ceil(bytes / text.length)).slice(0, bytes) };
}
