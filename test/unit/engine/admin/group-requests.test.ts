import assert from "node:assert/strict";
import { test } from "node:test";
import { serveAdmin } from "../../../../engine/admin/admin-gateway.js";
import type { AdminServices } from "../../../../engine/admin/admin-services.js";
import { MemberTable } from "../../../../engine/cluster/members/member-table.js";
import type { Candidate } from "../../../../engine/cluster/members/membership-rules.js";
import type { GroupCallback } from "../../../../engine/consensus/consensus.js";
import { StrataError } from "../../../../engine/core/errors.js";
import { logIndex } from "../../../../engine/core/ids.js";
import type { Uuid } from "../../../../engine/core/uuid.js";
import { nodeId } from "../../../../engine/raft/types.js";
import type { AuditRecord } from "../../../../engine/telemetry/audit.js";
import { ADMIN_PATH, type OperationName, type RequestOf } from "../../../../protocol/schema/messages.js";
import type { ScmAddress } from "../../../../protocol/schema/records.js";
import { memberOf, uuidOf } from "../../../support/cluster/builders.js";
import { CLUSTER_ID, RpcWorld } from "../../../support/gateway/rpc-world.js";
import { LONE_CONF_STATE } from "../../../support/raft/lone-voter.js";

/** What the gateway asked of the group. */
interface Asked {
  readonly what: unknown[];
  readonly onOutcome: GroupCallback;
}

/** The admin gateway before a group that answers when the test says so. */
function admin() {
  const world = new RpcWorld();
  const audited: AuditRecord[] = [];
  const asked: Asked[] = [];
  const members = new MemberTable();
  members.begin(LONE_CONF_STATE);
  const services = {
    clock: world.clock,
    identity: { clusterId: CLUSTER_ID, nodeId: 1, scmId: uuidOf(1) },
    primaryScmId: uuidOf(1),
    host: { address: "10.0.0.1" },
    cluster: { members },
    group: {
      add: (candidate: Candidate, expected: unknown, onOutcome: GroupCallback) => {
        asked.push({ what: ["add", candidate, expected], onOutcome });
      },
      remove: (scmId: Uuid, options: object, onOutcome: GroupCallback) => {
        asked.push({ what: ["remove", scmId, options], onOutcome });
      },
      transfer: (scmId: Uuid | undefined, onOutcome: (outcome: StrataError | { scmId: Uuid }) => void) => {
        const onDone: GroupCallback = (refusal) => onOutcome(refusal ?? { scmId: uuidOf(2) });
        asked.push({ what: ["transfer", scmId], onOutcome: onDone });
      },
      view: () => ({
        term: 5,
        configVersion: 9,
        isJoint: false,
        roles: [
          {
            member: memberOf(1),
            role: "LEADER",
            progress: { match: logIndex(7), lagCount: 0, isLive: true },
          },
          { member: memberOf(2, { host: "10.0.0.2" }), role: "LEARNER", progress: undefined },
          { member: memberOf(3), role: "FOLLOWER", progress: undefined },
        ],
      }),
    },
    audit: {
      ready: () => true,
      whenReady: () => Promise.resolve(),
      write: (record: AuditRecord) => audited.push(record),
    },
  };
  serveAdmin(world.server, services as unknown as AdminServices);
  const connection = world.greeted(ADMIN_PATH);
  const ask = (name: OperationName, request: object) => {
    world.ask(connection, name, request);
    world.turn();
  };
  const answer = () => {
    world.turn();
    return connection.lastAnswer;
  };
  return { audited, asked, members, ask, answer };
}

const ADDRESS: ScmAddress = {
  nodeId: 0,
  scmId: memberOf(2).scmId,
  name: "b",
  host: "b.example.org",
  strataPort: 9865,
  raftPort: 9894,
  httpPort: 9876,
  clientPort: 0,
  datanodePort: 0,
  blockPort: 0,
  securityPort: 0,
};

test("an SCM that asks to join learns its number when the group has taken it in, and it is on record", () => {
  const { asked, members, ask, answer, audited } = admin();
  ask("addScm", { clusterId: CLUSTER_ID, scm: ADDRESS, expectedVersion: 4 });
  const [what, candidate, expected] = asked[0]?.what ?? [];
  assert.deepEqual([what, expected], ["add", 4]);
  assert.deepEqual((candidate as Candidate).ports.raft, 9894);
  assert.equal(audited.length, 0, "not before its outcome");
  members.change(logIndex(12), { ...LONE_CONF_STATE, learners: [nodeId(2)] }, memberOf(2));
  asked[0]?.onOutcome(undefined);
  assert.deepEqual(answer().body, {
    nodeId: 2,
    clusterId: CLUSTER_ID,
    primaryScmId: uuidOf(1),
    configVersion: 12,
  });
  assert.deepEqual(
    audited.map(({ operation, error }) => [operation, error]),
    [["ADD_SCM", undefined]],
  );
});

test("what cannot be an SCM of this cluster is not even asked for, but on record", () => {
  const { asked, ask, answer, audited } = admin();
  const refusals: [Partial<RequestOf<"addScm">>, string][] = [
    [{ clusterId: "CID-other" }, "CLUSTER_ID_MISMATCH"],
    [{ scm: { ...ADDRESS, host: "" } }, "INVALID_ARGUMENT"],
    [{ scm: { ...ADDRESS, raftPort: 65_536 } }, "INVALID_ARGUMENT"],
  ];
  for (const [changes, code] of refusals) {
    ask("addScm", { clusterId: CLUSTER_ID, scm: ADDRESS, ...changes });
    assert.equal(answer().error?.code, code);
    assert.equal(audited.at(-1)?.error, code);
  }
  assert.equal(asked.length, 0);
});

test("removals and transfers end with what the group says", () => {
  const { asked, ask, answer, audited } = admin();
  ask("decommissionScm", { scmId: uuidOf(2), force: true });
  assert.deepEqual(asked[0]?.what, ["remove", uuidOf(2), { force: true, expected: undefined }]);
  asked[0]?.onOutcome(new StrataError("CHANGE_REFUSED", { change: "removing", reason: "no" }));
  assert.equal(answer().error?.code, "CHANGE_REFUSED");
  ask("transferLeadership", {});
  assert.deepEqual(asked[1]?.what, ["transfer", undefined]);
  asked[1]?.onOutcome(undefined);
  assert.deepEqual(answer().body, { scmId: uuidOf(2) });
  assert.deepEqual(
    audited.map(({ operation, error }) => [operation, error]),
    [
      ["DECOMMISSION_SCM", "CHANGE_REFUSED"],
      ["TRANSFER_LEADERSHIP", undefined],
    ],
  );
});

test("the roles tell addresses that are known, and what only a leader knows when it does", () => {
  const { ask, answer } = admin();
  ask("scmRoles", {});
  const { peers, ...group } = answer().body as {
    peers: { role: string; address: string; match?: number }[];
  };
  assert.deepEqual(group, { term: 5, configVersion: 9, isJoint: false });
  assert.deepEqual(
    peers.map(({ role, address, match }) => [role, address, match]),
    [
      ["LEADER", "10.0.0.1", 7],
      ["LEARNER", "10.0.0.2", undefined],
      ["FOLLOWER", "", undefined],
    ],
  );
});
