import { readFileSync } from "node:fs";
import { soon, waitFor } from "../../test/support/wait.js";
import type { OzoneCluster } from "./ozone-cluster.js";
import { HOST } from "./scm-service.js";
import type { Keys } from "./site.js";
import type { Step, StepBench } from "./step.js";
import { whenContainer } from "./steps-single.js";

/** The tools' datanodes beat once, or seldom; pipelines must come while `stb` waits for them. */
const QUIET_KEYS: Keys = {
  "hdds.heartbeat.interval": "5s",
  "ozone.scm.heartbeat.thread.interval": "5s",
  "ozone.scm.stale.node.interval": "1h",
  "ozone.scm.dead.node.interval": "2h",
  "ozone.scm.heartbeat.rpc-retry-count": "1",
};
const BENCHMARK_LIMIT_MS = 300_000;
const BLOCKS = 100_000;
const CONTAINERS = 2_000;
const THREADS = 8;

const CLOCK_TICKS_PER_SECOND = 100;

const NODES = 200;
const CONTAINERS_PER_NODE = 2_000;
const REPLICAS = 3;
const SIMULATION_LIMIT_MS = 1_800_000;

export const BENCHMARKS: Step = {
  name: "stb",
  what: `\`vapor stb\` AllocateBlocks and AllocateContainers with ${THREADS} threads, none fails`,
  surroundings: "own",
  keys: QUIET_KEYS,
  run: async (bench) => {
    await benchmark(bench, "AllocateBlocks", "blocks", BLOCKS);
    // On the pipelines that the first one has opened: its datanodes do not open any.
    await benchmark(bench, "AllocateContainers", "containers", CONTAINERS);
  },
};

async function benchmark(bench: StepBench, name: string, what: string, count: number): Promise<void> {
  const { cluster, check, note } = bench;
  await check(name, async () => {
    const before = cpuSecondsOf(cluster);
    const size = [`--num-${what}`, String(count), "--num-threads", String(THREADS)];
    const args = ["stb", "--benchmark", name, ...size, "--scm-host", HOST];
    const told = await cluster.run("vapor", args, BENCHMARK_LIMIT_MS);
    const isWhole = told.out.includes(`Total allocated ${what}: ${count}\n`);
    if (told.code !== 0 || !isWhole || !told.out.includes(`Total failed ${what}: 0\n`)) {
      throw new Error(told.out + told.log.slice(-2_000));
    }
    const seconds = cpuSecondsOf(cluster) - before;
    note(`${Math.round(count / seconds)} ${what} a CPU second of the SCM (${seconds.toFixed(1)} s)`);
  });
}

/** Of the SCM, in user and system mode. */
function cpuSecondsOf(cluster: OzoneCluster): number {
  const pid = cluster.scm.servers[0]?.pid ?? 0;
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8")
    .replace(/^.*\) /, "")
    .split(" ");
  return (Number(fields[11]) + Number(fields[12])) / CLOCK_TICKS_PER_SECOND;
}

export const SIMULATED: Step = {
  name: "simulate",
  what: `\`vapor simulate-datanode\`: ${NODES} datanodes with ${CONTAINERS_PER_NODE} containers each`,
  surroundings: "own",
  keys: {
    ...QUIET_KEYS,
    "hdds.node.report.interval": "5s",
    "hdds.pipeline.report.interval": "5s",
    "hdds.container.report.interval": "20s",
  },
  run: simulate,
};

async function simulate({ cluster, check }: StepBench): Promise<void> {
  const args = ["-n", String(NODES), "-c", String(CONTAINERS_PER_NODE), "-t", "8"];
  // The tool insists on a Recon, and waits where there is none; the SCM says at once that it is no Recon.
  const recon = { "ozone.recon.address": `${HOST}:${cluster.scm.servers[0]?.ports.datanode}` };
  const tool = cluster.spawn("vapor", ["simulate-datanode", ...args], recon);
  const says = (text: string) => async () => {
    const isSaid = () => tool.process.log.includes(text) || !tool.process.isAlive;
    await waitFor(`the tool says "${text}"`, isSaid, SIMULATION_LIMIT_MS);
    if (!tool.process.log.includes(text)) throw new Error(tool.process.log.slice(-4_000));
  };
  await check(`${NODES} datanodes register`, says(`${NODES} datanodes have been created and registered`));
  await check("all containers are closed", says("All datanodes have been transitioned to read-only"));
  await check("all datanodes are healthy", () => cluster.whenHealthy(NODES));
  const last = Math.floor((NODES * CONTAINERS_PER_NODE) / REPLICAS);
  await check(`container ${last} is closed`, () => whenContainer(cluster, last, /"state" : "CLOSED"/));
  await check("its replicas are reported", () => whenReplicas(cluster, last));
  await tool.process.kill();
}

async function whenReplicas(cluster: OzoneCluster, container: number): Promise<void> {
  const look = async () => {
    const { out } = await cluster.admin("container", "info", String(container));
    return out.split("State: CLOSED; ReplicaIndex").length - 1 === REPLICAS ? true : undefined;
  };
  await soon(`container ${container} has ${REPLICAS} replicas`, look, SIMULATION_LIMIT_MS);
}
