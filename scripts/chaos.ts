import { Command, InvalidArgumentError } from "commander";
import { runChaos } from "./chaos/chaos-run.js";

/** `npm run chaos -- --minutes M --seed X`: three real SCMs under whatever can happen to them. */
const program = new Command("chaos")
  .description(
    "Lets faults happen to three SCMs on loopback, a round each: processes killed and stopped, networks " +
      "cut, disks slow, full and corrupted, clocks that jump, members that come and go. After each it " +
      "checks that what clients have seen is linearizable, that nothing acknowledged is lost or done " +
      "twice, that all members have the same state, and how long nobody led.",
  )
  .option("--minutes <m>", "no round begins later", above0)
  .option("--rounds <n>", "so many rounds", wholeNumber)
  .option("--seed <x>", "makes the choices of an earlier run again (default: a random one)", wholeNumber)
  .option("--clients <n>", "administrators at work", wholeNumber, 6)
  .option("--only <fault>", "only faults whose name contains it")
  .parse();

const { minutes, rounds, seed, clients, only } = program.opts<{
  minutes?: number;
  rounds?: number;
  seed?: number;
  clients: number;
  only?: string;
}>();
if (minutes === undefined && rounds === undefined) program.error("give --minutes or --rounds");
const chosenSeed = seed ?? 1 + Math.floor(Math.random() * 2 ** 30);
console.log(`seed ${chosenSeed}`);
const { passed, failed } = await runChaos({
  minutes: minutes ?? Number.POSITIVE_INFINITY,
  rounds: rounds ?? Number.POSITIVE_INFINITY,
  seed: chosenSeed,
  clients,
  only,
  print: (line) => console.log(line),
});
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed === 0 && passed > 0 ? 0 : 1);

function above0(text: string): number {
  const value = Number(text);
  if (Number.isFinite(value) && value > 0) return value;
  throw new InvalidArgumentError("must be a number above 0");
}

function wholeNumber(text: string): number {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value > 0) return value;
  throw new InvalidArgumentError("must be a whole number above 0");
}
