import assert from "node:assert/strict";
import { beforeEach, describe, test } from "node:test";
import { REPLICA_STATE, type ReplicaState } from "../../../../engine/core/enums.js";
import {
  emptyReplicaWords,
  markKnown,
  PUT,
  type Put,
  ReplicaTable,
  type RowSums,
} from "../../../../workers/shard/replica-table.js";
import { createStripe, replicaCount, type Stripe } from "../../../../workers/shard/stripe.js";
import { CONTAINER_ROW, STRIPE_ROWS } from "../../../../workers/shared/container-layout.js";
import {
  allocateReplicaStripe,
  REPLICA_COUNT_MAX,
  REPLICA_ROW,
} from "../../../../workers/shared/replica-layout.js";

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

function usage(): { used: number; sequence: number; keys: number } {
  const view = new DataView(stripe.words.buffer, OFFSET * REPLICA_ROW.rowBytes);
  const { usedBytes, sequenceId, keyCount } = REPLICA_ROW.fields;
  return {
    used: view.getFloat64(usedBytes.offset, true),
    sequence: view.getFloat64(sequenceId.offset, true),
    keys: view.getUint32(keyCount.offset, true),
  };
}

function check(): RowSums {
  const sums = { replicaCount: 0, unknownReplicaCount: 0, overflowBlockCount: 0, ownChecksumCount: 0 };
  table.checkRow(stripe, OFFSET, sums);
  table.checkInvariants(sums);
  return sums;
}

function checksums(): number[] {
  const into = emptyReplicaWords();
  return Array.from({ length: replicaCount(stripe, OFFSET) }, (_, index) => {
    table.read(stripe, OFFSET, { index, into });
    return into.checksumLow;
  });
}

describe("live usage", () => {
  test("takes the largest bytes and keys of usable replicas, and the highest sequence id", () => {
    put(1, { used: 5, sequence: 7, keys: 9 });
    put(2, { used: 2 ** 47, sequence: 2 ** 46, keys: 2 ** 32 - 1 });
    put(3, { used: 4, sequence: 8, keys: 1 });
    assert.deepEqual(usage(), { used: 2 ** 47, sequence: 2 ** 46, keys: 2 ** 32 - 1 });
    check();
  });

  test("looks at no replica that is unhealthy, invalid or deleted (spec 02 §17 case 6)", () => {
    put(1, { used: 6, sequence: 6, keys: 6 });
    for (const state of ["UNHEALTHY", "INVALID"] as const) put(2, { used: 9, sequence: 9, keys: 9, state });
    assert.deepEqual(usage(), { used: 6, sequence: 6, keys: 6 });
    check();
  });

  test("follows the bytes and keys down, but never the sequence id", () => {
    put(1, { used: 9, sequence: 9, keys: 9 });
    put(1, { used: 3, sequence: 3, keys: 3 });
    assert.deepEqual(usage(), { used: 3, sequence: 9, keys: 3 });
    put(2, { used: 1, sequence: 1, keys: 1 });
    table.remove(stripe, OFFSET, 1);
    assert.deepEqual(usage(), { used: 1, sequence: 9, keys: 1 });
    check();
  });

  test("keeps the last values when no usable replica is left", () => {
    put(1, { used: 9, sequence: 9, keys: 9 });
    table.remove(stripe, OFFSET, 1);
    assert.deepEqual(usage(), { used: 9, sequence: 9, keys: 9 });
  });
});

describe("a row", () => {
  test("says whether a replica was added, changed, the same, or did not fit", () => {
    assert.equal(put(1), PUT.ADDED);
    assert.equal(put(1), PUT.SAME);
    assert.equal(put(1, { keys: 6 }), PUT.CHANGED);
    for (let node = 2; node <= REPLICA_COUNT_MAX; node++) assert.equal(put(node), PUT.ADDED);
    assert.equal(put(REPLICA_COUNT_MAX + 1), PUT.FULL);
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

  test("becomes known with all its replicas", () => {
    put(1);
    put(2, { used: 7 });
    assert.equal(check().unknownReplicaCount, 2);
    markKnown(stripe, OFFSET);
    assert.equal(check().unknownReplicaCount, 0);
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
