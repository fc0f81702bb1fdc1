import assert from "node:assert/strict";
import { test } from "node:test";
import type { RequestOf } from "../../../../../protocol/schema/messages.js";
import type { NodeRecord } from "../../../../../protocol/schema/records.js";
import { runCli } from "../../../../support/cli/run-cli.js";
import { nodeOf, uuidOf } from "../../../../support/records.js";

function node(number: number, networkLocation: string, changes: Partial<NodeRecord> = {}): NodeRecord {
  const { details } = nodeOf(number);
  const ports = [
    { name: "RATIS", value: 9858 },
    { name: "HTTP", value: 9882 },
  ];
  return nodeOf(number, { details: { ...details, ports, networkLocation }, ...changes });
}

const NODES = [
  node(1, "/rack2"),
  node(2, "/rack10", { health: "DEAD" }),
  node(3, "/rack10"),
  node(4, "/rack2", { operationalState: "DECOMMISSIONING" }),
  node(5, "/rack10", { health: "HEALTHY_READONLY" }),
];

async function print(...words: readonly string[]) {
  const requests: RequestOf<"listNodes">[] = [];
  const connection = {
    listNodes: async (request: RequestOf<"listNodes">) => {
      requests.push(request);
      const { health, operationalState } = request;
      const fits = (one: NodeRecord): boolean =>
        (health ?? one.health) === one.health &&
        (operationalState ?? one.operationalState) === one.operationalState;
      return { nodes: NODES.filter(fits), more: false };
    },
  };
  return { ...(await runCli(["admin", "printTopology", ...words], { connection })), requests };
}

test("printTopology shows datanodes by health, with ports, state and rack", async () => {
  const { exitCode, out } = await print();
  assert.equal(exitCode, 0);
  assert.deepEqual(out.split("\n"), [
    "State = HEALTHY",
    " 10.0.0.1(dn1.example.com):RATIS=9858,HTTP=9882    IN_SERVICE    /rack2",
    " 10.0.0.3(dn3.example.com):RATIS=9858,HTTP=9882    IN_SERVICE    /rack10",
    " 10.0.0.4(dn4.example.com):RATIS=9858,HTTP=9882    DECOMMISSIONING    /rack2",
    "State = DEAD",
    " 10.0.0.2(dn2.example.com):RATIS=9858,HTTP=9882    IN_SERVICE    /rack10",
    "State = HEALTHY_READONLY",
    " 10.0.0.5(dn5.example.com):RATIS=9858,HTTP=9882    IN_SERVICE    /rack10",
  ]);
});

test("printTopology --order groups by location, --full adds uuids", async () => {
  const { out } = await print("--order", "--node-state", "healthy");
  assert.deepEqual(out.split("\n"), [
    "State = HEALTHY",
    "Location: /rack10",
    " 10.0.0.3(dn3.example.com) IN_SERVICE",
    "Location: /rack2",
    " 10.0.0.1(dn1.example.com) IN_SERVICE",
    " 10.0.0.4(dn4.example.com) DECOMMISSIONING",
  ]);
  const full = await print("-f", "--node-state", "DEAD");
  assert.match(full.out, new RegExp(`^ ${uuidOf(2)}/10\\.0\\.0\\.2\\(dn2`, "m"));
  const both = await print("-o", "-f", "--node-state", "DEAD");
  assert.match(both.out, new RegExp(`^ ${uuidOf(2)}/10\\.0\\.0\\.2\\(dn2.example.com\\) IN_SERVICE$`, "m"));
});

test("printTopology leaves filters to the SCM and says nothing about states without datanodes", async () => {
  const { out, requests } = await print("--operational-state", "DECOMMISSIONING");
  assert.deepEqual(out.split("\n").length, 2);
  assert.equal(requests[0]?.operationalState, "DECOMMISSIONING");
  assert.equal((await print("--node-state", "STALE")).out, "");
  assert.equal((await print("--node-state", "SICK")).exitCode, 2);
});

test("printTopology --json is one array with the reference's names", async () => {
  const { out } = await print("--json", "--full");
  const nodes = JSON.parse(out) as object[];
  assert.deepEqual(nodes[2], {
    ipAddress: "10.0.0.4",
    hostName: "dn4.example.com",
    nodeState: "HEALTHY",
    operationalState: "DECOMMISSIONING",
    networkLocation: "/rack2",
    ports: { RATIS: 9858, HTTP: 9882 },
    uuid: uuidOf(4),
  });
  assert.equal(nodes.length, 5);
  const [first] = JSON.parse((await print("--json", "--order")).out) as object[];
  assert.deepEqual(Object.keys(first ?? {}), [
    "ipAddress",
    "hostName",
    "nodeState",
    "operationalState",
    "networkLocation",
  ]);
  assert.deepEqual(JSON.parse((await print("--json", "--node-state", "STALE")).out), []);
});
