import assert from "node:assert/strict";
import { test } from "node:test";
import {
  DONE,
  done,
  errorOfResult,
  failedContainerIds,
  readFailedContainerIds,
  readReservation,
  refused,
} from "../../../../engine/cluster/operation-result.js";
import { ERRORS } from "../../../../engine/core/errors.js";

test("a refusal comes back as the error that it was, with its details", () => {
  const result = refused("CONTAINER_STATE", { containerId: 7, state: "OPEN", event: "DELETE" });
  assert.equal(result.error, ERRORS.CONTAINER_STATE.wire);
  const error = errorOfResult(result);
  assert.equal(error?.code, "CONTAINER_STATE");
  assert.equal(error?.message, "container 7 in state OPEN does not allow DELETE");
  assert.deepEqual(errorOfResult(refused("INVALID_ARGUMENT", { field: 2n ** 63n }))?.details, {
    field: 2n ** 63n,
  });
});

test("what was done is no error", () => {
  assert.equal(errorOfResult(DONE), undefined);
  assert.deepEqual(readFailedContainerIds(DONE.body), []);
  assert.deepEqual(readFailedContainerIds(failedContainerIds([9, 2 ** 53 - 1]).body), [9, 2 ** 53 - 1]);
  const reservation = done((writer) => {
    writer.u64(2n ** 60n);
    writer.u32(1000);
  });
  assert.deepEqual(readReservation(reservation.body), { first: 2n ** 60n, count: 1000 });
});

test("an error number of a newer release is corruption here", () => {
  assert.equal(errorOfResult({ error: 9999, body: new Uint8Array(0) })?.code, "STATE_CORRUPT");
});
