import type { Store, StoreBatch } from "../../../engine/core/disk.js";
import { LOG_COLUMN, META_COLUMN } from "../../../engine/storage/log-format.js";
import { LOG_STORE_OPTIONS } from "../../../engine/storage/log-meta.js";
import { NodeDisk } from "../../../engine/storage/node-disk.js";
import { STATE_STORE_OPTIONS } from "../../../engine/storage/state-store.js";
import type { FaultCase } from "./fault-case.js";
import { type Source, stateOf } from "./sources.js";
import { spread } from "./store-files.js";

interface Row {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

/** A column of a store, how many of its rows are damaged, and where. */
interface Column {
  readonly name: string;
  readonly column: string;
  readonly isState: boolean;
  readonly rowCount: number;
  /** Offsets in a row's value; those below 0 count from its end. */
  readonly places: readonly number[];
}

const COLUMNS: readonly Column[] = [
  // Checksum, chain, term, type, flags, length, payload of the first entry; the last byte.
  { name: "blob", column: LOG_COLUMN, isState: false, rowCount: 5, places: [0, 4, 8, 16, 17, 18, 22, -1] },
  { name: "meta", column: META_COLUMN, isState: false, rowCount: 3, places: [0, 9, -5, -1] },
  { name: "row", column: "rows", isState: true, rowCount: 6, places: [0, 5, -5, -1] },
];

const disk = new NodeDisk();
const FIRST_KEY = new Uint8Array(0);
const LAST_KEY = new Uint8Array(64).fill(0xff);

/** Damage that RocksDB cannot see, because its own checksums were made after it: bits that flipped in memory,
 * writes that were lost. */
export function rowCases(): FaultCase[] {
  return COLUMNS.flatMap((column) => [...flippedRows(column), ...lostRows(column)]);
}

function flippedRows({ name, column, isState, rowCount, places }: Column): FaultCase[] {
  return Array.from({ length: rowCount }, (_, i) => i).flatMap((i) =>
    places.map((place, k) =>
      rowCase("flipped row", `${name}-${i}-at-${place}`, isState, (store, batch) => {
        const { key, value } = spread(rowsOf(store, column), rowCount)[i] as Row;
        const at = place < 0 ? value.length + place : place;
        value[at] = (value[at] as number) ^ (k % 2 === 0 ? 0xff : 1 << (i % 8));
        batch.put(column, key, value);
      }),
    ),
  );
}

/** The first, the last, and some between. */
function lostRows({ name, column, isState, rowCount }: Column): FaultCase[] {
  return Array.from({ length: rowCount }, (_, i) =>
    rowCase("lost row", `${name}-${i}`, isState, (store, batch) => {
      batch.delete(column, (spread(rowsOf(store, column), rowCount)[i] as Row).key);
    }),
  );
}

function rowCase(
  kind: string,
  name: string,
  isState: boolean,
  change: (store: Store, batch: StoreBatch) => void,
): FaultCase {
  return {
    kind,
    name: `${kind.replace(" ", "-")}-${name}`,
    run: async (context) => {
      const copy: Source = context.copyOf(context.sources.young);
      const [path, options] = isState
        ? ([stateOf(copy.directories), STATE_STORE_OPTIONS] as const)
        : ([copy.directories.raft, LOG_STORE_OPTIONS] as const);
      const store = await disk.openStore(path, options);
      try {
        const batch = store.batch();
        change(store, batch);
        batch.write({ sync: true });
      } finally {
        await store.close();
      }
      return await context.inspect(copy, "refused");
    },
  };
}

function rowsOf(store: Store, column: string): Row[] {
  const cursor = store.scan(column, { from: FIRST_KEY, to: LAST_KEY });
  const rows: Row[] = [];
  while (cursor.next(1024, (key, value) => rows.push({ key, value })) > 0);
  cursor.close();
  return rows;
}
