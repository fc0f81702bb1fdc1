import assert from "node:assert/strict";
import { test } from "node:test";
import { StrataError } from "../../../../engine/core/errors.js";
import { redirectOf } from "../../../../engine/gateway/redirect.js";
import { ADMIN_PATH, DATANODE_PATH } from "../../../../protocol/schema/messages.js";
import { memberOf } from "../../../support/cluster/builders.js";
import { RpcWorld } from "../../../support/gateway/rpc-world.js";

const MEMBERS = [1, 2, 3].map((number) => memberOf(number));

test("a client is told the term, the leader's endpoint, and everybody's port of each protocol", () => {
  const { term, leaderHint, members } = redirectOf(8, 2, MEMBERS);
  assert.deepEqual([term, leaderHint], [8, "ws://scm2.example.org:9865"]);
  assert.equal(members?.length, 3);
  assert.deepEqual(members?.[1], {
    nodeId: 2,
    scmId: memberOf(2).scmId,
    name: "scm2",
    host: "scm2.example.org",
    strataPort: 9865,
    raftPort: 9894,
    httpPort: 9876,
    clientPort: 9860,
    datanodePort: 9861,
    blockPort: 9863,
    securityPort: 0,
  });
});

test("nobody is named when nobody leads, the leader is no member, or it serves no clients", () => {
  assert.equal("leaderHint" in redirectOf(8, 0, MEMBERS), false);
  assert.equal("leaderHint" in redirectOf(8, 9, MEMBERS), false);
  const { ports } = memberOf(1);
  assert.equal("leaderHint" in redirectOf(8, 1, [memberOf(1, { ports: { ...ports, strata: 0 } })]), false);
  assert.deepEqual(redirectOf(8, 1, []), { term: 8 });
});

test("an address of IP version 6 stands in brackets", () => {
  assert.equal(redirectOf(8, 1, [memberOf(1, { host: "::1" })]).leaderHint, "ws://[::1]:9865");
});

test("hello, findLeader and the refusal of a request all tell it", () => {
  const world = new RpcWorld();
  const { term: _, ...redirect } = redirectOf(7, 2, MEMBERS);
  world.redirect = redirect;
  const connection = world.greeted(ADMIN_PATH);
  const told = ({ leaderHint, members }: { leaderHint?: unknown; members?: unknown }) => ({
    leaderHint,
    members,
  });
  assert.deepEqual(told(connection.lastAnswer.body as object), redirect);
  world.ask(connection, "findLeader", {});
  assert.deepEqual(connection.lastAnswer.body, { term: 7, isLeader: true, ...redirect });
  world.server.handle("scmInfo", (_session, _request, answer) => answer.fail(new StrataError("NOT_LEADER")));
  world.ask(connection, "scmInfo", {});
  const { error } = connection.lastAnswer;
  assert.equal(error?.term, 7);
  assert.deepEqual(told(error ?? {}), redirect);
  assert.equal(world.metrics.counters.redirects, 1);
});

test("datanodes do not look for the leader", () => {
  const world = new RpcWorld();
  const connection = world.greeted(DATANODE_PATH);
  world.ask(connection, "findLeader", {});
  assert.equal(connection.lastAnswer.error?.code, "UNSUPPORTED_OPERATION");
});
