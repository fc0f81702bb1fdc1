import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { logIndex, term } from "../../../../engine/core/ids.js";
import { SeededRandom } from "../../../../engine/core/random.js";
import { ENTRY_TYPE, type Entry, type HardState, nodeId } from "../../../../engine/raft/types.js";
import { proposalPayload } from "../../../support/core-simulation/chain.js";
import { LogDisk, type LogWrite } from "../../../support/core-simulation/log-disk.js";
import { recover } from "../../../support/core-simulation/recovery.js";
import { EMPTY_IMAGE, type StateImage } from "../../../support/core-simulation/state-machine.js";

const FIRST_HARD_STATE: HardState = { term: term(1), vote: nodeId(0), commit: logIndex(1) };
const FIRST_IMAGE: StateImage = { ...EMPTY_IMAGE, applied: { term: term(1), index: logIndex(1) } };

function newDisk(markInterval = 1): LogDisk {
  return new LogDisk(FIRST_IMAGE, FIRST_HARD_STATE, markInterval);
}

function entries(inTerm: number, from: number, to: number): Entry[] {
  return Array.from({ length: to - from + 1 }, (_, i) => ({
    term: term(inTerm),
    index: logIndex(from + i),
    type: ENTRY_TYPE.NORMAL,
    payload: proposalPayload(1_000 * inTerm + from + i, 8),
  }));
}

function write(changes: Partial<LogWrite>): LogWrite {
  return {
    hardState: undefined,
    entries: [],
    snapshot: undefined,
    truncateTo: logIndex(0),
    isSynced: true,
    number: 1,
    responses: [],
    ...changes,
  };
}

function writeNow(disk: LogDisk, changes: Partial<LogWrite>, now = 10): void {
  disk.enqueue(write(changes));
  if (disk.begin() === undefined) disk.complete(now);
}

/** Where the log may end after a power loss, over many draws. */
function endsAfterCrash(prepare: (disk: LogDisk) => void): number[] {
  const ends = new Set<number>();
  for (let seed = 0; seed < 50; seed++) {
    const disk = newDisk();
    prepare(disk);
    disk.crash(new SeededRandom(seed));
    assert.equal(recover(disk).kind, "recovered");
    ends.add(disk.log.lastIndex);
  }
  return [...ends].sort((a, b) => a - b);
}

describe("the fake disk of a replica", () => {
  test("keeps what was synced through every loss of power", () => {
    assert.deepEqual(
      endsAfterCrash((disk) => writeNow(disk, { entries: entries(1, 2, 5) })),
      [5],
    );
  });

  test("keeps any prefix of what is being written, each write as a whole, and nothing that waits", () => {
    const ends = endsAfterCrash((disk) => {
      writeNow(disk, { entries: entries(1, 2, 3) });
      disk.enqueue(write({ entries: entries(1, 4, 6) }));
      disk.enqueue(write({ entries: entries(1, 7, 9) }));
      disk.begin();
      disk.enqueue(write({ entries: entries(1, 10, 12) }));
    });
    assert.deepEqual(ends, [3, 6, 9]);
  });

  test("keeps entries and hard state of a write together", () => {
    for (let seed = 0; seed < 50; seed++) {
      const disk = newDisk();
      disk.enqueue(write({ entries: entries(2, 2, 3), hardState: { ...FIRST_HARD_STATE, term: term(2) } }));
      disk.begin();
      disk.crash(new SeededRandom(seed));
      assert.equal(disk.hardState.term, disk.log.lastIndex === 3 ? 2 : 1);
    }
  });

  test("may lose a commit index that was not synced, until the next sync", () => {
    const commits = new Set<number>();
    for (let seed = 0; seed < 50; seed++) {
      const disk = newDisk();
      writeNow(disk, { entries: entries(1, 2, 5) });
      writeNow(disk, { hardState: { ...FIRST_HARD_STATE, commit: logIndex(4) }, isSynced: false });
      disk.crash(new SeededRandom(seed));
      commits.add(disk.hardState.commit);
    }
    assert.deepEqual([...commits].sort(), [1, 4]);
  });

  test("may lose flushed state that was not synced", () => {
    const applied = new Set<number>();
    for (let seed = 0; seed < 50; seed++) {
      const disk = newDisk();
      writeNow(disk, { entries: entries(1, 2, 5) });
      const image = (index: number): StateImage => ({
        ...FIRST_IMAGE,
        applied: { term: term(1), index: logIndex(index) },
        chain: disk.log.chain(index),
      });
      disk.flushed(image(3), true);
      disk.flushed(image(4), false);
      disk.crash(new SeededRandom(seed));
      applied.add(disk.newestImage.applied.index);
    }
    assert.deepEqual([...applied].sort(), [3, 4]);
  });

  test("lowers the watermark before entries below it are replaced", () => {
    const ends = endsAfterCrash((disk) => {
      writeNow(disk, { entries: entries(1, 2, 9) });
      assert.equal(disk.mark.last.index, 9);
      disk.enqueue(write({ entries: entries(2, 5, 6), hardState: { ...FIRST_HARD_STATE, term: term(2) } }));
      disk.begin();
      assert.equal(disk.mark.last.index, 4);
    });
    assert.deepEqual(ends, [6, 9]);
  });

  test("lowers the watermark before a snapshot hides a longer log", () => {
    const snapshot = { ...FIRST_IMAGE, applied: { term: term(2), index: logIndex(5) }, chain: 77 };
    const ends = endsAfterCrash((disk) => {
      writeNow(disk, { entries: entries(1, 2, 9) });
      disk.enqueue(
        write({ snapshot, hardState: { ...FIRST_HARD_STATE, term: term(2), commit: logIndex(5) } }),
      );
      disk.begin();
    });
    assert.deepEqual(ends, [5, 9]);
  });
});

describe("recovery", () => {
  for (const kind of ["shortened", "forgottenVote", "flippedBit", "flippedStateBit"] as const) {
    test(`refuses a disk that is harmed: ${kind}`, () => {
      const disk = newDisk();
      const hardState = { ...FIRST_HARD_STATE, term: term(2), vote: nodeId(3) };
      writeNow(disk, { entries: entries(2, 2, 9), hardState });
      disk.crash(new SeededRandom(1));
      assert.equal(recover(disk).kind, "recovered");
      assert.ok(disk.harm(kind, new SeededRandom(1)));
      assert.equal(recover(disk).kind, "refused");
    });
  }

  test("does not see what the watermark does not cover", () => {
    const disk = newDisk(1_000);
    writeNow(disk, { entries: entries(1, 2, 9) });
    disk.loseTail(2);
    assert.equal(recover(disk).kind, "recovered");
  });

  test("sees a tail that is gone up to where the watermark is", () => {
    const disk = newDisk();
    writeNow(disk, { entries: entries(1, 2, 9) });
    disk.loseTail(1);
    assert.equal(recover(disk).kind, "refused");
  });
});
