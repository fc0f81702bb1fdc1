import type { ShardStatistics } from "../workers/pool/replica-store.js";
import type { IntakeCounters, ReportIntake } from "../workers/pool/report-intake.js";
import type { ShardSet } from "../workers/pool/shard-set.js";
import type { CallFigures, FrontFigures } from "../workers/shared/front-figures.js";
import type { AdminCounters } from "./admin/admin-services.js";
import type { ClusterState } from "./cluster/cluster-state.js";
import type { Containers } from "./cluster/containers/containers.js";
import { printReplication } from "./cluster/containers/replication-config.js";
import type { NodeManager } from "./cluster/nodes/node-manager.js";
import { nodeStatistics } from "./cluster/nodes/node-statistics.js";
import type { PipelineTable } from "./cluster/pipelines/pipeline-table.js";
import type { Placement } from "./cluster/placement/placement.js";
import type { ScmFront } from "./scm-front.js";
import type { Blocks } from "./services/block-services.js";
import type { PipelineServices } from "./services/pipeline-services.js";
import type { ScmServices } from "./services/scm-services.js";
import type { ServiceStatus } from "./services/service.js";
import type { ServiceManager } from "./services/service-manager.js";
import type { Metrics } from "./telemetry/metrics.js";

/** Datanodes by state and what they sent (spec 01 §14). */
export function addNodeMetrics(metrics: Metrics, nodes: NodeManager): void {
  metrics.addGauge("node", "allNodes", "Datanodes known.", () => nodes.nodeCount);
  const help = "Datanodes by operational state and health.";
  metrics.addLabelledGauge("node", "nodes", help, ["operational_state", "health"], () =>
    [...nodeStatistics(nodes).countByState].map(([state, count]) => {
      const [operationalState = "", health = ""] = state.split(" ");
      return [{ operational_state: operationalState, health }, count] as const;
    }),
  );
  metrics.addCounters("node", nodes.counters, {
    heartbeatCount: "Heartbeats processed.",
    unknownHeartbeatCount: "Heartbeats of datanodes that must register first.",
    nodeReportCount: "Node reports processed.",
    commandQueueReportCount: "Command queue reports processed.",
    pauseCount: "Pauses of this process that were forgiven to the datanodes.",
    refusedCommandCount: "Commands refused because a datanode's queue was full.",
    droppedDeleteCount: "Deletes of replicas that did not leave because their container had come back.",
  });
}

/** What is replicated. */
export function addClusterMetrics(metrics: Metrics, cluster: ClusterState): void {
  metrics.addGauge("pipeline", "totalPipelines", "Pipelines.", () => cluster.pipelines.count);
  metrics.addGauge("session", "sessions", "Sessions of admin clients.", () => cluster.sessionCount);
}

/** Pipelines by state, and what becomes of them (spec 03 §18, under its names). */
export function addPipelineMetrics(
  metrics: Metrics,
  { index }: Pick<PipelineTable, "index">,
  { manager, events }: Pick<PipelineServices, "manager" | "events">,
): void {
  metrics.addLabelledGauge("pipeline", "pipelines", "Pipelines by state.", ["state"], () =>
    Object.entries(index.counts).map(([state, count]) => [{ state }, count] as const),
  );
  metrics.addCounters("pipeline", manager.counters, {
    numPipelineAllocated: "Pipelines created.",
    numPipelineCreated: "Pipelines opened for the first time.",
    numPipelineCreationFailed: "Creations that got no answer from the log, or were refused by it.",
    numPipelineCreationRefused: "Creations that a limit, a want of datanodes or safe mode did not allow.",
    numPipelineDestroyed: "Pipelines removed.",
    numPipelineDestroyFailed: "Removals that failed; they are tried again.",
    numPipelineContainSameDatanodes: "RATIS/THREE pipelines with the very members of another one.",
    refusedCommandCount: "Commands about pipelines that found no room in a datanode's queue, or no datanode.",
  });
  metrics.addCounters("pipeline", events.counters, {
    numPipelineReportProcessed: "Entries of pipeline reports taken.",
    numPipelineReportProcessingFailed: "Entries of datanodes that are no members of the pipeline.",
    actions: "Wishes of datanodes to close a pipeline that were granted.",
    unknownKept: "Reports of pipelines that do not exist and are kept, since they may be imported yet.",
  });
  const help = "From the creation of a pipeline until it is open.";
  metrics.addHistogram("pipeline", "open_ms", help, manager.openMs);
}

/** Containers by state, and what is asked of them (spec 02 §16, under its names). */
export function addContainerMetrics(
  metrics: Metrics,
  containers: Pick<Containers, "counts">,
  counters: { readonly admin: AdminCounters; readonly reports: IntakeCounters },
): void {
  const states = {
    openContainers: 0,
    closingContainers: 0,
    quasiClosedContainers: 0,
    closedContainers: 0,
    deletingContainers: 0,
    deletedContainers: 0,
    totalContainers: 0,
  };
  const operations = {
    numListContainerOps: 0,
    numContainerReportsProcessedSuccessful: 0,
    numContainerReportsProcessedFailed: 0,
    numIcrReportsProcessedSuccessful: 0,
    numIcrReportsProcessedFailed: 0,
  };
  metrics.beforeScrape(() => {
    const { byState, total } = containers.counts();
    states.openContainers = byState.OPEN;
    states.closingContainers = byState.CLOSING;
    states.quasiClosedContainers = byState.QUASI_CLOSED;
    states.closedContainers = byState.CLOSED;
    states.deletingContainers = byState.DELETING;
    states.deletedContainers = byState.DELETED;
    states.totalContainers = total;
    const { admin, reports } = counters;
    operations.numListContainerOps = admin.listContainerOps;
    operations.numContainerReportsProcessedSuccessful = reports.completed;
    operations.numContainerReportsProcessedFailed = reports.dropped;
    operations.numIcrReportsProcessedSuccessful = reports.entries;
    operations.numIcrReportsProcessedFailed = reports.failedEntries;
  });
  metrics.addGauges("container", states, {
    openContainers: "Containers in state OPEN.",
    closingContainers: "Containers in state CLOSING.",
    quasiClosedContainers: "Containers in state QUASI_CLOSED.",
    closedContainers: "Containers in state CLOSED.",
    deletingContainers: "Containers in state DELETING.",
    deletedContainers: "Containers in state DELETED.",
    totalContainers: "Containers.",
  });
  metrics.addCounters("container", operations, {
    numListContainerOps: "Lists of containers.",
    numContainerReportsProcessedSuccessful: "Full reports merged as a whole.",
    numContainerReportsProcessedFailed: "Full reports given up before their last chunk was merged.",
    numIcrReportsProcessedSuccessful: "Entries of incremental reports taken over.",
    numIcrReportsProcessedFailed: "Entries of incremental reports refused or dropped.",
  });
}

/** What this SCM does about containers by itself (spec 02 §9, §10). */
export function addContainerServiceMetrics(metrics: Metrics, services: ScmServices): void {
  const { decisions, closer, deadNodes } = services;
  metrics.addCounters("decision", decisions.counters, {
    transitions: "Containers moved on because of a reported replica.",
    resurrections: "Containers that came back from deletion because a replica has data.",
    deletes: "Deletes of replicas queued because their container is gone.",
    refused: "Steps of containers that were refused, since somebody else was faster.",
    postponed: "Decisions put off for want of room: they are made again by a recheck.",
    stale: "Reports of closed replicas that are older than what their container has committed.",
    unknown: "Replicas of containers that do not exist, when these are to be deleted.",
    unexpected: "Reports of replicas of a recovering container.",
    rechecks: "Rechecks of all containers: at the begin of a term, and after decisions were put off.",
  });
  metrics.addCounters("close", closer.counters, {
    requested: "Containers that datanodes asked to close.",
    commands: "Close commands queued.",
    refusedCommands: "Close commands put off because a datanode's queue was full.",
  });
  metrics.addCounters("dead_datanode", deadNodes.counters, {
    closed: "Open containers of dead datanodes that were brought to CLOSING beside their pipelines.",
  });
  const help = "Closing containers whose datanodes are going to be told.";
  metrics.addGauge("close", "waiting", help, () => closer.waitingCount);
}

/** How datanodes are chosen, and what is promised to them (spec 03 §18, under its names). */
export function addPlacementMetrics(metrics: Metrics, { counters, pending }: Placement): void {
  metrics.addCounters("placement", counters, {
    datanodeRequestCount: "Datanodes wanted, of all policies.",
    datanodeChooseAttemptCount: "Draws.",
    datanodeChooseSuccessCount: "Datanodes chosen.",
    datanodeChooseFallbackCount: "Of these: with a rule about racks given up.",
  });
  metrics.addCounters("pending", pending.counters, {
    numPendingContainersAdded: "Containers promised to datanodes.",
    numPendingContainersRemoved: "Promises kept, taken back or run out.",
    numSkippedFullNodeContainerAllocation: "Promises not made because a datanode was full.",
  });
  const help = "Containers promised to datanodes whose reports do not show them yet.";
  metrics.addGauge("pending", "containers", help, () => pending.size);
}

/** What this SCM does by itself, and whether it may now. */
export function addServiceMetrics(metrics: Metrics, services: ServiceManager): void {
  const help = "Services: 1 = running, 0 = paused, -1 = failed.";
  metrics.addLabelledGauge("service", "status", help, ["service"], () =>
    services.statuses().map(({ name, status }) => [{ service: name }, SERVICE_FIGURES[status]] as const),
  );
}

const SERVICE_FIGURES: Readonly<Record<ServiceStatus, number>> = { RUNNING: 1, PAUSED: 0, FAILED: -1 };

/** Replicas and how they are merged. */
export function addShardMetrics(metrics: Metrics, shards: ShardSet): void {
  const sums = { ...shards.statistics(), restartCount: 0 };
  metrics.beforeScrape(() => {
    Object.assign(sums, shards.statistics());
    sums.restartCount = shards.restartCount;
  });
  metrics.addGauges<Pick<ShardStatistics, CurrentFigure>>("shard", sums, {
    replicaCount: "Replicas now.",
    unknownReplicaCount: "Of these: of containers that were unknown when they were last reported.",
    sideReplicaCount: "Of these: beyond all stripes of the container table.",
    tableBytes: "Memory of the tables of containers and replicas.",
  });
  metrics.addCounters<Omit<typeof sums, CurrentFigure>>("shard", sums, {
    rowCount: "Report rows merged.",
    addedCount: "Replicas that were new.",
    updatedCount: "Replicas whose values changed.",
    vanishedCount: "Replicas taken away by a report or because their datanode died.",
    rejectedCount: "Rows left out.",
    reportCount: "Chunks and incremental reports merged.",
    decisionCount: "Decisions about containers that shards sent.",
    recheckDueCount: "Decisions about containers that found no room; a recheck finds them again.",
    staleCount: "Times that a replica was found older than what its container has committed.",
    unknownRowCount: "Rows of reports whose container was unknown.",
    reportsWantedCount: "Full reports wanted for rows left out before their stripe was known.",
    recheckedCount: "Containers with replicas that were checked anew, since a snapshot replaced the table.",
    restartCount: "Shards that were terminated from outside, started again and filled by new reports.",
  });
  const help = "How full the ring to each shard is, 0 to 1; above 0.5 no full report is let in.";
  metrics.addLabelledGauge("shard", "ringFill", help, ["shard"], () =>
    shards.ringFills().map((fill, shard) => [{ shard: String(shard) }, fill] as const),
  );
}

type CurrentFigure = "replicaCount" | "unknownReplicaCount" | "sideReplicaCount" | "tableBytes";

/** How reports come in: the queue of full ones (spec 02 §11), and incremental ones. */
export function addReportMetrics(metrics: Metrics, intake: ReportIntake): void {
  metrics.addCounters("report", intake.counters, {
    begun: "Full reports that asked for credit.",
    granted: "Full reports that were given credit.",
    completed: "Full reports merged as a whole.",
    dropped: "Full reports given up before their last chunk was merged.",
    longWaits: "Full reports that waited more than 60 s for credit.",
    longReports: "Full reports that took more than 120 s from the begin until they were merged.",
    chunks: "Chunks taken over.",
    incrementals: "Incremental reports taken over.",
    entries: "Entries of incremental reports taken over.",
    failedEntries: "Entries of incremental reports refused or dropped.",
    refused: "Chunks and incremental reports refused for what was in them.",
  });
  const now = { creditInUse: 0, waitingForCredit: 0, waitingBytes: 0, missing: 0 };
  const past = { unknownOrigins: 0 };
  metrics.beforeScrape(() => {
    now.creditInUse = intake.creditInUse;
    now.waitingForCredit = intake.lineCount;
    now.waitingBytes = intake.waitingBytes;
    now.missing = intake.missingCount;
    past.unknownOrigins = intake.unknownOriginCount;
  });
  metrics.addGauges("report", now, {
    creditInUse: "Chunks that the full reports under way may have on the way.",
    waitingForCredit: "Datanodes that wait for credit.",
    waitingBytes: "Rows that wait in memory for room in the rings.",
    missing: "Datanodes whose full report is missing.",
  });
  metrics.addCounters("report", past, {
    unknownOrigins: "Times that a datanode named an origin beyond its share, or that of the dictionary.",
  });
  metrics.addHistogram("report", "wait_ms", "From a full report's begin to its credit.", intake.waitMs);
  metrics.addHistogram("report", "merge_ms", "From a chunk's arrival until it is merged.", intake.mergeMs);
}

/** Blocks given out, and what was created for them (spec 03 §18, 02 §16). */
export function addBlockMetrics(metrics: Metrics, { service, groups, supply }: Blocks): void {
  metrics.addCounters("block", service.counters, {
    blocksAllocated: "Blocks given out.",
    allocationsDone: "Requests for blocks that were met.",
    allocationsFailed: "Requests for blocks that waited, and were refused then.",
    allocationsWaited: "Requests for blocks that found no room at once.",
  });
  metrics.addGauge("block", "waiting", "Requests for blocks that wait now.", () => service.waitingCount);
  metrics.addCounters("container", supply.counters, {
    numSuccessfulCreateContainers: "Containers created ahead of need.",
    numFailureCreateContainers: "Containers that could not be created: no room on a datanode, or a refusal.",
  });
  const help = "Blocks given out on each open pipeline since this SCM began to lead.";
  const labels = ["type", "config", "id"] as const;
  metrics.addLabelledGauge("pipeline", "numBlocksAllocated", help, [...labels], () =>
    [...groups.blockCounts()].map(([record, count]) => {
      const { pipelineId: id, replication } = record;
      return [{ type: replication.type, config: printReplication(replication), id }, count] as const;
    }),
  );
}

const CALL_LABELS = ["protocol", "type"];

/** What the Hadoop RPC gateway counts (spec 12 §8.3 rule 6). */
export function addFrontMetrics(metrics: Metrics, front: Pick<ScmFront, "figures" | "restarts">): void {
  const gauge = (name: keyof FrontFigures & string, help: string) => {
    metrics.addGauge("hadoop", name, help, () => Number(front.figures[name]));
  };
  metrics.addGauge("hadoop", "restarts", "Restarts of the gateway's thread.", () => front.restarts);
  gauge("connections", "Open connections.");
  gauge("connectionsAccepted", "Connections accepted since the thread began.");
  gauge("connectionsRefused", "Connections refused: too many, or wrong from the first bytes.");
  gauge("connectionsTimedOut", "Connections closed because they were silent.");
  gauge("connectionsWaiting", "Connections that are not read because too many requests have come in part.");
  gauge("receivedBytes", "Bytes received.");
  gauge("bufferedBytes", "Memory for requests that have not come whole.");
  gauge("callsInProgress", "Calls without an answer.");
  gauge("pauses", "Times that nothing was read since the main thread could not take more.");
  metrics.addGauge("hadoop", "pausedSeconds", "How long these lasted.", () => front.figures.pausedMs / 1000);
  gauge("bugs", "Calls that met a bug of the gateway: the log has its stack.");
  const ofCalls = (name: string, help: string, read: (call: CallFigures) => number) => {
    metrics.addLabelledGauge("hadoop", name, help, CALL_LABELS, () =>
      front.figures.calls.map((call) => [labelsOf(call), read(call)] as const),
    );
  };
  ofCalls("calls", "Calls answered, errors too.", (call) => call.count);
  ofCalls("callSeconds", "Time of all these calls together.", (call) => call.totalMs / 1000);
  ofCalls("callRequestBytes", "Bytes of their requests.", (call) => call.requestBytes);
  ofCalls("callResponseBytes", "Bytes of their answers.", (call) => call.responseBytes);
  metrics.addLabelledGauge("hadoop", "errors", "Error answers by class.", [...CALL_LABELS, "class"], () =>
    front.figures.calls.flatMap((call) =>
      call.errors.map(([name, count]) => [{ ...labelsOf(call), class: simpleName(name) }, count] as const),
    ),
  );
  metrics.addLabelledGauge("hadoop", "counters", "What protocols count beside.", ["protocol", "name"], () =>
    front.figures.counters.flatMap(([protocol, counters]) =>
      Object.entries(counters).map(
        ([name, count]) => [{ protocol: simpleName(protocol), name }, count] as const,
      ),
    ),
  );
}

function labelsOf({ protocol, type }: CallFigures): { readonly protocol: string; readonly type: string } {
  return { protocol: simpleName(protocol), type };
}

/** Of a Java class. */
function simpleName(name: string): string {
  return name.slice(name.lastIndexOf(".") + 1);
}
