import { soon } from "../../test/support/wait.js";
import { toldText } from "./golden.js";
import type { OzoneCluster } from "./ozone-cluster.js";
import type { Step, StepBench } from "./step.js";
import { sha256Of, TestFile } from "./test-file.js";

const STATE_LIMIT_MS = 300_000;
export const VOLUME = "vol1";
export const BUCKET = "/vol1/bucket1";
const KEY = `${BUCKET}/key1`;
const KEY_BYTES = 1_000;

export const SAFE_MODE: Step = {
  number: 1,
  name: "safemode",
  what: "status and exit, with the released command",
  surroundings: "shared",
  run: async (bench) => {
    await compare(bench, "safemode/exit", "safemode", "exit");
    await compare(bench, "safemode/status", "safemode", "status");
    await compare(bench, "safemode/wait", "safemode", "wait", "-t", "5");
    await bench.check("safemode status --verbose", async () => {
      const { code, out } = await bench.cluster.admin("safemode", "status", "--verbose");
      if (code !== 0 || !out.startsWith("SCM is out of safe mode.\n"))
        throw new Error(`exit ${code}\n${out}`);
    });
  },
};

export const DATANODE: Step = {
  number: 4,
  name: "datanode",
  what: "one released datanode registers and beats",
  surroundings: "shared",
  run: async (bench) => {
    await bench.check("registers and is healthy", () => bench.cluster.needDatanodes(1));
    await compare(bench, "datanode/list-json", "datanode", "list", "--json");
  },
};

export const PIPELINE: Step = {
  number: 5,
  name: "pipeline",
  what: "a pipeline is made on the datanode, and opens",
  surroundings: "shared",
  run: async (bench) => {
    await bench.cluster.needDatanodes(1);
    await bench.check("a RATIS/ONE pipeline opens", () => whenPipelineIsOpen(bench.cluster, "RATIS/ONE"));
    await compare(bench, "pipeline/list", "pipeline", "list");
    await compare(bench, "pipeline/datanode-list", "datanode", "list");
  },
};

export const MANAGER: Step = {
  number: 6,
  name: "manager",
  what: "an Ozone Manager is initialised and starts",
  surroundings: "shared",
  run: async (bench) => {
    const { cluster, check } = bench;
    await check("--init and start", () => cluster.needOm());
    await check("a volume and a bucket", () => needBucket(cluster));
  },
};

export const KEYS: Step = {
  number: 7,
  name: "keys",
  what: "a key is written and read back",
  surroundings: "shared",
  run: async (bench) => {
    const { cluster, check } = bench;
    await needKeyPlace(cluster);
    const file = TestFile.create(cluster.fileAt("key1"), KEY_BYTES);
    await check("key put", async () => {
      await cluster.must("sh", "key", "put", "-t", "RATIS", "-r", "ONE", KEY, file.path);
    });
    await check("key get, equal", async () => {
      const back = cluster.fileAt("key1-back");
      await cluster.must("sh", "key", "get", KEY, back);
      if (sha256Of(back) !== file.sha256) throw new Error("the contents differ");
    });
    await check("the container's report comes", () => whenContainer(cluster, 1, /"numberOfKeys" : 1,/));
  },
};

/** A command whose answer is the same as with the reference. */
export async function compare(
  { cluster, check, golden }: StepBench,
  name: string,
  ...words: readonly string[]
): Promise<void> {
  await check(words.join(" "), async () => {
    golden.check(name, toldText(await cluster.admin(...words)));
  });
}

export async function whenPipelineIsOpen(cluster: OzoneCluster, kind: string, count = 1): Promise<void> {
  const look = async () => {
    const { out } = await cluster.admin("pipeline", "list", "--state", "OPEN");
    const open = out.split("\n").filter((line) => line.includes(`ReplicationConfig: ${kind}`));
    return open.length >= count && open.every((line) => /leaderId:[0-9a-f]/.test(line)) ? true : undefined;
  };
  await soon(`${count} pipelines ${kind} are open`, look, STATE_LIMIT_MS);
}

/** Waits until the container's information as JSON has what `pattern` says. */
export async function whenContainer(cluster: OzoneCluster, id: number, pattern: RegExp): Promise<void> {
  const look = async () => {
    const { out } = await cluster.admin("container", "info", String(id), "--json");
    return pattern.test(out) ? true : undefined;
  };
  await soon(`container ${id} has ${pattern}`, look, STATE_LIMIT_MS);
}

export async function needKeyPlace(cluster: OzoneCluster): Promise<void> {
  await cluster.needDatanodes(1);
  await whenPipelineIsOpen(cluster, "RATIS/ONE");
  await cluster.needOm();
  await needBucket(cluster);
}

export async function needBucket(cluster: OzoneCluster): Promise<void> {
  if ((await cluster.run("sh", ["bucket", "info", BUCKET])).code === 0) return;
  await cluster.must("sh", "volume", "create", VOLUME);
  await cluster.must("sh", "bucket", "create", BUCKET);
}
