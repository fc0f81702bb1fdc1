import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { StrataError } from "../../../../engine/core/errors.js";
import { logIndex, term } from "../../../../engine/core/ids.js";
import { SeededRandom } from "../../../../engine/core/random.js";
import { createMark, DurableMarkWriter, readMark } from "../../../../engine/storage/durable-mark.js";
import { SimDisk } from "../../../support/simulation/sim-disk.js";

const PATH = "/durable.mark";
const SEEDS = 300;

function point(index: number) {
  return { index: logIndex(index), term: term(index + 1), chain: index * 3 };
}

function fresh(): { readonly disk: SimDisk; readonly writer: DurableMarkWriter } {
  const disk = new SimDisk();
  createMark(disk, PATH, point(0));
  const { sequence, last } = readMark(disk, PATH);
  return { disk, writer: new DurableMarkWriter(disk, PATH, { sequence, lastIndex: last.index }) };
}

test("the newest mark is the one that is read, also when it is a lower one", () => {
  const { disk, writer } = fresh();
  for (const index of [5, 9, 3]) {
    writer.write(point(index));
    assert.deepEqual(readMark(disk, PATH).last, point(index));
    assert.equal(writer.lastIndex, index);
  }
});

test(`a loss of power within a write leaves the mark before it, or the new one (seeds 1 to ${SEEDS})`, () => {
  const seen = new Set<number>();
  for (let seed = 1; seed <= SEEDS; seed++) {
    const { disk, writer } = fresh();
    writer.write(point(5));
    writer.write(point(9));
    let writes = 0;
    disk.beforeWrite = () => {
      if (++writes === 2) throw new Error("power loss");
    };
    assert.throws(() => writer.write(point(12)));
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
    fc.uint8Array({ minLength: 128, maxLength: 128 }),
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
