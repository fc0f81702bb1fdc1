import assert from "node:assert/strict";
import { test } from "node:test";
import { Worker } from "node:worker_threads";
import { AssertionError } from "../../../../engine/core/assert.js";
import {
  beginRead,
  beginWrite,
  endRead,
  endWrite,
  readStable,
} from "../../../../workers/shared/version-word.js";

test("a version is odd while the row is written, and a new even one afterwards", () => {
  const words = new Int32Array(4);
  beginWrite(words, 2);
  assert.equal(beginRead(words, 2), 1);
  endWrite(words, 2);
  assert.equal(beginRead(words, 2), 2);
  assert.deepEqual([...words], [0, 0, 2, 0]);
});

test("writes that begin or end twice are assertion failures", () => {
  const words = new Int32Array(1);
  assert.throws(() => endWrite(words, 0), AssertionError);
  beginWrite(words, 0);
  assert.throws(() => beginWrite(words, 0), AssertionError);
});

test("a read is refused when a write began, ended or went on in between", () => {
  const words = new Int32Array(1);
  const before = beginRead(words, 0);
  assert.equal(endRead(words, 0, before), true);
  beginWrite(words, 0);
  const during = beginRead(words, 0);
  assert.equal(endRead(words, 0, before), false);
  assert.equal(endRead(words, 0, during), false);
  endWrite(words, 0);
  assert.equal(endRead(words, 0, before), false);
  assert.equal(endRead(words, 0, during), false);
});

test("versions wrap around", () => {
  const words = Int32Array.of(2 ** 31 - 2);
  beginWrite(words, 0);
  endWrite(words, 0);
  assert.equal(words[0], -(2 ** 31));
  assert.equal(endRead(words, 0, beginRead(words, 0)), true);
});

test("readStable returns what it read when the row is quiet", () => {
  assert.equal(
    readStable(new Int32Array(1), 0, () => "row"),
    "row",
  );
});

test("readStable reads again when the row changed while it read", () => {
  const words = new Int32Array(1);
  let attemptCount = 0;
  const result = readStable(words, 0, () => {
    if (++attemptCount < 3) {
      beginWrite(words, 0);
      endWrite(words, 0);
    }
    return attemptCount;
  });
  assert.equal(result, 3);
});

test("readers see whole rows while another thread writes them", async () => {
  const fieldCount = 7;
  const buffer = new SharedArrayBuffer(8 + fieldCount * 8);
  const words = new Int32Array(buffer, 0, 2);
  const fields = new Float64Array(buffer, 8, fieldCount);
  const writer = new Worker(new URL("../../../support/workers/row-writer-worker.js", import.meta.url), {
    workerData: { buffer, fieldCount },
  });
  try {
    const endMs = performance.now() + 500;
    const copy = new Float64Array(fieldCount);
    let highest = 0;
    let rowCount = 0;
    while (performance.now() < endMs || highest === 0) {
      readStable(words, 0, () => copy.set(fields));
      const first = copy[0] as number;
      assert.ok(
        copy.every((value) => value === first),
        `torn row ${copy.join()}`,
      );
      assert.ok(first >= highest);
      highest = first;
      rowCount++;
      assert.ok(performance.now() < endMs + 10_000, "the writer writes");
    }
    assert.ok(rowCount > 10);
  } finally {
    await writer.terminate();
  }
});
