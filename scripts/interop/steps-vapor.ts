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

const NODES = 200;
const CONTAINERS_PER_NODE = 2_000;
const REPLICAS = 3;
const SIMULATION_LIMIT_MS = 900_000;

function benchmark(name: string, benchmark: string, count: readonly string[], made: RegExp): Step {
  return {
    name,
    what: `\`vapor stb\` ${benchmark} with ${THREADS} threads, none fails`,
    surroundings: "own",
    keys: QUIET_KEYS,
    run: async ({ cluster, check }) => {
      await check(benchmark, async () => {
        const args = ["stb", "--benchmark", benchmark, ...count, "--num-threads", String(THREADS)];
        const told = await cluster.run("vapor", [...args, "--scm-host", HOST], BENCHMARK_LIMIT_MS);
        const text = told.out + told.log;
        if (told.code !== 0 || !made.test(text)) throw new Error(text.slice(-4_000));
      });
    },
  };
}

export const BLOCK_BENCHMARK = benchmark(
  "stb-blocks",
  "AllocateBlocks",
  ["--num-blocks", String(BLOCKS)],
  new RegExp(`${BLOCKS}`),
);
export const CONTAINER_BENCHMARK = benchmark(
  "stb-containers",
  "AllocateContainers",
  ["--num-containers", String(CONTAINERS)],
  new RegExp(`${CONTAINERS}`),
);

export const SIMULATED: Step = {
  name: "simulate",
  what: `\`vapor simulate-datanode\`: ${NODES} datanodes with ${CONTAINERS_PER_NODE} containers each`,
  surroundings: "own",
  keys: {
    ...QUIET_KEYS,
    "hdds.node.report.interval": "5s",
    "hdds.pipeline.report.interval": "5s",
    "hdds.container.report.interval": "20s",
    // Nobody is there; the tool wants an address.
    "ozone.recon.address": `${HOST}:9891`,
  },
  run: simulate,
};

async function simulate({ cluster, check }: StepBench): Promise<void> {
  const args = ["-n", String(NODES), "-c", String(CONTAINERS_PER_NODE), "-t", "8"];
  const tool = cluster.spawn("vapor", ["simulate-datanode", ...args]);
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
