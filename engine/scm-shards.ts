import { REPORT_CHUNK_BYTES_MAX } from "../protocol/schema/datanode-messages.js";
import type { AwaitedContainers } from "../workers/pool/awaited-containers.js";
import { ReportIntake } from "../workers/pool/report-intake.js";
import { ShardSet, type ShardSetOptions } from "../workers/pool/shard-set.js";
import type { WorkerStarter } from "../workers/shared/worker-link.js";
import type { ReplicationConfig } from "./cluster/containers/replication-config.js";
import { requiredNodes } from "./cluster/containers/replication-config.js";
import type { NodeManager } from "./cluster/nodes/node-manager.js";
import type { Config } from "./config/config.js";
import type { Clock } from "./core/clock.js";
import { REPLICATION_TYPE } from "./core/enums.js";
import { StrataError } from "./core/errors.js";
import type { NodeSlot } from "./core/ids.js";
import type { Scheduler } from "./core/scheduler.js";
import { STRIPE_BYTES } from "./scm-storage.js";
import type { Logger } from "./telemetry/logger.js";

/** Containers beyond all stripes that one datanode may report to one shard: these are of another cluster,
 * or damage. */
const SIDE_IDS_PER_NODE_MAX = 4096;

/** Incremental reports of one datanode that may wait for room in the rings, beside the chunks that it has
 * credit for. */
const INCREMENTAL_WAITING_BYTES_MAX = 1024 * 1024;

/** The same of all datanodes together. */
const INCREMENTAL_WAITING_BYTES_TOTAL_MAX = 64 * 1024 * 1024;

/** A chunk that waits, with what is kept beside its rows. */
const CHUNK_WAITING_BYTES = REPORT_CHUNK_BYTES_MAX + 1024;

/** Exactly so written; any other text means that unknown containers are only told (spec 02 §7). */
const UNKNOWN_ACTION_DELETE = "DELETE";

export interface ScmShardsParts {
  readonly config: Pick<Config, "workers" | "reports" | "containers">;
  readonly workers: WorkerStarter;
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  readonly logger: Logger;
  readonly nodes: () => NodeManager;
  readonly awaited: AwaitedContainers;
  readonly onFailed: (error: Error) => void;
  readonly onDecision: ShardSetOptions["onDecision"];
}

/** The shard threads and the way of reports to them. Stripes and numbers of replication configurations are
 * given out from recovery on; the shards get them when they start. */
export class ScmShards {
  readonly #parts: ScmShardsParts;
  readonly #stripes = new Map<number, SharedArrayBuffer>();
  readonly #replicationConfigs = new Map<number, ReplicationConfig>();
  #running: { readonly set: ShardSet; readonly intake: ReportIntake } | undefined;

  constructor(parts: ScmShardsParts) {
    this.#parts = parts;
  }

  get set(): ShardSet {
    return this.#started.set;
  }

  get intake(): ReportIntake {
    return this.#started.intake;
  }

  /** Resolves when all threads run. */
  async start(): Promise<void> {
    const { config, workers, clock, scheduler, logger, nodes, onFailed, onDecision } = this.#parts;
    const set = new ShardSet({
      workers,
      scheduler,
      shardCount: config.workers.shardCount,
      ringBytes: config.workers.shardRingBytes,
      sideIdsPerNodeMax: SIDE_IDS_PER_NODE_MAX,
      onRestart: (shard, error) => {
        logger.error("shard lost: it is restarted, its replicas are reported anew", { shard, error });
        nodes().fullReportsLost();
        intake.wantAllFullReports();
      },
      onRestarted: (shard) => logger.info("shard restarted", { shard }),
      onFailed,
      onRoom: () => intake.roomAppeared(),
      onDecision,
      onReportWanted: (slot) => intake.wantFullReport(slot),
      sendsUnknown: config.containers.unknownAction === UNKNOWN_ACTION_DELETE,
    });
    const { chunksInFlightMax, chunksPerNodeMax } = config.reports;
    const intake = new ReportIntake({
      shards: set,
      clock,
      chunksInFlightMax,
      chunksPerNodeMax,
      // Who keeps to its credit is never told that too much waits.
      waitingBytesMax: chunksPerNodeMax * CHUNK_WAITING_BYTES + INCREMENTAL_WAITING_BYTES_MAX,
      waitingBytesTotalMax: chunksInFlightMax * CHUNK_WAITING_BYTES + INCREMENTAL_WAITING_BYTES_TOTAL_MAX,
      onComplete: (slot) => nodes().fullReportComplete(slot),
      awaited: this.#parts.awaited,
    });
    this.#running = { set, intake };
    for (const [number, replication] of this.#replicationConfigs) this.#publish(number, replication);
    for (const [stripe, buffer] of this.#stripes) set.addStripe(stripe, buffer);
    await set.started;
  }

  async stop(): Promise<void> {
    await this.#running?.set.stop();
  }

  allocateStripe(stripe: number): SharedArrayBuffer {
    const buffer = new SharedArrayBuffer(STRIPE_BYTES);
    this.#stripes.set(stripe, buffer);
    this.#running?.set.addStripe(stripe, buffer);
    return buffer;
  }

  /** Before the shards run nobody has to know: they look at rows as they find them. */
  containerChanged(id: number): void {
    this.#running?.set.containerChanged(id);
  }

  addReplicationConfig(number: number, config: ReplicationConfig): void {
    this.#replicationConfigs.set(number, config);
    this.#publish(number, config);
  }

  purgeNode(slot: NodeSlot): void {
    this.#running?.set.purgeNode(slot);
    this.#running?.intake.nodePurged(slot);
  }

  #publish(number: number, config: ReplicationConfig): void {
    const isEc = config.type === "EC";
    this.#running?.set.setReplicationFacts(number, {
      type: REPLICATION_TYPE[config.type],
      dataCount: isEc ? config.ecData : 0,
      indexCount: isEc ? requiredNodes(config) : 0,
    });
  }

  get #started(): { readonly set: ShardSet; readonly intake: ReportIntake } {
    if (this.#running === undefined) throw new StrataError("NOT_READY", { step: "start" });
    return this.#running;
  }
}
