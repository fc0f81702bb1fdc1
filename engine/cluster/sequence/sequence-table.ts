import { assert } from "../../core/assert.js";
import { UINT64_MAX } from "../../core/ids.js";
import { enumName } from "../enum-name.js";
import { RowSet } from "../row-set.js";
import { TABLE } from "../tables.js";

/** Sequences by name with the number that stands on disk (spec 07 §12). */
export const SEQUENCE = { localId: 1, delTxnId: 2, containerId: 3, CertificateId: 4 } as const;
export type SequenceName = keyof typeof SEQUENCE;

/** Largest number of each sequence. Local ids and serials are signed 64-bit numbers in the reference, all
 * others are plain numbers here. */
const LAST_MAX: Readonly<Record<SequenceName, bigint>> = {
  localId: UINT64_MAX >> 1n,
  delTxnId: BigInt(Number.MAX_SAFE_INTEGER),
  containerId: BigInt(Number.MAX_SAFE_INTEGER),
  CertificateId: UINT64_MAX >> 1n,
};

/** The last number given to anybody, by sequence. Numbers up to it are used or lost, never given again. */
export class SequenceTable {
  readonly rows = new RowSet<SequenceName, bigint>({
    table: TABLE.sequences,
    typicalRowBytes: 16,
    writeKey: (writer, name) => writer.u8(SEQUENCE[name]),
    readKey: (reader) => enumName(SEQUENCE, reader.u8()),
    writeRow: (writer, last) => writer.u64(last),
    readRow: (reader) => reader.u64(),
  });

  /** 0 when nothing was ever reserved or seeded. */
  last(name: SequenceName): bigint {
    return this.rows.get(name) ?? 0n;
  }

  /** Whether `count` more numbers exist. */
  hasRoom(name: SequenceName, count: number): boolean {
    return this.last(name) + BigInt(count) <= LAST_MAX[name];
  }

  /** Takes the next `count` numbers; returns the first. */
  reserve(name: SequenceName, count: number): bigint {
    assert(count > 0, "an empty range");
    assert(this.hasRoom(name, count), "sequence is exhausted");
    const first = this.last(name) + 1n;
    this.rows.set(name, first + BigInt(count) - 1n);
    return first;
  }

  /** Numbers up to `last` are taken by somebody else: never below where it stands. */
  raise(name: SequenceName, last: bigint): void {
    assert(last <= LAST_MAX[name], "beyond the sequence's end");
    if (last > this.last(name)) this.rows.set(name, last);
  }

  problem(): string | undefined {
    for (const [name, last] of this.rows.entries()) {
      if (last > LAST_MAX[name]) return `sequence ${name} is at ${last}`;
    }
    return this.rows.rehash().equals(this.rows.hash) ? undefined : "sequence hash";
  }
}
