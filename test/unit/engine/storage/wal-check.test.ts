import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { StoreFinding } from "../../../../engine/core/disk.js";
import { SeededRandom } from "../../../../engine/core/random.js";
import { crc32c, isOneBitOff } from "../../../../engine/storage/crc32c.js";
import { checkManifest, checkWals } from "../../../../engine/storage/wal-check.js";
import { scanOf, WalBuilder } from "../../../support/storage/wal-builder.js";

const SEED = 4;
const SECTOR = 512;
const DAMAGES = 600;

/** Batches of one number each; lengths from a few bytes to several blocks, the last one of `lastBytes`. */
function log(lengths: readonly number[], firstSequence = 1, seed = SEED): WalBuilder {
  const random = new SeededRandom(seed);
  const builder = new WalBuilder();
  lengths.forEach((length, i) => {
    const payload = new Uint8Array(length).map(() => random.below(256));
    builder.batch(firstSequence + i, 1, payload);
  });
  return builder;
}

function check(...files: readonly Uint8Array[]): StoreFinding[] {
  return checkWals(
    files.map((bytes, i) => ({ file: `${i + 1}.log`, scan: scanOf(bytes) })),
    "synced",
  );
}

function kinds(...files: readonly Uint8Array[]): string[] {
  return check(...files).map(({ kind }) => kind);
}

function changed(bytes: Uint8Array, at: number, change: (byte: number) => number): Buffer {
  const copy = Buffer.from(bytes);
  copy[at] = change(copy[at]!);
  return copy;
}

function randomBytes(length: number, seed: number): Buffer {
  const random = new SeededRandom(seed);
  return Buffer.alloc(length).map(() => random.below(256)) as Buffer;
}

describe("the checksum", () => {
  test("is CRC-32C", () => {
    assert.equal(crc32c(Buffer.from("123456789"), 0, 9), 0xe3069283);
    const bytes = randomBytes(1000, 1);
    assert.equal(crc32c(bytes, 300, 1000, crc32c(bytes, 0, 300)), crc32c(bytes, 0, 1000));
  });

  test("tells of any one flipped bit, and not of two", () => {
    const bytes = randomBytes(300, 2);
    const wanted = crc32c(bytes, 0, 300);
    for (let at = 0; at < 300; at++) {
      const found = crc32c(
        changed(bytes, at, (byte) => byte ^ (1 << (at % 8))),
        0,
        300,
      );
      assert.ok(isOneBitOff(found, wanted, 300), `byte ${at}`);
    }
    const twice = changed(
      changed(bytes, 10, (byte) => byte ^ 1),
      290,
      (byte) => byte ^ 1,
    );
    assert.ok(!isOneBitOff(crc32c(twice, 0, 300), wanted, 300));
  });
});

describe("a write-ahead log", () => {
  const lengths = [10, 300, 0, 40_000, 32_768 - 7 - 12, 100_000, 5, 200];

  test("that is whole has no finding, also with reserved space after it", () => {
    const { bytes } = log(lengths);
    assert.deepEqual(check(bytes), []);
    assert.deepEqual(check(Buffer.concat([bytes, Buffer.alloc(100_000)])), []);
    assert.deepEqual(check(new Uint8Array(0)), []);
    const scan = scanOf(bytes);
    assert.deepEqual([scan.firstSequence, scan.nextSequence, scan.end], [1, 9, bytes.length]);
  });

  test("cut off anywhere in its last record is torn there", () => {
    for (const last of [200, 70_000]) {
      const { bytes, ends } = log([...lengths, last]);
      const end = ends.at(-2)!;
      for (let size = end + 1; size < bytes.length; size += last > 1000 ? 97 : 1) {
        const [finding, ...more] = check(bytes.subarray(0, size));
        assert.deepEqual(more, []);
        assert.equal(finding?.kind, "torn", `size ${size}`);
        assert.equal(finding.offset, end, `size ${size}`);
      }
    }
  });

  test("with sectors of its last record not written is torn", () => {
    const { bytes, ends } = log([...lengths, 70_000]);
    const end = ends.at(-2)!;
    const firstSector = Math.ceil(end / SECTOR);
    for (let sector = firstSector; (sector + 1) * SECTOR < bytes.length; sector++) {
      const torn = Buffer.from(bytes).fill(0, sector * SECTOR, (sector + 1) * SECTOR);
      assert.deepEqual(kinds(torn), ["torn"], `sector ${sector}`);
      const without = Buffer.from(bytes).fill(0, sector * SECTOR);
      assert.deepEqual(kinds(without), ["torn"], `from sector ${sector}`);
    }
  });

  test("of whose last record only the first bytes were written is torn, though the file is longer", () => {
    const { bytes, ends } = log([...lengths, 70_000]);
    const end = ends.at(-2)!;
    const blockEnd = Math.ceil(end / 32_768) * 32_768;
    for (const at of [
      end,
      blockEnd - 300,
      blockEnd - 2,
      blockEnd - 1,
      blockEnd,
      blockEnd + 3,
      blockEnd + 32_767,
    ]) {
      const written = Buffer.from(bytes).fill(0, at);
      const expected = at === end ? [] : ["torn"];
      assert.deepEqual(kinds(written), expected, `zeros from ${at}`);
    }
  });

  test("with one wrong byte anywhere is damaged, whatever the byte", () => {
    const { bytes, ends } = log([10, 300, 0, 40_000, 5, 200]);
    const places = [...Array(700).keys()]
      .map((i) => ends.at(-3)! - 300 + i)
      .filter((at) => at < bytes.length);
    const elsewhere = [...Array(400).keys()].map((i) => i * 101);
    for (const at of [...elsewhere, ...places]) {
      for (const mask of [0x01, 0x04, 0x80, 0xff, 1 + (at % 254)]) {
        const [finding] = check(changed(bytes, at, (byte) => byte ^ mask));
        // The 6 bytes at most that no fragment fits in belong to nothing.
        if (finding === undefined) assert.ok(isTrailer(ends, at), `byte ${at} mask ${mask} passed`);
        else assert.equal(finding.kind, "damaged", `byte ${at} mask ${mask}`);
      }
    }
  });

  test("with one wrong byte in a last record of several blocks is damaged", () => {
    const { bytes, ends } = log([10, 100_000]);
    for (let at = ends[1]!; at < bytes.length; at += 211) {
      assert.deepEqual(kinds(changed(bytes, at, (byte) => byte ^ 4)), ["damaged"], `byte ${at}`);
    }
  });

  test("with zeros for a sector before its last record is damaged", () => {
    const { bytes } = log([3000, 3000, 3000]);
    for (let at = 0; at < 6000; at += SECTOR) {
      assert.deepEqual(kinds(Buffer.from(bytes).fill(0, at, at + SECTOR)), ["damaged"], `byte ${at}`);
    }
  });

  test(`with bytes that changed at random is damaged (seeds 1 to ${DAMAGES})`, () => {
    const { bytes, ends } = log(Array.from({ length: 40 }, (_, i) => (i * 379) % 2500));
    for (let seed = 1; seed <= DAMAGES; seed++) {
      const random = new SeededRandom(seed);
      const length = 1 + random.below(seed % 2 === 0 ? 8 : 600);
      const at = random.below(ends.at(-2)! - length);
      const damaged = Buffer.from(bytes);
      const isZeros = random.below(3) === 0;
      for (let i = at; i < at + length; i++) damaged[i] = isZeros ? 0 : random.below(256);
      if (damaged.equals(bytes)) continue;
      const found = kinds(damaged);
      if (found.length > 0 || !isTrailer(ends, at)) assert.deepEqual(found, ["damaged"], `seed ${seed}`);
    }
  });

  test("whose last record has a spoilt length, and a torn one after it, is damaged", () => {
    const { bytes, ends } = log([10, 300, 400]);
    const torn = bytes.subarray(0, bytes.length - 20);
    for (const at of [4, 5, 6, 7, 50]) {
      assert.deepEqual(kinds(changed(torn, ends[1]! + at, (byte) => byte ^ 3)), ["damaged"], `byte ${at}`);
    }
  });

  test("with bytes after its end that were never a record has them cut off, for every type byte", () => {
    const { bytes } = log(lengths);
    for (const length of [7, 11, 100, 40_000]) {
      for (let type = 0; type < 256; type++) {
        const garbage = randomBytes(length, type + 1);
        garbage[6] = type;
        const [finding] = check(Buffer.concat([bytes, garbage]));
        // A header that could be one is not taken for garbage without need.
        const mayBeRecord = type >= 1 && type <= 4;
        if (!mayBeRecord) assert.equal(finding?.kind, "garbage", `type ${type}`);
        else assert.ok(finding?.kind === "garbage" || finding?.kind === "torn", `type ${type}`);
        assert.equal(finding.offset, bytes.length);
        assert.equal(finding.bytes, length);
      }
    }
  });
});

/** At the end of a block, after the last record that begins in it. */
function isTrailer(ends: readonly number[], at: number): boolean {
  return 32_768 - (at % 32_768) < 7 && ends.some((end) => end <= at && at - end < 7);
}

describe("several write-ahead logs", () => {
  const first = log([10, 300, 200], 1, 1);
  const second = log([10, 300], 4, 2);

  test("that follow each other have no finding, also when the newest is empty", () => {
    assert.deepEqual(check(first.bytes, second.bytes, new Uint8Array(0)), []);
  });

  test("of which the older ends torn have it cut off, since the newer goes on without it", () => {
    const torn = Buffer.concat([first.bytes, randomBytes(50, 1)]);
    assert.deepEqual(check(torn, second.bytes), [
      {
        file: "1.log",
        kind: "torn",
        offset: first.bytes.length,
        bytes: 50,
        reason: "2.log goes on without it",
      },
    ]);
  });

  test("of which the older is damaged are damaged, even where it looks torn", () => {
    const end = first.ends.at(-2)!;
    for (const bytes of [
      first.bytes.subarray(0, end + 20),
      Buffer.from(first.bytes).fill(0, end),
      changed(first.bytes, end + 4, (byte) => byte + 1),
    ]) {
      assert.deepEqual(kinds(bytes, second.bytes), ["damaged"]);
    }
  });

  test("of which the newer begins bad are judged by the numbers of the older", () => {
    const bad = changed(second.bytes, 30, (byte) => byte ^ 1);
    assert.deepEqual(kinds(first.bytes, bad), ["damaged"]);
    assert.deepEqual(kinds(first.bytes, randomBytes(100, 8)), ["garbage"]);
    assert.deepEqual(kinds(first.bytes, second.bytes.subarray(0, 20)), ["torn"]);
  });
});

test("a store that is not synced may lose its end, whatever happened to it", () => {
  const { bytes, ends } = log([10, 300, 200]);
  const findings = checkWals(
    [{ file: "1.log", scan: scanOf(changed(bytes, ends[1]! + 20, (byte) => byte ^ 1)) }],
    "unsynced",
  );
  assert.deepEqual(
    findings.map(({ kind, offset }) => [kind, offset]),
    [["unsynced", ends[1]]],
  );
});

describe("a MANIFEST", () => {
  const { bytes, ends } = new WalBuilder()
    .record(randomBytes(60, 1))
    .record(randomBytes(200, 2))
    .record(randomBytes(9, 3));
  const check = (content: Uint8Array) => checkManifest({ file: "M", scan: scanOf(content, "edits") });

  test("that is whole or cut off in its last record is readable", () => {
    assert.deepEqual(check(bytes), []);
    assert.equal(check(bytes.subarray(0, ends[2]! + 10))[0]?.kind, "torn");
  });

  test("with one wrong byte is damaged", () => {
    for (let at = 0; at < bytes.length; at++) {
      for (const mask of [1, 4, 0xff]) {
        assert.equal(
          check(changed(bytes, at, (byte) => byte ^ mask))[0]?.kind,
          "damaged",
          `byte ${at} ${mask}`,
        );
      }
    }
  });
});
