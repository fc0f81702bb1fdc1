import assert from "node:assert/strict";
import { test } from "node:test";
import { EntryCache } from "../../../../engine/consensus/entry-cache.js";
import { LogFetcher } from "../../../../engine/consensus/log-fetcher.js";
import { logIndex, term } from "../../../../engine/core/ids.js";
import type { SeededRandom } from "../../../../engine/core/random.js";
import { type Entry, type HardState, NO_NODE } from "../../../../engine/raft/types.js";
import { logPosition } from "../../../../engine/storage/read-log.js";
import { LogWriter, type LogWriterData } from "../../../../workers/log/log-writer.js";
import {
  LOG_RECORD,
  LogRecordWriter,
  newLogAppend,
  readRecordIndex,
} from "../../../../workers/shared/log-records.js";
import { eachSeed } from "../../../support/each-seed.js";
import { SimDisk } from "../../../support/simulation/sim-disk.js";
import { initialized, ManualClock, normalEntry, readWholeLog } from "../../../support/storage/log-fixture.js";
import { LocalLink } from "../../../support/workers/local-workers.js";

const ALL = Number.POSITIVE_INFINITY;
const SEEDS = 60;

interface Options {
  readonly ringBytes?: number;
  readonly bytesMax?: number;
  readonly fetchedBytesMax?: number;
}

/** A cache that keeps nothing, a fetcher, and a log thread over a disk; main and thread move when told. */
async function make({ ringBytes = 1 << 20, bytesMax = 2500, fetchedBytesMax = 100_000 }: Options = {}) {
  const disk = new SimDisk();
  const { raft: path } = await initialized(disk, "/data");
  const { log } = await readWholeLog(disk, path);
  const data: LogWriterData = { path, position: logPosition(log) };
  const link = new LocalLink(
    { ringBytes, data },
    (context) => new LogWriter(context, disk, new ManualClock()),
    true,
  );
  await link.loop.start();
  const none: HardState = { term: term(0), vote: NO_NODE, commit: logIndex(0) };
  const recovered = { truncated: log.last, last: log.last, terms: [], tail: [], hardState: none };
  const cache = new EntryCache(recovered, { bytesMax: 0, fetchedBytesMax });
  let fetchedCount = 0;
  const fetcher = new LogFetcher(link, cache, bytesMax, () => fetchedCount++);
  let answered = 0;
  link.onRecord = (kind, offset, payloadBytes) => {
    if (fetcher.onRecord(kind, offset, payloadBytes)) return;
    if (kind === LOG_RECORD.TRUNCATED) cache.truncate(readRecordIndex(link.receiver.view, offset));
    answered++;
  };
  const writer = new LogRecordWriter(link.sender);
  /** Entries that all are applied at once. */
  const append = (entries: readonly Entry[]): void => {
    cache.append(entries);
    assert.ok(writer.append({ ...newLogAppend(), handOutTerm: term(9), entryCount: entries.length }));
    for (const entry of entries) {
      while (!writer.entry(entry)) link.stepWorker();
    }
    settle();
    cache.release(cache.lastIndex);
  };
  const settle = (): void => {
    do link.sender.publish();
    while (link.stepWorker() || link.deliver());
  };
  /** What a member that lags behind does with the answer. */
  const catchUp = (from: number): Entry[] => {
    const got: Entry[] = [];
    for (let low = from; low <= cache.lastIndex; ) {
      const entries = cache.entries(logIndex(low), logIndex(cache.lastIndex + 1), ALL);
      if (entries === "pending") {
        const before = fetchedCount;
        fetcher.pump();
        settle();
        assert.equal(fetchedCount, before + 1, `nothing came for entry ${low}`);
        continue;
      }
      got.push(...entries);
      low += entries.length;
    }
    return got;
  };
  return {
    link,
    cache,
    fetcher,
    writer,
    append,
    settle,
    catchUp,
    fetchedCount: () => fetchedCount,
    answeredCount: () => answered,
  };
}

function entriesOf(from: number, to: number, payloadBytes = 100): Entry[] {
  const entries: Entry[] = [];
  for (let index = from; index <= to; index++) {
    entries.push(normalEntry(index, 1 + Math.floor(index / 10), new Uint8Array(payloadBytes).fill(index)));
  }
  return entries;
}

test("a member that lags behind gets all entries from the disk, in pieces", async () => {
  const { append, catchUp, fetchedCount } = await make();
  for (let from = 1; from <= 91; from += 10) append(entriesOf(from, from + 9));
  assert.deepEqual(catchUp(1), entriesOf(1, 100));
  assert.ok(fetchedCount() >= 100 / 7, `${fetchedCount()} pieces of 7 entries`);
  assert.ok(fetchedCount() <= 100 / 6, `${fetchedCount()} pieces of 7 entries`);
  const before = fetchedCount();
  assert.deepEqual(catchUp(50), entriesOf(50, 100));
  assert.equal(fetchedCount(), before, "what was fetched is kept for the others");
});

test("an entry that is larger than a piece, and than most of the channel, comes alone", async () => {
  const { append, catchUp } = await make({ ringBytes: 1 << 14 });
  const entries = entriesOf(1, 5, 3500);
  for (const entry of entries) append([entry]);
  assert.deepEqual(catchUp(1), entries);
});

test("through a small channel a piece comes in parts", async () => {
  const { append, catchUp, fetchedCount } = await make({ ringBytes: 1 << 12, bytesMax: 50_000 });
  for (let from = 1; from <= 91; from += 10) append(entriesOf(from, from + 9));
  assert.deepEqual(catchUp(1), entriesOf(1, 100));
  assert.equal(fetchedCount(), 1);
});

test("one range is under way at a time, and what was wanted meanwhile follows", async () => {
  const { append, cache, fetcher, settle, fetchedCount } = await make();
  append(entriesOf(1, 60));
  const want = (low: number) => cache.entries(logIndex(low), logIndex(61), ALL);
  assert.equal(want(1), "pending");
  assert.equal(want(40), "pending");
  assert.equal(fetcher.isFetching, false);
  fetcher.pump();
  fetcher.pump();
  assert.equal(fetcher.isFetching, true);
  settle();
  assert.equal(fetchedCount(), 1);
  assert.notEqual(want(1), "pending");
  assert.equal(want(40), "pending");
  fetcher.pump();
  settle();
  assert.notEqual(want(40), "pending");
  assert.notEqual(want(1), "pending");
  fetcher.pump();
  assert.equal(fetcher.isFetching, false);
});

test("with a full channel it asks in a later turn", async () => {
  const { append, cache, fetcher, link, settle, writer, catchUp, answeredCount } = await make({
    ringBytes: 1024,
  });
  append(entriesOf(1, 20, 20));
  const before = answeredCount();
  let filledCount = 0;
  while (writer.append({ ...newLogAppend(), handOutTerm: term(9) })) filledCount++;
  assert.equal(cache.entries(logIndex(1), logIndex(21), ALL), "pending");
  fetcher.pump();
  settle();
  assert.equal(answeredCount() - before, filledCount, "nothing but what filled it was in the channel");
  assert.equal(fetcher.isFetching, true);
  fetcher.pump();
  link.sender.publish();
  settle();
  assert.equal(fetcher.isFetching, false);
  assert.deepEqual(catchUp(1), entriesOf(1, 20, 20));
});

test("entries that were truncated before they came are not kept, and the core is told", async () => {
  const { append, cache, fetcher, settle, writer, fetchedCount } = await make();
  append(entriesOf(1, 30));
  const want = (low: number) => cache.entries(logIndex(low), logIndex(31), ALL);
  want(3);
  writer.truncate(logIndex(10));
  fetcher.pump();
  settle();
  assert.equal(cache.truncated.index, 10);
  assert.equal(fetchedCount(), 1);
  assert.equal(cache.fetched.bytes, 0);
  want(11);
  fetcher.pump();
  writer.truncate(logIndex(12));
  settle();
  assert.equal(cache.truncated.index, 12);
  assert.equal(fetchedCount(), 2);
  assert.throws(() => want(11), /truncated/);
  assert.equal(want(13), "pending", "what came began with what is gone");
});

test("a snapshot that takes the place of the log while entries are fetched leaves none of them", async () => {
  const { append, cache, fetcher, settle, fetchedCount } = await make();
  append(entriesOf(1, 30));
  cache.entries(logIndex(3), logIndex(31), ALL);
  fetcher.pump();
  cache.restore({ term: term(9), index: logIndex(100) });
  settle();
  assert.equal(fetchedCount(), 1);
  assert.equal(cache.fetched.bytes, 0);
  assert.equal(fetcher.isFetching, false);
});

test("memory for fetched entries is bounded, whatever members want", async () => {
  const { append, catchUp, cache } = await make({ fetchedBytesMax: 3000 });
  append(entriesOf(1, 200));
  for (const from of [1, 150, 20, 77]) {
    assert.deepEqual(catchUp(from), entriesOf(from, 200));
    assert.ok(cache.fetched.bytes <= 3000, `${cache.fetched.bytes} bytes`);
  }
});

test("an entry that differs from what main knows of it is a bug", async () => {
  const { append, cache, fetcher, writer, settle } = await make();
  append(entriesOf(1, 20));
  // Behind main's back.
  assert.ok(writer.append({ ...newLogAppend(), handOutTerm: term(9), entryCount: 1 }));
  assert.ok(writer.entry(normalEntry(5, 7, new Uint8Array(10))));
  settle();
  cache.entries(logIndex(4), logIndex(21), ALL);
  fetcher.pump();
  assert.throws(() => settle(), /another term/);
});

test(`members get what they lack while the log grows and is truncated (${SEEDS} seeds)`, async () => {
  await eachSeed(SEEDS, runSeed);
});

/** Each member reads on from where it is; main, thread and log go on in any order between. */
async function runSeed(random: SeededRandom): Promise<void> {
  const ringBytes = 1 << (12 + random.below(4));
  const { append, cache, fetcher, link, writer, settle } = await make({
    ringBytes,
    bytesMax: 50 + random.below(2000),
    fetchedBytesMax: 2100 + random.below(3000),
  });
  cache.keep(random.below(3000));
  append(entriesOf(1, 50));
  const members = [1, 1 + random.below(50), 1 + random.below(50)];
  let truncating = 0;
  for (let step = 0; step < 300; step++) {
    switch (random.below(7)) {
      case 0: {
        const first = cache.lastIndex + 1;
        if (first < 250) append(entriesOf(first, first + random.below(5)));
        break;
      }
      case 1: {
        const behind = Math.min(...members);
        if (random.below(10) > 0 || behind < 2) break;
        truncating = Math.max(truncating, behind - 2 + random.below(10));
        truncating = Math.min(truncating, cache.lastIndex);
        writer.truncate(logIndex(truncating));
        break;
      }
      case 2:
        link.sender.publish();
        link.stepWorker();
        break;
      case 3:
        link.deliver();
        break;
      case 4:
        fetcher.pump();
        break;
      default: {
        const who = random.below(members.length);
        // Who needs what is gone gets a snapshot.
        const next = Math.max(members[who] as number, cache.truncated.index + 1);
        members[who] = next;
        if (next > cache.lastIndex) break;
        const high = logIndex(cache.lastIndex + 1);
        const entries = cache.entries(logIndex(next), high, 1 + random.below(1000));
        if (entries === "pending") break;
        assert.deepEqual(entries, entriesOf(next, next + entries.length - 1));
        members[who] = next + entries.length;
      }
    }
    assert.ok(cache.fetched.bytes <= 5200, "bounded");
  }
  settle();
  for (const member of members) {
    for (
      let next = Math.max(member, cache.truncated.index + 1), tries = 0;
      next <= cache.lastIndex;
      tries++
    ) {
      assert.ok(tries < 2000, `the member at ${next} does not get on`);
      const entries = cache.entries(logIndex(next), logIndex(cache.lastIndex + 1), ALL);
      if (entries !== "pending") {
        assert.deepEqual(entries, entriesOf(next, next + entries.length - 1));
        next += entries.length;
      }
      fetcher.pump();
      settle();
    }
  }
}
