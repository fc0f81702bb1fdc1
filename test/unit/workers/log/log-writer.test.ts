import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { StrataError } from "../../../../engine/core/errors.js";
import { logIndex, term } from "../../../../engine/core/ids.js";
import { SeededRandom } from "../../../../engine/core/random.js";
import { NO_NODE, nodeId } from "../../../../engine/raft/types.js";
import { MARK_FILE, readMark } from "../../../../engine/storage/durable-mark.js";
import { logPosition } from "../../../../engine/storage/read-log.js";
import { LogWriter, type LogWriterData } from "../../../../workers/log/log-writer.js";
import {
  LOG_RECORD,
  type LogAppended,
  LogRecordWriter,
  newLogAppend,
  newLogAppended,
  readChainAt,
  readLogAppended,
  readRecordIndex,
} from "../../../../workers/shared/log-records.js";
import { LONE_CONF_STATE } from "../../../support/raft/lone-voter.js";
import { SimDisk } from "../../../support/simulation/sim-disk.js";
import { initialized, ManualClock, normalEntry, readWholeLog } from "../../../support/storage/log-fixture.js";
import { workerHarness } from "../../../support/storage/worker-harness.js";

type Answer = LogAppended | { readonly truncated: number } | { readonly chain: number | undefined };

/** A log writer with main's ends of its channels, whose capacities may be given. Each write takes 1 ms. */
async function start({ queueBytes = 1024 * 1024, answerBytes = 64 * 1024 } = {}) {
  const disk = new SimDisk();
  const { raft: path } = await initialized(disk, "/data");
  const clock = new ManualClock();
  const data: LogWriterData = { path, position: logPosition((await readWholeLog(disk, path)).log) };
  const harness = workerHarness(data, queueBytes, answerBytes);
  const loop = new LogWriter(harness.context, disk, clock);
  await loop.start();
  let syncCount = 0;
  disk.beforeWrite = (written) => {
    if (written !== path) return;
    clock.nowMs += 1;
    syncCount++;
  };
  const writer = new LogRecordWriter(harness.toWorker);
  const answers = (): Answer[] => {
    harness.context.sender.publish();
    const taken: Answer[] = [];
    harness.fromWorker.drain((kind, offset) => {
      const { view } = harness.fromWorker;
      if (kind === LOG_RECORD.TRUNCATED) {
        taken.push({ truncated: readRecordIndex(view, offset) });
      } else if (kind === LOG_RECORD.CHAIN_AT) {
        taken.push({ chain: readChainAt(view, offset) });
      } else {
        const appended = newLogAppended();
        readLogAppended(view, offset, appended);
        taken.push(appended);
      }
    }, 1_000_000);
    return taken;
  };
  const append = (options: { handOutTerm?: number; from: number; to: number; hardTerm?: number }): void => {
    const { handOutTerm = 1, from, to, hardTerm } = options;
    const record = newLogAppend();
    record.handOutTerm = term(handOutTerm);
    record.entryCount = to - from + 1;
    record.hasHardState = hardTerm !== undefined;
    record.term = term(hardTerm ?? 0);
    record.commit = logIndex(to);
    assert.ok(writer.append(record));
    for (let index = from; index <= to; index++) {
      assert.ok(writer.entry(normalEntry(index, handOutTerm, Uint8Array.of(index))));
    }
  };
  const publish = (): void => harness.toWorker.publish();
  return { disk, path, clock, loop, writer, append, answers, publish, syncs: () => syncCount };
}

describe("log writer", () => {
  test("makes everything queued durable with one sync and answers each append in order", async () => {
    const { disk, path, loop, append, answers, publish, syncs } = await start();
    append({ from: 1, to: 3, hardTerm: 1 });
    append({ from: 4, to: 4 });
    append({ from: 5, to: 6 });
    publish();
    assert.equal(loop.poll(), true);
    assert.equal(syncs(), 1);
    const got = answers() as LogAppended[];
    assert.deepEqual(
      got.map(({ lastIndex, entryCount, syncCount }) => [lastIndex, entryCount, syncCount]),
      [
        [6, 3, 0],
        [6, 1, 0],
        [6, 2, 1],
      ],
    );
    assert.equal(got.at(-1)?.syncUs, 1000);
    assert.equal(loop.poll(), false);
    disk.beforeWrite = () => {};
    disk.crash(new SeededRandom(1));
    const { entries, log } = await readWholeLog(disk, path);
    assert.equal(entries.length, 6);
    assert.equal(log.last.chain, got.at(-1)?.lastChain);
  });

  test("answers nothing when the disk fails, and ends with the disk's error", async () => {
    const { disk, loop, append, answers, publish } = await start();
    append({ from: 1, to: 1 });
    publish();
    disk.beforeWrite = (path) => {
      throw new StrataError("STORAGE_IO", { path, reason: "EIO" });
    };
    assert.throws(() => loop.poll(), { code: "STORAGE_IO" });
    assert.deepEqual(answers(), []);
  });

  test("answers an append only when its last entry has come", async () => {
    const { loop, writer, answers, publish, append } = await start();
    const record = newLogAppend();
    record.handOutTerm = term(1);
    record.hasHardState = true;
    record.term = term(1);
    record.commit = logIndex(2);
    record.entryCount = 2;
    writer.append(record);
    writer.entry(normalEntry(1, 1, Uint8Array.of(1)));
    publish();
    loop.poll();
    assert.deepEqual(answers(), []);
    writer.entry(normalEntry(2, 1, Uint8Array.of(2)));
    append({ from: 3, to: 3 });
    publish();
    loop.poll();
    assert.deepEqual(
      (answers() as LogAppended[]).map(({ lastIndex, entryCount, syncCount }) => [
        lastIndex,
        entryCount,
        syncCount,
      ]),
      [
        [3, 2, 0],
        [3, 1, 2],
      ],
    );
  });

  test("answers a hard state without entries, and a commit index alone without a sync", async () => {
    const { disk, path, loop, append, answers, publish, syncs } = await start();
    append({ from: 1, to: 0, hardTerm: 7 });
    publish();
    loop.poll();
    assert.equal(answers().length, 1);
    assert.equal(syncs(), 1);
    append({ from: 1, to: 0, hardTerm: 7 });
    publish();
    loop.poll();
    assert.equal(answers().length, 1);
    assert.equal(syncs(), 1);
    disk.beforeWrite = () => {};
    disk.crash(new SeededRandom(1));
    assert.equal((await readWholeLog(disk, path)).log.meta.hardState.term, 7);
  });

  test("lets a later truncation win within one batch", async () => {
    const { disk, path, loop, append, answers, publish } = await start();
    append({ from: 1, to: 5 });
    append({ handOutTerm: 2, from: 3, to: 4 });
    publish();
    loop.poll();
    assert.deepEqual(
      (answers() as LogAppended[]).map(({ handOutTerm, lastIndex, lastTerm }) => [
        handOutTerm,
        lastIndex,
        lastTerm,
      ]),
      [
        [1, 4, 2],
        [2, 4, 2],
      ],
    );
    await loop.stop();
    assert.deepEqual(
      (await readWholeLog(disk, path)).entries.map((entry) => entry.term),
      [1, 1, 2, 2],
    );
  });

  test("truncates in its turn, after what was queued before", async () => {
    const { disk, path, loop, writer, append, answers, publish } = await start();
    append({ from: 1, to: 4 });
    writer.truncate(logIndex(2));
    append({ from: 5, to: 5 });
    publish();
    loop.poll();
    const got = answers();
    assert.equal((got[0] as LogAppended).lastIndex, 4);
    assert.deepEqual(got[1], { truncated: 2 });
    assert.equal((got[2] as LogAppended).lastIndex, 5);
    await loop.stop();
    assert.deepEqual(
      (await readWholeLog(disk, path)).entries.map(({ index }) => index),
      [3, 4, 5],
    );
  });

  test("stops in the middle of an append: main's time was over before all of it found room", async () => {
    const { disk, path, loop, writer, answers, publish } = await start();
    const head = newLogAppend();
    head.handOutTerm = term(1);
    head.entryCount = 2;
    head.hasHardState = true;
    head.term = term(1);
    writer.append(head);
    writer.entry(normalEntry(1, 1, Uint8Array.of(1)));
    publish();
    loop.poll();
    assert.deepEqual(answers(), []);
    await loop.stop();
    const { entries } = await readWholeLog(disk, path);
    assert.ok(entries.length <= 1);
  });

  test("takes at most 4,096 entries into one batch", async () => {
    const { loop, append, answers, publish, syncs } = await start({ answerBytes: 1024 * 1024 });
    for (let index = 1; index <= 5000; index++) append({ from: index, to: index });
    publish();
    loop.poll();
    const first = answers().length;
    assert.ok(first >= 4096, `${first} entries`);
    assert.ok(first < 4096 + 64, `${first} entries`);
    assert.equal(syncs(), 1);
    loop.poll();
    assert.equal(answers().length, 5000 - first);
  });

  test("takes about 4 MiB into one batch", async () => {
    const { loop, writer, answers, publish } = await start({ queueBytes: 16 * 1024 * 1024 });
    const payload = new Uint8Array(200 * 1024);
    const record = newLogAppend();
    record.handOutTerm = term(1);
    record.entryCount = 40;
    writer.append(record);
    for (let index = 1; index <= 40; index++) assert.ok(writer.entry(normalEntry(index, 1, payload)));
    publish();
    assert.equal(loop.poll(), true);
    assert.equal(loop.poll(), true);
    assert.equal(loop.poll(), false);
    assert.equal((answers() as LogAppended[])[0]?.syncCount, 2);
  });

  test("keeps answers that find no room and takes nothing before they are out", async () => {
    const { loop, append, answers, publish, syncs } = await start({ answerBytes: 1024 });
    for (let index = 1; index <= 100; index++) append({ from: index, to: index });
    publish();
    loop.poll();
    append({ from: 101, to: 101 });
    publish();
    assert.equal(loop.poll(), false);
    assert.equal(syncs(), 1);
    const got = answers() as LogAppended[];
    while (got.length < 101) {
      loop.poll();
      got.push(...(answers() as LogAppended[]));
    }
    assert.equal(got.length, 101);
    assert.deepEqual(
      got.map(({ lastIndex }) => lastIndex),
      [...Array<number>(100).fill(100), 101],
    );
  });

  test("writes the watermark while idle, a second after the last one", async () => {
    const { disk, path, clock, loop, append, publish } = await start();
    append({ from: 1, to: 2 });
    publish();
    loop.poll();
    let writeCount = 0;
    disk.beforeWrite = (written) => {
      assert.equal(written, `${path}/${MARK_FILE}`);
      writeCount++;
    };
    clock.nowMs += 1000;
    assert.equal(loop.poll(), false);
    assert.equal(writeCount, 3);
    assert.equal(loop.poll(), false);
    assert.equal(writeCount, 3);
    assert.equal(readMark(disk, `${path}/${MARK_FILE}`).last.index, 2);
  });

  test("begins anew after a snapshot, in the order of the appends around it", async () => {
    const { disk, path, loop, writer, append, answers, publish } = await start();
    const confState = { ...LONE_CONF_STATE, learners: [nodeId(7)] };
    append({ from: 1, to: 3, hardTerm: 1 });
    const install = {
      handOutTerm: term(2),
      hardState: { term: term(2), vote: NO_NODE, commit: logIndex(10) },
      index: logIndex(10),
      term: term(2),
      chain: 0xfedcba98,
      confState,
      stateDirectory: "snapshot-10",
    };
    assert.ok(writer.install(install));
    append({ handOutTerm: 2, from: 11, to: 12 });
    publish();
    loop.poll();
    assert.deepEqual(
      (answers() as LogAppended[]).map((each) => [each.handOutTerm, each.lastIndex, each.entryCount]),
      [
        [1, 3, 3],
        [2, 10, 0],
        [2, 12, 2],
      ],
    );
    disk.beforeWrite = () => {};
    disk.crash(new SeededRandom(1));
    const { entries, log } = await readWholeLog(disk, path);
    const { truncated, stateDirectory, confState: members } = log.meta.truncation;
    assert.deepEqual(truncated, { index: 10, term: 2, chain: 0xfedcba98 });
    assert.equal(stateDirectory, "snapshot-10");
    assert.deepEqual(members, confState);
    assert.equal(log.meta.hardState.term, 2);
    assert.deepEqual(
      entries.map(({ index }) => index),
      [11, 12],
    );
  });

  test("tells the chain value of an entry that it holds, and that it does not", async () => {
    const { loop, writer, append, answers, publish } = await start();
    append({ from: 1, to: 2, hardTerm: 1 });
    append({ from: 3, to: 5 });
    for (const index of [5, 2, 6]) assert.ok(writer.chain(logIndex(index)));
    assert.ok(writer.truncate(logIndex(3)));
    for (const index of [3, 2]) assert.ok(writer.chain(logIndex(index)));
    publish();
    while (loop.poll());
    const got = answers();
    const last = got.findLast((answer) => "lastChain" in answer) as LogAppended;
    const chains = got.filter((answer) => "chain" in answer);
    assert.deepEqual(
      chains.map(({ chain }) => chain === undefined),
      [false, false, true, false, true],
    );
    assert.equal(chains[0]?.chain, last.lastChain);
    assert.notEqual(chains[1]?.chain, chains[3]?.chain);
  });
});
