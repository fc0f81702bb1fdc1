import { createAdminClient } from "../../protocol/client/index.js";
import { ScmGroup, type ScmMember } from "../../test/support/process/scm-group.js";
import { soon } from "../../test/support/wait.js";
import { FleetPlan } from "../fleet/plan.js";
import type { Bench, BenchContext } from "../harness/bench.js";
import type { Figure } from "../harness/figure.js";
import { metered } from "../harness/group-under-test.js";
import { populate } from "../harness/population.js";
import { type LoadSummary, loadLine, RunningLoad } from "../load/run-load.js";

const CONTAINERS = 1_000_000;
const NODES = 100;
const CLIENTS = 16;
/** Before the member starts, and after it is filled. */
const BASE_SECONDS = 8;
const WARM_UP_SECONDS = 3;
/** Between the member's last step and what counts as afterwards. */
const SETTLE_SECONDS = 2;
const LIMIT_MS = 300_000;
/** The least that can be set, so that the log of the import is gone. */
const LOG_ENTRIES = 1000;

/** A member of nothing gets the state of a lone SCM, which takes mutations meanwhile. */
export const snapshot: Bench = {
  name: "snapshot",
  doc: "a new member is filled with 1 M containers while 16 clients mutate the leader's, on loopback",
  run: (context) => fill(context, { containerCount: CONTAINERS, baseSeconds: BASE_SECONDS }),
};

/** The tests make them small. */
export interface SnapshotSizes {
  readonly containerCount: number;
  readonly baseSeconds: number;
}

/** One load from beginning to end, in pieces: nothing that happens falls between two of them. */
interface Pieces {
  readonly before: LoadSummary;
  /** Until the leader begins to send: a process starts. */
  readonly start: LoadSummary;
  /** Until all is at the member, checked and durable. */
  readonly sent: LoadSummary;
  /** Until the member has loaded it, and what was committed before it started. */
  readonly installed: LoadSummary;
  /** With a quorum of two. */
  readonly after: LoadSummary;
}

export async function fill({ print }: BenchContext, sizes: SnapshotSizes): Promise<readonly Figure[]> {
  const { containerCount } = sizes;
  const settings = [`strata.raft.log.entries.max=${LOG_ENTRIES}`];
  const group = await ScmGroup.create({ names: ["a"], laterNames: ["b"], takesImports: true, settings });
  try {
    await group.start();
    const [leader, member] = [group.member("a"), group.member("b")];
    const containersPerNode = (containerCount * 3) / NODES;
    await populate(leader.endpoint, new FleetPlan({ nodeCount: NODES, containersPerNode, seed: 1 }), print);
    await pushLogOut(leader);
    const pieces = await fillUnderLoad(leader, member, sizes);
    for (const [name, piece] of Object.entries(pieces) as [string, LoadSummary][]) {
      print(`${name}: ${piece.seconds.toFixed(2)} s, ${piece.count} operations, ${loadLine(piece)}`);
    }
    return figures(pieces, containerCount);
  } finally {
    await group.close();
  }
}

function figures({ before, start, sent, installed, after }: Pieces, containerCount: number): Figure[] {
  const seconds = sent.seconds + installed.seconds;
  const p99 = (name: string, { latencyUs }: LoadSummary): Figure => {
    return { name: `snapshot.leader.p99.${name}`, value: latencyUs.percentile(0.99) / 1000, unit: "ms" };
  };
  const failedCount = [start, sent, installed, after].reduce((sum, each) => sum + each.failedCount, 0);
  return [
    { name: "snapshot.fill", value: seconds, unit: "s", target: { comparison: "≤", value: 30 } },
    { name: "snapshot.fill.rate", value: containerCount / seconds, unit: "containers/s" },
    p99("before", before),
    p99("sent", sent),
    p99("installed", installed),
    p99("after", after),
    {
      name: "snapshot.leader.p99.ratio",
      value: sent.latencyUs.percentile(0.99) / before.latencyUs.percentile(0.99),
      unit: "of before",
      target: { comparison: "≤", value: 1.3 },
    },
    { name: "snapshot.leader.failed", value: failedCount, unit: "operations" },
  ];
}

/** Entries of their own, until those of the import are beyond what the log keeps. */
async function pushLogOut({ endpoint }: ScmMember): Promise<void> {
  const client = createAdminClient({ endpoints: [endpoint], clientName: "bench" });
  for (let i = 0; i < 2 * LOG_ENTRIES; i++) {
    await client.suppressContainers({ containerIds: [1], suppress: i % 2 === 0 });
  }
  client.close();
}

async function fillUnderLoad(
  leader: ScmMember,
  member: ScmMember,
  { containerCount, baseSeconds }: SnapshotSizes,
): Promise<Pieces> {
  const load = new RunningLoad({
    kind: "suppress",
    endpoints: [leader.endpoint],
    clients: CLIENTS,
    firstId: 1,
    lastId: containerCount,
    seconds: LIMIT_MS / 1000,
    seed: 1,
  });
  try {
    await sleep(Math.min(WARM_UP_SECONDS, baseSeconds));
    await load.cut();
    await sleep(baseSeconds);
    const before = await load.cut();
    await member.bootstrap();
    const committed = await numberOf(leader, "strata_raft_commit_index");
    member.spawn();
    await said(leader, "a member needs a snapshot");
    const start = await load.cut();
    await said(member, "a snapshot takes the place of the log");
    const sent = await load.cut();
    const applied = () => numberOf(member, "strata_raft_applied_index");
    const isFull = async () => (await applied()) >= committed || undefined;
    await soon("the member is filled", isFull, LIMIT_MS);
    const installed = await load.cut();
    await sleep(SETTLE_SECONDS);
    await load.cut();
    await sleep(baseSeconds);
    return { before, start, sent, installed, after: await load.cut() };
  } finally {
    load.end();
  }
}

async function said(member: ScmMember, words: string): Promise<void> {
  const ask = async () => member.process.text.includes(words) || undefined;
  await soon(`${member.name} says that ${words}`, ask, LIMIT_MS);
}

function sleep(seconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, seconds * 1000));
}

/** 0 while the member does not answer. */
async function numberOf(member: ScmMember, name: string): Promise<number> {
  try {
    return (await metered(member).metrics()).get(name) ?? 0;
  } catch {
    return 0;
  }
}
