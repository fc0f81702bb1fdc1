import { masked, toldText } from "./golden.js";
import type { OzoneCluster } from "./ozone-cluster.js";
import type { Step, StepBench } from "./step.js";
import { compare, KEYS, whenContainer, whenPipelineIsOpen } from "./steps-single.js";

/** A command that tries again goes on for ten minutes. */
const AT_ONCE_MS = 240_000;

/** Commands of parts that Strata does not have yet: they must say so at once. */
const NOT_YET: readonly string[] = [
  "replicationmanager start",
  "containerbalancer status",
  "datanode decommission localhost",
  "scm finalizationstatus",
  "scm deletedBlocksTxn summary",
];

/** Every command of spec 09 §9 that Strata has the answer to. */
export const COMMANDS: Step = {
  number: 11,
  name: "commands",
  what: "what the commands print is what they print with the reference",
  surroundings: "shared",
  run: async (bench) => {
    const { cluster } = bench;
    if ((await cluster.admin("container", "info", "1", "--json")).out === "") await KEYS.run(bench);
    await containers(bench);
    await datanodes(bench);
    await pipelines(bench);
    await compare(bench, "commands/roles", "scm", "roles");
    await compare(bench, "commands/roles-json", "scm", "roles", "--json");
    await roleTable(bench);
    await compare(bench, "commands/topology", "printTopology");
    await compare(bench, "commands/topology-order", "printTopology", "-o");
    await compare(bench, "commands/topology-full", "printTopology", "-f");
    await compare(bench, "commands/topology-json", "printTopology", "--json");
    if (!bench.isReference) for (const command of NOT_YET) await saysNotYet(bench, command);
  },
};

async function containers(bench: StepBench): Promise<void> {
  const { cluster, check } = bench;
  await compare(bench, "commands/container-list", "container", "list");
  await compare(bench, "commands/container-list-closed", "container", "list", "--state", "CLOSED");
  await compare(bench, "commands/container-list-ec", "container", "list", "-t", "EC");
  await compare(bench, "commands/container-info", "container", "info", "1");
  await compare(bench, "commands/container-info-json", "container", "info", "1", "--json");
  await compare(bench, "commands/container-create", "container", "create", "-t", "RATIS", "-r", "ONE");
  await compare(bench, "commands/container-close", "container", "close", "2");
  await check("it closes", () => whenContainer(cluster, 2, /"state" : "CLOSED"/));
  await compare(bench, "commands/container-info-two", "container", "info", "1", "2");
  await compare(bench, "commands/container-close-again", "container", "close", "2");
  await compare(bench, "commands/container-list-one", "container", "list", "-s", "1", "-c", "1");
}

async function datanodes(bench: StepBench): Promise<void> {
  await compare(bench, "commands/datanode-list-ip", "datanode", "list", "--ip", "127.0.0.1");
  await compare(bench, "commands/datanode-list-state", "datanode", "list", "--node-state", "STALE");
  await compareSizes(bench, "commands/datanode-list-used", "datanode", "list", "--most-used");
  await compareSizes(bench, "commands/usageinfo", "datanode", "usageinfo", "-m");
  await compareSizes(bench, "commands/usageinfo-json", "datanode", "usageinfo", "-l", "--json");
}

async function pipelines(bench: StepBench): Promise<void> {
  const { cluster, check } = bench;
  const id = await openPipeline(cluster);
  await compare(bench, "commands/pipeline-list-json", "pipeline", "list", "--json");
  await compare(bench, "commands/pipeline-list-ec", "pipeline", "list", "-t", "EC");
  await check("pipeline create is refused: there is no datanode left", async () => {
    const { code, log, tookMs } = await cluster.admin("pipeline", "create");
    if (code === 0 || !/datanode|node/.test(log) || tookMs > AT_ONCE_MS)
      throw new Error(`exit ${code}\n${log}`);
  });
  await compare(bench, "commands/pipeline-deactivate", "pipeline", "deactivate", id);
  await compare(bench, "commands/pipeline-list-dormant", "pipeline", "list", "-s", "DORMANT");
  await compare(bench, "commands/pipeline-activate", "pipeline", "activate", id);
  await compare(bench, "commands/pipeline-close", "pipeline", "close", id);
  await check("another one opens", () => whenPipelineIsOpen(cluster, "RATIS/ONE"));
  await check("the containers of the closed one close", () =>
    whenContainer(cluster, 1, /"state" : "CLOSED"/),
  );
}

async function openPipeline(cluster: OzoneCluster): Promise<string> {
  const { out } = await cluster.admin("pipeline", "list", "--state", "OPEN");
  const id = /Id: ([0-9a-f-]{36})/.exec(out)?.[1];
  if (id === undefined) throw new Error(`there is no open pipeline: ${out}`);
  return id;
}

/** The columns are as wide as this machine's name. */
async function roleTable({ cluster, check, golden }: StepBench): Promise<void> {
  await check("scm roles --table", async () => {
    const text = toldText(await cluster.admin("scm", "roles", "--table"));
    golden.check("commands/roles-table", text.replaceAll(/ +/g, " ").replaceAll(/-+/g, "-"));
  });
}

/** Sizes are those of this machine's disk. */
async function compareSizes(bench: StepBench, name: string, ...words: readonly string[]): Promise<void> {
  const { cluster, check, golden } = bench;
  await check(words.join(" "), async () => {
    const text = toldText(await cluster.admin(...words));
    const bare = text
      .replaceAll(/\d+ B \([^)]*\)/g, "<bytes>")
      .replaceAll(/\d+\.\d\d%/g, "<percent>")
      .replaceAll(/^(Capacity|Used): \d+$/gm, "$1: <bytes>")
      .replaceAll(/"((?:filesystem|ozone)\w+|committed|reserved)": [\d.]+/g, '"$1": <size>');
    golden.check(name, bare);
  });
}

async function saysNotYet({ cluster, check }: StepBench, command: string): Promise<void> {
  await check(`${command} says that it is not there yet`, async () => {
    const { code, out, log, tookMs } = await cluster.admin(...command.split(" "));
    const isClear = code !== 0 && /not supported yet by Strata/i.test(out + log);
    if (!isClear) throw new Error(masked(`exit ${code}\n${out}${log}`));
    if (tookMs > AT_ONCE_MS) throw new Error(`took ${Math.round(tookMs)} ms`);
  });
}
