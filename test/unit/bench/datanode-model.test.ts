import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { DatanodeModel } from "../../../bench/fleet/datanode-model.js";
import { type GroupMessage, PipelineGroups } from "../../../bench/fleet/pipeline-groups.js";
import type { ReportRow } from "../../../protocol/codec/report-rows.js";
import type { Command, DatanodeDetails } from "../../../protocol/schema/records.js";
import { uuidOf } from "../../support/records.js";

const PIPELINE = uuidOf(900);
const FULL = 1000;

/** Three datanodes of one pipeline, and what they told of. */
class Trio {
  readonly told: ReportRow[] = [];
  readonly groups: PipelineGroups;
  readonly nodes: readonly DatanodeModel[];

  constructor(groups = new PipelineGroups(), numbers: readonly number[] = [1, 2, 3]) {
    this.groups = groups;
    this.nodes = numbers.map(
      (number) =>
        new DatanodeModel({
          uuid: uuidOf(number),
          groups,
          containerBytes: FULL,
          onState: (row) => this.told.push(row),
        }),
    );
  }

  node(index: number): DatanodeModel {
    const node = this.nodes[index];
    assert.ok(node !== undefined);
    return node;
  }

  create(...indexes: readonly number[]): void {
    for (const index of indexes) this.node(index).obey(create([0, 1, 0]));
  }

  /** Of each node, whether it says that it leads. */
  leaders(): (boolean | undefined)[] {
    return this.nodes.map((node) => node.pipelineReports()[0]?.isLeader);
  }

  states(containerId: number): (string | undefined)[] {
    return this.nodes.map((node) => node.replicas.get(containerId)?.state);
  }
}

function order(type: Command["type"], fields: Partial<Command>): Command {
  return { type, commandId: 1, term: 1, deadlineMs: 0, ...fields };
}

function create(priorities: readonly number[]): Command {
  const members = [1, 2, 3].map((number) => detailsOf(number));
  return order("createPipelineCommand", { pipelineId: PIPELINE, members, priorities });
}

function detailsOf(number: number): DatanodeDetails {
  return { uuid: uuidOf(number), ipAddress: "", hostName: "", ports: [] };
}

/** What is the same on all members. */
function figuresOf(node: DatanodeModel): object[] {
  return [...node.replicas.values()].map(({ originNodeId: _, ...figures }) => figures);
}

const close = (containerId: number, force = false): Command =>
  order("closeContainerCommand", { containerId, pipelineId: PIPELINE, force });

describe("pipelines of simulated datanodes", () => {
  test("are reported by who created them, and led when all have, by the highest priority", () => {
    const trio = new Trio();
    assert.deepEqual(trio.leaders(), [undefined, undefined, undefined]);
    trio.create(0, 1);
    assert.deepEqual(trio.leaders(), [false, false, undefined]);
    assert.equal(trio.groups.write(PIPELINE, 7, 10), "notLeader");
    trio.create(2, 2);
    assert.deepEqual(trio.leaders(), [false, true, false]);
  });

  test("are led by the first member when all priorities are the same", () => {
    const trio = new Trio();
    for (const node of trio.nodes) node.obey(create([0, 0, 0]));
    assert.deepEqual(trio.leaders(), [true, false, false]);
  });

  test("are none of a datanode that is no member", () => {
    const stranger = new DatanodeModel({ uuid: uuidOf(4), groups: new PipelineGroups() });
    stranger.obey(create([]));
    assert.deepEqual(stranger.pipelineReports(), []);
  });

  test("have another leader while theirs is down, and none without a majority", () => {
    const trio = new Trio();
    trio.create(0, 1, 2);
    trio.groups.setUp(uuidOf(2), false);
    assert.deepEqual(trio.leaders(), [true, false, false]);
    trio.groups.setUp(uuidOf(1), false);
    assert.equal(trio.groups.leaderOf(PIPELINE), undefined);
    trio.groups.setUp(uuidOf(2), true);
    assert.deepEqual(trio.leaders(), [false, true, false]);
  });

  test("leave open replicas quasi-closed when they are closed", () => {
    const trio = new Trio();
    trio.create(0, 1, 2);
    trio.groups.write(PIPELINE, 7, 10);
    for (const node of trio.nodes) {
      node.obey(order("closePipelineCommand", { pipelineId: PIPELINE }));
      assert.deepEqual(node.pipelineReports(), []);
    }
    assert.deepEqual(trio.states(7), ["QUASI_CLOSED", "QUASI_CLOSED", "QUASI_CLOSED"]);
    assert.equal(trio.groups.write(PIPELINE, 8, 10), "notLeader");
  });
});

describe("containers of simulated datanodes", () => {
  test("are opened by their first block on all members, and grow alike", () => {
    const trio = new Trio();
    trio.create(0, 1, 2);
    assert.equal(trio.groups.write(PIPELINE, 7, 100), "written");
    assert.equal(trio.told.length, 3);
    trio.groups.write(PIPELINE, 8, 1);
    trio.groups.write(PIPELINE, 7, 50);
    assert.deepEqual(trio.node(0).replicas.get(7), {
      containerId: 7,
      usedBytes: 150,
      sequenceId: 3,
      keyCount: 2,
      originNodeId: uuidOf(1),
      state: "OPEN",
      isEmpty: false,
      replicaIndex: 0,
    });
    for (const node of trio.nodes) {
      assert.deepEqual(node.replicas.get(7), { ...trio.node(0).replicas.get(7), originNodeId: node.uuid });
    }
    // Growth is told with what comes next.
    assert.equal(trio.told.length, 6);
    assert.deepEqual(trio.node(0).storage(), { usedBytes: 151, committedBytes: 2 * FULL - 151 });
  });

  test("are to be closed from 90 % on, which is asked again after a while, until they are", () => {
    const trio = new Trio();
    trio.create(0, 1, 2);
    trio.groups.write(PIPELINE, 7, FULL * 0.9 - 1);
    const node = trio.node(0);
    assert.deepEqual(node.containerActions(0), []);
    trio.groups.write(PIPELINE, 7, 1);
    const wanted = [{ containerId: 7, reason: "CONTAINER_FULL" }];
    assert.deepEqual(node.containerActions(1), wanted);
    assert.deepEqual(node.containerActions(1000), []);
    assert.deepEqual(node.containerActions(60_000), wanted);
    for (const each of trio.nodes) each.obey(close(7));
    assert.deepEqual(node.containerActions(120_000), []);
  });

  test("are closed on all members by the leader, after which it takes no block for them", () => {
    const trio = new Trio();
    trio.create(0, 1, 2);
    trio.groups.write(PIPELINE, 7, 10);
    trio.node(0).obey(close(7));
    assert.deepEqual(trio.states(7), ["CLOSING", "OPEN", "OPEN"]);
    trio.node(1).obey(close(7));
    assert.deepEqual(trio.states(7), ["CLOSED", "CLOSED", "CLOSED"]);
    assert.equal(trio.groups.write(PIPELINE, 7, 10), "closed");
    assert.equal(trio.node(2).replicas.get(7)?.keyCount, 1);
  });

  // Spec 01 §10.
  for (const force of [false, true]) {
    const after = force ? "CLOSED" : "QUASI_CLOSED";
    test(`are ${after} when a close, force ${force}, finds no pipeline`, () => {
      const node = new DatanodeModel({ uuid: uuidOf(1), groups: new PipelineGroups() });
      node.writePart(7, 3, 10);
      assert.equal(node.obey(close(7, force)), true);
      assert.equal(node.replicas.get(7)?.state, after);
      assert.equal(node.replicas.get(7)?.replicaIndex, 3);
      node.obey(close(7, true));
      assert.equal(node.replicas.get(7)?.state, "CLOSED");
      assert.equal(node.writePart(7, 3, 10), false);
    });
  }

  test("are deleted only by force when something is in them", () => {
    const told: ReportRow[] = [];
    const options = { uuid: uuidOf(1), groups: new PipelineGroups() };
    const node = new DatanodeModel({ ...options, onState: (row) => told.push(row) });
    node.writePart(7, 0, 10);
    node.obey(close(7, true));
    node.obey(order("deleteContainerCommand", { containerId: 7, force: false }));
    assert.equal(node.replicas.size, 1);
    node.obey(order("deleteContainerCommand", { containerId: 7, force: true }));
    assert.equal(node.replicas.size, 0);
    assert.equal(told.at(-1)?.state, "DELETED");
  });

  test("of a datanode that was down have everything when it is back", () => {
    const trio = new Trio();
    trio.create(0, 1, 2);
    trio.groups.write(PIPELINE, 7, 10);
    trio.groups.setUp(uuidOf(3), false);
    trio.groups.write(PIPELINE, 7, 10);
    trio.groups.write(PIPELINE, 8, 10);
    assert.equal(trio.node(2).replicas.get(7)?.sequenceId, 1);
    assert.equal(trio.node(2).replicas.get(8), undefined);
    trio.groups.setUp(uuidOf(3), true);
    assert.deepEqual(figuresOf(trio.node(2)), figuresOf(trio.node(0)));
  });
});

test("members in two processes agree, and their log goes on after both started again", () => {
  const toB: GroupMessage[] = [];
  const toA: GroupMessage[] = [];
  const a = new Trio(new PipelineGroups((message) => toB.push(message)), [1, 2]);
  const b = new Trio(new PipelineGroups((message) => toA.push(message)), [3]);
  const exchange = (): void => {
    for (const message of toB.splice(0)) b.groups.receive(message);
    for (const message of toA.splice(0)) a.groups.receive(message);
  };
  a.create(0, 1);
  b.create(0);
  exchange();
  assert.deepEqual([...a.leaders(), ...b.leaders()], [false, true, false]);
  assert.equal(b.groups.write(PIPELINE, 7, 10), "notLeader");
  a.groups.write(PIPELINE, 7, 10);
  a.groups.write(PIPELINE, 7, 10);
  exchange();
  assert.deepEqual(figuresOf(b.node(0)), figuresOf(a.node(0)));

  const again = new Trio();
  again.nodes.forEach((node, index) => {
    const row = (index < 2 ? a.node(index) : b.node(0)).replicas.get(7);
    assert.ok(row !== undefined);
    node.putReplica(row, PIPELINE);
    for (const [id, pipeline] of a.node(0).pipelines) node.restorePipeline(id, pipeline);
  });
  again.groups.write(PIPELINE, 7, 10);
  assert.equal(again.node(0).replicas.get(7)?.sequenceId, 3);
});
