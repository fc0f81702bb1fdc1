import assert from "node:assert/strict";
import { test } from "node:test";
import { runDraws } from "../../../bench/scenarios/placement.js";

test("the placement bench answers times and the heap that a draw takes", () => {
  const figures = runDraws(() => undefined, 3);
  for (const { name, value, unit } of figures) {
    assert(Number.isFinite(value), `${name} is ${value}`);
    if (unit === "ns") assert(value > 0, `${name} is ${value}`);
  }
});
