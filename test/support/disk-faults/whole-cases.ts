import { ERRORS, type ErrorCode } from "../../../engine/core/errors.js";
import { waitFor } from "../wait.js";
import { type CaseContext, type FaultCase, skippedCases } from "./fault-case.js";
import type { Outcome } from "./inspection.js";
import { type ErrorName, NO_SHIM, type Shim, type SystemCall, type Tampering } from "./shim.js";
import type { WholeScm } from "./whole-scm.js";

/** `strata`'s exit code for a disk, or what is on it. */
const EXIT_STORAGE = 74;
const STALL_MS = 6_000;
/** A read that is answered after this has waited for the stall. */
const READ_LIMIT_MS = 4_000;
const KIB = 1024;
const FULL_LIMIT_MS = 60_000;

/** Files of each thread. */
const FILES = {
  "log-WAL": "/raft/0",
  mark: "/durable.mark",
  "state-WAL": "/base/0",
} as const;
type FileName = keyof typeof FILES;

const KINDS = ["failing thread", "failing start", "failing audit", "harmless failure", "stall of seconds"];

/** Faults under a whole SCM at work: main, log and state thread, real clients. */
export function wholeCases(shim: Shim | undefined): FaultCase[] {
  if (shim === undefined) return [...skippedCases(KINDS, NO_SHIM), ...full()];
  return [
    ...failing(shim),
    ...failingStarts(shim),
    ...failingAudits(shim),
    ...harmless(shim),
    ...stalls(shim),
    ...full(),
  ];
}

/** A thread's disk fails: the process ends with the code that says so, the next start has everything. */
function failing(shim: Shim): FaultCase[] {
  const make = (file: FileName, call: SystemCall, error: ErrorName, options: Partial<Tampering> = {}) => {
    const tampering = { calls: [call], path: FILES[file], nth: 1, error, ...options };
    const { nth, isShort, times } = tampering;
    const how = `${isShort === true ? "short-" : ""}${error}-${nth}${times === undefined ? "" : "-once"}`;
    return wholeCase("failing thread", `${file}-${call}-${how}`, async (scm) => {
      await scm.startTampered(shim, tampering);
      await scm.load.resume();
      await scm.answered(20);
      scm.arm();
      return await fatalEnd(scm, error === "ENOSPC" || error === "EDQUOT" ? "STORAGE_FULL" : "STORAGE_IO");
    });
  };
  return [
    ...(["EIO", "ENOSPC", "EDQUOT", "EROFS"] as const).flatMap((error) => [
      make("log-WAL", "write", error),
      make("state-WAL", "write", error),
    ]),
    make("log-WAL", "fdatasync", "EIO"),
    make("log-WAL", "fdatasync", "EIO", { times: 1 }),
    make("log-WAL", "fdatasync", "ENOSPC", { nth: 5 }),
    // Late enough to meet truncations of the log, too.
    ...[20, 60, 150, 300].map((nth) => make("log-WAL", "write", "EIO", { nth, times: 1 })),
    ...[20, 90].map((nth) => make("log-WAL", "fdatasync", "EIO", { nth, times: 1 })),
    make("log-WAL", "write", "ENOSPC", { nth: 3, times: 1, isShort: true }),
    make("state-WAL", "write", "EIO", { nth: 4, times: 1 }),
    make("state-WAL", "write", "ENOSPC", { nth: 2, times: 1, isShort: true }),
    make("state-WAL", "fdatasync", "EIO", { times: 1 }),
    make("mark", "pwrite", "EIO"),
    make("mark", "pwrite", "ENOSPC", { nth: 3 }),
    make("mark", "fdatasync", "EIO"),
    make("mark", "fdatasync", "EIO", { nth: 2, times: 1 }),
  ];
}

/** A call of a start fails, on whatever thread: the start is refused, or goes on without harm. */
function failingStarts(shim: Shim): FaultCase[] {
  const make = (what: string, calls: readonly SystemCall[], error: ErrorName, nth: number) =>
    wholeCase("failing start", `${what}-${error}-${nth}`, async (scm) => {
      const process = scm.spawnTampered(shim, { calls, path: "/scm/", nth, times: 1, error });
      scm.arm();
      await waitFor("it serves or ends", () => !process.isAlive || isServing(process.text), START_LIMIT_MS);
      const outcome: Outcome = process.isAlive ? { kind: "recovered" } : refusalOf(await scm.ended());
      await scm.kill();
      if (scm.tamperedCalls.length === 0) return { kind: "skipped", reason: "no such call this time" };
      await scm.checkAfterEnd();
      return outcome;
    });
  const changing = ["write", "pwrite", "fsync", "fdatasync", "create", "rename"] as const;
  return [
    ...[2, 12, 25, 40, 50, 60, 75, 90].map((nth) => make("change", changing, "EIO", nth)),
    ...[6, 30, 55, 70].map((nth) => make("change", changing, "ENOSPC", nth)),
    ...[1, 3, 6, 10, 15, 20, 26].map((nth) => make("read", ["read", "open"], "EIO", nth)),
  ];
}

const START_LIMIT_MS = 60_000;

function isServing(text: string): boolean {
  return text.includes('"step":"listening"');
}

/** Mutations wait until the audit log can be written again. */
function failingAudits(shim: Shim): FaultCase[] {
  return (["EIO", "ENOSPC"] as const).map((error) =>
    wholeCase("failing audit", error, async (scm) => {
      const tampering = { calls: ["write", "pwrite"], path: "/audit.log", nth: 2, times: 3, error } as const;
      await scm.startTampered(shim, tampering);
      await scm.load.resume();
      await scm.answered(20);
      scm.arm();
      await waitFor("the calls are met", () => scm.tamperedCalls.length > 0);
      await requireReadable(scm);
      return await goesOn(scm);
    }),
  );
}

/** What the system lets a program try again. */
function harmless(shim: Shim): FaultCase[] {
  const make = (name: string, tampering: Tampering) =>
    wholeCase("harmless failure", name, async (scm) => {
      await scm.startTampered(shim, tampering);
      await scm.load.resume();
      scm.arm();
      await waitFor("the calls are met", () => scm.tamperedCalls.length > 0);
      return await goesOn(scm);
    });
  return (["log-WAL", "state-WAL", "mark"] as const).flatMap((file) => {
    const where = {
      calls: [file === "mark" ? "pwrite" : "write"],
      path: FILES[file],
      nth: 2,
      times: 20,
    } as const;
    return [
      make(`${file}-interrupted`, { ...where, error: "EINTR" }),
      make(`${file}-short`, { ...where, isShort: true }),
    ];
  });
}

/** While a write takes seconds, main goes on: reads are answered, mutations wait. */
function stalls(shim: Shim): FaultCase[] {
  const make = (file: FileName, call: SystemCall) =>
    wholeCase("stall of seconds", `${file}-${call}`, async (scm) => {
      await scm.startTampered(shim, {
        calls: [call],
        path: FILES[file],
        nth: 3,
        times: 1,
        sleepMs: STALL_MS,
      });
      await scm.load.resume();
      await scm.answered(20);
      scm.arm();
      await waitFor("the call is met", () => scm.tamperedCalls.length > 0);
      await requireReadable(scm);
      return await goesOn(scm);
    });
  return [
    make("log-WAL", "write"),
    make("log-WAL", "fdatasync"),
    make("mark", "pwrite"),
    make("mark", "fdatasync"),
    make("state-WAL", "write"),
    make("state-WAL", "fdatasync"),
  ];
}

async function requireReadable({ home, load }: WholeScm): Promise<void> {
  const signal = AbortSignal.timeout(READ_LIMIT_MS);
  const { status } = await fetch(`http://127.0.0.1:${home.httpPort}/readyz`, { signal });
  if (status !== 200) throw new Error(`/readyz answers ${status} during a stall`);
  let isAnswered = false;
  const info = load.client.scmInfo().then(() => {
    isAnswered = true;
  });
  await waitFor("a read is answered during a stall", () => isAnswered, READ_LIMIT_MS);
  await info;
}

/** A disk without room, then with room again. */
function full(): FaultCase[] {
  const make = (kib: number, hasOtherAudit: boolean) =>
    wholeCase("whole SCM, disk full", `${kib}-KiB${hasOtherAudit ? "-but-audit" : ""}`, async (scm) => {
      if (scm.disk === undefined) return { kind: "skipped", reason: "no private mount" };
      const process = await scm.start(hasOtherAudit ? [`strata.audit.file=${scm.otherAuditFile}`] : []);
      await scm.load.resume();
      await scm.answered(20);
      scm.disk.fill(kib * KIB);
      const isAuditFull = (): boolean => process.text.includes("the audit log cannot be written");
      // RocksDB has reserved some megabytes for its write-ahead log.
      await waitFor("the disk is full", () => isAuditFull() || !process.isAlive, FULL_LIMIT_MS);
      if (process.isAlive) await requireReadable(scm);
      if (!process.isAlive) return await fatalEnd(scm, "STORAGE_FULL");
      scm.disk.free();
      return await goesOn(scm);
    });
  return [0, 16, 64, 300, 1000].flatMap((kib) => [make(kib, false), make(kib, true)]);
}

/** The SCM works as if nothing had been, and is sound. */
async function goesOn(scm: WholeScm): Promise<Outcome> {
  await scm.answered(100);
  await scm.kill();
  await scm.checkAfterEnd();
  return { kind: "recovered" };
}

/** The process must end by itself with `code`, one line must say so; then everything is there again. */
async function fatalEnd(scm: WholeScm, code: ErrorCode): Promise<Outcome> {
  const { code: exitCode, text } = await scm.ended();
  if (exitCode !== EXIT_STORAGE) throw new Error(`ended with ${exitCode}: ${text.slice(-2000)}`);
  const last = text.split("\n").find((line) => line.includes("the SCM cannot go on"));
  if (last === undefined) throw new Error(`does not say why it ended: ${text.slice(-2000)}`);
  if (!last.includes(code)) throw new Error(`ended with another error than ${code}: ${last}`);
  if (!last.includes(ERRORS[code].action)) throw new Error(`no next step: ${last}`);
  scm.disk?.free();
  await scm.checkAfterEnd();
  return { kind: "refused", code };
}

/** What a start that ended by itself has said. */
function refusalOf({ code: exitCode, text }: Awaited<ReturnType<WholeScm["ended"]>>): Outcome {
  if (exitCode !== EXIT_STORAGE) throw new Error(`ended with ${exitCode}: ${text.slice(-2000)}`);
  const code = Object.keys(ERRORS).find((name) => text.includes(`(${name})`) || text.includes(`"${name}"`));
  if (code === undefined) throw new Error(`no code: ${text.slice(-2000)}`);
  if (!text.includes(ERRORS[code as ErrorCode].action)) throw new Error(`no next step: ${text.slice(-2000)}`);
  return { kind: "refused", code: code as ErrorCode };
}

function wholeCase(kind: string, name: string, run: (scm: WholeScm) => Promise<Outcome>): FaultCase {
  return {
    kind,
    name: `${kind.replaceAll(/[ ,]+/g, "-")}-${name}`,
    run: async (context: CaseContext) => await context.withWholeScm(run),
  };
}
