import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadConfig } from "../../engine/config/load.js";
import { parseUuid } from "../../engine/core/uuid.js";
import { createTransport } from "../../engine/gateway/create-transport.js";
import { NodeClock } from "../../engine/host/node-clock.js";
import { NodeRandom } from "../../engine/host/node-random.js";
import { NodeScheduler } from "../../engine/host/node-scheduler.js";
import { WsNetwork } from "../../engine/host/ws-network.js";
import { Scm } from "../../engine/scm.js";
import { storageDirectories } from "../../engine/storage/directories.js";
import { initialize } from "../../engine/storage/initialize.js";
import { NodeDisk } from "../../engine/storage/node-disk.js";
import { silentLogger } from "../../engine/telemetry/logger.js";
import { scmWorkerPool } from "../../workers/pool/roles.js";
import { TraceAddresses } from "./trace-addresses.js";
import type { TraceTime } from "./trace-time.js";

/** Settings of the recorded cluster that the SCM reads (README of the trace); `-D` overrides them. */
const TRACE_SETTINGS = [
  "hdds.heartbeat.interval=2s",
  "ozone.scm.heartbeat.thread.interval=1s",
  "ozone.scm.stale.node.interval=12s",
  "ozone.scm.dead.node.interval=24s",
  // Pipelines are those of the trace: none is created, and none is removed, in the background.
  "ozone.replication=none",
  "ozone.scm.pipeline.scrub.interval=1d",
];

/** The SCM under replay: real storage in a temporary directory, real threads and sockets, the trace's
 * time. */
export class ReplayScm {
  readonly addresses = new TraceAddresses();
  readonly #time: TraceTime;
  readonly #directory = mkdtempSync(join(tmpdir(), "strata-replay-"));
  readonly config;
  #scm: Scm | undefined;
  #pool: ReturnType<typeof scmWorkerPool> | undefined;

  constructor(time: TraceTime, overrides: readonly string[]) {
    this.#time = time;
    this.config = loadConfig({
      env: {},
      overrides: [
        `ozone.metadata.dirs=${this.#directory}`,
        "strata.ws.address=127.0.0.1:0",
        "strata.raft.bind.host=127.0.0.1",
        "ozone.scm.ratis.port=0",
        ...TRACE_SETTINGS,
        ...overrides,
      ],
    });
  }

  get isRunning(): boolean {
    return this.#scm !== undefined;
  }

  get endpoint(): string {
    return `ws://127.0.0.1:${this.#scm?.port}`;
  }

  /** A new cluster that may import, with the trace's id where it is one that can be given. */
  async initialize(clusterId: string | undefined): Promise<void> {
    const canBeGiven = parseUuid(clusterId?.replace(/^CID-/, "") ?? "") !== undefined;
    const environment = { clock: this.#time, random: new NodeRandom() };
    const directories = storageDirectories({ metadataDir: this.#directory });
    await initialize(new NodeDisk(), directories, environment, {
      ...(clusterId === undefined || !canBeGiven ? {} : { clusterId }),
      localIdFloor: 0n,
      termFloor: 0,
    });
  }

  async start(): Promise<void> {
    const scheduler = new NodeScheduler();
    this.#pool = scmWorkerPool({ scheduler, shardCount: this.config.workers.shardCount });
    this.#scm = await Scm.start({
      config: this.config,
      environment: {
        clock: this.#time,
        scheduler: this.#time,
        random: new NodeRandom(),
        disk: new NodeDisk(),
        network: new WsNetwork(scheduler),
        transport: this.addresses.over(createTransport(new NodeClock(), scheduler).transport),
      },
      workers: this.#pool,
      logger: silentLogger,
      audit: {
        ready: () => true,
        whenReady: () => Promise.resolve(undefined),
        write: () => undefined,
        waitingSinceMs: () => undefined,
      },
      host: { name: "localhost", address: "127.0.0.1" },
      // The recorded SCM looked up every peer; its answers tell what it found.
      lookUpHostName: (address, onName) => onName(this.addresses.nameOf(address)),
    });
    void this.#scm.fatal.then((error) => {
      throw error;
    });
  }

  async stop(): Promise<void> {
    const scm = this.#scm;
    this.#scm = undefined;
    // The stop's own time limit is on the trace's clock, which stands still meanwhile.
    await scm?.stop(Number.MAX_SAFE_INTEGER);
    await this.#pool?.close();
  }

  async close(): Promise<void> {
    await this.stop();
    rmSync(this.#directory, { recursive: true, force: true });
  }
}
