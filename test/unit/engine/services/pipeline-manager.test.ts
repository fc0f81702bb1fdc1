import { deepEqual, equal, ok } from "node:assert/strict";
import { test } from "node:test";
import {
  parseReplication,
  type ReplicationConfig,
  ratis,
  standAlone,
} from "../../../../engine/cluster/containers/replication-config.js";
import { NO_SESSION, OPERATION } from "../../../../engine/cluster/operation.js";
import { StrataError } from "../../../../engine/core/errors.js";
import { SeededRandom } from "../../../../engine/core/random.js";
import { FIGURES_MAX } from "../../../../engine/services/pipeline-manager.js";
import type { PipelineRecord } from "../../../../protocol/schema/records.js";
import { containerRecord, importBatch, pipelineRecord, uuidOf } from "../../../support/cluster/builders.js";
import { numberOf, PipelineRig } from "../../../support/services/pipeline-rig.js";

const EC = parseReplication("rs-3-2-1024k");

function membersOf(outcome: PipelineRecord | StrataError): readonly number[] {
  if (outcome instanceof StrataError) throw outcome;
  return outcome.members.map(({ details }) => numberOf(details.uuid));
}

function refusalOf(outcome: PipelineRecord | StrataError): string {
  ok(outcome instanceof StrataError, "it was created");
  return outcome.code;
}

test("a pipeline is proposed first, and its members are told when it is applied, with the term", () => {
  const rig = PipelineRig.of(3);
  let outcome: PipelineRecord | StrataError | undefined;
  rig.manager.create({ replication: ratis(3) }, (one) => {
    outcome = one;
  });
  deepEqual(
    rig.waiting.map(({ kind }) => kind),
    [OPERATION.createPipeline],
  );
  deepEqual(
    [1, 2, 3].flatMap((number) => rig.commandsOf(number)),
    [],
  );
  equal(outcome, undefined);
  rig.settle();
  deepEqual(membersOf(outcome as unknown as PipelineRecord), [1, 2, 3]);
  const { pipelineId, state, members } = outcome as unknown as PipelineRecord;
  equal(state, "ALLOCATED");
  for (const number of [1, 2, 3]) {
    const [command, ...rest] = rig.commandsOf(number);
    equal(rest.length, 0);
    equal(command?.type, "createPipelineCommand");
    equal(command?.pipelineId, pipelineId);
    equal(command?.term, 6);
    deepEqual(command?.replication, ratis(3));
    deepEqual(
      command?.members,
      members.map(({ details }) => details),
    );
    deepEqual(command?.priorities, [1, 0, 0]);
  }
  equal(rig.manager.counters.numPipelineAllocated, 1);
});

test("a proposal without answer leaves nothing behind: no command, nothing counted", () => {
  const rig = PipelineRig.of(3);
  let outcome: PipelineRecord | StrataError | undefined;
  rig.manager.create({ replication: ratis(3) }, (one) => {
    outcome = one;
  });
  equal(rig.load.activeCount(ratis(3)), 1);
  equal(rig.load.countOf(rig.slotOf(2)), 1);
  rig.fail();
  equal(refusalOf(outcome as unknown as StrataError), "OUTCOME_UNKNOWN");
  equal(rig.load.activeCount(ratis(3)), 0);
  equal(rig.load.countOf(rig.slotOf(2)), 0);
  deepEqual(rig.commandsOf(1), []);
  equal(rig.manager.counters.numPipelineCreationFailed, 1);
});

test("a new leader tells the members of pipelines that have not opened, once more", () => {
  const rig = PipelineRig.of(4);
  const { pipelineId } = rig.created(ratis(3));
  const opened = rig.created(ratis(1));
  rig.setState(opened.pipelineId, "OPEN");
  rig.lead(false).lead();
  const commands = [1, 2, 3, 4].map((number) => rig.commandsOf(number).map((command) => command.pipelineId));
  deepEqual(commands, [[pipelineId], [pipelineId], [pipelineId], []]);
});

test("nothing is created by a follower, before safe mode's prechecks, or while creation is frozen", () => {
  const rig = PipelineRig.of(9);
  rig.preChecksPassed = false;
  const all = [ratis(1), ratis(3), standAlone(1), standAlone(3), EC];
  const outcomes = (): string[] =>
    all.map((replication) => {
      const outcome = rig.create({ replication });
      return outcome instanceof StrataError ? outcome.code : "created";
    });
  const refused = "PIPELINE_CREATION_REFUSED";
  deepEqual(outcomes(), ["created", refused, "created", refused, refused]);
  rig.preChecksPassed = true;
  rig.manager.freeze();
  deepEqual(outcomes(), [refused, refused, refused, refused, refused]);
  rig.manager.resume();
  deepEqual(outcomes(), ["created", "created", "created", "created", "created"]);
  rig.lead(false);
  deepEqual(new Set(outcomes()), new Set(["NOT_LEADER"]));
});

test("six datanodes with a limit of two have four RATIS/THREE pipelines at most, ALLOCATED counted", () => {
  const rig = PipelineRig.of(6);
  const outcomes: string[] = [];
  for (let i = 0; i < 6; i++) {
    rig.manager.create({ replication: ratis(3) }, (outcome) => {
      outcomes.push(outcome instanceof StrataError ? outcome.code : outcome.state);
    });
  }
  equal(rig.waiting.length, 4, "those under way count");
  rig.settle();
  deepEqual(outcomes.sort(), [
    "ALLOCATED",
    "ALLOCATED",
    "ALLOCATED",
    "ALLOCATED",
    "FAILED_TO_FIND_SUITABLE_NODE",
    "FAILED_TO_FIND_SUITABLE_NODE",
  ]);
  equal(rig.manager.counters.numPipelineCreationRefused, 2);
  equal(rig.manager.counters.numPipelineCreationFailed, 0);
});

test("without a limit for each datanode that of the cluster counts, less the RATIS/ONE pipelines", () => {
  const rig = PipelineRig.of(6, { limits: { perNode: 0, total: 3 } });
  rig.pipelineLimit = 9;
  rig.created(ratis(1));
  rig.created(ratis(3));
  rig.created(ratis(3));
  equal(refusalOf(rig.create({ replication: ratis(3) })), "FAILED_TO_FIND_SUITABLE_NODE");
  const unlimited = PipelineRig.of(3, { limits: { perNode: 0, total: 0 } });
  unlimited.pipelineLimit = 9;
  for (let i = 0; i < 5; i++) unlimited.created(ratis(3));
  equal(unlimited.manager.counters.numPipelineContainSameDatanodes, 4);
});

test("a RATIS/ONE pipeline takes the first datanode by uuid that has none and has room", () => {
  const rig = PipelineRig.of(4);
  rig.full.add(rig.slotOf(2));
  const excluded = [rig.slotOf(1)];
  deepEqual(membersOf(rig.create({ replication: ratis(1), excluded })), [1], "exclusions do not matter");
  deepEqual(membersOf(rig.create({ replication: ratis(1) })), [3]);
  rig.manager.create({ replication: ratis(1) }, () => {});
  equal(refusalOf(rig.create({ replication: ratis(1) })), "FAILED_TO_FIND_NODES_WITH_SPACE");
  rig.full.clear();
  deepEqual(membersOf(rig.create({ replication: ratis(1) })), [2]);
  equal(refusalOf(rig.create({ replication: ratis(1) })), "FAILED_TO_FIND_SUITABLE_NODE");
});

test("datanodes that have their share of pipelines are excluded, and those that the caller excludes", () => {
  const rig = PipelineRig.of(8);
  rig.pipelineLimit = 1;
  deepEqual(membersOf(rig.create({ replication: ratis(3) })), [1, 2, 3]);
  deepEqual(membersOf(rig.create({ replication: ratis(3), excluded: [rig.slotOf(5)] })), [4, 6, 7]);
  deepEqual(rig.requests.at(-1)?.metadataBytes, 1);
});

test("with streaming wanted, datanodes without its port come last", () => {
  const rig = new PipelineRig({ wantsDatastream: true });
  const ports = [{ name: "RATIS_DATASTREAM", value: 9855 }];
  for (const number of [1, 2, 3, 4, 5, 6]) {
    rig.nodes.accept(number, number % 2 === 0 ? { details: { ports } } : {});
  }
  rig.lead();
  deepEqual(membersOf(rig.create({ replication: ratis(3) })), [2, 4, 6]);
  deepEqual(membersOf(rig.create({ replication: ratis(3), excluded: [rig.slotOf(2)] })), [1, 3, 4]);
});

test("the member that is to lead fewest pipelines is suggested, the first one of equals", () => {
  const rig = PipelineRig.of(3, { limits: { perNode: 0 } });
  rig.pipelineLimit = 9;
  const suggestions: number[] = [];
  for (let i = 0; i < 4; i++) {
    rig.manager.create({ replication: ratis(3) }, () => {});
    const operation = rig.waiting.at(-1);
    ok(operation?.kind === OPERATION.createPipeline);
    suggestions.push(numberOf(operation.pipeline.suggestedLeaderId ?? uuidOf(0)));
    if (i === 1) rig.settle();
  }
  deepEqual(suggestions, [1, 2, 3, 1]);
  const silent = PipelineRig.of(3, { suggestsLeader: false });
  equal(silent.created(ratis(3)).suggestedLeaderId, undefined);
  deepEqual(silent.commandsOf(1)[0]?.priorities, [0, 0, 0]);
});

test("an EC pipeline is open at once, with indexes in the order of the choice; nobody is told", () => {
  const rig = PipelineRig.of(6);
  const excluded = [rig.slotOf(2)];
  const pipeline = rig.created(EC, { excluded, containerOwner: "om1" });
  equal(pipeline.state, "OPEN");
  deepEqual(
    pipeline.members.map(({ details, replicaIndex }) => [numberOf(details.uuid), replicaIndex]),
    [
      [1, 1],
      [3, 2],
      [4, 3],
      [5, 4],
      [6, 5],
    ],
  );
  const [containerId] = rig.applied.state.containers.open.of(pipeline.pipelineId);
  ok(containerId !== undefined);
  equal(rig.applied.state.containers.get(containerId)?.owner, "om1");
  equal(rig.pending.countOf(rig.slotOf(3)), 1, "room is kept for it");
  rig.pending.confirm(rig.slotOf(3), containerId);
  equal(rig.pending.countOf(rig.slotOf(3)), 0, "under its id");
  deepEqual(rig.commandsOf(1), []);
  equal(rig.manager.counters.numPipelineCreated, 1);
});

test("an EC container that is not created gives its room back", () => {
  const rig = PipelineRig.of(5);
  rig.manager.create({ replication: EC, containerOwner: "om" }, () => {});
  equal(rig.pending.countOf(rig.slotOf(1)), 1);
  rig.fail();
  equal(rig.pending.countOf(rig.slotOf(1)), 0);
});

test("STAND_ALONE pipelines take healthy datanodes that have none of their kind, and are open", () => {
  const rig = PipelineRig.of(4);
  const pipeline = rig.created(standAlone(3));
  equal(pipeline.state, "OPEN");
  deepEqual([...membersOf(pipeline)].sort(), [1, 2, 3]);
  deepEqual(rig.commandsOf(1), []);
  equal(refusalOf(rig.create({ replication: standAlone(3) })), "FAILED_TO_FIND_SUITABLE_NODE");
});

test("closing takes the live figures of open containers along, and is proposed once", () => {
  const rig = PipelineRig.of(3);
  const pipeline = pipelineRecord(1);
  const { pipelineId } = pipeline;
  const open = [1, 2].map((id) => containerRecord(id, { pipelineId, state: "OPEN" }));
  rig.apply(importBatch(open, [pipeline]));
  rig.live.set(1, { sequenceId: 300, usedBytes: 3_000_000, keyCount: 33 });
  const ends: unknown[] = [];
  rig.manager.close(pipelineId, (refusal) => ends.push(refusal));
  rig.manager.close(pipelineId, (refusal) => ends.push(refusal));
  equal(rig.waiting.length, 1);
  rig.settle();
  deepEqual(ends, [undefined, undefined]);
  equal(rig.stateOf(pipelineId), "CLOSED");
  const figures = [1, 2].map((id) => {
    const { state, usedBytes, keyCount, sequenceId } = rig.applied.state.containers.get(id) ?? {};
    return [state, usedBytes, keyCount, sequenceId];
  });
  deepEqual(figures, [
    ["CLOSING", 3_000_000, 33, 300],
    ["CLOSING", 1002, 10, 100],
  ]);
  deepEqual(rig.commandsOf(1), [], "a close is told by the containers alone");
});

test("a pipeline closes however many open containers it was imported with", () => {
  const rig = PipelineRig.of(3);
  const { pipelineId } = pipelineRecord(1);
  const open = Array.from({ length: FIGURES_MAX + 2 }, (_, at) =>
    containerRecord(at + 1, { pipelineId, state: "OPEN" }),
  );
  rig.apply(importBatch(open, [pipelineRecord(1)]));
  rig.live.set(FIGURES_MAX + 2, { sequenceId: 300, usedBytes: 3_000_000, keyCount: 33 });
  rig.manager.close(pipelineId);
  rig.settle();
  const last = rig.applied.state.containers.get(FIGURES_MAX + 2);
  deepEqual([last?.state, last?.keyCount], ["CLOSING", 10]);
  equal(rig.applied.state.containers.counts().byState.OPEN, 0);
});

test("members of a RATIS pipeline that is removed are told to drop it, those of others are not", () => {
  const rig = PipelineRig.of(5);
  const closed = pipelineRecord(1, { state: "CLOSED" });
  const members = [1, 2, 3, 4, 5].map((number) => ({
    details: rig.nodes.manager.index.at(rig.slotOf(number)).details,
    replicaIndex: number,
  }));
  const ec = pipelineRecord(2, { replication: EC, members });
  rig.add(closed, ec);
  rig.manager.remove(closed.pipelineId);
  rig.manager.closeAndRemove(ec.pipelineId);
  rig.settle();
  deepEqual([rig.stateOf(closed.pipelineId), rig.stateOf(ec.pipelineId)], ["none", "none"]);
  for (const number of [1, 2, 3, 4, 5]) {
    const wanted = number < 4 ? [["closePipelineCommand", closed.pipelineId, 6]] : [];
    deepEqual(
      rig.commandsOf(number).map(({ type, pipelineId, term }) => [type, pipelineId, term]),
      wanted,
    );
  }
  equal(rig.manager.counters.numPipelineDestroyed, 2);
  rig.add(pipelineRecord(3));
  let refusal: StrataError | undefined;
  rig.manager.remove(pipelineRecord(3).pipelineId, (error) => {
    refusal = error;
  });
  rig.settle();
  equal(refusal?.code, "INVALID_PIPELINE_STATE");
  equal(rig.manager.counters.numPipelineDestroyFailed, 1);
});

test("who waits for a pipeline is told when it opens, ends, takes too long, or the term is over", () => {
  const rig = PipelineRig.of(12);
  const outcomes: string[] = [];
  const wait = (limitMs: number, ...pipelines: readonly PipelineRecord[]): void => {
    rig.manager.whenOpen(
      pipelines.map(({ pipelineId }) => pipelineId),
      limitMs,
      (outcome) => {
        outcomes.push(outcome instanceof StrataError ? outcome.code : outcome.pipelineId);
      },
    );
  };
  const take = (): string[] => outcomes.splice(0);
  const [a, b, c] = [rig.created(ratis(3)), rig.created(ratis(3)), rig.created(ratis(3))];
  wait(1000, a, b);
  wait(1000, a);
  wait(60_000, c);
  deepEqual(take(), []);
  rig.open(b);
  deepEqual(take(), [b.pipelineId]);
  wait(1000, b);
  deepEqual(take(), [b.pipelineId], "at once");
  rig.time.advance(1000);
  deepEqual(take(), ["PIPELINE_NOT_READY"]);
  wait(60_000, a, c);
  rig.manager.close(a.pipelineId);
  rig.settle();
  deepEqual(take(), []);
  rig.manager.close(c.pipelineId);
  rig.settle();
  deepEqual(take(), ["PIPELINE_NOT_FOUND", "PIPELINE_NOT_FOUND"]);
  wait(1000, a);
  deepEqual(take(), ["PIPELINE_NOT_FOUND"]);
  wait(60_000, rig.created(ratis(3)));
  rig.lead(false);
  deepEqual(take(), ["NOT_LEADER"]);
  equal(rig.time.timerCount, 0);
});

/** An independent count over plain records. */
function problemOf(rig: PipelineRig, limit: number): string | undefined {
  const counts = new Map<number, number>();
  let total = 0;
  for (const { replication, state, members } of rig.applied.state.pipelines.rows.values()) {
    if (state === "CLOSED" || replication.type !== "RATIS" || replication.factor !== 3) continue;
    total++;
    for (const { details } of members) {
      const number = numberOf(details.uuid);
      counts.set(number, (counts.get(number) ?? 0) + 1);
    }
  }
  const nodeCount = rig.nodes.manager.nodeCount;
  if (total > Math.floor((limit * nodeCount) / 3)) return `${total} pipelines of ${nodeCount} datanodes`;
  for (const [number, count] of counts) if (count > limit) return `${count} pipelines on datanode ${number}`;
  return undefined;
}

for (const seed of [1, 2, 3, 4, 5, 6]) {
  test(`limits are never exceeded, whatever is under way when, seed ${seed}`, () => {
    const random = new SeededRandom(seed);
    const limit = 1 + random.below(3);
    const rig = PipelineRig.of(3 + random.below(10), { limits: { perNode: limit }, seed });
    rig.pipelineLimit = limit;
    const configs: readonly ReplicationConfig[] = [ratis(3), ratis(3), ratis(1), standAlone(1)];
    for (let step = 0; step < 400; step++) {
      const ids = [...rig.applied.state.pipelines.rows.keys()];
      const id = ids[random.below(ids.length + 1)];
      const pick = random.below(12);
      if (pick < 6) {
        rig.manager.create({ replication: configs[random.below(4)] as ReplicationConfig }, () => {});
      } else if (pick === 6) rig.fail();
      else if (pick === 7 && id !== undefined) rig.manager.close(id);
      else if (pick === 8 && id !== undefined) rig.manager.remove(id);
      else if (pick === 9 && id !== undefined) rig.manager.open(id, undefined);
      else if (pick === 10) rig.settle();
      else if (random.below(4) === 0) rig.lead(false).lead();
      equal(problemOf(rig, limit), undefined, `step ${step}`);
    }
    rig.settle();
    equal(problemOf(rig, limit), undefined);
    ok(rig.manager.counters.numPipelineAllocated > 10);
    for (const { slot, uuid } of rig.nodes.manager.index.all()) {
      equal(rig.load.countOf(slot), rig.applied.state.pipelines.index.ratisThreeCountOf(uuid));
    }
  });
}

test("a client's session asks for one pipeline only, however often it asks", () => {
  const rig = PipelineRig.of(6);
  rig.apply({ kind: OPERATION.openSession, session: NO_SESSION, clientName: "test" });
  const stamp = { sessionId: 1, sequence: 1, ackedSequence: 0 };
  const attempts = [0, 1].map(() => rig.manager.prepare({ replication: ratis(3) }, stamp));
  const outcomes = attempts.map((attempt) => {
    if (attempt instanceof StrataError) throw attempt;
    const [result] = rig.applied.apply(attempt.operation);
    ok(result !== undefined);
    return attempt.settled(result);
  });
  equal(rig.applied.state.pipelines.count, 1);
  deepEqual(outcomes[0], outcomes[1]);
  equal(rig.load.activeCount(ratis(3)), 1);
  equal(rig.commandsOf(1).length, 1);
});
