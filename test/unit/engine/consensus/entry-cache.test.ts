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

test("what is applied is kept as long as there is memory, and the oldest goes first", () => {
  const cache = makeCache([], 0, 0, 10_000);
  cache.append(makeEntries(1, new Array<number>(40).fill(1), 1000));
  assert.equal(cache.entries(logIndex(1), logIndex(41), ALL).length, 40, "what is not applied always stays");
  cache.release(logIndex(3));
  assert.equal(cache.entries(logIndex(3), logIndex(41), ALL), "pending");
  assert.equal(cache.entries(logIndex(4), logIndex(41), ALL).length, 37);
  cache.release(logIndex(40));
  assert.ok(cache.bytes <= 10_000, `${cache.bytes} bytes`);
  assert.ok(cache.bytes > 8000, `${cache.bytes} bytes`);
  const kept = Math.floor(cache.bytes / 1000);
  assert.equal(cache.entries(logIndex(40 - kept), logIndex(41), ALL), "pending");
  const last = cache.entries(logIndex(40), logIndex(41), ALL);
  assert.deepEqual(last, makeEntries(40, [1], 1000));
  cache.append(makeEntries(41, [1, 1], 1000));
  assert.ok(cache.bytes <= 10_000, "new entries push out old ones");
  assert.equal(cache.lastIndex, 42);
});

test("a lone voter keeps nothing that is applied", () => {
  const cache = makeCache([], 0, 0, 10_000);
  cache.append(makeEntries(1, [1, 1, 1], 10));
  cache.release(logIndex(2));
  assert.equal(cache.entries(logIndex(1), logIndex(3), ALL).length, 2);
  cache.keep(0);
  assert.equal(cache.entries(logIndex(1), logIndex(3), ALL), "pending");
  assert.equal(cache.entries(logIndex(3), logIndex(4), ALL).length, 1, "entry 3 is not applied");
  cache.release(logIndex(3));
  assert.equal(cache.bytes, 0);
});

test("as many entries as fit are given, at least one", () => {
  const cache = makeCache([], 0, 0, 10_000);
  cache.append(makeEntries(1, [1, 1, 1], 68));
  const given = (low: number, bytesMax: number) => cache.entries(logIndex(low), logIndex(4), bytesMax).length;
  assert.deepEqual(
    [1, 99, 100, 199, 200, 300].map((bytes) => given(1, bytes)),
    [1, 1, 1, 1, 2, 3],
  );
  assert.equal(given(3, 0), 1);
});

test("what is not kept is wanted, up to where the kept entries begin", () => {
  const cache = makeCache([1, 1, 2, 2, 3], 1, 4);
  assert.equal(cache.entries(logIndex(2), logIndex(6), ALL), "pending");
  assert.deepEqual(cache.fetched.begin(), { low: 2, high: 5 });
  cache.fetched.put(makeEntries(2, [1, 2]));
  assert.deepEqual(cache.entries(logIndex(2), logIndex(6), ALL), makeEntries(2, [1, 2]));
  assert.deepEqual(cache.entries(logIndex(3), logIndex(4), ALL), makeEntries(3, [2]));
  assert.equal(cache.entries(logIndex(4), logIndex(6), ALL), "pending");
  cache.truncate(logIndex(2));
  assert.equal(cache.entries(logIndex(3), logIndex(6), ALL), "pending", "fetched entries go with their log");
});

test("truncation drops what was kept of the entries", () => {
  const cache = makeCache([], 0, 0, 100_000);
  cache.append(makeEntries(1, [1, 1, 2, 2], 100));
  const { bytes } = cache;
  cache.release(logIndex(3));
  cache.truncate(logIndex(3));
  assert.equal(cache.bytes, bytes / 4);
  assert.deepEqual(cache.entries(logIndex(4), logIndex(5), ALL), makeEntries(4, [2], 100));
  assert.throws(() => cache.entries(logIndex(3), logIndex(5), ALL), /truncated/);
});

test("a snapshot takes the place of everything", () => {
  const cache = makeCache([1, 1, 1], 0, 1, 100_000);
  cache.restore({ term: term(4), index: logIndex(9) });
  assert.deepEqual(cache.truncated, { term: 4, index: 9 });
  assert.equal(cache.lastIndex, 9);
  assert.equal(cache.bytes, 0);
  assert.equal(cache.term(logIndex(9)), 4);
  cache.append(makeEntries(10, [4, 5]));
  assert.equal(cache.term(logIndex(11)), 5);
  assert.equal(cache.entries(logIndex(10), logIndex(12), ALL).length, 2);
  cache.release(logIndex(11));
});

test("it answers as a list of all entries would, whatever is appended, applied and truncated", () => {
  const action = fc.record({
    name: fc.constantFrom("append", "release", "truncate"),
    amount: fc.nat(6),
    back: fc.nat(3),
  });
  fc.assert(
    fc.property(fc.array(action, { maxLength: 60 }), fc.nat(3000), (actions, bytesMax) => {
      const cache = makeCache([], 0, 0, bytesMax);
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
        const high = logIndex(model.lastIndex + 1);
        let keptCount = 0;
        for (let low = model.truncated.index + 1; low <= model.lastIndex; low++) {
          const entries = cache.entries(logIndex(low), high, ALL);
          assert.ok(entries !== "pending" || low <= released, "what is not applied is at hand");
          if (entries === "pending") continue;
          keptCount = Math.max(keptCount, entries.length);
          assert.deepEqual(entries, model.entries(logIndex(low), high, ALL));
        }
        const isWithin = cache.bytes <= bytesMax;
        assert.ok(isWithin || keptCount <= model.lastIndex - released, "too much is kept of what is applied");
      }
    }),
  );
});
