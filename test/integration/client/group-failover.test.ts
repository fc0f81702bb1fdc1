import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import {
  type AdminClient,
  BufferReportSource,
  createAdminClient,
  createDatanodeGroupClient,
  type DatanodeGroupClient,
  reportRows,
} from "../../../protocol/client/index.js";
import { containerRecord, datanodeDetails, uuidOf } from "../../support/cluster/builders.js";
import { ScmGroup, type ScmMember } from "../../support/process/scm-group.js";
import { soon, waitFor } from "../../support/wait.js";

const CONTAINERS = 20;
const DATANODES = 3;
const LIMIT_MS = 30_000;
const SETTINGS = [
  "hdds.heartbeat.interval=500ms",
  "ozone.scm.heartbeat.thread.interval=500ms",
  "ozone.scm.stale.node.interval=30s",
  "ozone.scm.dead.node.interval=60s",
];

let group: ScmGroup;
const datanodes: DatanodeGroupClient[] = [];

function adminOf(endpoints: readonly string[], pinned = false): AdminClient {
  return createAdminClient({ endpoints, clientName: "test", attemptTimeoutMs: 200, pinned });
}

function datanodeOf(number: number): DatanodeGroupClient {
  const rows = reportRows(
    Array.from({ length: CONTAINERS }, (_, i) => ({
      containerId: i + 1,
      usedBytes: 1,
      sequenceId: 1,
      keyCount: 1,
      originNodeId: uuidOf(number),
      state: "CLOSED",
      isEmpty: false,
      replicaIndex: 0,
    })),
  );
  return createDatanodeGroupClient(
    { endpoints: group.endpoints, clientName: `dn ${number}` },
    {},
    {
      registration: () => ({
        details: datanodeDetails(number),
        report: { storageReports: [], metadataStorageReports: [] },
        pipelineReports: [],
        layout: { metadata: 10, software: 10 },
      }),
      heartbeat: () => ({ persistedOpState: "IN_SERVICE", persistedOpStateExpiry: 0, commandCounts: [] }),
      report: () => new BufferReportSource(rows),
    },
  );
}

/** Waits until the member knows all datanodes and what they have. */
async function whenKnown(member: ScmMember): Promise<void> {
  const ask = async () => (await figuresOf(member)) === ALL || undefined;
  await soon(`${member.name} knows all`, ask, LIMIT_MS);
}

/** What one member knows by itself. */
async function figuresOf({ endpoint }: ScmMember): Promise<string> {
  const client = adminOf([endpoint], true);
  try {
    const { nodeCount, healthyNodeCount, replicaCount } = await client.scmInfo();
    return `${nodeCount} nodes, ${healthyNodeCount} healthy, ${replicaCount} replicas`;
  } finally {
    client.close();
  }
}

const ALL = `${DATANODES} nodes, ${DATANODES} healthy, ${DATANODES * CONTAINERS} replicas`;

before(async () => {
  group = await ScmGroup.create({ takesImports: true, settings: SETTINGS });
  await group.start();
  const client = adminOf(group.endpoints);
  const containers = Array.from({ length: CONTAINERS }, (_, i) => containerRecord(i + 1));
  await client.import({ pipelines: [], containers });
  client.close();
});

after(async () => {
  for (const datanode of datanodes) datanode.close();
  await group.close();
});

test("every member knows the whole fleet", async () => {
  for (let number = 1; number <= DATANODES; number++) {
    const datanode = datanodeOf(number);
    datanodes.push(datanode);
    datanode.start();
  }
  for (const member of group.members) {
    await whenKnown(member);
  }
  for (const datanode of datanodes)
    await waitFor("a term is known", () => datanode.terms.termSeen > 0, LIMIT_MS);
});

test("a client that knows one follower finds the leader", async () => {
  const leader = await group.whenLed();
  const follower = group.members.find((member) => member !== leader) as ScmMember;
  const client = adminOf([follower.endpoint]);
  try {
    await client.suppressContainers({ containerIds: [1], suppress: true });
    const { container } = await client.getContainer({ containerId: 1 });
    assert.equal(container.suppressed, true);
  } finally {
    client.close();
  }
});

test("who asks a follower and nobody else is told who leads", async () => {
  const leader = await group.whenLed();
  const follower = group.members.find((member) => member !== leader) as ScmMember;
  const client = adminOf([follower.endpoint], true);
  try {
    await assert.rejects(client.getContainer({ containerId: 1 }), (error) => {
      const { code, leaderHint, members } = error as unknown as Record<string, unknown>;
      assert.equal(code, "NOT_LEADER");
      assert.equal(leaderHint, leader.endpoint);
      const ports = (members as { strataPort: number }[]).map(({ strataPort }) => strataPort);
      assert.deepEqual(ports.sort(), group.members.map(({ wsPort }) => wsPort).sort());
      return true;
    });
  } finally {
    client.close();
  }
});

test("after kill -9 of the leader mutations go on, each done once, by one who knows the fleet", async (t) => {
  const client = adminOf(group.endpoints);
  let isOver = false;
  let count = 0;
  let gapMs = 0;
  const { next: first = 1 } = await historyEnd(client);
  const writes = (async () => {
    for (let lastMs = performance.now(); !isOver; count++) {
      await client.suppressContainers({ containerIds: [2], suppress: count % 2 === 0 });
      const nowMs = performance.now();
      gapMs = Math.max(gapMs, nowMs - lastMs);
      lastMs = nowMs;
    }
  })();
  try {
    await waitFor("writes go on", () => count > 20, LIMIT_MS);
    const killed = await group.whenLed();
    gapMs = 0;
    await killed.kill();
    const before = count;
    await waitFor("writes go on after the kill", () => count > before + 20, LIMIT_MS);
    t.diagnostic(`gap of ${gapMs.toFixed(0)} ms`);
    isOver = true;
    await writes;
    const leader = await group.whenLed();
    assert.notEqual(leader, killed);
    assert.equal(await figuresOf(leader), ALL);
    const sequences = await sequencesFrom(client, first);
    assert.equal(sequences.length, count);
    assert.equal(new Set(sequences).size, count);
    await killed.start();
    await whenKnown(killed);
  } finally {
    isOver = true;
    client.close();
  }
});

async function historyEnd(client: AdminClient): Promise<{ next: number }> {
  const { entries } = await client.listHistory({ countMax: 1 });
  return { next: (entries.at(-1)?.number ?? 0) + 1 };
}

/** Sequence numbers of suppressions from `start` on, in the order of the log. */
async function sequencesFrom(client: AdminClient, start: number): Promise<number[]> {
  const sequences: number[] = [];
  for (let next: number | undefined = start; next !== undefined; ) {
    const page: Awaited<ReturnType<AdminClient["listHistory"]>> = await client.listHistory({
      start: next,
      countMax: 256,
    });
    const suppressions = page.entries.filter(({ operation }) => operation === "suppressContainers");
    sequences.push(...suppressions.map(({ sequence }) => sequence));
    next = page.next;
  }
  return sequences;
}
