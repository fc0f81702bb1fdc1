import { deepEqual, equal } from "node:assert/strict";
import { test } from "node:test";
import { parseReplication } from "../../../../engine/cluster/containers/replication-config.js";
import { COMMANDS_PER_TYPE_MAX } from "../../../../engine/cluster/nodes/command-queue.js";
import { NO_SESSION, OPERATION } from "../../../../engine/cluster/operation.js";
import { StrataError } from "../../../../engine/core/errors.js";
import type { NodeSlot } from "../../../../engine/core/ids.js";
import { LEASES_MAX } from "../../../../engine/services/container-closer.js";
import type { Command } from "../../../../protocol/schema/records.js";
import {
  containerRecord,
  datanodeDetails,
  importBatch,
  pipelineRecord,
} from "../../../support/cluster/builders.js";
import { CLOSE_WAIT_MS, ContainerServiceRig } from "../../../support/services/container-service-rig.js";

const PIPELINE = pipelineRecord(1);
const ON_PIPELINE = { pipelineId: PIPELINE.pipelineId } as const;
/** How late a command may be. */
const LATE_MS = 2_100;

function requestClose(rig: ContainerServiceRig, containerId = 1, datanode = 1): void {
  rig.closer.requestClose(containerId, rig.slotOf(datanode) as NodeSlot);
}

/** An open container on a pipeline of datanodes 1, 2 and 3. */
function leading(): ContainerServiceRig {
  return new ContainerServiceRig().add(1, { state: "OPEN", ...ON_PIPELINE }, [PIPELINE]).lead();
}

/** Datanodes whose next heartbeats bring a command to close the container, with those commands. */
function told(rig: ContainerServiceRig, containerId = 1): Map<number, Command> {
  const commands = new Map<number, Command>();
  for (const datanode of [1, 2, 3, 4]) {
    for (const command of rig.commandsOf(datanode)) {
      equal(command.type, "closeContainerCommand");
      if (command.containerId === containerId) commands.set(datanode, command);
    }
  }
  return commands;
}

test("a datanode's wish brings an open container to CLOSING, once, whoever wishes it", () => {
  const rig = leading();
  for (const datanode of [1, 2, 3]) requestClose(rig, 1, datanode);
  deepEqual(rig.settle(), [0]);
  equal(rig.stateOf(1), "CLOSING");
  equal(rig.closer.counters.requested, 1);
  equal(rig.closer.waitingCount, 1);
});

test("a container that is closed takes its live figures along, or keeps those it has", () => {
  const rig = leading().add(2, { state: "OPEN", ...ON_PIPELINE });
  const live = { sequenceId: 300, usedBytes: 3_000_000, keyCount: 33 };
  rig.live.set(1, live);
  for (const id of [1, 2]) requestClose(rig, id);
  rig.settle();
  const figuresOf = (id: number) => {
    const { sequenceId, usedBytes, keyCount } = rig.applied.state.containers.table.read(id);
    return { sequenceId, usedBytes, keyCount };
  };
  deepEqual(figuresOf(1), live);
  deepEqual(figuresOf(2), { sequenceId: 100, usedBytes: 1002, keyCount: 10 });
});

test("its datanodes are told when the lease is over, with the term of then", () => {
  const rig = leading();
  requestClose(rig);
  rig.settle();
  rig.time.advance(CLOSE_WAIT_MS - 1);
  equal(told(rig).size, 0, "clients may still write");
  rig.time.advance(LATE_MS);
  const commands = told(rig);
  deepEqual([...commands.keys()], [1, 2, 3]);
  const { term, force, pipelineId } = commands.get(1) as Command;
  deepEqual({ term, force, pipelineId }, { term: 6, force: false, ...ON_PIPELINE });
  rig.time.advance(10 * CLOSE_WAIT_MS);
  equal(told(rig).size, 0, "once");
});

test("without a pipeline the holders are told, and by force unless it is RATIS", () => {
  const replication = parseReplication("rs-3-2-1024k");
  const rig = new ContainerServiceRig().add(1, { state: "OPEN", replication }).lead();
  rig.holders.set(1, [2, 4]);
  requestClose(rig);
  rig.settle();
  rig.time.advance(CLOSE_WAIT_MS + LATE_MS);
  const commands = told(rig);
  deepEqual([...commands.keys()], [2, 4]);
  deepEqual([commands.get(2)?.force, commands.get(2)?.pipelineId], [true, undefined]);
});

test("the lease begins when the container becomes CLOSING, by whatever way", () => {
  const rig = leading();
  const { applied, time } = rig;
  applied.nowMs = time.wallMs();
  const figures = { sequenceId: 1, usedBytes: 1, keyCount: 1, session: NO_SESSION };
  // An administrator's.
  applied.done({ kind: OPERATION.transitionContainer, containerId: 1, event: "FINALIZE", ...figures });
  rig.closer.containerChanged(1);
  time.advance(CLOSE_WAIT_MS + LATE_MS);
  equal(told(rig).size, 3);
});

test("a new leader goes on with the leases of CLOSING containers", () => {
  const rig = new ContainerServiceRig();
  const { time } = rig;
  const wallMs = time.wallMs();
  const ids = [1, 2, 3, 70_000, 200_000];
  rig.add(1, { state: "CLOSING", ...ON_PIPELINE, stateEnterTimeMs: wallMs - 10 * CLOSE_WAIT_MS }, [PIPELINE]);
  rig.add(2, { state: "CLOSING", ...ON_PIPELINE, stateEnterTimeMs: wallMs - CLOSE_WAIT_MS + 20_000 });
  // By a clock that is ahead of this one.
  rig.add(3, { state: "CLOSING", ...ON_PIPELINE, stateEnterTimeMs: wallMs + 10 * CLOSE_WAIT_MS });
  for (const id of ids.slice(3)) rig.add(id, { state: "CLOSING", ...ON_PIPELINE, stateEnterTimeMs: 1 });
  rig.add(4, { state: "CLOSED", ...ON_PIPELINE });
  equal(rig.closer.waitingCount, 0, "a follower");
  rig.lead();
  time.advance(LATE_MS);
  equal(rig.closer.waitingCount, 2);
  const first = rig.commandsOf(1).map(({ containerId }) => containerId);
  deepEqual(first, [1, 70_000, 200_000]);
  time.advance(20_000);
  deepEqual(
    rig.commandsOf(1).map(({ containerId }) => containerId),
    [2],
  );
  time.advance(CLOSE_WAIT_MS - 20_000);
  deepEqual(
    rig.commandsOf(1).map(({ containerId }) => containerId),
    [3],
  );
});

test("who loses office tells nobody, and leads with new leases later", () => {
  const rig = leading();
  requestClose(rig);
  rig.settle();
  rig.lead(false);
  equal(rig.closer.waitingCount, 0);
  rig.time.advance(10 * CLOSE_WAIT_MS);
  equal(rig.closer.counters.commands, 0);
  equal(rig.time.timerCount, 0);
  rig.lead();
  rig.time.advance(LATE_MS);
  const commands = told(rig);
  equal(commands.size, 3);
  equal(commands.get(1)?.term, 7);
});

test("who asks again while its container is CLOSING is told again, after another lease", () => {
  const rig = leading();
  requestClose(rig);
  rig.settle();
  for (let i = 0; i < 10; i++) requestClose(rig);
  rig.time.advance(CLOSE_WAIT_MS + LATE_MS);
  equal(told(rig).size, 3);
  for (let i = 0; i < 10; i++) requestClose(rig);
  equal(rig.closer.waitingCount, 1);
  rig.time.advance(CLOSE_WAIT_MS - 1);
  equal(told(rig).size, 0);
  rig.time.advance(LATE_MS);
  equal(told(rig).size, 3);
  equal(rig.waiting.length, 0);
});

test("a shard that cannot answer is asked again, and a datanode with a full queue told again", () => {
  const rig = new ContainerServiceRig().add(1, { state: "CLOSING" });
  rig.holders.set(1, [1, 2]);
  rig.queryError = new StrataError("SHARD_UNAVAILABLE", { shard: 0 });
  rig.lead();
  for (let id = 0; id < COMMANDS_PER_TYPE_MAX; id++) {
    rig.nodes.queue(2, { type: "closeContainerCommand", containerId: 10_000 + id, deadlineMs: 0 });
  }
  rig.time.advance(CLOSE_WAIT_MS + LATE_MS);
  equal(rig.closer.waitingCount, 1);
  rig.queryError = undefined;
  rig.time.advance(LATE_MS + 1_000);
  const { commands, refusedCommands } = rig.closer.counters;
  deepEqual([commands, refusedCommands], [1, 1]);
  deepEqual([...told(rig).keys()], [1]);
  rig.time.advance(CLOSE_WAIT_MS + LATE_MS);
  deepEqual([...told(rig).keys()], [1, 2]);
});

test("after a start who is not there yet is told later, as long as the container is CLOSING", () => {
  const late = pipelineRecord(2, {
    members: [1, 2, 5].map((node) => ({ details: datanodeDetails(node), replicaIndex: 0 })),
  });
  const rig = new ContainerServiceRig();
  rig.add(1, { state: "CLOSING", pipelineId: late.pipelineId, stateEnterTimeMs: 1 }, [late]);
  rig.add(2, { state: "CLOSING", stateEnterTimeMs: 1 });
  rig.lead();
  rig.time.advance(LATE_MS);
  deepEqual([...told(rig).keys()], [1, 2]);
  rig.nodes.accept(5);
  rig.holders.set(2, [3]);
  rig.time.advance(CLOSE_WAIT_MS + LATE_MS);
  equal(rig.commandsOf(5).length, 1);
  deepEqual([...told(rig, 2).keys()], [3]);
  equal(rig.closer.waitingCount, 0);
});

test("a container that nobody is left to close is told of no more when it is closed", () => {
  const rig = new ContainerServiceRig().add(1, { state: "CLOSING" }).lead();
  rig.time.advance(3 * CLOSE_WAIT_MS);
  equal(rig.closer.waitingCount, 1);
  const { applied } = rig;
  const figures = { sequenceId: 1, usedBytes: 1, keyCount: 1, session: NO_SESSION };
  applied.done({ kind: OPERATION.transitionContainer, containerId: 1, event: "CLOSE", ...figures });
  rig.time.advance(CLOSE_WAIT_MS + LATE_MS);
  equal(rig.closer.waitingCount, 0);
});

test("wishes for containers that are closed or do not exist change nothing", () => {
  const rig = new ContainerServiceRig().add(1, { state: "CLOSED" }).add(2, { state: "DELETED" }).lead();
  for (const id of [1, 2, 98, 99]) requestClose(rig, id);
  equal(rig.waiting.length, 0);
  equal(rig.closer.waitingCount, 0);
  equal(rig.log.length, 1);
});

test("many leases that end at once are worked off in steps, all of them", () => {
  const rig = new ContainerServiceRig();
  rig.add(1, { state: "CLOSING", ...ON_PIPELINE, stateEnterTimeMs: 1 }, [PIPELINE]);
  for (let id = 2; id <= 1_000; id++) rig.add(id, { state: "CLOSING", ...ON_PIPELINE, stateEnterTimeMs: 1 });
  rig.lead();
  rig.time.advance(LATE_MS);
  equal(rig.commandsOf(1).length, 1_000);
  equal(rig.closer.waitingCount, 0);
});

for (const isLeading of [false, true]) {
  const when = isLeading ? "enters CLOSING" : "is found CLOSING by a new leader";
  test(`beyond the limit of leases a container that ${when} gets its own when there is room`, () => {
    const rig = new ContainerServiceRig();
    const asked: number[] = [];
    rig.onQuery = (id) => {
      asked.push(id);
      rig.holders.set(id, [1]);
      if (asked.length % 100 === 0) rig.commandsOf(1);
    };
    if (isLeading) rig.lead();
    const count = LEASES_MAX + 10;
    const stateEnterTimeMs = rig.time.wallMs();
    for (let first = 1; first <= count; first += 10_000) {
      const ids = Array.from({ length: Math.min(10_000, count + 1 - first) }, (_, i) => first + i);
      rig.applied.done(
        importBatch(ids.map((id) => containerRecord(id, { state: "CLOSING", stateEnterTimeMs }))),
      );
      for (const id of ids) rig.closer.containerChanged(id);
    }
    if (!isLeading) rig.lead();
    equal(rig.closer.waitingCount <= LEASES_MAX, true);
    rig.time.advance(CLOSE_WAIT_MS + LATE_MS + 10_000);
    equal(new Set(asked).size, count);
    equal(rig.closer.waitingCount, 0);
  });
}
