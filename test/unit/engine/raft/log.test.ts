import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { logIndex, term } from "../../../../engine/core/ids.js";
import { bytesOf, limitBytes, RaftLog } from "../../../../engine/raft/log.js";
import { SILENT_TRACE } from "../../../../engine/raft/trace.js";
import { ENTRY_OVERHEAD_BYTES, ENTRY_TYPE, nodeId } from "../../../../engine/raft/types.js";
import { MemoryLog, makeEntries } from "../../../support/raft/memory-log.js";

const id = (termNumber: number, index: number) => ({ term: term(termNumber), index: logIndex(index) });

/** A log truncated at 2 (term 1), with `stored` written and `unstable` behind it. */
function makeLog(
  stored: readonly number[],
  unstable: readonly number[],
  { commit = 2, applied = 2, bytesMax = 1 << 20, payloadBytes = 0 } = {},
) {
  const view = new MemoryLog(id(1, 2), makeEntries(3, stored, payloadBytes));
  const log = new RaftLog(view, {
    id: nodeId(1),
    applied: logIndex(applied),
    commit: logIndex(commit),
    committedBytesPerReadyMax: bytesMax,
    trace: SILENT_TRACE,
  });
  if (unstable.length > 0) log.append(makeEntries(3 + stored.length, unstable, payloadBytes));
  return { log, view };
}

test("terms come from the tail, the view and the truncated entry, and from nowhere else", () => {
  const { log } = makeLog([1, 2], [3, 3]);
  const terms = [1, 2, 3, 4, 5, 6, 7].map((index) => log.term(logIndex(index)));
  assert.deepEqual(terms, [undefined, 1, 1, 2, 3, 3, undefined]);
  assert.deepEqual(log.lastId(), id(3, 6));
});

test("commit takes an id only when it stands in the log", () => {
  const { log } = makeLog([1, 2], [3]);
  assert.equal(log.maybeCommit(id(3, 4)), false);
  assert.equal(log.maybeCommit(id(0, 4)), false);
  assert.equal(log.maybeCommit(id(3, 5)), true);
  assert.equal(log.commit, 5);
  assert.equal(log.maybeCommit(id(2, 4)), false);
  assert.equal(log.commit, 5);
});

test("commit never exceeds the log and appends never replace what is committed", () => {
  const { log } = makeLog([1, 1], []);
  assert.throws(() => log.commitTo(logIndex(5)), /beyond the last entry/);
  log.commitTo(logIndex(4));
  assert.throws(() => log.append(makeEntries(4, [2])), /replace committed/);
});

test("only durable entries are applied, unless unstable ones are allowed", () => {
  const { log } = makeLog([1], [1, 1]);
  log.commitTo(logIndex(5));
  assert.equal(log.nextCommitted(false).length, 1);
  assert.equal(log.nextCommitted(true).length, 3);
});

test("a slice over the border of view and tail obeys its byte limit and yields at least one entry", () => {
  const { log } = makeLog([1, 1], [1, 1], { payloadBytes: 10 });
  const each = ENTRY_OVERHEAD_BYTES + 10;
  const count = (bytesMax: number) => log.slice(logIndex(3), logIndex(7), bytesMax).length;
  assert.deepEqual([0, each, 2 * each, 3 * each - 1, 3 * each, 1e6].map(count), [1, 1, 2, 2, 3, 4]);
  assert.equal(log.slice(logIndex(5), logIndex(7), 0).length, 1);
});

test("applying pauses when its bytes are used up and goes on when they are acknowledged", () => {
  const bytesMax = 2 * (ENTRY_OVERHEAD_BYTES + 10);
  const { log } = makeLog([1, 1, 1, 1, 1], [], { payloadBytes: 10, bytesMax });
  log.commitTo(logIndex(7));
  const first = log.nextCommitted(false);
  assert.equal(first.length, 2);
  log.acceptApplying(first, false);
  assert.equal(log.hasNextCommitted(false), false);
  log.appliedTo(logIndex(4), bytesOf(first));
  assert.equal(log.nextCommitted(false).length, 2);
});

test("what the limit cut off waits until something is acknowledged, although bytes are left", () => {
  const payloadBytes = 100 - ENTRY_OVERHEAD_BYTES;
  const { log } = makeLog([1, 1, 1, 1], [], { commit: 6, bytesMax: 250, payloadBytes });
  const first = log.nextCommitted(false);
  assert.equal(bytesOf(first), 200);
  log.acceptApplying(first, false);
  assert.equal(log.hasNextCommitted(false), false);
  log.appliedTo(logIndex(4), 200);
  assert.equal(log.hasNextCommitted(false), true);
});

test("an acknowledgement that leaves too much under way lets nothing go on", () => {
  const { log } = makeLog([], [], { bytesMax: 150 });
  log.append([...makeEntries(3, [1]), ...makeEntries(4, [1], 200), ...makeEntries(5, [1])]);
  for (const index of [3, 4]) {
    log.commitTo(logIndex(index));
    log.acceptApplying(log.nextCommitted(true), true);
  }
  log.commitTo(logIndex(5));
  log.appliedTo(logIndex(3), ENTRY_OVERHEAD_BYTES);
  assert.equal(log.hasNextCommitted(true), false);
  log.appliedTo(logIndex(4), ENTRY_OVERHEAD_BYTES + 200);
  assert.equal(log.hasNextCommitted(true), true);
});

test("applied goes neither back nor beyond commit", () => {
  const { log } = makeLog([1, 1], [], { commit: 4, applied: 3 });
  assert.throws(() => log.appliedTo(logIndex(2), 0), /goes back/);
  assert.throws(() => log.appliedTo(logIndex(5), 0), /overtakes commit/);
});

test("nothing is applied while a snapshot is being installed", () => {
  const { log } = makeLog([1, 1], [], { commit: 4 });
  assert.equal(log.hasNextCommitted(false), true);
  log.unstable.restore({
    id: id(2, 9),
    confState: {
      voters: [nodeId(1)],
      votersOutgoing: [],
      learners: [],
      learnersNext: [],
      autoLeave: false,
    },
    payload: new Uint8Array(0),
  });
  assert.equal(log.hasNextCommitted(false), false);
  assert.deepEqual(log.truncated, id(2, 9));
});

test("a committed change of membership is found until it is applied, page by page", () => {
  const entries = makeEntries(3, [1, 1, 1, 1], 100);
  const change = { ...entries[2], type: ENTRY_TYPE.CONF_CHANGE_V2 } as (typeof entries)[number];
  const view = new MemoryLog(id(1, 2), entries.with(2, change));
  const options = { id: nodeId(1), commit: logIndex(6), committedBytesPerReadyMax: 1, trace: SILENT_TRACE };
  assert.equal(new RaftLog(view, { ...options, applied: logIndex(2) }).hasUnappliedConfChange(), true);
  assert.equal(new RaftLog(view, { ...options, applied: logIndex(5) }).hasUnappliedConfChange(), false);
});

test("a restart with cursors out of order is refused", () => {
  assert.throws(() => makeLog([1], [], { applied: 3, commit: 2 }), /applying ≤ commit/);
  assert.throws(() => makeLog([1], [], { applied: 1, commit: 2 }), /truncated ≤ applied/);
  assert.throws(() => makeLog([1], [], { commit: 4 }), /commit ≤ last/);
});

test("limitBytes yields the longest prefix that fits, but never nothing", () => {
  fc.assert(
    fc.property(fc.array(fc.nat(50), { minLength: 1, maxLength: 12 }), fc.nat(1000), (sizes, bytesMax) => {
      const entries = sizes.map((size, i) => makeEntries(i + 1, [1], size)[0] as ReturnType<typeof one>);
      const taken = limitBytes(entries, bytesMax);
      assert.ok(taken.length >= 1);
      if (taken.length > 1) assert.ok(bytesOf(taken) <= bytesMax);
      if (taken.length < entries.length) assert.ok(bytesOf(entries.slice(0, taken.length + 1)) > bytesMax);
    }),
  );
});

function one() {
  return makeEntries(1, [1])[0] as NonNullable<ReturnType<typeof makeEntries>[number]>;
}

/** Terms of a log, which never fall. */
const risingTerms = (maxLength: number) =>
  fc.array(fc.constantFrom(0, 0, 0, 1, 2), { maxLength }).map((steps) => {
    let current = 1;
    return steps.map((step) => {
      current += step;
      return current;
    });
  });

test("the best guess where another log agrees is the last entry of its term or before", () => {
  fc.assert(
    fc.property(risingTerms(12), risingTerms(4), fc.nat(16), fc.nat(12), (stored, tail, index, atMost) => {
      const after = stored.at(-1) ?? 1;
      const { log } = makeLog(
        stored,
        tail.map((termNumber) => termNumber + after - 1),
      );
      const from = Math.min(index, log.lastIndex);
      // One by one, as the rule says it. What is before the truncated entry is not known.
      let expected = id(0, 0);
      for (let at = from; at > 0; at--) {
        const found = log.term(logIndex(at));
        if (found !== undefined && found > atMost) continue;
        expected = id(found ?? 0, at);
        break;
      }
      assert.deepEqual(log.lastWithTermAtMost(logIndex(from), term(atMost)), expected);
    }),
  );
});

test("a leader's entries replace exactly what conflicts and what follows it", () => {
  fc.assert(
    fc.property(
      risingTerms(5),
      risingTerms(5),
      fc.nat(7),
      risingTerms(5),
      fc.nat(14),
      (stored, tail, previousIndex, appended, leaderCommit) => {
        const after = stored.at(-1) ?? 1;
        const { log } = makeLog(
          stored,
          tail.map((termNumber) => termNumber + after - 1),
        );
        const at = logIndex(Math.min(2 + previousIndex, log.lastIndex));
        const previous = { term: log.term(at) ?? term(0), index: at };
        const before = Array.from({ length: log.lastIndex - 1 }, (_, i) => Number(log.term(logIndex(i + 2))));
        const entries = makeEntries(
          at + 1,
          appended.map((termNumber) => termNumber + previous.term - 1),
        );
        const last = log.tryAppend(previous, entries, logIndex(leaderCommit));
        const conflict = entries.find((entry) => before[entry.index - 2] !== entry.term);
        const expected =
          conflict === undefined
            ? before
            : [
                ...before.slice(0, conflict.index - 2),
                ...entries.slice(conflict.index - at - 1).map((e) => e.term),
              ];
        const now = Array.from({ length: log.lastIndex - 1 }, (_, i) => Number(log.term(logIndex(i + 2))));
        assert.deepEqual(now, expected);
        assert.equal(last, at + entries.length);
        assert.equal(log.commit, Math.max(2, Math.min(leaderCommit, last)));
        log.checkInvariants();
      },
    ),
  );
});

test("entries that follow what is not in the log are not taken", () => {
  const { log } = makeLog([1, 2], [3]);
  for (const previous of [id(2, 3), id(3, 6), id(1, 1)]) {
    assert.equal(log.tryAppend(previous, makeEntries(previous.index + 1, [4]), logIndex(9)), undefined);
  }
  assert.deepEqual([log.lastIndex, log.commit], [5, 2]);
});

test("a committed entry that a leader contradicts is a bug", () => {
  const { log } = makeLog([1, 2], [], { commit: 4 });
  assert.throws(() => log.tryAppend(id(1, 3), makeEntries(4, [3]), logIndex(4)), /committed/);
});
