import { statSync } from "node:fs";
import { basename, join } from "node:path";
import { MARK_FILE } from "../../../engine/storage/durable-mark.js";
import { FLIP, type Flip, PAGE_BYTES, zeroPage } from "./damage.js";
import type { Expected, FaultCase } from "./fault-case.js";
import { type Source, type SourceName, type Sources, stateOf } from "./sources.js";
import { filesOf, newestOf, recordPlaces, spread } from "./store-files.js";

/** Finds the file to damage in a copy of a source. */
type FileOf = (source: Source) => string;

interface Region {
  readonly kind: string;
  readonly source: SourceName;
  readonly file: FileOf;
  /** Offsets that are worth it, for the file of the source. */
  readonly places: (path: string) => number[];
  readonly count: number;
  readonly expected?: Expected;
}

const logWal: FileOf = ({ directories }) => newestOf(directories.raft, "wal");
const stateWal: FileOf = ({ directories }) => newestOf(stateOf(directories), "wal");
const largest = (paths: readonly string[]): string => {
  const [first] = [...paths].sort((a, b) => statSync(b).size - statSync(a).size);
  if (first === undefined) throw new Error("there is no such file");
  return first;
};

/** Every byte region of what an SCM keeps, `scale` times as densely as by default. */
export function damageCases(sources: Sources, scale: number): FaultCase[] {
  return regions().flatMap((region) => [...flips(region, sources, scale), ...pages(region, sources, scale)]);
}

function regions(): Region[] {
  const logSst: FileOf = ({ directories }) => largest(filesOf(directories.raft, "sst"));
  const newLogSst: FileOf = ({ directories }) => newestOf(directories.raft, "sst");
  const stateSst: FileOf = ({ directories }) => largest(filesOf(stateOf(directories), "sst"));
  const logFile = (type: "manifest" | "current" | "options" | "identity"): FileOf => {
    return ({ directories }) => newestOf(directories.raft, type);
  };
  const stateFile = (type: "manifest" | "current" | "options" | "identity"): FileOf => {
    return ({ directories }) => newestOf(stateOf(directories), type);
  };
  return [
    { kind: "flip log WAL", source: "young", file: logWal, places: recordPlaces, count: 50 },
    { kind: "flip log WAL", source: "grown", file: logWal, places: recordPlaces, count: 30 },
    { kind: "flip state WAL", source: "young", file: stateWal, places: recordPlaces, count: 16 },
    { kind: "flip state WAL", source: "grown", file: stateWal, places: recordPlaces, count: 16 },
    { kind: "flip log SST", source: "settled", file: logSst, places: tablePlaces, count: 24 },
    { kind: "flip log SST", source: "grown", file: newLogSst, places: tablePlaces, count: 16 },
    { kind: "flip state SST", source: "settled", file: stateSst, places: tablePlaces, count: 24 },
    {
      kind: "flip log MANIFEST",
      source: "grown",
      file: logFile("manifest"),
      places: recordPlaces,
      count: 24,
    },
    {
      kind: "flip state MANIFEST",
      source: "grown",
      file: stateFile("manifest"),
      places: recordPlaces,
      count: 16,
    },
    { kind: "flip CURRENT", source: "grown", file: logFile("current"), places: everyByte, count: 6 },
    { kind: "flip CURRENT", source: "young", file: stateFile("current"), places: everyByte, count: 4 },
    // These two hold nothing that was acknowledged.
    { kind: "flip OPTIONS", source: "grown", file: logFile("options"), places: everyByte, count: 5 },
    { kind: "flip IDENTITY", source: "grown", file: logFile("identity"), places: everyByte, count: 3 },
    { kind: "flip VERSION", source: "grown", file: version, places: everyByte, count: 18 },
    { kind: "flip mark", source: "grown", file: mark, places: markPlaces, count: 24, expected: "recovered" },
    { kind: "flip mark", source: "young", file: mark, places: markPlaces, count: 6, expected: "recovered" },
  ];
}

const version: FileOf = ({ directories }) => directories.versionFile;
const mark: FileOf = ({ directories }) => join(directories.raft, MARK_FILE);

function everyByte(path: string): number[] {
  return Array.from({ length: statSync(path).size }, (_, at) => at);
}

/** Evenly over the file, and each part of its footer. */
function tablePlaces(path: string): number[] {
  const { size } = statSync(path);
  const body = Array.from({ length: 64 }, (_, i) => Math.floor((i * size) / 64));
  return [...new Set([...body, size - 60, size - 53, size - 20, size - 8, size - 1])].sort((a, b) => a - b);
}

/** Where the slots of durable.mark are, and in each: magic, sequence, index, term, chain, term and vote of
 * the hard state, checksum. */
const MARK_SLOTS = [0, 64, 4096];
const MARK_FIELDS = [0, 8, 16, 24, 32, 36, 44, 60];

function markPlaces(): number[] {
  return MARK_SLOTS.flatMap((slot) => MARK_FIELDS.map((field) => slot + field + (field === 60 ? 2 : 0)));
}

function flips({ kind, source, file, places, count, expected }: Region, sources: Sources, scale: number) {
  const path = file(sources[source]);
  const chosen = spread(places(path), Math.max(1, Math.round(count * scale)));
  return chosen.map((at, i): FaultCase => {
    const how: Flip = i % 2 === 0 ? "byte" : "bit";
    return {
      kind,
      name: `${kind.replaceAll(" ", "-")}-${source}-${how}-${at}`,
      run: (context) => {
        const copy = context.copyOf(sources[source]);
        FLIP[how](file(copy), at);
        return context.inspect(copy, expected);
      },
    };
  });
}

/** A page of zeros where a write was lost. */
function pages({ kind, source, file }: Region, sources: Sources, scale: number): FaultCase[] {
  const path = file(sources[source]);
  const pageCount = Math.ceil(statSync(path).size / PAGE_BYTES);
  const all = Array.from({ length: pageCount }, (_, page) => page);
  return spread(all, Math.max(1, Math.round(3 * scale))).map((page) => ({
    kind: "zeroed page",
    name: `zeroed-page-${kind.replaceAll(" ", "-").replace("flip-", "")}-${source}-${basename(path)}-${page}`,
    run: (context) => {
      const copy = context.copyOf(sources[source]);
      zeroPage(file(copy), page * PAGE_BYTES);
      return context.inspect(copy);
    },
  }));
}
