import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { AppendPipeline } from "../../../engine/consensus/append-pipeline.js";
import { EntryCache } from "../../../engine/consensus/entry-cache.js";
import { LogFetcher } from "../../../engine/consensus/log-fetcher.js";
import { logIndex, term } from "../../../engine/core/ids.js";
import { SeededRandom } from "../../../engine/core/random.js";
import { NodeClock } from "../../../engine/host/node-clock.js";
import { NodeScheduler } from "../../../engine/host/node-scheduler.js";
import { MESSAGE_KIND } from "../../../engine/raft/message.js";
import { type Entry, LOCAL_APPEND_THREAD, NO_NODE, nodeId } from "../../../engine/raft/types.js";
import { NodeDisk } from "../../../engine/storage/node-disk.js";
import { recover } from "../../../engine/storage/recovery.js";
import type { LogWriterData } from "../../../workers/log/log-writer.js";
import { WorkerPool } from "../../../workers/pool/worker-pool.js";
import { initialized, NO_STEP, normalEntry } from "../../support/storage/log-fixture.js";
import { MemoryState } from "../../support/storage/memory-state.js";
import { waitFor } from "../../support/wait.js";

const ENTRIES = 3000;
const ENTRY_BYTES_MAX = 8000;
/** A few entries, so that both directions are full most of the time. */
const RING_BYTES = 64 * 1024;

test("the log thread serves a member that lags behind while it goes on appending", async () => {
  const metadataDir = mkdtempSync(join(tmpdir(), "strata-fetch-"));
  const disk = new NodeDisk();
  const pool = new WorkerPool({
    scheduler: new NodeScheduler(),
    roles: { log: { entry: new URL("../../../workers/log/entry.js", import.meta.url), threadCount: 1 } },
  });
  try {
    const directories = await initialized(disk, metadataDir);
    const found = await recover(disk, directories, new MemoryState(), NO_STEP);
    const data: LogWriterData = { path: directories.raft, position: found.log };
    const link = pool.start("log", 0, { data, ringBytes: RING_BYTES });
    const limits = { bytesMax: 100_000, fetchedBytesMax: 200_000 };
    const hardState = { term: term(0), vote: NO_NODE, commit: logIndex(0) };
    const cache = new EntryCache({ ...found, hardState }, limits);
    let fetchedCount = 0;
    const fetcher = new LogFetcher(link, cache, 100_000, () => fetchedCount++);
    const entries = randomEntries(7);
    const pipeline = new AppendPipeline(
      link,
      new NodeClock(),
      {
        onDurable: (_, number) => cache.release((entries[number - 1] as Entry).index),
        onTruncated: () => assert.fail("nothing is truncated"),
      },
      ENTRY_BYTES_MAX,
    );
    link.onRecord = (kind, offset, payloadBytes) => {
      if (fetcher.onRecord(kind, offset, payloadBytes)) return;
      pipeline.onRecord(kind, offset, link.receiver.view);
    };
    await link.started;

    const got: Entry[] = [];
    const goOn = (): void => {
      pipeline.resume();
      while (cache.lastIndex < ENTRIES && !pipeline.isBlocked) {
        const entry = entries[cache.lastIndex] as Entry;
        cache.append([entry]);
        pipeline.append(appendOf(entry), true);
      }
      // Only what is durable, and applied with it, is sent.
      const end = logIndex(cache.lastIndex + 1 - pipeline.unansweredCount);
      // A member that is always a thousand entries behind.
      while (got.length < end - 1 - (end <= ENTRIES ? 1000 : 0)) {
        const next = cache.entries(logIndex(got.length + 1), end, 20_000);
        if (next === "pending") break;
        got.push(...next);
      }
      fetcher.pump();
      link.sender.publish();
    };
    await waitFor("all entries are sent", () => {
      goOn();
      return got.length === ENTRIES;
    });
    assert.deepEqual(got, entries);
    assert.ok(fetchedCount > 10, `${fetchedCount} pieces from the disk`);
  } finally {
    await pool.close();
    rmSync(metadataDir, { recursive: true });
  }
});

function randomEntries(seed: number): Entry[] {
  const random = new SeededRandom(seed);
  return Array.from({ length: ENTRIES }, (_, i) => {
    const payloadBytes = random.below(random.below(10) === 0 ? ENTRY_BYTES_MAX : 500);
    return normalEntry(i + 1, 1 + Math.floor(i / 500), new Uint8Array(payloadBytes).fill(i));
  });
}

function appendOf(entry: Entry) {
  return {
    kind: MESSAGE_KIND.STORAGE_APPEND,
    from: nodeId(1),
    to: LOCAL_APPEND_THREAD,
    term: entry.term,
    entries: [entry],
    hardState: undefined,
    snapshot: undefined,
    responses: [],
  } as const;
}
