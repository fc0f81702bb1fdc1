import { type Command, Option } from "commander";
import type { ResponseOf } from "../../../protocol/schema/messages.js";
import type { CommandContext } from "../context.js";
import { CommandError, EXIT } from "../exit-code.js";
import { jsonText } from "../text.js";
import { addConnectionOptions, type ConnectionOptions, withConnection } from "./connection.js";
import { readContainerIds } from "./container-ids.js";
import { suppressContainers } from "./container-suppress.js";

interface ReportOptions extends ConnectionOptions {
  readonly suppress?: true;
  readonly unsuppress?: true;
  readonly json?: true;
}

type Report = ResponseOf<"containerReport">;

const EXAMPLES = `
Examples:
  strata admin container report
  strata admin container report --json
  strata admin container report --suppress 17 18
  strata admin container report --unsuppress - < ids.txt`;

const NO_PASS = "The replication manager has not ended a pass since this SCM leads: no health is known yet.";

/** `strata admin container report` (spec 02 §15.3). */
export function addContainerReport(parent: Command, context: CommandContext): void {
  const command = parent
    .command("report")
    .description("counts containers by state and health, or leaves some out of that")
    .argument(
      "[id...]",
      "with --suppress or --unsuppress: container ids, or - to read them from standard input",
    )
    .addOption(
      new Option("--suppress", "leaves containers out of replication checks and health counts").conflicts(
        "unsuppress",
      ),
    )
    .option("--unsuppress", "takes them in again")
    .option("--json", "prints JSON")
    .addHelpText("after", EXAMPLES);
  addConnectionOptions(command).action(async (words: readonly string[], options: ReportOptions) => {
    const isChange = options.suppress === true || options.unsuppress === true;
    if (isChange !== words.length > 0) {
      const reason = isChange
        ? "needs container ids"
        : "takes container ids with --suppress or --unsuppress only";
      throw new CommandError(`report ${reason}`, EXIT.USAGE);
    }
    if (isChange) {
      const ids = await readContainerIds(words, context.io);
      await suppressContainers(ids, options.suppress === true, options, context);
    } else await printReport(options, context);
  });
}

async function printReport(options: ReportOptions, context: CommandContext): Promise<void> {
  const { io } = context;
  const report = await withConnection(options, context, (connection) => connection.containerReport());
  if (report.timeMs === 0) io.err(NO_PASS);
  if (options.json === true) io.out(jsonText(reportJson(report)));
  else for (const line of describe(report)) io.out(line);
}

/** The reference's shape, in which counts of states and of health share one map; what is not known is left
 * out. */
function reportJson({ timeMs, sampleCountMax, states, suppressedCount, healths }: Report): object {
  const stats = [
    ...states.map(({ state, containerCount }) => [state, containerCount]),
    ...healths.map(({ health, containerCount }) => [health, containerCount]),
  ];
  const samples = healths.filter(({ sample }) => sample.length > 0);
  return {
    sampleLimit: sampleCountMax,
    reportTimeStamp: timeMs,
    stats: Object.fromEntries(stats),
    samples: Object.fromEntries(samples.map(({ health, sample }) => [health, sample])),
    suppressed: suppressedCount,
  };
}

function describe({ timeMs, sampleCountMax, states, suppressedCount, healths }: Report): string[] {
  const when = timeMs === 0 ? "" : ` generated at ${new Date(timeMs).toISOString()}`;
  const samples = healths.filter(({ sample }) => sample.length > 0);
  return [
    ...heading(`Container Summary Report${when}`),
    "",
    ...heading("Container State Summary"),
    ...states.map(({ state, containerCount }) => `${state}: ${containerCount}`),
    `Suppressed: ${suppressedCount}`,
    "",
    ...heading("Container Health Summary"),
    ...(timeMs === 0 ? ["Not available yet."] : []),
    ...healths.map(({ health, containerCount }) => `${health}: ${containerCount}`),
    ...samples.flatMap(({ health, sample }) => [
      "",
      `First ${sampleCountMax} ${health} containers:`,
      sample.map((id) => `#${id}`).join(", "),
    ]),
  ];
}

function heading(text: string): string[] {
  return [text, "=".repeat(text.length)];
}
