import assert from "node:assert/strict";
import { test } from "node:test";
import { printError } from "../../../../engine/cli/exit-code.js";
import type { CommandIo } from "../../../../engine/cli/io.js";
import { StrataError } from "../../../../engine/core/errors.js";

test("the code of an error with several problems stands in its first line", () => {
  const lines: string[] = [];
  const io: Pick<CommandIo, "err" | "progress"> = {
    err: (line) => lines.push(...line.split("\n")),
    progress: () => undefined,
  };
  printError(
    io as CommandIo,
    new StrataError("CONFIG_INVALID", { count: 2, problems: "  a: bad\n  b: bad" }),
  );
  assert.deepEqual(lines, [
    "strata: 2 problem(s) in the configuration: (CONFIG_INVALID)",
    "  a: bad",
    "  b: bad",
    "strata: Correct the named keys.",
  ]);
});
