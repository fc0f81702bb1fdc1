import type { Command } from "commander";
import type { CommandContext } from "../context.js";
import { jsonText } from "../text.js";
import { addConnectionOptions, type ConnectionOptions, withConnection } from "./connection.js";
import { ImportStream } from "./import-stream.js";
import { linesOfFile } from "./lines-of-file.js";

const EXAMPLES = `
Examples:
  strata admin container import containers.jsonl
  zcat containers.jsonl.gz | strata admin container import -
  strata admin container import containers.jsonl --end

The lines are described in docs/IMPORT.md. The SCM must have been initialised with --local-id-floor and
--term-floor. An import that was cut short is run again: what is there already is skipped.
With --end nothing can be imported afterwards; until then no replica of an unknown container is deleted.`;

/** `strata admin container import`. */
export function addContainerImport(parent: Command, context: CommandContext): void {
  const command = parent
    .command("import")
    .description("takes over containers and pipelines of another SCM from JSON lines")
    .argument("<file>", "file of JSON lines, or - for standard input")
    .option("--end", "everything has been imported: ends it for good")
    .option("--json", "prints the result as JSON")
    .addHelpText("after", EXAMPLES);
  addConnectionOptions(command).action(
    async (file: string, options: ConnectionOptions & { readonly end?: true; readonly json?: true }) => {
      const { io } = context;
      const { progress } = await withConnection(options, context, async (connection) => {
        const stream = new ImportStream(connection, ({ lineCount, recordCount }) => {
          io.progress(`${recordCount} records of ${lineCount} lines imported`);
        });
        await stream.run(file === "-" ? io.inputLines() : linesOfFile(file));
        if (options.end === true) await connection.endImport();
        return stream;
      });
      io.progress("");
      const { recordCount, pipelineCount, containerCount } = progress;
      const existing = recordCount - pipelineCount - containerCount;
      if (options.json === true) {
        io.out(jsonText({ pipelines: pipelineCount, containers: containerCount, existing }));
        return;
      }
      const imported = `${containerCount} container(s) and ${pipelineCount} pipeline(s)`;
      io.out(`Imported ${imported}; ${existing} were there already.`);
      if (options.end === true) io.out("The import has ended.");
    },
  );
}
