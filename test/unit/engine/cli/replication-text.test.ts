import assert from "node:assert/strict";
import { test } from "node:test";
import {
  parseReplicationOf,
  parseReplicationText,
  replicationJson,
  replicationText,
} from "../../../../engine/cli/replication-text.js";

const RATIS_THREE = {
  type: "RATIS",
  factor: 3,
  ecData: 0,
  ecParity: 0,
  ecChunkBytes: 0,
  ecCodec: "",
} as const;
const EC_3_2 = {
  type: "EC",
  factor: 5,
  ecData: 3,
  ecParity: 2,
  ecChunkBytes: 1_048_576,
  ecCodec: "rs",
} as const;

test("replication is read in the forms of the reference", () => {
  assert.deepEqual(parseReplicationText("RATIS/THREE"), RATIS_THREE);
  assert.deepEqual(parseReplicationOf("RATIS", "3"), RATIS_THREE);
  assert.deepEqual(parseReplicationText("rs-3-2-1024k"), EC_3_2);
  assert.deepEqual(parseReplicationOf("EC", "RS-3-2-1048576"), EC_3_2);
  assert.deepEqual(parseReplicationOf("STAND_ALONE", "three"), { ...RATIS_THREE, type: "STAND_ALONE" });
  assert.deepEqual(parseReplicationText("STANDALONE/ONE"), {
    ...RATIS_THREE,
    type: "STAND_ALONE",
    factor: 1,
  });
  assert.deepEqual(parseReplicationText("STAND_ALONE/ONE"), parseReplicationText("STANDALONE/ONE"));
});

test("replication that makes no sense is refused", () => {
  for (const text of ["", "RATIS", "RATIS/TWO", "EC/THREE", "rs-0-2-1024k", "rs-3-2-0k", "abc-3-2-1024k"]) {
    assert.equal(parseReplicationText(text), undefined, text);
  }
  assert.equal(parseReplicationOf("EC", "THREE"), undefined);
  assert.equal(parseReplicationOf("RATIS", "rs-3-2-1024k"), undefined);
});

test("replication is shown as the reference shows it", () => {
  assert.equal(replicationText(RATIS_THREE), "RATIS/THREE");
  assert.equal(replicationText(EC_3_2), "EC{rs-3-2-1024k}");
  assert.equal(replicationText({ ...RATIS_THREE, type: "STAND_ALONE", factor: 1 }), "STANDALONE/ONE");
  assert.deepEqual(replicationJson(RATIS_THREE), {
    replicationFactor: "THREE",
    requiredNodes: 3,
    minimumNodes: 1,
    replicationType: "RATIS",
  });
  assert.deepEqual(replicationJson(EC_3_2), {
    data: 3,
    parity: 2,
    ecChunkSize: 1_048_576,
    codec: "RS",
    replicationType: "EC",
    requiredNodes: 5,
    minimumNodes: 3,
  });
});
