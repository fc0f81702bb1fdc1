import type { NodeHealth, OperationalState } from "../../core/enums.js";
import { NODE_HEALTH, OPERATIONAL_STATE } from "../../core/enums.js";
import type { NodeManager } from "./node-manager.js";
import type { NodeUsage } from "./node-usage.js";
import { addUsage, NO_USAGE } from "./node-usage.js";

export type NodeStateName = `${OperationalState} ${NodeHealth}`;

export interface NodeStatistics {
  /** Every pair is there, also with 0. */
  readonly countByState: ReadonlyMap<NodeStateName, number>;
  readonly countByHealth: ReadonlyMap<NodeHealth, number>;
  /** Sum over all nodes that are not DEAD, whatever their operational state (spec 01 §12). */
  readonly usage: Readonly<NodeUsage>;
  readonly failedVolumeCount: number;
}

/** Figures over all datanodes. O(nodes). */
export function nodeStatistics({ index }: Pick<NodeManager, "index">): NodeStatistics {
  const countByState = new Map<NodeStateName, number>();
  const countByHealth = new Map<NodeHealth, number>();
  for (const health of Object.keys(NODE_HEALTH) as NodeHealth[]) {
    countByHealth.set(health, 0);
    for (const state of Object.keys(OPERATIONAL_STATE) as OperationalState[]) {
      countByState.set(`${state} ${health}`, 0);
    }
  }
  const usage = { ...NO_USAGE };
  let failedVolumeCount = 0;
  for (const node of index.all()) {
    const name: NodeStateName = `${node.operationalState} ${node.health}`;
    countByState.set(name, (countByState.get(name) ?? 0) + 1);
    countByHealth.set(node.health, (countByHealth.get(node.health) ?? 0) + 1);
    failedVolumeCount += node.failedVolumeCount;
    if (node.health !== "DEAD") addUsage(usage, node.usage);
  }
  return { countByState, countByHealth, usage, failedVolumeCount };
}
