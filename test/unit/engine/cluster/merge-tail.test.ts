import assert from "node:assert/strict";
import { test } from "node:test";
import { mergeTail } from "../../../../engine/cluster/merge-tail.js";

const END = true;
const CUT = false;

/** Keys of one letter; values tell where they come from. `disk` and `tail` list keys, deleted ones in upper
 * case. */
function merged(disk: string, isDiskComplete: boolean, tail: string, isTailComplete: boolean, limit = 100) {
  const rows = [...disk].map((letter) => ({ key: keyOf(letter), value: Uint8Array.of(1) }));
  const changes = [...tail].map((letter) => ({
    key: keyOf(letter),
    value: letter === letter.toLowerCase() ? Uint8Array.of(2) : null,
  }));
  const from = new Uint8Array(0);
  const page = mergeTail(
    { rows, isComplete: isDiskComplete },
    { rows: changes, isComplete: isTailComplete, from },
    limit,
  );
  const text = page.rows.map(({ key, value }) => `${Buffer.from(key)}${value[0]}`).join(" ");
  return [text, page.next === undefined ? undefined : Buffer.from(page.next).toString("latin1")];
}

function keyOf(letter: string): Uint8Array {
  return Buffer.from(letter.toLowerCase());
}

test("a change covers the row on disk, a deletion hides it", () => {
  assert.deepEqual(merged("bdf", END, "aBdg", END), ["a2 d2 f1 g2", undefined]);
  assert.deepEqual(merged("", END, "AB", END), ["", undefined]);
  assert.deepEqual(merged("ab", END, "", END), ["a1 b1", undefined]);
});

test("a page ends where one side was cut short, since that side may have more there", () => {
  assert.deepEqual(merged("bd", CUT, "ef", END), ["b1 d1", "d\0"]);
  assert.deepEqual(merged("bdx", END, "ce", CUT), ["b1 c2 d1 e2", "e\0"]);
  assert.deepEqual(merged("bd", CUT, "ac", CUT), ["a2 b1 c2", "c\0"]);
  assert.deepEqual(merged("x", END, "ABC", CUT), ["", "c\0"], "also without a row");
});

test("a page ends when it is full", () => {
  assert.deepEqual(merged("bd", END, "ac", END, 3), ["a2 b1 c2", "c\0"]);
  assert.deepEqual(merged("bd", END, "AB", END, 1), ["d1", "d\0"]);
});
