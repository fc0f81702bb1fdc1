import type { ReportIntake } from "../workers/pool/report-intake.js";
import type { ShardSet } from "../workers/pool/shard-set.js";
import { serveAdmin } from "./admin/admin-gateway.js";
import type { AdminCounters, AdminServices } from "./admin/admin-services.js";
import type { AllocationAudit } from "./admin/allocation-audit.js";
import type { ClusterState } from "./cluster/cluster-state.js";
import type { NodeManager } from "./cluster/nodes/node-manager.js";
import type { Config } from "./config/config.js";
import type { Group } from "./consensus/group.js";
import type { RaftHost } from "./consensus/raft-host.js";
import type { TableReader } from "./consensus/table-scanner.js";
import type { Environment } from "./core/environment.js";
import { ERRORS, StrataError } from "./core/errors.js";
import { ClientPlaces } from "./gateway/client-places.js";
import { DatanodeGateway } from "./gateway/datanode-gateway.js";
import type { DatanodeServices } from "./gateway/datanode-services.js";
import type { GatewayMetrics } from "./gateway/gateway-metrics.js";
import type { RackLocations } from "./gateway/rack-locations.js";
import { redirectOf } from "./gateway/redirect.js";
import { RpcServer } from "./gateway/rpc-server.js";
import { rpcLimitsOf } from "./scm-options.js";
import type { ScmPipelines } from "./scm-pipelines.js";
import type { ScmServices } from "./services/scm-services.js";
import type { Recovered } from "./storage/recovered.js";
import type { Logger } from "./telemetry/logger.js";

/** What an SCM answers its clients with. */
export interface ScmClientsParts {
  readonly config: Config;
  readonly environment: Environment;
  readonly logger: Logger;
  readonly audit: AdminServices["audit"];
  readonly host: AdminServices["host"];
  readonly lookUpHostName?: DatanodeServices["lookUpHostName"];
  readonly racks?: RackLocations;
  readonly identity: Recovered["identity"];
  readonly primaryScmId: Recovered["primaryScmId"];
  readonly cluster: ClusterState;
  readonly nodes: NodeManager;
  readonly pipelines: ScmPipelines;
  readonly raft: RaftHost;
  readonly group: Group;
  readonly services: ScmServices;
  readonly shards: ShardSet;
  readonly intake: ReportIntake;
  readonly allocationAudit: AllocationAudit;
  readonly gatewayMetrics: GatewayMetrics;
  readonly adminCounters: AdminCounters;
}

/** How datanodes and administrators are served. */
export function createRpcServer(parts: ScmClientsParts): RpcServer {
  const { config, logger, cluster, gatewayMetrics } = parts;
  const { clock, scheduler, transport } = parts.environment;
  const { context } = parts.services;
  const { clusterId, scmId } = parts.identity;
  const server = new RpcServer({
    transport,
    clock,
    scheduler,
    facts: {
      clusterId,
      scmId,
      heartbeatIntervalMs: config.nodes.heartbeatIntervalMs,
      isLeader: () => context.leaderReady,
      redirect: () => redirectOf(context.term, context.leaderId, cluster.members.list()),
    },
    limits: rpcLimitsOf(config),
    metrics: gatewayMetrics,
    onRefused: (session, error) => {
      const { remoteAddress, path } = session.connection;
      logger.warn("connection refused", { remoteAddress, path, error });
    },
  });
  new DatanodeGateway(server, datanodeServices(parts), gatewayMetrics);
  serveAdmin(server, adminServices(parts));
  return server;
}

function datanodeServices(parts: ScmClientsParts): DatanodeServices {
  const { environment, services, lookUpHostName, racks } = parts;
  return {
    nodes: parts.nodes,
    reports: parts.intake,
    clock: environment.clock,
    scheduler: environment.scheduler,
    clusterId: parts.identity.clusterId,
    onPipelineReports: (uuid, reports) => services.pipelines.events.reported(uuid, reports),
    onPipelineActions: (uuid, actions) => services.pipelines.events.asked(uuid, actions),
    onContainerActions: (slot, actions) => {
      for (const { containerId } of actions) services.closer.requestClose(containerId, slot);
    },
    busyWith: () => services.gate.step,
    leader: () => services.context.leader,
    ...(lookUpHostName === undefined ? {} : { lookUpHostName }),
    ...(racks === undefined ? {} : { lookUpLocation: racks.findDatanode }),
  };
}

function adminServices(parts: ScmClientsParts): AdminServices {
  const { environment, nodes, pipelines, services, raft, intake } = parts;
  return {
    clock: environment.clock,
    scheduler: environment.scheduler,
    identity: parts.identity,
    cluster: parts.cluster,
    nodes,
    clients: new ClientPlaces(nodes, parts.racks),
    random: environment.random,
    pipelineReports: pipelines.reports,
    context: services.context,
    pipelines: services.pipelines.manager,
    replicas: parts.shards,
    blocks: services.blocks.service,
    allocationAudit: parts.allocationAudit,
    containerCreation: services.blocks.creation,
    encodedPipelines: pipelines.encoded,
    consensus: raft,
    group: parts.group,
    primaryScmId: parts.primaryScmId,
    tables: tablesOf(parts),
    containerListCountMax: parts.config.client.containerListCountMax,
    counters: parts.adminCounters,
    deleteReplicas: (containerId, holders) => services.decisions.deleteReplicas(containerId, holders),
    audit: parts.audit,
    originOf: (number) => intake.originOf(number),
    host: parts.host,
    figures: () => ({
      heartbeatCount: nodes.counters.heartbeatCount,
      operationCount: raft.counters.applied,
      logBatchCount: raft.appends.counters.syncs,
      durableAppliedIndex: raft.durableAppliedIndex,
      services: services.manager.statuses(),
    }),
  };
}

/** The SCM does without the rows of these tables, but a person has to know that they are unreadable. */
function tablesOf({ raft, logger }: ScmClientsParts): TableReader {
  return {
    scan: (request, onPage) =>
      raft.scan(request, (outcome) => {
        if (outcome instanceof StrataError && isDiskError(outcome)) {
          const nextStep = ERRORS[outcome.code].action;
          logger.error("a table on disk cannot be read", { error: outcome, nextStep });
        }
        onPage(outcome);
      }),
  };
}

function isDiskError({ class: name }: StrataError): boolean {
  return name === "StorageError" || name === "CorruptionError";
}
