import { assert } from "../core/assert.js";
import { compareBytes, keyAfter } from "../core/compare-bytes.js";
import type { Tail } from "./state-machine.js";

/** A row of a disk-resident table. */
export interface DiskRow {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

/** Some rows of a range, by ascending key. */
export interface DiskRows {
  readonly rows: readonly DiskRow[];
  /** The range has no more rows. Else nothing is known beyond the last of them. */
  readonly isComplete: boolean;
}

export interface MergedRows {
  readonly rows: readonly DiskRow[];
  /** Where the next page begins; undefined at the end of the range. */
  readonly next: Uint8Array | undefined;
}

/** Lays the changes in `tail` over rows read from disk. The disk may hold some of these changes already. */
export function mergeTail(disk: DiskRows, tail: Tail, rowCountMax: number): MergedRows {
  // Beyond the last row of a side that was cut short, that side may have more.
  const known = lowest(lastKey(disk), lastKey(tail));
  const rows: DiskRow[] = [];
  let diskAt = 0;
  let tailAt = 0;
  while (rows.length < rowCountMax) {
    const stored = disk.rows[diskAt];
    const changed = tail.rows[tailAt];
    const order =
      stored === undefined ? 1 : changed === undefined ? -1 : compareBytes(stored.key, changed.key);
    const row = order < 0 ? stored : changed;
    if (row === undefined || (known !== undefined && compareBytes(row.key, known) > 0)) {
      return { rows, next: known === undefined ? undefined : keyAfter(known) };
    }
    if (order <= 0) diskAt++;
    if (order >= 0) tailAt++;
    if (row.value !== null) rows.push({ key: row.key, value: row.value });
  }
  return { rows, next: keyAfter((rows.at(-1) as DiskRow).key) };
}

/** Up to where a side is known, undefined when it is so throughout. */
function lastKey(side: {
  rows: readonly { key: Uint8Array }[];
  isComplete: boolean;
}): Uint8Array | undefined {
  if (side.isComplete) return undefined;
  const last = side.rows.at(-1);
  assert(last !== undefined, "a side that is cut short has at least one row");
  return last.key;
}

function lowest(a: Uint8Array | undefined, b: Uint8Array | undefined): Uint8Array | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return compareBytes(a, b) < 0 ? a : b;
}
