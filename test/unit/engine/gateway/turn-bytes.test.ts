import assert from "node:assert/strict";
import { test } from "node:test";
import { TurnBytes } from "../../../../engine/gateway/turn-bytes.js";

test("copies stay as they were until all are given up, however many", () => {
  const kept = new TurnBytes();
  for (let turn = 1; turn <= 2; turn++) {
    const source = new Uint8Array(1000);
    const copies: Uint8Array[] = [];
    for (let i = 0; i < 600; i++) copies.push(kept.keep(source.fill((turn + i) % 251)));
    for (const [i, copy] of copies.entries()) {
      assert.equal(copy.length, 1000);
      assert.ok(copy.every((byte) => byte === (turn + i) % 251));
    }
    kept.clear();
  }
});
