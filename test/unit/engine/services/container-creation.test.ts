import assert from "node:assert/strict";
import { test } from "node:test";
import { refusalOf } from "../../../../engine/admin/mutations.js";
import {
  parseReplication,
  ratis,
  standAlone,
} from "../../../../engine/cluster/containers/replication-config.js";
import { NO_SESSION, OPERATION } from "../../../../engine/cluster/operation.js";
import {
  errorOfResult,
  readFirstContainerId,
  readSessionId,
} from "../../../../engine/cluster/operation-result.js";
import { StrataError } from "../../../../engine/core/errors.js";
import { SeededRandom } from "../../../../engine/core/random.js";
import { ContainerCreation, type PreparedContainer } from "../../../../engine/services/container-creation.js";
import type { PipelineSource } from "../../../../engine/services/container-growth.js";
import { AppliedState } from "../../../support/cluster/applied-state.js";
import { importBatch, pipelineRecord, seedCluster, uuidOf } from "../../../support/cluster/builders.js";
import { ManualScheduler } from "../../../support/consensus/manual-scheduler.js";

type Created = Parameters<PipelineSource["create"]>;

class World {
  readonly applied = new AppliedState();
  readonly full = new Set<string>();
  readonly rooms = new Map<object, number | "released" | undefined>();
  readonly asked: Created[] = [];
  /** Pipelines that were to be opened. */
  readonly opened: string[] = [];
  readonly waitedFor: (readonly string[])[] = [];
  readonly waits: ((outcome: ReturnType<typeof pipelineRecord> | StrataError) => void)[] = [];
  /** How long each wait may take. */
  readonly limitsMs: number[] = [];
  readonly time = new ManualScheduler();
  safeMode = false;
  readonly creation = new ContainerCreation<object>({
    clock: this.time,
    random: new SeededRandom(1),
    cluster: this.applied.state,
    room: {
      reserve: ({ pipelineId }) => {
        if (this.full.has(pipelineId)) return undefined;
        const room = {};
        this.rooms.set(room, undefined);
        return room;
      },
      bind: (room, id) => void this.rooms.set(room, id),
      release: (room) => void this.rooms.set(room, "released"),
    },
    pipelines: {
      create: (...created) => void this.asked.push(created),
      open: (id) => void this.opened.push(id),
      whenOpen: (ids, limitMs, done) => {
        this.limitsMs.push(limitMs);
        this.waitedFor.push(ids);
        this.waits.push(done);
      },
    },
    check: () => undefined,
    isInSafeMode: () => this.safeMode,
    waitMs: 60_000,
  });

  constructor(...pipelines: number[]) {
    this.applied.done(seedCluster());
    this.add(...pipelines);
  }

  add(...pipelines: number[]): void {
    this.applied.done(
      importBatch(
        [],
        pipelines.map((number) => pipelineRecord(number)),
      ),
    );
  }

  prepare(
    changes: { owner?: string; replication?: ReturnType<typeof ratis>; session?: typeof NO_SESSION } = {},
  ) {
    const outcomes: (PreparedContainer | StrataError)[] = [];
    const request = { replication: ratis(3), owner: "om", session: NO_SESSION, ...changes };
    this.creation.prepare(request, (prepared) => outcomes.push(prepared));
    return outcomes;
  }

  /** Carries the operation out, and tells. Returns the container's id, or the refusal; undefined when the
   * session has kept something else. */
  settle(prepared: PreparedContainer | StrataError | undefined): number | StrataError | undefined {
    assert.ok(prepared !== undefined && !(prepared instanceof StrataError), "a place is found");
    const [result] = this.applied.apply(prepared.operation);
    assert.ok(result !== undefined);
    prepared.settled(result);
    return errorOfResult(result) ?? readFirstContainerId(result.body);
  }
}

test("a container comes on an open pipeline, and takes its room", () => {
  const world = new World(1);
  const id = world.settle(world.prepare()[0]);
  const record = world.applied.state.containers.get(id as number);
  assert.deepEqual(
    [record?.state, record?.owner, record?.pipelineId, record?.usedBytes],
    ["OPEN", "om", uuidOf(1_000_001), 0],
  );
  assert.deepEqual([...world.rooms.values()], [id]);
});

test("a pipeline that is closed meanwhile refuses, and the room is given back", () => {
  const world = new World(1);
  const [prepared] = world.prepare();
  const { pipelineId } = pipelineRecord(1);
  world.applied.done({ kind: 14, session: NO_SESSION, pipelineId, containers: [] });
  const refusal = world.settle(prepared);
  assert.ok(refusal instanceof StrataError && refusal.code === "INVALID_PIPELINE_STATE");
  assert.deepEqual([...world.rooms.values()], ["released"]);
});

test("full pipelines are passed over; when all are, another one is created and waited for", () => {
  const world = new World(1, 2);
  world.full.add(uuidOf(1_000_001));
  for (let i = 0; i < 10; i++) {
    const id = world.settle(world.prepare()[0]);
    assert.equal(world.applied.state.containers.get(id as number)?.pipelineId, uuidOf(1_000_002));
  }
  world.full.add(uuidOf(1_000_002));
  const outcomes = world.prepare();
  world.asked[0]?.[1](pipelineRecord(3, { state: "ALLOCATED" }));
  assert.equal(outcomes.length, 0);
  world.add(3);
  world.waits[0]?.(pipelineRecord(3));
  const id = world.settle(outcomes[0]);
  assert.equal(world.applied.state.containers.get(id as number)?.pipelineId, uuidOf(1_000_003));
});

test("without a pipeline to come the refusal says why", () => {
  const world = new World();
  const outcomes = world.prepare();
  world.asked[0]?.[1](new StrataError("OVERLOADED", { reason: "no datanode is free" }));
  const [error] = outcomes;
  assert.ok(error instanceof StrataError);
  assert.equal(error.code, "FAILED_TO_ALLOCATE_CONTAINER");
  assert.match(error.message, /RATIS\/THREE.*no datanode is free/);
});

test("when there can be no other pipeline, one that its members have not reported yet is waited for", () => {
  const world = new World();
  const pipelines = [
    pipelineRecord(1, { state: "ALLOCATED" }),
    pipelineRecord(2, { state: "ALLOCATED", replication: standAlone(3) }),
  ];
  world.applied.done(importBatch([], pipelines));
  const refused = new StrataError("OVERLOADED", { reason: "no datanode is free" });
  const [opened, late, ended] = [world.prepare(), world.prepare(), world.prepare()];
  for (const [, done] of world.asked) done(refused);
  assert.deepEqual([opened.length, late.length, ended.length], [0, 0, 0]);
  assert.deepEqual(
    world.waitedFor,
    Array.from({ length: 3 }, () => [uuidOf(1_000_001)]),
  );
  world.waits[1]?.(new StrataError("PIPELINE_NOT_READY", { limitMs: 60_000 }));
  assert.match((late[0] as StrataError).message, /no datanode is free/);
  world.waits[2]?.(new StrataError("NOT_LEADER"));
  assert.equal((ended[0] as StrataError).code, "NOT_LEADER");
  world.add(3);
  world.waits[0]?.(pipelineRecord(1));
  assert.equal(typeof world.settle(opened[0]), "number");
});

test("one time limit holds for all that is waited for, and few of many pipelines are watched", () => {
  const world = new World();
  const others = Array.from({ length: 100 }, (_, number) =>
    pipelineRecord(number + 10, { state: "ALLOCATED" }),
  );
  world.applied.done(importBatch([], others));
  const outcomes = world.prepare();
  const late = new StrataError("PIPELINE_NOT_READY", { limitMs: 60_000 });
  world.asked[0]?.[1](pipelineRecord(3, { state: "ALLOCATED" }));
  world.time.advance(45_000);
  world.waits[0]?.(late);
  assert.deepEqual(world.limitsMs, [60_000, 15_000]);
  assert.equal(world.waitedFor[1]?.length, 64);
  world.time.advance(15_000);
  world.waits[1]?.(late);
  assert.ok(outcomes[0] instanceof StrataError);

  world.prepare();
  world.asked[1]?.[1](pipelineRecord(4, { state: "ALLOCATED" }));
  world.time.advance(60_000);
  world.waits[2]?.(late);
  assert.equal(world.waits.length, 3, "no time is left for another wait");
});

test("safe mode, nobody as owner: refused at once", () => {
  const world = new World(1);
  const codeOf = (outcomes: readonly unknown[]): string => (outcomes[0] as StrataError).code;
  assert.equal(codeOf(world.prepare({ owner: "" })), "INVALID_ARGUMENT");
  world.safeMode = true;
  assert.equal(codeOf(world.prepare()), "SAFE_MODE_EXCEPTION");
});

test("EC: on an open pipeline of the configuration, never on one of another", () => {
  const world = new World(1);
  const outcomes = world.prepare({ replication: parseReplication("rs-3-2-1024k") });
  assert.equal(outcomes.length, 0);
  assert.equal(world.asked[0]?.[0].replication.type, "EC");
});

test("EC: a new pipeline is opened, since none of its members would report it", () => {
  const world = new World();
  const replication = parseReplication("rs-3-2-1024k");
  world.prepare({ replication });
  world.asked[0]?.[1](pipelineRecord(3, { state: "ALLOCATED", replication }));
  assert.deepEqual([world.opened, world.waits.length], [[uuidOf(1_000_003)], 1]);
  world.prepare();
  world.asked[1]?.[1](pipelineRecord(4, { state: "ALLOCATED" }));
  assert.deepEqual([world.opened.length, world.waits.length], [1, 2], "members of RATIS report theirs");
});

test("a mutation that was refused stays so when it is repeated, and its room is given back", () => {
  const world = new World(1);
  const opened = world.applied.done({
    kind: OPERATION.openSession,
    session: NO_SESSION,
    clientName: "test",
  });
  const session = { sessionId: readSessionId(opened), sequence: 1, ackedSequence: 0 };
  world.applied.done(refusalOf(session));
  assert.equal(world.settle(world.prepare({ session })[0]), undefined);
  assert.deepEqual([...world.rooms.values()], ["released"]);
});

test("a mutation that is repeated takes room only where its container is", () => {
  const world = new World(1, 2);
  const opened = world.applied.done({
    kind: OPERATION.openSession,
    session: NO_SESSION,
    clientName: "test",
  });
  const session = { sessionId: readSessionId(opened), sequence: 1, ackedSequence: 0 };
  world.full.add(uuidOf(1_000_002));
  const id = world.settle(world.prepare({ session })[0]);
  world.full.delete(uuidOf(1_000_002));
  world.full.add(uuidOf(1_000_001));
  assert.equal(world.settle(world.prepare({ session })[0]), id);
  world.full.clear();
  world.full.add(uuidOf(1_000_002));
  assert.equal(world.settle(world.prepare({ session })[0]), id);
  assert.deepEqual([...world.rooms.values()], [id, "released", id]);
});
