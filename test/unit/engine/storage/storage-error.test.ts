import assert from "node:assert/strict";
import { test } from "node:test";
import { AssertionError } from "../../../../engine/core/assert.js";
import { StrataError } from "../../../../engine/core/errors.js";
import { openError, storageError } from "../../../../engine/storage/storage-error.js";

const LOG = { path: "/raft", kind: "log" } as const;
const STATE = { path: "/state", kind: "state" } as const;
const FILE = { path: "/file", kind: "file" } as const;

function failure(message: string, fields: object): Error {
  return Object.assign(new Error(message), fields);
}

function codeOf(error: unknown): string {
  return error instanceof StrataError ? error.code : "not ours";
}

test("errors of RocksDB get our codes, and keep the original as their cause", () => {
  const full = failure("IO error: No space left on device: While appending to file: 000004.log", {
    code: "LEVEL_IO_ERROR",
  });
  const error = storageError(full, LOG);
  assert.equal(codeOf(error), "STORAGE_FULL");
  assert.equal((error as Error).cause, full);
  const io = failure("IO error: While fdatasync: Input/output error", { code: "LEVEL_IO_ERROR" });
  assert.equal(codeOf(storageError(io, LOG)), "STORAGE_IO");
  const corrupt = failure("Corruption: block checksum mismatch", { code: "LEVEL_CORRUPTION" });
  assert.equal(codeOf(storageError(corrupt, LOG)), "LOG_CORRUPT");
  assert.equal(codeOf(storageError(corrupt, STATE)), "STATE_CORRUPT");
  assert.equal(codeOf(storageError(corrupt, FILE)), "STORAGE_OPEN");
});

test("errors of the file system get our codes", () => {
  for (const [code, expected] of [
    ["ENOSPC", "STORAGE_FULL"],
    ["EDQUOT", "STORAGE_FULL"],
    ["EIO", "STORAGE_IO"],
    ["EACCES", "STORAGE_IO"],
  ] as const) {
    assert.equal(codeOf(storageError(failure(code, { code, errno: -1, syscall: "write" }), FILE)), expected);
  }
});

test("an open that fails is told by the reason that the binding hides in its cause", () => {
  const hidden = (message: string, code?: string): Error =>
    failure("Database is not open", { code: "LEVEL_DATABASE_NOT_OPEN", cause: failure(message, { code }) });
  assert.equal(codeOf(openError(hidden("IO error: While lock file", "LEVEL_LOCKED"), LOG)), "STORAGE_LOCKED");
  assert.equal(
    codeOf(openError(hidden("Corruption: bad MANIFEST", "LEVEL_CORRUPTION"), STATE)),
    "STATE_CORRUPT",
  );
  assert.equal(
    codeOf(openError(hidden("IO error: No such file: 000010.sst", "LEVEL_IO_ERROR"), LOG)),
    "STORAGE_OPEN",
  );
  assert.equal(
    codeOf(openError(hidden("Invalid argument: Column families not opened: b"), LOG)),
    "STORAGE_OPEN",
  );
});

test("a close that fails is told by the reason, too", () => {
  const cause = failure("IO error: While fdatasync: Input/output error", { code: "LEVEL_IO_ERROR" });
  const error = failure("Database is not closed", { code: "LEVEL_DATABASE_NOT_CLOSED", cause });
  assert.equal(codeOf(storageError(error, LOG)), "STORAGE_IO");
});

test("our own mistakes and our own errors pass through", () => {
  const mistake = new AssertionError("wrong");
  assert.equal(storageError(mistake, LOG), mistake);
  const coded = new StrataError("STORAGE_FULL", { path: "/x" });
  assert.equal(storageError(coded, LOG), coded);
  const type = new TypeError("not a function");
  assert.equal(storageError(type, LOG), type);
});
