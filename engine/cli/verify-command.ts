import { resolve } from "node:path";
import type { Command } from "commander";
import { loadDirectories } from "../config/load.js";
import type { VerifyReport } from "../storage/verify.js";
import type { CommandContext } from "./context.js";
import { EXIT } from "./exit-code.js";
import type { CommandIo } from "./io.js";
import { addConfigOptions, type ConfigOptions, configSources } from "./options.js";
import { showStep } from "./show-step.js";
import { jsonText } from "./text.js";

const EXAMPLES = `
Examples:
  strata verify /var/lib/strata
  strata verify /var/lib/strata --json

The SCM of the directory must be stopped. Nothing is changed: stores are read from copies, which need as
much space as their unflushed logs. Ends with 74 when an error is found.
--config or -D is needed where ozone.scm.db.dirs or ozone.scm.ha.ratis.storage.dir are set.`;

/** `strata verify`. */
export function addVerifyCommand(parent: Command, { io, parts, end }: CommandContext): void {
  const command = parent
    .command("verify")
    .description("checks the directories of a stopped SCM: records, pages, invariants")
    .argument("<dir>", "metadata directory (ozone.metadata.dirs)")
    .option("--json", "prints JSON")
    .addHelpText("after", EXAMPLES);
  addConfigOptions(command).action(
    async (directory: string, options: ConfigOptions & { readonly json?: true }) => {
      const sources = configSources(options, io);
      const overrides = [...(sources.overrides ?? []), `ozone.metadata.dirs=${resolve(directory)}`];
      const report = await parts.verify(loadDirectories({ ...sources, overrides }), showStep(io));
      io.progress("");
      if (report.summary === undefined) end(EXIT.STORAGE);
      if (options.json === true) io.out(jsonText(report));
      else print(report, io);
    },
  );
}

function print({ findings, summary }: VerifyReport, io: CommandIo): void {
  for (const { severity, where, what, meaning, nextStep } of findings) {
    io.out(`${severity}: ${where}: ${what}`);
    io.out(`  meaning: ${meaning}`);
    io.out(`  next: ${nextStep}`);
  }
  for (const [name, value] of Object.entries(summary ?? {})) io.out(`${name}: ${value}`);
  const errorCount = findings.filter(({ severity }) => severity === "error").length;
  io.out(summary === undefined ? `${errorCount} error(s)` : "no errors");
}
