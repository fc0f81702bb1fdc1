import { FAULT_NAMES, type FaultName, type SimOptions } from "./options.js";
import { optionsOf } from "./run-seed.js";

/** What a run is made smaller by, and how large its group is. */
export interface SystemReduction {
  readonly without: readonly FaultName[];
  /** SCMs at the beginning; undefined = as the seed draws. */
  readonly size?: number | undefined;
  readonly rounds?: number | undefined;
  readonly datanodes?: number | undefined;
  readonly admins?: number | undefined;
  readonly writers?: number | undefined;
}

export const WHOLE: SystemReduction = { without: [] };

/** Everything that decides about the run of `seed`. */
export function reducedOptions(seed: number, reduction: SystemReduction): SimOptions {
  const options = optionsOf(seed, reduction.size);
  const { without, rounds, datanodes, admins, writers } = reduction;
  const faults = Object.fromEntries(
    FAULT_NAMES.map((name) => [name, without.includes(name) ? 0 : options.faults[name]]),
  );
  return {
    ...options,
    rounds: rounds ?? options.rounds,
    datanodeCount: datanodes ?? options.datanodeCount,
    adminCount: admins ?? options.adminCount,
    writerCount: writers ?? options.writerCount,
    largeDatanodeCount: Math.min(options.largeDatanodeCount, datanodes ?? options.datanodeCount),
    smallDatanodeCount: Math.min(options.smallDatanodeCount, datanodes ?? options.datanodeCount),
    faults: faults as unknown as SimOptions["faults"],
  };
}

/** The smallest run found that still fails: leaves out one fault after the other, then rounds, datanodes,
 * administrators and writers. `fails` plays a run. */
export async function shrinkSystem(
  seed: number,
  begin: SystemReduction,
  fails: (reduction: SystemReduction) => Promise<boolean>,
): Promise<SystemReduction> {
  let smallest = begin;
  const tryIt = async (change: Partial<SystemReduction>): Promise<void> => {
    const smaller = { ...smallest, ...change };
    if (await fails(smaller)) smallest = smaller;
  };
  const { faults, rounds, datanodeCount, adminCount, writerCount, blockRate } = reducedOptions(seed, begin);
  // Which ones are off costs nothing, and makes the command long.
  for (const name of FAULT_NAMES) {
    if (faults[name] > 0) await tryIt({ without: [...smallest.without, name] });
  }
  if (rounds > 1) await tryIt({ rounds: 1 });
  if (datanodeCount > 3) await tryIt({ datanodes: 3 });
  if (adminCount > 1) await tryIt({ admins: 1 });
  if (writerCount > 1 && blockRate > 0) await tryIt({ writers: 1 });
  return smallest;
}
