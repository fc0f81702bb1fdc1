import { readFileSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import { soon } from "../../test/support/wait.js";
import type { JavaProcess } from "./java-process.js";
import type { OzoneCluster } from "./ozone-cluster.js";
import { ask, PROTOCOLS } from "./raw-connection.js";
import { HOST } from "./scm-service.js";
import type { Keys } from "./site.js";
import type { Step, StepBench } from "./step.js";
import { message } from "./wire-text.js";

/** The tools' datanodes beat once, or seldom; pipelines must come while `stb` waits for them. */
const QUIET_KEYS: Keys = {
  "hdds.heartbeat.interval": "5s",
  "ozone.scm.heartbeat.thread.interval": "5s",
  "ozone.scm.stale.node.interval": "1h",
  "ozone.scm.dead.node.interval": "2h",
  "ozone.scm.heartbeat.rpc-retry-count": "1",
};
const BENCHMARK_LIMIT_MS = 900_000;
const BLOCKS = 100_000;
const CONTAINERS = 2_000;
const THREADS = 8;

const CLOCK_TICKS_PER_SECOND = 100;

const NODES = 200;
const CONTAINERS_PER_NODE = 2_000;
const REPLICAS = 3;
/** Of the tool, which makes a container for the datanodes of one pipeline at a time. */
const SIMULATED_CONTAINERS = Math.ceil((NODES * CONTAINERS_PER_NODE) / REPLICAS);
const NOTES = 10;
const LOOK_MS = 1_000;
/** The tool makes containers one after the other, each with two flushes: that takes as long as the disk
 * wants, but it goes on. */
const STALL_LIMIT_MS = 600_000;
const CLOSED = 4;

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
    // There is no Recon.
    "hdds.heartbeat.recon.interval": "1d",
    "hdds.node.report.interval": "5s",
    // As long as the SCM waits for a pipeline: the tool's datanodes hear of one with a heartbeat, and report
    // it with the next.
    "hdds.pipeline.report.interval": "60s",
    "hdds.container.report.interval": "60s",
  },
  run: simulate,
};

async function simulate(bench: StepBench): Promise<void> {
  const { cluster, check } = bench;
  const args = ["-n", String(NODES), "-c", String(CONTAINERS_PER_NODE), "-t", "8"];
  // The tool insists on a Recon, and waits where there is none; the SCM says at once that it is no Recon.
  const recon = { "ozone.recon.address": `${HOST}:${cluster.scm.servers[0]?.ports.datanode}` };
  const { process: tool } = cluster.spawn("vapor", ["simulate-datanode", ...args], recon);
  const made = () => containerCount(cluster);
  await check(`${NODES} datanodes register`, () =>
    whenSaid(bench, tool, `${NODES} datanodes have been created and registered`, () => registeredIn(tool)),
  );
  await check(`${SIMULATED_CONTAINERS} containers are made`, () =>
    whenSaid(bench, tool, `containers from ${SIMULATED_CONTAINERS} created containers`, made),
  );
  await check("the tool's datanodes take no more", () =>
    whenSaid(bench, tool, "All datanodes have been transitioned to read-only", made),
  );
  // Without its datanodes nothing more would come.
  if (!tool.isAlive) throw new Error("the tool has ended");
  await check("all datanodes are healthy", () => cluster.whenHealthy(NODES));
  await check("all containers are closed", () => whenClosed(bench));
  await check("replicas of the last one are reported", () => whenReplicas(cluster, SIMULATED_CONTAINERS));
  await tool.kill();
}

/** Waits until the tool says `text`, for as long as `progress` grows towards the number of containers. */
async function whenSaid(
  { note }: StepBench,
  tool: JavaProcess,
  text: string,
  progress: () => Promise<number> | number,
): Promise<void> {
  const goOn = new Progress(note);
  while (!tool.log.includes(text)) {
    if (!tool.isAlive) throw new Error(tool.log.slice(-4_000));
    goOn.look(await progress());
    await pause(LOOK_MS);
  }
}

async function whenClosed({ cluster, note }: StepBench): Promise<void> {
  const goOn = new Progress(note);
  for (;;) {
    const count = await containerCount(cluster, CLOSED);
    if (count >= SIMULATED_CONTAINERS) return;
    goOn.look(count);
    await pause(LOOK_MS);
  }
}

/** Something that takes minutes: tells how far it is, and notices when it stands still. */
class Progress {
  readonly #note: (text: string) => void;
  readonly #startedMs = performance.now();
  #first = 0;
  #count = 0;
  #grownMs = performance.now();
  #nextPart = 0;

  constructor(note: (text: string) => void) {
    this.#note = note;
  }

  look(count: number): void {
    const nowMs = performance.now();
    const part = Math.floor((count * NOTES) / SIMULATED_CONTAINERS);
    if (this.#nextPart === 0) {
      this.#first = count;
      this.#nextPart = part + 1;
    }
    if (count > this.#count) {
      this.#count = count;
      this.#grownMs = nowMs;
    }
    if (nowMs - this.#grownMs > STALL_LIMIT_MS)
      throw new Error(`stands still at ${count} for ${STALL_LIMIT_MS / 1000} s`);
    if (part < this.#nextPart) return;
    this.#nextPart = part + 1;
    const seconds = (nowMs - this.#startedMs) / 1000;
    const perSecond = (count - this.#first) / seconds;
    const leftSeconds = Math.max(0, SIMULATED_CONTAINERS - count) / perSecond;
    const rest = `${Math.round(perSecond)} a second, some ${Math.ceil(leftSeconds / 60)} min to go`;
    this.#note(`${count} of ${SIMULATED_CONTAINERS} containers, ${rest}`);
  }
}

function registeredIn(tool: JavaProcess): number {
  return tool.log.split("Successfully registered datanode").length - 1;
}

/** All that the SCM has, or those in one state; asked without a Java program. */
async function containerCount(cluster: OzoneCluster, state?: number): Promise<number> {
  const request = state === undefined ? [] : ([[1, state]] as const);
  const body = message([1, 33], [2, ""], [3, 3], [38, request]);
  const answer = await ask(cluster.scm.servers[0]?.ports.client ?? 0, PROTOCOLS.location, body);
  const count = /^ {2}38:\n {4}1: (\d+)$/m.exec(answer)?.[1];
  if (count === undefined) throw new Error(answer);
  return Number(count);
}

async function whenReplicas(cluster: OzoneCluster, container: number): Promise<void> {
  const look = async () => {
    const { out } = await cluster.admin("container", "info", String(container));
    return out.split("State: CLOSED; ReplicaIndex").length - 1 === REPLICAS ? true : undefined;
  };
  await soon(`container ${container} has ${REPLICAS} replicas`, look, STALL_LIMIT_MS);
}
