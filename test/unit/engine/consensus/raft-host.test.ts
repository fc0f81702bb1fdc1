import assert from "node:assert/strict";
import { test } from "node:test";
import { COUNTING_ROW_BYTES, note } from "../../../support/consensus/counting-state.js";
import { emptyLogDisk } from "../../../support/consensus/fake-log-thread.js";
import { emptyStateDisk } from "../../../support/consensus/fake-state-thread.js";
import { HostRig } from "../../../support/consensus/host-rig.js";

/** End of turn, and the log thread has read what there is. */
function handOut(rig: HostRig): void {
  rig.scheduler.turn();
  rig.log.take();
}

function answer(rig: HostRig): void {
  rig.log.link.deliver();
}

test("a lone voter is elected at once, and serves when its first entry is applied", () => {
  const rig = new HostRig();
  const { leadership } = rig.host;
  const seen: string[] = [];
  leadership.subscribe(({ term, isLeader, leaderReady }) => {
    seen.push(`${term} ${isLeader ? "leader" : "-"} ${leaderReady ? "ready" : "-"}`);
  });
  assert.deepEqual(seen, []);
  rig.host.start();
  handOut(rig);
  assert.equal(leadership.isLeader, false, "its vote is not durable");
  rig.log.sync();
  answer(rig);
  handOut(rig);
  assert.equal(leadership.isLeader, true);
  assert.equal(leadership.leaderReady, false, "its first entry is not durable");
  rig.log.sync();
  answer(rig);
  assert.equal(leadership.leaderReady, true);
  assert.deepEqual(seen, ["1 - -", "1 leader -", "1 leader ready"]);
  assert.equal(rig.scheduler.monotonicMs(), 1000, "no time has passed");
});

test("proposals are refused before the leader serves", () => {
  const rig = new HostRig();
  rig.propose(1);
  rig.host.start();
  rig.propose(2);
  handOut(rig);
  rig.log.sync();
  answer(rig);
  rig.propose(3);
  assert.deepEqual(rig.outcomes, [
    [1, "NOT_LEADER"],
    [2, "NOT_LEADER"],
    [3, "NOT_READY"],
  ]);
});

test("nothing is acknowledged before its own sync, however late the answers come", () => {
  const rig = HostRig.ready();
  rig.propose(1);
  handOut(rig);
  rig.propose(2);
  handOut(rig);
  rig.propose(3);
  handOut(rig);
  answer(rig);
  assert.deepEqual(rig.outcomes, []);
  // Hard state and entry of the first append, then its answer.
  rig.log.sync(2);
  answer(rig);
  assert.deepEqual(rig.outcomes, [], "written, but not answered");
  rig.log.sync(1);
  assert.deepEqual(rig.outcomes, [], "answered, but not delivered");
  answer(rig);
  assert.deepEqual(rig.outcomes, [[1, 0]]);
  rig.log.sync();
  answer(rig);
  handOut(rig);
  rig.log.sync();
  answer(rig);
  assert.deepEqual(rig.outcomes, [
    [1, 0],
    [2, 0],
    [3, 0],
  ]);
});

test("while two appends are on their way operations gather into one entry", () => {
  const rig = HostRig.ready();
  const { counters } = rig.host.appends;
  const appended = counters.entries;
  for (let id = 1; id <= 6; id++) {
    rig.propose(id);
    handOut(rig);
  }
  assert.equal(counters.entries, appended + 2, "the third to the sixth wait");
  rig.log.sync();
  answer(rig);
  assert.equal(counters.entries, appended + 3, "and went as one");
  handOut(rig);
  rig.log.sync();
  answer(rig);
  assert.deepEqual(
    rig.outcomes.map(([id]) => id),
    [1, 2, 3, 4, 5, 6],
  );
});

test("all operations of a turn are one entry, applied and answered in order, with the turn's time", () => {
  const rig = HostRig.ready();
  const appended = rig.host.appends.counters.entries;
  for (const id of [5, 3, 9, 3]) rig.propose(id);
  rig.settle();
  assert.equal(rig.host.appends.counters.entries, appended + 1);
  assert.deepEqual(rig.machine.order, [5, 3, 9, 3]);
  assert.deepEqual(rig.outcomes, [
    [5, 0],
    [3, 0],
    [9, 0],
    [3, 212],
  ]);
  assert.equal(new Set(rig.machine.times).size, 1);
  assert.ok((rig.machine.times[0] as number) > 1_700_000_000_000);
});

test("callbacks see the whole entry applied, and may propose", () => {
  const rig = HostRig.ready();
  const seen: number[] = [];
  rig.host.propose(note(1), () => {
    seen.push(rig.machine.counts.size);
    rig.propose(7);
  });
  rig.host.propose(note(2), () => seen.push(rig.machine.counts.size));
  rig.settle();
  assert.deepEqual(seen, [2, 2]);
  assert.deepEqual(rig.outcomes, [[7, 0]]);
});

test("a turn with many bytes is cut into several entries of one append", () => {
  const rig = HostRig.ready({ host: { batchBytesMax: 512, entryBytesMax: 1024 } });
  const { counters } = rig.host.appends;
  const before = { ...counters };
  for (let id = 0; id < 60; id++) rig.propose(id);
  rig.settle();
  assert.equal(counters.appends, before.appends + 1);
  assert.ok(counters.entries >= before.entries + 4, `${counters.entries - before.entries} entries`);
  assert.deepEqual(
    rig.outcomes,
    Array.from({ length: 60 }, (_, id) => [id, 0]),
  );
});

test("an operation that fits no entry is refused, and those around it are not", () => {
  const rig = HostRig.ready({ host: { batchBytesMax: 256, entryBytesMax: 256 } });
  rig.propose(1);
  const outcomes: unknown[] = [];
  const large = { ...note(2), containerIds: new Array<number>(100).fill(2) };
  rig.host.propose(large, (outcome) => outcomes.push("code" in outcome && outcome.code));
  rig.propose(3);
  rig.settle();
  assert.deepEqual(outcomes, ["INVALID_ARGUMENT"]);
  assert.deepEqual(rig.machine.order, [1, 3]);
});

test("an operation that does not fit behind the others starts the next entry", () => {
  const rig = HostRig.ready({ host: { batchBytesMax: 1000, entryBytesMax: 1000 } });
  const entries = rig.host.appends.counters.entries;
  rig.propose(1);
  rig.host.propose({ ...note(2), containerIds: new Array<number>(110).fill(2) }, () => undefined);
  rig.propose(3);
  rig.settle();
  assert.equal(rig.host.appends.counters.entries, entries + 2);
  assert.deepEqual(rig.machine.order, [1, 2, 3]);
});

test("too many operations in flight are refused as OVERLOADED until some have their outcome", () => {
  const rig = HostRig.ready({ host: { inflightCountMax: 3 } });
  for (let id = 1; id <= 4; id++) rig.propose(id);
  assert.deepEqual(rig.outcomes, [[4, "OVERLOADED"]]);
  handOut(rig);
  rig.propose(5);
  rig.log.sync();
  rig.propose(6);
  assert.equal(rig.host.counters.overloaded, 3);
  answer(rig);
  rig.propose(7);
  rig.settle();
  const done = rig.outcomes.filter(([, outcome]) => outcome === 0).map(([id]) => id);
  assert.deepEqual(done, [1, 2, 3, 7]);
});

test("too many bytes in flight are refused as OVERLOADED, and the core's own limit is never met", () => {
  const limits = { batchBytesMax: 300, entryBytesMax: 500, uncommittedBytesMax: 1000 };
  const rig = HostRig.ready({ host: { ...limits, committedBytesPerReadyMax: 1, applyBytesPerTurnMax: 1 } });
  for (let turn = 0; turn < 200; turn++) {
    for (let i = 0; i < 7; i++) rig.propose(turn * 10 + i);
    rig.scheduler.turn();
    if (turn % 3 === 0) rig.log.take();
    if (turn % 5 === 0) rig.log.sync(turn % 7);
    rig.log.link.deliver();
    rig.host.checkInvariants();
  }
  rig.settle();
  const overloaded = rig.outcomes.filter(([, outcome]) => outcome === "OVERLOADED").length;
  assert.ok(overloaded > 0);
  assert.equal(rig.outcomes.length, 1400);
  assert.equal(rig.machine.order.length, 1400 - overloaded);
});

test("proposals wait while too much changed state is not written, and go on when some is", () => {
  const dirtyBytesMax = 10 * COUNTING_ROW_BYTES;
  const rig = HostRig.ready({
    host: { dirtyBytesMax, flushBytes: dirtyBytesMax, drainBytesPerTurnMax: 4 * COUNTING_ROW_BYTES },
  });
  for (let id = 0; id < 12; id++) rig.propose(id);
  handOut(rig);
  rig.log.sync();
  answer(rig);
  assert.equal(rig.outcomes.length, 12, "the first batch was proposed in time");
  assert.ok(rig.machine.dirtyBytes() > 0);
  rig.propose(100);
  const held = rig.host.counters.heldTurns;
  rig.settle();
  assert.ok(rig.host.counters.heldTurns >= held);
  assert.deepEqual(rig.outcomes.at(-1), [100, 0]);
});

test("held proposals count as in flight, so that waiting ends in OVERLOADED and not in growth", () => {
  const dirtyBytesMax = 4 * COUNTING_ROW_BYTES;
  const rig = HostRig.ready({ host: { dirtyBytesMax, flushBytes: dirtyBytesMax, inflightCountMax: 50 } });
  // The state thread stands still: nothing leaves its channel, which soon is full.
  for (let turn = 0; turn < 2000; turn++) {
    for (let i = 0; i < 20; i++) rig.propose(turn * 100 + i);
    rig.scheduler.turn();
    rig.log.take();
    rig.log.sync();
    rig.log.link.deliver();
    rig.scheduler.advance(1);
  }
  assert.ok(rig.host.counters.heldTurns > 0, "the cap was reached");
  assert.ok(rig.host.counters.overloaded > 0);
  assert.ok(rig.host.inflightCount <= 50);
  assert.ok(rig.machine.dirtyBytes() <= dirtyBytesMax + 100 * COUNTING_ROW_BYTES);
  rig.settle();
  assert.equal(rig.outcomes.length, 40_000);
});

test("a full log channel holds entries back in order and nothing is lost", () => {
  const rig = HostRig.ready({ ringBytes: 1024, host: { batchBytesMax: 200, entryBytesMax: 200 } });
  for (let id = 0; id < 300; id++) rig.propose(id);
  rig.scheduler.turn();
  rig.settle();
  assert.deepEqual(
    rig.outcomes,
    Array.from({ length: 300 }, (_, id) => [id, 0]),
  );
});

test("applying is spread over turns, and outcomes keep their order", () => {
  const rig = HostRig.ready({ host: { batchBytesMax: 200, entryBytesMax: 200, applyBytesPerTurnMax: 300 } });
  for (let id = 0; id < 100; id++) rig.propose(id);
  handOut(rig);
  rig.log.sync();
  answer(rig);
  const first = rig.outcomes.length;
  assert.ok(first > 0 && first < 20, `${first} in the first turn`);
  rig.scheduler.turn();
  assert.ok(rig.outcomes.length > first);
  rig.settle();
  assert.deepEqual(
    rig.outcomes.map(([id]) => id),
    Array.from({ length: 100 }, (_, id) => id),
  );
});

test("a flush shows the state as of its freeze, whatever is applied meanwhile", () => {
  const rig = HostRig.ready({ host: { drainBytesPerTurnMax: COUNTING_ROW_BYTES } });
  const logDisk = rig.log.disk;
  for (let id = 0; id < 20; id++) rig.propose(id);
  rig.settle(() => rig.host.inflightCount === 0);
  rig.scheduler.advance(1000);
  const frozenAt = rig.machine.appliedIndex;
  for (let turn = 0; turn < 40; turn++) {
    rig.propose(turn % 20);
    rig.scheduler.turn();
    rig.log.take();
    rig.log.sync();
    rig.log.link.deliver();
    rig.state.take();
  }
  assert.ok(rig.machine.appliedIndex > frozenAt);
  rig.state.write();
  const stateDisk = rig.state.disk;
  const version = stateDisk.versions.length - 1;
  assert.equal(stateDisk.versions[version]?.appliedIndex, frozenAt);
  const again = HostRig.ready({ logDisk, stateDisk, stateVersion: version });
  assert.equal(again.machine.hash(), rig.machine.hash(), "replayed from the flush to the same state");
});

test("state is flushed when the interval has passed, and not again while nothing changes", () => {
  const rig = HostRig.ready({ host: { flushIntervalMs: 1000 } });
  const { counters } = rig.host.flushes;
  const flushes = counters.flushes;
  rig.propose(1);
  rig.settle();
  rig.pass(5000);
  assert.equal(counters.flushes, flushes + 1);
  assert.equal(counters.rows, flushes === 0 ? 2 : counters.rows);
  assert.equal(rig.state.disk.versions.at(-1)?.appliedIndex, rig.machine.appliedIndex);
});

test("much changed state is flushed before the interval has passed", () => {
  const rig = HostRig.ready({ host: { flushBytes: 5 * COUNTING_ROW_BYTES, flushIntervalMs: 60_000 } });
  for (let id = 0; id < 5; id++) rig.propose(id);
  rig.settle();
  assert.equal(rig.host.flushes.counters.flushes, 1);
});

test("the log is truncated only behind what the state store holds durably", () => {
  const options = { logEntryCountMax: 32, flushIntervalMs: 10 };
  const rig = HostRig.ready({ host: options });
  for (let turn = 0; turn < 200; turn++) {
    rig.propose(turn);
    rig.pass(2);
    const { log } = rig.log.disk;
    const durable = rig.state.disk.versions[0]?.appliedIndex ?? 0;
    assert.ok(log.truncated.index <= durable, `truncated ${log.truncated.index}, durable ${durable}`);
    assert.ok(log.lastIndex - log.truncated.index <= 64, "the log keeps growing");
    assert.ok(log.lastIndex - log.truncated.index >= Math.min(32, log.lastIndex));
  }
  assert.ok(rig.log.disk.log.truncated.index > 150);
  assert.ok(rig.host.flushes.counters.durableFlushes < 120, "not every flush is durable");
});

test("the log is truncated by its bytes, too", () => {
  const rig = HostRig.ready({ host: { logBytesMax: 4000, flushIntervalMs: 10 } });
  for (let turn = 0; turn < 100; turn++) {
    rig.propose(turn);
    rig.pass(2);
  }
  const { log } = rig.log.disk;
  assert.ok(log.truncated.index > 0);
  assert.ok(log.lastIndex - log.truncated.index > 20);
  assert.ok(log.lastIndex - log.truncated.index < 70);
});

test("an orderly stop finishes what is under way, then writes state and commit index durably", () => {
  const rig = HostRig.ready();
  rig.propose(1);
  let isStopped = false;
  rig.host.stop(5000, () => {
    isStopped = true;
  });
  rig.propose(2);
  assert.deepEqual(rig.outcomes, [[2, "SHUTTING_DOWN"]]);
  rig.settle(() => isStopped);
  assert.deepEqual(rig.outcomes[1], [1, 0]);
  assert.deepEqual(
    rig.state.disk.versions.map((version) => version.appliedIndex),
    [rig.machine.appliedIndex],
  );
  assert.equal(rig.log.disk.hardState.commit, rig.machine.appliedIndex);
  assert.equal(rig.scheduler.timerCount, 0, "no timer is left");
  const again = new HostRig({ logDisk: rig.log.disk, stateDisk: rig.state.disk });
  assert.equal(again.host.status().lastIndex, again.machine.appliedIndex);
});

test("a stop that takes too long answers what is left with SHUTTING_DOWN, in order", () => {
  const rig = HostRig.ready();
  rig.propose(1);
  rig.propose(2);
  handOut(rig);
  rig.propose(3);
  let isStopped = false;
  rig.host.stop(50, () => {
    isStopped = true;
  });
  rig.scheduler.advance(49);
  assert.equal(isStopped, false);
  rig.scheduler.advance(2);
  assert.equal(isStopped, true);
  assert.deepEqual(rig.outcomes, [
    [1, "SHUTTING_DOWN"],
    [2, "SHUTTING_DOWN"],
    [3, "SHUTTING_DOWN"],
  ]);
  rig.log.sync();
  answer(rig);
  assert.equal(rig.outcomes.length, 3, "late answers reach nobody");
});

test("the first leader of an empty state proposes its seed before it serves", () => {
  const seed = (machine: HostRig["machine"]) => (machine.counts.has(999) ? undefined : note(999));
  const rig = HostRig.ready({ seed });
  assert.deepEqual(rig.machine.order, [999]);
  rig.propose(1);
  rig.settle();
  const again = HostRig.ready({ seed, logDisk: rig.log.disk, stateDisk: rig.state.disk });
  assert.equal(again.machine.counts.get(999), 1, "once in the life of the cluster");
});

test("a crash before the seed was committed leaves it to the next start", () => {
  const seed = (machine: HostRig["machine"]) => (machine.counts.has(999) ? undefined : note(999));
  const logDisk = emptyLogDisk();
  const stateDisk = emptyStateDisk();
  const rig = new HostRig({ seed, logDisk, stateDisk });
  rig.host.start();
  rig.settle(() => rig.host.leadership.isLeader);
  assert.equal(rig.machine.counts.size, 0);
  const again = HostRig.ready({ seed, logDisk, stateDisk });
  assert.equal(again.machine.counts.get(999), 1);
});

test("the term rises with each start and stays above the floor", () => {
  const logDisk = emptyLogDisk();
  const stateDisk = emptyStateDisk();
  const terms = [1, 2, 3].map(() => {
    const rig = HostRig.ready({ logDisk, stateDisk, termFloor: 700 });
    return rig.host.leadership.term;
  });
  assert.deepEqual(terms, [701, 702, 703]);
});

test("after a long stall of the disk very many entries are answered without a stall of our own", () => {
  const count = 20_000;
  const rig = HostRig.ready({ ringBytes: 1 << 24, host: { inflightCountMax: count } });
  for (let id = 0; id < count; id++) {
    rig.propose(id);
    rig.scheduler.turn();
  }
  rig.log.take();
  rig.log.sync();
  rig.settle();
  assert.equal(rig.outcomes.length, count);
});
