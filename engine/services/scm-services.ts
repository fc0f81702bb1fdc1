import type { ShardSet } from "../../workers/pool/shard-set.js";
import type { ClusterState } from "../cluster/cluster-state.js";
import type { NodeManager } from "../cluster/nodes/node-manager.js";
import type { Placement } from "../cluster/placement/placement.js";
import type { Config } from "../config/config.js";
import type { Group } from "../consensus/group.js";
import type { RaftHost } from "../consensus/raft-host.js";
import type { Environment } from "../core/environment.js";
import type { RackLocations } from "../gateway/rack-locations.js";
import type { Logger } from "../telemetry/logger.js";
import type { AddressBook } from "./address-book.js";
import { type Blocks, createBlocks } from "./block-services.js";
import { ContainerCloser } from "./container-closer.js";
import { ContainerDecisions } from "./container-decisions.js";
import { ContainerProposals } from "./container-proposals.js";
import { DatanodeGate } from "./datanode-gate.js";
import { DeadNodeContainers } from "./dead-node-containers.js";
import { lateRacksService } from "./late-racks.js";
import { MemberRoom } from "./member-room.js";
import { PendingExpiry } from "./pending-expiry.js";
import { PeriodicService } from "./periodic-service.js";
import { pipelineFacts } from "./pipeline-facts.js";
import { PipelineServices, type PipelineServicesParts } from "./pipeline-services.js";
import { promotionService } from "./promotion.js";
import { ScmContext } from "./scm-context.js";
import { ServiceManager } from "./service-manager.js";

/** Which part of the proposals that may be in flight is for steps of containers that the SCM takes by itself:
 * administrators always find room. */
const PROPOSALS_SHARE = 8;
const UNKNOWN_CONTAINERS_MS = 60_000;

export interface ScmServicesParts {
  readonly config: Config;
  readonly environment: Pick<Environment, "clock" | "scheduler" | "random">;
  readonly logger: Logger;
  readonly raft: RaftHost;
  readonly cluster: ClusterState;
  readonly nodes: NodeManager;
  readonly placement: Placement;
  readonly pipelines: PipelineServicesParts["pipelines"];
  readonly group: Group;
  readonly addressBook: AddressBook;
  readonly shards: ShardSet;
  /** The operator's mapping of hosts to racks, if there is one. */
  readonly racks: RackLocations | undefined;
}

export interface ScmServices {
  readonly context: ScmContext;
  readonly gate: DatanodeGate;
  readonly decisions: ContainerDecisions;
  readonly closer: ContainerCloser;
  readonly deadNodes: DeadNodeContainers;
  readonly blocks: Blocks;
  readonly pipelines: PipelineServices;
  readonly manager: ServiceManager;
}

/** Starts all background work of an SCM: this is the list of it. */
export function startServices(parts: ScmServicesParts): ScmServices {
  const { config, logger, raft, cluster, nodes, group, addressBook } = parts;
  const { clock, scheduler } = parts.environment;
  const context = new ScmContext(raft.leadership);
  context.subscribe(({ leader }) => nodes.standingChanged(leader, clock.monotonicMs()));
  const manager = new ServiceManager({
    context,
    onError: (service, error) => logger.error("a service could not do its work", { service, error }),
  });
  manager.register(
    new PeriodicService({
      name: "node health",
      scheduler,
      intervalMs: config.nodes.healthCheckIntervalMs,
      task: () => nodes.tick(clock.monotonicMs()),
    }),
  );
  const gate = new DatanodeGate({
    scheduler,
    whenCaughtUp: (onReady) => raft.whenCaughtUp(onReady),
    isReloading: () => cluster.isReloading,
  });
  manager.register(gate);
  manager.register(addressBook);
  manager.register(
    promotionService({
      scheduler,
      group,
      electionTimeoutMs: config.raft.electionTimeoutMs,
      onPromoted: (member) => logger.info("a learner became a voter", { member }),
    }),
  );
  manager.register(unknownContainersService(parts));
  const { racks } = parts;
  if (racks !== undefined) manager.register(lateRacksService({ scheduler, logger, nodes, racks }));
  manager.register(new PendingExpiry({ clock, scheduler, pending: parts.placement.pending }));
  const { decisions, closer, deadNodes } = containerServices(parts, context);
  for (const service of [decisions, closer, deadNodes]) manager.register(service);
  const pipelines = new PipelineServices({
    ...parts,
    replicas: parts.shards,
    propose: (operation, onOutcome) => raft.propose(operation, onOutcome),
    leader: () => context.leader,
    // Safe mode's rules are to say here that enough datanodes have registered (spec 03 §4).
    preChecksPassed: () => !context.safeMode,
  });
  for (const service of pipelines.all()) manager.register(service);
  const blocks = createBlocks({
    ...parts,
    context,
    room: new MemberRoom(nodes, parts.placement),
    pipelines: pipelines.manager,
    facts: pipelineFacts(parts.pipelines.reports, nodes),
  });
  manager.register(blocks.service);
  manager.start();
  return { context, gate, decisions, closer, deadNodes, pipelines, blocks, manager };
}

/** A line a minute at most about replicas whose container does not exist (spec 02 §7), while their number
 * changes. */
function unknownContainersService({ environment, logger, shards }: ScmServicesParts): PeriodicService {
  let toldCount = 0;
  return new PeriodicService({
    name: "unknown containers",
    scheduler: environment.scheduler,
    intervalMs: UNKNOWN_CONTAINERS_MS,
    task: () => {
      const { unknownReplicaCount: count } = shards.statistics();
      if (count > 0 && count !== toldCount) {
        logger.warn("datanodes hold replicas of containers that do not exist", { count });
      }
      toldCount = count;
    },
  });
}

function containerServices(
  parts: ScmServicesParts,
  context: ScmContext,
): Pick<ScmServices, "decisions" | "closer" | "deadNodes"> {
  const { config, logger, raft, cluster, nodes, shards } = parts;
  const shared = {
    ...parts.environment,
    logger,
    nodes,
    proposals: new ContainerProposals(
      Math.ceil(config.gateway.mutationsInFlightMax / PROPOSALS_SHARE),
      (operation, onOutcome) => raft.propose(operation, onOutcome),
    ),
    leader: () => context.leader,
  };
  const decisions = new ContainerDecisions({
    ...shared,
    cluster,
    recheckContainers: () => shards.recheckContainers(),
    decideAgain: (containerId) => shards.containerChanged(containerId),
  });
  const closer = new ContainerCloser({
    ...shared,
    cluster,
    replicas: shards,
    waitMs: config.containers.closeWaitMs,
  });
  const deadNodes = new DeadNodeContainers({ ...shared, cluster, replicas: shards, closer });
  return { decisions, closer, deadNodes };
}
