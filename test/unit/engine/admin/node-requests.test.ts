import assert from "node:assert/strict";
import { test } from "node:test";
import { serveAdmin } from "../../../../engine/admin/admin-gateway.js";
import type { AdminServices } from "../../../../engine/admin/admin-services.js";
import { NO_SESSION, OPERATION, type Operation } from "../../../../engine/cluster/operation.js";
import type { OperationResult } from "../../../../engine/cluster/state-machine.js";
import { StrataError } from "../../../../engine/core/errors.js";
import type { AuditRecord } from "../../../../engine/telemetry/audit.js";
import { ADMIN_PATH } from "../../../../protocol/schema/messages.js";
import { AppliedState } from "../../../support/cluster/applied-state.js";
import { seedCluster, uuidOf } from "../../../support/cluster/builders.js";
import { RpcWorld } from "../../../support/gateway/rpc-world.js";

const KNOWN = uuidOf(1);

/** The admin gateway on a replicated state without a log; one datanode is known. */
function admin() {
  const world = new RpcWorld();
  const applied = new AppliedState();
  const audited: AuditRecord[] = [];
  const knownUuids = new Set([KNOWN]);
  const office: { refusal: StrataError | undefined } = { refusal: undefined };
  const propose = (
    operation: Operation,
    onOutcome: (outcome: OperationResult | StrataError) => void,
  ): void => {
    onOutcome(office.refusal ?? (applied.apply(operation)[0] as OperationResult));
  };
  const services = {
    clock: world.clock,
    cluster: applied.state,
    nodes: { slotOf: (uuid: string) => (knownUuids.has(uuid as never) ? 0 : undefined) },
    consensus: { propose },
    audit: {
      ready: () => true,
      whenReady: () => Promise.resolve(),
      write: (record: AuditRecord) => audited.push(record),
    },
  };
  serveAdmin(world.server, services as unknown as AdminServices);
  applied.done(seedCluster());
  applied.done({ kind: OPERATION.openSession, session: NO_SESSION, clientName: "test" });
  const connection = world.greeted(ADMIN_PATH);
  const setState = (uuid: string, sequence: number): string | undefined => {
    const intent = { uuid, operationalState: "IN_MAINTENANCE", operationalStateExpiry: 9 };
    world.ask(connection, "setNodeOperationalState", { ...intent, sessionId: 1, sequence, ackedSequence: 0 });
    world.turn();
    return connection.lastAnswer.error?.code;
  };
  return { applied, audited, knownUuids, setState, office };
}

test("an intent for a datanode that is not known is refused, and on record", () => {
  const { applied, audited, setState } = admin();
  assert.equal(setState(uuidOf(2), 1), "NO_SUCH_DATANODE");
  assert.equal(applied.state.intents.rows.get(uuidOf(2)), undefined);
  assert.deepEqual(
    audited.map(({ operation, sessionId, error }) => [operation, sessionId, error]),
    [["SET_NODE_OPERATIONAL_STATE", 1, "NO_SUCH_DATANODE"]],
  );
});

test("a refusal stays one, also for an attempt that comes late or when the datanode is known", () => {
  const { applied, knownUuids, setState } = admin();
  const uuid = uuidOf(2);
  assert.equal(setState(uuid, 1), "NO_SUCH_DATANODE");
  knownUuids.add(uuid);
  assert.equal(setState(uuid, 1), "NO_SUCH_DATANODE");
  assert.equal(applied.state.intents.rows.get(uuid), undefined);
  assert.equal(setState(uuid, 2), undefined);
  assert.equal(applied.state.intents.rows.get(uuid)?.operationalState, "IN_MAINTENANCE");
});

test("an intent that was carried out is not refused when it is repeated after a restart", () => {
  const { knownUuids, setState } = admin();
  assert.equal(setState(KNOWN, 1), undefined);
  // The SCM that was started anew has not heard of the datanode yet.
  knownUuids.clear();
  assert.equal(setState(KNOWN, 1), undefined);
  assert.equal(setState(KNOWN, 2), "NO_SUCH_DATANODE");
});

test("who does not lead any more refuses no mutation for what it knows or does not know", () => {
  const { applied, knownUuids, setState, office } = admin();
  knownUuids.clear();
  office.refusal = new StrataError("NOT_LEADER", { term: 9 });
  assert.equal(setState(KNOWN, 1), "NOT_LEADER");
  office.refusal = undefined;
  knownUuids.add(KNOWN);
  assert.equal(setState(KNOWN, 1), undefined);
  assert.equal(applied.state.intents.rows.get(KNOWN)?.operationalState, "IN_MAINTENANCE");
});
