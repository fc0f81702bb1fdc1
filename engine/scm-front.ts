import { FrontTransport } from "../workers/pool/front-transport.js";
import type { FrontBug } from "../workers/shared/front-bug.js";
import { type FrontFigures, NO_FIGURES } from "../workers/shared/front-figures.js";
import type { FrontPorts } from "../workers/shared/front-records.js";
import type { FrontSettings } from "../workers/shared/front-settings.js";
import { reviveFailure } from "../workers/shared/worker-failure.js";
import type { WorkerLink, WorkerStarter } from "../workers/shared/worker-link.js";
import type { Config } from "./config/config.js";
import { hadoopEndpoints } from "./config/hadoop-endpoints.js";
import { StrataError } from "./core/errors.js";
import type { Scheduler, Timer } from "./core/scheduler.js";
import type { Listener } from "./core/transport.js";
import type { RpcServer } from "./gateway/rpc-server.js";
import type { Recovered } from "./storage/recovered.js";
import type { Logger } from "./telemetry/logger.js";

/** A front that ends is started again after this, and after twice as long each time until it runs. */
const RESTART_MS = 500;
const RESTART_MS_MAX = 30_000;

/** In a second, or at once: more is logged. */
const PAUSED_MS_MAX = 500;

export interface ScmFrontParts {
  readonly config: Config;
  readonly workers: WorkerStarter;
  readonly scheduler: Scheduler;
  readonly logger: Logger;
  readonly identity: Recovered["identity"];
}

/** The worker that serves unmodified Ozone programs over Hadoop RPC. It knows nothing that would be lost with
 * it: when it ends, its connections to main close, it is started again, and its clients come back. */
export class ScmFront {
  readonly #parts: ScmFrontParts;
  readonly #transport: FrontTransport;
  #settings: FrontSettings;
  #link: WorkerLink | undefined;
  #listener: Listener | undefined;
  #restart: Timer | undefined;
  #restartMs = RESTART_MS;
  #isStopping = false;
  /** What it has counted, as it said last; from zero again after a restart. */
  figures: FrontFigures = NO_FIGURES;
  restarts = 0;

  constructor(parts: ScmFrontParts) {
    this.#parts = parts;
    this.#settings = settingsOf(parts);
    this.#transport = new FrontTransport({
      scheduler: parts.scheduler,
      onPorts: (ports) => this.#opened(ports),
      onFigures: (json) => {
        const before = this.figures.pausedMs;
        this.figures = JSON.parse(json) as FrontFigures;
        this.#warnOfPauses(this.figures.pausedMs - before);
      },
      onBug: (json) => {
        const { protocol, type, failure, leftOut } = JSON.parse(json) as FrontBug;
        const error = reviveFailure(failure);
        parts.logger.error("a Hadoop call met a bug and has failed", { protocol, type, error, leftOut });
      },
    });
  }

  /** Where it listens. */
  get ports(): FrontPorts {
    const { client, datanode, block } = this.#settings.listen;
    return { client: client.port, datanode: datanode.port, block: block.port };
  }

  /** Serves its connections by `rpc`. Throws LISTEN_FAILED. */
  async start(rpc: RpcServer): Promise<void> {
    this.#listener = await rpc.serve(this.#transport);
    await this.#startWorker().started;
  }

  async stop(): Promise<void> {
    this.#isStopping = true;
    this.#restart?.cancel();
    // First the sockets: a client whose connection closes asks another SCM, one that is told an error ends.
    await this.#link?.stop();
    await this.#listener?.close();
  }

  #startWorker(): WorkerLink {
    const { workers, config } = this.#parts;
    const link = workers.start("front", 0, {
      data: this.#settings,
      ringBytes: config.hadoop.ringBytes,
      isEvented: true,
    });
    this.#link = link;
    this.#transport.attach(link);
    let hasStarted = false;
    link.started.then(
      () => {
        hasStarted = true;
        this.#restartMs = RESTART_MS;
      },
      () => undefined,
    );
    void link.ended.then((error) => {
      this.#link = undefined;
      this.#transport.detach();
      // Whoever waits for the first start is told why it failed.
      if (this.#isStopping || (!hasStarted && this.restarts === 0)) return;
      this.#startAgain(error);
    });
    return link;
  }

  #startAgain(error: Error | undefined): void {
    const { logger, scheduler } = this.#parts;
    this.restarts++;
    logger.error("the Hadoop RPC gateway was lost: it is started again", { error, inMs: this.#restartMs });
    this.#restart = scheduler.after(this.#restartMs, () => this.#startWorker());
    this.#restartMs = Math.min(RESTART_MS_MAX, 2 * this.#restartMs);
  }

  /** Clients see nothing but that they wait. */
  #warnOfPauses(pausedMs: number): void {
    if (pausedMs < PAUSED_MS_MAX) return;
    const error = new StrataError("OVERLOADED", { reason: "the ring from the Hadoop RPC gateway was full" });
    this.#parts.logger.warn("nothing was read from Hadoop clients for a while", { pausedMs, error });
  }

  /** A port that was any free one stays the same over restarts: clients know it. */
  #opened({ client, datanode, block }: FrontPorts): void {
    const { listen } = this.#settings;
    this.#settings = {
      ...this.#settings,
      listen: {
        client: { ...listen.client, port: client },
        datanode: { ...listen.datanode, port: datanode },
        block: { ...listen.block, port: block },
      },
    };
    this.#parts.logger.info("Hadoop RPC is served", { client, datanode, block });
  }
}

function settingsOf({ config, identity }: ScmFrontParts): FrontSettings {
  const { hadoop, nodes, scm } = config;
  const { client, datanode, block } = hadoopEndpoints(hadoop);
  return {
    clusterId: identity.clusterId,
    scmId: identity.scmId,
    hostName: scm.hostName,
    listen: { client, datanode, block },
    connectionCountMax: hadoop.connectionCountMax,
    frameBytesMax: {
      client: Math.min(hadoop.frameBytesMax, hadoop.clientFrameBytesMax),
      datanode: hadoop.frameBytesMax,
      block: Math.min(hadoop.frameBytesMax, hadoop.blockFrameBytesMax),
    },
    bufferedBytesMax: hadoop.bufferedBytesMax,
    ipcPackage: hadoop.ipcPackage,
    heartbeatIntervalMs: nodes.heartbeatIntervalMs,
    deadIntervalMs: nodes.deadIntervalMs,
    heldReportBytesMax: hadoop.heldReportBytesMax,
  };
}
