import { Command, InvalidArgumentError } from "commander";
import { runMatrix } from "../test/support/disk-faults/matrix.js";

/** `npm run disk-faults`: damages an SCM's disk in every way, and checks what a start makes of it. */
const program = new Command("disk-faults")
  .description(
    "Damages the files of a killed SCM, fills its disk, lets its system calls fail; then starts it. It " +
      "must come back with everything that it had acknowledged, or refuse with a code and the next step.",
  )
  .option("--cases <n>", "about so many cases, spread over all kinds (default: all)", wholeNumber)
  .option("--seed <x>", "makes the choices of an earlier run again (default: a random one)", wholeNumber)
  .option("--only <word>", "only cases whose kind or name contains the word")
  .parse();

const { cases, seed, only } = program.opts<{ cases?: number; seed?: number; only?: string }>();
const { passed, failed, skipped } = await runMatrix({
  cases,
  seed: seed ?? 1 + Math.floor(Math.random() * 2 ** 31),
  only,
  print: (line) => console.log(line),
});
console.log(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`);
process.exit(failed === 0 && passed > 0 ? 0 : 1);

function wholeNumber(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1)
    throw new InvalidArgumentError("must be a whole number above 0");
  return value;
}
