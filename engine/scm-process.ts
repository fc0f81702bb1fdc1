import { scmWorkerPool } from "../workers/pool/roles.js";
import type { WorkerPool } from "../workers/pool/worker-pool.js";
import type { Config } from "./config/config.js";
import { addRaftMetrics } from "./consensus/raft-metrics.js";
import { StrataError } from "./core/errors.js";
import type { Listener } from "./core/transport.js";
import { createTransport } from "./gateway/create-transport.js";
import { addGatewayMetrics } from "./gateway/gateway-metrics.js";
import { listenHttp } from "./gateway/http-server.js";
import { ReverseNames, systemReverseLookUp } from "./gateway/reverse-names.js";
import { keepCollectionsShort } from "./host/garbage-collection.js";
import { NodeClock } from "./host/node-clock.js";
import { NodeRandom } from "./host/node-random.js";
import { NodeScheduler } from "./host/node-scheduler.js";
import { openFileLimit } from "./host/open-file-limit.js";
import { ownAddress } from "./host/own-address.js";
import { WsNetwork } from "./host/ws-network.js";
import { addPeerMetrics } from "./peers/peer-metrics.js";
import { type BootStepName, Scm } from "./scm.js";
import {
  addBlockMetrics,
  addClusterMetrics,
  addContainerMetrics,
  addContainerServiceMetrics,
  addFrontMetrics,
  addNodeMetrics,
  addPipelineMetrics,
  addPlacementMetrics,
  addReportMetrics,
  addServiceMetrics,
  addShardMetrics,
} from "./scm-metrics.js";
import { directoriesOf } from "./scm-storage.js";
import { rackLocationsOf, topologySchemaOf } from "./scm-topology.js";
import { storageState } from "./storage/directories.js";
import { type DiskNotice, NodeDisk } from "./storage/node-disk.js";
import { AuditLog } from "./telemetry/audit.js";
import type { Logger } from "./telemetry/logger.js";
import { Metrics } from "./telemetry/metrics.js";
import { addProcessMetrics, addThreadMetrics, LoopLag } from "./telemetry/process-metrics.js";

/** A started SCM with the addresses that it got. */
export interface ScmProcess {
  readonly scm: Scm;
  /** Its threads; fault tests end some. */
  readonly workers: WorkerPool;
  readonly wsPort: number;
  readonly httpPort: number | undefined;
  /** Resolves, never rejects, when the SCM cannot go on. */
  readonly fatal: Promise<Error>;
  /** Orderly: what is in flight is answered or refused, everything is on disk. */
  stop(): Promise<void>;
}

const BOOT_STEPS: readonly BootStepName[] = [
  "lock",
  "log",
  "state",
  "replay",
  "workers",
  "raft",
  "listening",
];

/** When each step of the start was reached, for /readyz. */
class BootProgress {
  readonly #startedMs: number;
  readonly #reachedMs = new Map<BootStepName, number>();
  readonly #clock: NodeClock;

  constructor(clock: NodeClock) {
    this.#clock = clock;
    this.#startedMs = clock.monotonicMs();
  }

  reached(step: BootStepName): void {
    this.#reachedMs.set(step, this.#clock.monotonicMs());
  }

  steps(): { name: BootStepName; state: "waiting" | "running" | "done"; tookMs: number }[] {
    let beganMs = this.#startedMs;
    let isRunning = true;
    return BOOT_STEPS.map((name) => {
      const reachedMs = this.#reachedMs.get(name);
      const tookMs = Math.round((reachedMs ?? this.#clock.monotonicMs()) - beganMs);
      if (reachedMs !== undefined) {
        beganMs = reachedMs;
        return { name, state: "done", tookMs };
      }
      const state = isRunning ? "running" : "waiting";
      isRunning = false;
      return { name, state, tookMs: state === "running" ? tookMs : 0 };
    });
  }
}

/** Starts an SCM on this machine: real threads, sockets and disks, with its web pages, metrics and audit
 * log. Resolves when it serves. Throws StorageError, CorruptionError, LISTEN_FAILED. */
export async function startScm(options: {
  readonly config: Config;
  readonly logger: Logger;
}): Promise<ScmProcess> {
  const { config, logger } = options;
  const topologySchema = topologySchemaOf(config.topology);
  refuseSecurity(config);
  requireInitialized(config);
  const disk = new NodeDisk((notice) => logNotice(logger, notice));
  // Before everything else: whoever starts a second SCM on a directory is told so, and not that a port is
  // taken.
  const lock = await disk.lock(directoriesOf(config.storage).lock);
  const clock = new NodeClock();
  const scheduler = new NodeScheduler();
  const { transport, reason } = createTransport(clock, scheduler);
  logger.info("transport", { reason });
  const racks = rackLocationsOf(config, topologySchema, { clock, scheduler, logger });
  const names = new ReverseNames({ lookUp: systemReverseLookUp, clock, scheduler });
  warnOfFewDescriptors(config, logger);
  const progress = new BootProgress(clock);
  const metrics = new Metrics();
  const lag = new LoopLag();
  lag.start();
  let scm: Scm | undefined;
  const workers = scmWorkerPool({
    scheduler,
    shardCount: config.workers.shardCount,
    onStarted: keepCollectionsShort,
  });
  let http: Listener | undefined;
  let audit: AuditLog | undefined;
  try {
    http = await listenPages(config, logger, metrics, {
      ready: () => scm?.isReady === true,
      steps: () => progress.steps(),
    });
    audit = await AuditLog.open({
      file: config.telemetry.auditFile,
      bufferBytesMax: config.telemetry.auditBufferBytesMax,
      onError: (error) => logger.error("the audit log cannot be written: mutations wait", { error }),
    });
    scm = await Scm.start({
      config,
      environment: {
        clock,
        scheduler,
        random: new NodeRandom(),
        disk,
        network: new WsNetwork(scheduler),
        transport,
      },
      workers,
      logger,
      audit,
      lock,
      host: { name: config.scm.hostName, address: ownAddress(config.gateway.wsAddress.host) },
      ...(config.nodes.useDatanodeHostName ? {} : { lookUpHostName: names.find }),
      topologySchema,
      racks,
      onStep: ({ name }) => progress.reached(name),
    });
  } catch (error) {
    lag.stop();
    await Promise.all([workers.destroy(), http?.close(), audit?.close(), lock.release()]);
    throw error;
  }
  addProcessMetrics(metrics, lag);
  addThreadMetrics(metrics, () => workers.threadIds());
  addScmMetrics(metrics, scm);
  return {
    scm,
    workers,
    wsPort: scm.port,
    httpPort: http?.port,
    fatal: scm.fatal,
    stop: async () => {
      await scm.stop(STOP_LIMIT_MS);
      await Promise.all([workers.close(), http?.close(), audit?.close()]);
      lag.stop();
    },
  };
}

/** Kerberos clients would be turned away, and everybody else let in without a ticket (spec 12 §2.5). */
function refuseSecurity({ hadoop }: Config): void {
  if (hadoop.isEnabled && hadoop.isSecurityEnabled) throw new StrataError("HADOOP_SECURITY");
}

/** Before the first file or socket is opened: the audit log lies in the same directory. */
function requireInitialized(config: Config): void {
  const directories = directoriesOf(config.storage);
  if (storageState(new NodeDisk(), directories) === "INITIALIZED") return;
  throw new StrataError("STORAGE_NOT_INITIALIZED", { path: directories.root });
}

function logNotice(logger: Logger, notice: DiskNotice): void {
  if (notice.kind === "slowOpen") {
    const { path, seconds, walBytes } = notice;
    logger.warn("a store is still being opened", { path, seconds, walBytes });
    return;
  }
  const { path, keptIn, finding } = notice;
  logger.warn("the end of a store's log was cut off", { path, ...finding, keptIn });
}

/** What is not answered after this is left to the next start. */
const STOP_LIMIT_MS = 4000;

/** Descriptors for stores, threads and pages, beside the connections. */
const OTHER_DESCRIPTORS = 500;

/** A socket that cannot be accepted keeps the event loop busy until one closes. */
function warnOfFewDescriptors(config: Config, logger: Logger): void {
  const limit = openFileLimit();
  const { gateway, hadoop } = config;
  const hadoopCountMax = hadoop.isEnabled ? hadoop.connectionCountMax : 0;
  if (limit === undefined || limit >= gateway.connectionCountMax + hadoopCountMax + OTHER_DESCRIPTORS) return;
  logger.warn("fewer descriptors than connections are allowed: raise ulimit -n or lower the limits", {
    descriptors: limit,
    "strata.ws.connections.max": gateway.connectionCountMax,
    ...(hadoop.isEnabled ? { "strata.hadoop.connections.max": hadoopCountMax } : {}),
  });
}

async function listenPages(
  config: Config,
  logger: Logger,
  metrics: Metrics,
  readiness: { ready(): boolean; steps(): ReturnType<BootProgress["steps"]> },
): Promise<Listener | undefined> {
  const { httpEnabled, httpAddress, httpBindHost, prometheusEnabled, prometheusToken } = config.http;
  if (!httpEnabled) return undefined;
  const listener = await listenHttp(
    { host: httpBindHost ?? httpAddress.host, port: httpAddress.port },
    {
      readiness: () => ({ ready: readiness.ready(), steps: readiness.steps() }),
      metrics: () => metrics.scrape(),
      metricsContentType: metrics.contentType,
      metricsAccess: { enabled: prometheusEnabled, token: prometheusToken },
      configuration: () => config.effective(),
      onError: (path, error) => logger.error("page failed", { path, error }),
    },
  );
  logger.info("web pages", { host: httpAddress.host, port: listener.port });
  return listener;
}

function addScmMetrics(metrics: Metrics, scm: Scm): void {
  addGatewayMetrics(metrics, scm.gatewayMetrics);
  addRaftMetrics(metrics, scm.raft);
  addPeerMetrics(metrics, scm.peerNetwork);
  addNodeMetrics(metrics, scm.nodes);
  addPlacementMetrics(metrics, scm.placement);
  addClusterMetrics(metrics, scm.cluster);
  addPipelineMetrics(metrics, scm.cluster.pipelines, scm.services.pipelines);
  addContainerMetrics(metrics, scm.cluster.containers, {
    admin: scm.adminCounters,
    reports: scm.intake.counters,
  });
  addShardMetrics(metrics, scm.shards);
  addReportMetrics(metrics, scm.intake);
  addBlockMetrics(metrics, scm.services.blocks);
  addServiceMetrics(metrics, scm.services.manager);
  addContainerServiceMetrics(metrics, scm.services);
  if (scm.front !== undefined) addFrontMetrics(metrics, scm.front);
}
