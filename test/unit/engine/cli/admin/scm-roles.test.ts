import assert from "node:assert/strict";
import { test } from "node:test";
import type { AdminOptions } from "../../../../../engine/cli/parts.js";
import { formatAddress } from "../../../../../engine/config/values.js";
import { runCli, strictConnection } from "../../../../support/cli/run-cli.js";
import { uuidOf } from "../../../../support/records.js";

const PEER = {
  nodeId: 1,
  scmId: uuidOf(1),
  host: "scm1",
  ratisPort: 9894,
  role: "LEADER",
  address: "10.0.0.1",
  name: "a",
  match: 12,
  lagCount: 0,
  isLive: true,
} as const;
const GROUP = { term: 3, configVersion: 7, isJoint: false };
const connection = { scmRoles: async () => ({ ...GROUP, peers: [PEER] }) };

test("roles are a line, a table or JSON", async () => {
  const lines = await runCli(["admin", "scm", "roles"], { connection });
  assert.equal(lines.out, `scm1:9894:LEADER:${uuidOf(1)}:10.0.0.1`);
  const table = await runCli(["admin", "scm", "roles", "--table"], { connection });
  assert.match(table.out, /Storage Container Manager Roles/);
  assert.match(table.out, /\| Host Name \| Ratis Port \| Role {3}\| Node ID {30}\| Host Address \|/);
  const json = await runCli(["admin", "scm", "roles", "--json"], { connection });
  assert.deepEqual(JSON.parse(json.out), {
    scm1: {
      address: "scm1:9894",
      raftPeerRole: "LEADER",
      ID: uuidOf(1),
      InetAddress: "10.0.0.1",
      name: "a",
      number: 1,
      lastEntry: 12,
      lag: 0,
      answers: true,
    },
  });
});

test("the SCM is that of --scm, else that of the configuration; the connection is closed", async () => {
  const seen: AdminOptions[] = [];
  let closed = 0;
  const ask = (...words: string[]) =>
    runCli(["admin", "scm", "roles", ...words], {
      parts: {
        connectAdmin: async (options) => {
          seen.push(options);
          return strictConnection({ ...connection, close: () => closed++ });
        },
      },
    });
  await ask();
  await ask("--scm", "scm9", "--timeout", "5");
  await ask("-Dstrata.ws.address=scm8:1234");
  const nodes = ["a", "b", "c"].map((name) => `-Dozone.scm.address.s.${name}=${name}`);
  const service = ["-Dozone.scm.service.ids=s", "-Dozone.scm.nodes.s=a,b,c", ...nodes];
  await ask(...service, "-Dstrata.ws.address.s.a=0.0.0.0:1");
  assert.deepEqual(
    seen.map(({ endpoints, timeoutMs }) => [endpoints.map(formatAddress).join(), timeoutMs]),
    [
      ["127.0.0.1:9865", 30_000],
      ["scm9:9865", 5000],
      ["scm8:1234", 30_000],
      ["a:1,b:9865,c:9865", 30_000],
    ],
  );
  assert.match(seen[0]?.clientName ?? "", /^strata admin \d/);
  assert.equal(closed, 4);
});
