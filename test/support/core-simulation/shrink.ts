import { CORE_FAULT_NAMES, type CoreFaultName, type CoreSimOptions } from "./options.js";
import { coreOptionsOf } from "./run-core-seed.js";

/** What may be left out of a run besides faults. */
const ASKED_PARTS = {
  reads: { readRate: 0 },
  membership: { membershipRate: 0 },
  transfer: { transferRate: 0 },
  disturbance: { disturbanceRate: 0 },
} as const;
type AskedPart = keyof typeof ASKED_PARTS;
export type CorePart = CoreFaultName | AskedPart;

export const CORE_PARTS: readonly CorePart[] = [
  ...CORE_FAULT_NAMES,
  ...(Object.keys(ASKED_PARTS) as AskedPart[]),
];

/** What a run is made smaller by. */
export interface Reduction {
  readonly without: readonly CorePart[];
  /** Undefined = as many as the seed draws. */
  readonly steps: number | undefined;
}

/** What `reduction` changes about the run of `seed`. */
export function changesOf(seed: number, { without, steps }: Reduction): Partial<CoreSimOptions> {
  const options = coreOptionsOf(seed);
  const faults = Object.fromEntries(
    CORE_FAULT_NAMES.map((name) => [name, without.includes(name) ? 0 : options.faults[name]]),
  ) as Record<CoreFaultName, number>;
  const asked = without.map((part) => (part in ASKED_PARTS ? ASKED_PARTS[part as AskedPart] : {}));
  return Object.assign({ faults }, ...asked, steps === undefined ? {} : { steps });
}

/** The smallest run found that still fails: leaves out one part after the other, then halves the steps.
 * `stepsAtFailure` plays a run and tells after how many steps it failed; undefined when it went well. */
export function shrink(stepsAtFailure: (reduction: Reduction) => number | undefined): Reduction {
  let smallest: Reduction = { without: [], steps: undefined };
  let failedAt = 0;
  for (const part of CORE_PARTS) {
    const smaller = { ...smallest, without: [...smallest.without, part] };
    const steps = stepsAtFailure(smaller);
    if (steps === undefined) continue;
    smallest = smaller;
    failedAt = steps;
  }
  for (let fewer = failedAt >> 1; fewer > 0; fewer >>= 1) {
    if (stepsAtFailure({ ...smallest, steps: fewer }) === undefined) break;
    smallest = { ...smallest, steps: fewer };
  }
  return smallest;
}
