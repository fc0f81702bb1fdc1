import assert from "node:assert/strict";
import { beforeEach, describe, test } from "node:test";
import { REPLICA_STATE, type ReplicaState } from "../../../../engine/core/enums.js";
import { OverflowPool } from "../../../../workers/shard/overflow-pool.js";
import {
  emptyReplicaWords,
  PUT,
  type Put,
  ReplicaTable,
  type RowSums,
} from "../../../../workers/shard/replica-table.js";
import { createStripe, replicaCount, type Stripe } from "../../../../workers/shard/stripe.js";
import { CONTAINER_ROW, STRIPE_ROWS } from "../../../../workers/shared/container-layout.js";
import { allocateReplicaStripe, REPLICA_COUNT_MAX } from "../../../../workers/shared/replica-layout.js";

const OFFSET = 7;

let stripe: Stripe;
let table: ReplicaTable;

beforeEach(() => {
  const containers = new SharedArrayBuffer(STRIPE_ROWS * CONTAINER_ROW.rowBytes);
  stripe = createStripe({ kind: "stripe", stripe: 2, containers, replicas: allocateReplicaStripe() }, 0);
  table = new ReplicaTable();
});

interface Values {
  readonly used?: number;
  readonly sequence?: number;
  readonly keys?: number;
  readonly state?: ReplicaState;
  readonly checksum?: number;
}

function put(node: number, values: Values = {}): Put {
  const words = emptyReplicaWords();
  words.node = node;
  words.usedBytes = values.used ?? 100;
  words.sequenceId = values.sequence ?? 10;
  words.keyCount = (values.keys ?? 5) | 0;
  words.identity = REPLICA_STATE[values.state ?? "CLOSED"] << 16;
  words.checksumLow = values.checksum ?? 0;
  table.find(stripe, OFFSET, node);
  return table.put(stripe, OFFSET, words);
}

function check(): RowSums {
  const sums = { replicaCount: 0, unknownReplicaCount: 0, overflowBlockCount: 0, ownChecksumCount: 0 };
  table.checkRow(stripe, OFFSET, sums);
  table.checkInvariants(sums);
  return sums;
}

test("a replica that finds no overflow block is left out, and taken when there is one", () => {
  table = new ReplicaTable(new OverflowPool(1));
  for (let node = 0; node < 12; node++) assert.equal(put(node), PUT.ADDED);
  assert.equal(put(12), PUT.REJECTED);
  assert.equal(check().replicaCount, 12);
  table.remove(stripe, OFFSET, 3);
  assert.equal(put(12), PUT.ADDED);
  assert.equal(put(13), PUT.REJECTED);
  assert.equal(check().replicaCount, 12);
});

function checksums(): number[] {
  const into = emptyReplicaWords();
  return Array.from({ length: replicaCount(stripe, OFFSET) }, (_, index) => {
    table.read(stripe, OFFSET, { index, into });
    return into.checksumLow;
  });
}

describe("a row", () => {
  test("says whether a replica was added, changed, the same, or did not fit", () => {
    assert.equal(put(1), PUT.ADDED);
    assert.equal(put(1), PUT.SAME);
    assert.equal(put(1, { keys: 6 }), PUT.CHANGED);
    for (let node = 2; node <= REPLICA_COUNT_MAX; node++) assert.equal(put(node), PUT.ADDED);
    assert.equal(put(REPLICA_COUNT_MAX + 1), PUT.REJECTED);
    assert.equal(check().replicaCount, REPLICA_COUNT_MAX);
    assert.equal(put(200, { keys: 7 }), PUT.CHANGED);
  });

  test("frees its overflow blocks one by one as replicas go", () => {
    for (let node = 0; node < 30; node++) put(node, { checksum: node });
    assert.equal(check().overflowBlockCount, 4);
    for (let node = 0; node < 30; node++) {
      assert.equal(table.remove(stripe, OFFSET, (node * 7) % 30), true);
      check();
    }
    assert.equal(table.overflowBlockCount, 0);
    assert.equal(table.remove(stripe, OFFSET, 0), false);
  });
});

describe("data checksums", () => {
  test("stand once in the row when they agree, apart when they differ, nowhere when unknown", () => {
    for (const [node, checksum] of [0, 77, 77, 88, 0, 77].entries()) put(node, { checksum });
    assert.deepEqual(checksums(), [0, 77, 77, 88, 0, 77]);
    assert.equal(table.ownChecksumCount, 1);
    check();
  });

  test("move to the row as replicas are reconciled one after the other", () => {
    for (let node = 0; node < 6; node++) put(node, { checksum: 1 });
    for (let node = 0; node < 6; node++) {
      put(node, { checksum: 2 });
      check();
    }
    assert.deepEqual(checksums(), [2, 2, 2, 2, 2, 2]);
    assert.equal(table.ownChecksumCount, 0);
  });

  test("go with their replica", () => {
    put(1, { checksum: 1 });
    put(2, { checksum: 2 });
    table.remove(stripe, OFFSET, 1);
    put(3, { checksum: 3 });
    assert.deepEqual(checksums(), [2, 3]);
    table.remove(stripe, OFFSET, 2);
    table.remove(stripe, OFFSET, 3);
    assert.equal(table.ownChecksumCount, 0);
    check();
  });
});
