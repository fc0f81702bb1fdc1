/** A process in which a store may fail: `node subject.js` takes jobs on stdin, and says on stdout what it has
 * done. It may loop or die; whoever started it looks after that (SubjectProcess). */
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { ERRORS, StrataError } from "../../../engine/core/errors.js";
import { NodeRandom } from "../../../engine/host/node-random.js";
import { type StorageDirectories, storageDirectories } from "../../../engine/storage/directories.js";
import { initialize } from "../../../engine/storage/initialize.js";
import { NodeDisk } from "../../../engine/storage/node-disk.js";
import { verify } from "../../../engine/storage/verify.js";
import { ManualClock, NO_STEP, readWholeLog } from "../storage/log-fixture.js";
import { MemoryState } from "../storage/memory-state.js";
import { SmallScm } from "../storage/small-scm.js";
import { waitFor } from "../wait.js";
import { digestOf, writeAt } from "./ledger.js";
import { FURTHER, type Job, type Said } from "./subject-jobs.js";

type InspectJob = Extract<Job, { kind: "inspect" }>;
type WorkJob = Extract<Job, { kind: "work" }>;

const disk = new NodeDisk();

for await (const line of createInterface({ input: process.stdin })) {
  try {
    await run(JSON.parse(line) as Job);
  } catch (error) {
    refuse(error);
  }
  say({ kind: "done" });
}

async function run(job: Job): Promise<void> {
  const directories = storageDirectories({ metadataDir: job.metadataDir });
  switch (job.kind) {
    case "inspect":
      await inspect(directories, job);
      return;
    case "work":
      await work(directories, job);
      return;
    case "init": {
      const environment = { clock: new ManualClock(), random: new NodeRandom() };
      const { clusterId, isNew } = await initialize(disk, directories, environment);
      say({ kind: "initialized", clusterId, isNew });
      return;
    }
  }
}

async function inspect(directories: StorageDirectories, job: InspectJob): Promise<void> {
  if (job.verifyFirst) {
    const before = digests(directories);
    await report(directories);
    sayChanges(directories, before);
  }
  await locked(directories, async () => {
    const scm = await start(directories);
    for (let i = 0; i < job.furtherCount; i++) set(scm);
    scm.flush(true);
    set(scm);
    await scm.stop();
    await (await start(directories)).stop();
    const { entries } = await readWholeLog(disk, directories.raft);
    say({ kind: "entries", entries: entries.map(({ index, payload }) => [index, digestOf(payload)]) });
  });
}

async function work(directories: StorageDirectories, job: WorkJob): Promise<void> {
  const clock = new ManualClock();
  await locked(directories, async () => {
    const scm = await start(directories, clock);
    const { armFile, awaitFile } = job;
    if (armFile !== undefined) writeFileSync(armFile, "");
    if (awaitFile !== undefined) await waitFor("the go-ahead", () => existsSync(awaitFile));
    for (let i = 1; i <= job.count; i++) {
      set(scm);
      if (i % job.markEvery === 0) clock.nowMs += 1000;
      scm.log.markWhenDue();
      if (i % job.flushEvery === 0) scm.flush(i % (2 * job.flushEvery) === 0);
    }
    await scm.stop();
  });
}

/** Like the SCM: nothing is touched without the lock, which a failure leaves to the end of the process. */
async function locked(directories: StorageDirectories, action: () => Promise<void>): Promise<void> {
  const lock = await disk.lock(directories.lock);
  try {
    await action();
  } finally {
    await lock.release();
  }
}

async function start(directories: StorageDirectories, clock = new ManualClock()): Promise<SmallScm> {
  const scm = await SmallScm.start(disk, directories, clock);
  say({ kind: "started", last: scm.log.last.index, rows: [...scm.state.rows] });
  return scm;
}

function set(scm: SmallScm): void {
  const index = scm.log.last.index + 1;
  const { row, value } = writeAt(FURTHER, index);
  scm.set(row, value);
  say({ kind: "acknowledged", index });
}

/** Says which files have changed since `before`. */
function sayChanges(directories: StorageDirectories, before: ReadonlyMap<string, string>): void {
  const after = digests(directories);
  const names = new Set([...before.keys(), ...after.keys()]);
  const files = [...names].filter((name) => before.get(name) !== after.get(name));
  if (files.length > 0) say({ kind: "changed", files });
}

/** By path. What cannot be read has no digest. */
function digests({ root, lock }: StorageDirectories): Map<string, string> {
  const found = new Map<string, string>();
  const visit = (path: string): void => {
    if (path === lock) return;
    try {
      if (!statSync(path).isDirectory()) found.set(path, digestOf(readFileSync(path)));
      else for (const name of readdirSync(path)) visit(join(path, name));
    } catch {
      found.set(path, "unreadable");
    }
  };
  visit(root);
  return found;
}

async function report(directories: StorageDirectories): Promise<void> {
  try {
    const { findings, summary } = await verify(disk, directories, new MemoryState(), NO_STEP);
    const lastIndex = summary?.lastIndex;
    say({ kind: "verified", findings, ...(lastIndex === undefined ? {} : { lastIndex }) });
  } catch (error) {
    if (!(error instanceof StrataError)) throw error;
    const what = `${error.code}: ${error.message}`;
    const nextStep = ERRORS[error.code].action;
    say({ kind: "verified", findings: [{ severity: "error", what, nextStep }] });
  }
}

function refuse(error: unknown): void {
  const known = error instanceof Error ? error : new Error(String(error));
  const code = known instanceof StrataError ? known.code : undefined;
  const action = code === undefined ? "" : ERRORS[code].action;
  say({ kind: "refused", code, message: known.message, action, stack: known.stack ?? "" });
}

/** At once, so that nothing is lost when the process is killed after it. */
function say(said: Said): void {
  const bytes = Buffer.from(`${JSON.stringify(said)}\n`);
  for (let done = 0; done < bytes.length; ) {
    try {
      done += writeSync(1, bytes, done);
    } catch (error) {
      // The pipe is full; its reader is on the way.
      if (!(error instanceof Error && "code" in error && error.code === "EAGAIN")) throw error;
    }
  }
}
