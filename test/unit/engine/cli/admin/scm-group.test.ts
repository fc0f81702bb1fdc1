import assert from "node:assert/strict";
import { test } from "node:test";
import { StrataError } from "../../../../../engine/core/errors.js";
import { runCli } from "../../../../support/cli/run-cli.js";
import { uuidOf } from "../../../../support/cluster/builders.js";

const peer = (number: number, name: string) =>
  ({
    nodeId: number,
    scmId: uuidOf(number),
    host: "10.0.0.1",
    ratisPort: 9000 + number,
    role: number === 1 ? "LEADER" : "FOLLOWER",
    address: "10.0.0.1",
    name,
  }) as const;
const ROLES = { peers: [peer(1, "a"), peer(2, "b")], term: 3, configVersion: 7, isJoint: false };
const scmRoles = async () => ROLES;

test("leadership is handed to an SCM by name or id, or to any", async () => {
  const asked: unknown[] = [];
  const connection = {
    scmRoles,
    transferLeadership: async (request: object) => {
      asked.push(request);
      return { scmId: uuidOf(2) };
    },
  };
  const transfer = (...words: string[]) => runCli(["admin", "scm", "transfer", ...words], { connection });
  assert.equal((await transfer("-n", "b")).out, `Transferred leadership to ${uuidOf(2)}`);
  await transfer("--new-leader-id", uuidOf(1));
  assert.deepEqual(JSON.parse((await transfer("-r", "--json")).out), { leader: uuidOf(2) });
  assert.deepEqual(asked, [{ scmId: uuidOf(2) }, { scmId: uuidOf(1) }, {}]);
  for (const words of [[], ["-r", "-n", "b"]]) assert.equal((await transfer(...words)).exitCode, 2);
  const unknown = await transfer("-n", "z");
  assert.equal(unknown.exitCode, 1);
  assert.match(unknown.err, /there is no SCM z; the group has a, b/);
  assert.equal(asked.length, 3);
});

test("an SCM is removed by name or id, with force and version only when they are given", async () => {
  const asked: unknown[] = [];
  const connection = {
    scmRoles,
    decommissionScm: async (request: object) => {
      asked.push(request);
      return { configVersion: 8 };
    },
  };
  const remove = (...words: string[]) => runCli(["admin", "scm", "decommission", ...words], { connection });
  assert.equal((await remove("--nodeid", "b")).out, `Decommissioned SCM ${uuidOf(2)}`);
  const json = await remove("--nodeid", uuidOf(2), "--force", "--config-version", "7", "--json");
  assert.deepEqual(JSON.parse(json.out), { scmId: uuidOf(2), configVersion: 8 });
  assert.deepEqual(asked, [
    { scmId: uuidOf(2), force: false },
    { scmId: uuidOf(2), force: true, expectedVersion: 7 },
  ]);
  assert.equal((await remove()).exitCode, 2);
});

test("a refusal ends with 1 and its reason", async () => {
  const connection = {
    scmRoles,
    decommissionScm: () =>
      Promise.reject(new StrataError("CHANGE_REFUSED", { change: "removing", reason: "it leads the group" })),
  };
  const { exitCode, err } = await runCli(["admin", "scm", "decommission", "--nodeid", "a"], { connection });
  assert.equal(exitCode, 1);
  assert.match(err, /removing is refused: it leads the group \(CHANGE_REFUSED\)/);
});

test("an SCM is added to the cluster that answers", async () => {
  const asked: unknown[] = [];
  const connection = {
    scmInfo: async () => ({ clusterId: "CID-x" }) as never,
    addScm: async (request: object) => {
      asked.push(request);
      return { nodeId: 4, clusterId: "CID-x", primaryScmId: uuidOf(1), configVersion: 9 };
    },
  };
  const words = ["--nodeid", uuidOf(4), "--address", "d.example.org", "--name", "d", "--ratis-port", "99"];
  const { out } = await runCli(["admin", "scm", "add", ...words], { connection });
  assert.equal(out, `Added SCM ${uuidOf(4)} as number 4`);
  const noPorts = { httpPort: 0, clientPort: 0, datanodePort: 0, blockPort: 0, securityPort: 0 };
  const place = { nodeId: 0, scmId: uuidOf(4), name: "d", host: "d.example.org" };
  assert.deepEqual(asked, [
    { clusterId: "CID-x", scm: { ...place, raftPort: 99, strataPort: 9865, ...noPorts } },
  ]);
  const wrong = await runCli(["admin", "scm", "add", "--nodeid", "d", "--address", "d"], { connection });
  assert.equal(wrong.exitCode, 2);
});

test("SCMs that share a host are told apart by their ports", async () => {
  const { out } = await runCli(["admin", "scm", "roles", "--json"], { connection: { scmRoles } });
  assert.deepEqual(Object.keys(JSON.parse(out)), ["10.0.0.1:9001", "10.0.0.1:9002"]);
  const verbose = await runCli(["admin", "scm", "roles", "-v"], { connection: { scmRoles } });
  assert.match(verbose.out, /\| 10\.0\.0\.1 +\| 9002 .*\| b +\| 2 /);
  assert.match(verbose.out, /Term 3, configuration version 7$/);
});
