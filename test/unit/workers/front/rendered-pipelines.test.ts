import assert from "node:assert/strict";
import { test } from "node:test";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { uuidHalves } from "../../../../engine/core/uuid.js";
import { BodyReader } from "../../../../protocol/codec/body-reader.js";
import { codecOf } from "../../../../protocol/codec/codec.js";
import {
  type DatanodeDetailsProtoSchema,
  PipelineSchema,
  PipelineState,
  ReplicationFactor,
  ReplicationType,
} from "../../../../protocol/hadoop/generated/hdds_pb.js";
import { encodeMessage } from "../../../../protocol/hadoop/message.js";
import type { DatanodeDetails, PipelineRecord } from "../../../../protocol/schema/records.js";
import { PIPELINE } from "../../../../protocol/schema/records.js";
import { knownPipelines, RenderedPipeline } from "../../../../workers/front/rendered-pipelines.js";
import { RATIS_THREE, uuidOf } from "../../../support/records.js";

/** What spec 12 §4 says of these records, written out with the generated code. */

const PORTS = ["RATIS", "STANDALONE", "REST", "RATIS_DATASTREAM", "REPLICATION", "FROM_A_LATER_RELEASE"];

function detailsOf(number: number): DatanodeDetails {
  return {
    uuid: uuidOf(number),
    ipAddress: `10.0.0.${number}`,
    hostName: `dn${number}`,
    ports: PORTS.map((name, i) => ({ name, value: 9000 + i })),
    certSerialId: "12345678901234567890",
    networkName: uuidOf(number),
    networkLocation: "/default-rack",
    level: 3,
    persistedOpState: "IN_SERVICE",
    persistedOpStateExpiry: 0,
    currentVersion: 3,
    version: "2.2.0",
    setupTime: 1,
    revision: "abc",
  };
}

function wireUuid(number: number): { mostSigBits: bigint; leastSigBits: bigint } {
  const { mostSignificant, leastSignificant } = uuidHalves(uuidOf(number));
  return {
    mostSigBits: BigInt.asIntN(64, mostSignificant),
    leastSigBits: BigInt.asIntN(64, leastSignificant),
  };
}

function wireDetailsOf(
  number: number,
  ports: readonly string[],
): MessageInitShape<typeof DatanodeDetailsProtoSchema> {
  return {
    uuid: uuidOf(number),
    ipAddress: `10.0.0.${number}`,
    hostName: `dn${number}`,
    ports: ports.map((name) => ({ name, value: 9000 + PORTS.indexOf(name) })),
    certSerialId: "12345678901234567890",
    networkName: uuidOf(number),
    networkLocation: "/default-rack",
    persistedOpState: 1,
    persistedOpStateExpiry: 0n,
    currentVersion: 3,
    uuid128: wireUuid(number),
    level: 3,
    id: { uuid: wireUuid(number) },
  };
}

const RATIS: PipelineRecord = {
  pipelineId: uuidOf(0xfee1),
  replication: RATIS_THREE,
  state: "OPEN",
  members: [1, 2, 3].map((number) => ({ details: detailsOf(number), replicaIndex: 0 })),
  leaderId: uuidOf(2),
  suggestedLeaderId: uuidOf(3),
  creationTimeMs: 1_792_000_000_123,
  stateEnterTimeMs: 1_792_000_000_456,
};

const WIRE_ID = { id: uuidOf(0xfee1), uuid128: wireUuid(0xfee1) };

test("a RATIS pipeline has every field that the reference sets, and no other", () => {
  const expected = encodeMessage(PipelineSchema, {
    members: [1, 2, 3].map((number) => wireDetailsOf(number, PORTS)),
    state: PipelineState.PIPELINE_OPEN,
    type: ReplicationType.RATIS,
    factor: ReplicationFactor.THREE,
    id: WIRE_ID,
    leaderID: uuidOf(2),
    creationTimeStamp: 1_792_000_000_123n,
    memberReplicaIndexes: [0, 0, 0],
    leaderDatanodeID: { uuid: wireUuid(2) },
    suggestedLeaderDatanodeID: { uuid: wireUuid(3) },
  });
  assert.deepEqual(new RenderedPipeline(RATIS).bytes("all"), expected);
});

test("an EC pipeline has its configuration in place of a factor, indexes, and an empty leader", () => {
  const { leaderId: _, suggestedLeaderId: __, ...rest } = RATIS;
  const ec: PipelineRecord = {
    ...rest,
    replication: { type: "EC", factor: 5, ecData: 3, ecParity: 2, ecChunkBytes: 1_048_576, ecCodec: "rs" },
    members: [5, 4, 3, 2, 1].map((number) => ({ details: detailsOf(number), replicaIndex: 6 - number })),
  };
  const expected = encodeMessage(PipelineSchema, {
    members: [5, 4, 3, 2, 1].map((number) => wireDetailsOf(number, PORTS)),
    state: PipelineState.PIPELINE_OPEN,
    type: ReplicationType.EC,
    id: WIRE_ID,
    leaderID: "",
    creationTimeStamp: 1_792_000_000_123n,
    memberReplicaIndexes: [1, 2, 3, 4, 5],
    ecReplicationConfig: { data: 3, parity: 2, codec: "rs", ecChunkSize: 1_048_576 },
  });
  assert.deepEqual(new RenderedPipeline(ec).bytes("all"), expected);
});

test("ports are left out by the call and by the client's version, unknown ones are handed on", () => {
  const one = { ...RATIS, members: RATIS.members.slice(0, 1) };
  const portsOf = (choice: Parameters<RenderedPipeline["bytes"]>[0]): Uint8Array =>
    new RenderedPipeline(one).bytes(choice);
  const expected = (ports: readonly string[]): Uint8Array =>
    encodeMessage(PipelineSchema, {
      members: [wireDetailsOf(1, ports)],
      state: PipelineState.PIPELINE_OPEN,
      type: ReplicationType.RATIS,
      factor: ReplicationFactor.THREE,
      id: WIRE_ID,
      leaderID: uuidOf(2),
      creationTimeStamp: 1_792_000_000_123n,
      memberReplicaIndexes: [0],
      leaderDatanodeID: { uuid: wireUuid(2) },
      suggestedLeaderDatanodeID: { uuid: wireUuid(3) },
    });
  assert.deepEqual(portsOf("all"), expected(PORTS));
  assert.deepEqual(portsOf("oldest"), expected(["RATIS", "STANDALONE", "REST"]));
  assert.deepEqual(portsOf("io"), expected(["RATIS", "STANDALONE", "RATIS_DATASTREAM"]));
  assert.deepEqual(portsOf("oldestIo"), expected(["RATIS", "STANDALONE"]));
});

test("details that a datanode did not tell are absent, but for its version and state", () => {
  const bare = { uuid: uuidOf(9), ipAddress: "10.0.0.9", hostName: "dn9", ports: [] };
  const pipeline = { ...RATIS, members: [{ details: bare, replicaIndex: 0 }] };
  const expected = encodeMessage(PipelineSchema, {
    members: [
      {
        uuid: uuidOf(9),
        ipAddress: "10.0.0.9",
        hostName: "dn9",
        persistedOpState: 1,
        persistedOpStateExpiry: 0n,
        currentVersion: 1,
        uuid128: wireUuid(9),
        id: { uuid: wireUuid(9) },
      },
    ],
    state: PipelineState.PIPELINE_OPEN,
    type: ReplicationType.RATIS,
    factor: ReplicationFactor.THREE,
    id: WIRE_ID,
    leaderID: uuidOf(2),
    creationTimeStamp: 1_792_000_000_123n,
    memberReplicaIndexes: [0],
    leaderDatanodeID: { uuid: wireUuid(2) },
    suggestedLeaderDatanodeID: { uuid: wireUuid(3) },
  });
  assert.deepEqual(new RenderedPipeline(pipeline).bytes("all"), expected);
});

test("a pipeline is rendered again when one byte of it is another, and only then", () => {
  const known = knownPipelines();
  const reader = new BodyReader();
  const read = (record: PipelineRecord): RenderedPipeline => {
    // Between other values, as in an answer.
    const encoded = Buffer.concat([
      Buffer.from([1]),
      codecOf(PIPELINE).encodeValue(record),
      Buffer.from([2]),
    ]);
    reader.begin(encoded, 0, encoded.length);
    assert.equal(reader.wholeNumber(0, 9), 1);
    const rendered = known.read(reader, encoded);
    assert.equal(reader.wholeNumber(0, 9), 2);
    reader.finish();
    return rendered;
  };
  const first = read(RATIS);
  assert.deepEqual(first.record, RATIS);
  assert.equal(read({ ...RATIS }), first);
  const closed = read({ ...RATIS, state: "CLOSED" });
  assert.notEqual(closed, first);
  assert.equal(closed.record.state, "CLOSED");
  assert.deepEqual(read({ ...RATIS, pipelineId: uuidOf(1) }).record.pipelineId, uuidOf(1));
  assert.equal(read({ ...RATIS, state: "CLOSED" }), closed);
});
