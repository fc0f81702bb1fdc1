import { ERRORS, type ErrorCode } from "../../../engine/core/errors.js";
import { type Ledger, writeAt } from "./ledger.js";
import { FURTHER, type Said, type VerifyFinding } from "./subject-jobs.js";
import type { JobResult } from "./subject-process.js";

/** How a case may end well; anything else is thrown. */
export type Outcome =
  | { readonly kind: "recovered" }
  | {
      readonly kind: "refused";
      readonly code: ErrorCode;
      /** After a start: no start reads what lies behind newer rows, RocksDB does when it gathers files. */
      readonly isLate?: true;
    }
  | { readonly kind: "skipped"; readonly reason: string };

/** Operations that an inspection writes after a start that recovers: the flush between truncates the log. */
export const FURTHER_COUNT = 3;

/** Requires that a job has ended by itself, or was killed if it had to be, and that what it refused has a
 * code and a next step. */
export function requireEnding({ said, ending, lastWords }: JobResult, mayBeKilled: boolean): Outcome {
  if (ending === "hung") throw new Error("HANG: no end within the limit");
  if (ending === "died" || (ending === "killed" && !mayBeKilled)) throw new Error(`CRASH: ${lastWords}`);
  const refusal = said.find((each) => each.kind === "refused");
  if (refusal === undefined) return { kind: "recovered" };
  const { code, action, stack } = refusal;
  if (code === undefined) throw new Error(`CRASH without a code: ${stack}`);
  if (action === "") throw new Error(`${code} without a next step`);
  return { kind: "refused", code };
}

/** Judges the result of an `inspect` job against what was acknowledged. `isDamaged`: verify may find more
 * than a start does. Throws what is wrong. */
export function judge(result: JobResult, acknowledged: Ledger, isDamaged: boolean): Outcome {
  const outcome = requireEnding(result, false);
  const { said } = result;
  const starts = said.filter((each) => each.kind === "started");
  const verified = said.find((each) => each.kind === "verified");
  const changed = said.find((each) => each.kind === "changed");
  if (changed !== undefined) throw new Error(`verify changes ${changed.files.join(", ")}`);
  if (outcome.kind === "refused") {
    const { code } = outcome;
    if (verified !== undefined) requireExplained(verified.findings, code);
    if (starts.length === 0) return outcome;
    if (ERRORS[code].class === "CorruptionError") return { ...outcome, isLate: true };
    throw new Error(`started, and failed later with ${code}`);
  }
  const [first, second] = starts;
  if (first === undefined || second === undefined) throw new Error("said nothing of its starts");
  const ledger = acknowledged.clone();
  ledger.check(first);
  if (verified !== undefined && !isDamaged) requireClean(verified, first.last);
  ledger.settle(first.last);
  for (let i = 0; i <= FURTHER_COUNT; i++) ledger.begin(writeAt(FURTHER, ledger.begun + 1));
  ledger.acknowledge(ledger.begun);
  ledger.check(second);
  const entries = said.find((each) => each.kind === "entries");
  if (entries === undefined) throw new Error("said nothing of its log");
  ledger.checkEntries(entries.entries);
  return { kind: "recovered" };
}

/** What keeps an SCM from starting is an error of verify's, with a next step. */
function requireExplained(findings: readonly VerifyFinding[], code: string): void {
  const errors = findings.filter(({ severity }) => severity === "error");
  if (errors.length === 0) throw new Error(`start refuses with ${code}, verify finds nothing`);
  const unexplained = findings.find(({ nextStep }) => nextStep === "");
  if (unexplained !== undefined) throw new Error(`verify gives no next step: ${unexplained.what}`);
  // A file in a store may be no file, which verify's copy of it leaves out: then bytes are missing there.
  const mayBeMissing = code === "STORAGE_OPEN" || code === "STORAGE_IO";
  const codes = mayBeMissing ? [code, "LOG_CORRUPT", "STATE_CORRUPT"] : [code];
  if (errors.some(({ what }) => codes.some((each) => what.startsWith(`${each}:`)))) return;
  throw new Error(`start refuses with ${code}, verify says: ${errors.map(({ what }) => what).join("; ")}`);
}

function requireClean({ findings, lastIndex }: Extract<Said, { kind: "verified" }>, last: number): void {
  const error = findings.find(({ severity }) => severity === "error");
  if (error !== undefined) throw new Error(`starts, but verify says: ${error.what}`);
  if (lastIndex !== last) throw new Error(`starts with ${last}, verify has counted ${lastIndex}`);
}
