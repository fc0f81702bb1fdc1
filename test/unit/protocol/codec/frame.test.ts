import { deepEqual, equal, throws } from "node:assert/strict";
import { test } from "node:test";
import {
  FLAG_ANSWER,
  FLAG_ERROR,
  FRAME_HEADER_BYTES,
  readFrame,
  writeFrameHeader,
} from "../../../../protocol/codec/frame.js";
import { FRAME_BYTES_MAX } from "../../../../protocol/schema/messages.js";

const REQUEST_ID = 2 ** 53 - 1;

function frameOf(bodyBytes: number): Uint8Array {
  const bytes = new Uint8Array(FRAME_HEADER_BYTES + bodyBytes);
  writeFrameHeader(bytes, 3, FLAG_ANSWER, REQUEST_ID);
  return bytes;
}

function changed(change: (view: DataView) => void): Uint8Array {
  const bytes = frameOf(5);
  change(new DataView(bytes.buffer));
  return bytes;
}

test("a header stands as documented: op, version, flags, length, request id, little-endian", () => {
  const bytes = new Uint8Array(FRAME_HEADER_BYTES + 0x010203);
  writeFrameHeader(bytes, 0x42, FLAG_ANSWER | FLAG_ERROR, 1);
  const header = [0x42, 1, 3, 0, 0x03, 0x02, 0x01, 0, 0, 0, 0, 0, 0, 0, 0xf0, 0x3f];
  deepEqual([...bytes.subarray(0, FRAME_HEADER_BYTES)], header);
});

test("a header is read as it was written", () => {
  const { op, flags, requestId, bodyStart, bodyEnd } = readFrame(frameOf(5));
  deepEqual(
    { op, flags, requestId, bodyStart, bodyEnd },
    { op: 3, flags: FLAG_ANSWER, requestId: REQUEST_ID, bodyStart: 16, bodyEnd: 21 },
  );
});

test("a frame within a larger buffer is read where it lies", () => {
  const buffer = new Uint8Array(64).fill(0xee);
  buffer.set(frameOf(5), 7);
  const frame = readFrame(buffer.subarray(7, 28));
  deepEqual([frame.requestId, frame.bodyEnd], [REQUEST_ID, 21]);
});

test("reading gives the same object again, so that it costs no memory", () => {
  equal(readFrame(frameOf(1)), readFrame(frameOf(2)));
});

test("what is shorter than a header or than the header says is FRAME_TRUNCATED", () => {
  for (const bytes of [new Uint8Array(0), frameOf(0).subarray(0, 15), frameOf(5).subarray(0, 20)]) {
    throws(() => readFrame(bytes), { code: "FRAME_TRUNCATED", class: "ProtocolError" });
  }
  throws(() => readFrame(changed((view) => view.setUint32(4, 0xffff_ffff, true))), {
    code: "FRAME_TRUNCATED",
  });
});

test("a frame above the limit is FRAME_TOO_LARGE, one at the limit is read", () => {
  equal(readFrame(frameOf(FRAME_BYTES_MAX - FRAME_HEADER_BYTES)).bodyEnd, FRAME_BYTES_MAX);
  throws(() => readFrame(new Uint8Array(FRAME_BYTES_MAX + 1)), { code: "FRAME_TOO_LARGE" });
});

test("another version of the header is FRAME_VERSION", () => {
  throws(() => readFrame(changed((view) => view.setUint8(1, 2))), { code: "FRAME_VERSION" });
});

test("op 0, unknown flags, an error that is no answer and bytes behind the body are FRAME_MALFORMED", () => {
  const malformed = [
    changed((view) => view.setUint8(0, 0)),
    changed((view) => view.setUint16(2, 4, true)),
    changed((view) => view.setUint16(2, 0x8000, true)),
    changed((view) => view.setUint16(2, FLAG_ERROR, true)),
    changed((view) => view.setUint32(4, 4, true)),
  ];
  for (const bytes of malformed) throws(() => readFrame(bytes), { code: "FRAME_MALFORMED" });
});

test("a request id that is no positive whole number below 2^53 is FRAME_MALFORMED", () => {
  for (const id of [0, -1, 1.5, 2 ** 53, Number.NaN, Number.POSITIVE_INFINITY]) {
    throws(() => readFrame(changed((view) => view.setFloat64(8, id, true))), { code: "FRAME_MALFORMED" });
  }
});
