import { Command, Option } from "commander";
import { runInterop } from "./interop/interop-run.js";
import { DEFAULT_CACHE, findRelease } from "./interop/release.js";
import type { Step } from "./interop/step.js";
import { STEPS } from "./interop/steps.js";

/** `npm run interop [-- STEP…]`: the released programs with Strata as their SCM. */
const program = new Command("interop")
  .description(
    "Runs the released Apache Ozone programs (datanodes, Ozone Manager, commands) with Strata as their " +
      "SCM, and compares what they print with what they print with the reference. Needs Java 17, and once " +
      "Maven.",
  )
  .argument("[step...]", "numbers or names of steps (default: all)")
  .option("--list", "shows the steps")
  .option("--keep", "keeps directories and logs")
  .option("--reference", "runs the steps with the released SCM")
  .option("--record", "with --reference: writes what is compared with (test/golden/interop)")
  .option("--fetch", "only fetches the release")
  .option("--no-fetch", "does not fetch the release when it is not there")
  .addOption(
    new Option("--cache <dir>", "where the release is kept")
      .env("STRATA_INTEROP_CACHE")
      .default(DEFAULT_CACHE, "~/.cache/strata"),
  )
  .parse();

interface Options {
  readonly list?: true;
  readonly keep?: true;
  readonly reference?: true;
  readonly record?: true;
  readonly fetch?: boolean;
  readonly cache: string;
}

const options = program.opts<Options>();
process.exit(await main(chosenSteps(program.args)));

async function main(steps: readonly Step[]): Promise<number> {
  const print = (line: string): void => console.log(line);
  if (options.list === true) {
    for (const { number, name, what } of steps)
      print(`${String(number ?? "").padStart(2)} ${name.padEnd(18)} ${what}`);
    return 0;
  }
  if (options.record === true && options.reference !== true) program.error("--record needs --reference");
  const release = findRelease(options.cache, options.fetch !== false, print);
  if (release.kind === "missing") {
    print(`skipped (${release.why})`);
    return 0;
  }
  if (options.fetch === true) return 0;
  const { passed, failed } = await runInterop({
    steps,
    classpath: release.classpath,
    withReference: options.reference === true,
    record: options.record === true,
    keep: options.keep === true,
    print,
  });
  print(`${passed} passed, ${failed} failed`);
  return failed === 0 && passed > 0 ? 0 : 1;
}

function chosenSteps(words: readonly string[]): Step[] {
  for (const word of words)
    if (!STEPS.some((step) => isCalled(step, word))) program.error(`no step is called ${word}`);
  return STEPS.filter((step) => words.length === 0 || words.some((word) => isCalled(step, word)));
}

function isCalled({ name, number }: Step, word: string): boolean {
  return word === name || word === String(number);
}
