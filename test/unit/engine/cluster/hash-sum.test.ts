import assert from "node:assert/strict";
import { test } from "node:test";
import { HashSum } from "../../../../engine/cluster/hash-sum.js";

const WORDS = Int32Array.from([1, -2, 3, 4, 5, 6]);

test("the sum does not depend on the order of rows, and subtracting undoes adding", () => {
  const a = new HashSum();
  a.addWords(WORDS, 0, 3, 1);
  a.addWords(WORDS, 3, 3, 2);
  a.addBytes(Uint8Array.of(1, 2), 3);
  const b = new HashSum();
  b.addBytes(Uint8Array.of(1, 2), 3);
  b.addWords(WORDS, 3, 3, 2);
  b.addWords(WORDS, 0, 3, 1);
  assert.ok(a.equals(b));
  assert.equal(a.toString(), b.toString());
  assert.match(a.toString(), /^[0-9a-f]{16}$/);
  a.subtractWords(WORDS, 0, 3, 1);
  a.subtractWords(WORDS, 3, 3, 2);
  a.subtractBytes(Uint8Array.of(1, 2), 3);
  assert.ok(a.equals(new HashSum()));
});

test("the key of a row counts, all 53 bits of it, and the content, every word of it", () => {
  const seen = new Set<string>();
  const keys = [0, 1, 2 ** 31, 2 ** 32, 2 ** 32 + 1, 2 ** 52 + 1];
  for (const key of keys) {
    const sum = new HashSum();
    sum.addWords(WORDS, 0, 6, key);
    seen.add(sum.toString());
  }
  for (let word = 0; word < 6; word++) {
    const changed = WORDS.slice();
    changed[word]! ^= 0x40000000;
    const sum = new HashSum();
    sum.addWords(changed, 0, 6, 0);
    seen.add(sum.toString());
  }
  assert.equal(seen.size, keys.length + 6);
});

test("rows that exchange a value give another sum", () => {
  const sums = [
    [1, 2],
    [2, 1],
  ].map(([first, second]) => {
    const sum = new HashSum();
    sum.addWords(Int32Array.of(first!), 0, 1, 10);
    sum.addWords(Int32Array.of(second!), 0, 1, 11);
    return sum.toString();
  });
  assert.notEqual(sums[0], sums[1]);
});
