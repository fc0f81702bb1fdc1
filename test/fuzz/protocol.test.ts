import { deepStrictEqual, equal, ok } from "node:assert/strict";
import { randomInt } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import fc from "fast-check";
import { SeededRandom } from "../../engine/core/random.js";
import { untypedCodecOf } from "../../protocol/codec/codec.js";
import { FLAG_ANSWER, FLAG_ERROR, FRAME_HEADER_BYTES, readFrame } from "../../protocol/codec/frame.js";
import { operationOf } from "../../protocol/codec/operations.js";
import type { RecordSchema } from "../../protocol/schema/fields.js";
import { ERROR_BODY } from "../../protocol/schema/messages.js";
import { outcomeOf, savedFrames } from "../support/fuzz-case.js";
import { MESSAGES, recordArbitrary } from "../support/message-arbitrary.js";
import { mutate, reframe } from "../support/mutate-frame.js";

const CORPUS = new URL("../../../test/fuzz/corpus/protocol/", import.meta.url);
/** To replay a failed run, put the seed of its test name here. */
const REPLAY_SEED: number | undefined = undefined;
const SEED = REPLAY_SEED ?? randomInt(2 ** 31);
const MUTATED_COUNT = 30_000;
const RAW_COUNT = 30_000;
const SAMPLES_PER_MESSAGE = 12;

/** What a receiver makes of a message. Whatever the bytes are, they give a value, which can be sent again and
 * comes back as the same, or a ProtocolError. */
function receive(bytes: Uint8Array): string | undefined {
  return outcomeOf(bytes, readAsReceiver, (error) => equal(error.class, "ProtocolError", error.message));
}

function readAsReceiver(bytes: Uint8Array): string | undefined {
  const { op, flags, requestId, bodyStart, bodyEnd } = readFrame(bytes);
  const operation = operationOf(op);
  const isError = (flags & FLAG_ERROR) !== 0;
  const isAnswer = (flags & FLAG_ANSWER) !== 0;
  const codec = isError ? untypedCodecOf(ERROR_BODY) : isAnswer ? operation?.response : operation?.request;
  if (codec === undefined) return "UNSUPPORTED_OPERATION";
  const value = codec.decode(bytes, bodyStart, bodyEnd);
  const again = Uint8Array.from(codec.encode(op, flags, requestId, value));
  deepStrictEqual(codec.decode(again, FRAME_HEADER_BYTES, again.length), value);
  return undefined;
}

function corpusFiles(): { name: string; why: string; bytes: Uint8Array }[] {
  const names = readdirSync(CORPUS).filter((name) => name.endsWith(".hex"));
  return names.sort().map((name) => {
    const [why = "", ...hex] = readFileSync(new URL(name, CORPUS), "utf8").split("\n");
    return { name, why: why.replace("# ", ""), bytes: Uint8Array.from(Buffer.from(hex.join(""), "hex")) };
  });
}

/** Outcomes of corpus files whose name does not say them: "newer-" and "-minus-zero" are taken, "frame-" and
 * "body-" are refused as such, "field-" by the field. */
const EXPECTED: Readonly<Record<string, string | undefined>> = {
  "answer-error-newer.hex": undefined,
  "answer-error-unreadable.hex": "FIELD_INVALID",
  "body-bare-nil.hex": "FIELD_INVALID",
  "body-bare-number.hex": "FIELD_INVALID",
  "body-empty-arrays.hex": undefined,
  "field-bad-utf8.hex": undefined,
  "field-duplicate-origins.hex": undefined,
  "field-minus-zero.hex": undefined,
  "field-rows-over-limit.hex": "FRAME_TRUNCATED",
  "frame-empty.hex": "FRAME_TRUNCATED",
  "frame-half-header.hex": "FRAME_TRUNCATED",
  "frame-huge-length.hex": "FRAME_TRUNCATED",
  "frame-no-body.hex": "BODY_MALFORMED",
  "frame-unknown-op.hex": "UNSUPPORTED_OPERATION",
  "frame-version.hex": "FRAME_VERSION",
  "newer-trailing-fields.hex": undefined,
};

function expectedOf(name: string): string | undefined {
  if (name in EXPECTED) return EXPECTED[name];
  if (name.startsWith("frame-")) return "FRAME_MALFORMED";
  return name.startsWith("body-") ? "BODY_MALFORMED" : "FIELD_INVALID";
}

for (const { name, why, bytes } of corpusFiles()) {
  const expected = expectedOf(name);
  test(`corpus ${name}, ${why}: ${expected ?? "taken"}`, () => {
    equal(receive(bytes), expected);
  });
}

test("messages of protocol version 1 are read as ever, and written byte for byte as they were", () => {
  const saved = savedFrames(new URL("version-1.txt", CORPUS));
  for (const { name, op, isResponse, schema } of MESSAGES) {
    const hex = saved.get(name);
    ok(hex !== undefined, `version-1.txt lacks a line: ${name}: ${sampleOf(schema, op, isResponse)}`);
    const frame = Uint8Array.from(Buffer.from(hex, "hex"));
    const codec = untypedCodecOf(schema);
    const value = codec.decode(frame, FRAME_HEADER_BYTES, frame.length);
    const again = codec.encode(op, isResponse ? FLAG_ANSWER : 0, readFrame(frame).requestId, value);
    equal(Buffer.from(again).toString("hex"), hex, name);
  }
});

function sampleOf(schema: RecordSchema, op: number, isResponse: boolean): string {
  const [value] = fc.sample(recordArbitrary(schema), { seed: 1, numRuns: 1 });
  const frame = untypedCodecOf(schema).encode(op, isResponse ? FLAG_ANSWER : 0, op * 100, value);
  return Buffer.from(frame).toString("hex");
}

/** Valid frames of every kind. */
function samples(): Uint8Array[] {
  return MESSAGES.flatMap(({ op, isResponse, schema }) => {
    const values = fc.sample(recordArbitrary(schema), { seed: SEED, numRuns: SAMPLES_PER_MESSAGE });
    const codec = untypedCodecOf(schema);
    return values.map((value) => Uint8Array.from(codec.encode(op, isResponse ? FLAG_ANSWER : 0, 1, value)));
  });
}

test(`${MUTATED_COUNT} damaged messages give values or protocol errors (seed ${SEED})`, () => {
  const random = new SeededRandom(SEED);
  const valid = [...samples(), ...corpusFiles().map(({ bytes }) => bytes)];
  const outcomes = new Map<string, number>();
  for (let i = 0; i < MUTATED_COUNT; i++) {
    let bytes = valid[random.below(valid.length)] as Uint8Array;
    for (let n = 1 + random.below(3); n > 0; n--) bytes = mutate(bytes, random, valid);
    // Most get a header that fits, or next to none would be read further than that.
    if (random.below(10) > 0) bytes = reframe(bytes, random);
    const outcome = receive(bytes) ?? "taken";
    outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
  }
  // A fuzzer that never gets past the first check tests nothing.
  for (const outcome of ["taken", "BODY_MALFORMED", "FIELD_INVALID", "FRAME_MALFORMED"]) {
    ok((outcomes.get(outcome) ?? 0) > MUTATED_COUNT / 200, `${outcome}: ${outcomes.get(outcome)}`);
  }
});

test(`${RAW_COUNT} messages of random bytes give values or protocol errors (seed ${SEED})`, () => {
  const random = new SeededRandom(SEED).stream("raw");
  for (let i = 0; i < RAW_COUNT; i++) {
    const bytes = new Uint8Array(random.below(120));
    random.fill(bytes);
    receive(random.below(4) === 0 ? bytes : reframe(bytes, random));
  }
});
