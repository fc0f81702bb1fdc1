import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { uuidFromHalves } from "../../../../engine/core/uuid.js";
import {
  BlockIDSchema,
  DatanodeIDProtoSchema,
  GetScmInfoResponseProtoSchema,
  ReplicationManagerReportProtoSchema,
} from "../../../../protocol/hadoop/generated/hdds_pb.js";
import { encodeMessage } from "../../../../protocol/hadoop/message.js";
import { ProtoWriter } from "../../../../protocol/hadoop/proto-writer.js";

const SEED = Date.now() & 0x7fff_ffff;
const SIGNED = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
const EXACT = BigInt(Number.MAX_SAFE_INTEGER);

function agrees<T>(arbitrary: fc.Arbitrary<T>, check: (value: T) => void): void {
  fc.assert(fc.property(arbitrary, check), { seed: SEED, numRuns: 500 });
}

test(`64-bit numbers are those of the generated code, as halves and as one (seed ${SEED})`, () => {
  const writer = new ProtoWriter();
  agrees(fc.tuple(SIGNED, SIGNED), ([containerID, localID]) => {
    writer.begin();
    writer.openMessage(1);
    if (containerID >= -EXACT && containerID <= EXACT) writer.number(1, Number(containerID));
    else writer.bigint(1, containerID);
    const bits = BigInt.asUintN(64, localID);
    writer.halves(2, Number(bits >> 32n), Number(bits & 0xffff_ffffn));
    writer.closeMessage();
    assert.deepEqual(
      writer.copy(),
      encodeMessage(BlockIDSchema, { containerBlockID: { containerID, localID } }),
    );
  });
});

test(`text of any length and alphabet is UTF-8 (seed ${SEED})`, () => {
  const writer = new ProtoWriter();
  const text = fc.oneof(fc.string({ maxLength: 300 }), fc.string({ unit: "grapheme", maxLength: 60 }));
  agrees(fc.tuple(text, fc.array(text)), ([scmId, peerRoles]) => {
    writer.begin();
    writer.text(1, "cluster");
    writer.text(2, scmId);
    for (const role of peerRoles) writer.text(3, role);
    const expected = encodeMessage(GetScmInfoResponseProtoSchema, { clusterId: "cluster", scmId, peerRoles });
    assert.deepEqual(writer.copy(), expected);
  });
});

test(`messages within messages have their lengths, also beyond the first buffer (seed ${SEED})`, () => {
  const writer = new ProtoWriter();
  const ids = fc.array(fc.maxSafeNat(), { maxLength: 800 });
  agrees(fc.array(ids, { maxLength: 4 }), (samples) => {
    writer.begin();
    writer.number(1, 0);
    for (const sample of samples) {
      writer.openMessage(3);
      writer.text(1, "MISSING");
      for (const id of sample) {
        writer.openMessage(2);
        writer.number(1, id);
        writer.closeMessage();
      }
      writer.closeMessage();
    }
    const expected = encodeMessage(ReplicationManagerReportProtoSchema, {
      timestamp: 0n,
      statSample: samples.map((sample) => ({
        key: "MISSING",
        container: sample.map((id) => ({ id: BigInt(id) })),
      })),
    });
    assert.deepEqual(writer.copy(), expected);
  });
});

test(`a uuid is two signed halves (seed ${SEED})`, () => {
  const writer = new ProtoWriter();
  agrees(fc.tuple(SIGNED, SIGNED), ([mostSigBits, leastSigBits]) => {
    writer.begin();
    writer.uuid(1, uuidFromHalves(mostSigBits, leastSigBits));
    const expected = encodeMessage(DatanodeIDProtoSchema, { uuid: { mostSigBits, leastSigBits } });
    assert.deepEqual(writer.copy(), expected);
  });
});
