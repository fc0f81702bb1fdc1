import { deepEqual, equal } from "node:assert/strict";
import { test } from "node:test";
import { SeededRandom } from "../../../../engine/core/random.js";
import type { Uuid } from "../../../../engine/core/uuid.js";
import {
  isUuid,
  parseUuid,
  randomUuid,
  readUuid,
  tryWriteUuid,
  uuidFromHalves,
  uuidHalves,
  writeUuid,
} from "../../../../engine/core/uuid.js";

const TEXT = "00ff1a2b-3c4d-5e6f-8091-a2b3c4d5e6f7" as Uuid;
const BYTES = Uint8Array.from([
  0x00, 0xff, 0x1a, 0x2b, 0x3c, 0x4d, 0x5e, 0x6f, 0x80, 0x91, 0xa2, 0xb3, 0xc4, 0xd5, 0xe6, 0xf7,
]);

test("a UUID is written as its sixteen bytes and read back", () => {
  const bytes = new Uint8Array(20);
  writeUuid(TEXT, bytes, 3);
  deepEqual(bytes.subarray(3, 19), BYTES);
  equal(readUuid(bytes, 3), TEXT);
});

test("a thousand random UUIDs survive bytes and halves", () => {
  const random = new SeededRandom(7);
  const bytes = new Uint8Array(16);
  for (let i = 0; i < 1000; i++) {
    const uuid = randomUuid(random);
    equal(isUuid(uuid), true);
    writeUuid(uuid, bytes, 0);
    equal(readUuid(bytes, 0), uuid);
    const { mostSignificant, leastSignificant } = uuidHalves(uuid);
    equal(uuidFromHalves(mostSignificant, leastSignificant), uuid);
  }
});

test("text that is no UUID in the one form is not written", () => {
  const bytes = new Uint8Array(16);
  const refused = [
    "",
    TEXT.slice(1),
    `${TEXT}0`,
    TEXT.toUpperCase(),
    TEXT.replace("f", "g"),
    TEXT.replace("f", "ĭ"),
    TEXT.replace("-", "0"),
    TEXT.replaceAll("-", ""),
  ];
  for (const text of refused) {
    equal(tryWriteUuid(text, bytes, 0), false, text);
    equal(isUuid(text), false, text);
  }
});

test("text in upper case is taken over in lower case", () => {
  equal(parseUuid(TEXT.toUpperCase()), TEXT);
  equal(parseUuid("not a uuid"), undefined);
});
