import assert from "node:assert/strict";
import { test } from "node:test";
import { callFrame, contextFrame, PREAMBLE, readResponse } from "../../../support/hadoop/hadoop-frames.js";

const CLIENT_ID = Uint8Array.from({ length: 16 }, (_, at) => at);
const ID = hexOf(CLIENT_ID);
const LOCATION = hexOf(Buffer.from("org.apache.hadoop.hdds.scm.protocol.StorageContainerLocationProtocol"));

/** Spec 12 §12: what the released CLI sends and the released SCM answers. */
test("frames are those of the released client", () => {
  const protocol = Buffer.from(LOCATION, "hex").toString();
  assert.equal(hexOf(PREAMBLE), "68727063090000");
  const root = hexOf(Buffer.from("root"));
  assert.equal(
    hexOf(contextFrame(CLIENT_ID, "root", protocol)),
    `0000006a1a0802100018052210${ID}28014e12060a04${root}1a44${LOCATION}`,
  );
  const body = Buffer.from("080e120018039a0100", "hex");
  const method = hexOf(Buffer.from("submitRequest"));
  assert.equal(
    hexOf(callFrame({ clientId: CLIENT_ID, callId: 0, method: "submitRequest", protocol, body })),
    `0000007d1a0802100018002210${ID}2800570a0d${method}1244${LOCATION}180109080e120018039a0100`,
  );
});

test("an answer and an error are read as the released SCM writes them", () => {
  const answer = readResponse(
    Buffer.from(`1a08001000180 93a10${ID}400009080e28019a01020801`.replace(" ", ""), "hex"),
  );
  assert.deepEqual([answer.header.callId, answer.header.status], [0, 0]);
  assert.equal(answer.body && hexOf(answer.body), "080e28019a01020801");
  const name = hexOf(Buffer.from("java.io.IOException"));
  const header = `0800100118092213${name}2a02686930013a10${ID}4000`;
  const error = Buffer.from(`${(header.length / 2).toString(16)}${header}`, "hex");
  const { header: told, body } = readResponse(error);
  assert.deepEqual(
    [told.exceptionClassName, told.errorMsg, told.errorDetail],
    ["java.io.IOException", "hi", 1],
  );
  assert.equal(body, undefined);
  assert.throws(() => readResponse(Buffer.concat([error, Uint8Array.of(0)])), /behind an error/);
});

function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}
