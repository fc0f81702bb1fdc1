import assert from "node:assert/strict";
import { test } from "node:test";
import { ERRORS, type ErrorCode, errorCodeOfWire, StrataError } from "../../../../engine/core/errors.js";

const CODES = Object.keys(ERRORS) as ErrorCode[];

test("every code has a wire number of its own that leads back to it", () => {
  for (const code of CODES) assert.equal(errorCodeOfWire(ERRORS[code].wire), code);
  assert.equal(errorCodeOfWire(65_535), undefined);
});

test("wire numbers fit a u16 and codes the wire's text", () => {
  for (const code of CODES) {
    assert.ok(ERRORS[code].wire > 0 && ERRORS[code].wire < 65_536, code);
    assert.match(code, /^[A-Z][A-Z0-9_]{2,63}$/);
  }
});

test("every error says what a person does about it", () => {
  for (const code of CODES) assert.match(ERRORS[code].action, /\.$/, code);
});

test("details fill the template, and a missing one shows as a question mark", () => {
  const error = new StrataError("CONTAINER_NOT_FOUND", { containerId: 7 });
  assert.equal(error.message, "container 7 does not exist");
  assert.equal(error.name, "RejectedError");
  assert.equal(new StrataError("CONTAINER_NOT_FOUND").message, "container ? does not exist");
});

test("only advice of a kind that a client knows is given", () => {
  for (const code of CODES) {
    const { class: errorClass, retry } = ERRORS[code];
    if (errorClass === "ProtocolError") assert.equal(retry, "never", code);
    if (errorClass === "NotLeaderError") assert.equal(retry, "elsewhere", code);
  }
});
