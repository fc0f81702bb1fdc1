import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { StrataError } from "../../../../engine/core/errors.js";
import { logIndex, term } from "../../../../engine/core/ids.js";
import { SeededRandom } from "../../../../engine/core/random.js";
import { nodeId } from "../../../../engine/raft/types.js";
import {
  createMark,
  DurableMarkWriter,
  type Mark,
  readMark,
} from "../../../../engine/storage/durable-mark.js";
import { SimDisk } from "../../../support/simulation/sim-disk.js";

const PATH = "/durable.mark";
const SEEDS = 300;

function mark(index: number): Mark {
  const last = { index: logIndex(index), term: term(index + 1), chain: index * 3 };
  return { last, term: term(index + 2), vote: nodeId(index % 5) };
}

function read(disk: SimDisk): Mark {
  const { last, term: hardTerm, vote } = readMark(disk, PATH);
  return { last, term: hardTerm, vote };
}

function fresh(): { readonly disk: SimDisk; readonly writer: DurableMarkWriter } {
  const disk = new SimDisk();
  createMark(disk, PATH, mark(0));
  return { disk, writer: writerOf(disk) };
}

function writerOf(disk: SimDisk): DurableMarkWriter {
  const { sequence, nextSlot, last } = readMark(disk, PATH);
  return new DurableMarkWriter(disk, PATH, { sequence, nextSlot, lastIndex: last.index });
}

test("the newest mark is the one that is read, also when it is a lower one", () => {
  const { disk, writer } = fresh();
  for (const index of [5, 9, 3]) {
    writer.write(mark(index));
    assert.deepEqual(read(disk), mark(index));
    assert.equal(writer.lastIndex, index);
    assert.ok(writer.isSynced(mark(index)));
    assert.ok(!writer.isSynced({ ...mark(index), vote: nodeId(9) }));
  }
});

test("one that was not synced counts after the death of the process, and may be lost with the power", () => {
  const seen = new Set<number>();
  for (let seed = 1; seed <= SEEDS; seed++) {
    const { disk, writer } = fresh();
    writer.write(mark(5));
    writer.follow(mark(7));
    assert.deepEqual(read(disk), mark(7));
    disk.crash(new SeededRandom(seed));
    seen.add(read(disk).last.index);
  }
  assert.deepEqual([...seen].sort(), [5, 7]);
});

test("a writer of a later life overwrites the older of the two synced slots", () => {
  for (const lives of [1, 2, 3, 4]) {
    const { disk } = fresh();
    for (let life = 1; life <= lives; life++) writerOf(disk).write(mark(life));
    const bytes = disk.readFile(PATH)!;
    for (const offset of [0, 64, 4096]) {
      const damaged = bytes.slice();
      damaged[offset + 20]! ^= 1;
      disk.writeFile(PATH, damaged);
      assert.deepEqual(read(disk), mark(lives));
      assert.equal(readMark(disk, PATH).damagedSlots, offset < 4096 ? 1 : 0);
    }
    const oldest = bytes.slice();
    oldest.fill(0, 4096);
    oldest[(1 - readMark(disk, PATH).nextSlot) * 64 + 20]! ^= 1;
    disk.writeFile(PATH, oldest);
    assert.deepEqual(read(disk), mark(lives - 1));
  }
});

test(`a loss of power within a write leaves the mark before it, or the new one (seeds 1 to ${SEEDS})`, () => {
  const seen = new Set<number>();
  for (let seed = 1; seed <= SEEDS; seed++) {
    const { disk, writer } = fresh();
    writer.write(mark(5));
    writer.write(mark(9));
    let writes = 0;
    disk.beforeWrite = () => {
      if (++writes === 3) throw new Error("power loss");
    };
    assert.throws(() => writer.write(mark(12)));
    disk.crash(new SeededRandom(seed));
    const { last } = readMark(disk, PATH);
    assert.ok(last.index === 9 || last.index === 12, `seed ${seed}: ${last.index}`);
    seen.add(last.index);
  }
  assert.deepEqual([...seen].sort(), [12, 9]);
});

test("bytes at random give LOG_CORRUPT and nothing else", () => {
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 200 }),
    fc.uint8Array({ minLength: 4160, maxLength: 4160 }),
  );
  fc.assert(
    fc.property(bytes, (content) => {
      const disk = new SimDisk();
      disk.writeFile(PATH, content);
      try {
        readMark(disk, PATH);
        assert.fail("it was read");
      } catch (error) {
        assert.ok(error instanceof StrataError && error.code === "LOG_CORRUPT", String(error));
      }
    }),
  );
});
