import assert from "node:assert/strict";
import { test } from "node:test";
import { PendingContainers } from "../../../../engine/cluster/placement/pending-containers.js";
import { nodeSlot } from "../../../../engine/core/ids.js";
import { PendingExpiry } from "../../../../engine/services/pending-expiry.js";

const A = nodeSlot(0);
const LIFETIME_MS = 10_000;

test("promises end after their time while this SCM leads, and all of them with its term", () => {
  let nowMs = 0;
  let tick: () => void = () => assert.fail("not started");
  const pending = new PendingContainers({
    lifetimeMs: LIFETIME_MS,
    slotsOf: () => 5,
    onChanged: () => undefined,
  });
  const service = new PendingExpiry({
    clock: { monotonicMs: () => nowMs },
    scheduler: {
      after: () => assert.fail("no single timer"),
      every: (_, task) => {
        tick = task;
        return { cancel: () => undefined };
      },
      endOfTurn: () => assert.fail("nothing for the end of a turn"),
    },
    pending,
  });
  service.start();
  service.onStatus(true, false);
  pending.reserve([A], nowMs);
  nowMs = LIFETIME_MS - 1;
  tick();
  assert.equal(pending.countOf(A), 1);
  pending.reserve([A], nowMs);
  nowMs = LIFETIME_MS;
  tick();
  assert.equal(pending.countOf(A), 1, "the first one is over");
  service.onStatus(true, true);
  assert.equal(pending.countOf(A), 1);
  service.onStatus(false, true);
  assert.equal(pending.countOf(A), 0);
  assert.equal(service.status(), "PAUSED");
});
