import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { SeededRandom } from "../../../../engine/core/random.js";
import { encodeConfChange } from "../../../../engine/raft/conf-change-codec.js";
import {
  CONF_CHANGE,
  CONF_CHANGE_TRANSITION,
  type ConfChangeStep,
  ENTRY_TYPE,
  nodeId,
} from "../../../../engine/raft/types.js";
import { MARK_FILE } from "../../../../engine/storage/durable-mark.js";
import { logKey } from "../../../../engine/storage/log-format.js";
import { LOG_STORE_OPTIONS } from "../../../../engine/storage/log-meta.js";
import type { RecoveryStep } from "../../../../engine/storage/recovered.js";
import { recover } from "../../../../engine/storage/recovery.js";
import { seal } from "../../../../engine/storage/sealed-row.js";
import { STATE_STORE_OPTIONS } from "../../../../engine/storage/state-store.js";
import { SimDisk } from "../../../support/simulation/sim-disk.js";
import {
  appendEntry,
  hardStateOf,
  initialized,
  ManualClock,
  NO_STEP,
  normalEntry,
} from "../../../support/storage/log-fixture.js";
import { MemoryState } from "../../../support/storage/memory-state.js";
import { SmallScm, snapshotState, statePathOf } from "../../../support/storage/small-scm.js";

const SEEDS = 100;

async function fresh(seed = 1) {
  const disk = new SimDisk();
  const directories = await initialized(disk, "/data", seed);
  const clock = new ManualClock();
  const start = () => SmallScm.start(disk, directories, clock);
  const recoverNow = (onStep: (step: RecoveryStep) => void = NO_STEP) =>
    recover(disk, directories, new MemoryState(), onStep);
  return { disk, directories, clock, start, recoverNow };
}

/** An SCM that has set rows 1 to 4, flushed after the second, and stopped. */
async function used() {
  const fixture = await fresh();
  const scm = await fixture.start();
  scm.set(1, "one");
  scm.set(2, "two");
  scm.flush(false);
  scm.set(3, "three");
  scm.set(4, "four");
  await scm.stop();
  return fixture;
}

describe("recovery", () => {
  test("of a new SCM finds nothing but its identity and the floors", async () => {
    const { recoverNow } = await fresh();
    const found = await recoverNow();
    assert.equal(found.last.index, 0);
    assert.deepEqual(found.tail, []);
    assert.deepEqual(found.terms, []);
    assert.deepEqual(found.confState.voters, [1]);
    assert.equal(found.floors.localIdFloor, BigInt(Date.UTC(2027, 0, 1)) * 65_536n);
    assert.equal(found.floors.given, false);
  });

  test("loads the flushed rows, applies what is committed and hands out what may not be", async () => {
    const { disk, directories } = await used();
    const state = new MemoryState();
    const found = await recover(disk, directories, state, NO_STEP);
    assert.ok(state.isLoaded);
    // Entry 4 was appended with commit index 3.
    assert.deepEqual(Object.fromEntries(state.rows), { 1: "one", 2: "two", 3: "three" });
    assert.equal(found.hardState.commit, 3);
    assert.deepEqual(
      found.tail.map(({ index, payload }) => [index, Buffer.from(payload).toString("latin1")]),
      [[4, "\u0004four"]],
    );
    assert.equal(found.last.index, 4);
    assert.deepEqual(found.terms, [{ term: 1, firstIndex: 1 }]);
  });

  test("raises the commit index to what the state has applied", async () => {
    const { start, recoverNow } = await fresh();
    const scm = await start();
    scm.set(1, "one");
    scm.flush(false);
    await scm.stop();
    const found = await recoverNow();
    assert.equal(found.log.hardState.commit, 0);
    assert.equal(found.hardState.commit, 1);
    assert.deepEqual(found.tail, []);
  });

  test("reports its steps", async () => {
    const { recoverNow } = await used();
    const steps: string[] = [];
    await recoverNow(({ name, count, isDone }) => {
      if (isDone) steps.push(`${name} ${count}`);
    });
    assert.deepEqual(steps, ["log 4", "state 3", "replay 1"]);
  });

  test(`loses nothing acknowledged in crashes at random (seeds 1 to ${SEEDS})`, async () => {
    for (let seed = 1; seed <= SEEDS; seed++) {
      const random = new SeededRandom(seed);
      const { disk, clock, start } = await fresh(seed);
      const expected = new Map<number, string>();
      for (let life = 0; life < 5; life++) {
        const scm = await start();
        assert.deepEqual(new Map([...scm.state.rows].sort()), new Map([...expected].sort()), `seed ${seed}`);
        for (let i = random.below(20); i > 0; i--) {
          const row = random.below(10);
          expected.set(row, `${life}.${i}`);
          scm.set(row, `${life}.${i}`, life + 1);
          clock.nowMs += random.below(600);
          scm.log.markWhenDue();
          if (random.below(4) === 0) scm.flush(random.below(3) === 0);
        }
        if (random.below(4) === 0) await scm.stop();
        disk.crash(random);
      }
    }
  });
});

describe("recovery of a membership", () => {
  const addVoter = (id: number): ConfChangeStep => ({ type: CONF_CHANGE.ADD_VOTER, nodeId: nodeId(id) });
  const addLearner = (id: number): ConfChangeStep => ({ type: CONF_CHANGE.ADD_LEARNER, nodeId: nodeId(id) });
  const NO_CONTEXT = new Uint8Array(0);
  const { AUTO, JOINT_EXPLICIT } = CONF_CHANGE_TRANSITION;

  /** A log that holds the changes, of which the first `committed` are known to be so. */
  async function changed(changes: readonly Uint8Array[], committed: number) {
    const fixture = await fresh();
    const scm = await fixture.start();
    changes.forEach((payload, i) => {
      const type = i % 2 === 0 ? ENTRY_TYPE.CONF_CHANGE_V1 : ENTRY_TYPE.CONF_CHANGE_V2;
      appendEntry(scm.log, { ...normalEntry(i + 1, 1, payload), type });
    });
    scm.log.setHardState(hardStateOf(1, 1, committed));
    scm.log.commit();
    await scm.stop();
    return fixture;
  }

  const CHANGES = [
    encodeConfChange({ transition: AUTO, steps: [addLearner(2)], context: NO_CONTEXT }),
    encodeConfChange({ transition: JOINT_EXPLICIT, steps: [addVoter(2), addVoter(3)], context: NO_CONTEXT }),
    encodeConfChange({ transition: AUTO, steps: [], context: NO_CONTEXT }),
  ];

  test("applies the committed changes of the log, and only those", async () => {
    const expected = [
      { voters: [1], votersOutgoing: [], learners: [], learnersNext: [], autoLeave: false },
      { voters: [1], votersOutgoing: [], learners: [2], learnersNext: [], autoLeave: false },
      { voters: [1, 2, 3], votersOutgoing: [1], learners: [], learnersNext: [], autoLeave: false },
      { voters: [1, 2, 3], votersOutgoing: [], learners: [], learnersNext: [], autoLeave: false },
    ];
    for (let committed = 0; committed <= 3; committed++) {
      const { recoverNow } = await changed(CHANGES, committed);
      const found = await recoverNow();
      assert.deepEqual(found.confState, expected[committed]);
      assert.equal(found.tail.length, 3 - committed);
    }
  });

  test("goes on from the membership that was flushed with the state", async () => {
    const { start, recoverNow } = await changed(CHANGES, 2);
    const scm = await start();
    scm.flush(true);
    await scm.stop();
    const found = await recoverNow();
    assert.equal(found.truncated.index, 3);
    assert.deepEqual(found.confState.voters, [1, 2, 3]);
  });

  test("refuses a change that is none, or is not legal where it stands", async () => {
    for (const changes of [[Uint8Array.of(9, 9)], [CHANGES[2]!]]) {
      const { recoverNow } = await changed(changes, 1);
      await assert.rejects(recoverNow(), {
        code: "LOG_CORRUPT",
        message: /entry 1: (no|a) change of member/,
      });
    }
  });
});

describe("a snapshot that is being installed", () => {
  test(`is there as a whole after a crash at any step, or not at all (seeds 1 to ${SEEDS})`, async () => {
    const outcomes = new Set<string>();
    for (let seed = 1; seed <= SEEDS; seed++) {
      const random = new SeededRandom(seed);
      const { disk, directories, clock, start } = await fresh(seed);
      const scm = await start();
      for (let i = 1; i <= 6; i++) scm.set(i, `old ${i}`, 1);
      clock.nowMs += 1000;
      scm.log.markWhenDue();
      if (random.below(2) === 0) scm.flush(random.below(2) === 0);
      const index = 7 + random.below(4);
      let countdown = random.below(20);
      disk.beforeWrite = () => {
        if (countdown-- === 0) throw new Error("power loss");
      };
      await scm.install(disk, directories, index, 2).catch(() => {});
      disk.beforeWrite = () => {};
      disk.crash(random);
      const again = await start();
      const isNew = again.found.truncated.index === index;
      outcomes.add(isNew ? "new" : "old");
      const expected = isNew ? snapshotState(index, 2, again.found.confState).rows : scm.state.rows;
      assert.deepEqual(new Map([...again.state.rows].sort()), new Map([...expected].sort()), `seed ${seed}`);
      assert.deepEqual(disk.list(directories.state), [isNew ? `snapshot-${index}` : "base"], `seed ${seed}`);
      again.set(1, "after", 2);
      await again.stop();
      const last = await start();
      assert.equal(last.state.rows.get(1), "after", `seed ${seed}`);
      await last.stop();
    }
    assert.deepEqual([...outcomes].sort(), ["new", "old"]);
  });
});

describe("recovery refuses", () => {
  test("a directory that was not initialised", async () => {
    const { disk, directories, recoverNow } = await fresh();
    disk.removeDirectory(directories.current);
    await assert.rejects(recoverNow(), { code: "STORAGE_NOT_INITIALIZED" });
  });

  test("a log that lost acknowledged entries", async () => {
    const { disk, directories, recoverNow } = await used();
    disk.loseBatches(directories.raft, 1);
    await assert.rejects(recoverNow(), {
      code: "LOG_BEHIND_WATERMARK",
      details: { lastIndex: 3, watermark: 4 },
    });
  });

  test("a log that ends before what the state has applied", async () => {
    const { disk, directories, start, recoverNow } = await fresh();
    const scm = await start();
    scm.set(1, "one");
    scm.set(2, "two");
    scm.flush(true);
    scm.set(3, "three");
    scm.flush(false);
    disk.crash(new SeededRandom(1));
    // The crash came before the watermark followed, so only the state tells.
    disk.loseBatches(directories.raft, 1);
    await assert.rejects(recoverNow(), { code: "LOG_BEHIND_WATERMARK" });
  });

  test("a log whose store came back empty", async () => {
    const { disk, directories, recoverNow } = await used();
    disk.removeDirectory(directories.raft);
    await assert.rejects(recoverNow(), { code: "STORAGE_OPEN", message: /there is no store/ });
    await (await disk.createStore(directories.raft, LOG_STORE_OPTIONS)).close();
    await assert.rejects(recoverNow(), { code: "LOG_CORRUPT", message: "Raft log, row id: missing" });
  });

  test("a state store that came back empty", async () => {
    const { disk, directories, recoverNow } = await used();
    disk.removeDirectory(statePathOf(directories));
    await assert.rejects(recoverNow(), { code: "STATE_MISSING" });
    assert.deepEqual(disk.list(statePathOf(directories)), [], "no empty one takes its place");
  });

  test("a state that is older than where the log begins", async () => {
    const { disk, directories, start, recoverNow } = await fresh();
    const scm = await start();
    scm.set(1, "one");
    scm.flush(true);
    await scm.stop();
    disk.loseBatches(statePathOf(directories), 1);
    await assert.rejects(recoverNow(), {
      code: "STATE_CORRUPT",
      message: /applied index 0: the log begins after 1/,
    });
  });

  test("a state store that another release wrote, with both formats and what to do", async () => {
    const { disk, directories, recoverNow } = await used();
    const path = statePathOf(directories);
    const store = await disk.openStore(path, STATE_STORE_OPTIONS);
    const batch = store.batch();
    // What follows the format only that release could read.
    const identity = seal((writer) => writer.u32(77));
    batch.put("rows", Uint8Array.of(0, 1), identity);
    batch.write({ sync: true });
    await store.close();
    const message = `${path} has format 77, this release reads 1`;
    await assert.rejects(recoverNow(), { code: "STORAGE_FORMAT", message });
  });

  test("a store of another SCM", async () => {
    const { disk, directories } = await used();
    const other = await initialized(disk, "/other", 2);
    const mixed = { ...directories, state: other.state };
    await assert.rejects(recover(disk, mixed, new MemoryState(), NO_STEP), { code: "STORAGE_IDS_DIFFER" });
    const swapped = { ...directories, raft: other.raft };
    await assert.rejects(recover(disk, swapped, new MemoryState(), NO_STEP), { code: "STORAGE_IDS_DIFFER" });
  });

  test("a log with a flipped bit, anywhere in an entry", async () => {
    const { disk, directories, recoverNow } = await used();
    for (let at = 0; at < 26; at++) {
      const flip = (value: Uint8Array): void => {
        value[at]! ^= 1;
      };
      disk.damageValue(directories.raft, "log", logKey(1, 2), flip);
      await assert.rejects(recoverNow(), { code: "LOG_CORRUPT" }, `byte ${at}`);
      disk.damageValue(directories.raft, "log", logKey(1, 2), flip);
    }
    await recoverNow();
  });

  test("a log with an entry exchanged for another good one", async () => {
    const { disk, directories, recoverNow } = await used();
    const other = await fresh(2);
    const scm = await other.start();
    scm.set(1, "one");
    scm.set(2, "TWO");
    await scm.stop();
    const store = await other.disk.openStore(other.directories.raft, {
      kind: "log",
      columns: ["log", "meta"],
      memtableBytes: 1024,
    });
    const foreign = store.get("log", logKey(1, 2))!;
    disk.damageValue(directories.raft, "log", logKey(1, 2), (value) => value.set(foreign));
    await assert.rejects(recoverNow(), { code: "LOG_CORRUPT", message: /entry 3: does not follow/ });
  });

  test("rows of the log's meta column with a flipped bit", async () => {
    for (const name of ["id", "hs", "tr"]) {
      const { disk, directories, recoverNow } = await used();
      disk.damageValue(directories.raft, "meta", Buffer.from(name), (value) => {
        value[7]! ^= 1;
      });
      await assert.rejects(recoverNow(), {
        code: "LOG_CORRUPT",
        message: new RegExp(`row ${name}: checksum`),
      });
    }
  });

  test("a state row with a flipped bit", async () => {
    const { disk, directories, recoverNow } = await used();
    disk.damageValue(statePathOf(directories), "rows", Uint8Array.of(2, 1), (value) => {
      value[0]! ^= 1;
    });
    await assert.rejects(recoverNow(), { code: "STATE_CORRUPT", message: /table 2 key 01: checksum/ });
  });

  test("to trust a log without an intact watermark, but reads past damaged slots", async () => {
    const { disk, directories, recoverNow } = await used();
    const path = `${directories.raft}/${MARK_FILE}`;
    const good = disk.readFile(path)!;
    for (const slots of [[10], [74], [4106], [10, 74], [10, 4106]]) {
      disk.writeFile(path, flipped(good, slots));
      await recoverNow();
    }
    disk.writeFile(path, flipped(good, [10, 74, 4106]));
    await assert.rejects(recoverNow(), { code: "LOG_CORRUPT", message: /durable.mark: all slots/ });
    disk.removeDirectory(path);
    await assert.rejects(recoverNow(), { code: "LOG_CORRUPT", message: "Raft log, durable.mark: missing" });
    const other = await fresh(2);
    const scm = await other.start();
    for (let row = 1; row <= 4; row++) scm.set(row, "other");
    await scm.stop();
    disk.writeFile(path, other.disk.readFile(path)!);
    await assert.rejects(recoverNow(), {
      code: "LOG_CORRUPT",
      message: /entry 4: differs from what the wate/,
    });
    disk.writeFile(path, good.subarray(0, 100));
    await assert.rejects(recoverNow(), { code: "LOG_CORRUPT" });
  });
});

function flipped(bytes: Uint8Array, at: readonly number[]): Uint8Array {
  return bytes.map((byte, i) => (at.includes(i) ? byte ^ 1 : byte));
}
