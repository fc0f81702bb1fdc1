import assert from "node:assert/strict";
import { test } from "node:test";
import { LingeringSockets } from "../../../../engine/gateway/lingering-sockets.js";

test("a closed socket counts for its time to linger, and no longer", () => {
  const lingering = new LingeringSockets(1000);
  lingering.add(0);
  lingering.add(500);
  assert.deepEqual([lingering.count(500), lingering.count(999), lingering.count(1000)], [2, 2, 1]);
  assert.equal(lingering.count(1500), 0);
});

test("counts right through many closes", () => {
  const lingering = new LingeringSockets(1000);
  for (let nowMs = 0; nowMs < 50_000; nowMs++) {
    lingering.add(nowMs);
    assert.equal(lingering.count(nowMs), Math.min(nowMs + 1, 1000));
  }
  assert.equal(lingering.count(60_000), 0);
});
