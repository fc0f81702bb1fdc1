import { type Command, InvalidArgumentError } from "commander";
import type { ReplicationType } from "../../core/enums.js";
import { parseUuid, type Uuid } from "../../core/uuid.js";
import type { CommandContext } from "../context.js";
import { CommandError, EXIT, exitCodeOf, printError } from "../exit-code.js";
import { choice, replicationTypeOption } from "../options.js";
import type { AdminConnection } from "../parts.js";
import { parseReplicationOf } from "../replication-text.js";
import { jsonText } from "../text.js";
import { addConnectionOptions, type ConnectionOptions, withConnection } from "./connection.js";
import { pipelineJson } from "./json-shapes.js";
import { listPipelines } from "./paging.js";
import { addPipelineFilterOptions, type PipelineFilterOptions, pipelineFilterOf } from "./pipeline-filter.js";
import { pipelineText } from "./pipeline-list.js";

interface CreateOptions extends ConnectionOptions {
  readonly replicationType: ReplicationType;
  readonly replicationFactor: "ONE" | "THREE";
  readonly json?: true;
}

interface CloseOptions extends ConnectionOptions, PipelineFilterOptions {
  readonly all?: true;
}

const CREATE_HELP = `
The SCM chooses the datanodes. The pipeline opens when all of them have reported it.

Example:
  strata admin pipeline create -f THREE`;

const CLOSE_HELP = `
Containers that are open on it are closed with it. The SCM removes it a while later.

Examples:
  strata admin pipeline close 8dbd43d6-4a0f-4c2c-8b12-52ae5a51cb8f
  strata admin pipeline close --all -t RATIS -r THREE`;

const ACTIVATE_HELP = `
Example:
  strata admin pipeline activate 8dbd43d6-4a0f-4c2c-8b12-52ae5a51cb8f`;

const DEACTIVATE_HELP = `
It gets no new blocks, and counts for the limits; activate takes it into use again.

Example:
  strata admin pipeline deactivate 8dbd43d6-4a0f-4c2c-8b12-52ae5a51cb8f`;

/** `strata admin pipeline create` (spec 09 §9). */
export function addPipelineCreate(parent: Command, context: CommandContext): void {
  const command = parent
    .command("create")
    .description("creates a RATIS pipeline")
    .addOption(replicationTypeOption("-t, --replication-type <type>", "kind").default("RATIS").hideHelp())
    .addOption(choice("-f, --replication-factor <factor>", "members", ["ONE", "THREE"]).default("ONE"))
    .option("--json", "prints JSON")
    .addHelpText("after", CREATE_HELP);
  addConnectionOptions(command).action(async (options: CreateOptions) => {
    const { replicationType: type, replicationFactor: factor } = options;
    const replication = type === "RATIS" ? parseReplicationOf(type, factor) : undefined;
    if (replication === undefined) throw new CommandError(`${type} is not supported`, EXIT.USAGE);
    const { pipeline } = await withConnection(options, context, (connection) =>
      connection.createPipeline({ replication }),
    );
    if (options.json === true) context.io.out(jsonText(pipelineJson(pipeline)));
    else context.io.out(`${pipeline.pipelineId} is created. ${pipelineText(pipeline)}`);
  });
}

/** `strata admin pipeline close`: silent for one that is named, as in the reference. */
export function addPipelineClose(parent: Command, context: CommandContext): void {
  const command = addPipelineFilterOptions(
    parent
      .command("close")
      .description("closes a pipeline, or all")
      .argument("[id]", "pipeline id", pipelineIdArgument)
      .option("--all", "all that are not closed and match the filter"),
  ).addHelpText("after", CLOSE_HELP);
  addConnectionOptions(command).action(async (pipelineId: Uuid | undefined, options: CloseOptions) => {
    const filter = pipelineFilterOf(options);
    if ((pipelineId === undefined) === (options.all === undefined)) {
      throw new CommandError("one of <id> and --all is needed, and not both", EXIT.USAGE);
    }
    if (pipelineId !== undefined && filter !== undefined) {
      throw new CommandError("filters can only be used with --all", EXIT.USAGE);
    }
    await withConnection(options, context, async (connection) => {
      if (pipelineId !== undefined) await connection.closePipeline({ pipelineId });
      else await closeAll(connection, filter ?? {}, context);
    });
  });
}

async function closeAll(
  connection: AdminConnection,
  filter: NonNullable<ReturnType<typeof pipelineFilterOf>>,
  context: CommandContext,
): Promise<void> {
  const pipelines = await listPipelines(connection, filter);
  const open = pipelines.filter(({ state }) => state !== "CLOSED");
  context.io.out(`Sending close command for ${open.length} pipelines...`);
  for (const { pipelineId } of open) {
    try {
      await connection.closePipeline({ pipelineId });
    } catch (error) {
      if (exitCodeOf(error) !== EXIT.FAILED) throw error;
      context.io.err(`Pipeline ${pipelineId} was not closed:`);
      printError(context.io, error);
      context.end(EXIT.FAILED);
    }
  }
}

/** `strata admin pipeline activate`. */
export function addPipelineActivate(parent: Command, context: CommandContext): void {
  const command = parent
    .command("activate")
    .description("takes a pipeline into use that rests, or has not opened yet")
    .argument("<id>", "pipeline id", pipelineIdArgument)
    .addHelpText("after", ACTIVATE_HELP);
  addConnectionOptions(command).action(async (pipelineId: Uuid, options: ConnectionOptions) => {
    await withConnection(options, context, (connection) => connection.activatePipeline({ pipelineId }));
  });
}

/** `strata admin pipeline deactivate`. */
export function addPipelineDeactivate(parent: Command, context: CommandContext): void {
  const command = parent
    .command("deactivate")
    .description("lets an open pipeline rest")
    .argument("<id>", "pipeline id", pipelineIdArgument)
    .addHelpText("after", DEACTIVATE_HELP);
  addConnectionOptions(command).action(async (pipelineId: Uuid, options: ConnectionOptions) => {
    await withConnection(options, context, (connection) => connection.deactivatePipeline({ pipelineId }));
  });
}

function pipelineIdArgument(text: string): Uuid {
  const id = parseUuid(text);
  if (id !== undefined) return id;
  throw new InvalidArgumentError("Must be a UUID.");
}
