import { type Command, Option } from "commander";
import { type NodeUsage, usageOf, utilisation } from "../../../protocol/client/node-usage.js";
import type { NodeRecord, PipelineRecord } from "../../../protocol/schema/records.js";
import { NODE_HEALTH, type NodeHealth, OPERATIONAL_STATE, type OperationalState } from "../../core/enums.js";
import type { Uuid } from "../../core/uuid.js";
import type { CommandContext } from "../context.js";
import { CommandError, EXIT } from "../exit-code.js";
import type { CommandIo } from "../io.js";
import { choice, wholeNumber } from "../options.js";
import type { AdminConnection } from "../parts.js";
import { replicationText } from "../replication-text.js";
import { jsonText, percentText } from "../text.js";
import { addConnectionOptions, type ConnectionOptions, withConnection } from "./connection.js";
import { nodeJson } from "./json-shapes.js";
import {
  addNodeSelection,
  checkSelection,
  isSelected,
  type NodeSelection,
  selectedId,
  uuidArgument,
} from "./node-selection.js";
import { listNodes, listPipelines } from "./paging.js";

interface ListOptions extends ConnectionOptions, NodeSelection {
  readonly operationalState?: OperationalState;
  readonly nodeState?: NodeHealth;
  readonly nodesWithFailedVolumes?: true;
  readonly length: number;
  readonly all?: true;
  readonly json?: true;
}

const LENGTH = 100;

const LIST_EXAMPLES = `
Examples:
  strata admin datanode list
  strata admin datanode list --node-state DEAD --json
  strata admin datanode list --most-used -l 10`;

/** `strata admin datanode list` (spec 01 §13.3). */
export function addDatanodeList(parent: Command, context: CommandContext): void {
  const command = parent
    .command("list")
    .description("shows datanodes with their states and pipelines, by health")
    .addOption(choice("--operational-state <state>", "only in this state", Object.keys(OPERATIONAL_STATE)))
    .addOption(choice("--node-state <state>", "only in this state of health", Object.keys(NODE_HEALTH)))
    .option("--nodes-with-failed-volumes", "only with at least one failed volume")
    .addOption(
      new Option("-l, --length <n>", "how many at most").argParser(wholeNumber(1, 1_000_000)).default(LENGTH),
    )
    .option("-a, --all", "all of them")
    .option("--json", "prints JSON")
    .addHelpText("after", LIST_EXAMPLES);
  addConnectionOptions(addNodeSelection(command, false)).action(async (options: ListOptions) => {
    checkSelection(options);
    if (options.nodesWithFailedVolumes === true && selectedId(options) !== undefined) {
      throw new CommandError("--nodes-with-failed-volumes and --node-id exclude each other", EXIT.USAGE);
    }
    await withConnection(options, context, async (connection) => {
      const nodes = await selectNodes(connection, options);
      const isSorted = options.mostUsed === true || options.leastUsed === true;
      const limit = options.all === true ? nodes.length : options.length;
      await print(nodes.slice(0, limit), { ...options, withUsage: isSorted }, connection, context.io);
    });
  });
}

/** `strata admin datanode info`. */
export function addDatanodeInfo(parent: Command, context: CommandContext): void {
  const command = parent
    .command("info")
    .description("shows one datanode: states, usage, volumes, pipelines")
    .argument("<uuid>", "UUID of the datanode", uuidArgument)
    .option("--json", "prints JSON")
    .addHelpText("after", "\nExample:\n  strata admin datanode info 9b1d8c3e-5f0a-4f3c-8a53-0c1a2b3c4d5e");
  addConnectionOptions(command).action(
    async (uuid: Uuid, options: ConnectionOptions & { readonly json?: true }) => {
      await withConnection(options, context, async (connection) => {
        const { node } = await connection.getNode({ uuid });
        await print([node], { ...options, withUsage: true }, connection, context.io);
        if (options.json !== true) printReport(node, context.io);
      });
    },
  );
}

async function selectNodes(connection: AdminConnection, options: ListOptions): Promise<NodeRecord[]> {
  const id = selectedId(options);
  if (id !== undefined) return [(await connection.getNode({ uuid: id })).node];
  const { mostUsed, leastUsed, nodeState, operationalState } = options;
  const filter = {
    ...(nodeState === undefined ? {} : { health: nodeState }),
    ...(operationalState === undefined ? {} : { operationalState }),
  };
  const nodes = (await listNodes(connection, filter))
    .filter((node) => isSelected(options, node))
    .filter((node) => options.nodesWithFailedVolumes !== true || usageOf(node).failedVolumes.length > 0);
  if (mostUsed === true || leastUsed === true) return sortByUsage(nodes, mostUsed === true);
  return nodes.sort((a, b) => NODE_HEALTH[a.health] - NODE_HEALTH[b.health]);
}

/** Healthy datanodes in service by share of used space. */
export function sortByUsage(nodes: readonly NodeRecord[], mostUsedFirst: boolean): NodeRecord[] {
  const direction = mostUsedFirst ? -1 : 1;
  return nodes
    .filter(({ health, operationalState }) => health === "HEALTHY" && operationalState === "IN_SERVICE")
    .sort((a, b) => direction * (utilisation(usageOf(a)) - utilisation(usageOf(b))));
}

interface PrintOptions {
  readonly json?: true;
  readonly withUsage: boolean;
}

async function print(
  nodes: readonly NodeRecord[],
  { json, withUsage }: PrintOptions,
  connection: AdminConnection,
  io: CommandIo,
): Promise<void> {
  if (json === true) {
    io.out(jsonText(nodes.map((node) => listElement(node, withUsage))));
    return;
  }
  const pipelines = await listPipelines(connection);
  for (const node of nodes) {
    for (const line of describeNode(node, pipelines)) io.out(line);
    if (withUsage) for (const line of describeUsage(usageOf(node))) io.out(line);
    io.out("");
  }
}

function listElement(node: NodeRecord, withUsage: boolean): Record<string, unknown> {
  const usage = usageOf(node);
  const { capacity, remaining, volumeCount, failedVolumes } = usage;
  const figures = { used: capacity - remaining, capacity, percentUsed: 100 * utilisation(usage) };
  return {
    ...nodeJson(node),
    ...(withUsage ? figures : {}),
    totalVolumeCount: volumeCount,
    healthyVolumeCount: volumeCount - failedDataVolumes(node),
    ...(failedVolumes.length > 0 ? { failedVolumes } : {}),
  };
}

function failedDataVolumes({ report }: NodeRecord): number {
  return (report?.storageReports ?? []).filter(({ failed }) => failed).length;
}

function describeNode(node: NodeRecord, pipelines: readonly PipelineRecord[]): string[] {
  const { uuid, networkLocation, ipAddress, hostName } = node.details;
  const related = pipelines.filter(({ members }) => members.some(({ details }) => details.uuid === uuid));
  const { volumeCount, failedVolumes } = usageOf(node);
  const place = `${networkLocation ?? ""}/${ipAddress}/${hostName}/${related.length} pipelines`;
  const lines = [
    `Datanode: ${uuid} (${place})`,
    `Operational State: ${node.operationalState}`,
    `Health State: ${node.health}`,
    `Total volume count: ${volumeCount}`,
    `Healthy volume count: ${volumeCount - failedDataVolumes(node)}`,
  ];
  if (failedVolumes.length > 0) lines.push("Failed volumes:", ...failedVolumes.map((path) => `  ${path}`));
  lines.push("Related pipelines:");
  if (pipelines.length === 0) lines.push("No pipelines in cluster.");
  else if (related.length === 0) lines.push("No related pipelines or the node is not in Healthy state.");
  else lines.push(...related.map((pipeline) => describePipeline(pipeline, uuid)));
  return lines;
}

function describePipeline({ pipelineId, replication, state, leaderId }: PipelineRecord, uuid: Uuid): string {
  const role = leaderId === uuid ? "Leader" : "Follower";
  return [pipelineId, replicationText(replication), replication.type, state, role].join("/");
}

function describeUsage({ capacity, remaining }: NodeUsage): string[] {
  if (capacity === 0) return [];
  const used = capacity - remaining;
  return [`Capacity: ${capacity}`, `Used: ${used}`, `Percentage Used : ${percentText(used, capacity)}`];
}

function printReport(node: NodeRecord, io: CommandIo): void {
  io.out(`Last heartbeat: ${(node.lastHeartbeatAgoMs / 1000).toFixed(1)} s ago`);
  io.out(`Layout version: metadata ${node.layout.metadata}, software ${node.layout.software}`);
  io.out(`Containers: ${node.containerCount}${node.fullReportComplete ? "" : " (no full report yet)"}`);
  for (const volume of node.report?.storageReports ?? []) {
    const share = percentText(volume.capacity - volume.remaining, volume.capacity);
    const words = [volume.storageLocation, volume.storageType, `${volume.capacity} B`, `${share} used`];
    io.out(`Volume: ${words.join(", ")}${volume.failed ? ", FAILED" : ""}`);
  }
}
