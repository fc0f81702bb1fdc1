import assert from "node:assert/strict";
import { test } from "node:test";
import type { AdminServices } from "../../../../engine/admin/admin-services.js";
import { TopologyRequests } from "../../../../engine/admin/topology-requests.js";
import { SeededRandom } from "../../../../engine/core/random.js";
import type { LateAnswer } from "../../../../engine/gateway/answer.js";
import { ClientPlaces } from "../../../../engine/gateway/client-places.js";
import type { OperationName, ResponseOf } from "../../../../protocol/schema/messages.js";
import { uuidOf } from "../../../support/cluster/builders.js";
import { DEAD_MS, NodeRig } from "../../../support/cluster/node-rig.js";

/** Datanodes 1 … 6, two on each of three racks, and a client host on the second one. */
class Stage {
  readonly rig = new NodeRig();
  readonly requests: TopologyRequests;

  constructor() {
    for (let number = 1; number <= 6; number++) {
      const networkLocation = `/rack${Math.ceil(number / 2)}`;
      this.rig.accept(number, { peer: { ipAddress: `10.0.0.${number}`, networkLocation } });
    }
    const nodes = this.rig.manager;
    const racks: Readonly<Record<string, string>> = {
      "gateway.example.org": "/rack2",
      "far.example.org": "/rack9",
      "odd.example.org": "/rack1/",
    };
    const clients = new ClientPlaces(nodes, { find: (host, onLocation) => onLocation(racks[host]) });
    const services: Partial<AdminServices> = { nodes, clients, random: new SeededRandom(3) };
    this.requests = new TopologyRequests(services as AdminServices);
  }

  tree(request: { countMax: number; after?: ReturnType<typeof uuidOf> }): ResponseOf<"getClusterTree"> {
    return answered<"getClusterTree">((answer) => this.requests.tree(request, answer));
  }

  /** Numbers of the datanodes in their order. */
  sort(client: string, numbers: readonly number[]): number[] {
    const { datanodes } = answered<"sortDatanodes">((answer) =>
      this.requests.sort({ client, uuids: numbers.map(uuidOf) }, answer),
    );
    return datanodes.map(({ uuid }) => Number.parseInt(uuid.slice(24), 16));
  }
}

function answered<N extends OperationName>(act: (answer: LateAnswer<N>) => void): ResponseOf<N> {
  const got: ResponseOf<N>[] = [];
  act({ done: (body: ResponseOf<N>) => got.push(body) } as unknown as LateAnswer<N>);
  assert.equal(got.length, 1);
  return got[0] as ResponseOf<N>;
}

test("the tree comes in pages of datanodes, without dead ones", () => {
  const stage = new Stage();
  stage.rig.run(DEAD_MS + DEAD_MS, [1, 2, 3, 5, 6]);
  const first = stage.tree({ countMax: 2 });
  assert.deepEqual(
    first.levels.map(({ id, cost }) => [id, cost]),
    [
      ["datacenter", 1],
      ["rack", 1],
      ["node", 0],
    ],
  );
  assert.deepEqual(
    first.datanodes.map(({ uuid, networkLocation, level }) => [uuid, networkLocation, level]),
    [
      [uuidOf(1), "/rack1", 3],
      [uuidOf(2), "/rack1", 3],
    ],
  );
  assert.equal(first.more, true);
  const last = stage.tree({ countMax: 3, after: uuidOf(2) });
  assert.deepEqual(
    last.datanodes.map(({ uuid }) => uuid),
    [3, 5, 6].map(uuidOf),
  );
  assert.equal(last.more, false);
  assert.throws(() => stage.tree({ countMax: 0 }), { code: "INVALID_ARGUMENT" });
  assert.throws(() => stage.tree({ countMax: 257 }), { code: "INVALID_ARGUMENT" });
});

test("datanodes are sorted from a client that is one of them, by address or name", () => {
  const stage = new Stage();
  for (const client of ["10.0.0.3", "dn3.example.org"]) {
    const order = stage.sort(client, [1, 4, 6, 3]);
    assert.deepEqual(order.slice(0, 2), [3, 4], client);
    assert.deepEqual(order.slice(2).sort(), [1, 6]);
  }
});

test("datanodes are sorted from a client whose rack the mapping knows", () => {
  const stage = new Stage();
  assert.deepEqual(stage.sort("gateway.example.org", [1, 4, 6, 3]).slice(0, 2).sort(), [3, 4]);
  assert.deepEqual(stage.sort("odd.example.org", [1, 4, 6, 2]).slice(0, 2).sort(), [1, 2]);
});

test("without a place the order is random; unknown and repeated datanodes are left out", () => {
  const stage = new Stage();
  for (const client of ["", "far.example.org", "nobody.example.org"]) {
    const orders = new Set<string>();
    for (let i = 0; i < 200; i++) orders.add(stage.sort(client, [1, 2, 99, 3, 1]).join());
    assert.deepEqual([...orders].sort(), ["1,2,3", "1,3,2", "2,1,3", "2,3,1", "3,1,2", "3,2,1"], client);
  }
  assert.deepEqual(stage.sort("10.0.0.1", []), []);
});

test("a client on a dead datanode is placed by the mapping, and a dead datanode comes last", () => {
  const rig = new NodeRig();
  for (const [number, networkLocation] of [
    [1, "/rack1"],
    [2, "/rack1"],
    [3, "/rack2"],
  ] as const)
    rig.accept(number, { peer: { ipAddress: `10.0.0.${number}`, networkLocation } });
  rig.run(2 * DEAD_MS, [1, 3]);
  const clients = new ClientPlaces(rig.manager, { find: (_, onLocation) => onLocation("/rack2") });
  const places: unknown[] = [];
  clients.find("10.0.0.2", (place) => places.push(place));
  assert.deepEqual(places, [{ rack: rig.manager.topology.rackAt("/rack2") }]);
  const services: Partial<AdminServices> = { nodes: rig.manager, clients, random: new SeededRandom(1) };
  const requests = new TopologyRequests(services as AdminServices);
  for (let i = 0; i < 20; i++) {
    const { datanodes } = answered<"sortDatanodes">((answer) =>
      requests.sort({ client: "10.0.0.2", uuids: [1, 2, 3].map(uuidOf) }, answer),
    );
    assert.deepEqual(
      datanodes.map(({ uuid }) => uuid),
      [3, 1, 2].map(uuidOf),
    );
  }
});

test("without a mapping only clients on datanodes have a place", () => {
  const rig = new NodeRig();
  const slot = rig.accept(1);
  const clients = new ClientPlaces(rig.manager, undefined);
  const places: unknown[] = [];
  for (const client of ["10.0.0.1", "elsewhere"]) clients.find(client, (place) => places.push(place));
  assert.deepEqual(places, [{ leaf: slot }, undefined]);
});
