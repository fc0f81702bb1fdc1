import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { createAdminClient, type ReportRow } from "../../../protocol/client/index.js";
import { uuidOf } from "../../support/cluster/builders.js";
import { ObedientDatanode } from "../../support/process/obedient-datanode.js";
import { ScmHome } from "../../support/process/scm-home.js";
import { runCommand, type StrataProcess } from "../../support/process/strata-process.js";
import { soon, waitFor } from "../../support/wait.js";

/** What an operator does to containers, with the real program and datanodes on real sockets. */

const PIPELINE = "00000000-0000-4000-8000-000000000064";
const NODES = [1, 2, 3];

/** 1 is open, 2 has replicas that differ, 3 is empty, 4 of type EC, 5 without replicas. */
const LINES = [
  {
    type: "pipeline",
    pipelineId: PIPELINE,
    replication: "RATIS/THREE",
    state: "OPEN",
    members: NODES.map((node) => ({
      uuid: uuidOf(node),
      ipAddress: "127.0.0.1",
      hostName: "localhost",
      ports: { RATIS: 9858 },
    })),
    creationTimeMs: 1_700_000_000_000,
  },
  ...["OPEN", "CLOSED", "CLOSED", "CLOSED", "CLOSED"].map((state, i) => ({
    type: "container",
    containerId: i + 1,
    state,
    replication: i === 3 ? "rs-3-2-1024k" : "RATIS/THREE",
    pipelineId: PIPELINE,
    owner: "om1",
    sequenceId: i === 0 ? 0 : 9,
    stateEnterTimeMs: 1_700_000_000_000,
  })),
];

function rowsOf(node: number): ReportRow[] {
  const row = { usedBytes: 4096, sequenceId: 9, keyCount: 3, originNodeId: uuidOf(node), replicaIndex: 0 };
  return [
    { ...row, containerId: 1, state: "OPEN", isEmpty: false },
    { ...row, containerId: 2, state: "CLOSED", isEmpty: false, dataChecksum: BigInt(node) },
    { ...row, containerId: 3, usedBytes: 0, keyCount: 0, state: "CLOSED", isEmpty: true },
  ];
}

let home: ScmHome;
let scm: StrataProcess;
let nodes: ObedientDatanode[] = [];

before(async () => {
  home = await ScmHome.create(["ozone.scm.close.container.wait.duration=100ms"]);
  scm = await home.start();
  nodes = NODES.map((node) => new ObedientDatanode(uuidOf(node), home.endpoint, rowsOf(node)));
  for (const node of nodes) node.start();
  const file = join(home.directory, "containers.jsonl");
  writeFileSync(file, LINES.map((line) => JSON.stringify(line)).join("\n"));
  const { code, text } = await container("import", file);
  assert.equal(code, 0, text);
  await waitFor("all datanodes have reported", () => nodes.every(({ isReported }) => isReported));
});

after(async () => {
  for (const node of nodes) node.close();
  scm.signal("SIGTERM");
  await scm.ended;
  await home.remove();
});

function admin(...words: string[]) {
  return runCommand(["admin", ...words, "--scm", home.endpoint.replace("ws://", "")]);
}

function container(...words: string[]) {
  return admin("container", ...words);
}

/** As the library asks. */
async function stateOf(containerId: number): Promise<string> {
  const client = createAdminClient({ endpoints: [home.endpoint], clientName: "test" });
  try {
    return (await client.getContainer({ containerId })).container.state;
  } finally {
    client.close();
  }
}

function reaches(containerId: number, state: string): Promise<unknown> {
  return soon(
    `container ${containerId} is ${state}`,
    async () => ((await stateOf(containerId)) === state ? true : undefined),
    20_000,
  );
}

test("list, report and the containers of a datanode", async () => {
  const list = await container("list", "-c", "2");
  assert.match(list.text, /Displaying 2 out of 5 containers\. Container list has more containers\./);
  const ec = JSON.parse((await container("list", "-t", "EC", "-r", "rs-3-2-1024k")).text);
  assert.deepEqual([ec.length, ec[0].containerID], [1, 4]);
  const report = await container("report");
  assert.match(report.text, /OPEN: 1\nCLOSING: 0\nQUASI_CLOSED: 0\nCLOSED: 4\n/);
  const held = await admin("datanode", "containers", uuidOf(2), "-c", "2");
  assert.match(held.text, /Container {2}State\n +1 {2}OPEN\n +2 {2}CLOSED\n/);
  assert.match(held.text, /Displaying 2 out of 3 containers\. The datanode has more containers\./);
});

test("an open container is closed by its datanodes, once", async () => {
  assert.deepEqual(await container("close", "1"), { code: 0, text: "" });
  await reaches(1, "CLOSED");
  const again = await container("close", "1");
  assert.deepEqual([again.code, again.text], [0, "Container 1 is closed already.\n"]);
  for (const { commands } of nodes) {
    assert.deepEqual(
      commands.filter((command) => command.endsWith(" 1")),
      ["closeContainerCommand 1"],
    );
  }
  const info = JSON.parse((await container("info", "1", "--json")).text);
  assert.deepEqual(
    [info.containerInfo.usedBytes, info.containerInfo.numberOfKeys, info.containerInfo.sequenceId],
    [4096, 3, 9],
  );
});

test("only an empty container is deleted, with its replicas", async () => {
  const full = await container("delete", "2", "--yes");
  assert.equal(full.code, 1);
  assert.match(full.text, /container 2 cannot be deleted: 3 of its 3 replicas are not empty/);
  const unknown = await container("delete", "5", "--yes");
  assert.match(unknown.text, /container 5 cannot be deleted: none of its replicas is known/);
  const silent = await container("delete", "3");
  assert.equal(silent.code, 2);
  assert.equal(await stateOf(3), "CLOSED");

  const done = await container("delete", "3", "--yes");
  assert.deepEqual([done.code, done.text], [0, "Container 3 is being deleted; 3 datanode(s) were told.\n"]);
  assert.equal(await stateOf(3), "DELETING");
  await soon(
    "the replicas are gone",
    async () => ((await container("info", "3")).text.endsWith("Replicas: []\n") ? true : undefined),
    20_000,
  );
});

test("replicas that differ are reconciled, each datanode with the others", async () => {
  const status = async () => JSON.parse((await container("reconcile", "--status", "2")).text);
  const [{ replicasMatch, replicas }] = await status();
  assert.equal(replicasMatch, false);
  assert.deepEqual(replicas.map(({ dataChecksum }: { dataChecksum: string }) => dataChecksum).sort(), [
    "1",
    "2",
    "3",
  ]);
  const refused = await container("reconcile", "2", "4");
  assert.equal(refused.code, 1);
  assert.match(refused.text, /Reconciliation of container 2 begins on 3 datanode\(s\)/);
  assert.match(refused.text, /container 4 cannot be reconciled: none of its replicas is known/);
  await soon("the replicas match", async () => (await status())[0].replicasMatch || undefined, 20_000);
  for (const [i, { commands }] of nodes.entries()) {
    const [told] = commands.filter((command) => command.startsWith("reconcileContainerCommand"));
    const others = NODES.filter((node) => node !== i + 1).map((node) => uuidOf(node));
    assert.deepEqual(told?.split(" ").sort(), ["reconcileContainerCommand", "2", ...others].sort());
  }
});

test("what operators changed is in the history, and all they asked for in the audit log", async () => {
  const history = JSON.parse((await admin("history", "--json")).text) as Record<string, string>[];
  const changes = history
    .filter(({ operation }) => operation === "transitionContainer")
    .map(({ outcome, details }) => `${outcome} ${details}`);
  assert.deepEqual(changes, ["DONE container 1 FINALIZE", "DONE container 3 DELETE"]);
  const audit = readFileSync(join(home.metadataDir, "audit.log"), "utf8").trim().split("\n");
  const records = audit.map((line) => JSON.parse(line) as Record<string, string>);
  const ofContainers = records
    .filter(({ operation }) => /_CONTAINER$/.test(operation ?? ""))
    .map(({ operation, error = "done" }) => `${operation} ${error}`);
  assert.deepEqual(ofContainers, [
    "CLOSE_CONTAINER done",
    "CLOSE_CONTAINER done",
    "DELETE_CONTAINER CONTAINER_INELIGIBLE",
    "DELETE_CONTAINER CONTAINER_INELIGIBLE",
    "DELETE_CONTAINER done",
    "RECONCILE_CONTAINER done",
    "RECONCILE_CONTAINER CONTAINER_INELIGIBLE",
  ]);
});
