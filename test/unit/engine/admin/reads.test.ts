import assert from "node:assert/strict";
import { test } from "node:test";
import { serveAdmin } from "../../../../engine/admin/admin-gateway.js";
import type { AdminServices } from "../../../../engine/admin/admin-services.js";
import { NodeIndex } from "../../../../engine/cluster/nodes/node-index.js";
import { DEFAULT_SCHEMA } from "../../../../engine/cluster/topology/schema.js";
import { Topology } from "../../../../engine/cluster/topology/topology.js";
import { StrataError } from "../../../../engine/core/errors.js";
import {
  ADMIN_PATH,
  type OperationName,
  type RequestOf,
  type ResponseOf,
} from "../../../../protocol/schema/messages.js";
import { AppliedState } from "../../../support/cluster/applied-state.js";
import { containerRecord, importBatch, seedCluster, uuidOf } from "../../../support/cluster/builders.js";
import { FakeBarrier } from "../../../support/gateway/fake-barrier.js";
import { RpcWorld } from "../../../support/gateway/rpc-world.js";

/** Everything that only looks at the state, with a request that an empty cluster can answer. */
const READS: { readonly [N in OperationName]?: RequestOf<N> } = {
  listHistory: { countMax: 1 },
  listPipelines: { countMax: 1 },
  getPipeline: { pipelineId: uuidOf(1) },
  listNodes: { countMax: 1 },
  getNode: { uuid: uuidOf(1) },
  getClusterTree: { countMax: 1 },
  sortDatanodes: { client: "", uuids: [] },
  listContainers: { startContainerId: 1, countMax: 1 },
  getContainer: { containerId: 1 },
  getContainers: { containerIds: [1], existingOnly: true },
  getContainerReplicas: { containerId: 1 },
  getContainerCount: {},
  listContainerIds: { startContainerId: 1, countMax: 1 },
  listNodeContainers: { uuid: uuidOf(1), startContainerId: 1, countMax: 1 },
  containerReport: {},
};
const NAMES = Object.keys(READS) as OperationName[];

function admin() {
  const world = new RpcWorld();
  const applied = new AppliedState();
  applied.done(seedCluster());
  const barrier = new FakeBarrier();
  let listCount = 0;
  const list = () => {
    listCount++;
    return { slots: [], more: false };
  };
  const services = {
    clock: world.clock,
    cluster: applied.state,
    nodes: {
      slotOf: () => undefined,
      list,
      index: new NodeIndex(),
      topology: new Topology(DEFAULT_SCHEMA, 1),
    },
    clients: { find: (_: string, onPlace: (place: undefined) => void) => onPlace(undefined) },
    replicas: {
      liveUsage: () => false,
      queryReplicas: (_: number, onAnswer: (answer: unknown) => void) => onAnswer({ replicas: [] }),
    },
    tables: {
      scan: (_: unknown, onPage: (page: unknown) => void) => onPage({ rows: [], appliedIndex: 1 }),
    },
    consensus: { readBarrier: barrier.ask },
    containerListCountMax: 1024,
    counters: { listContainerOps: 0 },
  };
  serveAdmin(world.server, services as unknown as AdminServices);
  const connection = world.greeted(ADMIN_PATH);
  const ask = (name: OperationName, request: object = READS[name] as object): void => {
    world.ask(connection, name, request as RequestOf<never>);
    world.turn();
  };
  return { world, applied, barrier, connection, ask, listCount: () => listCount };
}

test("no read is answered before its barrier", () => {
  const { world, barrier, connection, ask } = admin();
  barrier.isHeld = true;
  for (const name of NAMES) {
    const before = connection.answers.length;
    ask(name);
    assert.equal(connection.answers.length, before, name);
    barrier.release();
    world.turn();
    assert.equal(connection.answers.length, before + 1, name);
    assert.equal(connection.lastAnswer.name, name);
  }
});

test("who does not lead answers no read, and says who does", () => {
  const { world, barrier, connection, ask } = admin();
  world.redirect = { leaderHint: "ws://leader:9865" };
  barrier.refusal = new StrataError("NOT_LEADER", { term: 7 });
  for (const name of NAMES) {
    ask(name);
    assert.equal(connection.lastAnswer.error?.code, "NOT_LEADER", name);
    assert.equal(connection.lastAnswer.error?.leaderHint, "ws://leader:9865", name);
  }
});

test("a read sees what was applied while it waited", () => {
  const { world, applied, barrier, connection, ask } = admin();
  barrier.isHeld = true;
  ask("listContainers");
  applied.done(importBatch([containerRecord(1)]));
  barrier.release();
  world.turn();
  assert.equal((connection.lastAnswer.body as ResponseOf<"listContainers">).totalCount, 1);
});

test("a request that is wrong is refused behind the barrier too", () => {
  const { world, barrier, connection, ask } = admin();
  barrier.isHeld = true;
  ask("listNodes", { countMax: 0 });
  barrier.release();
  world.turn();
  assert.equal(connection.lastAnswer.error?.code, "INVALID_ARGUMENT");
});

test("nobody works for a read whose client has gone", () => {
  const { world, barrier, connection, ask, listCount } = admin();
  barrier.isHeld = true;
  ask("listNodes");
  connection.close(1001, "");
  barrier.release();
  world.turn();
  assert.equal(connection.answers.length, 1);
  assert.equal(listCount(), 0);
});
