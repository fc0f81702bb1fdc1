import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  parseReplication,
  ratis,
  standAlone,
} from "../../../../engine/cluster/containers/replication-config.js";
import { PROVING_REPLICA_STATE } from "../../../../engine/cluster/containers/resurrection.js";
import type { Operation } from "../../../../engine/cluster/operation.js";
import { OPERATION, OPERATION_VERSION } from "../../../../engine/cluster/operation.js";
import {
  OPERATION_HEADER_BYTES,
  readOperation,
  writeOperation,
} from "../../../../engine/cluster/operation-codec.js";
import { SETTABLE_PIPELINE_STATE } from "../../../../engine/cluster/pipelines/pipeline-state.js";
import { SEQUENCE } from "../../../../engine/cluster/sequence/sequence-table.js";
import { ByteReader } from "../../../../engine/core/byte-reader.js";
import { ByteWriter } from "../../../../engine/core/byte-writer.js";
import {
  CONTAINER_EVENT,
  CONTAINER_STATE,
  OPERATIONAL_STATE,
  PIPELINE_STATE,
  REPLICA_STATE,
} from "../../../../engine/core/enums.js";
import type { Uuid } from "../../../../engine/core/uuid.js";

const count = fc.maxSafeNat();
const text = fc.string({ unit: "grapheme", maxLength: 20 });
const uuid = fc.uuid().map((value) => value as Uuid);
const optional = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> =>
  fc.option(arbitrary, { nil: undefined });

function nameIn<T extends Readonly<Record<string, number>>>(table: T): fc.Arbitrary<keyof T & string> {
  return fc.constantFrom(...Object.keys(table));
}

/** Leaves out what is undefined: an absent field is data. */
function present<T extends object>(record: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  const entries = Object.entries(record).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as { [K in keyof T]: Exclude<T[K], undefined> };
}

const session = fc.record({ sessionId: count, sequence: count, ackedSequence: count });
const replication = fc.constantFrom(
  ratis(1),
  ratis(3),
  standAlone(1),
  parseReplication("rs-6-3-1024k"),
  parseReplication("xor-2-1-1000"),
);
const details = fc
  .record({
    uuid,
    ipAddress: text,
    hostName: text,
    ports: fc.array(fc.record({ name: text, value: fc.nat(65_535) }), { maxLength: 4 }),
    certSerialId: optional(text),
    networkName: optional(text),
    networkLocation: optional(text),
    level: optional(fc.nat(65_535)),
    persistedOpState: optional(nameIn(OPERATIONAL_STATE)),
    persistedOpStateExpiry: optional(fc.maxSafeInteger()),
    currentVersion: optional(fc.maxSafeInteger()),
    version: optional(text),
    setupTime: optional(count),
    revision: optional(text),
  })
  .map(present);
const port = fc.nat(65_535);
const members = fc.array(fc.record({ details, replicaIndex: fc.nat(255) }), { maxLength: 3 });
const pipeline = fc
  .record({
    pipelineId: uuid,
    replication,
    state: nameIn(PIPELINE_STATE),
    members,
    leaderId: optional(uuid),
    suggestedLeaderId: optional(uuid),
    creationTimeMs: count,
    stateEnterTimeMs: count,
  })
  .map(present);
const container = fc
  .record({
    containerId: count,
    state: nameIn(CONTAINER_STATE),
    replication,
    pipelineId: optional(uuid),
    owner: text,
    usedBytes: count,
    keyCount: count,
    sequenceId: count,
    deleteTransactionId: count,
    stateEnterTimeMs: count,
    suppressed: fc.boolean(),
  })
  .map(present);

const operation = fc.oneof(
  fc.record({
    kind: fc.constant(OPERATION.seedCluster),
    session,
    clusterId: text,
    importAllowed: fc.boolean(),
    localIdFloor: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
    termFloor: count,
  }),
  fc.record({ kind: fc.constant(OPERATION.openSession), session, clientName: text }),
  fc.record({
    kind: fc.constant(OPERATION.importBatch),
    session,
    pipelines: fc.array(pipeline, { maxLength: 3 }),
    containers: fc.array(container, { maxLength: 5 }),
  }),
  fc.record({
    kind: fc.constant(OPERATION.suppressContainers),
    session,
    suppress: fc.boolean(),
    containerIds: fc.array(count, { maxLength: 5 }),
  }),
  fc.record({
    kind: fc.constant(OPERATION.setNodeIntent),
    session,
    uuid,
    operationalState: nameIn(OPERATIONAL_STATE),
    expirySeconds: fc.maxSafeInteger(),
  }),
  fc.record({
    kind: fc.constant(OPERATION.reserveSequence),
    session,
    sequence: nameIn(SEQUENCE),
    count: fc.nat(0xffff_ffff),
  }),
  fc.record({ kind: fc.constant(OPERATION.hashAt), session }),
  fc.record({ kind: fc.constant(OPERATION.endImport), session }),
  fc.record({
    kind: fc.constant(OPERATION.transitionContainer),
    session,
    containerId: count,
    event: nameIn(CONTAINER_EVENT),
    sequenceId: count,
    usedBytes: count,
    keyCount: count,
  }),
  fc.record({
    kind: fc.constant(OPERATION.setMember),
    session,
    member: fc.record({
      nodeId: fc.integer({ min: 1, max: 2 ** 52 }),
      scmId: uuid,
      name: text,
      host: text.filter((host) => host !== ""),
      ports: fc.record({
        raft: port,
        strata: port,
        http: port,
        client: port,
        datanode: port,
        block: port,
        security: port,
      }),
    }),
  }),
  fc.record({
    kind: fc.constant(OPERATION.newGroup),
    session,
    skipped: fc.record({ localId: count, delTxnId: count, containerId: count, CertificateId: count }),
    skippedSessionIds: count,
    skippedNodeIds: count,
  }),
  fc.record({
    kind: fc.constant(OPERATION.resurrectContainer),
    session,
    containerId: count,
    replicaState: nameIn(PROVING_REPLICA_STATE),
    sequenceId: count,
    usedBytes: count,
    keyCount: count,
  }),
  fc
    .record({
      kind: fc.constant(OPERATION.createPipeline),
      session,
      pipeline: fc
        .record({ pipelineId: uuid, replication, members, suggestedLeaderId: optional(uuid) })
        .map(present),
      containerOwner: optional(text),
    })
    .map(present),
  fc
    .record({
      kind: fc.constant(OPERATION.setPipelineState),
      session,
      pipelineId: uuid,
      state: nameIn(SETTABLE_PIPELINE_STATE),
      leaderId: optional(uuid),
    })
    .map(present),
  fc.record({
    kind: fc.constant(OPERATION.closePipeline),
    session,
    pipelineId: uuid,
    containers: fc.array(
      fc.record({ containerId: count, sequenceId: count, usedBytes: count, keyCount: count }),
      { maxLength: 4 },
    ),
  }),
  fc.record({ kind: fc.constant(OPERATION.removePipeline), session, pipelineId: uuid }),
  fc.record({
    kind: fc.constant(OPERATION.createContainers),
    session,
    pipelineId: uuid,
    owner: text,
    count: fc.nat(),
  }),
) as fc.Arbitrary<Operation>;

function encode(value: Operation): Uint8Array {
  const writer = new ByteWriter(16);
  writeOperation(writer, value);
  return writer.take();
}

test("every operation comes back from its bytes as it was, absent fields absent", () => {
  fc.assert(
    fc.property(operation, (value) => {
      // fast-check makes objects without a prototype.
      assert.deepEqual(readOperation(new ByteReader(encode(value))), structuredClone(value));
    }),
  );
});

test("bytes that are cut off or damaged end in RangeError or in another operation", () => {
  fc.assert(
    fc.property(operation, fc.nat(), fc.nat(255), (value, place, byte) => {
      const bytes = encode(value);
      const damaged = bytes.slice();
      damaged[place % bytes.length] = byte;
      for (const input of [bytes.subarray(0, place % bytes.length), damaged]) {
        try {
          readOperation(new ByteReader(input));
        } catch (error) {
          assert.ok(error instanceof RangeError, String(error));
        }
      }
    }),
  );
});

test("a number that no operation has, and a version that this release does not know, are RangeErrors", () => {
  const bytes = encode({ kind: OPERATION.hashAt, session: { sessionId: 0, sequence: 0, ackedSequence: 0 } });
  const withByte = (at: number, value: number): ByteReader => {
    const changed = bytes.slice();
    changed[at] = value;
    return new ByteReader(changed);
  };
  assert.throws(() => readOperation(withByte(0, 200)), RangeError);
  assert.throws(() => readOperation(withByte(2, 9)), RangeError);
});

test("a container is resurrected by a replica that can hold data, and by nothing else", () => {
  const session = { sessionId: 0, sequence: 0, ackedSequence: 0 };
  const figures = { sequenceId: 70, usedBytes: 700, keyCount: 7 };
  const kind = OPERATION.resurrectContainer;
  const bytes = encode({ kind, session, containerId: 1, replicaState: "CLOSED", ...figures });
  const at = OPERATION_HEADER_BYTES + 8;
  assert.equal(bytes[at], REPLICA_STATE.CLOSED);
  for (const [state, number] of Object.entries(REPLICA_STATE)) {
    bytes[at] = number;
    if (state === "INVALID" || state === "DELETED") {
      assert.throws(() => readOperation(new ByteReader(bytes)), RangeError);
    } else {
      const operation = readOperation(new ByteReader(bytes));
      assert.ok(operation.kind === kind && operation.replicaState === state);
    }
  }
});

test("numbers of operations and sequences stand in logs on disk and stay as they are", () => {
  assert.deepEqual(OPERATION, {
    seedCluster: 1,
    openSession: 2,
    importBatch: 3,
    suppressContainers: 4,
    setNodeIntent: 5,
    reserveSequence: 6,
    hashAt: 7,
    transitionContainer: 8,
    setMember: 9,
    newGroup: 10,
    resurrectContainer: 11,
    createPipeline: 12,
    setPipelineState: 13,
    closePipeline: 14,
    removePipeline: 15,
    createContainers: 16,
    endImport: 20,
  });
  assert.deepEqual(Object.keys(OPERATION_VERSION).map(Number), Object.values(OPERATION));
  assert.deepEqual(SEQUENCE, { localId: 1, delTxnId: 2, containerId: 3, CertificateId: 4 });
});
