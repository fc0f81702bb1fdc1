import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { crc32 as zlibCrc32 } from "node:zlib";
import fc from "fast-check";
import { StrataError } from "../../../../engine/core/errors.js";
import { logIndex, term } from "../../../../engine/core/ids.js";
import { crc32 } from "../../../../engine/storage/crc32.js";
import {
  BlobReader,
  BlobWriter,
  ENTRY_HEADER_BYTES,
  indexOfLogKey,
  logKey,
} from "../../../../engine/storage/log-format.js";

interface Item {
  readonly term: number;
  readonly type: number;
  readonly payload: Uint8Array;
}

const ITEM = fc.record({
  term: fc.maxSafeNat(),
  type: fc.nat(255),
  payload: fc.uint8Array({ maxLength: 200 }),
});

function write(items: readonly Item[], firstChain: number): BlobWriter {
  const writer = new BlobWriter();
  let chain = firstChain;
  for (const { payload, ...item } of items) {
    const source = { term: term(item.term), type: item.type, bytes: payload, start: 0, end: payload.length };
    chain = writer.append(source, chain);
  }
  return writer;
}

/** Everything in a blob, or the error that reading it ends in. */
function read(blob: Uint8Array, firstChain: number | undefined): (Item & { readonly index: number })[] {
  const reader = new BlobReader();
  reader.reset(blob, logIndex(10), firstChain);
  const items = [];
  while (reader.next()) {
    const { index, type } = reader;
    items.push({ index, term: reader.term as number, type, payload: new Uint8Array(reader.payload()) });
  }
  return items;
}

describe("log format", () => {
  test("keys sort by epoch, then by index, over 2^32", () => {
    const keys = [logKey(1, 2 ** 40), logKey(1, 2 ** 32 - 1), logKey(2, 0), logKey(1, 7), logKey(1, 2 ** 32)];
    const sorted = keys.toSorted(Buffer.compare).map((key) => [key[3], indexOfLogKey(key)]);
    assert.deepEqual(sorted, [
      [1, 7],
      [1, 2 ** 32 - 1],
      [1, 2 ** 32],
      [1, 2 ** 40],
      [2, 0],
    ]);
  });

  test("refuses keys of another length or beyond 2^53", () => {
    assert.throws(() => indexOfLogKey(new Uint8Array(11)), { code: "LOG_CORRUPT" });
    assert.throws(() => indexOfLogKey(new Uint8Array(12).fill(255)), { code: "LOG_CORRUPT" });
  });

  test("an entry takes 22 bytes and its payload, in the documented order", () => {
    const payload = Uint8Array.of(0xaa, 0xbb);
    const blob = Buffer.from(write([{ term: 2 ** 33 + 5, type: 1, payload }], 77).view());
    assert.equal(blob.length, ENTRY_HEADER_BYTES + 2);
    assert.equal(blob.readUInt32LE(0), zlibCrc32(blob.subarray(4)));
    assert.equal(blob.readBigUInt64LE(8), 2n ** 33n + 5n);
    assert.deepEqual([...blob.subarray(16)], [1, 0, 2, 0, 0, 0, 0xaa, 0xbb]);
    const head = Buffer.alloc(13);
    head.writeUInt32LE(77, 0);
    head.writeBigUInt64LE(2n ** 33n + 5n, 4);
    head[12] = 1;
    assert.equal(blob.readUInt32LE(4), zlibCrc32(Buffer.concat([head, payload])));
  });

  test("reads back what was written", () => {
    fc.assert(
      fc.property(fc.array(ITEM, { minLength: 1 }), fc.nat(), (items, chain) => {
        const expected = items.map((item, i) => ({ ...item, index: 10 + i }));
        assert.deepEqual(read(write(items, chain).view(), chain), expected);
      }),
    );
  });

  test("finds every flipped bit, and every cut that is not between entries", () => {
    const change = fc.record({ at: fc.nat(), bit: fc.nat(7), cuts: fc.boolean() });
    fc.assert(
      fc.property(fc.array(ITEM, { minLength: 1 }), change, (items, { at, bit, cuts }) => {
        const writer = write(items, 5);
        const blob = writer.view().slice();
        const place = at % blob.length;
        if (!cuts) blob[place]! ^= 1 << bit;
        const damaged = cuts ? blob.subarray(0, place) : blob;
        try {
          const rest = read(damaged, 5);
          assert.ok(cuts, "a flipped bit was not found");
          assert.deepEqual(rest, read(blob, 5).slice(0, rest.length));
        } catch (error) {
          if (!(error instanceof StrataError)) throw error;
          assert.equal(error.code, "LOG_CORRUPT");
        }
      }),
    );
  });

  test("throws nothing but LOG_CORRUPT on bytes at random", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 300 }), (bytes) => {
        assert.throws(() => read(bytes, undefined), { code: "LOG_CORRUPT" });
      }),
      { numRuns: 2000 },
    );
  });
});

describe("blob writer", () => {
  test("goes on after a cut as if the rest had never been", () => {
    const items = Array.from({ length: 3000 }, (_, i) => ({
      term: 1,
      type: 0,
      payload: new Uint8Array(i % 90),
    }));
    const writer = write(items, 0);
    writer.truncate(2500);
    assert.equal(writer.count, 2500);
    assert.deepEqual(writer.view(), write(items.slice(0, 2500), 0).view());
    assert.equal(writer.termAt(2499), 1);
    writer.truncate(0);
    assert.equal(writer.length, 0);
  });
});

describe("crc32", () => {
  test("is zlib's, in ranges and in steps, also over shared memory", () => {
    const shared = new Uint8Array(new SharedArrayBuffer(300));
    for (let i = 0; i < shared.length; i++) shared[i] = i * 7;
    const copy = new Uint8Array(shared);
    for (const [start, end] of [
      [0, 0],
      [0, 1],
      [3, 40],
      [5, 54],
      [0, 300],
    ] as const) {
      const expected = zlibCrc32(copy.subarray(start, end));
      assert.equal(crc32(shared, start, end), expected);
      const middle = Math.floor((start + end) / 2);
      assert.equal(crc32(shared, middle, end, crc32(shared, start, middle)), expected);
    }
  });
});
