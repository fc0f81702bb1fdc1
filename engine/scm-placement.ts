import type { NodeManager } from "./cluster/nodes/node-manager.js";
import { Placement } from "./cluster/placement/placement.js";
import type { PipelineLoad } from "./cluster/placement/placement-policy.js";
import type { Config } from "./config/config.js";
import type { Random } from "./core/random.js";

export interface ScmPlacementParts {
  readonly config: Pick<Config, "nodes" | "placement">;
  readonly random: Random;
  readonly nodes: Pick<NodeManager, "index" | "topology">;
  readonly load: PipelineLoad;
}

/** Placement as the configuration says. */
export function createPlacement({ config, random, nodes, load }: ScmPlacementParts): Placement {
  const { placement } = config;
  return new Placement({
    ...placement,
    index: nodes.index,
    tree: nodes.topology,
    random,
    load,
    slotCountMax: config.nodes.nodeCountMax,
    limits: placement,
  });
}
