import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { StrataError } from "../../../../engine/core/errors.js";
import {
  createLogger,
  type LoggerOptions,
  type RootLogger,
  silentLogger,
} from "../../../../engine/telemetry/logger.js";
import { waitFor } from "../../../support/wait.js";

const folder = mkdtempSync(join(tmpdir(), "strata-log-"));
after(() => rmSync(folder, { recursive: true, force: true }));

let fileCount = 0;
function openLog(options: Partial<LoggerOptions> = {}): { logger: RootLogger; text: () => string } {
  const file = join(folder, `log-${++fileCount}`);
  const logger = createLogger({ level: "info", destination: file, ...options });
  const text = (): string => {
    logger.flush();
    return readFileSync(file, "utf8");
  };
  return { logger, text };
}

test("a line holds time, level, message, details and the bindings of its logger", async () => {
  const { logger, text } = openLog();
  logger.child({ part: "gateway" }).info("datanode registered", { nodes: 3 });
  const { time, ...line } = JSON.parse(text()) as Record<string, unknown>;
  assert.match(String(time), /^\d{4}-\d\d-\d\dT/);
  assert.deepEqual(line, { level: "info", part: "gateway", nodes: 3, msg: "datanode registered" });
});

test("lines below the level are not written", async () => {
  const { logger, text } = openLog({ level: "warn" });
  logger.trace("a");
  logger.debug("b");
  logger.info("c");
  logger.warn("d");
  logger.error("e");
  logger.fatal("f");
  const messages = text()
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line).msg);
  assert.deepEqual(messages, ["d", "e", "f"]);
  assert.deepEqual([logger.isEnabled("info"), logger.isEnabled("warn")], [false, true]);
});

test("a coded error is shown by its code, with its cause; a bug with its stack", async () => {
  const { logger, text } = openLog();
  const cause = new StrataError("NOT_READY", { step: "log" });
  logger.error("x", { error: new StrataError("STORAGE_FULL", { path: "/data" }, { cause }) });
  logger.error("y", { error: new TypeError("bad") });
  logger.error("z", { error: "text" });
  const [coded, bug, thrown] = text()
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line).error);
  assert.deepEqual(coded, {
    code: "STORAGE_FULL",
    message: "no space left for /data",
    cause: { code: "NOT_READY", message: "the SCM is starting: log" },
  });
  assert.equal(bug.name, "TypeError");
  assert.match(bug.stack, /logger\.test/);
  assert.equal(thrown, "'text'");
});

test("lines reach the file by themselves shortly after", async () => {
  const { logger } = openLog();
  const file = join(folder, `log-${fileCount}`);
  logger.info("hello");
  await waitFor("the line is in the file", () => readFileSync(file, "utf8").includes("hello"));
});

test("for a terminal a line is text", async () => {
  const { logger, text } = openLog({ pretty: true });
  logger.warn("disk is slow", { ms: 12, path: "/data", list: [1] });
  assert.match(text(), /^\d\d:\d\d:\d\d\.\d{3} WARN {2}disk is slow ms=12 path=\/data list=\[1\]\n$/);
});

test("the silent logger takes everything and writes nothing", () => {
  silentLogger.child({ a: 1 }).error("x");
  assert.equal(silentLogger.isEnabled("fatal"), false);
});
