import { readFileSync, writeFileSync } from "node:fs";
import { totalmem } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { JavaProcess } from "../../scripts/interop/java-process.js";
import { createReferenceService } from "../../scripts/interop/reference-scm.js";
import { type Keys, writeSite } from "../../scripts/interop/site.js";
import { freePort } from "../../test/support/process/scm-home.js";
import { FleetPlan } from "../fleet/plan.js";
import { populate } from "../harness/population.js";
import { readMetrics } from "../harness/prom.js";
import { ScmUnderTest } from "../harness/scm-under-test.js";
import type { WatchOrder, WatchReply } from "../load/watched-scm.js";
import { type LoadPorts, REPLICAS } from "./hadoop-load.js";

/** What simulated datanodes ask for: nobody is dead who is silent, and pipelines come soon. */
const KEYS: Keys = {
  "ozone.scm.heartbeat.thread.interval": "1h",
  "hdds.heartbeat.interval": "1h",
  "ozone.scm.stale.node.interval": "1d",
  "ozone.scm.dead.node.interval": "2d",
  "ozone.scm.pipeline.creation.interval": "10s",
  "ozone.scm.pipeline.creation.auto.factor.one": "false",
  "ozone.scm.datanode.pipeline.limit": "2",
};
/** Of the reference besides. */
const REFERENCE_KEYS: Keys = {
  ...KEYS,
  "hdds.scm.safemode.enabled": "false",
};
const WATCHED = fileURLToPath(new URL("../load/watched-scm-process.js", import.meta.url));
const NAME = "reference";
const FILL = "org.apache.hadoop.ozone.freon.Vapor";
const MIB = 1024 * 1024;
const HEAP_MB_MAX = 8192;
/** Java as an operator runs it, unlike in the interop runs: its default collector and both compilers. */
const FULL_SPEED = { heapMb: Math.min(HEAP_MB_MAX, Math.floor(totalmem() / 3 / MIB)), jvmOptions: [] };
/** A tick of /proc/PID/stat. */
const TICK_SECONDS = 0.01;

/** A server that speaks Hadoop RPC, in a process of its own. */
export interface HadoopServer {
  readonly name: string;
  readonly ports: LoadPorts;
  readonly pid: number;
  /** Uncounted seconds before the first counted ones: a JVM compiles meanwhile. */
  readonly warmUpSeconds: number;
  metrics(): Promise<ReadonlyMap<string, number>>;
  /** Full reports worked through, by its own count, those that failed included. */
  processedReports(): Promise<number>;
  stop(): Promise<void>;
}

export interface WatchedServer extends HadoopServer {
  ask(order: WatchOrder): Promise<WatchReply>;
}

export interface ServerOptions {
  readonly directory: string;
  /** Closed containers that it has from the beginning: 1 … this. */
  readonly containerCount: number;
  print(line: string): void;
}

export function startStrata(options: ServerOptions): Promise<HadoopServer> {
  return strataOf(options);
}

/** Its main thread measures its own turns. */
export async function startWatchedStrata(options: ServerOptions): Promise<WatchedServer> {
  return await strataOf(options, WATCHED);
}

async function strataOf(
  { directory, containerCount, print }: ServerOptions,
  entry?: string,
): Promise<HadoopServer & WatchedServer> {
  const ports = { client: await freePort(), block: await freePort(), datanode: await freePort() };
  const own: Keys = {
    ...KEYS,
    "strata.hadoop.enabled": "true",
    "ozone.scm.client.address": `127.0.0.1:${ports.client}`,
    "ozone.scm.block.client.address": `127.0.0.1:${ports.block}`,
    "ozone.scm.datanode.address": `127.0.0.1:${ports.datanode}`,
  };
  const settings = Object.entries(own).map(([key, value]) => `${key}=${value}`);
  const scm = await ScmUnderTest.start({ directory, settings, ...(entry === undefined ? {} : { entry }) });
  const metrics = () => scm.metrics();
  print(`strata: started in ${(scm.startedMs / 1000).toFixed(1)} s`);
  if (containerCount > 0) await importContainers(scm, containerCount, print);
  return {
    name: "strata",
    ports,
    pid: scm.pid,
    warmUpSeconds: 3,
    metrics,
    processedReports: () => sumOf(metrics, "strata_container_num_container_reports_processed_"),
    stop: () => scm.stop(),
    ask: async (order) => (await scm.ask({ order })) as WatchReply,
  };
}

/** Their pipelines are of datanodes that are not there: closed containers need none. */
async function importContainers(
  scm: ScmUnderTest,
  containerCount: number,
  print: (line: string) => void,
): Promise<void> {
  const plan = new FleetPlan({ nodeCount: REPLICAS, containersPerNode: containerCount, seed: 1 });
  await populate(scm.endpoint, plan, (line) => print(`strata: ${line}`));
}

export async function startReference(
  { directory, containerCount, print }: ServerOptions,
  classpath: string,
): Promise<HadoopServer> {
  const service = await createReferenceService(directory, classpath, [NAME], REFERENCE_KEYS, FULL_SPEED);
  const [server] = service.servers;
  if (server === undefined) throw new Error("the reference has a server");
  const home = join(directory, `scm-${NAME}`);
  // Counters of its /prom that are a second old at most.
  writeFileSync(join(home, "hadoop-metrics2.properties"), "*.period=1\n");
  const startMs = performance.now();
  const seconds = (): string => ((performance.now() - startMs) / 1000).toFixed(1);
  try {
    await service.start();
    print(`${NAME}: started in ${seconds()} s`);
    if (containerCount > 0) {
      await server.stop();
      await writeContainers(directory, join(home, "db"), classpath, containerCount);
      await server.start();
      print(`${NAME}: started again with ${containerCount} containers after ${seconds()} s`);
    }
  } catch (error) {
    await service.end();
    throw error;
  }
  const { ports, pid } = server;
  const metrics = () => readMetrics(`http://127.0.0.1:${ports.http}`);
  return {
    name: NAME,
    ports,
    pid,
    warmUpSeconds: 10,
    metrics,
    processedReports: () => sumOf(metrics, "scm_container_manager_metrics_num_container_reports_processed_"),
    stop: () => service.end(),
  };
}

/** Straight into the table of the stopped SCM, by the release's own tool. */
async function writeContainers(
  directory: string,
  tables: string,
  classpath: string,
  containerCount: number,
): Promise<void> {
  const home = join(directory, "fill");
  writeSite(home, { "ozone.metadata.dirs": join(home, "meta"), "ozone.scm.db.dirs": tables }, "WARN");
  const args = ["cgscm", "--from", "1", "-n", String(containerCount), "-t", "2"];
  const tool = new JavaProcess({ mainClass: FILL, args, directory: home, classpath, heapMb: 2048 });
  const { code } = await tool.ended;
  if (code !== 0) throw new Error(`cgscm ended with ${code}: ${tool.log.slice(-2000)}`);
}

async function sumOf(metrics: () => Promise<ReadonlyMap<string, number>>, prefix: string): Promise<number> {
  let sum = 0;
  for (const [name, value] of await metrics()) if (name.startsWith(prefix)) sum += value;
  return sum;
}

/** User and system time of a process, all threads that it has or had (Linux). */
export function processCpuSeconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) * TICK_SECONDS;
}
