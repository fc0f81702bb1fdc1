import type { CoreSimOptions } from "../../test/support/core-simulation/options.js";
import {
  type CoreSimOutcome,
  coreOptionsOf,
  runCoreSeed,
} from "../../test/support/core-simulation/run-core-seed.js";
import {
  CORE_PARTS,
  type CorePart,
  changesOf,
  type Reduction,
  shrink,
} from "../../test/support/core-simulation/shrink.js";

/** What `--core` runs: Raft cores on a fake disk and a fake network, without an SCM around them. */

/** What is left of a run, from `--without a,b` and `--steps N`. Throws on a name that is none. */
export function reductionOf(without: string | undefined, steps: number | undefined): Reduction {
  const names = without === undefined ? [] : without.split(",");
  const unknown = names.find((name) => !CORE_PARTS.some((part) => part === name));
  if (unknown !== undefined) throw new Error(`there is no ${unknown}, but ${CORE_PARTS.join(", ")}`);
  return { without: names as CorePart[], steps };
}

/** Everything that decides about the run of `seed`. */
export function coreOptionsWith(seed: number, reduction: Reduction): CoreSimOptions {
  return { ...coreOptionsOf(seed), ...changesOf(seed, reduction) };
}

/** Plays one seed. */
export function playCore(
  seed: number,
  reduction: Reduction,
  onLine?: (line: string) => void,
): CoreSimOutcome {
  return runCoreSeed(seed, changesOf(seed, reduction), onLine);
}

/** What is printed of a seed after it was played: one line when it went well, else what happened last, why it
 * failed, and the smallest run found that fails too. */
export function coreLinesOf(outcome: CoreSimOutcome): string[] {
  const { seed, steps, digest, error, simulation } = outcome;
  const end = simulation.isStuck ? " (safe, without a quorum at the end)" : "";
  if (error === undefined) return [`PASS seed=${seed} ticks=${steps} digest=${digest}${end}`];
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return [
    ...simulation.cluster.trace.lastLines(),
    text,
    `FAIL seed=${seed} ticks=${steps} digest=${digest}`,
    `replay: ${replayCommand(
      seed,
      shrink((reduction) => stepsAtFailure(seed, reduction)),
    )}`,
  ];
}

function stepsAtFailure(seed: number, reduction: Reduction): number | undefined {
  const { error, steps } = playCore(seed, reduction);
  return error === undefined ? undefined : steps;
}

/** The command that plays it again. */
export function replayCommand(seed: number, { without, steps }: Reduction): string {
  const names = without.length === 0 ? "" : ` --without ${without.join(",")}`;
  const limit = steps === undefined ? "" : ` --steps ${steps}`;
  return `npm run sim -- --core --seed ${seed}${names}${limit} --trace`;
}
