import assert from "node:assert/strict";
import { test } from "node:test";
import { crc32 as zlibCrc32 } from "node:zlib";
import { SeededRandom } from "../../../../engine/core/random.js";
import { crc32, crc32From } from "../../../../engine/storage/crc32.js";

const SEED = 7;

function randomBytes(random: SeededRandom, length: number): Uint8Array {
  return Uint8Array.from({ length }, () => random.below(256));
}

test("crc32 is that of zlib at every length and offset, short and long", () => {
  const random = new SeededRandom(SEED);
  const bytes = randomBytes(random, 400);
  for (let length = 0; length <= 300; length++) {
    const start = random.below(100);
    const previous = random.below(2 ** 32);
    const expected = zlibCrc32(bytes.subarray(start, start + length), previous);
    assert.equal(crc32(bytes, start, start + length, previous), expected, `seed ${SEED}, length ${length}`);
  }
});

test("crc32From continues from another beginning over bytes that it does not see", () => {
  const random = new SeededRandom(SEED);
  // Twice, and lengths that share a place in the table of shifts.
  for (const length of [0, 1, 7, 256, 256 + 1024, 256, 1023, 1 << 20, 0]) {
    const bytes = randomBytes(random, length);
    const [was, is] = [random.below(2 ** 32), random.below(2 ** 32)];
    const found = crc32From(is, was, zlibCrc32(bytes, was), length);
    assert.equal(found, zlibCrc32(bytes, is), `seed ${SEED}, length ${length}`);
  }
});
