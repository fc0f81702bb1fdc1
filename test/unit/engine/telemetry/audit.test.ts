import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { StrataError } from "../../../../engine/core/errors.js";
import {
  AuditLog,
  type AuditOptions,
  type AuditRecord,
  type AuditSink,
} from "../../../../engine/telemetry/audit.js";
import { waitFor } from "../../../support/wait.js";

const folder = mkdtempSync(join(tmpdir(), "strata-audit-"));
after(() => rmSync(folder, { recursive: true, force: true }));

let fileCount = 0;
function options(overrides: Partial<AuditOptions> = {}): AuditOptions {
  const file = join(folder, `audit-${++fileCount}.log`);
  return { file, bufferBytesMax: 65_536, onError: (error) => assert.fail(error), ...overrides };
}

const RECORD: AuditRecord = {
  timeMs: 1_700_000_000_000,
  sessionId: 7,
  user: "strata admin",
  clientIp: "127.0.0.1",
  operation: "suppressContainers",
  parameters: { containers: 2, first: 1n },
  error: undefined,
};

class MemorySink implements AuditSink {
  readonly lines: string[] = [];
  full = false;

  async append(bytes: Uint8Array): Promise<void> {
    if (this.full) throw new Error("no space left");
    this.lines.push(...Buffer.from(bytes).toString().trimEnd().split("\n"));
  }

  async close(): Promise<void> {}
}

function linesOf(file: string): Record<string, unknown>[] {
  const text = readFileSync(file, "utf8");
  assert.ok(text === "" || text.endsWith("\n"), "the last line is whole");
  const lines = text.split("\n").filter((line) => line !== "");
  return lines.map((line) => JSON.parse(line) as Record<string, unknown>);
}

test("a record becomes one line with time, who, what and the result", async () => {
  const settings = options();
  const audit = await AuditLog.open(settings);
  audit.write(RECORD);
  audit.write({ ...RECORD, error: "SESSION_EXPIRED" });
  await audit.close();
  assert.deepEqual(linesOf(settings.file), [
    {
      time: "2023-11-14T22:13:20.000Z",
      user: "strata admin",
      sessionId: 7,
      clientIp: "127.0.0.1",
      operation: "suppressContainers",
      parameters: { containers: 2, first: "1" },
      result: "SUCCESS",
    },
    {
      time: "2023-11-14T22:13:20.000Z",
      user: "strata admin",
      sessionId: 7,
      clientIp: "127.0.0.1",
      operation: "suppressContainers",
      parameters: { containers: 2, first: "1" },
      result: "FAILURE",
      error: "SESSION_EXPIRED",
    },
  ]);
});

test("all records of a turn share a write, and nothing is written within the turn", async () => {
  const settings = options();
  const audit = await AuditLog.open(settings);
  for (let i = 0; i < 100; i++) audit.write(RECORD);
  assert.equal(linesOf(settings.file).length, 0);
  await waitFor("all is written", () => audit.counters.bufferedBytes === 0);
  assert.deepEqual([audit.counters.records, audit.counters.writes], [100, 1]);
  assert.equal(linesOf(settings.file).length, 100);
  await audit.close();
});

test("a full buffer makes mutations wait until it is written", async () => {
  const settings = options({ bufferBytesMax: 1000 });
  const audit = await AuditLog.open(settings);
  assert.equal(audit.ready(), true);
  await audit.whenReady();
  while (audit.ready()) audit.write(RECORD);
  audit.write(RECORD); // A mutation that was admitted while there was room.
  assert.ok(audit.counters.bufferedBytes >= 1000);
  const { records } = audit.counters;
  await audit.whenReady();
  assert.equal(audit.ready(), true);
  assert.equal(linesOf(settings.file).length, records);
  await audit.close();
});

test("mutations that wait are refused when too many wait, and when the log is closed", async () => {
  const sink = new MemorySink();
  sink.full = true;
  const audit = new AuditLog(options({ bufferBytesMax: 1, onError: () => {} }), sink);
  audit.write(RECORD);
  assert.equal(audit.waitingSinceMs(), undefined);
  const startMs = performance.now();
  const waiting = Array.from({ length: 65_536 }, () => audit.whenReady());
  const sinceMs = audit.waitingSinceMs() ?? 0;
  assert.ok(sinceMs >= startMs && sinceMs <= performance.now(), "the first one counts");
  assert.equal((await audit.whenReady())?.code, "AUDIT_FULL");
  sink.full = false;
  await audit.close();
  const reasons = new Set((await Promise.all(waiting)).map((reason) => reason?.code));
  assert.deepEqual([...reasons], ["SHUTTING_DOWN"]);
  assert.equal(audit.waitingSinceMs(), undefined);
  assert.equal((await audit.whenReady())?.code, "SHUTTING_DOWN");
});

test("records of a failed write stay and are written again, each once", async () => {
  const errors: Error[] = [];
  const settings = options({ bufferBytesMax: 200, onError: (error) => errors.push(error) });
  const sink = new MemorySink();
  sink.full = true;
  const audit = new AuditLog(settings, sink);
  audit.write(RECORD);
  audit.write({ ...RECORD, sessionId: 8 });
  await waitFor("a failure", () => errors.length > 0);
  assert.equal(audit.ready(), false);
  assert.ok(errors[0] instanceof StrataError);
  assert.equal(errors[0].code, "STORAGE_IO");
  sink.full = false;
  await audit.whenReady();
  await audit.close();
  assert.deepEqual(
    sink.lines.map((line) => JSON.parse(line).sessionId),
    [7, 8],
  );
});

test("closing reports records that could not be written", async () => {
  const settings = options({ onError: () => {} });
  const sink = new MemorySink();
  sink.full = true;
  const audit = new AuditLog(settings, sink);
  audit.write(RECORD);
  await waitFor("a failure", () => audit.counters.writeErrors > 0);
  await assert.rejects(audit.close(), (error) => error instanceof StrataError && error.code === "STORAGE_IO");
});

test("closing writes what is left and admits nothing more", async () => {
  const settings = options();
  const audit = await AuditLog.open(settings);
  audit.write(RECORD);
  const closed = audit.close();
  assert.equal(audit.ready(), false);
  await closed;
  assert.equal(linesOf(settings.file).length, 1);
});

test("a line that a crash cut off is closed, and earlier lines stay", async () => {
  const settings = options();
  writeFileSync(settings.file, '{"a":1}\n{"b":');
  const audit = await AuditLog.open(settings);
  audit.write(RECORD);
  await audit.close();
  const lines = readFileSync(settings.file, "utf8").split("\n");
  assert.deepEqual(lines.slice(0, 2), ['{"a":1}', '{"b":']);
  assert.equal(JSON.parse(lines[2] ?? "").sessionId, 7);
});

test("a directory that does not exist is a coded error", async () => {
  const file = join(folder, "missing", "audit.log");
  await assert.rejects(AuditLog.open(options({ file })), (error) => {
    return error instanceof StrataError && error.code === "STORAGE_IO";
  });
});
