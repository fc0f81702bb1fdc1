import { Command, InvalidArgumentError } from "commander";
import { runKill9 } from "./kill9/kill9-run.js";

/** `npm run kill9 -- --times N`: kills a real SCM at random moments, and checks what is left. */
const program = new Command("kill9")
  .description(
    "Kills an SCM with SIGKILL at random moments, starts it again, and checks with an independent ledger " +
      "that every acknowledged mutation is there and none happened twice.",
  )
  .requiredOption("--times <n>", "rounds, each with a kill", wholeNumber)
  .option("--seed <x>", "makes the choices of an earlier run again (default: a random one)", wholeNumber)
  .option("--clients <n>", "admin clients, half of them with the client library", wholeNumber, 8)
  .parse();

const { times, seed, clients } = program.opts<{ times: number; seed?: number; clients: number }>();
const chosenSeed = seed ?? Math.floor(Math.random() * 2 ** 31);
console.log(`seed ${chosenSeed}`);
const { passed, failure, directory } = await runKill9({
  times,
  seed: chosenSeed,
  clients,
  print: (line) => console.log(line),
});
if (failure !== undefined) {
  console.log(`FAILED: ${failure.message}`);
  console.log(`the SCM's data and log are kept in ${directory}`);
  console.log(`again: npm run kill9 -- --times ${times} --seed ${chosenSeed} --clients ${clients}`);
}
console.log(`${passed} passed, ${failure === undefined ? 0 : 1} failed`);
process.exit(failure === undefined ? 0 : 1);

function wholeNumber(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1)
    throw new InvalidArgumentError("must be a whole number above 0");
  return value;
}
