import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, before, test } from "node:test";
import { logIndex, term } from "../../../engine/core/ids.js";
import { NodeScheduler } from "../../../engine/host/node-scheduler.js";
import type { StorageDirectories } from "../../../engine/storage/directories.js";
import { LOG_STORE_OPTIONS } from "../../../engine/storage/log-meta.js";
import { NodeDisk } from "../../../engine/storage/node-disk.js";
import type { Recovered } from "../../../engine/storage/recovered.js";
import { recover } from "../../../engine/storage/recovery.js";
import type { LogWriterData } from "../../../workers/log/log-writer.js";
import { WorkerPool } from "../../../workers/pool/worker-pool.js";
import {
  LOG_RECORD,
  LogRecordWriter,
  newLogAppend,
  newLogAppended,
  readLogAppended,
} from "../../../workers/shared/log-records.js";
import {
  newStateFlushed,
  readStateFlushed,
  StateRecordWriter,
} from "../../../workers/shared/state-records.js";
import type { StateWriterData } from "../../../workers/state/state-writer.js";
import { initialized, NO_STEP, normalEntry } from "../../support/storage/log-fixture.js";
import { MemoryState } from "../../support/storage/memory-state.js";
import { waitFor } from "../../support/wait.js";

const ENTRIES = 2000;
const RING_BYTES = 1024 * 1024;

let metadataDir: string;
let directories: StorageDirectories;
let pool: WorkerPool;
const disk = new NodeDisk();

before(async () => {
  metadataDir = mkdtempSync(join(tmpdir(), "strata-workers-"));
  directories = await initialized(disk, metadataDir);
  pool = new WorkerPool({
    scheduler: new NodeScheduler(),
    roles: {
      log: { entry: new URL("../../../workers/log/entry.js", import.meta.url), threadCount: 1 },
      state: { entry: new URL("../../../workers/state/entry.js", import.meta.url), threadCount: 1 },
    },
  });
});
afterEach(async () => await pool.close());
after(() => rmSync(metadataDir, { recursive: true }));

function startLog(found: Recovered) {
  const data: LogWriterData = { path: directories.raft, position: found.log };
  const link = pool.start("log", 0, { data, ringBytes: RING_BYTES });
  const seen = { appendedIndex: 0, entryCount: 0, syncCount: 0, chain: 0, truncatedCount: 0 };
  const appended = newLogAppended();
  link.onRecord = (kind, offset) => {
    if (kind === LOG_RECORD.TRUNCATED) {
      seen.truncatedCount++;
      return;
    }
    readLogAppended(link.receiver.view, offset, appended);
    seen.appendedIndex = appended.lastIndex;
    seen.entryCount += appended.entryCount;
    seen.syncCount += appended.syncCount;
    seen.chain = appended.lastChain;
  };
  return { link, writer: new LogRecordWriter(link.sender), seen };
}

test("the log and state threads keep what they acknowledged, over restarts", async () => {
  const found = await recover(disk, directories, new MemoryState(), NO_STEP);
  const { link, writer, seen } = startLog(found);
  await link.started;
  const append = newLogAppend();
  append.handOutTerm = term(1);
  append.term = term(1);
  append.hasHardState = true;
  append.entryCount = 1;
  for (let index = 1; index <= ENTRIES; index++) {
    append.commit = logIndex(index - 1);
    assert.ok(writer.append(append));
    assert.ok(writer.entry(normalEntry(index, 1, Uint8Array.of(index % 256, index & 0xff))));
    if (index % 10 !== 0) continue;
    link.sender.publish();
    await new Promise((resolve) => setImmediate(resolve));
  }
  link.sender.publish();
  await waitFor("all appends are answered", () => seen.entryCount === ENTRIES);
  assert.equal(seen.appendedIndex, ENTRIES);
  assert.ok(seen.syncCount < ENTRIES, "batches never formed");

  const state = new MemoryState();
  state.loaded(found.confState);
  for (let index = 1; index <= ENTRIES; index++) {
    state.apply(logIndex(index), term(1), Uint8Array.of(index % 256, index & 0xff));
  }
  await flush(found, state);
  writer.truncate(logIndex(ENTRIES));
  link.sender.publish();
  await waitFor("the log is truncated", () => seen.truncatedCount === 1);
  await link.stop();
  assert.equal(await link.ended, undefined);

  const again = new MemoryState();
  const after = await recover(disk, directories, again, NO_STEP);
  assert.deepEqual(again.rows, state.rows);
  assert.equal(after.truncated.index, ENTRIES);
  assert.equal(after.truncated.chain, seen.chain);
  const restarted = startLog(after);
  await restarted.link.started;
  append.commit = logIndex(ENTRIES);
  restarted.writer.append(append);
  restarted.writer.entry(normalEntry(ENTRIES + 1, 1, Uint8Array.of(1, 1)));
  restarted.link.sender.publish();
  await waitFor("the next entry is durable", () => restarted.seen.appendedIndex === ENTRIES + 1);
});

async function flush(found: Recovered, state: MemoryState): Promise<void> {
  const data: StateWriterData = { path: found.statePath, identity: found.identity };
  const link = pool.start("state", 0, { data, ringBytes: RING_BYTES });
  const flushed = newStateFlushed();
  link.onRecord = (_, offset) => readStateFlushed(link.receiver.view, offset, flushed);
  await link.started;
  const writer = new StateRecordWriter(link.sender);
  const rowCount = state.freeze();
  while (!state.drain(writer)) await new Promise((resolve) => setImmediate(resolve));
  assert.ok(writer.commit(state.appliedIndex, true));
  link.sender.publish();
  await waitFor("the flush is on disk", () => flushed.appliedIndex === state.appliedIndex);
  assert.equal(flushed.durable, true);
  assert.equal(flushed.rowCount, rowCount);
  await link.stop();
}

test("a log thread whose directory is in use ends with STORAGE_LOCKED", async () => {
  const found = await recover(disk, directories, new MemoryState(), NO_STEP);

  const store = await disk.openStore(directories.raft, LOG_STORE_OPTIONS);
  const { link } = startLog(found);
  const reason = await link.ended;
  await assert.rejects(link.started);
  assert.equal((reason as { code?: string } | undefined)?.code, "STORAGE_LOCKED");
  await store.close();
});
