import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import type { SeededRandom } from "../../engine/core/random.js";

/** When the SCM is killed: under load, while nothing happens, a moment after state was written, while it
 * starts, or while it stops. */
export const MOMENTS = ["load", "flush", "boot", "rest", "stop"] as const;
export type Moment = (typeof MOMENTS)[number];

const MOMENT_TEXT: Readonly<Record<Moment, string>> = {
  load: "under load",
  flush: "right after a flush",
  boot: "while it started",
  rest: "at rest",
  stop: "while it stopped",
};

export function momentText(moment: Moment): string {
  return MOMENT_TEXT[moment];
}

/** All moments equally often, in an order of the seed. */
export function* moments(random: SeededRandom): Generator<Moment, never> {
  for (;;) {
    const left = [...MOMENTS];
    while (left.length > 0) yield left.splice(random.below(left.length), 1)[0] as Moment;
  }
}

/** Settings of one start: small limits, so that flushes and truncations of the log happen all the time, or
 * none for a while, so that much is replayed. */
export function randomSettings(random: SeededRandom): string[] {
  const flushInterval = ["10ms", "50ms", "1s"][random.below(3)];
  const shardCount = 1 + random.below(2);
  return [
    `strata.state.flush.interval=${flushInterval}`,
    `strata.state.flush.items.max=${random.below(2) === 0 ? 64 : 8192}`,
    "strata.raft.log.entries.max=1000",
    `strata.shard.count=${shardCount}`,
    "strata.ring.state.size=1MB",
  ];
}

/** Bytes that the state store's write-ahead logs hold: it grows with each flush. */
export function stateLogBytes(metadataDir: string): number {
  const folder = join(metadataDir, "scm", "state", "base");
  let bytes = 0;
  for (const name of readdirSync(folder)) {
    if (!name.endsWith(".log")) continue;
    // RocksDB may take the file away between the two calls.
    bytes += statSync(join(folder, name), { throwIfNoEntry: false })?.size ?? 0;
  }
  return bytes;
}
