import { appendFileSync, copyFileSync, readFileSync, statSync, truncateSync } from "node:fs";
import { join } from "node:path";
import { MARK_FILE } from "../../../engine/storage/durable-mark.js";
import { PAGE_BYTES, zeroFrom, zeroPage } from "./damage.js";
import type { Expected, FaultCase } from "./fault-case.js";
import { type Source, type Sources, stateOf } from "./sources.js";
import { newestOf, recordPlaces, spread, WAL_BLOCK_BYTES, walRecords } from "./store-files.js";

const logWal = ({ directories }: Source): string => newestOf(directories.raft, "wal");
const markOf = ({ directories }: Source): string => join(directories.raft, MARK_FILE);
const stateWal = ({ directories }: Source): string => newestOf(stateOf(directories), "wal");

/** What a crash does to the end of a write-ahead log, and what a disk may leave behind it. */
export function tornCases(sources: Sources, scale: number): FaultCase[] {
  return [
    ...tornWrites(sources, scale),
    ...cutLogs(sources, scale),
    ...tornFlushes(sources, scale),
    ...garbage(sources, scale),
  ];
}

/** The last write had not returned: whatever of it is on disk, it is dropped, and nothing else is. */
function tornWrites({ young, torn }: Sources, scale: number): FaultCase[] {
  const before = statSync(logWal(young)).size;
  const end = statSync(logWal(torn)).size;
  const borders = recordPlaces(logWal(torn)).filter((at) => at >= before);
  const blocks = [Math.ceil(before / WAL_BLOCK_BYTES) * WAL_BLOCK_BYTES].flatMap((at) => [
    at - 1,
    at,
    at + 3,
  ]);
  const inHeader = [0, 1, 2, 3, 4, 5, 6, 7].map((offset) => before + offset);
  const places = [...new Set([...inHeader, ...borders, ...blocks, end - 1, end])]
    .filter((at) => at >= before && at <= end)
    .sort((a, b) => a - b);
  const tear = (how: string, at: number, change: (path: string) => void): FaultCase => ({
    kind: `torn write`,
    name: `torn-write-${how}-${at}`,
    run: (context) => {
      const copy = context.copyOf(torn);
      // The watermark follows when the write has returned.
      copyFileSync(markOf(young), markOf(copy));
      change(logWal(copy));
      return context.inspect(copy, "recovered");
    },
  });
  const cut = spread(places, Math.round(26 * scale)).map((at) =>
    tear("cut", at, (path) => truncateSync(path, at)),
  );
  // The length of a file may reach the disk before its sectors.
  const sectors = [];
  for (let at = end - (end % SECTOR_BYTES); at > before; at -= SECTOR_BYTES) sectors.unshift(at);
  const zeroed = spread(sectors, Math.round(14 * scale)).map((at) =>
    tear("zeroed", at, (path) => zeroFrom(path, at)),
  );
  // So may its pages, in any order.
  const pages: number[] = [];
  for (let at = Math.ceil(before / PAGE_BYTES) * PAGE_BYTES; at < end; at += PAGE_BYTES) pages.push(at);
  const outOfOrder = pages.map((at) => tear("page", at, (path) => zeroPage(path, at)));
  return [...cut, ...zeroed, ...outOfOrder];
}

/** Cut before its end: what is missing was acknowledged. */
function cutLogs(sources: Sources, scale: number): FaultCase[] {
  return (["young", "grown"] as const).flatMap((name) => {
    const source = sources[name];
    const path = logWal(source);
    const end = statSync(path).size;
    const places = recordPlaces(path).flatMap((at) => (at + 1 < end ? [at, at + 1] : [at]));
    return spread([...new Set(places)], Math.round(16 * scale)).map(
      (at): FaultCase => ({
        kind: "cut log WAL",
        name: `cut-log-WAL-${name}-${at}`,
        run: (context) => {
          const copy = context.copyOf(source);
          truncateSync(logWal(copy), at);
          return context.inspect(copy, "refused");
        },
      }),
    );
  });
}

/** Flushes are not synced: a loss of power takes away any end of the state's write-ahead log, behind the
 * last synced flush. The Raft log makes it good. */
function tornFlushes({ young, grown }: Sources, scale: number): FaultCase[] {
  return [
    { name: "young", source: young },
    { name: "grown", source: grown },
  ].flatMap(({ name, source }) =>
    spread(recordPlaces(stateWal(source)), Math.round(9 * scale)).map(
      (at): FaultCase => ({
        kind: "torn flush",
        name: `torn-flush-${name}-${at}`,
        run: (context) => {
          const copy = context.copyOf(source);
          truncateSync(stateWal(copy), at);
          return context.inspect(copy, "recovered");
        },
      }),
    ),
  );
}

const HEADER_BYTES = 7;
const SECTOR_BYTES = 512;

/** What lay on the disk before the file grew there. */
function garbage(sources: Sources, scale: number): FaultCase[] {
  const { young, grown, older } = sources;
  const append = (
    kind: string,
    name: string,
    source: Source,
    file: (source: Source) => string,
    bytes: (random: { below(bound: number): number }) => Uint8Array,
    expected: Expected = "recovered",
  ): FaultCase => ({
    kind,
    name,
    run: (context) => {
      const copy = context.copyOf(source);
      appendFileSync(file(copy), bytes(context.random));
      return context.inspect(copy, expected);
    },
  });
  /** A header that claims `type`, with a length that stays in the block, and some bytes. */
  const typed = (type: number) => (): Uint8Array => {
    const bytes = Buffer.alloc(HEADER_BYTES + 300, 0x5a);
    bytes.writeUInt16LE(200, 4);
    bytes[6] = type;
    return bytes;
  };
  const types = Array.from({ length: 256 }, (_, type) =>
    append("garbage of a type", `garbage-type-${type}-log`, young, logWal, typed(type)),
  );
  const stateTypes = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 130, 255].map((type) =>
    append("garbage of a type", `garbage-type-${type}-state`, young, stateWal, typed(type)),
  );
  const random = Array.from({ length: Math.round(12 * scale) }, (_, i) =>
    append("random garbage", `garbage-random-${i}`, i % 2 === 0 ? young : grown, logWal, (numbers) =>
      Uint8Array.from({ length: 1 + numbers.below(70_000) }, () => numbers.below(256)),
    ),
  );
  // Records that were valid once, of this file or of another one.
  const oldTails = (["young", "grown", "older"] as const).flatMap((from) =>
    [1, 3].map((count) =>
      append(
        "old records",
        `old-records-${from}-${count}`,
        young,
        logWal,
        () => lastRecords(logWal(sources[from]), count),
        "either",
      ),
    ),
  );
  const stateTail = append(
    "old records",
    "old-records-state",
    young,
    stateWal,
    () => lastRecords(stateWal(older), 1),
    "either",
  );
  return [...types, ...stateTypes, ...random, ...oldTails, stateTail];
}

function lastRecords(path: string, count: number): Uint8Array {
  const first = walRecords(path).at(-count);
  if (first === undefined) throw new Error(`${path} has no ${count} records`);
  return readFileSync(path).subarray(first.start);
}
