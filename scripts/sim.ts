import { spawnSync } from "node:child_process";
import { pathToFileURL } from "node:url";
import { Command, InvalidArgumentError } from "commander";
import { optionsOf, runSeed, type SimOutcome } from "../test/support/simulation/system/run-seed.js";

/** `npm run sim -- --seeds N [--first-seed X] [--seed X]`: plays whole clusters in one thread of virtual
 * time, with faults, a seed each; the same seed plays the same again. */

const SEED_MAX = 2 ** 31;

interface Options {
  readonly seeds: number;
  readonly firstSeed?: number;
  readonly seed?: number;
  readonly trace: boolean;
}

/** The seeds that the command line asks for. */
export function seedsOf({ seeds, firstSeed, seed }: Omit<Options, "trace">, anySeed: () => number): number[] {
  if (seed !== undefined) return [seed];
  const first = firstSeed ?? anySeed();
  return Array.from({ length: seeds }, (_, index) => first + index);
}

/** What is printed of a seed after it was played. */
export function linesOf({ seed, ticks, digest, error, lastLines }: SimOutcome): string[] {
  if (error === undefined) return [`PASS seed=${seed} ticks=${ticks} digest=${digest}`];
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return [
    ...lastLines,
    text,
    `FAIL seed=${seed} ticks=${ticks} digest=${digest}`,
    `replay: npm run sim -- --seed ${seed} --trace`,
  ];
}

function parseCount(text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= 0 && value < SEED_MAX) return value;
  throw new InvalidArgumentError(`must be a whole number below ${SEED_MAX}`);
}

function commit(): string {
  const { status, stdout } = spawnSync("git", ["rev-parse", "--short", "HEAD"], { encoding: "utf8" });
  return status === 0 ? stdout.trim() : "unknown";
}

async function main(): Promise<number> {
  const program = new Command("sim")
    .description(
      "Plays a cluster with faults in virtual time, once for each seed; a seed plays the same again.",
    )
    .option("--seeds <count>", "how many seeds", parseCount, 20)
    .option("--first-seed <seed>", "the first of them; by default any", parseCount)
    .option("--seed <seed>", "this one only", parseCount)
    .option("--trace", "print all that happens", false)
    .parse();
  const options = program.opts<Options>();
  const seeds = seedsOf(options, () => Math.floor(Math.random() * (SEED_MAX / 2)));
  const revision = commit();
  const show = options.trace ? { onLine: (line: string) => console.log(line) } : {};
  let failedCount = 0;
  for (const [index, seed] of seeds.entries()) {
    console.log(`seed=${seed} commit=${revision} options=${JSON.stringify(optionsOf(seed))}`);
    progress(`${index} of ${seeds.length} seeds, ${failedCount} failed`);
    const outcome = await runSeed(seed, show);
    progress("");
    if (outcome.error !== undefined) failedCount++;
    for (const line of linesOf(outcome)) console.log(line);
  }
  console.log(`${seeds.length - failedCount} passed, ${failedCount} failed`);
  return failedCount === 0 ? 0 : 1;
}

/** One line that is written over, on a terminal only. */
function progress(text: string): void {
  if (process.stdout.isTTY) process.stdout.write(`\r\x1b[K${text}`);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) process.exitCode = await main();
