import { type Command, Option } from "commander";
import { usageOf } from "../../../protocol/client/node-usage.js";
import type { NodeRecord } from "../../../protocol/schema/records.js";
import type { CommandContext } from "../context.js";
import { CommandError, codeOf, EXIT } from "../exit-code.js";
import { wholeNumber } from "../options.js";
import type { AdminConnection } from "../parts.js";
import { bytesText, jsonText, percentText } from "../text.js";
import { addConnectionOptions, type ConnectionOptions, withConnection } from "./connection.js";
import { sortByUsage } from "./datanode-list.js";
import { datanodeJson } from "./json-shapes.js";
import {
  addNodeSelection,
  checkSelection,
  isSelected,
  type NodeSelection,
  selectedId,
} from "./node-selection.js";
import { listNodes } from "./paging.js";

interface UsageOptions extends ConnectionOptions, NodeSelection {
  /** Old option: IP address or host name. */
  readonly address?: string;
  readonly count: number;
  readonly json?: true;
}

const COUNT = 3;

const HELP = `
Examples:
  strata admin datanode usageinfo --hostname dn1.example.com
  strata admin datanode usageinfo --most-used -c 5 --json

Filesystem figures are those of the volumes' file systems, Ozone figures leave out what is reserved for
others. Pre-allocated is promised to open containers; Free Space To Spare is kept free before containers
are closed.`;

/** `strata admin datanode usageinfo` (spec 01 §13.3). */
export function addDatanodeUsageInfo(parent: Command, context: CommandContext): void {
  const command = addNodeSelection(
    parent.command("usageinfo").description("shows how full datanodes are"),
    true,
  )
    .addOption(new Option("--address <host>", "IP address or host name").hideHelp())
    .addOption(
      new Option("-c, --count <n>", "how many, with --most-used or --least-used")
        .argParser(wholeNumber(1, 1_000_000))
        .default(COUNT),
    )
    .option("--json", "prints JSON")
    .addHelpText("after", HELP);
  addConnectionOptions(command).action(async (options: UsageOptions) => {
    if (checkSelection(options) === (options.address !== undefined)) {
      throw new CommandError(
        "name one of --node-id, --ip, --hostname, --most-used, --least-used",
        EXIT.USAGE,
      );
    }
    const nodes = await withConnection(options, context, (connection) => selectNodes(connection, options));
    if (options.json === true) {
      context.io.out(jsonText(nodes.map(usageJson)));
      return;
    }
    context.io.out(`Usage Information (${nodes.length} Datanodes)`);
    for (const node of nodes) for (const line of describe(node)) context.io.out(line);
  });
}

/** An unknown datanode is an empty answer (spec 09 §15). */
async function selectNodes(connection: AdminConnection, options: UsageOptions): Promise<NodeRecord[]> {
  const uuid = selectedId(options);
  if (uuid !== undefined) {
    try {
      return [(await connection.getNode({ uuid })).node];
    } catch (error) {
      if (codeOf(error) === "NO_SUCH_DATANODE") return [];
      throw error;
    }
  }
  const { address, mostUsed, leastUsed, count } = options;
  const nodes = await listNodes(connection);
  if (mostUsed === true || leastUsed === true) return sortByUsage(nodes, mostUsed === true).slice(0, count);
  if (address === undefined) return nodes.filter((node) => isSelected(options, node));
  return nodes.filter((node) => isSelected({ ip: address }, node) || isSelected({ hostname: address }, node));
}

function usageJson(node: NodeRecord): Record<string, unknown> {
  const usage = usageOf(node);
  const fsCapacity = usage.fsCapacity ?? 0;
  const fsAvailable = usage.fsAvailable ?? 0;
  return {
    datanodeDetails: datanodeJson(node.details),
    filesystemCapacity: fsCapacity,
    filesystemAvailable: fsAvailable,
    filesystemUsed: fsCapacity - fsAvailable,
    ozoneCapacity: usage.capacity,
    ozoneUsed: usage.used,
    ozoneAvailable: usage.remaining,
    committed: usage.committed,
    freeSpaceToSpare: usage.freeSpaceToSpare,
    containerCount: node.containerCount,
    pipelineCount: node.pipelineCount,
    reserved: usage.reserved,
    filesystemUsedPercent: percent(fsCapacity - fsAvailable, fsCapacity),
    filesystemAvailablePercent: percent(fsAvailable, fsCapacity),
    ozoneUsedPercent: percent(usage.used, usage.capacity),
    ozoneAvailablePercent: percent(usage.remaining, usage.capacity),
  };
}

/** Rounded to two decimals; 0 of nothing. */
function percent(part: number, whole: number): number {
  return whole === 0 ? 0 : Math.round((10_000 * part) / whole) / 100;
}

function describe(node: NodeRecord): string[] {
  const { uuid, ipAddress, hostName } = node.details;
  const usage = usageOf(node);
  const lines = ["", row("ID", uuid), row("IP Address", ipAddress), row("Hostname", hostName)];
  if (usage.fsCapacity !== undefined && usage.fsAvailable !== undefined) {
    lines.push(
      ...shareRows("Filesystem", usage.fsCapacity, usage.fsCapacity - usage.fsAvailable, usage.fsAvailable),
    );
  }
  lines.push(
    ...shareRows("Ozone", usage.capacity, usage.used, usage.remaining),
    row("Pipeline(s)", String(node.pipelineCount)),
    row("Container(s)", String(node.containerCount)),
    bytesRow("Container Pre-allocated", usage.committed),
    bytesRow("Remaining Allocatable", usage.remaining - usage.committed),
    bytesRow("Free Space To Spare", usage.freeSpaceToSpare),
    bytesRow("Reserved", usage.reserved),
  );
  return lines;
}

function shareRows(name: string, capacity: number, used: number, available: number): string[] {
  return [
    bytesRow(`${name} Capacity`, capacity),
    bytesRow(`${name} Used`, used),
    row(`${name} Used %`, `${percentText(used, capacity)} (${name} Used/${name} Capacity)`),
    bytesRow(`${name} Available`, available),
    row(`${name} Available %`, `${percentText(available, capacity)} (${name} Available/${name} Capacity)`),
  ];
}

function bytesRow(name: string, bytes: number): string {
  return row(name, `${bytes} B (${bytesText(bytes)})`);
}

function row(name: string, value: string): string {
  return `${name.padEnd(24)}: ${value}`;
}
