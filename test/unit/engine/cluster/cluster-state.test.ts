import assert from "node:assert/strict";
import { test } from "node:test";
import { parseReplication, ratis } from "../../../../engine/cluster/containers/replication-config.js";
import type { Operation } from "../../../../engine/cluster/operation.js";
import { NO_SESSION, OPERATION } from "../../../../engine/cluster/operation.js";
import {
  readFailedContainerIds,
  readHash,
  readImportCounts,
  readReservation,
} from "../../../../engine/cluster/operation-result.js";
import { TABLE } from "../../../../engine/cluster/tables.js";
import { TurnBatch } from "../../../../engine/cluster/turn-batch.js";
import { DISK_TABLE_MIN } from "../../../../engine/core/disk-tables.js";
import { ERRORS } from "../../../../engine/core/errors.js";
import { logIndex, term } from "../../../../engine/core/ids.js";
import { type ConfState, nodeId } from "../../../../engine/raft/types.js";
import { AppliedState, flush, MemoryStateStore } from "../../../support/cluster/applied-state.js";
import {
  containerRecord,
  importBatch,
  pipelineRecord,
  seedCluster,
  suppressContainers,
  uuidOf,
} from "../../../support/cluster/builders.js";
import { LONE_CONF_STATE } from "../../../support/raft/lone-voter.js";

const HASH_AT: Operation = { kind: OPERATION.hashAt, session: NO_SESSION };

function reserve(
  sequence: "localId" | "delTxnId" | "containerId" | "CertificateId",
  count: number,
): Operation {
  return { kind: OPERATION.reserveSequence, session: NO_SESSION, sequence, count };
}

function setIntent(
  node: number,
  operationalState: "DECOMMISSIONING" | "IN_SERVICE",
  expirySeconds = 0,
): Operation {
  return {
    kind: OPERATION.setNodeIntent,
    session: NO_SESSION,
    uuid: uuidOf(node),
    operationalState,
    expirySeconds,
  };
}

function seeded(): AppliedState {
  const applied = new AppliedState();
  applied.done(seedCluster());
  return applied;
}

test("the seed fixes cluster id, floors and first local id, once", () => {
  const applied = new AppliedState();
  assert.equal(applied.refused(reserve("localId", 1)), "NOT_READY");
  applied.done(seedCluster());
  applied.done(seedCluster());
  assert.equal(applied.state.clusterId, "CID-test");
  assert.equal(applied.state.importAllowed, true);
  assert.equal(applied.state.sequences.last("localId"), 1n << 57n);
  assert.equal(applied.state.sequences.last("CertificateId"), 2n);
  assert.equal(
    applied.refused({ ...seedCluster(), clusterId: "CID-other" } as Operation),
    "CLUSTER_ID_MISMATCH",
  );
});

test("reservations follow each other without gap or overlap and end before their sequence does", () => {
  const applied = seeded();
  const first = readReservation(applied.done(reserve("localId", 1000)));
  assert.deepEqual(first, { first: (1n << 57n) + 1n, count: 1000 });
  const second = readReservation(applied.done(reserve("localId", 5)));
  assert.equal(second.first, first.first + 1000n);
  assert.equal(readReservation(applied.done(reserve("delTxnId", 1))).first, 1n);
  assert.equal(applied.refused(reserve("delTxnId", 0)), "INVALID_ARGUMENT");
  applied.state.sequences.raise("containerId", BigInt(2 ** 53 - 10));
  assert.equal(applied.refused(reserve("containerId", 10)), "SEQUENCE_EXHAUSTED");
  assert.equal(readReservation(applied.done(reserve("containerId", 9))).first, BigInt(2 ** 53 - 9));
});

test("containers are imported with every field and found again", () => {
  const applied = seeded();
  const records = [
    containerRecord(5, { pipelineId: uuidOf(77), suppressed: true, deleteTransactionId: 3 }),
    containerRecord(70_000, {
      replication: parseReplication("rs-3-2-1024k"),
      owner: "other",
      state: "DELETED",
    }),
    containerRecord(70_001, {
      usedBytes: 2 ** 53 - 1,
      stateEnterTimeMs: 2 ** 48 - 1,
      sequenceId: 2 ** 53 - 1,
    }),
  ];
  assert.deepEqual(readImportCounts(applied.done(importBatch(records))), {
    pipelineCount: 0,
    containerCount: 3,
  });
  for (const record of records) assert.deepEqual(applied.state.containers.get(record.containerId), record);
  assert.equal(applied.state.containers.get(6), undefined);
  assert.equal(applied.state.containers.get(2 ** 50), undefined);
  assert.deepEqual([...applied.stripes.keys()], [0, 1]);
  assert.deepEqual(applied.configNumbers, [1, 2]);
  assert.equal(applied.state.containers.table.counts.suppressed, 1);
});

test("an import without the floors of the old cluster is refused", () => {
  const applied = new AppliedState();
  assert.equal(applied.refused(importBatch([containerRecord(1)])), "IMPORT_FLOOR_MISSING");
  applied.done(seedCluster(false));
  assert.equal(applied.refused(importBatch([containerRecord(1)])), "IMPORT_FLOOR_MISSING");
});

test("an import is all or nothing", () => {
  const applied = seeded();
  applied.done(importBatch([containerRecord(3)]));
  const before = applied.state.containers.table.hash.toString();
  const batch = importBatch([containerRecord(1), containerRecord(3, { keyCount: 99 })], [pipelineRecord(1)]);
  assert.equal(applied.refused(batch), "CONTAINER_ALREADY_EXISTS");
  assert.equal(applied.state.containers.table.hash.toString(), before);
  assert.equal(applied.state.containers.get(1), undefined);
  assert.equal(applied.state.pipelines.count, 0);
});

test("an import ends for good, and only where one was allowed", () => {
  const end: Operation = { kind: OPERATION.endImport, session: NO_SESSION };
  const applied = seeded();
  applied.done(importBatch([containerRecord(3)]));
  applied.done(end);
  assert.equal(applied.state.importAllowed, false);
  assert.equal(applied.refused(end), "IMPORT_ENDED");
  // Not even what is there already.
  assert.equal(applied.refused(importBatch([containerRecord(3)])), "IMPORT_ENDED");
  applied.done(seedCluster());
  assert.equal(applied.refused(importBatch([containerRecord(1)])), "IMPORT_ENDED");
  const other = new AppliedState();
  other.done(seedCluster(false));
  assert.equal(other.refused(end), "IMPORT_FLOOR_MISSING");
});

test("an import can be repeated: equal containers and pipelines are skipped", () => {
  const applied = seeded();
  const batch = importBatch([containerRecord(1), containerRecord(2)], [pipelineRecord(1), pipelineRecord(1)]);
  assert.deepEqual(readImportCounts(applied.done(batch)), { pipelineCount: 1, containerCount: 2 });
  assert.deepEqual(readImportCounts(applied.done(batch)), { pipelineCount: 0, containerCount: 0 });
  const other = importBatch([], [pipelineRecord(1, { state: "CLOSED" })]);
  assert.equal(applied.refused(other), "PIPELINE_ALREADY_EXISTS");
});

test("imported ids ascend and lie within reach of the highest known one", () => {
  const applied = seeded();
  assert.equal(applied.refused(importBatch([containerRecord(2), containerRecord(2)])), "INVALID_ARGUMENT");
  assert.equal(applied.refused(importBatch([containerRecord(0)])), "INVALID_ARGUMENT");
  assert.equal(applied.refused(importBatch([containerRecord(2 ** 40)])), "CONTAINER_ID_TOO_FAR");
  const reach = 4_194_304;
  assert.equal(applied.refused(importBatch([containerRecord(reach + 1)])), "CONTAINER_ID_TOO_FAR");
  assert.deepEqual(applied.stripes.size, 0);
  applied.done(importBatch([containerRecord(reach), containerRecord(2 * reach)]));
  assert.equal(applied.stripes.size, 2);
  assert.equal(applied.refused(importBatch([containerRecord(3 * reach + 1)])), "CONTAINER_ID_TOO_FAR");
});

test("no container id lies at or beyond 2^32, however far the sequence has come", () => {
  const applied = seeded();
  applied.state.sequences.raise("containerId", BigInt(2 ** 32 - 1));
  assert.equal(applied.refused(importBatch([containerRecord(2 ** 32)])), "CONTAINER_ID_TOO_FAR");
  applied.done(importBatch([containerRecord(2 ** 32 - 1)]));
  applied.state.checkInvariants();
});

test("new container ids start above the highest imported one", () => {
  const applied = seeded();
  applied.done(importBatch([containerRecord(10), containerRecord(500)]));
  applied.done(importBatch([containerRecord(20)]));
  assert.equal(readReservation(applied.done(reserve("containerId", 10))).first, 501n);
});

test("an open container needs its pipeline, and one that is not closed", () => {
  const applied = seeded();
  const open = containerRecord(1, { state: "OPEN", pipelineId: pipelineRecord(1).pipelineId });
  assert.equal(applied.refused(importBatch([open])), "PIPELINE_NOT_FOUND");
  const closed = pipelineRecord(1, { state: "CLOSED" });
  assert.equal(applied.refused(importBatch([open], [closed])), "INVALID_ARGUMENT");
  applied.done(importBatch([open], [pipelineRecord(1)]));
  applied.done(importBatch([containerRecord(2, { pipelineId: uuidOf(404) })]));
  applied.done(importBatch([containerRecord(3, { state: "OPEN" })]));
});

test("records that are not sound are refused", () => {
  const applied = seeded();
  const wrong = [
    containerRecord(1, { replication: { ...ratis(3), factor: 2 } }),
    containerRecord(1, { replication: { ...ratis(3), ecData: 3 } }),
    containerRecord(1, { stateEnterTimeMs: 2 ** 48 }),
  ];
  for (const record of wrong) assert.equal(applied.refused(importBatch([record])), "INVALID_ARGUMENT");
  const [first, second] = pipelineRecord(1).members;
  assert.ok(first !== undefined && second !== undefined);
  const wrongMembers = [
    [first],
    [first, second, second],
    [first, second, { ...first, details: { ...first.details, uuid: uuidOf(9) }, replicaIndex: 1 }],
  ];
  for (const members of wrongMembers) {
    assert.equal(applied.refused(importBatch([], [pipelineRecord(1, { members })])), "INVALID_ARGUMENT");
  }
});

test("suppress answers with the ids that do not exist and does the others", () => {
  const applied = seeded();
  applied.done(importBatch([containerRecord(1), containerRecord(2)]));
  const body = applied.done(suppressContainers([1, 7, 2, 2 ** 50, 0]));
  assert.deepEqual(readFailedContainerIds(body), [7, 2 ** 50, 0]);
  assert.equal(applied.state.containers.get(1)?.suppressed, true);
  assert.equal(applied.state.containers.get(2)?.suppressed, true);
  assert.equal(applied.done(suppressContainers([2], false)).length, 0);
  assert.equal(applied.state.containers.get(2)?.suppressed, false);
});

test("an intent replaces the one before, also when only the expiry changes, and is announced", () => {
  const applied = seeded();
  applied.done(setIntent(1, "DECOMMISSIONING"));
  applied.done(setIntent(1, "DECOMMISSIONING", 5));
  applied.done(setIntent(2, "IN_SERVICE"));
  assert.deepEqual(applied.intents.get(uuidOf(1)), { operationalState: "DECOMMISSIONING", expirySeconds: 5 });
  assert.deepEqual(applied.state.intents.get(uuidOf(1)), applied.intents.get(uuidOf(1)));
  assert.equal(applied.state.intents.rows.size, 2);
});

test("intents for more datanodes than slots are refused, for known ones they are not", () => {
  const applied = seeded();
  const results = applied.apply(
    ...Array.from({ length: 65_536 }, (_, node) => setIntent(node, "IN_SERVICE")),
  );
  assert.deepEqual([results[65_534]?.error, results[65_535]?.error], [0, ERRORS.NODE_LIMIT.wire]);
  applied.done(setIntent(1, "DECOMMISSIONING"));
});

test("a dictionary without room refuses the import before anything of it is done", () => {
  const applied = seeded();
  const withOwners = (from: number, count: number): Operation => {
    return importBatch(
      Array.from({ length: count }, (_, at) => containerRecord(from + at, { owner: `om${from + at}` })),
    );
  };
  applied.done(withOwners(1, 65_534));
  assert.equal(applied.refused(withOwners(70_000, 2)), "DICTIONARY_FULL");
  assert.equal(applied.state.containers.get(70_000), undefined);
  applied.done(withOwners(70_000, 1));
  assert.equal(applied.refused(withOwners(70_001, 1)), "DICTIONARY_FULL");
  applied.done(importBatch([containerRecord(80_000, { owner: "om1" })]));
  applied.state.checkInvariants();
});

test("time comes from the batch and never falls", () => {
  const applied = seeded();
  applied.nowMs = 5000;
  const before = applied.state.nowMs;
  applied.apply(HASH_AT);
  assert.equal(applied.state.nowMs, before);
  applied.nowMs = before + 10;
  applied.apply(HASH_AT);
  assert.equal(applied.state.nowMs, before + 10);
});

test("an entry without operations moves the index and nothing else", () => {
  const applied = seeded();
  const before = applied.state.hash();
  applied.state.apply(logIndex(2), term(3), new Uint8Array(0), undefined);
  assert.equal(applied.state.appliedIndex, 2);
  assert.equal(applied.state.appliedTerm, 3);
  assert.equal(applied.state.hash(), before);
  assert.throws(() => applied.state.apply(logIndex(4), term(3), new Uint8Array(0), undefined), /in order/);
  assert.throws(() => applied.state.apply(logIndex(3), term(2), new Uint8Array(0), undefined), /term fell/);
});

test("two instances answer the same entries alike and have the same hash, whenever they flush", () => {
  const a = seeded();
  const b = seeded();
  const store = new MemoryStateStore();
  for (let id = 1; id <= 300; id += 3) {
    for (const applied of [a, b]) {
      applied.done(importBatch([containerRecord(id), containerRecord(id + 1)]));
      applied.done(suppressContainers([id]));
    }
    if (id % 4 === 0) flush(b.state, store);
    assert.equal(readHash(a.done(HASH_AT)), readHash(b.done(HASH_AT)));
  }
  assert.equal(a.state.hash(), b.state.hash());
});

test("hash and content survive flush and load, in another order of rows too", () => {
  const applied = seeded();
  const store = new MemoryStateStore();
  applied.done(importBatch([containerRecord(1), containerRecord(70_000)], [pipelineRecord(1)]));
  applied.done(setIntent(4, "DECOMMISSIONING"));
  applied.done({ kind: OPERATION.openSession, session: NO_SESSION, clientName: "x" });
  // Pages 2, sequences 3, history 3, and one each of sessions, intents, pipelines, owners, configurations and
  // meta.
  assert.equal(flush(applied.state, store), 2 + 3 + 3 + 6);
  const loaded = store.load();
  loaded.state.checkInvariants();
  assert.equal(loaded.state.hash(), applied.state.hash());
  assert.equal(loaded.state.appliedIndex, applied.state.appliedIndex);
  assert.deepEqual(loaded.intents, applied.intents);
  assert.deepEqual([...loaded.stripes.keys()].sort(), [0, 1]);
  assert.deepEqual(loaded.configNumbers, [1]);
  assert.deepEqual(loaded.state.containers.get(70_000), containerRecord(70_000));
  assert.equal(flush(loaded.state, store), 1);
});

test("without any row the state is that of index 0, with the first members", () => {
  const { state } = new MemoryStateStore().load();
  assert.equal(state.appliedIndex, 0);
  assert.deepEqual(state.confState, LONE_CONF_STATE);
  state.checkInvariants();
});

const NO_CONTEXT = new Uint8Array(0);
const JOINT: ConfState = {
  voters: [nodeId(1), nodeId(4), nodeId(2 ** 40)],
  votersOutgoing: [nodeId(1), nodeId(2)],
  learners: [nodeId(7)],
  learnersNext: [nodeId(2)],
  autoLeave: true,
};

test("a change of membership moves the index, is hashed, and survives flush and load", () => {
  const applied = seeded();
  const { appliedIndex } = applied.state;
  const before = applied.state.hash();
  applied.state.applyConfChange(logIndex(appliedIndex + 1), term(3), JOINT, NO_CONTEXT);
  assert.equal(applied.state.appliedIndex, appliedIndex + 1);
  assert.equal(applied.state.appliedTerm, 3);
  assert.notEqual(applied.state.hash(), before);
  const store = new MemoryStateStore();
  flush(applied.state, store);
  const { state } = store.load();
  assert.deepEqual(state.confState, JOINT);
  assert.equal(state.appliedIndex, appliedIndex + 1);
  assert.equal(state.appliedTerm, 3);
  assert.equal(state.hash(), applied.state.hash());
  assert.equal(state.members.configVersion, appliedIndex + 1);
  assert.equal(state.members.nextNodeId, 2 ** 40 + 1);
});

test("each part of the membership counts in the hash", () => {
  const hashes = new Set<string>();
  const variants: Partial<ConfState>[] = [
    {},
    { voters: [nodeId(1)] },
    { votersOutgoing: [] },
    { learners: [nodeId(2)], learnersNext: [nodeId(7)] },
    { autoLeave: false },
  ];
  for (const variant of variants) {
    const { state } = seeded();
    state.applyConfChange(logIndex(state.appliedIndex + 1), term(1), { ...JOINT, ...variant }, NO_CONTEXT);
    hashes.add(state.hash());
  }
  assert.equal(hashes.size, variants.length);
});

test("changes of membership come in the order of the log, too", () => {
  const { state } = seeded();
  const skipping = logIndex(state.appliedIndex + 2);
  assert.throws(() => state.applyConfChange(skipping, term(1), LONE_CONF_STATE, NO_CONTEXT), /in order/);
});

test("a state of another release is refused by name, before any row of it is read", () => {
  const { state } = seeded();
  const store = new MemoryStateStore();
  flush(state, store);
  const [name] = store.rowNames();
  assert.ok(name !== undefined);
  const meta = (store.row(name) as Uint8Array).slice();
  meta[0] = 1;
  store.setRow(name, meta);
  // A row that only the other release could read.
  store.setRow("02", Uint8Array.of(1, 2, 3));
  assert.throws(() => store.load(), {
    code: "STORAGE_FORMAT",
    message: "the stored state has format 1, this release reads 3",
  });
});

test("the meta row is the last of a flush", () => {
  const applied = seeded();
  applied.done(importBatch([containerRecord(1)]));
  const tables: number[] = [];
  const sink = {
    put: (table: number) => tables.push(table) > 0,
    delete: () => true,
    deleteBelow: () => true,
  };
  applied.state.freeze();
  while (!applied.state.drain(sink, 1));
  assert.equal(tables.at(-1), TABLE.meta);
  assert.equal(tables.filter((table) => table === TABLE.meta).length, 1);
});

test("rows that do not fit together are corruption", () => {
  const applied = seeded();
  const store = new MemoryStateStore();
  applied.done(importBatch([containerRecord(1)], [pipelineRecord(1)]));
  applied.done({ kind: OPERATION.openSession, session: NO_SESSION, clientName: "x" });
  flush(applied.state, store);
  for (const name of store.rowNames()) {
    if (Number.parseInt(name.slice(0, 2), 16) >= DISK_TABLE_MIN) continue;
    const row = store.row(name) as Uint8Array;
    store.setRow(name, undefined);
    assert.throws(() => store.load(), { code: "STATE_CORRUPT" }, `without ${name}`);
    for (let at = 0; at < row.length; at += 7) {
      const damaged = row.slice();
      damaged[at]! ^= 0x10;
      store.setRow(name, damaged);
      // Neither format nor place in the log are under the hash: their row has a checksum of its own on disk.
      if (name === "01" && at < 17) continue;
      assert.throws(() => store.load(), { code: "STATE_CORRUPT" }, `${name} byte ${at}`);
    }
    store.setRow(name, row);
  }
  store.load();
});

test("a payload that no batch can have made is corruption of the log", () => {
  const batch = new TurnBatch();
  for (const operation of [seedCluster(), suppressContainers([1, 2])]) batch.add(operation);
  const payload = batch.take(1);
  for (let length = 1; length < payload.length; length++) {
    assert.throws(() => new AppliedState().applyPayload(payload.subarray(0, length)), {
      code: "LOG_CORRUPT",
    });
  }
  const longer = Uint8Array.from([...payload, 0]);
  assert.throws(() => new AppliedState().applyPayload(longer), { code: "LOG_CORRUPT" });
});

test("invariants notice a row that was changed behind the table's back", () => {
  const applied = seeded();
  applied.done(importBatch([containerRecord(1), containerRecord(2)]));
  const bytes = new Uint8Array(applied.stripes.get(0) as SharedArrayBuffer);
  const places = {
    state: 64 + 4,
    flags: 64 + 5,
    configuration: 64 + 6,
    usedBytes: 64 + 33,
    "empty row": 64 * 9 + 40,
  };
  for (const [name, place] of Object.entries(places)) {
    bytes[place]! ^= 1;
    assert.throws(() => applied.state.checkInvariants(), { code: "INVARIANT_BROKEN" }, name);
    bytes[place]! ^= 1;
    applied.state.checkInvariants();
  }
});
