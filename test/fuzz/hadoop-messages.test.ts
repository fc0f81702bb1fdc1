import { deepStrictEqual, equal, match, ok } from "node:assert/strict";
import { randomInt } from "node:crypto";
import { test } from "node:test";
import type { DescMessage } from "@bufbuild/protobuf";
import { toBinary } from "@bufbuild/protobuf";
import type { Random } from "../../engine/core/random.js";
import { SeededRandom } from "../../engine/core/random.js";
import { InnerNodeSchema } from "../../protocol/hadoop/generated/hdds_pb.js";
import { decodeMessage, encodeMessage } from "../../protocol/hadoop/message.js";
import { ProtoReader } from "../../protocol/hadoop/proto-reader.js";
import { outcomeOf } from "../support/fuzz-case.js";
import { decodeCall } from "../support/hadoop/decoded-call.js";
import { delimitedParts } from "../support/hadoop/delimited.js";
import { randomMessage } from "../support/hadoop/random-message.js";
import { GOLDEN_FRAMES, readCalls } from "../support/hadoop/recorded-frames.js";
import { HADOOP_SCHEMAS } from "../support/hadoop/schemas.js";
import { mutate } from "../support/mutate-frame.js";

/** To replay a failed run, put the seed of its test name here. */
const REPLAY_SEED: number | undefined = undefined;
const SEED = REPLAY_SEED ?? randomInt(2 ** 31);
const MUTATED_COUNT = 20_000;
const RAW_COUNT = 20_000;
const RANDOM_PER_SCHEMA = 3;
const SAMPLE_BYTES_MAX = 4096;
/** 2 GiB − 1, 2 GiB, 4 GiB − 1, 2^64 − 1, and a varint of 11 bytes. */
const HUGE_LENGTHS = ["ffffffff07", "8080808008", "ffffffff0f", "ffffffffffffffffff01", "ff".repeat(11)];
const DELIMITED = 2;
const CODES = /^(PROTOBUF_MALFORMED|PROTOBUF_INCOMPLETE)$/;

interface Sample {
  readonly schema: DescMessage;
  readonly bytes: Uint8Array;
}

/** A message is taken, and then comes back as the same, or is refused with a code of these two. */
function receive({ schema, bytes }: Sample): string | undefined {
  return outcomeOf(
    bytes,
    () => {
      const message = decodeMessage(schema, bytes);
      const again = encodeMessage(schema, message as never);
      deepStrictEqual(encodeMessage(schema, decodeMessage(schema, again) as never), again);
      return undefined;
    },
    ({ code }) => match(code, CODES),
  );
}

/** The reader by hand goes over the same bytes: to their end, or to a refusal. */
function walkOutcome({ schema, bytes }: Sample): string | undefined {
  const reader = new ProtoReader(schema.name);
  return outcomeOf(
    bytes,
    () => {
      reader.begin(bytes, 0, bytes.length);
      walk(reader, schema);
      equal(reader.position, bytes.length);
      return undefined;
    },
    ({ code }) => equal(code, "PROTOBUF_MALFORMED"),
  );
}

function walk(reader: ProtoReader, schema: DescMessage): void {
  while (reader.hasMore()) {
    const tag = reader.tag();
    const field = schema.fields.find(({ number }) => number * 8 + DELIMITED === tag);
    if (field?.message === undefined) {
      reader.skip(tag);
      continue;
    }
    const outerEnd = reader.enter();
    walk(reader, field.message);
    reader.leave(outerEnd);
  }
}

function samples(random: Random): Sample[] {
  const invented = HADOOP_SCHEMAS.flatMap((schema) =>
    Array.from({ length: RANDOM_PER_SCHEMA }, () => ({
      schema,
      bytes: toBinary(schema, randomMessage(random, schema)),
    })),
  );
  const recorded = readCalls(GOLDEN_FRAMES).map((call) => {
    const [, , bytes = new Uint8Array()] = delimitedParts(call.request.subarray(4));
    return { schema: decodeCall(call).schemas.request, bytes };
  });
  return [...invented, ...recorded].filter(({ bytes }) => bytes.length <= SAMPLE_BYTES_MAX);
}

/** A length of 2 GiB and more, or groups without end, somewhere. */
function bomb(bytes: Uint8Array, random: Random): Uint8Array {
  const at = random.below(bytes.length + 1);
  const length = Buffer.from(HUGE_LENGTHS[random.below(HUGE_LENGTHS.length)] ?? "", "hex");
  const inserted = random.below(2) === 0 ? length : Buffer.alloc(1 + random.below(300), 0x0b);
  return Uint8Array.from([...bytes.subarray(0, at), ...inserted, ...bytes.subarray(at + 1)]);
}

test(`${MUTATED_COUNT} damaged messages are taken or refused with a code (seed ${SEED})`, () => {
  const random = new SeededRandom(SEED);
  const valid = samples(random);
  const others = valid.map(({ bytes }) => bytes);
  const outcomes = new Map<string, number>();
  for (let i = 0; i < MUTATED_COUNT; i++) {
    const { schema, bytes: before } = valid[random.below(valid.length)] as Sample;
    let bytes = before;
    for (let n = 1 + random.below(3); n > 0; n--) bytes = mutate(bytes, random, others);
    if (random.below(5) === 0) bytes = bomb(bytes, random);
    const byHand = walkOutcome({ schema, bytes });
    for (const name of [receive({ schema, bytes }) ?? "taken", `by hand ${byHand ?? "taken"}`]) {
      outcomes.set(name, (outcomes.get(name) ?? 0) + 1);
    }
  }
  // A fuzzer that never gets past the first check tests nothing.
  const wanted = ["taken", "PROTOBUF_MALFORMED", "PROTOBUF_INCOMPLETE", "by hand taken"];
  for (const name of [...wanted, "by hand PROTOBUF_MALFORMED"]) {
    ok((outcomes.get(name) ?? 0) > MUTATED_COUNT / 200, `${name}: ${outcomes.get(name)}`);
  }
});

test(`${RAW_COUNT} random bytes are taken or refused with a code (seed ${SEED})`, () => {
  const random = new SeededRandom(SEED + 1);
  for (let i = 0; i < RAW_COUNT; i++) {
    const schema = HADOOP_SCHEMAS[random.below(HADOOP_SCHEMAS.length)] as DescMessage;
    const bytes = new Uint8Array(random.below(120));
    random.fill(bytes);
    receive({ schema, bytes });
    walkOutcome({ schema, bytes });
  }
});

test("a message that is cut off at any byte is taken or refused with a code", () => {
  const random = new SeededRandom(SEED + 2);
  for (const { schema, bytes } of samples(random)) {
    if (bytes.length > 300) continue;
    for (let length = 0; length < bytes.length; length++) {
      receive({ schema, bytes: bytes.subarray(0, length) });
      walkOutcome({ schema, bytes: bytes.subarray(0, length) });
    }
  }
});

test("a megabyte of messages in each other is refused at once, whatever it is made of", () => {
  const groups = [0x0b, 0x1b].map((tag) => new Uint8Array(1_000_000).fill(tag));
  for (const bytes of [nested(200_000), ...groups]) {
    equal(receive({ schema: InnerNodeSchema, bytes }), "PROTOBUF_MALFORMED");
    equal(walkOutcome({ schema: InnerNodeSchema, bytes }), "PROTOBUF_MALFORMED");
  }
});

/** InnerNode → ChildrenMap → NetworkNode → InnerNode …, `depth` of them. */
function nested(depth: number): Uint8Array {
  const heads: number[][] = [];
  let length = 0;
  for (let at = 0; at < depth; at++) {
    const head = [[0x1a, 0x12, 0x1a][(depth - 1 - at) % 3] ?? 0, ...varint(length)];
    heads.push(head);
    length += head.length;
  }
  return Uint8Array.from(heads.reverse().flat());
}

function varint(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...varint(value >>> 7)];
}
