import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { EntryCache } from "../../../../engine/consensus/entry-cache.js";
import { logIndex, term } from "../../../../engine/core/ids.js";
import { NO_NODE } from "../../../../engine/raft/types.js";
import { MemoryLog, makeEntries } from "../../../support/raft/memory-log.js";

const ALL = Number.POSITIVE_INFINITY;

/** The log 1/1 … with `terms` from index 1 on, truncated and committed at the given places. */
function makeCache(terms: readonly number[], truncated = 0, commit = truncated, bytesMax = 0): EntryCache {
  const all = makeEntries(1, terms);
  const termAt = (index: number) => term(index === 0 ? 0 : (terms[index - 1] as number));
  const point = (index: number) => ({ index: logIndex(index), term: termAt(index), chain: 0 });
  const recovered = {
    truncated: point(truncated),
    last: point(terms.length),
    terms: all
      .slice(truncated)
      .filter((entry, i, kept) => entry.term !== kept[i - 1]?.term)
      .map((entry) => ({ term: entry.term, firstIndex: entry.index })),
    tail: all.slice(commit),
    hardState: { term: term(9), vote: NO_NODE, commit: logIndex(commit) },
  };
  return new EntryCache(recovered, { bytesMax, fetchedBytesMax: 1000 });
}

test("after a start it knows all terms and the entries that are not applied", () => {
  const cache = makeCache([1, 1, 2, 2, 3], 1, 3);
  const terms = [1, 2, 3, 4, 5].map((index) => cache.term(logIndex(index)));
  assert.deepEqual(terms, [1, 1, 2, 2, 3]);
  assert.throws(() => cache.term(logIndex(0)), /is gone/);
  assert.throws(() => cache.term(logIndex(6)), /there is no entry/);
  assert.equal(cache.entries(logIndex(3), logIndex(6), ALL), "pending");
  assert.equal(cache.entries(logIndex(4), logIndex(6), ALL).length, 2);
});

test("a fresh log starts at nothing", () => {
  const cache = makeCache([]);
  assert.equal(cache.lastIndex, 0);
  assert.equal(cache.term(logIndex(0)), 0);
  cache.append(makeEntries(1, [4]));
  assert.equal(cache.term(logIndex(1)), 4);
});

test("entries that are handed out replace what stood there", () => {
  const cache = makeCache([1, 1, 1]);
  cache.append(makeEntries(2, [3, 3, 4]));
  assert.equal(cache.lastIndex, 4);
  assert.deepEqual(
    [1, 2, 3, 4].map((index) => cache.term(logIndex(index))),
    [1, 3, 3, 4],
  );
});

test("what is applied is let go, is never replaced, and may be truncated", () => {
  const cache = makeCache([1, 2, 2]);
  cache.release(logIndex(2));
  assert.throws(() => cache.append(makeEntries(2, [3])), /never replaced/);
  assert.throws(() => cache.truncate(logIndex(3)), /stays in the log/);
  cache.truncate(logIndex(2));
  assert.deepEqual(cache.truncated, { term: 2, index: 2 });
  assert.equal(cache.lastIndex, 3);
});

test("it answers as a list of all entries would, whatever is appended, applied and truncated", () => {
  const action = fc.record({
    name: fc.constantFrom("append", "release", "truncate"),
    amount: fc.nat(6),
    back: fc.nat(3),
  });
  fc.assert(
    fc.property(fc.array(action, { maxLength: 60 }), (actions) => {
      const cache = makeCache([]);
      const model = new MemoryLog();
      let released = 0;
      let currentTerm = 1;
      for (const { name, amount, back } of actions) {
        if (name === "append") {
          if (back > 1) currentTerm++;
          const first = Math.max(released + 1, model.lastIndex + 1 - back);
          const entries = makeEntries(first, new Array<number>(amount).fill(currentTerm));
          cache.append(entries);
          model.write(entries);
        } else if (name === "release") {
          released = Math.min(model.lastIndex, released + amount);
          cache.release(logIndex(released));
        } else {
          const index = logIndex(Math.min(released, model.truncated.index + amount));
          cache.truncate(index);
          model.truncate(index);
        }
        assert.deepEqual(cache.truncated, model.truncated);
        assert.equal(cache.lastIndex, model.lastIndex);
        for (let index = model.truncated.index; index <= model.lastIndex; index++) {
          assert.equal(cache.term(logIndex(index)), model.term(logIndex(index)));
        }
        const low = logIndex(released + 1);
        const high = logIndex(model.lastIndex + 1);
        assert.deepEqual(cache.entries(low, high, ALL), model.entries(low, high, ALL));
      }
    }),
  );
});
