import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { join, resolve } from "node:path";
import { FleetRunner } from "../../../bench/fleet/fleet-runner.js";
import { FleetPlan } from "../../../bench/fleet/plan.js";
import { type AdminClient, createAdminClient } from "../../../protocol/client/index.js";
import type { Config } from "../../config/config.js";
import { loadConfig } from "../../config/load.js";
import { type ScmProcess, startScm } from "../../scm-process.js";
import { initializeScm } from "../../scm-storage.js";
import { createLogger } from "../../telemetry/logger.js";
import type { DemoOptions } from "../demo.js";
import { CommandError, EXIT, type ExitCode } from "../exit-code.js";
import type { CommandIo } from "../io.js";
import { VERSION } from "../version.js";
import { BlockWriter } from "./block-writer.js";
import { Ledger } from "./ledger.js";
import { blocksText, containersText, lineOf, pipelinesText, type Sample, tableOf } from "./screen.js";
import { checkLedger, importContainers, Workload } from "./workload.js";

const DIRECTORY = ".strata-demo";
/** Same seed, same datanodes and containers at each start. */
const SEED = 1;
const HEARTBEAT_INTERVAL_MS = 1000;
const INCREMENTAL_INTERVAL_MS = 5000;
const SAMPLE_MS = 1000;
/** Lively intervals, loopback only, ports that are free; `-D` overrides each. */
const SETTINGS = [
  "strata.ws.address=127.0.0.1:0",
  "strata.raft.bind.host=127.0.0.1",
  "ozone.scm.ratis.port=0",
  "ozone.scm.http-address=127.0.0.1:0",
  // All datanodes are on this machine, and imported pipelines have the names that they give themselves.
  "hdds.datanode.use.datanode.hostname=true",
  `hdds.heartbeat.interval=${HEARTBEAT_INTERVAL_MS}ms`,
  "ozone.scm.heartbeat.thread.interval=1s",
  "ozone.scm.stale.node.interval=10s",
  "ozone.scm.dead.node.interval=30s",
  "ozone.scm.close.container.wait.duration=5s",
  "ozone.scm.pipeline.scrub.interval=10s",
  "ozone.scm.pipeline.destroy.timeout=10s",
  "hdds.scm.wait.time.after.safemode.exit=5s",
];

/** `strata demo`: an SCM in this process, a fleet of simulated datanodes in others, a stream of durable
 * operations, and the figures of all of it, until a signal or the end of `seconds`. */
export async function runDemo(options: DemoOptions, io: CommandIo): Promise<ExitCode> {
  const directory = resolve(DIRECTORY);
  if (options.fresh) rmSync(directory, { recursive: true, force: true });
  mkdirSync(directory, { recursive: true });
  requireSamePlan(directory, options);
  const config = loadConfig({
    ...(options.configDir === undefined ? {} : { configDir: options.configDir }),
    overrides: [`ozone.metadata.dirs=${directory}`, ...SETTINGS, ...options.overrides],
  });
  const logger = createLogger({ level: "info", destination: join(directory, "strata.log"), pretty: false });
  await initializeScm(config, { clusterId: undefined, localIdFloor: 0n, termFloor: 0 });
  const startedMs = performance.now();
  const scm = await startScm({ config, logger });
  io.out(`Strata ${VERSION}, cluster ${scm.scm.identity.clusterId}, data in ${DIRECTORY}`);
  const http = scm.httpPort === undefined ? "" : `, http://127.0.0.1:${scm.httpPort}/readyz`;
  io.out(
    `serving after ${Math.round(performance.now() - startedMs)} ms: ws://127.0.0.1:${scm.wsPort}${http}`,
  );
  const demo = new Demo(options, config, scm, io);
  try {
    return await demo.run(directory);
  } finally {
    await scm.stop();
    logger.flush();
  }
}

/** The data of an earlier run is of one fleet. */
function requireSamePlan(directory: string, { nodeCount, containersPerNode }: DemoOptions): void {
  const path = join(directory, "fleet.txt");
  const plan = `--nodes ${nodeCount} --containers-per-node ${containersPerNode}`;
  if (existsSync(path)) {
    const earlier = readFileSync(path, "utf8");
    if (earlier === plan) return;
    throw new CommandError(`${DIRECTORY} holds a fleet of ${earlier}: give the same, or --fresh`, EXIT.USAGE);
  }
  writeFileSync(path, plan);
}

class Demo {
  readonly #options: DemoOptions;
  readonly #scm: ScmProcess;
  readonly #io: CommandIo;
  readonly #plan: FleetPlan;
  readonly #client: AdminClient;
  readonly #endpoint: string;
  readonly #fleet = new FleetRunner();
  readonly #writer: BlockWriter;

  constructor(options: DemoOptions, config: Config, scm: ScmProcess, io: CommandIo) {
    this.#options = options;
    this.#scm = scm;
    this.#io = io;
    this.#plan = new FleetPlan(this.#planOptions());
    this.#endpoint = `ws://127.0.0.1:${scm.wsPort}`;
    this.#client = createAdminClient({ endpoints: [this.#endpoint], clientName: `demo ${config.hash()}` });
    this.#writer = new BlockWriter(this.#client, this.#fleet, options.nodeCount);
  }

  async run(directory: string): Promise<ExitCode> {
    const ledger = Ledger.open(directory);
    try {
      await this.#checkEarlierRuns(ledger);
      await this.#import(ledger);
      const workload = new Workload(this.#client, ledger, this.#plan.containerCount);
      const endOfDemo = endSignal(this.#options.seconds, this.#scm.fatal);
      await this.#startFleet(directory);
      workload.start();
      this.#writer.start();
      const show = this.#showFigures(workload, endOfDemo.hasEnded);
      await endOfDemo.ended;
      await show;
      await Promise.all([workload.stop(), this.#writer.stop()]);
      const last = await this.#sample(workload);
      await this.#summarize({ ...last, fleet: await this.#fleet.stop() });
      return EXIT.OK;
    } finally {
      await this.#fleet.stop();
      this.#client.close();
      ledger.close();
    }
  }

  #planOptions() {
    const { nodeCount, containersPerNode } = this.#options;
    return { nodeCount, containersPerNode, seed: SEED };
  }

  async #checkEarlierRuns(ledger: Ledger): Promise<void> {
    const { checked, lost } = await checkLedger(this.#client, ledger);
    if (lost.length > 0) {
      const some = lost.slice(0, 10).join(", ");
      throw new CommandError(`acknowledged operations are missing for containers ${some}`, EXIT.STORAGE);
    }
    if (checked > 0) this.#io.out(`all ${checked} acknowledged facts of earlier runs are there`);
  }

  async #import(ledger: Ledger): Promise<void> {
    const { containerCount } = this.#plan;
    await importContainers(this.#client, this.#plan, (count) => {
      this.#io.progress(`importing containers: ${count} of ${containerCount}`);
    });
    this.#io.progress("");
    ledger.imported(Math.max(containerCount, ledger.containerCount));
  }

  async #startFleet(directory: string): Promise<void> {
    const processCount = Math.min(
      4,
      Math.max(1, cpus().length - 1),
      Math.ceil(this.#options.nodeCount / 500),
    );
    await this.#fleet.start(
      {
        endpoints: [this.#endpoint],
        plan: this.#planOptions(),
        heartbeatIntervalMs: HEARTBEAT_INTERVAL_MS,
        incrementalIntervalMs: INCREMENTAL_INTERVAL_MS,
        directory: join(directory, "datanodes"),
      },
      processCount,
    );
  }

  async #showFigures(workload: Workload, hasEnded: () => boolean): Promise<void> {
    const { nodeCount } = this.#options;
    const isTerminal = process.stdout.isTTY === true;
    let before: Sample | undefined;
    let rows = 0;
    while (!hasEnded()) {
      const now = await this.#sample(workload);
      if (isTerminal) {
        if (rows > 0) process.stdout.write(`\x1b[${rows}A\x1b[J`);
        const table = tableOf(now, before, nodeCount);
        for (const row of table) this.#io.out(row);
        rows = table.length;
      } else if (before !== undefined) {
        this.#io.out(lineOf(now, before, nodeCount));
      }
      before = now;
      await pause(SAMPLE_MS, hasEnded);
    }
  }

  async #sample(workload: Workload): Promise<Sample> {
    const [info, containers] = await Promise.all([this.#client.scmInfo(), this.#client.containerReport()]);
    const { count, failedCount, commitUs } = workload;
    const fleet = this.#fleet.summary();
    const { allocatedCount, trouble, allocationUs } = this.#writer;
    const blocks = { allocatedCount, failedCount: this.#writer.failedCount, trouble, allocationUs };
    const atMs = performance.now();
    return { atMs, info, containers, fleet, workload: { count, failedCount, commitUs }, blocks };
  }

  async #summarize(last: Sample): Promise<void> {
    const { info, fleet, workload, blocks } = last;
    const { out } = this.#io;
    out("");
    out(`datanodes registered    ${fleet.registered} of ${this.#options.nodeCount}`);
    out(`heartbeats answered     ${fleet.heartbeatsAnswered} of ${fleet.heartbeatsSent}`);
    out(`heartbeat latency       p50 ${us(fleet.latencyP50Us)}, p99 ${us(fleet.latencyP99Us)}`);
    out(`full reports merged     ${fleet.fullReports}, ${fleet.rowsReported} rows`);
    out(`replicas                ${info.replicaCount} of ${info.containerCount} containers`);
    out(`pipelines               ${pipelinesText(last)}`);
    out(`blocks allocated        ${blocks.allocatedCount}, ${blocksText(last)}`);
    out(`containers              ${containersText(last)}`);
    out(`operations acknowledged ${workload.count}, without answer ${workload.failedCount}`);
    out(`state hash              ${info.stateHash} at index ${info.appliedIndex}`);
    for (const doubt of fleet.doubts) out(`note: ${doubt}`);
  }
}

interface EndOfDemo {
  readonly ended: Promise<void>;
  hasEnded(): boolean;
}

/** After `seconds`, at a signal, or when the SCM cannot go on. */
function endSignal(seconds: number | undefined, fatal: Promise<Error>): EndOfDemo {
  let isOver = false;
  const ended = new Promise<void>((resolve, reject) => {
    const end = (): void => {
      isOver = true;
      resolve();
    };
    if (seconds !== undefined) setTimeout(end, seconds * 1000);
    process.once("SIGINT", end);
    process.once("SIGTERM", end);
    void fatal.then((error) => {
      isOver = true;
      reject(error);
    });
  });
  return { ended, hasEnded: () => isOver };
}

function pause(ms: number, hasEnded: () => boolean): Promise<void> {
  return new Promise((resolve) => {
    const startedMs = performance.now();
    const timer = setInterval(() => {
      if (!hasEnded() && performance.now() - startedMs < ms) return;
      clearInterval(timer);
      resolve();
    }, 50);
  });
}

function us(value: number): string {
  return `${value.toFixed(0)} µs`;
}
