import { mkdirSync, rmSync } from "node:fs";
import { basename, join } from "node:path";
import { storageDirectories } from "../../../engine/storage/directories.js";
import { CaseContext, type FaultCase, requireExpected, skippedCases, textOf } from "./fault-case.js";
import { FURTHER_COUNT, type Outcome, requireEnding } from "./inspection.js";
import { Ledger } from "./ledger.js";
import {
  type ErrorName,
  NO_SHIM,
  type Shim,
  type SystemCall,
  type Tampering,
  tamperedCalls,
} from "./shim.js";
import type { Source, Sources } from "./sources.js";
import { spread } from "./store-files.js";
import type { Job } from "./subject-jobs.js";
import { type JobResult, ledgerAfter, SubjectProcess } from "./subject-process.js";

/** Calls that change what is on disk. */
const CHANGING: readonly SystemCall[] = [
  "write",
  "pwrite",
  "fsync",
  "fdatasync",
  "create",
  "rename",
  "unlink",
  "mkdir",
  "truncate",
];
const READING: readonly SystemCall[] = ["read", "open"];

/** Errors that each call may fail with, taken in turn. */
const ERRORS_OF: Readonly<Record<SystemCall, readonly ErrorName[]>> = {
  write: ["EIO", "ENOSPC", "EDQUOT"],
  pwrite: ["EIO", "ENOSPC", "EDQUOT"],
  fsync: ["EIO", "ENOSPC"],
  fdatasync: ["EIO", "EDQUOT"],
  create: ["EACCES", "EROFS", "ENOSPC", "EMFILE"],
  rename: ["EIO", "ENOSPC", "EACCES"],
  unlink: ["EIO", "EACCES"],
  mkdir: ["ENOSPC", "EROFS"],
  truncate: ["EIO", "ENOSPC"],
  read: ["EIO"],
  open: ["EIO", "EACCES", "EMFILE"],
};

const KINDS = [
  "call fails in a start",
  "read fails in a start",
  "call fails in an init",
  "call fails at work",
  "killed in a start",
  "killed in an init",
  "killed at work",
  "chosen call fails",
];

/** What a subject does while a call fails; `armed work` is work without its start. */
type Activity = "init" | "start" | "work" | "armed work";

const SCM_PATH = "/scm/";

/** Calls of an activity, in their order. */
interface Sweep {
  readonly activity: Activity;
  readonly calls: readonly SystemCall[];
  readonly list: readonly { readonly nth: number; readonly call: SystemCall; readonly file: string }[];
}

/** Makes the n-th call of a start, an `--init`, or of work fail, or kills the process in it. `directory` is
 * for finding out which calls there are. */
export async function injectedCases(
  shim: Shim | undefined,
  sources: Sources,
  directory: string,
  scale: number,
): Promise<FaultCase[]> {
  if (shim === undefined) return skippedCases(KINDS, NO_SHIM);
  const list = async (activity: Activity, calls: readonly SystemCall[]): Promise<Sweep> => {
    const context = new CaseRunner(shim, sources, directory);
    return { activity, calls, list: await context.callsOf(activity, calls) };
  };
  const starting = await list("start", CHANGING);
  const reading = await list("start", READING);
  const initializing = await list("init", CHANGING);
  const working = await list("work", CHANGING);
  const sweep = (kind: string, { activity, calls, list: all }: Sweep, count: number, mustKill = false) =>
    spread(all, Math.round(count * scale)).map(({ nth, call, file }, i): FaultCase => {
      const errors = ERRORS_OF[call];
      const error = errors[i % errors.length] as ErrorName;
      const tampering = { calls, path: SCM_PATH, nth, times: 1, ...(mustKill ? { mustKill } : { error }) };
      return {
        kind,
        name: `${kind.replaceAll(" ", "-")}-${nth}-${call}-${mustKill ? "kill" : error}-${file}`,
        run: (context) => new CaseRunner(shim, sources, context.directory).run(activity, tampering, context),
      };
    });
  return [
    ...sweep("call fails in a start", starting, 40),
    ...sweep("read fails in a start", reading, 30),
    ...sweep("call fails in an init", initializing, 30),
    ...sweep("call fails at work", working, 30),
    ...sweep("killed in a start", starting, 30, true),
    ...sweep("killed in an init", initializing, 30, true),
    ...sweep("killed at work", working, 20, true),
    ...chosenCases(shim, sources),
  ];
}

/** Calls at work, by what they are for. */
function chosenCases(shim: Shim, sources: Sources): FaultCase[] {
  const logWal = { path: "/raft/0", calls: ["write"] as const };
  const logSync = { path: "/raft/0", calls: ["fdatasync"] as const };
  const stateWal = { path: "/base/0", calls: ["write"] as const };
  const stateSync = { path: "/base/0", calls: ["fdatasync"] as const };
  const mark = { path: "/durable.mark", calls: ["pwrite"] as const };
  const markSync = { path: "/durable.mark", calls: ["fdatasync"] as const };
  const make = (what: string, tampering: Tampering): FaultCase => ({
    kind: "chosen call fails",
    name: `chosen-call-${what}-${tampering.nth}${tampering.times === undefined ? "-and-after" : ""}`,
    run: (context) => new CaseRunner(shim, sources, context.directory).run("armed work", tampering, context),
  });
  const each = [
    { what: "append", ...logWal },
    { what: "append-sync", ...logSync },
    { what: "flush", ...stateWal },
    { what: "flush-sync", ...stateSync },
    { what: "mark", ...mark },
    { what: "mark-sync", ...markSync },
  ];
  return each.flatMap(({ what, ...where }) => [
    ...[1, 3, 7].flatMap((nth) => [
      make(`${what}-EIO`, { ...where, nth, times: 1, error: "EIO" }),
      make(`${what}-EIO`, { ...where, nth, error: "EIO" }),
    ]),
    make(`${what}-ENOSPC`, { ...where, nth: 2, error: "ENOSPC" }),
    make(`${what}-EROFS`, { ...where, nth: 2, error: "EROFS" }),
    // Interrupted calls are made again, short writes go on.
    make(`${what}-EINTR`, { ...where, nth: 2, times: 3, error: "EINTR" }),
    ...(where.calls[0] === "fdatasync"
      ? []
      : [
          make(`${what}-short`, { ...where, nth: 2, times: 3, isShort: true }),
          make(`${what}-short-ENOSPC`, { ...where, nth: 3, times: 1, isShort: true, error: "ENOSPC" }),
        ]),
  ]);
}

/** A case whose subject is tampered with, and one whose is not after it. */
class CaseRunner {
  readonly #shim: Shim;
  readonly #sources: Sources;
  readonly #directory: string;

  constructor(shim: Shim, sources: Sources, directory: string) {
    this.#shim = shim;
    this.#sources = sources;
    this.#directory = directory;
  }

  /** All calls of an activity that is not disturbed; those on RocksDB's information logs do not matter. */
  async callsOf(activity: Activity, calls: readonly SystemCall[]): Promise<Sweep["list"]> {
    const { note, result } = await this.#disturbed(activity, { calls, path: SCM_PATH, nth: 1 });
    if (result.ending !== "done") throw new Error(`${activity}: ${result.lastWords}`);
    const lines = tamperedCalls(note);
    rmSync(this.#directory, { recursive: true });
    return lines
      .map((line, i) => {
        const [call = "", path = ""] = line.split(" ");
        return { nth: i + 1, call: call as SystemCall, file: basename(path) };
      })
      .filter(({ file }) => !file.startsWith("LOG"));
  }

  async run(activity: Activity, tampering: Tampering, context: CaseContext): Promise<Outcome> {
    const { note, result, source } = await this.#disturbed(activity, tampering);
    const mustKill = tampering.mustKill === true;
    const outcome = requireEnding(result, mustKill);
    if (mustKill && result.ending === "done") return { kind: "skipped", reason: "no such call this time" };
    if (tamperedCalls(note).length === 0) return { kind: "skipped", reason: "no such call this time" };
    if (activity === "init") await this.#initializeAgain(source, result);
    const ledger = ledgerAfter(source.ledger, result);
    const after = await context.start({ metadataDir: source.metadataDir, ledger });
    requireExpected(after, "recovered");
    return outcome;
  }

  /** Runs an activity with tampered calls. `source` is where it ran, with what was acknowledged before. */
  async #disturbed(activity: Activity, tampering: Tampering) {
    const source = this.#prepare(activity);
    const note = join(this.#directory, "tampered-calls");
    const armFile = activity === "armed work" ? join(this.#directory, "armed") : undefined;
    const subject = new SubjectProcess({ env: this.#shim.environment(tampering, note, armFile) });
    try {
      const result = await subject.run(jobOf(activity, source.metadataDir, armFile));
      return { note, result, source };
    } finally {
      if (subject.isAlive) await subject.kill();
    }
  }

  #prepare(activity: Activity): Source {
    const context = new CaseContext(this.#sources, this.#directory);
    if (activity !== "init") return context.copyOf(this.#sources[activity === "start" ? "grown" : "young"]);
    const metadataDir = join(this.#directory, "scm");
    mkdirSync(this.#directory, { recursive: true });
    return { metadataDir, directories: storageDirectories({ metadataDir }), ledger: new Ledger() };
  }

  /** What a failed `--init` has left must not keep the next one from finishing. */
  async #initializeAgain({ metadataDir }: Source, first: JobResult): Promise<void> {
    const subject = new SubjectProcess();
    const again = await subject.run({ kind: "init", metadataDir });
    await subject.kill();
    const outcome = requireEnding(again, false);
    if (outcome.kind !== "recovered") throw new Error(`--init fails again: ${textOf(outcome)}`);
    const [before, after] = [first, again].map(({ said }) => said.find(({ kind }) => kind === "initialized"));
    if (before?.kind !== "initialized" || after?.kind !== "initialized") return;
    if (after.isNew || after.clusterId !== before.clusterId) throw new Error("--init was done twice");
  }
}

const WORK = { kind: "work", count: 40, flushEvery: 3, markEvery: 2 } as const;

function jobOf(activity: Activity, metadataDir: string, armFile: string | undefined): Job {
  switch (activity) {
    case "init":
      return { kind: "init", metadataDir };
    case "start":
      return { kind: "inspect", metadataDir, verifyFirst: false, furtherCount: FURTHER_COUNT };
    case "work":
    case "armed work":
      return { ...WORK, metadataDir, ...(armFile === undefined ? {} : { armFile }) };
  }
}
