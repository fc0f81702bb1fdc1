import { deepEqual, equal } from "node:assert/strict";
import { describe, it } from "node:test";
import {
  RpcResponseHeaderProtoSchema,
  RpcResponseHeaderProto_RpcStatusProto as Status,
} from "../../../../../protocol/hadoop/generated/rpc_pb.js";
import { decodeMessage } from "../../../../../protocol/hadoop/message.js";
import { delimitedMessages } from "../../../../../scripts/interop/wire-text.js";
import {
  errorFrame,
  RPC_STATUS,
  responseBytesMax,
  writeResponse,
} from "../../../../../workers/front/rpc/response-frame.js";

const CLIENT_ID = Buffer.from("0123456789abcdef");

function response(caller: Parameters<typeof writeResponse>[2], message: Uint8Array): Buffer {
  const out = Buffer.alloc(responseBytesMax(caller, message.length));
  return out.subarray(0, writeResponse(out, 0, caller, message));
}

describe("response frames", () => {
  it("are those of the released SCM, byte for byte (spec 12 §12)", () => {
    const message = Buffer.from("080e2801" + "9a01020801", "hex");
    const caller = { callId: 0, retryCount: 0, clientId: CLIENT_ID };
    const id = CLIENT_ID.toString("hex");
    const expected = `000000251a08001000180${"9"}3a10${id}400009080e28019a01020801`;
    equal(response(caller, message).toString("hex"), expected);
  });

  it("answer to SASL as the released SCM does (spec 12 §12)", () => {
    const caller = { callId: -33, retryCount: -1, clientId: new Uint8Array(0) };
    const expected = "00000012" + "0e08dfffffff0f100018093a004001" + "021000";
    equal(response(caller, Buffer.from("1000", "hex")).toString("hex"), expected);
  });

  for (const callId of [0, 127, 128, 2 ** 21, 2 ** 28, 2 ** 31 - 1, -1, -33]) {
    for (const retryCount of [-1, 0, 1, 63, 64, 299]) {
      it(`carry call ${callId}, retry ${retryCount}`, () => {
        const caller = { callId, retryCount, clientId: CLIENT_ID };
        const frame = response(caller, new Uint8Array(300));
        equal(frame.readInt32BE(0), frame.length - 4);
        const [header, body] = delimitedMessages(frame.subarray(4));
        const decoded = decodeMessage(RpcResponseHeaderProtoSchema, header as Uint8Array);
        deepEqual(
          [decoded.callId, decoded.status, decoded.serverIpcVersionNum, decoded.retryCount],
          [callId >>> 0, Status.SUCCESS, 9, retryCount],
        );
        deepEqual(Buffer.from(decoded.clientId), CLIENT_ID);
        equal(body?.length, 300);
      });
    }
  }

  it("of errors end with their header, however long the text", () => {
    const caller = { callId: 7, retryCount: 2, clientId: CLIENT_ID };
    const text = "ä".repeat(40_000);
    const frame = Buffer.from(
      errorFrame(caller, RPC_STATUS.ERROR, { className: "c", message: text, detail: 1 }),
    );
    equal(frame.readInt32BE(0), frame.length - 4);
    const parts = delimitedMessages(frame.subarray(4));
    equal(parts.length, 1);
    const header = decodeMessage(RpcResponseHeaderProtoSchema, parts[0] as Uint8Array);
    deepEqual(
      [header.status, header.exceptionClassName, header.errorMsg, header.errorDetail],
      [Status.ERROR, "c", text, 1],
    );
  });
});
