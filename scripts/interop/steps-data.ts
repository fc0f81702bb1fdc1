import { rmSync } from "node:fs";
import { soon } from "../../test/support/wait.js";
import type { OzoneCluster } from "./ozone-cluster.js";
import type { Step, StepBench } from "./step.js";
import { BUCKET, needBucket, whenPipelineIsOpen } from "./steps-single.js";
import { sha256Of, TestFile } from "./test-file.js";

const MB = 1 << 20;
const SIZES = [0, 1, 4 * MB, 300 * MB];
const DATANODES = 5;
const RECOVERY_LIMIT_MS = 300_000;

interface Redundancy {
  readonly name: string;
  readonly type: string;
  readonly replication: string;
}
export const THREE: Redundancy = { name: "replicated", type: "RATIS", replication: "THREE" };
const ERASURE: Redundancy = { name: "erasure", type: "EC", replication: "rs-3-2-1024k" };

/** Keys of several sizes go to the datanodes and come back. */
function dataStep(redundancy: Redundancy, what: string): Step {
  return {
    name: redundancy.name,
    what,
    surroundings: "shared",
    run: async (bench) => {
      await needFive(bench.cluster);
      for (const bytes of SIZES) await roundTrip(bench, redundancy, bytes);
    },
  };
}

export const REPLICATED = dataStep(THREE, "keys on pipelines of three, 0 B to 300 MB, equal checksums");
export const ERASURE_CODED = dataStep(
  ERASURE,
  "keys of rs-3-2 on five datanodes, 0 B to 300 MB, equal checksums",
);

export const RESTART_SCM: Step = {
  name: "restart-scm",
  what: "the SCM ends and is killed while its datanodes run; each time they come back to it",
  surroundings: "shared",
  run: async (bench) => {
    const { cluster, check } = bench;
    await needFive(cluster);
    const before = await put(cluster, THREE, "before-restart", MB);
    for (const how of ["stop", "kill"] as const) {
      await check(
        `five datanodes are back after ${how === "stop" ? "an orderly end" : "SIGKILL"}`,
        async () => {
          for (const server of cluster.scm.servers) await server[how]();
          for (const server of cluster.scm.servers) await server.start();
          await cluster.whenLed();
          if (bench.isReference) await cluster.exitSafeMode();
          await cluster.whenHealthy(DATANODES);
          await whenPipelineIsOpen(cluster, "RATIS/THREE");
        },
      );
      await check("what was written before comes back", () => get(cluster, before));
      await check("a new key is written", async () => {
        await get(cluster, await put(cluster, THREE, `after-${how}`, MB));
      });
    }
  },
};

export const RESTART_DATANODES: Step = {
  name: "restart-datanodes",
  what: "all datanodes end and come back",
  surroundings: "shared",
  run: async ({ cluster, check }) => {
    await needFive(cluster);
    const replicated = await put(cluster, THREE, "before-datanodes", MB);
    const coded = await put(cluster, ERASURE, "before-datanodes-ec", 4 * MB);
    await check("all are healthy again", async () => {
      await Promise.all(cluster.datanodes.map((datanode) => datanode.stop()));
      await Promise.all(cluster.datanodes.map((datanode) => datanode.start()));
      await cluster.whenHealthy(DATANODES);
      await whenPipelineIsOpen(cluster, "RATIS/THREE");
    });
    await check("a replicated key comes back", () => whenReadable(cluster, replicated));
    await check("an erasure-coded key comes back", () => whenReadable(cluster, coded));
    await check("a new key is written", async () => {
      await get(cluster, await put(cluster, THREE, "after-datanodes", MB));
    });
  },
};

interface Stored {
  readonly key: string;
  readonly sha256: string;
}

async function needFive(cluster: OzoneCluster): Promise<void> {
  await cluster.needDatanodes(DATANODES);
  await whenPipelineIsOpen(cluster, "RATIS/THREE");
  await cluster.needOm();
  await needBucket(cluster);
}

async function roundTrip(
  { cluster, check }: StepBench,
  redundancy: Redundancy,
  bytes: number,
): Promise<void> {
  const name = `${redundancy.name}-${bytes}`;
  await check(`${bytes} bytes as ${redundancy.type}/${redundancy.replication}`, async () => {
    await get(cluster, await put(cluster, redundancy, name, bytes));
  });
}

export async function put(
  cluster: OzoneCluster,
  { type, replication }: Redundancy,
  name: string,
  bytes: number,
): Promise<Stored> {
  const file = TestFile.create(cluster.fileAt(name), bytes);
  const key = `${BUCKET}/${name}`;
  await cluster.must("sh", "key", "put", "-t", type, "-r", replication, key, file.path);
  rmSync(file.path);
  return { key, sha256: file.sha256 };
}

export async function get(cluster: OzoneCluster, { key, sha256 }: Stored): Promise<void> {
  const back = cluster.fileAt("back");
  rmSync(back, { force: true });
  await cluster.must("sh", "key", "get", key, back);
  const found = sha256Of(back);
  rmSync(back);
  if (found !== sha256) throw new Error(`${key} comes back with another checksum`);
}

/** Datanodes that have just started may not serve yet all that they hold. */
async function whenReadable(cluster: OzoneCluster, stored: Stored): Promise<void> {
  const attempt = async () => {
    try {
      await get(cluster, stored);
      return true;
    } catch {
      return undefined;
    }
  };
  await soon(`${stored.key} comes back`, attempt, RECOVERY_LIMIT_MS);
}
