import { Command } from "commander";
import { MUTANTS } from "../test/mutants/all-mutants.js";
import { runMutants } from "./mutants/run-mutants.js";

/** `npm run mutants`: puts known bugs into a copy of the tree, one by one, and shows what notices. */
const program = new Command("mutants")
  .description(
    "Puts known bugs of Raft and of systems like this one into a copy of the tree, one after the other. " +
      "Each must make a test or a simulated seed fail. Measures the tests, not the product.",
  )
  .option("--only <name...>", "only these")
  .option("--all", "try every test that could notice, not only up to the first that does", false)
  .option("--list", "print their names, run nothing", false)
  .option("--json", "print one JSON document instead of lines", false)
  .parse();

const { only, all, list, json } = program.opts<{
  only?: string[];
  all: boolean;
  list: boolean;
  json: boolean;
}>();
// Without a listener these would end us without "exit", by which the copy and the running tests end.
for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.once(name, () => process.exit(1));
const unknown = only?.find((name) => !MUTANTS.some((mutant) => mutant.name === name));
if (unknown !== undefined) program.error(`there is no mutant ${unknown}; --list prints them`);
const mutants = MUTANTS.filter(({ name }) => only?.includes(name) ?? true);
if (list) {
  for (const { name, bug } of mutants) console.log(`${name}: ${bug}`);
} else {
  const print = (line: string): void => {
    if (!json) console.log(line);
  };
  const results = await runMutants(".", { mutants, all, print });
  const passed = results.filter(({ isCaught }) => isCaught).length;
  const failed = results.length - passed;
  console.log(
    json ? JSON.stringify({ passed, failed, mutants: results }) : `${passed} passed, ${failed} failed`,
  );
  process.exitCode = failed === 0 ? 0 : 1;
}
