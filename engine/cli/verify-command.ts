import { resolve } from "node:path";
import type { Command } from "commander";
import type { CommandContext } from "./context.js";
import { EXIT } from "./exit-code.js";
import { jsonText } from "./text.js";

const EXAMPLES = `
Examples:
  strata verify /var/lib/strata
  strata verify /var/lib/strata --json

The SCM of the directory must be stopped. Nothing is changed. Ends with 74 when something is wrong.`;

/** `strata verify`. */
export function addVerifyCommand(parent: Command, { io, parts, end }: CommandContext): void {
  parent
    .command("verify")
    .description("checks the directories of a stopped SCM: records, pages, invariants")
    .argument("<dir>", "metadata directory (ozone.metadata.dirs)")
    .option("--json", "prints JSON")
    .addHelpText("after", EXAMPLES)
    .action(async (directory: string, options: { readonly json?: true }) => {
      const { facts, problems } = await parts.verify(resolve(directory));
      if (problems.length > 0) end(EXIT.STORAGE);
      if (options.json === true) {
        io.out(jsonText({ ok: problems.length === 0, facts, problems }));
        return;
      }
      for (const [name, value] of Object.entries(facts)) io.out(`${name}: ${value}`);
      for (const problem of problems) io.err(`strata: ${problem}`);
      io.out(problems.length === 0 ? "all is well" : `${problems.length} problem(s)`);
    });
}
