import assert from "node:assert/strict";
import { test } from "node:test";
import type { Operation, SessionStamp } from "../../../../../engine/cluster/operation.js";
import { NO_SESSION, OPERATION } from "../../../../../engine/cluster/operation.js";
import {
  errorOfResult,
  readReservation,
  readSessionId,
} from "../../../../../engine/cluster/operation-result.js";
import {
  SESSION_COUNT_MAX,
  SESSION_IDLE_MS_MIN,
  SESSION_REPLY_BYTES_MAX,
} from "../../../../../engine/cluster/sessions/session-table.js";
import { SESSION_WINDOW } from "../../../../../protocol/schema/messages.js";
import { AppliedState, flush, MemoryStateStore } from "../../../../support/cluster/applied-state.js";
import { seedCluster, suppressContainers } from "../../../../support/cluster/builders.js";

const OPEN: Operation = { kind: OPERATION.openSession, session: NO_SESSION, clientName: "test" };

function seeded(): AppliedState {
  const applied = new AppliedState();
  applied.done(seedCluster());
  return applied;
}

function open(applied: AppliedState): number {
  return readSessionId(applied.done(OPEN));
}

/** An operation whose result shows whether it was carried out again: each one takes other numbers. */
function reserve(session: SessionStamp): Operation {
  return { kind: OPERATION.reserveSequence, session, sequence: "delTxnId", count: 1 };
}

/** The number that the operation got, or the code of its refusal. */
function outcome(applied: AppliedState, session: SessionStamp): bigint | string | undefined {
  const [result] = applied.apply(reserve(session));
  assert.ok(result !== undefined);
  return errorOfResult(result)?.code ?? readReservation(result.body).first;
}

test("sessions get numbers that never come again", () => {
  const applied = seeded();
  assert.deepEqual([open(applied), open(applied), open(applied)], [1, 2, 3]);
});

test("an operation of a session is carried out once, however often it is proposed", () => {
  const applied = seeded();
  const sessionId = open(applied);
  const first = { sessionId, sequence: 1, ackedSequence: 0 };
  assert.equal(outcome(applied, first), 1n);
  assert.equal(outcome(applied, first), 1n);
  const results = applied.apply(reserve(first), reserve(first), reserve({ ...first, sequence: 2 }));
  assert.deepEqual(
    results.map(({ body }) => readReservation(body).first),
    [1n, 1n, 2n],
  );
});

test("a stored refusal is answered again, too", () => {
  const applied = seeded();
  const sessionId = open(applied);
  const session = { sessionId, sequence: 1, ackedSequence: 0 };
  const operation: Operation = { kind: OPERATION.reserveSequence, session, sequence: "delTxnId", count: 0 };
  assert.equal(applied.refused(operation), "INVALID_ARGUMENT");
  assert.equal(applied.refused({ ...operation, count: 5 } as Operation), "INVALID_ARGUMENT");
});

test("without a session an operation is carried out each time", () => {
  const applied = seeded();
  assert.equal(outcome(applied, NO_SESSION), 1n);
  assert.equal(outcome(applied, NO_SESSION), 2n);
});

test("an unknown session is refused and nothing is carried out", () => {
  const applied = seeded();
  assert.equal(outcome(applied, { sessionId: 9, sequence: 1, ackedSequence: 0 }), "SESSION_EXPIRED");
  assert.equal(applied.state.sequences.last("delTxnId"), 0n);
});

test("operations may arrive out of order and with gaps within the window", () => {
  const applied = seeded();
  const sessionId = open(applied);
  assert.equal(outcome(applied, { sessionId, sequence: 5, ackedSequence: 0 }), 1n);
  assert.equal(outcome(applied, { sessionId, sequence: 2, ackedSequence: 0 }), 2n);
  assert.equal(outcome(applied, { sessionId, sequence: 5, ackedSequence: 0 }), 1n);
  assert.equal(outcome(applied, { sessionId, sequence: SESSION_WINDOW, ackedSequence: 0 }), 3n);
  assert.equal(outcome(applied, { sessionId, sequence: 1, ackedSequence: 0 }), 4n);
  applied.state.checkInvariants();
});

test("an acknowledged sequence is gone, a sequence beyond the window is refused", () => {
  const applied = seeded();
  const sessionId = open(applied);
  const refused = [
    { sequence: 0, ackedSequence: 0 },
    { sequence: SESSION_WINDOW + 1, ackedSequence: 0 },
    { sequence: 3, ackedSequence: 3 },
    { sequence: 3, ackedSequence: 2 ** 52 },
  ];
  for (const stamp of refused) assert.equal(outcome(applied, { sessionId, ...stamp }), "SESSION_SEQUENCE");
  assert.equal(outcome(applied, { sessionId, sequence: 1, ackedSequence: 0 }), 1n);
  assert.equal(outcome(applied, { sessionId, sequence: 2, ackedSequence: 1 }), 2n);
  assert.equal(outcome(applied, { sessionId, sequence: 1, ackedSequence: 0 }), "SESSION_SEQUENCE");
  assert.equal(outcome(applied, { sessionId, sequence: SESSION_WINDOW + 1, ackedSequence: 1 }), 3n);
  assert.equal(outcome(applied, { sessionId, sequence: 2, ackedSequence: 1 }), 2n);
});

test("acknowledging far ahead drops all replies and the session goes on there", () => {
  const applied = seeded();
  const sessionId = open(applied);
  for (let sequence = 1; sequence <= 100; sequence++) {
    outcome(applied, { sessionId, sequence, ackedSequence: 0 });
  }
  const far = 2 ** 52;
  assert.equal(outcome(applied, { sessionId, sequence: far + 1, ackedSequence: far }), 101n);
  assert.equal(outcome(applied, { sessionId, sequence: far + 1, ackedSequence: far }), 101n);
  assert.equal(outcome(applied, { sessionId, sequence: 100, ackedSequence: 0 }), "SESSION_SEQUENCE");
  applied.state.checkInvariants();
});

test("a session that never acknowledges is refused before its replies grow large", () => {
  const applied = seeded();
  const sessionId = open(applied);
  const unknownIds = Array.from({ length: 1024 }, (_, index) => index + 1);
  let sequence = 1;
  const suppress = (ackedSequence: number): Operation => {
    return suppressContainers(unknownIds, true, { sessionId, sequence, ackedSequence });
  };
  while (applied.apply(suppress(0))[0]?.error === 0) sequence++;
  assert.ok((sequence - 1) * 8 * 1024 >= SESSION_REPLY_BYTES_MAX);
  assert.ok(sequence < 12);
  assert.equal(applied.refused(suppress(0)), "OVERLOADED");
  assert.equal(applied.apply(suppress(sequence - 1))[0]?.error, 0);
  flush(applied.state, new MemoryStateStore());
});

test("the session unused for longest gives way to a new one, in the order of use", () => {
  const applied = seeded();
  const ids = Array.from({ length: SESSION_COUNT_MAX }, () => open(applied));
  const [first, second, third] = ids as [number, number, number];
  outcome(applied, { sessionId: first, sequence: 1, ackedSequence: 0 });
  applied.nowMs += SESSION_IDLE_MS_MIN;
  outcome(applied, { sessionId: third, sequence: 1, ackedSequence: 0 });
  open(applied);
  assert.equal(applied.state.sessionCount, SESSION_COUNT_MAX);
  assert.equal(outcome(applied, { sessionId: second, sequence: 1, ackedSequence: 0 }), "SESSION_EXPIRED");
  assert.equal(outcome(applied, { sessionId: first, sequence: 1, ackedSequence: 0 }), 1n);
  applied.state.checkInvariants();

  const store = new MemoryStateStore();
  flush(applied.state, store);
  const loaded = store.load();
  loaded.nowMs = applied.nowMs;
  for (const state of [applied, loaded]) {
    for (let left = 3; left > 0; left--) open(state);
    const states = ids
      .slice(0, 8)
      .map((sessionId) => outcome(state, { sessionId, sequence: 2, ackedSequence: 0 }));
    assert.deepEqual(
      states.map((state) => state === "SESSION_EXPIRED"),
      [false, true, false, true, true, true, false, false],
    );
  }
  assert.equal(loaded.state.hash(), applied.state.hash());
});

test("a session that was used a moment ago is never evicted: a new one is refused instead", () => {
  const applied = seeded();
  const ids = Array.from({ length: SESSION_COUNT_MAX }, () => open(applied));
  applied.nowMs += SESSION_IDLE_MS_MIN - 1;
  assert.equal(applied.refused(OPEN), "SESSION_LIMIT");
  applied.nowMs += 1;
  assert.equal(open(applied), ids.length + 1);
});

test("replies survive a restart: what was carried out before is not carried out again", () => {
  const applied = seeded();
  const sessionId = open(applied);
  const store = new MemoryStateStore();
  for (let sequence = 1; sequence <= 40; sequence++) {
    outcome(applied, { sessionId, sequence, ackedSequence: Math.max(0, sequence - 30) });
  }
  flush(applied.state, store);
  const loaded = store.load();
  assert.equal(outcome(loaded, { sessionId, sequence: 40, ackedSequence: 10 }), 40n);
  assert.equal(outcome(loaded, { sessionId, sequence: 11, ackedSequence: 10 }), 11n);
  assert.equal(outcome(loaded, { sessionId, sequence: 10, ackedSequence: 9 }), "SESSION_SEQUENCE");
  assert.equal(outcome(loaded, { sessionId, sequence: 41, ackedSequence: 10 }), 41n);
  loaded.state.checkInvariants();
});
