import type { NodeEntry } from "./cluster/nodes/node-entry.js";
import { NodeManager } from "./cluster/nodes/node-manager.js";
import type { NodeEvent } from "./cluster/nodes/node-types.js";
import { DEFAULT_SCHEMA, type TopologySchema } from "./cluster/topology/schema.js";
import { Topology } from "./cluster/topology/topology.js";
import type { Config } from "./config/config.js";
import type { Clock } from "./core/clock.js";
import type { NodeSlot } from "./core/ids.js";
import { METADATA_LAYOUT_VERSION } from "./storage/version-file.js";
import type { Logger } from "./telemetry/logger.js";

export interface ScmNodesParts {
  readonly config: Pick<Config, "nodes">;
  /** Levels of the topology; left out: root, racks, datanodes. */
  readonly topologySchema?: TopologySchema;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Its replicas no longer count. */
  readonly onPurge: (slot: NodeSlot) => void;
  readonly mayDelete: (containerId: number) => boolean;
  readonly onNodeEvent: (event: NodeEvent, slot: NodeSlot) => void;
  readonly onNodeChanged: (node: NodeEntry) => void;
}

/** The node manager as the configuration says. */
export function createNodeManager(parts: ScmNodesParts): NodeManager {
  const { config, topologySchema, clock, logger, onPurge, mayDelete, onNodeEvent, onNodeChanged } = parts;
  const { nodes } = config;
  return new NodeManager({
    processIntervalMs: nodes.healthCheckIntervalMs,
    staleIntervalMs: nodes.staleIntervalMs,
    deadIntervalMs: nodes.deadIntervalMs,
    layout: { metadata: METADATA_LAYOUT_VERSION, software: METADATA_LAYOUT_VERSION },
    useDatanodeHostname: nodes.useDatanodeHostName,
    nodeCountMax: nodes.nodeCountMax,
    firstCommandId: clock.wallMs(),
    mayDelete,
    topology: new Topology(topologySchema ?? DEFAULT_SCHEMA, nodes.nodeCountMax),
    listener: {
      onEvent: (event, slot, uuid) => {
        logger.info("datanode changed", { event, slot, uuid });
        onNodeEvent(event, slot);
      },
      onPurge,
      onNodeChanged,
    },
  });
}
