import assert from "node:assert/strict";
import { test } from "node:test";
import { serveAdmin } from "../../../../engine/admin/admin-gateway.js";
import type { AdminServices } from "../../../../engine/admin/admin-services.js";
import { mergeTail } from "../../../../engine/cluster/merge-tail.js";
import { NO_SESSION, OPERATION } from "../../../../engine/cluster/operation.js";
import type { ScanCallback, ScanRequest } from "../../../../engine/consensus/table-scanner.js";
import { StrataError } from "../../../../engine/core/errors.js";
import { ADMIN_PATH, type RequestOf, type ResponseOf } from "../../../../protocol/schema/messages.js";
import { AppliedState } from "../../../support/cluster/applied-state.js";
import {
  containerRecord,
  importBatch,
  seedCluster,
  suppressContainers,
  uuidOf,
} from "../../../support/cluster/builders.js";
import { FakeBarrier } from "../../../support/gateway/fake-barrier.js";
import { RpcWorld } from "../../../support/gateway/rpc-world.js";

/** The admin gateway on a state whose rows are all in memory yet; pages hold `rowCountMax` rows at most. */
function admin(rowCountMax = 1000) {
  const world = new RpcWorld();
  const applied = new AppliedState();
  let refusal: StrataError | undefined;
  const scan = ({ table, from, rowCountMax: wanted }: ScanRequest, onPage: ScanCallback): void => {
    if (refusal !== undefined) {
      onPage(refusal);
      return;
    }
    const count = Math.min(wanted, rowCountMax);
    const tail = applied.state.tail(table, from, undefined, count);
    const page = mergeTail({ rows: [], isComplete: true }, tail, count);
    onPage({ ...page, appliedIndex: applied.state.appliedIndex });
  };
  const services = {
    cluster: applied.state,
    tables: { scan },
    consensus: { readBarrier: new FakeBarrier().ask },
  };
  serveAdmin(world.server, services as unknown as AdminServices);
  const connection = world.greeted(ADMIN_PATH);
  const ask = (request: RequestOf<"listHistory">) => {
    world.ask(connection, "listHistory", request);
    world.turn();
    return connection.lastAnswer;
  };
  const list = (request: RequestOf<"listHistory">) => ask(request).body as ResponseOf<"listHistory">;
  const refuse = (error: StrataError): void => {
    refusal = error;
  };
  return { applied, ask, list, refuse };
}

test("each mutation is listed with its place, time, session, outcome and subject", () => {
  const { applied, list } = admin();
  assert.deepEqual(list({ countMax: 10 }), { entries: [], appliedIndex: 0 });
  applied.done(seedCluster());
  applied.done({ kind: OPERATION.openSession, session: NO_SESSION, clientName: "om" });
  applied.nowMs += 5;
  const containers = [1, 2, 3].map((id) => containerRecord(id));
  applied.apply(
    importBatch(containers, [], { sessionId: 1, sequence: 1, ackedSequence: 0 }),
    suppressContainers([2, 9], true, { sessionId: 1, sequence: 2, ackedSequence: 0 }),
    importBatch([containerRecord(2, { keyCount: 77 })]),
  );
  // Its session answers the repetition: nothing is done.
  applied.apply(suppressContainers([2, 9], true, { sessionId: 1, sequence: 2, ackedSequence: 0 }));
  const uuid = uuidOf(5);
  const intent = { uuid, operationalState: "IN_MAINTENANCE", expirySeconds: 60 } as const;
  applied.done({ kind: OPERATION.setNodeIntent, session: NO_SESSION, ...intent });
  const { entries, appliedIndex, next } = list({ countMax: 10 });
  assert.equal(appliedIndex, 5);
  assert.equal(next, undefined);
  const timeMs = applied.nowMs;
  const none = { sessionId: 0, sequence: 0 };
  assert.deepEqual(entries, [
    {
      number: 1,
      logIndex: 1,
      timeMs: timeMs - 5,
      operation: "seedCluster",
      outcome: "DONE",
      ...none,
      details: "CID-test",
    },
    {
      number: 2,
      logIndex: 3,
      timeMs,
      operation: "importBatch",
      outcome: "DONE",
      sessionId: 1,
      sequence: 1,
      // Too long to be kept.
      details: "",
    },
    {
      number: 3,
      logIndex: 3,
      timeMs,
      operation: "suppressContainers",
      outcome: "DONE",
      sessionId: 1,
      sequence: 2,
      details: "suppress 2 9",
    },
    {
      number: 4,
      logIndex: 3,
      timeMs,
      operation: "importBatch",
      outcome: "CONTAINER_ALREADY_EXISTS",
      ...none,
      details: entries[3]?.details,
    },
    {
      number: 5,
      logIndex: 5,
      timeMs,
      operation: "setNodeIntent",
      outcome: "DONE",
      ...none,
      details: `${uuid} IN_MAINTENANCE until 60`,
    },
  ]);
});

test("pages follow one another, from any number on, also within a row", () => {
  for (const rowCountMax of [1, 2, 1000]) {
    const { applied, list } = admin(rowCountMax);
    // Rows of 1, 64, 64 and 22 operations.
    applied.done(seedCluster());
    applied.apply(...Array.from({ length: 150 }, (_, i) => suppressContainers([i])));
    for (const start of [1, 2, 64, 65, 66, 100, 151]) {
      const numbers: number[] = [];
      let next: number | undefined = start;
      while (next !== undefined) {
        const page: ResponseOf<"listHistory"> = list({ start: next, countMax: 40 });
        assert.ok(page.entries.length <= 40);
        numbers.push(...page.entries.map(({ number }) => number));
        next = page.next;
      }
      const expected = Array.from({ length: 152 - start }, (_, i) => start + i);
      assert.deepEqual(numbers, expected, `from ${start} with ${rowCountMax} rows`);
    }
    const newest = list({ countMax: 10 }).entries.map(({ number }) => number);
    assert.deepEqual(newest, [142, 143, 144, 145, 146, 147, 148, 149, 150, 151]);
    assert.deepEqual(list({ start: 152, countMax: 1 }).entries, []);
  }
});

test("a page that is too long, and one that cannot be read, are refused", () => {
  const { ask, refuse } = admin();
  assert.equal(ask({ countMax: 257 }).error?.code, "INVALID_ARGUMENT");
  assert.equal(ask({ countMax: 0 }).error?.code, "INVALID_ARGUMENT");
  refuse(new StrataError("OVERLOADED", { reason: "scans" }));
  assert.equal(ask({ countMax: 1 }).error?.code, "OVERLOADED");
});
