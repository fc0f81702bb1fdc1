import assert from "node:assert/strict";
import { test } from "node:test";
import { LocalIds } from "../../../../../engine/cluster/blocks/local-ids.js";
import { type Term, term } from "../../../../../engine/core/ids.js";

/** A sequence that is reserved from, and a clock that is set by hand. */
class Sequence {
  nowMs = 0;
  next = 1n;
  readonly asked: { count: number; term: Term }[] = [];
  readonly ids = new LocalIds(
    {
      batchCount: 1000,
      reserve: (count, inTerm) => this.asked.push({ count, term: inTerm }),
      nowMs: () => this.nowMs,
    },
    term(1),
  );

  /** This SCM leads, and somebody asks. */
  begin(inTerm: number): void {
    this.ids.startTerm(term(inTerm));
    assert.equal(this.ids.has(1), false);
  }

  /** The oldest reservation is applied. */
  apply(): number {
    const reservation = this.asked.shift();
    assert.ok(reservation !== undefined, "something was reserved");
    const first = this.next;
    this.next += BigInt(reservation.count);
    this.ids.reserved({ first, count: reservation.count }, reservation.term);
    return reservation.count;
  }

  take(count: number): bigint[] {
    const taken: bigint[] = [];
    while (taken.length < count) {
      const got = this.ids.take(count - taken.length);
      assert.ok(got > 0, "there are ids");
      for (let i = 0; i < got; i++) taken.push((BigInt(this.ids.high(i)) << 32n) | BigInt(this.ids.low(i)));
    }
    return taken;
  }
}

test("a leader that nobody asks reserves nothing", () => {
  const sequence = new Sequence();
  sequence.ids.startTerm(term(1));
  sequence.ids.reserveWhenDue();
  assert.equal(sequence.asked.length, 0);
});

test("the first request has a range reserved, and the next one comes when half is taken", () => {
  const sequence = new Sequence();
  sequence.begin(1);
  assert.equal(sequence.apply(), 1000);
  assert.equal(sequence.asked.length, 0);
  sequence.nowMs = 100_000;
  sequence.take(499);
  assert.equal(sequence.asked.length, 0);
  sequence.take(1);
  assert.equal(sequence.asked.length, 1);
});

test("the next range is as large as the demand", () => {
  const sequence = new Sequence();
  sequence.begin(1);
  sequence.apply();
  sequence.nowMs = 10;
  sequence.take(500);
  const count = sequence.apply();
  assert.ok(count >= 50_000, `500 in 10 ms are 50,000 a second, reserved were ${count}`);
});

test("more than a range holds is reserved when it is asked for", () => {
  const sequence = new Sequence();
  sequence.begin(1);
  sequence.apply();
  assert.equal(sequence.ids.has(4096), false);
  sequence.apply();
  assert.equal(sequence.ids.has(4096), true);
  assert.equal(new Set(sequence.take(4096)).size, 4096);
});

test("what was reserved in an earlier term is never given out", () => {
  const sequence = new Sequence();
  sequence.begin(1);
  sequence.apply();
  const before = sequence.take(600);
  sequence.ids.endTerm(term(2));
  assert.equal(sequence.ids.has(1), false);
  sequence.begin(3);
  assert.equal(sequence.ids.available, 0);
  sequence.apply();
  assert.equal(sequence.ids.available, 0, "that was the first term's second range");
  sequence.apply();
  const after = sequence.take(1000);
  assert.equal(new Set([...before, ...after]).size, 1600);
  assert.ok((after[0] as bigint) > (before.at(-1) as bigint), "ids rise across leaders");
});

test("after a failed reservation another one is asked for", () => {
  const sequence = new Sequence();
  sequence.begin(4);
  sequence.asked.length = 0;
  sequence.ids.failed(term(3));
  sequence.ids.reserveWhenDue();
  assert.equal(sequence.asked.length, 0, "the one of this term is still under way");
  sequence.ids.failed(term(4));
  sequence.ids.reserveWhenDue();
  assert.equal(sequence.asked.length, 1);
});
