import assert from "node:assert/strict";
import { randomInt } from "node:crypto";
import { test } from "node:test";
import { nameOf, REPLICA_STATE } from "../../../../../engine/core/enums.js";
import { StrataError } from "../../../../../engine/core/errors.js";
import { SeededRandom } from "../../../../../engine/core/random.js";
import { randomUuid, type Uuid } from "../../../../../engine/core/uuid.js";
import type { ReportRows } from "../../../../../protocol/client/report-source.js";
import { type ReportRow, readReportRows } from "../../../../../protocol/codec/report-rows.js";
import {
  type ContainerReplicaProto,
  ContainerReplicaProtoSchema,
  ContainerReportsProtoSchema,
} from "../../../../../protocol/hadoop/generated/datanode_pb.js";
import { decodeMessage, encodeMessage } from "../../../../../protocol/hadoop/message.js";
import { ProtoReader } from "../../../../../protocol/hadoop/proto-reader.js";
import { ReplicaRowReader } from "../../../../../workers/front/datanode/replica-rows.js";

/** To replay a failed run, put the seed of its test name here. */
const REPLAY_SEED: number | undefined = undefined;
const SEED = REPLAY_SEED ?? randomInt(2 ** 31);
const UNLIMITED = 2 ** 40;
const NO_ORIGIN = "00000000-0000-0000-0000-000000000000";
const PATH = "sendHeartbeatRequest.containerReport.reports";
/** Fields that no release has, of every wire type; a message as it was of another one's number. */
const UNKNOWN_FIELDS = [
  "a80601",
  "a90601020304050607 08",
  "aa0603010203",
  "ad0601020304",
  "ab06a80601ac06",
  "1a00",
];
const EDGES = [
  0n,
  1n,
  127n,
  128n,
  2n ** 32n,
  2n ** 48n - 1n,
  2n ** 48n,
  2n ** 53n,
  2n ** 63n - 1n,
  -1n,
  -(2n ** 63n),
];

type Fields = Partial<
  Pick<ContainerReplicaProto, "containerID" | "state" | "used" | "keyCount" | "readCount">
> &
  Partial<Pick<ContainerReplicaProto, "originNodeId" | "replicaIndex" | "isEmpty" | "dataChecksum">> &
  Partial<Pick<ContainerReplicaProto, "blockCommitSequenceId" | "finalhash">>;

test("every field of a replica comes into its row", () => {
  const origin = "0A1B2C3D-4e5f-6071-8293-a4b5c6d7e8f9";
  const message = reports({
    containerID: 7n,
    state: 4,
    used: 5_000_000_000n,
    keyCount: 12n,
    readCount: 3n,
    blockCommitSequenceId: 99n,
    originNodeId: origin,
    replicaIndex: 3,
    isEmpty: true,
    dataChecksum: -2n,
  });
  assert.deepEqual(full(message), [
    {
      containerId: 7,
      state: "CLOSED",
      usedBytes: 5_000_000_000,
      keyCount: 12,
      sequenceId: 99,
      originNodeId: origin.toLowerCase(),
      replicaIndex: 3,
      isEmpty: true,
      dataChecksum: 2n ** 64n - 2n,
    },
  ]);
});

test(`whatever a report says, its rows are those of the generated reader (seed ${SEED})`, () => {
  const random = new SeededRandom(SEED);
  const rows = reader();
  for (let round = 0; round < 400; round++) {
    const origins = Array.from({ length: 1 + random.below(300) }, () => randomUuid(random));
    const replicas = Array.from({ length: random.below(40) }, () => randomReplica(random, origins));
    const message = concat(replicas.map((replica) => field(1, mixed(replica, random))));
    const range = [3, 3 + message.length];
    const padded = concat([Uint8Array.of(1, 2, 3), message, Uint8Array.of(0xff)]);
    const expected = replicas.map(expectedRow).filter((row) => row !== undefined);
    const incremental = rows.readIncremental(padded, range, PATH, UNLIMITED);
    assert(incremental !== undefined);
    assert.deepEqual(rowsOf(incremental), expected, `round ${round}`);
    const last = new Map(expected.map((row) => [row.containerId, row]));
    const ascending = [...last.values()].sort((a, b) => a.containerId - b.containerId);
    const report = rows.readFull(padded, range, PATH, UNLIMITED);
    assert(report !== undefined);
    assert.deepEqual(rowsOf(report), ascending, `round ${round}`);
  }
});

test("numbers may be written longer than they must be; the last state that is one counts", () => {
  for (let length = 1; length <= 10; length++) {
    const message = concat([
      Uint8Array.of(0x08, ...long(7, length)),
      Uint8Array.of(0x10, ...long(4, length)),
      Uint8Array.of(0x10, ...long(99, length)),
      Uint8Array.of(0x10, ...long(0, length)),
      Uint8Array.of(0x20, ...long(127, length)),
      Uint8Array.of(0x28, ...long(1, length)),
      Uint8Array.of(0x70, ...long(2, length)),
      Uint8Array.of(0x78, ...long(1, length)),
    ]);
    const row = expectedRow(message);
    assert.equal(row?.state, "CLOSED");
    assert.deepEqual(full(field(1, message)), [row], `${length} bytes`);
  }
});

test("reports of several messages are one, in order", () => {
  const first = reports({ containerID: 5n, state: 1 }, { containerID: 9n, state: 1 });
  const second = reports({ containerID: 5n, state: 4 }, { containerID: 1n, state: 2 });
  const ranges = [0, first.length, first.length, first.length + second.length];
  const states = (rows: ReportRows | undefined): unknown => {
    assert(rows !== undefined);
    return rowsOf(rows).map(({ containerId, state }) => [containerId, state]);
  };
  const message = concat([first, second]);
  assert.deepEqual(states(reader().readFull(message, ranges, PATH, UNLIMITED)), [
    [1, "CLOSING"],
    [5, "CLOSED"],
    [9, "OPEN"],
  ]);
  assert.deepEqual(states(reader().readIncremental(message, ranges, PATH, UNLIMITED)), [
    [5, "OPEN"],
    [9, "OPEN"],
    [5, "CLOSED"],
    [1, "CLOSING"],
  ]);
});

test("the order of many ids is right, whatever their size", () => {
  const random = new SeededRandom(SEED);
  for (const bits of [8, 12, 31, 33, 53]) {
    const ids = Array.from({ length: 5000 }, () => 1 + Math.floor(random.fraction() * (2 ** bits - 1)));
    const message = concat(
      ids.map((id) => reports({ containerID: BigInt(id), state: 1, dataChecksum: BigInt(id) })),
    );
    const rows = full(message);
    const expected = [...new Set(ids)].sort((a, b) => a - b);
    assert.deepEqual(
      rows.map(({ containerId, dataChecksum }) => [containerId, Number(dataChecksum)]),
      expected.map((id) => [id, id]),
    );
  }
});

test("rows have room for checksums only when there are some", () => {
  const rows = reader();
  const without = reports({ containerID: 1n, state: 1 }, { containerID: 2n, state: 1, dataChecksum: 0n });
  const late = concat([without, reports({ containerID: 3n, state: 4, dataChecksum: 77n })]);
  const rowBytes = (message: Uint8Array): unknown =>
    rows.readFull(message, [0, message.length], PATH, UNLIMITED)?.rowBytes;
  assert.deepEqual(
    [rowBytes(without), rowBytes(late), rowBytes(without), rowBytes(without)],
    [32, 40, 40, 32],
  );
  assert.deepEqual(
    full(late, rows).map(({ dataChecksum }) => dataChecksum),
    [0n, 0n, 77n],
  );
});

test("what cannot be in a row is mended or left out, and counted", () => {
  const rows = reader();
  const message = reports(
    { containerID: -1n, state: 1 },
    { containerID: 0n, state: 1 },
    { containerID: 2n ** 53n, state: 1 },
    { containerID: 2n ** 53n - 1n, state: 1, used: -5n, keyCount: 2n ** 40n, replicaIndex: 15 },
  );
  assert.deepEqual(
    full(message, rows).map((row) => [row.containerId, row.usedBytes, row.keyCount, row.replicaIndex]),
    [[2 ** 53 - 1, 0, 2 ** 32 - 1, 0]],
  );
  assert.deepEqual(rows.counters, { replicas: 4, leftOut: 3, mended: 3, sorted: 0 });
});

test("an origin that is none, or one too many, counts as not known", () => {
  const random = new SeededRandom(SEED);
  const origins = Array.from({ length: 10_000 }, () => randomUuid(random));
  const message = concat(
    origins.map((originNodeId, at) => reports({ containerID: BigInt(at + 1), state: 1, originNodeId })),
  );
  const rows = reader();
  const seen = full(message, rows).map(({ originNodeId }) => originNodeId);
  assert.deepEqual(seen.slice(0, 8191), origins.slice(0, 8191));
  assert.deepEqual(new Set(seen.slice(8191)), new Set([NO_ORIGIN]));
  for (const text of [
    "",
    "x".repeat(36),
    "0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9x",
    "0a1b2c3d04e5f-6071-8293-a4b5c6d7e8f",
  ]) {
    assert.deepEqual(
      full(reports({ containerID: 1n, state: 1, originNodeId: text }), rows)[0]?.originNodeId,
      NO_ORIGIN,
    );
  }
});

test("what an earlier report had in an origin's place is not this one's", () => {
  const origin = "0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9";
  const rows = reader();
  const origins = (message: Uint8Array) => full(message, rows).map(({ originNodeId }) => originNodeId);
  const known: Fields = { containerID: 1n, state: 4, originNodeId: origin };
  assert.deepEqual(origins(reports(known)), [origin]);
  const unknown: Fields = { containerID: 1n, state: 4 };
  assert.deepEqual(origins(reports(unknown, { ...known, containerID: 2n })), [NO_ORIGIN, origin]);
});

test("missing required fields are told in the words of Java", () => {
  const rows = reader();
  const refusal = (...hex: string[]): string => {
    const message = Buffer.concat(hex.map((each) => field(1, Buffer.from(each, "hex"))));
    return messageOf(() => rows.readFull(message, [0, message.length], PATH, UNLIMITED));
  };
  assert.equal(refusal("08011001", "0801"), `Message missing required fields: ${PATH}[1].state`);
  assert.equal(refusal("1001"), `Message missing required fields: ${PATH}[0].containerID`);
  assert.equal(refusal("2001"), `Message missing required fields: ${PATH}[0].containerID, ${PATH}[0].state`);
  // A state that this release does not know is none (spec 12 §1).
  assert.equal(refusal("08011008"), `Message missing required fields: ${PATH}[0].state`);
  const second = reports({ containerID: 1n, state: 1 });
  const message = concat([second, Uint8Array.of(0x0a, 0x02, 0x08, 0x01)]);
  assert.equal(
    messageOf(() =>
      rows.readIncremental(
        message,
        [0, second.length, second.length, message.length],
        "sendHeartbeatRequest.incrementalContainerReport",
        UNLIMITED,
      ),
    ),
    "Message missing required fields: sendHeartbeatRequest.incrementalContainerReport[1].report[0].state",
  );
});

test("a report that is cut off anywhere is refused or means what came of it", () => {
  const replica = randomReplica(new SeededRandom(SEED), ["0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9" as Uuid]);
  const whole = field(1, replica);
  for (let length = 1; length < whole.length; length++) {
    const rows = reader();
    assert.throws(() => rows.readFull(whole.subarray(0, length), [0, length], PATH, UNLIMITED), isMalformed);
    // The same with a length that tells the truth: only whole fields may pass.
    const cut = field(1, replica.subarray(0, length - 1));
    try {
      const read = rows.readFull(cut, [0, cut.length], PATH, UNLIMITED);
      assert.deepEqual(read && rowsOf(read), [expectedRow(replica.subarray(0, length - 1))].filter(Boolean));
    } catch (error) {
      assert(error instanceof StrataError);
    }
  }
});

test("a report of more rows than may be held is not read to its end", () => {
  const message = concat(
    Array.from({ length: 100 }, (_, at) => reports({ containerID: BigInt(at + 1), state: 1 })),
  );
  const rows = reader();
  assert.equal(rows.readFull(message, [0, message.length], PATH, 49 * 32), undefined);
  assert.equal(rows.counters.replicas, 50);
  assert.equal(rows.readIncremental(message, [0, message.length], PATH, 49 * 32), undefined);
  assert.equal(full(message, rows).length, 100);
});

function reports(...replicas: Fields[]): Uint8Array {
  return encodeMessage(ContainerReportsProtoSchema, { reports: replicas });
}

function reader(): ReplicaRowReader {
  return new ReplicaRowReader(new SeededRandom(1));
}

function full(message: Uint8Array, rows = reader()): Required<ReportRow>[] {
  const report = rows.readFull(message, [0, message.length], PATH, UNLIMITED);
  assert(report !== undefined);
  return rowsOf(report);
}

function rowsOf({ rowBytes, rows, origins }: ReportRows): Required<ReportRow>[] {
  return [...readReportRows(rows, rowBytes, origins)];
}

/** A message of random fields. */
function randomReplica(random: SeededRandom, origins: readonly Uuid[]): Uint8Array {
  const maybe = <T>(value: T): T | undefined => (random.below(3) === 0 ? undefined : value);
  const number = (): bigint =>
    random.below(4) === 0 ? (EDGES[random.below(EDGES.length)] as bigint) : BigInt(random.below(2 ** 31));
  const fields = {
    containerID: random.below(10) === 0 ? number() : BigInt(1 + random.below(60)),
    state: 1 + random.below(7),
    used: maybe(number()),
    keyCount: maybe(number()),
    readCount: maybe(number()),
    finalhash: maybe("hash"),
    blockCommitSequenceId: maybe(BigInt.asUintN(64, number())),
    originNodeId: maybe(origins[random.below(origins.length)]),
    replicaIndex: maybe(random.below(20) - 3),
    isEmpty: maybe(random.below(2) === 0),
    dataChecksum: maybe(number()),
  };
  const sent = Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
  return encodeMessage(ContainerReplicaProtoSchema, sent as never);
}

/** The same message with its fields in any order, and unknown ones between them. */
function mixed(message: Uint8Array, random: SeededRandom): Uint8Array {
  const pieces: Uint8Array[] = [];
  const fields = new ProtoReader("test");
  fields.begin(message, 0, message.length);
  while (fields.hasMore()) {
    const start = fields.position;
    fields.skip(fields.tag());
    pieces.splice(random.below(pieces.length + 1), 0, message.subarray(start, fields.position));
  }
  while (random.below(2) === 0) {
    const unknown = UNKNOWN_FIELDS[random.below(UNKNOWN_FIELDS.length)] as string;
    pieces.splice(random.below(pieces.length + 1), 0, Buffer.from(unknown.replaceAll(" ", ""), "hex"));
  }
  return concat(pieces);
}

/** A number below 128 as a varint of `length` bytes. */
function long(value: number, length: number): number[] {
  return Array.from({ length }, (_, at) => (at === 0 ? value : 0) | (at === length - 1 ? 0 : 0x80));
}

/** Undefined when the replica has no place in a table. */
function expectedRow(message: Uint8Array): Required<ReportRow> | undefined {
  const replica = decodeMessage(ContainerReplicaProtoSchema, message);
  const { containerID, originNodeId, replicaIndex } = replica;
  if (containerID < 1n || containerID >= 2n ** 53n) return undefined;
  const state = nameOf(REPLICA_STATE, replica.state);
  assert(state !== undefined);
  return {
    containerId: Number(containerID),
    usedBytes: within(replica.used, 2n ** 48n - 1n),
    sequenceId: within(BigInt.asIntN(64, replica.blockCommitSequenceId), 2n ** 48n - 1n),
    keyCount: within(replica.keyCount, 2n ** 32n - 1n),
    originNodeId: (originNodeId === "" ? NO_ORIGIN : originNodeId) as Uuid,
    state,
    isEmpty: replica.isEmpty,
    replicaIndex: replicaIndex < 0 || replicaIndex > 14 ? 0 : replicaIndex,
    dataChecksum: BigInt.asUintN(64, replica.dataChecksum),
  };
}

function within(value: bigint, maximum: bigint): number {
  return Number(value < 0n ? 0n : value > maximum ? maximum : value);
}

function field(number: number, message: Uint8Array): Uint8Array {
  const length: number[] = [];
  for (let rest = message.length; ; rest >>>= 7) {
    length.push(rest < 0x80 ? rest : (rest & 0x7f) | 0x80);
    if (rest < 0x80) break;
  }
  return concat([Uint8Array.of(number * 8 + 2, ...length), message]);
}

function concat(parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}

function messageOf(call: () => unknown): string {
  try {
    call();
  } catch (error) {
    assert(error instanceof StrataError);
    return error.message;
  }
  return "no error";
}

function isMalformed(error: unknown): boolean {
  return error instanceof StrataError && error.code === "PROTOBUF_MALFORMED";
}
