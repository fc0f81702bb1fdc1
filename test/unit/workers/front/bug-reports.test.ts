import { deepEqual, equal } from "node:assert/strict";
import { test } from "node:test";
import { BugReports } from "../../../../workers/front/bug-reports.js";
import type { FrontBug } from "../../../../workers/shared/front-bug.js";

function setUp() {
  const told: FrontBug[] = [];
  const world = { nowMs: 0, hasRoom: true, told };
  const clock = { monotonicMs: () => world.nowMs };
  const reports = new BugReports(clock, (bug) => world.hasRoom && told.push(bug) > 0);
  return { world, told, reports };
}

function errorAt(place: string, message = "odd"): Error {
  return Object.assign(new RangeError(message), { stack: `RangeError: ${message}\n    at ${place}` });
}

test("a bug is told once a minute for each kind of call and each place", () => {
  const { world, told, reports } = setUp();
  for (let i = 0; i < 10; i++) {
    reports.met("block", "AllocateScmBlock", errorAt("x.js:1", `odd ${i}`));
    reports.met("block", "AllocateScmBlock", errorAt("x.js:2"));
    reports.met("block", "GetScmInfo", errorAt("x.js:1"));
    world.nowMs += 5999;
  }
  equal(told.length, 3);
  equal(reports.count, 30);
  world.nowMs = 60_000;
  reports.met("block", "GetScmInfo", errorAt("x.js:1"));
  deepEqual(
    told.map(({ type, leftOut, failure: { name, message } }) => [type, leftOut, name, message]),
    [
      ["AllocateScmBlock", 0, "RangeError", "odd 0"],
      ["AllocateScmBlock", 0, "RangeError", "odd"],
      ["GetScmInfo", 0, "RangeError", "odd"],
      ["GetScmInfo", 27, "RangeError", "odd"],
    ],
  );
});

test("however many kinds there are, and whatever their texts, little is told", () => {
  const { told, reports } = setUp();
  for (let i = 0; i < 1000; i++) reports.met("block", "GetScmInfo", errorAt(`${i}`, "x".repeat(1e5)));
  equal(reports.count, 1000);
  equal(told.length, 32);
  equal(
    told.every(({ failure }) => failure.message.length + failure.stack.length <= 8000),
    true,
  );
});

test("a bug that found no room is told the next time", () => {
  const { world, told, reports } = setUp();
  world.hasRoom = false;
  reports.met("block", "GetScmInfo", "no error at all");
  equal(told.length, 0);
  world.hasRoom = true;
  reports.met("block", "GetScmInfo", "no error at all");
  deepEqual(
    told.map(({ leftOut, failure }) => [leftOut, failure.message]),
    [[1, "no error at all"]],
  );
});
