import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { logIndex, term } from "../../../../engine/core/ids.js";
import { SeededRandom } from "../../../../engine/core/random.js";
import { type Entry, type HardState, nodeId } from "../../../../engine/raft/types.js";
import { readMark } from "../../../../engine/storage/durable-mark.js";
import { LOG_COLUMN, logKey } from "../../../../engine/storage/log-format.js";
import { LOG_STORE_OPTIONS } from "../../../../engine/storage/log-meta.js";
import type { LogStore } from "../../../../engine/storage/log-store.js";
import { SimDisk } from "../../../support/simulation/sim-disk.js";
import {
  appendEntry,
  hardStateOf,
  initialized,
  ManualClock,
  normalEntry,
  openLog,
  readWholeLog,
} from "../../../support/storage/log-fixture.js";

const SEEDS = 150;
const STEPS = 60;
const CONF_STATE = {
  voters: [nodeId(1), nodeId(2)],
  votersOutgoing: [],
  learners: [nodeId(3)],
  learnersNext: [],
  autoLeave: false,
};

async function fresh() {
  const disk = new SimDisk();
  const { raft: path } = await initialized(disk, "/data");
  const clock = new ManualClock();
  return { disk, path, clock, store: await openLog(disk, path, clock) };
}

function appendRange(store: LogStore, from: number, to: number, term: number): void {
  for (let index = from; index <= to; index++) {
    appendEntry(store, normalEntry(index, term, Uint8Array.of(index, term)));
  }
}

describe("log store", () => {
  test("is empty after --init", async () => {
    const { disk, path, store } = await fresh();
    await store.close();
    const { log, entries } = await readWholeLog(disk, path);
    assert.deepEqual(entries, []);
    assert.equal(log.last.index, 0);
    assert.deepEqual(log.meta.hardState, hardStateOf(0, 0, 0));
    assert.deepEqual(log.meta.truncation.confState.voters, [1]);
  });

  test("keeps what was committed over a crash, and nothing that was only gathered", async () => {
    const { disk, path, store } = await fresh();
    appendRange(store, 1, 3, 1);
    store.setHardState(hardStateOf(1, 1, 2));
    assert.equal(store.commit(), true);
    appendRange(store, 4, 6, 1);
    disk.crash(new SeededRandom(1));
    const { log, entries } = await readWholeLog(disk, path);
    assert.deepEqual(
      entries.map(({ index, payload }) => [index, ...payload]),
      [
        [1, 1, 1],
        [2, 2, 1],
        [3, 3, 1],
      ],
    );
    assert.deepEqual(log.meta.hardState, hardStateOf(1, 1, 2));
  });

  test("does not write for a commit index alone, but keeps it for the next write", async () => {
    const { disk, path, store } = await fresh();
    appendRange(store, 1, 2, 1);
    store.setHardState(hardStateOf(1, 1, 0));
    store.commit();
    store.setHardState(hardStateOf(1, 1, 2));
    assert.equal(store.commit(), false);
    await store.close();
    assert.equal((await readWholeLog(disk, path)).log.meta.hardState.commit, 2);
  });

  test("stores no commit index beyond the entries that are there", async () => {
    const { disk, path, store } = await fresh();
    store.setHardState(hardStateOf(1, 1, 5));
    appendRange(store, 1, 2, 1);
    store.commit();
    disk.crash(new SeededRandom(1));
    assert.equal((await readWholeLog(disk, path)).log.meta.hardState.commit, 2);
  });

  test("replaces a tail within a blob, over several blobs, and within the batch", async () => {
    const { disk, path, store } = await fresh();
    appendRange(store, 1, 4, 1);
    store.commit();
    appendRange(store, 5, 8, 1);
    store.commit();
    appendRange(store, 9, 9, 1);
    store.commit();
    appendRange(store, 3, 5, 2);
    appendRange(store, 5, 6, 3);
    store.commit();
    disk.crash(new SeededRandom(1));
    const { log, entries } = await readWholeLog(disk, path);
    assert.deepEqual(
      entries.map(({ index, term }) => [index, term]),
      [
        [1, 1],
        [2, 1],
        [3, 2],
        [4, 2],
        [5, 3],
        [6, 3],
      ],
    );
    assert.deepEqual(log.terms, [
      { term: 1, firstIndex: 1 },
      { term: 2, firstIndex: 3 },
      { term: 3, firstIndex: 5 },
    ]);
  });

  test("gives equal logs equal chains, however they were written", async () => {
    const one = await fresh();
    appendRange(one.store, 1, 6, 1);
    one.store.commit();
    const other = await fresh();
    appendRange(other.store, 1, 2, 1);
    other.store.commit();
    appendRange(other.store, 3, 3, 1);
    appendRange(other.store, 3, 6, 1);
    other.store.commit();
    assert.equal(one.store.last.chain, other.store.last.chain);
    appendEntry(other.store, normalEntry(6, 1, Uint8Array.of(0)));
    other.store.commit();
    assert.notEqual(one.store.last.chain, other.store.last.chain);
  });

  test("forgets a prefix that ends within a blob, and all entries", async () => {
    const { disk, path, clock, store } = await fresh();
    appendRange(store, 1, 4, 1);
    store.commit();
    appendRange(store, 5, 8, 2);
    store.commit();
    store.truncate(logIndex(6));
    await store.close();
    const cut = await readWholeLog(disk, path);
    assert.deepEqual(
      cut.entries.map(({ index }) => index),
      [7, 8],
    );
    assert.equal(cut.log.meta.truncation.truncated.term, 2);
    const again = await openLog(disk, path, clock);
    again.truncate(logIndex(8));
    appendRange(again, 9, 10, 2);
    again.commit();
    await again.close();
    assert.deepEqual(
      (await readWholeLog(disk, path)).entries.map(({ index }) => index),
      [9, 10],
    );
  });

  test("writes the watermark after each batch, synced at most once a second and at its end", async () => {
    const { disk, path, clock, store } = await fresh();
    const file = `${path}/durable.mark`;
    let writeCount = 0;
    disk.beforeWrite = (written) => {
      if (written === file) writeCount++;
    };
    const expectMark = (index: number, writes: number): void => {
      assert.equal(readMark(disk, file).last.index, index);
      assert.equal(writeCount, writes);
      writeCount = 0;
    };
    appendRange(store, 1, 1, 1);
    store.commit();
    store.markWhenDue();
    expectMark(1, 1);
    clock.nowMs += 1000;
    store.markWhenDue();
    expectMark(1, 3);
    appendRange(store, 2, 2, 1);
    store.commit();
    clock.nowMs += 999;
    store.markWhenDue();
    expectMark(2, 1);
    await store.close();
    expectMark(2, 3);
  });

  test("marks a vote, which may not be forgotten either", async () => {
    const { disk, path, clock, store } = await fresh();
    store.setHardState(hardStateOf(1, 1, 0));
    store.commit();
    store.setHardState(hardStateOf(2, 3, 0));
    store.commit();
    clock.nowMs += 1000;
    store.markWhenDue();
    disk.crash(new SeededRandom(1));
    disk.loseBatches(path, 1);
    await assert.rejects(readWholeLog(disk, path), {
      code: "LOG_CORRUPT",
      message: "Raft log, row hs: term 1 and vote 1, after term 2 and vote 3",
    });
  });

  test("goes over to a snapshot, which hides all older entries and is followed by new ones", async () => {
    const { disk, path, clock, store } = await fresh();
    appendRange(store, 1, 9, 1);
    store.commit();
    clock.nowMs += 1000;
    store.markWhenDue();
    store.setHardState(hardStateOf(4, 2, 5));
    const snapshot = { index: logIndex(5), term: term(3), chain: 77 };
    store.installSnapshot({ snapshot, confState: CONF_STATE, stateDirectory: "snapshot-5" });
    disk.crash(new SeededRandom(1));
    const { log, entries } = await readWholeLog(disk, path);
    assert.deepEqual(entries, []);
    assert.deepEqual(log.last, snapshot);
    assert.deepEqual(log.meta.truncation, {
      epoch: 2,
      truncated: snapshot,
      confState: CONF_STATE,
      stateDirectory: "snapshot-5",
    });
    assert.deepEqual(log.meta.hardState, hardStateOf(4, 2, 5));
    assert.deepEqual(log.mark.last, snapshot);
    const again = await openLog(disk, path, clock);
    appendRange(again, 6, 7, 4);
    again.commit();
    await again.close();
    assert.deepEqual(
      (await readWholeLog(disk, path)).entries.map(({ index, term: entryTerm }) => [index, entryTerm]),
      [
        [6, 4],
        [7, 4],
      ],
    );
  });

  test("removes what a crash left of the epoch before a snapshot", async () => {
    const { disk, path, clock, store } = await fresh();
    appendRange(store, 1, 9, 1);
    store.commit();
    let writeCount = 0;
    disk.beforeWrite = (written) => {
      if (written === path && ++writeCount === 2) throw new PowerLoss();
    };
    const snapshot = { index: logIndex(12), term: term(1), chain: 77 };
    assert.throws(
      () => store.installSnapshot({ snapshot, confState: CONF_STATE, stateDirectory: "snapshot-12" }),
      PowerLoss,
    );
    disk.beforeWrite = () => {};
    disk.crash(new SeededRandom(1));
    const blobCount = async (): Promise<number> => {
      const opened = await disk.openStore(path, LOG_STORE_OPTIONS);
      const cursor = opened.scan(LOG_COLUMN, { from: logKey(0, 0), to: logKey(9, 0) });
      const count = cursor.next(100, () => {});
      cursor.close();
      await opened.close();
      return count;
    };
    assert.equal(await blobCount(), 1);
    await (await openLog(disk, path, clock)).close();
    assert.equal(await blobCount(), 0);
  });

  test("notices entries that were acknowledged and are gone", async () => {
    const { disk, path, store } = await fresh();
    appendRange(store, 1, 4, 1);
    store.commit();
    appendRange(store, 5, 8, 1);
    store.commit();
    await store.close();
    disk.loseBatches(path, 1);
    await assert.rejects(readWholeLog(disk, path), {
      code: "LOG_BEHIND_WATERMARK",
      details: { lastIndex: 4, watermark: 8 },
    });
  });

  test("lowers the watermark before it overwrites what it names", async () => {
    const { disk, path, clock, store } = await fresh();
    appendRange(store, 1, 8, 1);
    store.commit();
    clock.nowMs += 1000;
    store.markWhenDue();
    appendRange(store, 4, 5, 2);
    store.commit();
    disk.crash(new SeededRandom(1));
    assert.equal((await readWholeLog(disk, path)).log.last.index, 5);
  });
});

/** What the log should be: entries after `truncated`. */
interface Model {
  truncated: number;
  entries: Entry[];
  hardState: HardState;
}

class PowerLoss extends Error {}

describe("log store against a model", () => {
  test(`survives crashes at every step of every operation (seeds 1 to ${SEEDS})`, async () => {
    let crashCount = 0;
    for (let seed = 1; seed <= SEEDS; seed++) {
      try {
        crashCount += await runModel(seed);
      } catch (error) {
        throw new Error(`seed ${seed} failed`, { cause: error });
      }
    }
    assert.ok(crashCount > SEEDS, "too few crashes happened to prove anything");
  });
});

async function runModel(seed: number): Promise<number> {
  const random = new SeededRandom(seed);
  const disk = new SimDisk();
  const { raft: path } = await initialized(disk, "/data", seed);
  const clock = new ManualClock();
  let store = await openLog(disk, path, clock);
  let durable: Model = { truncated: 0, entries: [], hardState: hardStateOf(0, 0, 0) };
  let crashCount = 0;
  for (let step = 0; step < STEPS; step++) {
    const next = structuredClone(durable) as Model;
    const change = drawChange(random, next);
    let countdown = random.below(3) === 0 ? random.below(4) : Number.POSITIVE_INFINITY;
    disk.beforeWrite = () => {
      if (countdown-- === 0) throw new PowerLoss();
    };
    try {
      clock.nowMs += random.below(1500);
      change(store);
      store.commit();
      store.markWhenDue();
      if (random.below(10) === 0) {
        await store.close();
        store = await openLog(disk, path, clock);
      }
      durable = next;
    } catch (error) {
      if (!(error instanceof PowerLoss)) throw error;
      disk.beforeWrite = () => {};
      disk.crash(random);
      crashCount++;
      durable = await whichOf(disk, path, [durable, next]);
      store = await openLog(disk, path, clock);
    }
    disk.beforeWrite = () => {};
  }
  await store.close();
  await whichOf(disk, path, [durable]);
  return crashCount;
}

/** Draws an operation, applies it to `model`, and returns what does it to the store. */
function drawChange(random: SeededRandom, model: Model): (store: LogStore) => void {
  const last = model.truncated + model.entries.length;
  const kind = random.below(10);
  if (kind === 0) {
    const index = model.truncated + random.below(model.entries.length + 1);
    model.entries = model.entries.slice(index - model.truncated);
    model.truncated = index;
    return (store) => store.truncate(logIndex(index));
  }
  if (kind === 1) return drawSnapshot(random, model);
  const isOverwrite = kind <= 2;
  const first = isOverwrite ? model.truncated + 1 + random.below(model.entries.length + 1) : last + 1;
  const term = model.hardState.term + (isOverwrite ? 1 : random.below(2));
  const count = 1 + random.below(5);
  const entries = Array.from({ length: count }, (_, i) => {
    const payload = new Uint8Array(random.below(100));
    random.fill(payload);
    return normalEntry(first + i, term, payload);
  });
  model.entries = [...model.entries.slice(0, first - model.truncated - 1), ...entries];
  // One vote a term.
  model.hardState = hardStateOf(term, term % 3, model.truncated);
  const { hardState } = model;
  return (store) => {
    store.setHardState(hardState);
    for (const entry of entries) appendEntry(store, entry);
  };
}

/** A snapshot that goes beyond the log, or cuts off a tail that differs. */
function drawSnapshot(random: SeededRandom, model: Model): (store: LogStore) => void {
  const index = model.truncated + 1 + random.below(model.entries.length + 3);
  const term = model.hardState.term + 1;
  model.truncated = index;
  model.entries = [];
  model.hardState = hardStateOf(term, term % 3, index);
  const { hardState } = model;
  const snapshot = { index: logIndex(index), term: hardState.term, chain: random.below(2 ** 32) };
  return (store) => {
    store.setHardState(hardState);
    store.installSnapshot({ snapshot, confState: CONF_STATE, stateDirectory: `snapshot-${index}` });
  };
}

/** The model that the log equals; the last one when several do. */
async function whichOf(disk: SimDisk, path: string, models: readonly Model[]): Promise<Model> {
  const { log, entries } = await readWholeLog(disk, path);
  const found = {
    truncated: log.meta.truncation.truncated.index,
    entries: entries.map(plain),
    hardState: log.meta.hardState,
  };
  const equal = models.filter((model) => {
    try {
      assert.deepEqual(found, { ...model, entries: model.entries.map(plain) });
      return true;
    } catch {
      return false;
    }
  });
  if (equal.length === 0) {
    assert.deepEqual(found, { ...models.at(-1)!, entries: models.at(-1)!.entries.map(plain) });
  }
  return equal.at(-1)!;
}

function plain({ index, term, type, payload }: Entry) {
  return { index, term, type, payload: Buffer.from(payload).toString("hex") };
}
