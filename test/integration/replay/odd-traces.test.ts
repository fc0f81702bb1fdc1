import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { Player } from "../../../scripts/replay/player.js";
import { readRuns } from "../../../scripts/replay/trace.js";
import {
  admin,
  allocation,
  detailsOf,
  event,
  heartbeat,
  type Line,
  nodeAnswer,
  ratisOne,
  register,
  replica,
  traceNode,
  traceText,
} from "../../support/replay/trace-builder.js";

/** Traces of the same kind as the recorded one that differ from it in what a cluster may well do. */

const [ONE, TWO] = [traceNode(1), traceNode(2)];
const START = event(0, "scm-started");

async function inFolder<T>(files: Record<string, string>, use: (path: string) => T | Promise<T>): Promise<T> {
  const directory = mkdtempSync(join(tmpdir(), "strata-replay-test-"));
  try {
    for (const [name, text] of Object.entries(files)) {
      mkdirSync(dirname(join(directory, name)), { recursive: true });
      writeFileSync(join(directory, name), text);
    }
    return await use(directory);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

async function differencesOf(lines: readonly Line[]): Promise<string[]> {
  return await inFolder({ "scene.ndjson": traceText(lines) }, async (path) => {
    const found: string[] = [];
    for (const run of readRuns([path])) {
      const player = new Player(run, []);
      await player.play(() => undefined);
      found.push(...player.differences.lines);
    }
    return found;
  });
}

function queryNode(atMs: number, filter: object, answers: readonly Line[]): Line {
  return admin(
    atMs,
    "QueryNode",
    { nodeQueryRequest: { scope: "CLUSTER", ...filter } },
    { nodeQueryResponse: { datanodes: answers } },
  );
}

test("datanodes have the addresses and names that the SCM saw, and one that moves its new ones", async () => {
  const moved = { ...TWO, ipAddress: "10.0.7.7", hostName: "node7.example.com" };
  const lines = [
    START,
    register(1000, ONE),
    register(1100, TWO),
    queryNode(1500, {}, [nodeAnswer(ONE, "HEALTHY"), nodeAnswer(TWO, "HEALTHY")]),
    register(2000, moved),
    heartbeat(2500, moved),
    queryNode(3000, {}, [nodeAnswer(ONE, "HEALTHY"), nodeAnswer(moved, "HEALTHY")]),
  ];
  assert.deepEqual(await differencesOf(lines), []);
});

test("a datanode whose layout the SCM refused is not in the tables", async () => {
  const options = { softwareLayout: 9, errorCode: "errorNodeNotPermitted" };
  const reregister = [{ commandType: "reregisterCommand" }];
  const lines = [START, register(1000, ONE, [replica(1)], options), heartbeat(2000, ONE, {}, reregister)];
  assert.deepEqual(await differencesOf(lines), []);
});

test("containers allocated out of order and replicas that say little are compared", async () => {
  const rows = [
    replica(7, { dataChecksum: "-9214364837600034816", originNodeId: TWO.uuid }),
    replica(2, { keyCount: -1 }),
    // Unknown to the SCM, reported twice: the last one counts.
    replica(5_000_000_000, { used: 1 }),
    replica(5_000_000_000, { used: 2 }),
  ];
  const lines = [
    START,
    register(1000, ONE),
    allocation(2000, [7, 2], ratisOne(ONE, 1)),
    heartbeat(3000, ONE, { containerReport: { reports: rows } }),
    heartbeat(4000, ONE, {
      incrementalContainerReport: [{ report: [replica(2, { state: "DELETED" })] }, {}],
    }),
    admin(
      5000,
      "GetContainerReplicas",
      { getContainerReplicasRequest: { containerID: 7 } },
      {
        getContainerReplicasResponse: {
          containerReplica: [
            {
              containerID: 7,
              state: "CLOSED",
              datanodeDetails: detailsOf(ONE),
              placeOfBirth: TWO.uuid,
              sequenceID: 5,
              keyCount: 1,
              bytesUsed: 10,
              dataChecksum: "-9214364837600034816",
            },
          ],
        },
      },
    ),
    heartbeat(6000, ONE, { containerReport: {} }),
  ];
  assert.deepEqual(await differencesOf(lines), []);
});

test("containers and pipelines that an administrator creates are imported", async () => {
  const info = { containerID: 3, owner: "OZONE", state: "OPEN" };
  const lines = [
    START,
    register(1000, ONE),
    admin(2000, "AllocatePipeline", {}, { pipelineResponse: { pipeline: ratisOne(ONE, 2) } }),
    admin(
      2100,
      "AllocateContainer",
      {},
      {
        containerResponse: {
          errorCode: "success",
          containerWithPipeline: { containerInfo: info, pipeline: ratisOne(ONE, 3) },
        },
      },
    ),
    admin(
      2200,
      "GetContainerWithPipeline",
      { getContainerWithPipelineRequest: { containerID: 3 } },
      { getContainerWithPipelineResponse: {} },
    ),
  ];
  assert.deepEqual(await differencesOf(lines), []);
});

test("a call that ours refuses is a difference, and the trace is played on", async () => {
  const ask = admin(
    1000,
    "GetContainerReplicas",
    { getContainerReplicasRequest: { containerID: 0 } },
    { getContainerReplicasResponse: {} },
  );
  const lines = await differencesOf([START, ask, register(2000, ONE)]);
  assert.equal(lines.length, 1);
  assert.match(lines[0] ?? "", /GetContainerReplicas: ours containerId.*must be positive.*, trace an answer/);
});

test("a node that an answer about one operational state leaves out has left that state", async () => {
  const lines = [
    START,
    register(1000, ONE),
    queryNode(2000, { opState: "DECOMMISSIONING" }, [nodeAnswer(ONE, "HEALTHY", "DECOMMISSIONING")]),
    queryNode(3000, { opState: "DECOMMISSIONING" }, []),
    admin(
      3500,
      "SingleNodeQuery",
      {},
      { singleNodeQueryResponse: { datanode: nodeAnswer(ONE, "HEALTHY", "DECOMMISSIONED") } },
    ),
  ];
  assert.deepEqual(await differencesOf(lines), []);
});

test("a stale datanode that registers again with nothing changed becomes healthy in two checks", async () => {
  const lines = [
    START,
    register(1000, ONE),
    queryNode(16_500, {}, [nodeAnswer(ONE, "STALE")]),
    register(16_600, ONE),
    queryNode(16_700, {}, [nodeAnswer(ONE, "STALE")]),
    heartbeat(18_000, ONE),
    queryNode(20_500, {}, [nodeAnswer(ONE, "HEALTHY")]),
  ];
  assert.deepEqual(await differencesOf(lines), []);
});

test("an SCM that is killed, and stops that are told too early, are played as they were", async () => {
  const reregister = [{ commandType: "reregisterCommand" }];
  const lines = [
    START,
    register(1000, ONE, [replica(1)]),
    event(2000, "scm-stopped"),
    // Still the one that stops: it knows the datanode.
    heartbeat(2500, ONE, { containerReport: { reports: [replica(1), replica(2)] } }),
    queryNode(2600, {}, []),
    event(10_000, "scm-started"),
    heartbeat(10_500, ONE, {}, reregister),
    register(11_000, ONE, [replica(2)]),
    // Killed: no stop is told.
    event(20_000, "scm-started"),
    heartbeat(20_500, ONE, {}, reregister),
    register(21_000, ONE, [replica(3)]),
  ];
  assert.deepEqual(await differencesOf(lines), []);
});

test("folders below one are runs of their own; a folder without a call is refused", async () => {
  const text = traceText([START, register(1000, ONE)]);
  const names = await inFolder(
    { "a/1.ndjson": text, "b/2.ndjson": text, "b/c/3.ndjson": text, "d/x.txt": "" },
    (path) => {
      assert.throws(() => readRuns([join(path, "d")]), /holds no \*\.ndjson file with a call/);
      return readRuns([path]).map(({ name, scenes }) => `${name} ${scenes.length}`);
    },
  );
  assert.deepEqual(names, ["a 1", "b 1", "c 1"]);
});
