import { rmSync } from "node:fs";
import { join } from "node:path";
import { SeededRandom } from "../../../engine/core/random.js";
import { FURTHER_COUNT, judge, type Outcome } from "./inspection.js";
import type { Ledger } from "./ledger.js";
import { SmallDisk } from "./small-disk.js";
import { copyTree, type Source, type Sources } from "./sources.js";
import type { Said } from "./subject-jobs.js";
import { type JobResult, ledgerAfter, SubjectProcess } from "./subject-process.js";
import { WholeScm } from "./whole-scm.js";

/** One fault, and how an SCM may take it. */
export interface FaultCase {
  /** Its row in the table at the end. */
  readonly kind: string;
  /** Unique; `--only` finds it by this. */
  readonly name: string;
  /** Throws what an SCM must never do. */
  run(context: CaseContext): Promise<Outcome>;
}

/** What a case may be told to require: that the SCM comes back, that it refuses, or either of them. */
export type Expected = "recovered" | "refused" | "either";

/** A directory of its own for each case, and subjects to try it on. One case at a time. */
export class CaseContext {
  readonly sources: Sources;
  readonly directory: string;
  #subject: SubjectProcess | undefined;
  #smallDisk: Promise<SmallDisk | undefined> | undefined;
  #wholeScm: WholeScm | undefined;
  #random: SeededRandom;

  constructor(sources: Sources, directory: string) {
    this.sources = sources;
    this.directory = directory;
    this.#random = new SeededRandom(0);
  }

  /** The random numbers of the present case. */
  get random(): SeededRandom {
    return this.#random;
  }

  /** Runs a case in an empty directory. The same seed makes the same choices, whatever ran before. */
  async run(faultCase: FaultCase, seed: number): Promise<Outcome> {
    this.#random = new SeededRandom(hashOf(`${seed} ${faultCase.name}`));
    try {
      return await faultCase.run(this);
    } finally {
      rmSync(this.directory, { recursive: true, force: true });
      (await this.#smallDisk)?.clear();
    }
  }

  /** A copy of a source under the case's directory. */
  copyOf(source: Source, name = "scm"): Source {
    const metadataDir = join(this.directory, name);
    copyTree(source.metadataDir, metadataDir);
    const move = (path: string): string => metadataDir + path.slice(source.metadataDir.length);
    const { root, current, versionFile, lock, raft, state } = source.directories;
    const directories = {
      root: move(root),
      current: move(current),
      versionFile: move(versionFile),
      lock: move(lock),
      raft: move(raft),
      state: move(state),
    };
    return { metadataDir, directories, ledger: source.ledger };
  }

  /** Has a damaged SCM started, and another copy of it verified and then started: both must end alike. */
  async inspect(damaged: Source, expected: Expected = "either"): Promise<Outcome> {
    const verified = this.copyOf(damaged, "verified");
    const isDamaged = expected !== "recovered";
    const plain = await this.#inspectOnce(damaged, false, isDamaged);
    const after = await this.#inspectOnce({ ...verified, ledger: damaged.ledger }, true, isDamaged);
    const [first, second] = [textOf(plain), textOf(after)];
    // When damage is found late depends on when RocksDB gathers files.
    if (first !== second && !isLate(plain) && !isLate(after))
      throw new Error(`${first} without, ${second} after verify`);
    requireExpected(plain, expected);
    return plain;
  }

  /** Has an SCM started that is not to be verified first. */
  async start(
    source: { metadataDir: string; ledger: Ledger },
    expected: Expected = "either",
  ): Promise<Outcome> {
    const outcome = await this.#inspectOnce(source, false, false);
    requireExpected(outcome, expected);
    return outcome;
  }

  /** A disk to fill up, emptied after each case; undefined where it cannot be had. */
  async smallDisk(): Promise<SmallDisk | undefined> {
    this.#smallDisk ??= SmallDisk.mount(`${this.directory}-small-disk`);
    return await this.#smallDisk;
  }

  /** Runs a case on a whole SCM, which lives on for the next one unless something went wrong. */
  async withWholeScm(run: (scm: WholeScm) => Promise<Outcome>): Promise<Outcome> {
    const scm =
      this.#wholeScm ?? (await WholeScm.create(`${this.directory}-whole-disk`, this.random.below(1e6)));
    this.#wholeScm = scm;
    try {
      return await run(scm);
    } catch (error) {
      this.#wholeScm = undefined;
      await scm.close();
      throw error;
    }
  }

  async close(): Promise<void> {
    await this.#subject?.kill();
    await this.#wholeScm?.close();
    await (await this.#smallDisk)?.unmount();
  }

  async #inspectOnce(
    { metadataDir, ledger }: { metadataDir: string; ledger: Ledger },
    verifyFirst: boolean,
    isDamaged: boolean,
  ): Promise<Outcome> {
    const result = await this.#run(metadataDir, verifyFirst);
    const outcome = judge(result, ledger, isDamaged);
    // What it acknowledged before it failed must not be lost by the next start.
    if (isLate(outcome)) judge(await this.#run(metadataDir, false), ledgerAfter(ledger, result), isDamaged);
    return outcome;
  }

  async #run(metadataDir: string, verifyFirst: boolean): Promise<JobResult> {
    this.#subject ??= new SubjectProcess();
    const subject = this.#subject;
    const result = await subject.run({
      kind: "inspect",
      metadataDir,
      verifyFirst,
      furtherCount: FURTHER_COUNT,
    });
    // After a failure in the middle a store may still be open there.
    if (result.ending === "done" && isWhole(result.said)) return result;
    await subject.kill();
    this.#subject = undefined;
    return result;
  }
}

/** Says aloud that cases of these kinds cannot be tried here: one for each. */
export function skippedCases(kinds: readonly string[], reason: string): FaultCase[] {
  return kinds.map((kind) => ({
    kind,
    name: `${kind.replaceAll(" ", "-")}-all`,
    run: async () => ({ kind: "skipped", reason }),
  }));
}

/** Refused at once, or not at all. */
function isWhole(said: readonly Said[]): boolean {
  const isRefused = said.some(({ kind }) => kind === "refused");
  return !isRefused || !said.some(({ kind }) => kind === "started");
}

function isLate(outcome: Outcome): boolean {
  return outcome.kind === "refused" && outcome.isLate === true;
}

export function requireExpected(outcome: Outcome, expected: Expected): void {
  if (expected === "either" || outcome.kind === expected || outcome.kind === "skipped") return;
  throw new Error(`${textOf(outcome)}, but it should have ${expected}`);
}

export function textOf(outcome: Outcome): string {
  switch (outcome.kind) {
    case "recovered":
      return "recovered";
    case "refused":
      return outcome.code;
    case "skipped":
      return `skipped (${outcome.reason})`;
  }
}

function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash >>> 0;
}
