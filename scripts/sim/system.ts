import { FAULT_NAMES, type FaultName } from "../../test/support/simulation/system/options.js";
import { runSeed, type SimOutcome } from "../../test/support/simulation/system/run-seed.js";
import {
  reducedOptions,
  type SystemReduction,
  shrinkSystem,
} from "../../test/support/simulation/system/shrink.js";

/** What runs without `--core`: whole clusters of SCMs, datanodes and administrators. */

/** Names from `--without a,b`. Throws on one that is none. */
export function faultsOf(without: string | undefined): FaultName[] {
  const names = without === undefined ? [] : without.split(",");
  const unknown = names.find((name) => !FAULT_NAMES.some((fault) => fault === name));
  if (unknown !== undefined) throw new Error(`there is no ${unknown}, but ${FAULT_NAMES.join(", ")}`);
  return names as FaultName[];
}

/** Plays one seed. `twice`: and again, which must go alike. */
export async function playSystem(
  seed: number,
  reduction: SystemReduction,
  { twice, onLine }: { readonly twice: boolean; readonly onLine?: (line: string) => void },
): Promise<SimOutcome> {
  const changes = reducedOptions(seed, reduction);
  const outcome = await runSeed(seed, { changes, ...(onLine === undefined ? {} : { onLine }) });
  if (!twice || outcome.error !== undefined) return outcome;
  const { digest } = await runSeed(seed, { changes });
  if (digest === outcome.digest) return outcome;
  return { ...outcome, error: new Error(`played again, its digest is ${digest}`) };
}

/** The smallest run found that fails like it. */
export function smallestOf(seed: number, reduction: SystemReduction): Promise<SystemReduction> {
  return shrinkSystem(seed, reduction, async (smaller) => {
    const { error } = await playSystem(seed, smaller, { twice: false });
    return error !== undefined;
  });
}

/** What is printed of a seed after it was played: one line when it went well, else what happened last, why it
 * failed, and how to play it again. */
export function linesOf(outcome: SimOutcome, reduction: SystemReduction): string[] {
  const { seed, ticks, digest, error, lastLines } = outcome;
  if (error === undefined) return [`PASS seed=${seed} ticks=${ticks} digest=${digest}`];
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return [
    ...lastLines,
    text,
    `FAIL seed=${seed} ticks=${ticks} digest=${digest}`,
    `replay: ${replayCommand(seed, reduction)}`,
  ];
}

/** The command that plays it again. */
export function replayCommand(seed: number, reduction: SystemReduction): string {
  const { without, ...numbers } = reduction;
  const options = [
    ...(without.length === 0 ? [] : [`--without ${without.join(",")}`]),
    ...Object.entries(numbers).flatMap(([name, value]) =>
      value === undefined ? [] : [`--${name} ${value}`],
    ),
  ];
  return ["npm run sim -- --seed", seed, ...options, "--trace"].join(" ");
}
