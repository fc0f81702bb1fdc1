import assert from "node:assert/strict";
import { test } from "node:test";
import type { RequestOf } from "../../../../../protocol/schema/messages.js";
import type { HistoryEntryRecord } from "../../../../../protocol/schema/records.js";
import { runCli } from "../../../../support/cli/run-cli.js";

function entry(number: number): HistoryEntryRecord {
  return {
    number,
    logIndex: 10 + number,
    timeMs: Date.UTC(2026, 10, 21, 3, 0, number % 60),
    operation: "suppressContainers",
    outcome: number === 2 ? "SESSION_EXPIRED" : "DONE",
    sessionId: 4,
    sequence: number,
    details: `suppress ${number}`,
  };
}

/** An SCM that has carried out `count` mutations, and answers 100 at a time. */
function scmWith(count: number) {
  const asked: RequestOf<"listHistory">[] = [];
  const listHistory = async (request: RequestOf<"listHistory">) => {
    asked.push(request);
    const { start = count - request.countMax + 1, countMax } = request;
    const entries: HistoryEntryRecord[] = [];
    for (
      let number = Math.max(1, start);
      number <= count && entries.length < Math.min(100, countMax);
      number++
    )
      entries.push(entry(number));
    const next = Math.max(1, start) + entries.length;
    return { entries, appliedIndex: 999, ...(next <= count ? { next } : {}) };
  };
  return { asked, connection: { listHistory } };
}

function numbersOf(json: string): number[] {
  return (JSON.parse(json) as { number: number }[]).map(({ number }) => number);
}

test("the newest mutations are a table", async () => {
  const { out, exitCode } = await runCli(["admin", "history"], scmWith(3));
  assert.equal(exitCode, 0);
  assert.deepEqual(out.split("\n"), [
    "Number  Time                      Operation           Outcome          Session  Details",
    "     1  2026-11-21T03:00:01.000Z  suppressContainers  DONE                   4  suppress 1",
    "     2  2026-11-21T03:00:02.000Z  suppressContainers  SESSION_EXPIRED        4  suppress 2",
    "     3  2026-11-21T03:00:03.000Z  suppressContainers  DONE                   4  suppress 3",
  ]);
});

test("JSON holds all fields", async () => {
  const { out } = await runCli(["admin", "history", "-c", "1", "--json"], scmWith(2));
  assert.deepEqual(JSON.parse(out), [
    {
      number: 2,
      logIndex: 12,
      time: "2026-11-21T03:00:02.000Z",
      operation: "suppressContainers",
      outcome: "SESSION_EXPIRED",
      sessionId: 4,
      sequence: 2,
      details: "suppress 2",
    },
  ]);
});

test("as many are fetched as are asked for, from a number on or the newest", async () => {
  const from = await runCli(["admin", "history", "-s", "7", "-c", "250", "--json"], scmWith(1000));
  assert.deepEqual(
    numbersOf(from.out),
    Array.from({ length: 250 }, (_, i) => 7 + i),
  );
  const newest = await runCli(["admin", "history", "-c", "250", "--json"], scmWith(1000));
  assert.deepEqual(
    numbersOf(newest.out),
    Array.from({ length: 250 }, (_, i) => 751 + i),
  );
  const all = await runCli(["admin", "history", "-c", "250", "--json"], scmWith(20));
  assert.equal(numbersOf(all.out).length, 20);
});

test("of a cluster without history nothing is listed", async () => {
  const { out, exitCode } = await runCli(["admin", "history", "--json"], scmWith(0));
  assert.deepEqual([exitCode, out], [0, "[]"]);
});
