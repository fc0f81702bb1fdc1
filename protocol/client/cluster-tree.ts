import type { ResponseOf } from "../schema/messages.js";
import type { DatanodeDetails } from "../schema/records.js";
import type { AdminClient } from "./admin-client.js";

const PAGE = 128;

/** An inner node of the topology (spec 05 §12). */
export interface ClusterTreeNode {
  /** Empty for the root. */
  readonly name: string;
  /** Path of its parent: `/` for a rack, empty for the root. */
  readonly location: string;
  readonly cost: number;
  /** The root has 1. */
  readonly level: number;
  /** Datanodes anywhere under it. */
  readonly leafCount: number;
  /** By name: inner nodes, and on the last level above the datanodes these by uuid. */
  readonly children: ReadonlyMap<string, ClusterTreeNode | DatanodeDetails>;
}

interface Growing extends ClusterTreeNode {
  leafCount: number;
  readonly children: Map<string, Growing | DatanodeDetails>;
}

/** The whole topology, in pages: a datanode that comes or goes meanwhile may be in it or not. */
export async function readClusterTree(client: Pick<AdminClient, "getClusterTree">): Promise<ClusterTreeNode> {
  const datanodes: DatanodeDetails[] = [];
  for (;;) {
    const after = datanodes.at(-1)?.uuid;
    const page = await client.getClusterTree({ countMax: PAGE, ...(after === undefined ? {} : { after }) });
    datanodes.push(...page.datanodes);
    if (!page.more || page.datanodes.length === 0) return treeOf(page.levels, datanodes);
  }
}

function treeOf(
  levels: ResponseOf<"getClusterTree">["levels"],
  datanodes: readonly DatanodeDetails[],
): ClusterTreeNode {
  const newNode = (name: string, location: string, level: number): Growing => ({
    name,
    location,
    cost: levels[level - 1]?.cost ?? 0,
    level,
    leafCount: 0,
    children: new Map(),
  });
  const root = newNode("", "", 1);
  for (const datanode of datanodes) {
    let node = root;
    node.leafCount++;
    let location = "";
    for (const name of (datanode.networkLocation ?? "").split("/").slice(1)) {
      const known = node.children.get(name) as Growing | undefined;
      const child = known ?? newNode(name, location === "" ? "/" : location, node.level + 1);
      node.children.set(name, child);
      child.leafCount++;
      location += `/${name}`;
      node = child;
    }
    node.children.set(datanode.uuid, datanode);
  }
  return root;
}
