import {
  type HistoryFigures,
  ShardHistory,
  shardOptionsOf,
} from "../../test/support/workers/shard-history.js";

/** What `--shards` runs: the shards' tables and decisions under random reports, crashes and changes of
 * leader, beside a naive model. */

export interface ShardsOutcome {
  readonly seed: number;
  readonly rounds: number;
  readonly figures: HistoryFigures;
  readonly error: unknown;
}

/** Plays one seed. */
export async function playShards(seed: number, rounds?: number): Promise<ShardsOutcome> {
  const options = shardOptionsOf(seed, rounds);
  const history = new ShardHistory(options);
  let error: unknown;
  try {
    await history.run();
  } catch (thrown) {
    error = thrown;
  }
  return { seed, rounds: options.rounds, figures: history.figures, error };
}

/** What is printed of a seed after it was played. */
export function shardLinesOf({ seed, rounds, figures, error }: ShardsOutcome): string[] {
  const text = Object.entries(figures).map(([name, count]) => `${name}=${count}`);
  const end = `seed=${seed} ${text.join(" ")}`;
  if (error === undefined) return [`PASS ${end}`];
  return [
    error instanceof Error ? (error.stack ?? error.message) : String(error),
    `FAIL ${end}`,
    `replay: npm run sim -- --shards --seed ${seed} --rounds ${rounds}`,
  ];
}
