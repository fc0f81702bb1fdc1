import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { storageDirectories } from "../../../engine/storage/directories.js";
import type { CaseContext, FaultCase } from "./fault-case.js";
import { FURTHER_COUNT, type Outcome, requireEnding } from "./inspection.js";
import { Ledger } from "./ledger.js";
import type { SmallDisk } from "./small-disk.js";
import { copyTree, type SourceName } from "./sources.js";
import type { Job } from "./subject-jobs.js";
import { type JobResult, ledgerAfter, SubjectProcess } from "./subject-process.js";

const KIB = 1024;
/** Room that is left: none, some pages, about a write-ahead log. */
const LEFT = [0, 4, 8, 16, 32, 64, 100, 200, 400].map((kib) => kib * KIB);

/** A disk that is full, or may only be read, and then has room again, or may be written. */
export function spaceCases(): FaultCase[] {
  const onDisk = (
    kind: string,
    name: string,
    run: (disk: SmallDisk, context: CaseContext) => Promise<Outcome>,
  ): FaultCase => ({
    kind,
    name: `${kind.replaceAll(" ", "-")}-${name}`,
    run: async (context) => {
      const disk = await context.smallDisk();
      if (disk === undefined) return { kind: "skipped", reason: "no private mount" };
      return await run(disk, context);
    },
  });
  return [
    ...LEFT.map((left) => onDisk("disk full in an init", `${left}`, initOn(left))),
    ...LEFT.flatMap((left) =>
      (["young", "grown"] as const).map((source) =>
        onDisk("disk full in a start", `${left}-${source}`, startOn(source, left)),
      ),
    ),
    ...LEFT.flatMap((left) =>
      (["young", "settled"] as const).map((source) =>
        onDisk("disk full at work", `${left}-${source}`, workOn(source, left)),
      ),
    ),
    ...(["young", "grown", "settled"] as const).map((source) =>
      onDisk("read-only disk", `start-${source}`, readOnlyStart(source)),
    ),
    onDisk("read-only disk", "init", readOnlyInit),
  ];
}

const SCM = "scm";

function initOn(left: number) {
  return async (disk: SmallDisk, context: CaseContext): Promise<Outcome> => {
    const metadataDir = join(disk.directory, SCM);
    disk.fill(left);
    const outcome = requireEnding(await runOnce({ kind: "init", metadataDir }), false);
    disk.free();
    const again = requireEnding(await runOnce({ kind: "init", metadataDir }), false);
    if (again.kind !== "recovered") throw new Error("--init fails again, though there is room");
    await context.start({ metadataDir, ledger: new Ledger() }, "recovered");
    return outcome;
  };
}

function startOn(source: SourceName, left: number) {
  return async (disk: SmallDisk, context: CaseContext): Promise<Outcome> => {
    const { metadataDir, ledger } = copied(disk, context, source);
    disk.fill(left);
    const job = { kind: "inspect", metadataDir, verifyFirst: true, furtherCount: FURTHER_COUNT } as const;
    const result = await runOnce(job);
    const outcome = requireEnding(result, false);
    disk.free();
    await context.start({ metadataDir, ledger: ledgerAfter(ledger, result) }, "recovered");
    return outcome;
  };
}

/** The disk fills up once the SCM works. */
function workOn(source: SourceName, left: number) {
  return async (disk: SmallDisk, context: CaseContext): Promise<Outcome> => {
    const { metadataDir, ledger } = copied(disk, context, source);
    const awaitFile = join(disk.directory, "disk-is-full");
    const job = { kind: "work", metadataDir, count: 400, flushEvery: 5, markEvery: 3, awaitFile } as const;
    const result = await runOnce(job, () => {
      disk.fill(left);
      mkdirSync(awaitFile);
    });
    const outcome = requireEnding(result, false);
    disk.free();
    await context.start({ metadataDir, ledger: ledgerAfter(ledger, result) }, "recovered");
    return outcome;
  };
}

function readOnlyStart(source: SourceName) {
  return async (disk: SmallDisk, context: CaseContext): Promise<Outcome> => {
    const { metadataDir, ledger } = copied(disk, context, source);
    const outcome = await whileReadOnly(disk, () => context.start({ metadataDir, ledger }, "refused"));
    await context.start({ metadataDir, ledger }, "recovered");
    return outcome;
  };
}

async function readOnlyInit(disk: SmallDisk): Promise<Outcome> {
  const metadataDir = join(disk.directory, SCM);
  return await whileReadOnly(disk, async () =>
    requireEnding(await runOnce({ kind: "init", metadataDir }), false),
  );
}

async function whileReadOnly(disk: SmallDisk, action: () => Promise<Outcome>): Promise<Outcome> {
  disk.setReadOnly(true);
  try {
    return await action();
  } finally {
    disk.setReadOnly(false);
  }
}

function copied(disk: SmallDisk, { sources }: CaseContext, name: SourceName) {
  const metadataDir = join(disk.directory, SCM);
  copyTree(sources[name].metadataDir, metadataDir);
  return { metadataDir, directories: storageDirectories({ metadataDir }), ledger: sources[name].ledger };
}

/** In a process of its own, so that nothing stays open. `onStarted` is called after the start. */
async function runOnce(job: Job, onStarted: () => void = () => {}): Promise<JobResult> {
  const subject = new SubjectProcess();
  try {
    return await subject.run(job, ({ kind }) => kind === "started" && onStarted());
  } finally {
    await subject.kill();
  }
}
