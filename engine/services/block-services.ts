import type { ShardSet } from "../../workers/pool/shard-set.js";
import type { LiveUsage } from "../../workers/shared/shard-records.js";
import { allowedPattern, checkReplication } from "../cluster/blocks/block-request.js";
import { createChoosePolicy, type PipelineFacts } from "../cluster/blocks/choose-policy.js";
import type { WritableGroup } from "../cluster/blocks/writable-group.js";
import type { ClusterState } from "../cluster/cluster-state.js";
import type { ReplicationConfig } from "../cluster/containers/replication-config.js";
import { isUsable } from "../cluster/nodes/node-entry.js";
import type { NodeManager } from "../cluster/nodes/node-manager.js";
import { volumesOf } from "../cluster/placement/node-limits.js";
import type { Reservation } from "../cluster/placement/pending-containers.js";
import type { Config } from "../config/config.js";
import type { RaftHost } from "../consensus/raft-host.js";
import type { Clock } from "../core/clock.js";
import type { Environment } from "../core/environment.js";
import { SeededRandom } from "../core/random.js";
import { BlockService } from "./block-service.js";
import { ContainerCreation } from "./container-creation.js";
import { ContainerGrowth, type FleetCounts, type PipelineSource } from "./container-growth.js";
import { ContainerSupply } from "./container-supply.js";
import type { MemberRoom } from "./member-room.js";
import type { ScmContext } from "./scm-context.js";
import { WritableGroups } from "./writable-groups.js";

const FLEET_MS = 1000;

export interface BlockPartsOptions {
  readonly config: Config;
  readonly environment: Pick<Environment, "clock" | "scheduler" | "random">;
  readonly context: ScmContext;
  readonly raft: Pick<RaftHost, "propose">;
  readonly cluster: ClusterState;
  readonly nodes: Pick<NodeManager, "index" | "slotOf">;
  readonly shards: Pick<ShardSet, "liveUsage" | "touchUsage">;
  readonly room: MemberRoom;
  readonly pipelines: PipelineSource;
  readonly facts: PipelineFacts;
}

export interface Blocks {
  readonly creation: ContainerCreation<Reservation>;
  readonly service: BlockService;
  readonly groups: WritableGroups;
  readonly supply: ContainerSupply<Reservation>;
}

/** Puts together what gives out blocks. */
export function createBlocks(options: BlockPartsOptions): Blocks {
  const { config, environment, context, raft, cluster, nodes, shards, room } = options;
  const { blocks } = config;
  const propose: RaftHost["propose"] = (operation, onOutcome) => raft.propose(operation, onOutcome);
  const supply = new ContainerSupply({
    clock: environment.clock,
    room,
    propose,
    onEnd: () => service.roomChanged(),
  });
  const allowed = allowedPattern(blocks.allowedReplications);
  const check = (replication: ReplicationConfig): void => checkReplication(replication, allowed);
  const groups = new WritableGroups({
    cluster,
    onRoom: () => service.roomChanged(),
    check,
  });
  // Of its own: a source of the operating system would cost as much as the rest of a choice.
  const random = new SeededRandom(environment.random.uint32());
  const policy = createChoosePolicy(blocks.choosePolicy, random, options.facts);
  const ecPolicy = createChoosePolicy(blocks.ecChoosePolicy, random, options.facts);
  const service = new BlockService({
    ...environment,
    context,
    groups,
    growth: new ContainerGrowth({
      clock: environment.clock,
      supply,
      pipelines: options.pipelines,
      index: cluster.pipelines.index,
      slotOf: (uuid) => nodes.slotOf(uuid),
      fleet: fleetCounter(nodes, environment.clock),
      onEnd: () => service.roomChanged(),
      ...blocks,
    }),
    containerLimitOf: (pipeline) => room.containerLimitOf(pipeline),
    propose,
    usedBytes: usageReader(cluster, shards),
    touchUsage: (containerId) => shards.touchUsage(containerId),
    policyOf: ({ replication }: WritableGroup) => (replication.type === "EC" ? ecPolicy : policy),
    containerBytes: config.placement.containerBytes,
    idBatchCount: blocks.idBatchCount,
    waitMs: blocks.waitMs,
  });
  const creation = new ContainerCreation({
    ...options,
    ...environment,
    random,
    check,
    isInSafeMode: () => context.safeMode,
    waitMs: blocks.waitMs,
  });
  return { service, groups, supply, creation };
}

/** Counts the fleet anew once in a while: requests ask often. */
function fleetCounter(nodes: Pick<NodeManager, "index">, clock: Clock): () => FleetCounts {
  let counts: FleetCounts = { healthyVolumeCount: 0, healthyNodeCount: 0 };
  let dueMs = Number.NEGATIVE_INFINITY;
  return () => {
    const nowMs = clock.monotonicMs();
    if (nowMs < dueMs) return counts;
    dueMs = nowMs + FLEET_MS;
    let [healthyVolumeCount, healthyNodeCount] = [0, 0];
    for (const node of nodes.index.all()) {
      if (!isUsable(node)) continue;
      healthyNodeCount++;
      healthyVolumeCount += volumesOf(node.report).healthyVolumeCount;
    }
    counts = { healthyVolumeCount, healthyNodeCount };
    return counts;
  };
}

/** Bytes of a container by its reports; by its row while there are none. */
function usageReader(
  { containers }: Pick<ClusterState, "containers">,
  shards: Pick<ShardSet, "liveUsage">,
): (containerId: number) => number {
  const usage: LiveUsage = { usedBytes: 0, sequenceId: 0, keyCount: 0 };
  return (containerId) =>
    shards.liveUsage(containerId, usage) ? usage.usedBytes : containers.table.usedBytes(containerId);
}
