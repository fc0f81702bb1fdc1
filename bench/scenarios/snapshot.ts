import { createAdminClient } from "../../protocol/client/index.js";
import { ScmGroup, type ScmMember } from "../../test/support/process/scm-group.js";
import { soon } from "../../test/support/wait.js";
import { FleetPlan } from "../fleet/plan.js";
import type { Bench, BenchContext } from "../harness/bench.js";
import type { Figure } from "../harness/figure.js";
import { metered } from "../harness/group-under-test.js";
import { populate } from "../harness/population.js";
import { type LoadSummary, loadLine, runLoad } from "../load/run-load.js";

const CONTAINERS = 1_000_000;
const NODES = 100;
const CLIENTS = 16;
const BASE_SECONDS = 8;
const WARM_UP_SECONDS = 3;
/** Of one load while the member is filled: only those that end before it is full count. */
const PIECE_SECONDS = 2;
const LIMIT_MS = 300_000;
/** The least that can be set, so that the log of the import is gone. */
const LOG_ENTRIES = 1000;

/** A member of nothing gets the state of a lone SCM, which takes mutations meanwhile. */
export const snapshot: Bench = {
  name: "snapshot",
  doc: "a new member is filled with 1 M containers while 16 clients mutate the leader's, on loopback",
  run: (context) => fill(context, CONTAINERS),
};

export async function fill({ print }: BenchContext, containerCount: number): Promise<readonly Figure[]> {
  const settings = [`strata.raft.log.entries.max=${LOG_ENTRIES}`];
  const group = await ScmGroup.create({ names: ["a"], laterNames: ["b"], takesImports: true, settings });
  try {
    await group.start();
    const [leader, member] = [group.member("a"), group.member("b")];
    const containersPerNode = (containerCount * 3) / NODES;
    await populate(leader.endpoint, new FleetPlan({ nodeCount: NODES, containersPerNode, seed: 1 }), print);
    await pushLogOut(leader);
    const endpoints = [leader.endpoint];
    const ids = { firstId: 1, lastId: containerCount };
    const load = (seconds: number): Promise<LoadSummary> =>
      runLoad({ kind: "suppress", endpoints, clients: CLIENTS, ...ids, seconds, seed: 1 });
    await load(WARM_UP_SECONDS);
    const before = await load(BASE_SECONDS);
    print(`alone: ${loadLine(before)}`);
    const { seconds, during } = await fillUnderLoad(leader, member, load);
    for (const each of during) print(`while the member is filled: ${loadLine(each)}`);
    const p99Ms = ({ latencyUs }: LoadSummary): number => latencyUs.percentile(0.99) / 1000;
    return [
      { name: "snapshot.fill", value: seconds, unit: "s" },
      { name: "snapshot.fill.rate", value: containerCount / seconds, unit: "containers/s" },
      { name: "snapshot.leader.p99.before", value: p99Ms(before), unit: "ms" },
      { name: "snapshot.leader.p99.during", value: Math.max(...during.map(p99Ms)), unit: "ms" },
      { name: "snapshot.leader.failed", value: sum(during, (each) => each.failedCount), unit: "operations" },
    ];
  } finally {
    await group.close();
  }
}

/** Entries of their own, until those of the import are beyond what the log keeps. */
async function pushLogOut({ endpoint }: ScmMember): Promise<void> {
  const client = createAdminClient({ endpoints: [endpoint], clientName: "bench" });
  for (let i = 0; i < 2 * LOG_ENTRIES; i++) {
    await client.suppressContainers({ containerIds: [1], suppress: i % 2 === 0 });
  }
  client.close();
}

/** Time from the start of the member's process until it has all that was committed then. */
async function fillUnderLoad(
  leader: ScmMember,
  member: ScmMember,
  load: (seconds: number) => Promise<LoadSummary>,
): Promise<{ readonly seconds: number; readonly during: readonly LoadSummary[] }> {
  await member.bootstrap();
  const committed = await numberOf(leader, "strata_raft_commit_index");
  const filling = whenFull(member, committed);
  let isOver = false;
  const end = (): void => {
    isOver = true;
  };
  filling.then(end, end);
  const during: LoadSummary[] = [];
  while (!isOver) {
    const piece = await load(PIECE_SECONDS);
    // Soon after it is full it is one of the quorum.
    if (!isOver || during.length === 0) during.push(piece);
  }
  return { seconds: await filling, during };
}

async function whenFull(member: ScmMember, index: number): Promise<number> {
  const startMs = performance.now();
  await member.start();
  const ask = async () => (await numberOf(member, "strata_raft_applied_index")) >= index || undefined;
  await soon("the member is filled", ask, LIMIT_MS);
  return (performance.now() - startMs) / 1000;
}

/** 0 while the member does not answer. */
async function numberOf(member: ScmMember, name: string): Promise<number> {
  try {
    return (await metered(member).metrics()).get(name) ?? 0;
  } catch {
    return 0;
  }
}

function sum<T>(items: readonly T[], of: (item: T) => number): number {
  return items.reduce((total, item) => total + of(item), 0);
}
