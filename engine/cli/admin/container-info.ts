import type { Command } from "commander";
import type { ResponseOf } from "../../../protocol/schema/messages.js";
import type { DatanodeDetails, ReplicaRecord } from "../../../protocol/schema/records.js";
import type { ContainerId } from "../../core/ids.js";
import type { Uuid } from "../../core/uuid.js";
import type { CommandContext } from "../context.js";
import { EXIT, printError } from "../exit-code.js";
import type { AdminConnection } from "../parts.js";
import { jsonText } from "../text.js";
import { addConnectionOptions, type ConnectionOptions, withConnection } from "./connection.js";
import { readContainerIds } from "./container-ids.js";
import { containerJson, pipelineJson, replicaJson } from "./json-shapes.js";
import { forEachContainer, HolderDetails, type Holders } from "./replica-holders.js";

interface ContainerDetails {
  readonly answer: ResponseOf<"getContainer">;
  readonly replicas: readonly ReplicaRecord[];
  readonly datanodes: Holders;
}

const EXAMPLES = `
Examples:
  strata admin container info 1
  strata admin container info 1 2 3 --json
  seq 1 10 | strata admin container info -

Usage and sequence id are what the replicas tell; before one is reported, what was so when the container last
changed its state. A replica is stale when it is older than what the container has committed.`;

/** `strata admin container info` (spec 02 §15.1). */
export function addContainerInfo(parent: Command, context: CommandContext): void {
  const command = parent
    .command("info")
    .description("shows containers with their pipelines and replicas")
    .argument("<id...>", "container ids, or - to read them from standard input")
    .option("--json", "prints JSON")
    .addHelpText("after", EXAMPLES);
  addConnectionOptions(command).action(
    async (words: readonly string[], options: ConnectionOptions & { readonly json?: true }) => {
      const { io, end } = context;
      const ids = await readContainerIds(words, io);
      const found: ContainerDetails[] = [];
      await withConnection(options, context, async (connection) => {
        const holders = new HolderDetails(connection);
        await forEachContainer(
          ids,
          async (id) => {
            found.push(await fetchContainer(connection, holders, id));
          },
          (error) => {
            printError(io, error);
            end(EXIT.FAILED);
          },
        );
      });
      if (options.json === true) {
        const shapes = found.map(detailsJson);
        if (ids.length !== 1) io.out(jsonText(shapes));
        else if (shapes.length > 0) io.out(jsonText(shapes[0]));
        return;
      }
      for (const [i, details] of found.entries()) {
        if (i > 0) io.out("");
        for (const line of describe(details)) io.out(line);
      }
    },
  );
}

async function fetchContainer(
  connection: AdminConnection,
  holders: HolderDetails,
  containerId: ContainerId,
): Promise<ContainerDetails> {
  const answer = await connection.getContainer({ containerId });
  const { replicas } = await connection.getContainerReplicas({ containerId });
  return { answer, replicas, datanodes: await holders.fetch(replicas) };
}

function detailsJson({ answer, replicas, datanodes }: ContainerDetails): Record<string, unknown> {
  const { container, pipeline } = answer;
  return {
    containerInfo: containerJson(container),
    ...(pipeline === undefined ? {} : { pipeline: pipelineJson(pipeline) }),
    replicas: replicas.map((replica) => replicaJson(replica, datanodes.get(replica.datanode))),
    ...(container.pipelineId === undefined ? {} : { writePipelineID: { id: container.pipelineId } }),
  };
}

function describe({ answer, replicas, datanodes }: ContainerDetails): string[] {
  const { container, pipeline } = answer;
  const members = pipeline?.members ?? [];
  const sorted = [...replicas].sort((a, b) => a.replicaIndex - b.replicaIndex);
  return [
    `Container id: ${container.containerId}`,
    `Pipeline id: ${pipeline?.pipelineId ?? "none"}`,
    `Write PipelineId: ${container.pipelineId ?? "none"}`,
    `Write Pipeline State: ${pipeline?.state ?? "NONEXISTENT"}`,
    `Container State: ${container.state}`,
    `Used Bytes: ${container.usedBytes}`,
    `Number of Keys: ${container.keyCount}`,
    `Sequence Id: ${container.sequenceId}`,
    `Datanodes: [${members.map(({ details }) => placeOf(details.uuid, details)).join(",\n")}]`,
    `Replicas: [${sorted.map((replica) => describeReplica(replica, datanodes)).join(",\n")}]`,
  ];
}

function describeReplica(replica: ReplicaRecord, datanodes: Holders): string {
  return [
    `State: ${replica.state}${replica.isStale === true ? " (stale)" : ""}`,
    ...(replica.replicaIndex > 0 ? [`ReplicaIndex: ${replica.replicaIndex}`] : []),
    `SequenceId: ${replica.sequenceId}`,
    `Origin: ${replica.originNodeId}`,
    `Location: ${placeOf(replica.datanode, datanodes.get(replica.datanode))}`,
    `Keys: ${replica.keyCount}`,
    `Bytes: ${replica.usedBytes}`,
    `DataChecksum: ${replica.dataChecksum.toString(16)}`,
  ].join("; ");
}

function placeOf(uuid: Uuid, details: DatanodeDetails | undefined): string {
  return details === undefined ? uuid : `${uuid}/${details.hostName}`;
}
