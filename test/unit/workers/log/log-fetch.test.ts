import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { logIndex, term } from "../../../../engine/core/ids.js";
import { entryMemoryBytes } from "../../../../engine/raft/types.js";
import { logPosition } from "../../../../engine/storage/read-log.js";
import { LogWriter, type LogWriterData } from "../../../../workers/log/log-writer.js";
import {
  LOG_ENTRY_HEADER_BYTES,
  LOG_RECORD,
  LogRecordWriter,
  newLogAppend,
  readEntryIndex,
  readEntryTerm,
  readFetchedCount,
  readRecordIndex,
} from "../../../../workers/shared/log-records.js";
import { SimDisk } from "../../../support/simulation/sim-disk.js";
import { initialized, ManualClock, normalEntry, readWholeLog } from "../../../support/storage/log-fixture.js";
import { workerHarness } from "../../../support/storage/worker-harness.js";

const ALL = Number.POSITIVE_INFINITY;

/** A log writer over rings; answers are told in short, in their order. */
async function start({ queueBytes = 4 * 1024 * 1024, answerBytes = 4 * 1024 * 1024 } = {}) {
  const disk = new SimDisk();
  const { raft: path } = await initialized(disk, "/data");
  const data: LogWriterData = { path, position: logPosition((await readWholeLog(disk, path)).log) };
  const harness = workerHarness(data, queueBytes, answerBytes);
  const loop = new LogWriter(harness.context, disk, new ManualClock());
  await loop.start();
  const writer = new LogRecordWriter(harness.toWorker);
  const append = (from: number, to: number, payloadBytes = 4): void => {
    const record = { ...newLogAppend(), handOutTerm: term(1), entryCount: to - from + 1 };
    assert.ok(writer.append(record));
    for (let index = from; index <= to; index++) {
      assert.ok(writer.entry(normalEntry(index, 1, new Uint8Array(payloadBytes).fill(index))));
    }
  };
  const fetch = (low: number, high: number, bytesMax = ALL): void => {
    assert.ok(writer.fetch({ low: logIndex(low), high: logIndex(high), bytesMax }));
  };
  const answers = (countMax = 1_000_000): string[] => {
    harness.context.sender.publish();
    const taken: string[] = [];
    harness.fromWorker.drain((kind, offset, payloadBytes) => {
      const { view, bytes } = harness.fromWorker;
      if (kind === LOG_RECORD.APPENDED) taken.push("appended");
      else if (kind === LOG_RECORD.TRUNCATED) taken.push(`truncated ${readRecordIndex(view, offset)}`);
      else if (kind === LOG_RECORD.FETCHED) taken.push(`fetched ${readFetchedCount(view, offset)}`);
      else {
        assert.equal(kind, LOG_RECORD.FETCHED_ENTRY);
        assert.equal(readEntryTerm(view, offset), 1);
        const index = readEntryIndex(view, offset);
        const payload = bytes.subarray(offset + LOG_ENTRY_HEADER_BYTES, offset + payloadBytes);
        assert.ok(payload.every((byte) => byte === (index & 0xff)));
        taken.push(`${index}`);
      }
    }, countMax);
    return taken;
  };
  const poll = (): boolean => {
    harness.toWorker.publish();
    return loop.poll();
  };
  return { disk, loop, writer, append, fetch, answers, poll };
}

describe("fetching from the log writer", () => {
  test("gives the entries of a range after the answers to what came before", async () => {
    const { append, fetch, answers, poll } = await start();
    append(1, 3);
    append(4, 6);
    fetch(2, 6);
    append(7, 7);
    assert.equal(poll(), true);
    assert.deepEqual(answers(), ["appended", "appended", "appended", "2", "3", "4", "5", "fetched 4"]);
    assert.equal(poll(), false);
  });

  test("keeps to the limit of bytes", async () => {
    const { append, fetch, answers, poll } = await start();
    append(1, 9, 68);
    fetch(3, 10, 2 * entryMemoryBytes(normalEntry(1, 1, new Uint8Array(68))));
    poll();
    assert.deepEqual(answers(), ["appended", "3", "4", "fetched 2"]);
    fetch(5, 10, 1);
    poll();
    assert.deepEqual(answers(), ["5", "fetched 1"]);
  });

  test("is asked within an append, too", async () => {
    const { writer, append, fetch, answers, poll } = await start();
    append(1, 2);
    assert.ok(writer.append({ ...newLogAppend(), handOutTerm: term(1), entryCount: 2 }));
    assert.ok(writer.entry(normalEntry(3, 1, Uint8Array.of(3))));
    fetch(1, 3);
    poll();
    assert.deepEqual(answers(), ["appended", "1", "2", "fetched 2"]);
    assert.ok(writer.entry(normalEntry(4, 1, Uint8Array.of(4))));
    poll();
    assert.deepEqual(answers(), ["appended"]);
  });

  test("answers appends between the pieces of a long fetch", async () => {
    const { append, fetch, answers, poll } = await start();
    append(1, 40, 32 * 1024);
    poll();
    answers();
    fetch(1, 41);
    assert.equal(poll(), true);
    const first = answers();
    assert.ok(first.length >= 4, `${first.length} entries of 32 KiB in one piece`);
    assert.ok(first.length <= 16, `${first.length} entries of 32 KiB in one piece`);
    append(41, 41);
    assert.equal(poll(), true);
    const second = answers();
    assert.equal(second[0], "appended");
    const rest: string[] = [];
    while (poll()) rest.push(...answers());
    rest.push(...answers());
    const all = [...first, ...second.slice(1), ...rest];
    assert.deepEqual(all, [...Array.from({ length: 40 }, (_, i) => `${i + 1}`), "fetched 40"]);
  });

  test("goes on where it stopped when the channel was full", async () => {
    const { append, fetch, answers, poll } = await start({ answerBytes: 4096 });
    append(1, 60, 200);
    poll();
    answers();
    fetch(1, 61);
    const got: string[] = [];
    let stops = 0;
    while (got.at(-1) !== "fetched 60") {
      if (!poll()) stops++;
      const more = answers();
      assert.ok(more.length > 0, "each time the channel is empty it goes on");
      got.push(...more);
    }
    assert.ok(stops > 2, "it waits while there is no room");
    assert.deepEqual(
      got.slice(0, -1),
      Array.from({ length: 60 }, (_, i) => `${i + 1}`),
    );
  });

  test("lets the answers to appends go first when the channel was full", async () => {
    const { append, fetch, answers, poll } = await start({ answerBytes: 4096 });
    append(1, 60, 200);
    poll();
    answers();
    fetch(1, 61);
    poll();
    for (let index = 61; index <= 70; index++) append(index, index);
    poll();
    const first = answers();
    const sent = first.filter((answer) => answer === "appended").length;
    assert.ok(sent < 10, `there was no room for all: ${sent}`);
    assert.equal(first.slice(0, -sent || undefined).includes("appended"), false);
    poll();
    const second = answers();
    const left = 10 - sent;
    assert.deepEqual(second.slice(0, left), new Array<string>(left).fill("appended"), "before entries");
    assert.match(second[left] as string, /^[0-9]+$/);
  });

  test("does not end before it is told that the log was truncated", async () => {
    const { writer, append, fetch, answers, poll } = await start({ answerBytes: 4096 });
    append(1, 100, 0);
    append(101, 200, 0);
    poll();
    answers();
    fetch(1, 201);
    poll();
    assert.deepEqual(answers(1), ["1"]);
    append(201, 201, 0);
    writer.truncate(logIndex(180));
    poll();
    const sent = answers();
    assert.match(sent.at(-1) as string, /^[0-9]+$/, "there was room for an end, but not for the answers");
    poll();
    assert.deepEqual(answers(), ["appended", "truncated 180", `fetched ${sent.length + 1}`]);
  });

  test("gives nothing of what is truncated, and ends early when that happens meanwhile", async () => {
    const { writer, append, fetch, answers, poll } = await start();
    append(1, 40, 32 * 1024);
    poll();
    answers();
    fetch(1, 41);
    poll();
    const first = answers();
    writer.truncate(logIndex(35));
    poll();
    assert.deepEqual(answers(), ["truncated 35", `fetched ${first.length}`]);
    fetch(30, 41);
    poll();
    assert.deepEqual(answers(), ["fetched 0"]);
    fetch(36, 38);
    poll();
    assert.deepEqual(answers(), ["36", "37", "fetched 2"]);
  });

  test("stops in the middle of a fetch when it is asked to", async () => {
    const { loop, append, fetch, poll } = await start();
    append(1, 40, 32 * 1024);
    poll();
    fetch(1, 41);
    poll();
    await loop.stop();
  });

  test("refuses a second fetch while one is under way", async () => {
    const { append, fetch, poll } = await start();
    append(1, 40, 32 * 1024);
    fetch(1, 41);
    fetch(2, 41);
    assert.throws(() => poll(), /one fetch/);
  });
});
