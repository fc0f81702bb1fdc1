import { Command, CommanderError } from "commander";
import { addAdminCommand } from "./admin/admin-command.js";
import type { CommandContext } from "./context.js";
import { addDemoCommand } from "./demo.js";
import { EXIT, EXIT_CODE_HELP, type ExitCode, exitCodeOf, printError } from "./exit-code.js";
import type { CommandIo } from "./io.js";
import type { Parts } from "./parts.js";
import { addScmCommand } from "./scm-command.js";
import { addVerifyCommand } from "./verify-command.js";
import { VERSION } from "./version.js";

const EXAMPLES = `
Examples:
  strata scm --init -D ozone.metadata.dirs=/var/lib/strata
  strata scm --config /etc/ozone
  strata admin datanode list
  strata verify /var/lib/strata`;

/** Runs one command line, without the program's name. Never throws: errors are printed and become the exit
 * code. */
export async function run(words: readonly string[], io: CommandIo, parts: Parts): Promise<ExitCode> {
  let exitCode: ExitCode = EXIT.OK;
  const context: CommandContext = {
    io,
    parts,
    end: (code) => {
      exitCode = code;
    },
  };
  try {
    await buildProgram(context).parseAsync(words, { from: "user" });
    return exitCode;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.OK : EXIT.USAGE;
    printError(io, error);
    return exitCodeOf(error);
  }
}

function buildProgram(context: CommandContext): Command {
  const { io } = context;
  const withoutNewline = (write: (line: string) => void) => (text: string) => write(text.replace(/\n$/, ""));
  const program = new Command("strata")
    .description("Storage Container Manager: the control plane of an Ozone-style object store.")
    .version(VERSION, "--version", "prints the version")
    .helpOption("-h, --help", "shows help")
    .addHelpText("after", EXIT_CODE_HELP + EXAMPLES)
    .exitOverride()
    .configureOutput({ writeOut: withoutNewline(io.out), writeErr: withoutNewline(io.err) })
    .showHelpAfterError("(--help shows what is possible)");
  addScmCommand(program, context);
  addDemoCommand(program, context);
  addAdminCommand(program, context);
  addVerifyCommand(program, context);
  return program;
}
