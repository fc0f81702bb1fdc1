import type { Command } from "commander";
import type { ReplicationType } from "../../core/enums.js";
import type { CommandContext } from "../context.js";
import { CommandError, EXIT } from "../exit-code.js";
import { replicationTypeOption } from "../options.js";
import { parseReplicationOf, replicationJson, replicationText } from "../replication-text.js";
import { jsonText } from "../text.js";
import { addConnectionOptions, type ConnectionOptions, withConnection } from "./connection.js";
import { pipelineJson } from "./json-shapes.js";

interface CreateOptions extends ConnectionOptions {
  readonly owner: string;
  readonly type: ReplicationType;
  readonly replication?: string;
  readonly json?: true;
}

const HELP = `
The container is created on an open pipeline of the configuration whose datanodes have room for it; when there
is none, one is created first.

Examples:
  strata admin container create
  strata admin container create --type EC --replication rs-3-2-1024k --owner om1`;

/** The reference's `OzoneConsts.OZONE`. */
const DEFAULT_OWNER = "OZONE";
const DEFAULT_FACTOR = "THREE";

/** `strata admin container create` (spec 02 §15, 09 §9). */
export function addContainerCreate(parent: Command, context: CommandContext): void {
  const command = parent
    .command("create")
    .description("creates a container")
    .option("-o, --owner <owner>", "whose container", DEFAULT_OWNER)
    .addOption(replicationTypeOption("-t, --type <type>", "replication type").default("RATIS"))
    .option("-r, --replication <replication>", `ONE or THREE (${DEFAULT_FACTOR}); with EC as rs-3-2-1024k`)
    .option("--json", "prints JSON")
    .addHelpText("after", HELP);
  addConnectionOptions(command).action(async (options: CreateOptions) => {
    const { owner, type, replication: text = DEFAULT_FACTOR } = options;
    if (type === "EC" && options.replication === undefined) {
      throw new CommandError("--replication is required with --type EC, such as rs-3-2-1024k", EXIT.USAGE);
    }
    const replication = parseReplicationOf(type, text);
    if (replication === undefined) {
      throw new CommandError(`--replication ${text} is no replication of type ${type}`, EXIT.USAGE);
    }
    const { container, pipeline } = await withConnection(options, context, (connection) =>
      connection.allocateContainer({ owner, replication }),
    );
    const { containerId } = container;
    if (options.json === true) {
      const shape = { containerID: containerId, owner, replicationConfig: replicationJson(replication) };
      context.io.out(jsonText({ ...shape, pipeline: pipelineJson(pipeline) }));
    } else {
      context.io.out(`Container ${containerId} is created with replication ${replicationText(replication)}.`);
    }
  });
}
