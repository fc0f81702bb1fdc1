import { setTimeout as pause } from "node:timers/promises";
import type { Metered } from "./cpu-window.js";

const LOOK_MS = 1000;
const LOOKS_MAX = 120;
/** Log entries between two looks; a leader writes hardly any by itself. */
const ENTRIES_MAX = 10;

/** Waits until the SCM has done what it does by itself for a fleet that has registered: pipelines for all
 * datanodes, an entry of the log for each, which takes many seconds where a disk is slow. */
export async function whenAtRest(scm: Metered): Promise<void> {
  let before = Number.NEGATIVE_INFINITY;
  for (let look = 0; look < LOOKS_MAX; look++) {
    const applied = (await scm.metrics()).get("strata_raft_applied_total") ?? 0;
    if (applied - before <= ENTRIES_MAX) return;
    before = applied;
    await pause(LOOK_MS);
  }
  throw new Error(`the SCM did not come to rest within ${(LOOKS_MAX * LOOK_MS) / 1000} s`);
}
