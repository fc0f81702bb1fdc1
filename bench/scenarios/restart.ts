import { cpSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { BenchContext } from "../harness/bench.js";
import { median } from "../harness/figure.js";
import { ScmUnderTest } from "../harness/scm-under-test.js";
import { leaveCrashedScm } from "../load/crashed-scm.js";

const RUNS = 3;

/** Sizes of a run; the tests make them small. */
export interface RestartSizes {
  readonly entryCount: number;
  readonly replayCount: number;
  readonly containerCount: number;
}

/** One second, the interval of flushes, at 100,000 entries a second: what the core is made for
 * (raft.md §17). */
export const RESTART_SIZES: RestartSizes = {
  entryCount: 1_000_000,
  replayCount: 100_000,
  containerCount: 100_000,
};

/** Seconds from starting the process of a killed SCM until it serves, median of some starts.
 * @param entriesPerBlob how many entries shared an fsync. */
export async function restartSeconds(
  context: BenchContext,
  sizes: RestartSizes,
  entriesPerBlob: number,
): Promise<number> {
  const killed = join(context.directory, `killed-${entriesPerBlob}`);
  await leaveCrashedScm({ directory: killed, entriesPerBlob, ...sizes });
  const seconds: number[] = [];
  for (let run = 1; run <= RUNS; run++) {
    const directory = `${killed}-${run}`;
    cpSync(killed, directory, { recursive: true });
    const scm = await ScmUnderTest.start({ directory });
    const steps = await scm.bootSteps();
    const peakBytes = scm.residentBytes();
    await scm.stop();
    rmSync(directory, { recursive: true });
    seconds.push(scm.startedMs / 1000);
    const times = [...steps].map(([name, ms]) => `${name} ${ms}`).join(", ");
    context.print(
      `start with ${sizes.entryCount} entries, ${entriesPerBlob} a batch, run ${run}: ` +
        `${scm.startedMs.toFixed(0)} ms (${times}), ${(peakBytes / 2 ** 20).toFixed(0)} MiB`,
    );
  }
  rmSync(killed, { recursive: true });
  return median(seconds);
}
