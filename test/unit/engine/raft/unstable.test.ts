import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { logIndex, term } from "../../../../engine/core/ids.js";
import type { TraceEvent } from "../../../../engine/raft/trace.js";
import { SILENT_TRACE } from "../../../../engine/raft/trace.js";
import type { Entry, Snapshot } from "../../../../engine/raft/types.js";
import { nodeId } from "../../../../engine/raft/types.js";
import { Unstable } from "../../../../engine/raft/unstable.js";
import { makeEntries } from "../../../support/raft/memory-log.js";

const ID = nodeId(1);
const id = (termNumber: number, index: number) => ({ term: term(termNumber), index: logIndex(index) });
const ids = (entries: readonly Entry[]) => entries.map((entry) => `${entry.term}/${entry.index}`).join(" ");

function tail(offset: number, terms: readonly number[]): { unstable: Unstable; events: TraceEvent[] } {
  const events: TraceEvent[] = [];
  const unstable = new Unstable(logIndex(offset), ID, { event: (_, event) => events.push(event) });
  if (terms.length > 0) unstable.truncateAndAppend(makeEntries(offset, terms));
  return { unstable, events };
}

const SNAPSHOT: Snapshot = {
  id: id(3, 7),
  confState: { voters: [ID], votersOutgoing: [], learners: [], learnersNext: [], autoLeave: false },
  payload: new Uint8Array(0),
};

test("an empty tail knows neither a last index nor a term", () => {
  const { unstable } = tail(5, []);
  assert.equal(unstable.lastIndex(), undefined);
  assert.equal(unstable.term(logIndex(5)), undefined);
  assert.equal(unstable.hasNextEntries(), false);
});

test("entries are handed out once", () => {
  const { unstable } = tail(5, [1, 1]);
  assert.equal(ids(unstable.nextEntries()), "1/5 1/6");
  unstable.acceptInProgress();
  assert.equal(unstable.hasNextEntries(), false);
  unstable.truncateAndAppend(makeEntries(7, [2]));
  assert.equal(ids(unstable.nextEntries()), "2/7");
  assert.equal(unstable.offsetInProgress, 7);
});

test("what is attested durable leaves the tail", () => {
  const { unstable } = tail(5, [1, 1, 2]);
  unstable.acceptInProgress();
  unstable.stableTo(id(1, 6));
  assert.equal(unstable.offset, 7);
  assert.equal(unstable.offsetInProgress, 8);
  assert.equal(unstable.lastIndex(), 7);
  unstable.stableTo(id(2, 7));
  assert.equal(unstable.entryCount, 0);
  assert.equal(unstable.offset, 8);
});

test("an attestation of another entry at the index drops nothing", () => {
  const { unstable, events } = tail(5, [1, 2]);
  unstable.stableTo(id(1, 6));
  unstable.stableTo(id(1, 9));
  unstable.stableTo(id(1, 4));
  assert.equal(unstable.offset, 5);
  assert.deepEqual(
    events.map((event) => event.kind === "stableIgnored" && event.reason),
    ["mismatch", "missing", "missing"],
  );
});

test("an attestation at the snapshot's index is no entry's", () => {
  const { unstable, events } = tail(5, []);
  unstable.restore(SNAPSHOT);
  unstable.stableTo(SNAPSHOT.id);
  assert.equal(events[0]?.kind === "stableIgnored" && events[0].reason, "matchedSnapshot");
  assert.equal(unstable.snapshot, SNAPSHOT);
});

test("appending in the middle takes back what was handed out from there on", () => {
  const { unstable } = tail(5, [1, 1, 1]);
  unstable.acceptInProgress();
  unstable.truncateAndAppend(makeEntries(6, [2, 2]));
  assert.equal(ids(unstable.slice(logIndex(5), logIndex(8))), "1/5 2/6 2/7");
  assert.equal(unstable.offsetInProgress, 6);
  assert.equal(ids(unstable.nextEntries()), "2/6 2/7");
});

test("appending before the tail replaces it", () => {
  const { unstable } = tail(5, [1, 1, 1]);
  unstable.acceptInProgress();
  unstable.truncateAndAppend(makeEntries(4, [2]));
  assert.equal(unstable.offset, 4);
  assert.equal(unstable.lastIndex(), 4);
  assert.equal(ids(unstable.nextEntries()), "2/4");
});

test("a gap is refused", () => {
  const { unstable } = tail(5, [1]);
  assert.throws(() => unstable.truncateAndAppend(makeEntries(7, [1])), /leaves a gap/);
});

test("a slice never shares its array with the tail", () => {
  const { unstable } = tail(5, [1, 1]);
  const handedOut = unstable.nextEntries();
  unstable.truncateAndAppend(makeEntries(7, [1]));
  assert.equal(handedOut.length, 2);
});

test("a snapshot starts the tail anew and is handed out once", () => {
  const { unstable } = tail(5, [1, 1]);
  unstable.restore(SNAPSHOT);
  assert.equal(unstable.lastIndex(), 7);
  assert.equal(unstable.term(logIndex(7)), 3);
  assert.equal(unstable.nextSnapshot(), SNAPSHOT);
  unstable.acceptInProgress();
  assert.equal(unstable.nextSnapshot(), undefined);
  unstable.stableSnapshotTo(logIndex(6));
  assert.equal(unstable.snapshot, SNAPSHOT);
  unstable.stableSnapshotTo(logIndex(7));
  assert.equal(unstable.snapshot, undefined);
});

test("any order of appends, hand-outs and attestations equals a plain list", () => {
  const action = fc.oneof(
    fc.record({
      kind: fc.constant("append" as const),
      back: fc.nat(4),
      count: fc.integer({ min: 1, max: 4 }),
    }),
    fc.record({ kind: fc.constant("accept" as const) }),
    fc.record({ kind: fc.constant("stable" as const), at: fc.nat(12), staleTerm: fc.boolean() }),
  );
  fc.assert(
    fc.property(fc.array(action, { maxLength: 40 }), (actions) => {
      const unstable = new Unstable(logIndex(3), ID, SILENT_TRACE);
      /** All entries ever appended and not replaced, by index; and how much of the end is unstable. */
      const model = new Map<number, number>();
      let offset = 3;
      let end = 3;
      let round = 0;
      for (const step of actions) {
        round++;
        if (step.kind === "append") {
          const from = Math.max(1, end - step.back);
          const terms = new Array<number>(step.count).fill(round);
          unstable.truncateAndAppend(makeEntries(from, terms));
          if (from < offset) offset = from;
          for (let i = 0; i < step.count; i++) model.set(from + i, round);
          end = from + step.count;
        } else if (step.kind === "accept") {
          unstable.acceptInProgress();
        } else {
          const index = offset + step.at;
          const known = model.get(index) ?? 0;
          unstable.stableTo(id(step.staleTerm ? known + 1 : known, index));
          if (index < end && !step.staleTerm) offset = index + 1;
        }
        unstable.checkInvariants();
        assert.equal(unstable.offset, offset);
        assert.equal(unstable.entryCount, end - offset);
        for (let index = offset; index < end; index++) {
          assert.equal(unstable.term(logIndex(index)), model.get(index));
        }
      }
    }),
  );
});
