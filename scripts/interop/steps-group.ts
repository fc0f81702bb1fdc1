import { soon } from "../../test/support/wait.js";
import type { OzoneCluster } from "./ozone-cluster.js";
import { ask, PROTOCOLS } from "./raw-connection.js";
import { HOST, type ScmServer } from "./scm-service.js";
import type { Step, StepBench } from "./step.js";
import { get, put, THREE } from "./steps-data.js";
import { needBucket, VOLUME, whenPipelineIsOpen } from "./steps-single.js";
import { message } from "./wire-text.js";

const MB = 1 << 20;
const FAILOVER_LIMIT_MS = 300_000;
const LOAD_LIMIT_MS = 900_000;
const LOAD_KEYS = 100;
const LIST_PIPELINES = message([1, 9], [2, ""], [3, 3], [14, []]);

export const GROUP: Step = {
  number: 9,
  name: "group",
  what: "three SCMs: commands, keys and datanodes find the leader, also after it was killed",
  surroundings: "group",
  run: async (bench) => {
    const { cluster, check } = bench;
    await needThree(cluster);
    // The released SCM looks an address up and names what it finds, which is not always what clients have.
    if (!bench.isReference)
      await check("followers name the leader as clients know it", () => followersNameLeader(cluster));
    await check("every SCM is out of safe mode", async () => {
      const { out } = await cluster.must("admin", "safemode", "status", "--all");
      const told = out.split("\n").filter((line) => line.includes("out of safe mode"));
      if (told.length !== cluster.scm.servers.length) throw new Error(out);
    });
    await check("one of three leads", async () => {
      const { out } = await cluster.must("admin", "scm", "roles");
      const roles = ["LEADER", "FOLLOWER"].map((role) => out.split(`:${role}:`).length - 1);
      if (roles.join() !== "1,2") throw new Error(out);
    });
    const stored = await put(cluster, THREE, "group-before", MB);
    const { leader } = await killLeader(bench);
    await check("the key comes back", () => get(cluster, stored));
    await check("another key is written", async () => {
      await get(cluster, await put(cluster, THREE, "group-after", MB));
    });
    await check("the killed one follows", async () => {
      await leader.start();
      await whenRoles(cluster, 2);
    });
  },
};

export const KILL_LEADER: Step = {
  name: "kill-leader",
  what: "kill -9 of the leader of three while `freon ockg` writes keys: none is lost",
  surroundings: "group",
  run: async (bench) => {
    const { cluster, check } = bench;
    await needThree(cluster);
    const load = ["-n", String(LOAD_KEYS), "-t", "4", "-p", "kill", "-v", VOLUME, "-b", "bucket1"];
    const writer = cluster.spawn("freon", [
      "ockg",
      ...load,
      "-s",
      "200000",
      "--type",
      "RATIS",
      "--replication",
      "THREE",
    ]);
    const timer = setTimeout(() => void writer.process.kill(), LOAD_LIMIT_MS);
    await check("the load has begun", async () => {
      const look = async () => written(writer.process.log) > LOAD_KEYS / 10 || undefined;
      await soon("some keys are written", look, LOAD_LIMIT_MS);
    });
    const { leader } = await killLeader(bench);
    await check(`all ${LOAD_KEYS} keys were written`, async () => {
      const { code } = await writer.process.ended;
      const text = writer.out() + writer.process.log;
      if (code !== 0 || !text.includes(`Successful executions: ${LOAD_KEYS}`))
        throw new Error(text.slice(-3000));
    });
    clearTimeout(timer);
    await check("all have the same content", async () => {
      const told = await cluster.run("freon", ["ockv", ...load], LOAD_LIMIT_MS);
      const text = told.out + told.log;
      if (told.code !== 0 || !text.includes(`Successful executions: ${LOAD_KEYS}`))
        throw new Error(text.slice(-3000));
    });
    await leader.start();
  },
};

async function needThree(cluster: OzoneCluster): Promise<void> {
  await cluster.needDatanodes(3);
  await whenPipelineIsOpen(cluster, "RATIS/THREE");
  await cluster.needOm();
  await needBucket(cluster);
}

/** The hint is of use only when it is what clients are configured with (spec 12 §3.3). */
async function followersNameLeader(cluster: OzoneCluster): Promise<void> {
  const leader = await cluster.whenLed();
  const hint = `Suggested leader is Server:${HOST}:${leader.ports.client}.`;
  for (const server of cluster.scm.servers) {
    if (server === leader) continue;
    const answer = await ask(server.ports.client, PROTOCOLS.location, LIST_PIPELINES);
    const isRight = answer.includes("hdds.ratis.ServerNotLeaderException") && answer.includes(hint);
    if (!isRight) throw new Error(`${server.name} does not say "${hint}":\n${answer}`);
  }
}

async function killLeader({ cluster, check }: StepBench): Promise<{ leader: ScmServer }> {
  const leader = await cluster.whenLed();
  await check("another one leads after SIGKILL", async () => {
    await leader.kill();
    await cluster.whenLed(FAILOVER_LIMIT_MS);
  });
  await check("a command finds it", async () => {
    await cluster.must("admin", "pipeline", "list");
  });
  return { leader };
}

async function whenRoles(cluster: OzoneCluster, followers: number): Promise<void> {
  const look = async () => {
    const { out } = await cluster.admin("scm", "roles");
    return out.split(":FOLLOWER:").length - 1 === followers ? true : undefined;
  };
  await soon(`${followers} followers`, look, FAILOVER_LIMIT_MS);
}

/** Of the last line that tells the tool's progress. */
function written(log: string): number {
  return Number([...log.matchAll(/\((\d+) out of \d+\)/g)].at(-1)?.[1] ?? 0);
}
