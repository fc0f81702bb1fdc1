import assert from "node:assert/strict";
import { test } from "node:test";
import { createTransport, loadUws } from "../../../../engine/gateway/create-transport.js";
import { SimClock } from "../../../support/simulation/sim-clock.js";
import { SimScheduler } from "../../../support/simulation/sim-scheduler.js";

test("a Node.js without a binary gets the ws transport, and the package is not loaded", () => {
  const { uws, reason } = loadUws("127");
  assert.equal(uws, undefined);
  assert.match(reason, /^ws: uWebSockets.js has no binary for ABI 127 /);
});

test("says which transport was chosen and why", () => {
  const scheduler = new SimScheduler();
  const { transport, reason } = createTransport(new SimClock(scheduler), scheduler);
  const isNative = process.versions.modules === "115";
  if (isNative) assert.equal(transport.name, "uws");
  assert.ok(reason.startsWith(`${transport.name}: `), reason);
});
