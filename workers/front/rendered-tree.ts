import type { ClusterTreeNode } from "../../protocol/client/cluster-tree.js";
import type { ProtoWriter } from "../../protocol/hadoop/proto-writer.js";
import type { PortChoice } from "./client-version.js";
import { writeToldDetails } from "./rendered-details.js";

/** The topology as InnerNode (spec 12 §4): inner nodes by name, datanodes by uuid, with what they have told.
 */
export function writeTree(
  writer: ProtoWriter,
  field: number,
  { name, location, cost, level, leafCount, children }: ClusterTreeNode,
  ports: PortChoice,
): void {
  writer.openMessage(field);
  writer.openMessage(1);
  writer.text(1, name);
  writer.text(2, location);
  writer.number(3, cost);
  writer.number(4, level);
  writer.closeMessage();
  writer.number(2, leafCount);
  for (const [key, child] of children) {
    writer.openMessage(3);
    writer.text(1, key);
    writer.openMessage(2);
    if ("children" in child) writeTree(writer, 3, child, ports);
    else writeToldDetails(writer, 1, { ...child, level: child.level ?? level + 1 }, ports);
    writer.closeMessage();
    writer.closeMessage();
  }
  writer.closeMessage();
}
