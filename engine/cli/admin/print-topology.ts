import type { Command } from "commander";
import type { NodeRecord } from "../../../protocol/schema/records.js";
import { NODE_HEALTH, type NodeHealth, OPERATIONAL_STATE, type OperationalState } from "../../core/enums.js";
import type { CommandContext } from "../context.js";
import { choice } from "../options.js";
import { jsonText } from "../text.js";
import { addConnectionOptions, type ConnectionOptions, withConnection } from "./connection.js";
import { listNodes } from "./paging.js";

interface TopologyOptions extends ConnectionOptions {
  readonly order?: true;
  readonly full?: true;
  readonly operationalState?: OperationalState;
  readonly nodeState?: NodeHealth;
  readonly json?: true;
}

const EXAMPLES = `
Examples:
  strata admin printTopology
  strata admin printTopology --order --node-state HEALTHY
  strata admin printTopology --full --json`;

/** `strata admin printTopology`: datanodes with their racks, by health (spec 09 §9). */
export function addPrintTopology(parent: Command, context: CommandContext): void {
  const command = parent
    .command("printTopology")
    .description("shows on which rack each datanode is, by health")
    .option("-o, --order", "by network location")
    .option("-f, --full", "with the UUIDs of the datanodes")
    .addOption(choice("--operational-state <state>", "only in this state", Object.keys(OPERATIONAL_STATE)))
    .addOption(choice("--node-state <state>", "only in this state of health", Object.keys(NODE_HEALTH)))
    .option("--json", "prints JSON")
    .addHelpText("after", EXAMPLES);
  addConnectionOptions(command).action(async (options: TopologyOptions) => {
    await withConnection(options, context, async (connection) => {
      const { nodeState, operationalState } = options;
      const nodes = await listNodes(connection, {
        ...(nodeState === undefined ? {} : { health: nodeState }),
        ...(operationalState === undefined ? {} : { operationalState }),
      });
      const states = (Object.keys(NODE_HEALTH) as NodeHealth[]).sort(
        (a, b) => NODE_HEALTH[a] - NODE_HEALTH[b],
      );
      const groups = states
        .map((health) =>
          ordered(
            nodes.filter((node) => node.health === health),
            options,
          ),
        )
        .filter(({ length }) => length > 0);
      if (options.json === true) {
        context.io.out(jsonText(groups.flat().map((node) => nodeJson(node, options))));
        return;
      }
      for (const group of groups) for (const line of textOf(group, options)) context.io.out(line);
    });
  });
}

function ordered(nodes: readonly NodeRecord[], { order }: TopologyOptions): readonly NodeRecord[] {
  if (order !== true) return nodes;
  // Node arrays are sorted stably: on a rack by uuid, as they came.
  return nodes.toSorted((a, b) =>
    locationOf(a) < locationOf(b) ? -1 : locationOf(a) > locationOf(b) ? 1 : 0,
  );
}

function textOf(nodes: readonly NodeRecord[], { order, full }: TopologyOptions): string[] {
  const lines = [`State = ${nodes[0]?.health}`];
  let location: string | undefined;
  for (const node of nodes) {
    const { uuid, ipAddress, hostName, ports } = node.details;
    const host = `${full === true ? `${uuid}/` : ""}${ipAddress}(${hostName})`;
    if (order === true) {
      if (locationOf(node) !== location) lines.push(`Location: ${locationOf(node)}`);
      location = locationOf(node);
      lines.push(` ${host} ${node.operationalState}`);
    } else {
      const portText = ports.map(({ name, value }) => `${name}=${value}`).join(",");
      lines.push(` ${host}:${portText}    ${node.operationalState}    ${locationOf(node)}`);
    }
  }
  return lines;
}

function nodeJson(node: NodeRecord, { order, full }: TopologyOptions): Record<string, unknown> {
  const { uuid, ipAddress, hostName, ports } = node.details;
  return {
    ipAddress,
    hostName,
    nodeState: node.health,
    operationalState: node.operationalState,
    networkLocation: locationOf(node),
    ...(order === true ? {} : { ports: Object.fromEntries(ports.map(({ name, value }) => [name, value])) }),
    ...(full === true ? { uuid } : {}),
  };
}

function locationOf({ details }: NodeRecord): string {
  return details.networkLocation ?? "NA";
}
