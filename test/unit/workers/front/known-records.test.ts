import assert from "node:assert/strict";
import { test } from "node:test";
import { uuidFromHalves } from "../../../../engine/core/uuid.js";
import { BodyReader } from "../../../../protocol/codec/body-reader.js";
import { codecOf } from "../../../../protocol/codec/codec.js";
import type { DatanodeDetails } from "../../../../protocol/schema/records.js";
import { DATANODE_DETAILS } from "../../../../protocol/schema/records.js";
import { KnownRecords } from "../../../../workers/front/known-records.js";

const LIMIT = 3;

function setUp(): {
  readonly known: KnownRecords<typeof DATANODE_DETAILS, DatanodeDetails>;
  read(details: DatanodeDetails): DatanodeDetails;
} {
  const known = new KnownRecords(DATANODE_DETAILS, (details) => details, LIMIT);
  const reader = new BodyReader();
  return {
    known,
    read(details) {
      const body = codecOf(DATANODE_DETAILS).encodeValue(details);
      reader.begin(body, 0, body.length);
      const found = known.read(reader, body);
      reader.finish();
      assert.deepEqual(found, details);
      return found;
    },
  };
}

function detailsOf(high: bigint, low: bigint, hostName = "dn"): DatanodeDetails {
  return { uuid: uuidFromHalves(high, low), ipAddress: "10.0.0.1", hostName, ports: [] };
}

test("a record is made once for as long as it comes with the same bytes", () => {
  const { known, read } = setUp();
  const first = read(detailsOf(1n, 1n));
  assert.equal(read(detailsOf(1n, 1n)), first);
  const renamed = read(detailsOf(1n, 1n, "a longer name"));
  assert.notEqual(renamed, first);
  assert.equal(read(detailsOf(1n, 1n, "a longer name")), renamed);
  assert.equal(known.count, 1);
});

test("records that share a key take turns and are never taken for each other", () => {
  const { known, read } = setUp();
  // The halves are folded by exclusive or.
  const [one, other] = [detailsOf(5n << 32n, 5n << 32n), detailsOf(9n << 32n, 9n << 32n)];
  for (let i = 0; i < 3; i++) {
    read(one);
    read(other);
  }
  assert.equal(known.count, 1);
});

test("above the limit those that were made first are forgotten", () => {
  const { known, read } = setUp();
  const made = [1n, 2n, 3n, 4n].map((low) => read(detailsOf(0n, low)));
  assert.equal(known.count, LIMIT);
  assert.equal(read(detailsOf(0n, 4n)), made[3]);
  assert.notEqual(read(detailsOf(0n, 1n)), made[0]);
});

test("a record of another kind is refused", () => {
  const { known } = setUp();
  const reader = new BodyReader();
  for (const hex of ["93010203", "9e01", "c0", "9e"]) {
    const body = Buffer.from(hex, "hex");
    reader.begin(body, 0, body.length);
    assert.throws(() => known.read(reader, body), { code: /^(BODY_MALFORMED|FIELD_INVALID)$/ });
  }
  assert.equal(known.count, 0);
});
