import { assert } from "../../../../engine/core/assert.js";
import { SeededRandom } from "../../../../engine/core/random.js";
import { checkHistory } from "../../linearizability/check.js";
import { reportLines } from "../../linearizability/report.js";
import { drawOptions, type SimOptions } from "./options.js";
import { withoutRealWorld } from "./real-world.js";
import { Simulation } from "./simulation.js";

/** What became of one seed. */
export interface SimOutcome {
  readonly seed: number;
  readonly options: SimOptions;
  /** Events of the simulation. */
  readonly ticks: number;
  /** Over everything observable: equal when the runs were alike. */
  readonly digest: string;
  /** Undefined when all was well. */
  readonly error: unknown;
  readonly lastLines: readonly string[];
  readonly faultCounts: ReadonlyMap<string, number>;
}

export interface RunSeedOptions {
  /** Replace what the seed draws. */
  readonly changes?: Partial<SimOptions>;
  /** Gets each line of the trace as it happens. */
  readonly onLine?: (line: string) => void;
}

const LAST_LINES = 60;

export function optionsOf(seed: number, size?: number): SimOptions {
  return drawOptions(new SeededRandom(seed).stream("options"), size);
}

/** Plays one seed to its end. Never throws: what went wrong is in the outcome. */
export async function runSeed(seed: number, { changes, onLine }: RunSeedOptions = {}): Promise<SimOutcome> {
  const options = { ...optionsOf(seed), ...changes };
  const simulation = new Simulation(seed, options, onLine);
  let error: unknown;
  try {
    await withoutRealWorld(() => simulation.run());
    checkReads(simulation);
  } catch (thrown) {
    error = thrown;
  }
  return {
    seed,
    options,
    ticks: simulation.world.scheduler.eventCount,
    digest: simulation.trace.digest(),
    error,
    lastLines: simulation.trace.lastLines(LAST_LINES),
    faultCounts: simulation.faults.counts,
  };
}

/** Administrators saw the hot things as if there were only one SCM that never fails (S2). */
function checkReads({ history, trace }: Simulation): void {
  const checked = checkHistory(history.partitions);
  const wrong = checked.filter(({ result }) => result.verdict !== "linearizable");
  for (const line of wrong.length === 0 ? [] : reportLines(wrong)) trace.line("check", line);
  assert(wrong.length === 0, `${wrong.length} histories are not linearizable`);
}
