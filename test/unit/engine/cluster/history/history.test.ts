import assert from "node:assert/strict";
import { test } from "node:test";
import { DrainTarget } from "../../../../../engine/cluster/flush-part.js";
import { describeOperation } from "../../../../../engine/cluster/history/describe-operation.js";
import { History } from "../../../../../engine/cluster/history/history.js";
import { historyKey, readHistoryRow } from "../../../../../engine/cluster/history/history-row.js";
import { NO_SESSION, OPERATION, type Operation } from "../../../../../engine/cluster/operation.js";
import { writeOperation } from "../../../../../engine/cluster/operation-codec.js";
import { ByteReader } from "../../../../../engine/core/byte-reader.js";
import { ByteWriter } from "../../../../../engine/core/byte-writer.js";
import { logIndex } from "../../../../../engine/core/ids.js";
import { suppressContainers } from "../../../../support/cluster/builders.js";

function bytesOf(operation: Operation): Uint8Array {
  const writer = new ByteWriter();
  writeOperation(writer, operation);
  return writer.take();
}

const MUTATION = bytesOf(suppressContainers([7]));

/** Keys of the deletions that a flush of `history` asks for. */
function flush(history: History): Uint8Array[] {
  const below: Uint8Array[] = [];
  const sink = {
    put: () => true,
    delete: () => true,
    deleteBelow: (_: number, key: Uint8Array) => below.push(key) > 0,
  };
  history.table.freeze();
  assert.ok(history.table.drain(new DrainTarget(sink, 1 << 20)));
  history.table.flushed();
  return below;
}

test("the oldest operations are deleted by pieces, the last ones are kept", () => {
  const history = new History(160);
  for (let index = 1; index <= 169; index++) {
    history.add({ index: logIndex(index), timeMs: 1 }, MUTATION, 0);
    history.endEntry();
  }
  assert.deepEqual(flush(history), []);
  assert.deepEqual([history.firstNumber, history.nextNumber], [1, 170]);
  history.add({ index: logIndex(170), timeMs: 1 }, MUTATION, 0);
  history.endEntry();
  assert.deepEqual([history.firstNumber, history.nextNumber], [11, 171]);
  assert.deepEqual(flush(history), [historyKey(11)]);
  const writer = new ByteWriter();
  history.write(writer);
  const again = new History(160);
  again.read(new ByteReader(writer.take()));
  assert.deepEqual([again.firstNumber, again.nextNumber], [11, 171]);
});

test("what the SCM does by itself is not kept", () => {
  const history = new History();
  const own: Operation[] = [
    { kind: OPERATION.hashAt, session: NO_SESSION },
    { kind: OPERATION.reserveSequence, session: NO_SESSION, sequence: "localId", count: 5 },
    { kind: OPERATION.openSession, session: NO_SESSION, clientName: "om" },
  ];
  for (const operation of own) history.add({ index: logIndex(1), timeMs: 1 }, bytesOf(operation), 0);
  history.endEntry();
  assert.equal(history.nextNumber, 1);
});

test("a transition that a client asked for is kept, and every resurrection", () => {
  const history = new History();
  const figures = { containerId: 7, sequenceId: 70, usedBytes: 700, keyCount: 7 };
  const session = { sessionId: 3, sequence: 1, ackedSequence: 0 };
  const operations: Operation[] = [
    { kind: OPERATION.transitionContainer, session: NO_SESSION, event: "CLOSE", ...figures },
    { kind: OPERATION.transitionContainer, session, event: "FINALIZE", ...figures },
    { kind: OPERATION.resurrectContainer, session: NO_SESSION, replicaState: "CLOSED", ...figures },
  ];
  for (const operation of operations) history.add({ index: logIndex(1), timeMs: 1 }, bytesOf(operation), 0);
  history.endEntry();
  const [row] = history.table.tail(new Uint8Array(0), undefined, 10).rows;
  assert.ok(row !== undefined && row.value !== null);
  const details = readHistoryRow(row.key, row.value).map(
    ({ operation }) => operation && describeOperation(operation),
  );
  assert.deepEqual(details, ["container 7 FINALIZE", "container 7, by a CLOSED replica with sequence id 70"]);
});

test("a row tells place, time and outcome of each operation, and leaves out the fields of a long one", () => {
  const history = new History();
  const long = suppressContainers(Array.from({ length: 13 }, (_, i) => i));
  history.add({ index: logIndex(9), timeMs: 1234 }, MUTATION, 0);
  history.add({ index: logIndex(9), timeMs: 1234 }, bytesOf(long), 207);
  history.endEntry();
  const [row] = history.table.tail(new Uint8Array(0), undefined, 10).rows;
  assert.ok(row !== undefined && row.value !== null);
  const place = { index: 9, timeMs: 1234, kind: OPERATION.suppressContainers, session: NO_SESSION };
  assert.deepEqual(readHistoryRow(row.key, row.value), [
    { number: 1, ...place, error: 0, operation: suppressContainers([7]) },
    { number: 2, ...place, error: 207, operation: undefined },
  ]);
});

test("bytes that are no row are refused", () => {
  const history = new History();
  history.add({ index: logIndex(9), timeMs: 1234 }, MUTATION, 0);
  history.endEntry();
  const [row] = history.table.tail(new Uint8Array(0), undefined, 10).rows;
  const value = row?.value as Uint8Array;
  for (const end of [3, 10, 17, 21, value.length - 1]) {
    assert.throws(() => readHistoryRow(historyKey(1), value.slice(0, end)), RangeError, `${end} bytes`);
  }
});
