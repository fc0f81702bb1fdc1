import assert from "node:assert/strict";
import { suite, test } from "node:test";
import fc from "fast-check";
import { type NodeSlot, nodeSlot } from "../../../../engine/core/ids.js";
import { ROW_BYTES, ROW_BYTES_WITH_CHECKSUM } from "../../../../protocol/codec/report-rows.js";
import { confirmAwaited } from "../../../../workers/pool/awaited-containers.js";
import { ReportIntake } from "../../../../workers/pool/report-intake.js";
import type { CheckedRows } from "../../../../workers/pool/shard-client.js";
import { testRows } from "../../../support/workers/report-rows.js";

const A = nodeSlot(1);
const B = nodeSlot(2);

/** Containers awaited of each node, and what was confirmed. */
class Awaited {
  readonly confirmed: string[] = [];
  readonly #ids = new Map<NodeSlot, Map<number, true>>();

  constructor(...ids: readonly (readonly [NodeSlot, readonly number[]])[]) {
    for (const [slot, list] of ids) this.#ids.set(slot, new Map(list.map((id) => [id, true])));
  }

  awaitedCountOf(slot: NodeSlot): number {
    return this.#ids.get(slot)?.size ?? 0;
  }

  forEachAwaited(slot: NodeSlot, visit: (id: number) => void): void {
    for (const id of this.#ids.get(slot)?.keys() ?? []) visit(id);
  }

  confirm(slot: NodeSlot, id: number): void {
    if (this.#ids.get(slot)?.delete(id) === true) this.confirmed.push(`${slot}: ${id}`);
  }
}

function rowsOf(ids: readonly number[], rowBytes: number): CheckedRows {
  const numbers = new Float64Array((ids.length * rowBytes) / 8);
  for (const [row, id] of ids.entries()) numbers[(row * rowBytes) / 8] = id;
  return { slot: A, rows: new Uint8Array(numbers.buffer), rowBytes };
}

suite("awaited containers", () => {
  test("those that rows name are confirmed, each once", () => {
    const ids = fc.uniqueArray(fc.integer({ min: 1, max: 20 }));
    const size = fc.constantFrom(ROW_BYTES, ROW_BYTES_WITH_CHECKSUM);
    fc.assert(
      fc.property(ids, ids, size, fc.boolean(), (awaited, reported, rowBytes, isAscending) => {
        const containers = new Awaited([A, awaited], [B, awaited]);
        const rows = isAscending ? [...reported].sort((a, b) => a - b) : [...reported, ...reported];
        confirmAwaited(rowsOf(rows, rowBytes), isAscending, containers);
        const both = awaited.filter((id) => reported.includes(id)).map((id) => `${A}: ${id}`);
        assert.deepEqual(containers.confirmed.sort(), both.sort());
      }),
    );
  });

  test("full and incremental reports confirm, refused ones do not", () => {
    const awaited = new Awaited([A, [5, 6, 7, 8]]);
    const intake = new ReportIntake({
      shards: { mergeChunk: () => true, applyIncremental: () => true, acceptsReports: () => true },
      clock: { monotonicMs: () => 0 },
      chunksInFlightMax: 4,
      chunksPerNodeMax: 2,
      waitingBytesMax: 0,
      waitingBytesTotalMax: 0,
      onComplete: () => undefined,
      awaited,
    });
    const bad = testRows([{ id: 5 }]);
    intake.incremental(A, { ...bad, origins: [] }, () => undefined);
    assert.deepEqual(awaited.confirmed, []);
    intake.incremental(A, testRows([{ id: 5 }, { id: 4 }]), () => undefined);
    assert.deepEqual(awaited.confirmed, ["1: 5"]);
    let reportId = 0;
    intake.begin(A, { fromRegistration: false, rowCount: 2 }, (grant) => {
      if ("reportId" in grant) reportId = grant.reportId;
    });
    const chunk = testRows([{ id: 2 }, { id: 7 }]);
    intake.chunk(A, { ...chunk, reportId, fromId: 0, toId: 100, last: false }, () => undefined);
    assert.deepEqual(awaited.confirmed, ["1: 5", "1: 7"]);
  });
});
