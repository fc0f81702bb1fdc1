import type { Command } from "commander";
import type { ContainerId } from "../../core/ids.js";
import type { CommandContext } from "../context.js";
import { EXIT } from "../exit-code.js";
import { jsonText } from "../text.js";
import { addConnectionOptions, type ConnectionOptions, withConnection } from "./connection.js";
import { readContainerIds } from "./container-ids.js";

interface SuppressOptions extends ConnectionOptions {
  readonly unsuppress?: true;
  readonly json?: true;
}

/** Ids that one request may hold. */
const REQUEST_IDS = 1024;

const EXAMPLES = `
Examples:
  strata admin container suppress 17 18
  strata admin container suppress --unsuppress 17
  strata admin container suppress - < ids.txt`;

/** `strata admin container suppress`: a shorter way to say `container report --suppress`. */
export function addContainerSuppress(parent: Command, context: CommandContext): void {
  const command = parent
    .command("suppress")
    .description("leaves containers out of replication checks and reports")
    .argument("<id...>", "container ids, or - to read them from standard input")
    .option("--unsuppress", "takes them in again")
    .option("--json", "prints JSON")
    .addHelpText("after", EXAMPLES);
  addConnectionOptions(command).action(async (words: readonly string[], options: SuppressOptions) => {
    const ids = await readContainerIds(words, context.io);
    await suppressContainers(ids, options.unsuppress !== true, options, context);
  });
}

/** Sets the flag, or clears it, and names the ids that failed (spec 02 §15.2). */
export async function suppressContainers(
  ids: readonly ContainerId[],
  suppress: boolean,
  options: SuppressOptions,
  context: CommandContext,
): Promise<void> {
  const { io, end } = context;
  const failed = new Set<number>();
  await withConnection(options, context, async (connection) => {
    for (let i = 0; i < ids.length; i += REQUEST_IDS) {
      const containerIds = ids.slice(i, i + REQUEST_IDS);
      const answer = await connection.suppressContainers({ containerIds, suppress });
      for (const id of answer.failedContainerIds) failed.add(id);
    }
  });
  if (failed.size > 0) end(EXIT.FAILED);
  const done = ids.filter((id) => !failed.has(id));
  if (options.json === true) {
    io.out(jsonText({ suppress, done, failed: [...failed] }));
    return;
  }
  const verb = suppress ? "Suppressed" : "Unsuppressed";
  for (const id of done) io.out(`${verb} container: ${id}`);
  for (const id of failed) io.err(`Failed to ${suppress ? "suppress" : "unsuppress"} container ${id}.`);
  if (done.length > 0) io.out(`${verb} ${done.length} container(s) successfully.`);
}
