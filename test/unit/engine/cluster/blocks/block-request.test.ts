import assert from "node:assert/strict";
import { test } from "node:test";
import { allowedPattern, checkReplication } from "../../../../../engine/cluster/blocks/block-request.js";
import { parseReplication, ratis } from "../../../../../engine/cluster/containers/replication-config.js";
import { StrataError } from "../../../../../engine/core/errors.js";

const EVERY = ["RATIS/ONE", "RATIS/THREE", "STANDALONE/ONE", "STANDALONE/THREE"].map(parseReplication);
const EC = ["rs-3-2-1024k", "xor-3-2-512k", "rs-6-3-4096k", "rs-10-4-2048k"].map(parseReplication);

/** What of `candidates` the pattern allows. */
function allowedOf(pattern: string, candidates = [...EVERY, ...EC]): typeof candidates {
  const allowed = allowedPattern(pattern);
  return candidates.filter((replication) => {
    try {
      checkReplication(replication, allowed);
      return true;
    } catch (error) {
      assert.ok(error instanceof StrataError && error.code === "INVALID_ARGUMENT", String(error));
      assert.match(error.message, /ozone\.replication\.allowed-configs/);
      return false;
    }
  });
}

test("the pattern of allowed configurations matches their whole text, as in Java", () => {
  assert.deepEqual(allowedOf("RATIS/THREE"), [ratis(3)]);
  assert.deepEqual(allowedOf("RATIS"), []);
  assert.deepEqual(allowedOf("RATIS/.*"), [ratis(1), ratis(3)]);
  assert.deepEqual(allowedOf("THREE"), []);
  assert.deepEqual(allowedOf("EC/3-2"), [], "the chunk is part of it");
  assert.deepEqual(allowedOf("EC/3-2-1024k|RATIS/ONE"), [EVERY[0], EC[0]]);
  // The default of earlier releases: anchors bind to one alternative each, but the whole is matched.
  assert.deepEqual(allowedOf("^((STANDALONE|RATIS)/(ONE|THREE))|(EC/(3-2|6-3|10-4))$"), EVERY);
});

test("the default allows what it lists, and an empty pattern everything", () => {
  const pattern = "^((STANDALONE|RATIS)/(ONE|THREE))|(EC/(3-2|6-3|10-4)-(512|1024|2048|4096)k)$";
  const small = parseReplication("xor-2-1-1024k");
  assert.deepEqual(allowedOf(pattern, [...EVERY, ...EC, small]), [...EVERY, ...EC]);
  assert.deepEqual(allowedOf("", [...EVERY, small]), [...EVERY, small]);
});
