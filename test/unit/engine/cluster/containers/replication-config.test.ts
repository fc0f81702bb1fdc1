import assert from "node:assert/strict";
import { test } from "node:test";
import {
  minimumNodes,
  parseReplication,
  printReplication,
  ratis,
  replicationProblem,
  requiredNodes,
  standAlone,
} from "../../../../../engine/cluster/containers/replication-config.js";

const EC_3_2 = {
  type: "EC",
  factor: 5,
  ecData: 3,
  ecParity: 2,
  ecChunkBytes: 1024 * 1024,
  ecCodec: "rs",
} as const;

test("text, required and minimum nodes are those of the specification", () => {
  const rows = [
    [ratis(1), "RATIS/ONE", 1, 1],
    [ratis(3), "RATIS/THREE", 3, 1],
    [standAlone(1), "STANDALONE/ONE", 1, 1],
    [standAlone(3), "STANDALONE/THREE", 3, 3],
    [EC_3_2, "rs-3-2-1024k", 5, 3],
  ] as const;
  for (const [config, text, required, minimum] of rows) {
    assert.equal(printReplication(config), text);
    assert.deepEqual(parseReplication(text), config);
    assert.equal(requiredNodes(config), required);
    assert.equal(minimumNodes(config), minimum);
    assert.equal(replicationProblem(config), undefined);
  }
});

test("text is read in any case, and k stands for 1,024 bytes", () => {
  assert.deepEqual(parseReplication("RS-3-2-1024K"), EC_3_2);
  assert.deepEqual(parseReplication("rs-3-2-1048576"), EC_3_2);
  assert.equal(parseReplication("XOR-2-1-1000").ecChunkBytes, 1000);
  assert.equal(printReplication(parseReplication("XOR-2-1-1000")), "xor-2-1-1000");
  assert.deepEqual(parseReplication("ratis/three"), ratis(3));
  assert.deepEqual(parseReplication("STAND_ALONE/ONE"), standAlone(1));
});

test("what is no configuration is refused with a reason", () => {
  const wrong = [
    "",
    "RATIS",
    "RATIS/TWO",
    "RATIS/THREE/x",
    "EC/THREE",
    "rs-0-2-1024k",
    "rs-3-0-1024k",
    "rs-3-2-0k",
    "rs-3-2",
    "abc-3-2-1024k",
    "rs-60-5-1024k",
    "rs-3-2-99999999k",
  ];
  for (const text of wrong) assert.throws(() => parseReplication(text), { code: "INVALID_ARGUMENT" }, text);
});

test("a configuration that came in another form than its own is a problem", () => {
  assert.ok(replicationProblem({ ...ratis(3), factor: 2 }) !== undefined);
  assert.ok(replicationProblem({ ...ratis(3), ecCodec: "rs" }) !== undefined);
  assert.ok(replicationProblem({ ...EC_3_2, factor: 3 }) !== undefined);
  assert.ok(replicationProblem({ ...EC_3_2, ecCodec: "RS" }) !== undefined);
});
