import { spawnSync } from "node:child_process";
import { chmodSync, existsSync } from "node:fs";
import { join } from "node:path";
import { MARK_FILE } from "../../../engine/storage/durable-mark.js";
import type { CaseContext, FaultCase } from "./fault-case.js";
import { FURTHER_COUNT, type Outcome, requireEnding } from "./inspection.js";
import { type Source, stateOf } from "./sources.js";
import { newestOf } from "./store-files.js";
import { ledgerAfter, SubjectProcess } from "./subject-process.js";

/** Runs a program as root without root's right to read and write everything. */
const WITHOUT_OVERRIDE = ["setpriv", "--bounding-set=-dac_override,-dac_read_search", "--"];

/** Files of no more than 64 KiB; the signal for it is ignored, as by node. */
const SMALL_FILES = ["sh", "-c", 'ulimit -f 64; trap "" XFSZ; exec "$0" "$@"'];

/** What the system does not allow the SCM, until the operator has put it right. */
export function permissionCases(): FaultCase[] {
  return [...forbidden(), ...limited()];
}

function forbidden(): FaultCase[] {
  const paths: Readonly<Record<string, (source: Source) => string>> = {
    root: ({ directories }) => directories.root,
    current: ({ directories }) => directories.current,
    VERSION: ({ directories }) => directories.versionFile,
    lock: ({ directories }) => directories.lock,
    raft: ({ directories }) => directories.raft,
    mark: ({ directories }) => join(directories.raft, MARK_FILE),
    "log-WAL": ({ directories }) => newestOf(directories.raft, "wal"),
    "log-SST": ({ directories }) => newestOf(directories.raft, "sst"),
    "log-MANIFEST": ({ directories }) => newestOf(directories.raft, "manifest"),
    states: ({ directories }) => directories.state,
    state: ({ directories }) => stateOf(directories),
    "state-WAL": ({ directories }) => newestOf(stateOf(directories), "wal"),
    "state-SST": ({ directories }) => newestOf(stateOf(directories), "sst"),
  };
  return Object.entries(paths).flatMap(([name, pathOf]) =>
    // Nothing allowed, and reading allowed.
    [0o000, 0o555].map(
      (mode): FaultCase => ({
        kind: "permission denied",
        name: `permission-denied-${name}-${mode.toString(8).padStart(3, "0")}`,
        run: async (context) => {
          const copy = context.copyOf(context.sources.grown);
          const prefix = ownRightsPrefix();
          if (prefix === undefined) return { kind: "skipped", reason: "no setpriv" };
          const path = pathOf(copy);
          chmodSync(path, mode);
          // RocksDB may have taken the file away.
          return await startWith(prefix, copy, context, () => existsSync(path) && chmodSync(path, 0o750));
        },
      }),
    ),
  );
}

function limited(): FaultCase[] {
  return (["young", "grown", "settled"] as const).map((source) => ({
    kind: "file size limit",
    name: `file-size-limit-${source}`,
    run: async (context) =>
      await startWith(SMALL_FILES, context.copyOf(context.sources[source]), context, () => {}),
  }));
}

/** Starts with `prefix`, puts it right, and starts again, which must work. */
async function startWith(
  prefix: readonly string[],
  { metadataDir, ledger }: Source,
  context: CaseContext,
  putRight: () => unknown,
): Promise<Outcome> {
  const subject = new SubjectProcess({ prefix });
  const job = { kind: "inspect", metadataDir, verifyFirst: true, furtherCount: FURTHER_COUNT } as const;
  const result = await subject.run(job);
  await subject.kill();
  const outcome = requireEnding(result, false);
  putRight();
  await context.start({ metadataDir, ledger: ledgerAfter(ledger, result) }, "recovered");
  return outcome;
}

/** What makes file modes count: root ignores them. Undefined when that cannot be had. */
function ownRightsPrefix(): readonly string[] | undefined {
  if (process.getuid?.() !== 0) return [];
  const [command = "", ...args] = [...WITHOUT_OVERRIDE, "true"];
  return spawnSync(command, args).status === 0 ? WITHOUT_OVERRIDE : undefined;
}
