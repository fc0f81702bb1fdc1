import assert from "node:assert/strict";
import { test } from "node:test";
import { isOpening, watchOpen } from "../../../../engine/storage/open-watchdog.js";

const LIMITS = { baseMs: 20, bytesPerSecond: 1000, noticeMs: 5 };
const WHAT = { path: "/store", walBytes: 10 };

test("an open that ends is waited for, and told of while it lasts", async () => {
  let end = (): void => {};
  const open = new Promise<void>((resolve) => {
    end = resolve;
  });
  let noticeCount = 0;
  const onSlow = (): void => {
    noticeCount++;
    if (noticeCount === 2) end();
  };
  await watchOpen({}, open, WHAT, onSlow, { ...LIMITS, baseMs: 3_600_000 });
  assert.equal(noticeCount, 2);
  assert.ok(!isOpening());
});

test("what an open fails with is passed on", async () => {
  const open = Promise.reject(new Error("no"));
  await assert.rejects(
    watchOpen({}, open, WHAT, () => {}, LIMITS),
    /^Error: no$/,
  );
  assert.ok(!isOpening());
});

test("an open that does not end fails, and counts as under way for ever", async () => {
  const open = new Promise<void>(() => {});
  await assert.rejects(
    watchOpen({}, open, WHAT, () => {}, LIMITS),
    { code: "STORAGE_STALLED", details: { path: "/store", seconds: 0 } },
  );
  assert.ok(isOpening());
});
