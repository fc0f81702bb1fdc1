import assert from "node:assert/strict";
import { test } from "node:test";
import type { AdminConnection } from "../../../../../engine/cli/parts.js";
import { StrataError } from "../../../../../engine/core/errors.js";
import type { RequestOf } from "../../../../../protocol/schema/messages.js";
import type { NodeRecord, PipelineRecord } from "../../../../../protocol/schema/records.js";
import { runCli } from "../../../../support/cli/run-cli.js";
import { nodeOf, pipelineOf, uuidOf, volumeOf } from "../../../../support/records.js";

/** An SCM with these nodes and pipelines that answers pages of two. */
function scmWith(nodes: readonly NodeRecord[], pipelines: readonly PipelineRecord[] = []) {
  const requests: RequestOf<"listNodes">[] = [];
  const connection: Partial<AdminConnection> = {
    listNodes: async (request) => {
      requests.push(request);
      const start = nodes.findIndex(({ details }) => details.uuid === request.after) + 1;
      return { nodes: nodes.slice(start, start + 2), more: start + 2 < nodes.length };
    },
    getNode: async ({ uuid }) => {
      const node = nodes.find(({ details }) => details.uuid === uuid);
      if (node === undefined) throw new StrataError("NO_SUCH_DATANODE", { uuid });
      return { node };
    },
    listPipelines: async ({ after }) => {
      const start = pipelines.findIndex(({ pipelineId }) => pipelineId === after) + 1;
      return { pipelines: pipelines.slice(start, start + 2), more: start + 2 < pipelines.length };
    },
  };
  return { connection, requests };
}

const usedTo = (remaining: number): Partial<NodeRecord> => ({
  report: { storageReports: [volumeOf({ remaining })], metadataStorageReports: [] },
});

test("list shows each node with place, states, volumes and pipelines, by health", async () => {
  const failing = volumeOf({ storageLocation: "/data/2", failed: true });
  const nodes = [
    nodeOf(1, { health: "DEAD", operationalState: "DECOMMISSIONED" }),
    nodeOf(2, { report: { storageReports: [volumeOf(), failing], metadataStorageReports: [] } }),
    nodeOf(3),
  ];
  const { connection } = scmWith(nodes, [pipelineOf(100, [2, 3, 4])]);
  const { exitCode, out } = await runCli(["admin", "datanode", "list"], { connection });
  assert.equal(exitCode, 0);
  assert.deepEqual(out.split("\n"), [
    `Datanode: ${uuidOf(2)} (/default-rack/10.0.0.2/dn2.example.com/1 pipelines)`,
    "Operational State: IN_SERVICE",
    "Health State: HEALTHY",
    "Total volume count: 2",
    "Healthy volume count: 1",
    "Failed volumes:",
    "  /data/2",
    "Related pipelines:",
    `${uuidOf(100)}/RATIS/THREE/RATIS/OPEN/Leader`,
    "",
    `Datanode: ${uuidOf(3)} (/default-rack/10.0.0.3/dn3.example.com/1 pipelines)`,
    "Operational State: IN_SERVICE",
    "Health State: HEALTHY",
    "Total volume count: 1",
    "Healthy volume count: 1",
    "Related pipelines:",
    `${uuidOf(100)}/RATIS/THREE/RATIS/OPEN/Follower`,
    "",
    `Datanode: ${uuidOf(1)} (/default-rack/10.0.0.1/dn1.example.com/0 pipelines)`,
    "Operational State: DECOMMISSIONED",
    "Health State: DEAD",
    "Total volume count: 1",
    "Healthy volume count: 1",
    "Related pipelines:",
    "No related pipelines or the node is not in Healthy state.",
    "",
  ]);
});

test("list gives filters to the SCM and limits the length", async () => {
  const { connection, requests } = scmWith([nodeOf(1), nodeOf(2), nodeOf(3)]);
  const filters = ["--node-state", "stale", "--operational-state", "IN_MAINTENANCE"];
  const { out } = await runCli(["admin", "datanode", "list", "--json", "-l", "2", ...filters], {
    connection,
  });
  assert.equal(JSON.parse(out).length, 2);
  assert.deepEqual(
    requests.map(({ health, operationalState, after }) => [health, operationalState, after]),
    [
      ["STALE", "IN_MAINTENANCE", undefined],
      ["STALE", "IN_MAINTENANCE", uuidOf(2)],
    ],
  );
  const all = await runCli(["admin", "datanode", "list", "--json", "-l", "2", "-a"], { connection });
  assert.equal(JSON.parse(all.out).length, 3);
});

test("a page that does not fit a frame is asked for in halves", async () => {
  const asked: number[] = [];
  const nodes = Array.from({ length: 5 }, (_, i) => nodeOf(i + 1));
  const connection: Partial<AdminConnection> = {
    listNodes: async ({ after, countMax }) => {
      asked.push(countMax);
      if (countMax > 64) throw new StrataError("FRAME_TOO_LARGE", { bytes: 300_000, limit: 262_144 });
      const start = nodes.findIndex(({ details }) => details.uuid === after) + 1;
      return { nodes: nodes.slice(start, start + 3), more: start + 3 < nodes.length };
    },
  };
  const { exitCode, out } = await runCli(["admin", "datanode", "list", "--json"], { connection });
  assert.deepEqual([exitCode, JSON.parse(out).length], [0, 5]);
  assert.deepEqual(asked, [256, 128, 64, 64]);
});

test("list finds a node by id under all its names, by address and by host name", async () => {
  const { connection } = scmWith([nodeOf(1), nodeOf(2)]);
  const ways = [
    ["--node-id", uuidOf(2)],
    ["--id", uuidOf(2)],
    ["--uuid", uuidOf(2).toUpperCase()],
    ["--ip", "10.0.0.2"],
    ["--hostname", "DN2.example.com"],
  ];
  for (const way of ways) {
    const { out } = await runCli(["admin", "datanode", "list", "--json", ...way], { connection });
    const shapes = JSON.parse(out) as { id: string }[];
    assert.deepEqual(
      shapes.map(({ id }) => id),
      [uuidOf(2)],
      way.join(" "),
    );
  }
  const unknown = await runCli(["admin", "datanode", "list", "--node-id", uuidOf(9)], { connection });
  assert.equal(unknown.exitCode, 1);
  assert.match(unknown.err, /NO_SUCH_DATANODE/);
});

test("list by usage takes healthy nodes in service only, and shows the usage", async () => {
  const nodes = [
    nodeOf(1, usedTo(900)),
    nodeOf(2, usedTo(100)),
    nodeOf(3, { ...usedTo(0), health: "STALE" }),
    nodeOf(4, { ...usedTo(0), operationalState: "DECOMMISSIONING" }),
  ];
  const { connection } = scmWith(nodes);
  const most = await runCli(["admin", "datanode", "list", "--most-used", "--json"], { connection });
  assert.deepEqual(
    (JSON.parse(most.out) as Record<string, unknown>[]).map(({ id, used, capacity, percentUsed }) => [
      id,
      used,
      capacity,
      percentUsed,
    ]),
    [
      [uuidOf(2), 900, 1000, 90],
      [uuidOf(1), 100, 1000, 10],
    ],
  );
  const least = await runCli(["admin", "datanode", "list", "--least-used"], { connection });
  const [first] = least.out.split("\n");
  assert.ok(first?.includes(uuidOf(1)));
  assert.match(least.out, /Capacity: 1000\nUsed: 100\nPercentage Used : 10.00%/);
});

test("list can show only nodes with failed volumes", async () => {
  const failed = [volumeOf({ failed: true })];
  const nodes = [nodeOf(1), nodeOf(2, { report: { storageReports: failed, metadataStorageReports: [] } })];
  const { connection } = scmWith(nodes);
  const { out } = await runCli(["admin", "datanode", "list", "--nodes-with-failed-volumes", "--json"], {
    connection,
  });
  const [shape, ...others] = JSON.parse(out) as Record<string, unknown>[];
  assert.deepEqual([shape?.["id"], shape?.["failedVolumes"], others], [uuidOf(2), ["/data/hdds"], []]);
  const words = ["admin", "datanode", "list", "--nodes-with-failed-volumes", "--node-id", uuidOf(1)];
  assert.equal((await runCli(words, { connection })).exitCode, 2);
});

test("an element of the JSON list has the reference's fields", async () => {
  const { connection } = scmWith([nodeOf(1, { operationalState: "ENTERING_MAINTENANCE" })]);
  const { out } = await runCli(["admin", "datanode", "list", "--json"], { connection });
  assert.deepEqual(JSON.parse(out), [
    {
      id: uuidOf(1),
      hostName: "dn1.example.com",
      ipAddress: "10.0.0.1",
      ports: [{ name: "RATIS", value: 9858 }],
      setupTime: 0,
      currentVersion: 1,
      opState: "ENTERING_MAINTENANCE",
      persistedOpState: "IN_SERVICE",
      persistedOpStateExpiryEpochSec: 0,
      healthState: "HEALTHY",
      decommissioned: false,
      maintenance: true,
      cost: 0,
      numOfLeaves: 1,
      networkFullPath: `/default-rack/${uuidOf(1)}`,
      networkLocation: "/default-rack",
      networkName: uuidOf(1),
      totalVolumeCount: 1,
      healthyVolumeCount: 1,
    },
  ]);
});

test("info shows one node with heartbeat, layout and volumes", async () => {
  const { connection } = scmWith([nodeOf(1)]);
  const { exitCode, out } = await runCli(["admin", "datanode", "info", uuidOf(1)], { connection });
  assert.equal(exitCode, 0);
  assert.match(out, /^Datanode: 0/);
  assert.match(out, /Last heartbeat: 1.5 s ago/);
  assert.match(out, /Layout version: metadata 9, software 9/);
  assert.match(out, /Volume: \/data\/hdds, DISK, 1000 B, 20.00% used/);
});

test("usageinfo shows the figures of the file systems and of Ozone", async () => {
  const volumes = [
    volumeOf({ fsCapacity: 2000, fsAvailable: 500 }),
    volumeOf({ capacity: 1048, remaining: 1048 }),
  ];
  const { connection } = scmWith([
    nodeOf(1, { report: { storageReports: volumes, metadataStorageReports: [] } }),
  ]);
  const text = await runCli(["admin", "datanode", "usageinfo", "--node-id", uuidOf(1)], { connection });
  const lines = text.out.split("\n");
  assert.equal(lines[0], "Usage Information (1 Datanodes)");
  for (const line of [
    "Filesystem Capacity     : 2000 B (1.95 KB)",
    "Filesystem Used %       : 75.00% (Filesystem Used/Filesystem Capacity)",
    "Ozone Capacity          : 2048 B (2 KB)",
    "Ozone Used              : 200 B (200 B)",
    "Ozone Available         : 1848 B (1.80 KB)",
    "Container(s)            : 4",
    "Container Pre-allocated : 100 B (100 B)",
    "Remaining Allocatable   : 1748 B (1.71 KB)",
    "Reserved                : 20 B (20 B)",
  ]) {
    assert.ok(lines.includes(line), line);
  }
  const json = await runCli(["admin", "datanode", "usageinfo", "--ip", "10.0.0.1", "--json"], { connection });
  const [shape] = JSON.parse(json.out) as Record<string, unknown>[];
  const { datanodeDetails, ...figures } = shape ?? {};
  assert.equal((datanodeDetails as Record<string, unknown>)["uuidString"], uuidOf(1));
  assert.deepEqual(figures, {
    filesystemCapacity: 2000,
    filesystemAvailable: 500,
    filesystemUsed: 1500,
    ozoneCapacity: 2048,
    ozoneUsed: 200,
    ozoneAvailable: 1848,
    committed: 100,
    freeSpaceToSpare: 40,
    containerCount: 4,
    pipelineCount: 1,
    reserved: 20,
    filesystemUsedPercent: 75,
    filesystemAvailablePercent: 25,
    ozoneUsedPercent: 9.77,
    ozoneAvailablePercent: 90.23,
  });
});

test("usageinfo of an unknown node is empty; a node without report has zeros", async () => {
  const { report: _, ...withoutReport } = nodeOf(1);
  const { connection } = scmWith([withoutReport]);
  const unknown = await runCli(["admin", "datanode", "usageinfo", "--node-id", uuidOf(9)], { connection });
  assert.deepEqual([unknown.exitCode, unknown.out], [0, "Usage Information (0 Datanodes)"]);
  const { out } = await runCli(["admin", "datanode", "usageinfo", "--address", "dn1.example.com"], {
    connection,
  });
  assert.match(out, /Ozone Used % {12}: 0.00%/);
  assert.doesNotMatch(out, /Filesystem/);
});

test("usageinfo shows as many of the most or least used as wanted", async () => {
  const { connection } = scmWith([
    nodeOf(1, usedTo(1)),
    nodeOf(2, usedTo(2)),
    nodeOf(3, usedTo(3)),
    nodeOf(4, usedTo(4)),
  ]);
  const hosts = async (...words: string[]) => {
    const { out } = await runCli(["admin", "datanode", "usageinfo", "--json", ...words], { connection });
    return (JSON.parse(out) as { datanodeDetails: { hostName: string } }[]).map(
      ({ datanodeDetails }) => datanodeDetails.hostName.split(".")[0],
    );
  };
  assert.deepEqual(await hosts("-m"), ["dn1", "dn2", "dn3"]);
  assert.deepEqual(await hosts("-l", "-c", "1"), ["dn4"]);
});
