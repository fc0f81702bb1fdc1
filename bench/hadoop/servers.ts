import { readFileSync, writeFileSync } from "node:fs";
import { totalmem } from "node:os";
import { join } from "node:path";
import { createReferenceService } from "../../scripts/interop/reference-scm.js";
import type { Keys } from "../../scripts/interop/site.js";
import { freePort } from "../../test/support/process/scm-home.js";
import { ScmUnderTest } from "../harness/scm-under-test.js";
import type { LoadPorts } from "./hadoop-load.js";

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
const NAME = "reference";
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
  stop(): Promise<void>;
}

export async function startStrata(directory: string): Promise<HadoopServer> {
  const ports = { client: await freePort(), block: await freePort(), datanode: await freePort() };
  const own: Keys = {
    ...KEYS,
    "strata.hadoop.enabled": "true",
    "ozone.scm.client.address": `127.0.0.1:${ports.client}`,
    "ozone.scm.block.client.address": `127.0.0.1:${ports.block}`,
    "ozone.scm.datanode.address": `127.0.0.1:${ports.datanode}`,
  };
  const settings = Object.entries(own).map(([key, value]) => `${key}=${value}`);
  const scm = await ScmUnderTest.start({ directory, settings });
  return { name: "strata", ports, pid: scm.pid, warmUpSeconds: 3, stop: () => scm.stop() };
}

export async function startReference(directory: string, classpath: string): Promise<HadoopServer> {
  const service = await createReferenceService(directory, classpath, [NAME], REFERENCE_KEYS, FULL_SPEED);
  const [server] = service.servers;
  if (server === undefined) throw new Error("the reference has a server");
  // Counters of its /prom that are a second old at most.
  writeFileSync(join(directory, `scm-${NAME}`, "hadoop-metrics2.properties"), "*.period=1\n");
  try {
    await service.start();
  } catch (error) {
    await service.end();
    throw error;
  }
  const { ports, pid } = server;
  return { name: NAME, ports, pid, warmUpSeconds: 10, stop: () => service.end() };
}

/** User and system time of a process, all threads that it has or had (Linux). */
export function processCpuSeconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) * TICK_SECONDS;
}
