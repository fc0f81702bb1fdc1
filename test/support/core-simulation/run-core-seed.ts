import { SeededRandom } from "../../../engine/core/random.js";
import { CoreSimulation } from "./core-simulation.js";
import { type CoreSimOptions, drawCoreOptions } from "./options.js";

export interface CoreSimOutcome {
  readonly seed: number;
  readonly options: CoreSimOptions;
  /** Steps of cores. */
  readonly steps: number;
  /** Equal when two runs were alike. */
  readonly digest: string;
  /** Undefined when all was well. */
  readonly error: unknown;
  readonly simulation: CoreSimulation;
}

export function coreOptionsOf(seed: number): CoreSimOptions {
  return drawCoreOptions(new SeededRandom(seed).stream("options"));
}

/** Plays one seed to its end. Never throws: what went wrong is in the outcome. `changes` replace what the
 * seed draws; `onLine` gets each event as it happens. */
export function runCoreSeed(
  seed: number,
  changes: Partial<CoreSimOptions> = {},
  onLine?: (line: string) => void,
): CoreSimOutcome {
  const options = { ...coreOptionsOf(seed), ...changes };
  const simulation = new CoreSimulation(seed, options, onLine);
  let error: unknown;
  try {
    simulation.run();
  } catch (thrown) {
    error = thrown;
  }
  const { checker, trace } = simulation.cluster;
  return { seed, options, steps: checker.steps, digest: trace.digest, error, simulation };
}
