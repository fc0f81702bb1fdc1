import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Store } from "../../../../engine/core/disk.js";
import { logIndex, term } from "../../../../engine/core/ids.js";
import type { SeededRandom } from "../../../../engine/core/random.js";
import { type Entry, entryMemoryBytes } from "../../../../engine/raft/types.js";
import { EntryFetch } from "../../../../engine/storage/entry-fetch.js";
import { LOG_COLUMN } from "../../../../engine/storage/log-format.js";
import { LogStore } from "../../../../engine/storage/log-store.js";
import { logPosition } from "../../../../engine/storage/read-log.js";
import { eachSeed } from "../../../support/each-seed.js";
import { SimDisk } from "../../../support/simulation/sim-disk.js";
import {
  appendEntry,
  initialized,
  ManualClock,
  normalEntry,
  readWholeLog,
} from "../../../support/storage/log-fixture.js";

const SEEDS = 200;
const STEPS = 80;

/** A log store whose reads of blobs are counted, and may be damaged. */
async function fresh() {
  const disk = new SimDisk();
  const { raft: path } = await initialized(disk, "/data");
  const position = logPosition((await readWholeLog(disk, path)).log);
  let blobReads = 0;
  const damage = { isOn: false };
  const openStore = disk.openStore.bind(disk);
  disk.openStore = async (...args) => {
    const store = await openStore(...args);
    const get: Store["get"] = (column, key) => {
      if (column === LOG_COLUMN) blobReads++;
      const value = store.get(column, key);
      return damage.isOn ? value?.map((byte, i) => (i === 30 ? byte ^ 1 : byte)) : value;
    };
    return new Proxy(store, {
      get: (target, name) => {
        if (name === "get") return get;
        const member = target[name as keyof Store];
        return typeof member === "function" ? member.bind(target) : member;
      },
    });
  };
  const store = await LogStore.open(disk, path, position, new ManualClock());
  return { store, fetch: new EntryFetch(store), damage, reads: () => blobReads };
}

function appendRange(store: LogStore, from: number, to: number, entryTerm = 1): void {
  for (let index = from; index <= to; index++) {
    appendEntry(store, normalEntry(index, entryTerm, Uint8Array.of(index, entryTerm)));
  }
}

function begin(fetch: EntryFetch, low: number, high: number, bytesMax = Number.POSITIVE_INFINITY): void {
  fetch.begin({ low: logIndex(low), high: logIndex(high), bytesMax });
}

/** Up to `countMax` of the entries that come now. */
function take(fetch: EntryFetch, countMax = Number.POSITIVE_INFINITY): Entry[] {
  const entries: Entry[] = [];
  for (let entry = fetch.entry(); entry !== undefined; entry = fetch.entry()) {
    entries.push({ ...entry, payload: Uint8Array.from(entry.payload) });
    fetch.pass();
    if (entries.length >= countMax) break;
  }
  return entries;
}

function indexes(entries: readonly Entry[]): number[] {
  return entries.map(({ index }) => index);
}

describe("fetch of stored entries", () => {
  test("reads a range over several batches, and says what it holds", async () => {
    const { store, fetch } = await fresh();
    for (const [from, to] of [
      [1, 3],
      [4, 4],
      [5, 9],
    ] as const) {
      appendRange(store, from, to);
      store.commit();
    }
    begin(fetch, 2, 7);
    const entries = take(fetch);
    assert.deepEqual(
      entries,
      [2, 3, 4, 5, 6].map((index) => normalEntry(index, 1, Uint8Array.of(index, 1))),
    );
    assert.equal(fetch.entryCount, 5);
  });

  test("ends at the limit of bytes, but gives one entry in any case", async () => {
    const { store, fetch } = await fresh();
    appendRange(store, 1, 5);
    store.commit();
    const entryBytes = entryMemoryBytes(normalEntry(1, 1, new Uint8Array(2)));
    for (const [bytesMax, count] of [
      [0, 1],
      [entryBytes, 1],
      [2 * entryBytes - 1, 1],
      [2 * entryBytes, 2],
      [100 * entryBytes, 5],
    ] as const) {
      begin(fetch, 1, 6, bytesMax);
      assert.equal(take(fetch).length, count, `${bytesMax} bytes`);
    }
  });

  test("goes on in the batch that it has in memory", async () => {
    const { store, fetch, reads } = await fresh();
    appendRange(store, 1, 100);
    store.commit();
    const before = reads();
    const entryBytes = entryMemoryBytes(normalEntry(1, 1, new Uint8Array(2)));
    const got: number[] = [];
    for (let low = 1; low <= 100; low += 10) {
      begin(fetch, low, 101, 10 * entryBytes);
      got.push(...indexes(take(fetch)));
    }
    assert.deepEqual(
      got,
      Array.from({ length: 100 }, (_, i) => i + 1),
    );
    assert.equal(reads() - before, 1);
    begin(fetch, 50, 51);
    assert.deepEqual(indexes(take(fetch)), [50]);
    assert.equal(reads() - before, 2);
  });

  test("gives nothing that is not durable", async () => {
    const { store, fetch } = await fresh();
    appendRange(store, 1, 2);
    store.commit();
    appendRange(store, 3, 4);
    begin(fetch, 1, 5);
    assert.deepEqual(indexes(take(fetch)), [1, 2]);
    store.commit();
    assert.deepEqual(indexes(take(fetch)), [3, 4]);
  });

  test("ends where the log was truncated meanwhile", async () => {
    const { store, fetch } = await fresh();
    appendRange(store, 1, 6);
    store.commit();
    begin(fetch, 1, 7);
    assert.deepEqual(indexes(take(fetch, 2)), [1, 2]);
    store.truncate(logIndex(4));
    assert.deepEqual(indexes(take(fetch)), []);
    begin(fetch, 5, 7);
    assert.deepEqual(indexes(take(fetch)), [5, 6]);
  });

  test("sees entries that have taken the place of others", async () => {
    const { store, fetch } = await fresh();
    appendRange(store, 1, 6);
    store.commit();
    begin(fetch, 1, 7);
    assert.deepEqual(indexes(take(fetch, 3)), [1, 2, 3]);
    assert.equal(fetch.entry()?.term, 1);
    appendRange(store, 4, 5, 2);
    store.commit();
    assert.deepEqual(
      take(fetch).map((entry) => [entry.index, entry.term]),
      [
        [4, 2],
        [5, 2],
      ],
    );
  });

  test("ends when a snapshot takes the place of the log", async () => {
    const { store, fetch } = await fresh();
    appendRange(store, 1, 6);
    store.commit();
    begin(fetch, 2, 7);
    take(fetch, 1);
    const confState = { voters: [], votersOutgoing: [], learners: [], learnersNext: [], autoLeave: false };
    const snapshot = { index: logIndex(20), term: term(3), chain: 5 };
    store.installSnapshot({ snapshot, confState, stateDirectory: "snapshot-20" });
    assert.equal(fetch.entry(), undefined);
    appendRange(store, 21, 22, 3);
    store.commit();
    begin(fetch, 21, 23);
    assert.deepEqual(indexes(take(fetch)), [21, 22]);
  });

  test("finds a damaged entry", async () => {
    const { store, fetch, damage } = await fresh();
    appendRange(store, 1, 3);
    store.commit();
    damage.isOn = true;
    begin(fetch, 1, 4);
    assert.deepEqual(indexes(take(fetch, 1)), [1], "the damage lies in the second one");
    assert.throws(() => fetch.entry(), { code: "LOG_CORRUPT" });
  });

  test(`gives what the log holds, whatever happens to it between the pieces (${SEEDS} seeds)`, async () => {
    await eachSeed(SEEDS, runSeed);
  });
});

async function runSeed(random: SeededRandom): Promise<void> {
  const { store, fetch } = await fresh();
  /** What is durable, and what will be with the next commit. */
  let durable: Entry[] = [];
  let gathered: Entry[] = [];
  let truncated = 0;
  let currentTerm = 1;
  let isFetching = false;
  let next = 0;
  for (let step = 0; step < STEPS; step++) {
    const last = truncated + gathered.length;
    switch (random.below(6)) {
      case 0: {
        const back = random.below(3) === 0 ? random.below(4) : 0;
        if (back > 0) currentTerm++;
        const first = Math.max(truncated + 1, last + 1 - back);
        gathered = gathered.slice(0, first - truncated - 1);
        for (let i = 0; i <= random.below(5); i++) {
          const entry = normalEntry(first + i, currentTerm, new Uint8Array(random.below(40)).fill(first + i));
          appendEntry(store, entry);
          gathered.push(entry);
        }
        break;
      }
      case 1:
        store.commit();
        durable = gathered;
        break;
      case 2: {
        if (random.below(3) > 0) break;
        store.commit();
        durable = gathered;
        const index = truncated + random.below(durable.length + 1);
        store.truncate(logIndex(index));
        durable = durable.slice(index - truncated);
        gathered = durable;
        truncated = index;
        break;
      }
      case 3: {
        next = truncated + 1 + random.below(durable.length + 1);
        begin(fetch, next, next + 1 + random.below(20), random.below(3000));
        isFetching = true;
        break;
      }
      default: {
        if (!isFetching) break;
        for (const entry of take(fetch, 1 + random.below(4))) {
          assert.equal(entry.index, next, "in order, without a gap");
          assert.deepEqual(entry, durable[entry.index - truncated - 1]);
          next++;
        }
      }
    }
  }
  store.commit();
  await store.close();
}
