import { copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { MARK_FILE } from "../../../engine/storage/durable-mark.js";
import type { CaseContext, Expected, FaultCase } from "./fault-case.js";
import { copyTree, type Source, type SourceName, type Sources, stateOf } from "./sources.js";
import { type FileType, filesOf, newestOf } from "./store-files.js";

/** Changes a copy of an SCM's files. */
type Change = (copy: Source, context: CaseContext) => void;

const STORES = {
  log: ({ directories }: Source): string => directories.raft,
  state: ({ directories }: Source): string => stateOf(directories),
} as const;
type StoreName = keyof typeof STORES;

/** Files that are gone, of another SCM, of an older copy, or no files. */
export function fileCases(sources: Sources): FaultCase[] {
  const make = (kind: string, name: string, source: SourceName, change: Change, expected?: Expected) => ({
    kind,
    name: `${kind.replaceAll(" ", "-")}-${name}-${source}`,
    run: (context: CaseContext) => {
      const copy = context.copyOf(sources[source]);
      change(copy, context);
      return context.inspect(copy, expected);
    },
  });
  return [...deleted(make), ...swapped(make, sources), ...older(make, sources), ...odd(make)];
}

type Make = (
  kind: string,
  name: string,
  source: SourceName,
  change: Change,
  expected?: Expected,
) => FaultCase;

function deleted(make: Make): FaultCase[] {
  const remove =
    (path: (copy: Source) => string): Change =>
    (copy) =>
      rmSync(path(copy), { recursive: true });
  const file = (store: StoreName, type: FileType) => remove((copy) => newestOf(STORES[store](copy), type));
  const all =
    (store: StoreName, type: FileType): Change =>
    (copy) => {
      for (const path of filesOf(STORES[store](copy), type)) rmSync(path);
    };
  const gone = (name: string, source: SourceName, change: Change, expected: Expected = "refused") =>
    make("deleted", name, source, change, expected);
  const each = (["young", "grown", "settled"] as const).flatMap((source) => [
    gone(
      "mark",
      source,
      remove(({ directories }) => join(directories.raft, MARK_FILE)),
    ),
    gone(
      "VERSION",
      source,
      remove(({ directories }) => directories.versionFile),
    ),
    gone(
      "current",
      source,
      remove(({ directories }) => directories.current),
    ),
    gone(
      "raft",
      source,
      remove(({ directories }) => directories.raft),
    ),
    gone(
      "state",
      source,
      remove(({ directories }) => directories.state),
    ),
    gone(
      "state-base",
      source,
      remove(({ directories }) => stateOf(directories)),
    ),
    gone(
      "everything",
      source,
      remove(({ directories }) => directories.root),
    ),
    gone("log-MANIFEST", source, file("log", "manifest")),
    gone("state-MANIFEST", source, file("state", "manifest")),
    gone("log-CURRENT", source, file("log", "current")),
    gone("state-CURRENT", source, file("state", "current")),
    // None of these holds anything that was acknowledged.
    gone("log-OPTIONS", source, all("log", "options"), "recovered"),
    gone("state-OPTIONS", source, all("state", "options"), "recovered"),
    gone("log-IDENTITY", source, file("log", "identity"), "recovered"),
    gone("state-IDENTITY", source, file("state", "identity"), "recovered"),
    gone(
      "lock",
      source,
      remove(({ directories }) => directories.lock),
      "recovered",
    ),
  ]);
  return [
    ...each,
    gone("log-WAL", "young", file("log", "wal")),
    gone("log-WAL", "grown", file("log", "wal")),
    gone("state-WAL", "young", file("state", "wal"), "either"),
    // All of it is still in the Raft log.
    gone("state-WAL", "grown", file("state", "wal"), "recovered"),
    gone("log-SST", "grown", file("log", "sst")),
    gone("log-SST", "settled", file("log", "sst")),
    gone("log-SSTs", "settled", all("log", "sst")),
    gone("state-SST", "grown", file("state", "sst")),
    gone("state-SST", "settled", file("state", "sst")),
    gone("state-SSTs", "settled", all("state", "sst")),
  ];
}

/** Files of `other`, at about the same place, in the directories of `grown`. */
function swapped(make: Make, { other }: Sources): FaultCase[] {
  const swap = (name: string, change: Change, expected: Expected = "either") =>
    make("swapped", name, "grown", change, expected);
  const directory =
    (path: (source: Source) => string): Change =>
    (copy) => {
      rmSync(path(copy), { recursive: true });
      copyTree(path(other), path(copy));
    };
  const storeFile =
    (store: StoreName, type: FileType): Change =>
    (copy) =>
      copyFileSync(newestOf(STORES[store](other), type), newestOf(STORES[store](copy), type));
  /** With its own name, and named by CURRENT. */
  const manifest =
    (store: StoreName): Change =>
    (copy) => {
      for (const type of ["manifest", "current"] as const) {
        const path = newestOf(STORES[store](other), type);
        copyFileSync(path, join(STORES[store](copy), basename(path)));
      }
    };
  return [
    swap("raft", directory(STORES.log), "refused"),
    swap("state", directory(STORES.state), "refused"),
    swap(
      "VERSION",
      directory(({ directories }) => directories.versionFile),
      "refused",
    ),
    swap(
      "mark",
      directory(({ directories }) => join(directories.raft, MARK_FILE)),
      "refused",
    ),
    ...(["log", "state"] as const).flatMap((store) => [
      swap(`${store}-WAL`, storeFile(store, "wal")),
      swap(`${store}-SST`, storeFile(store, "sst")),
      swap(`${store}-MANIFEST`, manifest(store)),
      swap(`${store}-MANIFEST-bytes`, storeFile(store, "manifest")),
      swap(`${store}-CURRENT`, storeFile(store, "current")),
      swap(`${store}-IDENTITY`, storeFile(store, "identity"), "recovered"),
      swap(`${store}-OPTIONS`, storeFile(store, "options"), "recovered"),
    ]),
    swap("log-as-state", (copy) => {
      rmSync(STORES.state(copy), { recursive: true });
      copyTree(STORES.log(copy), STORES.state(copy));
    }),
    swap("state-as-log", (copy) => {
      for (const name of readdirSync(STORES.log(copy))) {
        if (name !== MARK_FILE) rmSync(join(STORES.log(copy), name), { recursive: true });
      }
      copyTree(STORES.state(copy), STORES.log(copy));
    }),
  ];
}

/** Files of an earlier copy among newer ones. Only what one SCM can notice: with the whole Raft directory of
 * an older copy and a state that is no further, there is nothing that could tell (docs/OPERATIONS.md). */
function older(make: Make, sources: Sources): FaultCase[] {
  const restore = (from: SourceName, to: SourceName, name: string, change: Change, expected?: Expected) =>
    make("older copy", `${name}-${from}`, to, change, expected);
  const file =
    (from: SourceName, store: StoreName, type: FileType): Change =>
    (copy) => {
      const path = newestOf(STORES[store](sources[from]), type);
      copyFileSync(path, join(STORES[store](copy), basename(path)));
    };
  const store =
    (from: SourceName, name: StoreName, except: readonly string[] = []): Change =>
    (copy) => {
      const target = STORES[name](copy);
      for (const each of readdirSync(target)) if (!except.includes(each)) rmSync(join(target, each));
      for (const each of readdirSync(STORES[name](sources[from]))) {
        if (!except.includes(each)) copyFileSync(join(STORES[name](sources[from]), each), join(target, each));
      }
    };
  const pairs: (readonly [SourceName, SourceName])[] = [
    ["young", "newer"],
    ["older", "newer"],
    ["newer", "later"],
    ["later", "grown"],
  ];
  return pairs.flatMap(([from, to]) => [
    ...(["log", "state"] as const).flatMap((name) => [
      restore(from, to, `${name}-WAL`, file(from, name, "wal")),
      restore(from, to, `${name}-MANIFEST`, file(from, name, "manifest")),
      restore(from, to, `${name}-CURRENT`, (copy, context) => {
        file(from, name, "manifest")(copy, context);
        file(from, name, "current")(copy, context);
      }),
    ]),
    restore(from, to, "log-store", store(from, "log", [MARK_FILE]), "refused"),
    restore(from, to, "state-store", store(from, "state")),
    restore(from, to, "mark", (copy) => {
      copyFileSync(join(sources[from].directories.raft, MARK_FILE), join(copy.directories.raft, MARK_FILE));
    }),
  ]);
}

/** Things that are not what they should be. */
function odd(make: Make): FaultCase[] {
  const replace =
    (path: (copy: Source) => string, how: (path: string) => void): Change =>
    (copy) => {
      const replaced = path(copy);
      rmSync(replaced, { recursive: true });
      how(replaced);
    };
  const asDirectory = (path: string): void => void mkdirSync(path);
  const asFile = (path: string): void => writeFileSync(path, "no directory\n");
  const empty = (path: string): void => writeFileSync(path, "");
  const mark = ({ directories }: Source): string => join(directories.raft, MARK_FILE);
  const version = ({ directories }: Source): string => directories.versionFile;
  const file = (store: StoreName, type: FileType) => (copy: Source) => newestOf(STORES[store](copy), type);
  const is = (name: string, change: Change, expected: Expected = "refused") =>
    make("odd file", name, "grown", change, expected);
  return [
    is("mark-is-directory", replace(mark, asDirectory)),
    is("mark-is-empty", replace(mark, empty)),
    is("mark-is-short", (copy) => writeFileSync(mark(copy), readFileSync(mark(copy)).subarray(0, 100))),
    is("mark-is-long", (copy) => writeFileSync(mark(copy), Buffer.alloc(4096, 1))),
    is("VERSION-is-directory", replace(version, asDirectory)),
    is("VERSION-is-empty", replace(version, empty)),
    is("VERSION-is-binary", (copy) => writeFileSync(version(copy), Buffer.alloc(300, 0xfe))),
    is("VERSION-is-cut", (copy) => writeFileSync(version(copy), readFileSync(version(copy)).subarray(0, 70))),
    is("raft-is-file", replace(STORES.log, asFile)),
    is("state-is-file", replace(STORES.state, asFile)),
    is(
      "states-are-file",
      replace(({ directories }) => directories.state, asFile),
    ),
    is(
      "lock-is-file",
      replace(({ directories }) => directories.lock, asFile),
    ),
    is(
      "root-is-file",
      replace(({ directories }) => directories.root, asFile),
    ),
    is(
      "current-is-file",
      replace(({ directories }) => directories.current, asFile),
    ),
    ...(["log", "state"] as const).flatMap((store) => [
      is(`${store}-CURRENT-is-empty`, replace(file(store, "current"), empty)),
      is(`${store}-CURRENT-is-directory`, replace(file(store, "current"), asDirectory)),
      is(`${store}-MANIFEST-is-empty`, replace(file(store, "manifest"), empty)),
      is(`${store}-MANIFEST-is-directory`, replace(file(store, "manifest"), asDirectory)),
      is(`${store}-SST-is-empty`, replace(file(store, "sst"), empty)),
      is(`${store}-SST-is-directory`, replace(file(store, "sst"), asDirectory)),
    ]),
    is("log-WAL-is-directory", replace(file("log", "wal"), asDirectory)),
    is("log-WAL-is-empty", replace(file("log", "wal"), empty)),
    is("state-WAL-is-directory", replace(file("state", "wal"), asDirectory), "either"),
    is("state-WAL-is-empty", replace(file("state", "wal"), empty), "recovered"),
    is("stray-files", strayFiles, "recovered"),
    is("temporary-files", temporaryFiles, "recovered"),
  ];
}

/** Nobody's files beside ours. */
function strayFiles(copy: Source): void {
  const places = [STORES.log(copy), STORES.state(copy), copy.directories.root, dirname(STORES.state(copy))];
  for (const place of places) writeFileSync(join(place, "notes.txt"), "of an operator");
}

/** A replacement that a crash has interrupted. */
function temporaryFiles(copy: Source): void {
  for (const path of [copy.directories.versionFile, join(copy.directories.raft, MARK_FILE)]) {
    writeFileSync(`${path}.tmp`, "half of");
  }
}
