import { spawnSync } from "node:child_process";
import { pathToFileURL } from "node:url";
import { Command, InvalidArgumentError } from "commander";
import { reducedOptions } from "../test/support/simulation/system/shrink.js";
import { shardOptionsOf } from "../test/support/workers/shard-history.js";
import { coreLinesOf, coreOptionsWith, playCore, reductionOf } from "./sim/core.js";
import { playShards, shardLinesOf } from "./sim/shards.js";
import { faultsOf, linesOf, playSystem, smallestOf } from "./sim/system.js";

/** `npm run sim -- [--core | --shards] --seeds N [--first-seed X] [--seed X]`: plays whole clusters in one
 * thread of virtual time, with faults, a seed each; the same seed plays the same again. With `--core` only
 * the Raft cores, each on a fake disk; with `--shards` only the tables of the shards. A run that fails is
 * made smaller before it is shown, but for one of shards. */

const SEED_MAX = 2 ** 31;

interface Options {
  readonly seeds: number;
  readonly firstSeed?: number;
  readonly seed?: number;
  readonly trace: boolean;
}

interface CommandLine extends Options {
  readonly core: boolean;
  readonly shards: boolean;
  readonly without?: string;
  readonly steps?: number;
  readonly size?: number;
  readonly rounds?: number;
  readonly datanodes?: number;
  readonly admins?: number;
  readonly writers?: number;
  readonly twice: boolean;
  readonly shrink: boolean;
}

/** What is told of a seed after it was played. */
interface Played {
  readonly lines: readonly string[];
  /** Undefined when they are not counted. */
  readonly steps?: number;
  readonly hasFailed: boolean;
}

/** The seeds that the command line asks for. */
export function seedsOf({ seeds, firstSeed, seed }: Omit<Options, "trace">, anySeed: () => number): number[] {
  if (seed !== undefined) return [seed];
  const first = firstSeed ?? anySeed();
  return Array.from({ length: seeds }, (_, index) => first + index);
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
    .option("--core", "only Raft cores, on fake disks and a fake network", false)
    .option("--shards", "only the tables of the shards, beside a model", false)
    .option("--without <parts>", "leave these kinds of trouble out, as in scmCrash,membership")
    .option("--size <count>", "this many SCMs at the beginning", parseCount)
    .option("--rounds <count>", "this many rounds of trouble", parseCount)
    .option("--datanodes <count>", "this many datanodes", parseCount)
    .option("--admins <count>", "this many administrators", parseCount)
    .option("--writers <count>", "this many clients that allocate blocks", parseCount)
    .option("--twice", "play each seed twice: it must go alike", false)
    .option("--no-shrink", "show a run that fails as it is")
    .option("--steps <count>", "with --core: this many steps of trouble", parseCount)
    .option("--trace", "print all that happens", false)
    .parse();
  const options = program.opts<CommandLine>();
  const seeds = seedsOf(options, () => Math.floor(Math.random() * (SEED_MAX / 2)));
  const revision = commit();
  const play = simulatorOf(options);
  let failedCount = 0;
  let stepCount = 0;
  const startedAt = performance.now();
  for (const [index, seed] of seeds.entries()) {
    console.log(`seed=${seed} commit=${revision} options=${JSON.stringify(play.optionsOf(seed))}`);
    progress(`${index} of ${seeds.length} seeds, ${failedCount} failed`);
    const { lines, hasFailed, steps = 0 } = await play.run(seed);
    progress("");
    if (hasFailed) failedCount++;
    stepCount += steps;
    for (const line of lines) console.log(line);
  }
  if (stepCount > 0) console.log(rateLine(stepCount, performance.now() - startedAt));
  console.log(`${seeds.length - failedCount} passed, ${failedCount} failed`);
  return failedCount === 0 ? 0 : 1;
}

function rateLine(steps: number, ms: number): string {
  const millions = (count: number): string => (count / 1e6).toFixed(1);
  return `${millions(steps)} M steps, ${millions((steps * 60_000) / ms)} M per minute`;
}

/** A simulator, as the command line asks for it. */
interface Simulator {
  optionsOf(seed: number): object;
  run(seed: number): Promise<Played>;
}

function simulatorOf(options: CommandLine): Simulator {
  if (options.shards) return shardSimulator(options);
  return options.core ? coreSimulator(options) : systemSimulator(options);
}

function shardSimulator({ rounds }: CommandLine): Simulator {
  return {
    optionsOf: (seed) => shardOptionsOf(seed, rounds),
    run: async (seed) => {
      const outcome = await playShards(seed, rounds);
      return { lines: shardLinesOf(outcome), hasFailed: outcome.error !== undefined };
    },
  };
}

function systemSimulator(commandLine: CommandLine): Simulator {
  const { trace, twice, size, rounds, datanodes, admins, writers } = commandLine;
  const reduction = { without: faultsOf(commandLine.without), size, rounds, datanodes, admins, writers };
  const show = trace ? { onLine: (line: string) => console.log(line) } : {};
  return {
    optionsOf: (seed) => reducedOptions(seed, reduction),
    run: async (seed) => {
      const outcome = await playSystem(seed, reduction, { twice, ...show });
      const hasFailed = outcome.error !== undefined;
      const isShrunk = hasFailed && commandLine.shrink && !trace;
      const smallest = isShrunk ? await smallestOf(seed, reduction) : reduction;
      return { lines: linesOf(outcome, smallest), hasFailed };
    },
  };
}

function coreSimulator({ without, steps, trace }: CommandLine): Simulator {
  const reduction = reductionOf(without, steps);
  const show = trace ? (line: string): void => console.log(line) : undefined;
  return {
    optionsOf: (seed) => coreOptionsWith(seed, reduction),
    run: async (seed) => {
      const outcome = playCore(seed, reduction, show);
      return { steps: outcome.steps, lines: coreLinesOf(outcome), hasFailed: outcome.error !== undefined };
    },
  };
}

/** One line that is written over, on a terminal only. */
function progress(text: string): void {
  if (process.stdout.isTTY) process.stdout.write(`\r\x1b[K${text}`);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) process.exitCode = await main();
