import type { Command } from "commander";
import type { PipelineRecord } from "../../../protocol/schema/records.js";
import { PIPELINE_STATE, type PipelineState } from "../../core/enums.js";
import type { CommandContext } from "../context.js";
import { choice } from "../options.js";
import { replicationText } from "../replication-text.js";
import { jsonText } from "../text.js";
import { addConnectionOptions, type ConnectionOptions, withConnection } from "./connection.js";
import { pipelineJson } from "./json-shapes.js";
import { listPipelines } from "./paging.js";
import { addPipelineFilterOptions, type PipelineFilterOptions, pipelineFilterOf } from "./pipeline-filter.js";

interface ListOptions extends ConnectionOptions, PipelineFilterOptions {
  readonly state?: PipelineState;
  readonly json?: true;
}

const EXAMPLES = `
Examples:
  strata admin pipeline list
  strata admin pipeline list --state OPEN -t RATIS -r THREE
  strata admin pipeline list -t EC --json`;

/** `strata admin pipeline list`: a line a pipeline (spec 09 §9). */
export function addPipelineList(parent: Command, context: CommandContext): void {
  const command = addPipelineFilterOptions(
    parent.command("list").description("lists pipelines, closed ones too until they are removed"),
  )
    .addOption(choice("-s, --state <state>", "only in this state", Object.keys(PIPELINE_STATE)))
    .option("--json", "prints a JSON array")
    .addHelpText("after", EXAMPLES);
  addConnectionOptions(command).action(async (options: ListOptions) => {
    const { state, json } = options;
    const filter = { ...pipelineFilterOf(options), ...(state === undefined ? {} : { state }) };
    const pipelines = await withConnection(options, context, (connection) =>
      listPipelines(connection, filter),
    );
    if (json === true) context.io.out(jsonText(pipelines.map(pipelineJson)));
    else for (const pipeline of pipelines) context.io.out(pipelineText(pipeline));
  });
}

/** As the reference's tools print a pipeline. */
export function pipelineText(pipeline: PipelineRecord): string {
  const nodes = pipeline.members.map(({ details, replicaIndex }) => {
    const index = replicaIndex === 0 ? "" : `, ReplicaIndex: ${replicaIndex}`;
    return ` {${details.uuid}(${details.hostName}/${details.ipAddress})${index}},`;
  });
  const created = new Date(pipeline.creationTimeMs).toISOString();
  return (
    `Pipeline{ Id: ${pipeline.pipelineId}, Nodes: [${nodes.join("")}], ` +
    `ReplicationConfig: ${replicationText(pipeline.replication)}, State:${pipeline.state}, ` +
    `leaderId:${pipeline.leaderId ?? ""}, CreationTimestamp${created}}`
  );
}
