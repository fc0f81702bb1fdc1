import type { ReplicaStore } from "../../workers/pool/replica-store.js";
import type { ClusterState } from "../cluster/cluster-state.js";
import { parseReplication, type ReplicationConfig } from "../cluster/containers/replication-config.js";
import type { NodeManager } from "../cluster/nodes/node-manager.js";
import type { NodePipelines } from "../cluster/pipelines/node-pipelines.js";
import { type MemberPlacement, PipelineMembers } from "../cluster/pipelines/pipeline-members.js";
import type { PipelineReports } from "../cluster/pipelines/pipeline-reports.js";
import type { Config } from "../config/config.js";
import type { Environment } from "../core/environment.js";
import { StrataError } from "../core/errors.js";
import type { Uuid } from "../core/uuid.js";
import type { Logger } from "../telemetry/logger.js";
import { PipelineCreator } from "./pipeline-creator.js";
import { PipelineEvents } from "./pipeline-events.js";
import { PipelineManager, type PipelineManagerParts } from "./pipeline-manager.js";
import { PipelineScrubber } from "./pipeline-scrubber.js";
import type { Service } from "./service.js";

export interface PipelineServicesParts {
  readonly config: Pick<Config, "pipelines" | "placement">;
  readonly environment: Pick<Environment, "clock" | "scheduler" | "random">;
  readonly logger: Pick<Logger, "info" | "warn">;
  readonly cluster: Pick<ClusterState, "containers" | "pipelines" | "importAllowed" | "isPipelineGone">;
  readonly nodes: Pick<NodeManager, "index" | "queueCommand" | "uuidOf">;
  readonly replicas: Pick<ReplicaStore, "liveUsage">;
  readonly pipelines: { readonly load: NodePipelines; readonly reports: PipelineReports };
  readonly placement: MemberPlacement & { readonly pending: PipelineManagerParts["pending"] };
  readonly propose: PipelineManagerParts["propose"];
  readonly leader: PipelineManagerParts["leader"];
  readonly preChecksPassed: PipelineManagerParts["preChecksPassed"];
}

/** Everything that an SCM does about pipelines by itself. */
export class PipelineServices {
  readonly manager: PipelineManager;
  readonly events: PipelineEvents;
  readonly creator: PipelineCreator;
  readonly scrubber: PipelineScrubber;

  constructor(parts: PipelineServicesParts) {
    const { config, environment, placement } = parts;
    const { load, reports } = parts.pipelines;
    const { pipelines: options } = config;
    const { wantsDatastream, waitAfterSafeModeMs: waitMs } = options;
    const members = new PipelineMembers({
      ...parts,
      load,
      random: environment.random,
      limits: { perNode: config.placement.pipelinesPerNode, total: options.totalLimit },
      wantsDatastream,
      suggestsLeader: options.leaderPolicy.endsWith("MinLeaderCountChoosePolicy"),
    });
    this.manager = new PipelineManager({
      ...parts,
      ...environment,
      load,
      members,
      pending: placement.pending,
    });
    this.events = new PipelineEvents({
      ...parts,
      ...environment,
      reports,
      manager: this.manager,
      onNodeUsable: () => this.creator.trigger(),
    });
    this.creator = new PipelineCreator({
      ...parts,
      ...environment,
      manager: this.manager,
      options: {
        replication: defaultReplication(options.defaultType, options.defaultReplication),
        intervalMs: options.creationIntervalMs,
        createsRatisOne: options.createsRatisOne,
        createsRatisThree: options.createsRatisThree,
        runsInSafeMode: options.createsInSafeMode,
        waitMs,
      },
    });
    this.scrubber = new PipelineScrubber({
      ...parts,
      ...environment,
      manager: this.manager,
      options: {
        intervalMs: options.scrubIntervalMs,
        allocatedMs: options.allocatedTimeoutMs,
        closedMs: options.destroyTimeoutMs,
        waitMs,
        wantsDatastream,
      },
    });
  }

  /** By `apply`; undefined: all were loaded anew. */
  changed(id: Uuid | undefined): void {
    this.manager.pipelineChanged(id);
    this.events.pipelineChanged(id);
  }

  /** In the order in which they are told of another standing. */
  all(): readonly Service[] {
    return [this.manager, this.events, this.creator, this.scrubber];
  }
}

/** Undefined when the configuration names none that there is: then none is created in the background (spec 03
 * §8). */
function defaultReplication(type: string, replication: string): ReplicationConfig | undefined {
  try {
    return parseReplication(type.toUpperCase() === "EC" ? replication : `${type}/${replication}`);
  } catch (error) {
    if (error instanceof StrataError) return undefined;
    throw error;
  }
}
