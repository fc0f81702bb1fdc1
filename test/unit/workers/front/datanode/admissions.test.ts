import assert from "node:assert/strict";
import { test } from "node:test";
import type { Uuid } from "../../../../../engine/core/uuid.js";
import { Admissions } from "../../../../../workers/front/datanode/admissions.js";
import { HeldBytes } from "../../../../../workers/front/datanode/held-reports.js";
import { ManualScheduler } from "../../../../support/consensus/manual-scheduler.js";
import { eachSeed } from "../../../../support/each-seed.js";
import { uuidOf } from "../../../../support/records.js";

/** A report of 40,000 replicas, and how many of these are on their way at a time. */
const LARGE_BYTES = 4 * 1024 * 1024;
const AT_A_TIME = 64;
/** A Java datanode waits five seconds for the answer to a heartbeat (spec 12 §7.1). */
const ANSWER_LIMIT_MS = 5000;

function setUp() {
  const time = new ManualScheduler();
  const held = new HeldBytes(1000);
  const admissions = new Admissions({ clock: time, scheduler: time }, held);
  const admitted: Uuid[] = [];
  const putOff: Uuid[] = [];
  const ask = (number: number, address = "10.0.0.1"): void => {
    const uuid = uuidOf(number);
    admissions.ask(uuid, address, (isAdmitted) => (isAdmitted ? admitted : putOff).push(uuid) > 0);
  };
  return { time, held, admissions, admitted, putOff, ask };
}

function uuids(from: number, to: number): Uuid[] {
  return Array.from({ length: to - from + 1 }, (_, i) => uuidOf(from + i));
}

test("so many datanodes are on their way at a time, the next one when one has come", () => {
  const { admissions, admitted, putOff, ask } = setUp();
  for (let number = 1; number <= 5000; number++) ask(number);
  assert.deepEqual(admitted, uuids(1, AT_A_TIME));
  admissions.came(uuidOf(7), LARGE_BYTES);
  admissions.came(uuidOf(7), LARGE_BYTES);
  admissions.notReached(uuidOf(4000));
  assert.deepEqual(admitted, uuids(1, AT_A_TIME + 1));
  for (let number = 1; admitted.length < 5000; number++) admissions.came(uuidOf(number), LARGE_BYTES);
  assert.deepEqual(admitted, uuids(1, 5000));
  assert.deepEqual(putOff, []);
});

test("many more small ones are on their way, and fewer again when they grow", () => {
  const { admissions, admitted, ask } = setUp();
  for (let number = 1; number <= 10_000; number++) ask(number);
  for (let number = 1; number <= AT_A_TIME; number++) admissions.came(uuidOf(number), 40_000);
  assert.equal(admitted.length, AT_A_TIME + 1024);
  for (let number = AT_A_TIME + 1; number <= AT_A_TIME + 1024; number++) {
    admissions.came(uuidOf(number), LARGE_BYTES);
  }
  assert(admitted.length > 1024 + AT_A_TIME);
  assert(admitted.length <= 1024 + 3 * AT_A_TIME);
});

test("registrations of any size leave sixteen places", () => {
  const { admissions, admitted, ask } = setUp();
  for (let number = 1; number <= 1000; number++) admissions.came(uuidOf(number), 2 ** 31);
  for (let number = 1; number <= 100; number++) ask(number);
  assert(admitted.length >= 16, `${admitted.length} places`);
});

test("who waits is answered before it gives up, and asks again", () => {
  const { time, admitted, putOff, ask, admissions } = setUp();
  for (let number = 1; number <= 100; number++) ask(number);
  time.advance(ANSWER_LIMIT_MS / 2);
  assert.deepEqual(putOff, []);
  time.advance(ANSWER_LIMIT_MS / 2 - 1000);
  assert.deepEqual(putOff, uuids(AT_A_TIME + 1, 100));
  assert.equal(admissions.putOffCount, 100 - AT_A_TIME);
  admissions.notReached(uuidOf(1));
  ask(100);
  assert.equal(admitted.at(-1), uuidOf(100));
});

test("who was told and did not come keeps nobody out for long, and may ask again at any time", () => {
  const { time, admitted, ask } = setUp();
  for (let number = 1; number <= AT_A_TIME; number++) ask(number);
  time.advance(9000);
  ask(1);
  assert.equal(admitted.length, AT_A_TIME + 1);
  time.advance(2000);
  for (let number = 101; number <= 200; number++) ask(number);
  assert.equal(admitted.length, AT_A_TIME + 1 + (AT_A_TIME - 1));
});

test("nobody is told while reports fill the memory for them", () => {
  const { time, held, admitted, ask } = setUp();
  held.add(600);
  ask(1);
  assert.deepEqual(admitted, []);
  held.add(-200);
  time.advance(300);
  assert.deepEqual(admitted, [uuidOf(1)]);
});

test("who never comes, of one address, keeps out nobody of another one", () => {
  const { time, admitted, putOff, ask, admissions } = setUp();
  for (let number = 1; number <= 50_000; number++) ask(number);
  assert.deepEqual(admitted, uuids(1, AT_A_TIME));
  // One of each address, and with theirs no more addresses than places.
  for (let number = 1; number <= 100; number++) ask(100_000 + number, `10.0.1.${number}`);
  assert.deepEqual(admitted.slice(AT_A_TIME), uuids(100_001, 100_000 + AT_A_TIME - 1));
  assert(putOff.every((uuid) => uuid < uuidOf(100_000)));
  for (let number = 1; number <= 100; number++) admissions.came(uuidOf(100_000 + number), LARGE_BYTES);
  assert.deepEqual(admitted.slice(AT_A_TIME), uuids(100_001, 100_100));
  // One behind the other, when they have the same address.
  for (let number = 1; number <= 10; number++) ask(200_000 + number, "10.0.2.1");
  for (let number = 1; number <= 10; number++) {
    assert.equal(admitted.at(-1), uuidOf(200_000 + number));
    admissions.came(uuidOf(200_000 + number), LARGE_BYTES);
  }
  time.advance(ANSWER_LIMIT_MS);
  assert(putOff.every((uuid) => uuid < uuidOf(100_000)));
});

test("addresses take turns with the places that become free", () => {
  const { admissions, admitted, ask } = setUp();
  for (let number = 1; number <= 1000; number++) ask(number);
  for (let number = 1001; number <= 1010; number++) ask(number, "10.0.0.2");
  for (let number = 2001; number <= 2002; number++) ask(number, "10.0.0.3");
  const before = admitted.length;
  for (let number = 1; admitted.length < before + 8; number++) admissions.came(uuidOf(number), LARGE_BYTES);
  assert.deepEqual(admitted.slice(before), [65, 1002, 2002, 66, 1003, 67, 1004, 68].map(uuidOf));
});

test("places of those who have gone while they waited are the next one's at once, of however many", () => {
  const { admissions, admitted, ask } = setUp();
  const addressOf = (number: number) => `10.0.0.${number % 16}`;
  for (let number = 1; number <= AT_A_TIME; number++) ask(number, addressOf(number));
  const gone: Uuid[] = [];
  for (let number = 101; number <= 12_100; number++) {
    admissions.ask(uuidOf(number), addressOf(number), (isAdmitted) => {
      if (isAdmitted) gone.push(uuidOf(number));
      return false;
    });
  }
  for (let number = 20_001; number <= 20_002; number++) ask(number, addressOf(number));
  admissions.came(uuidOf(1), LARGE_BYTES);
  assert.equal(gone.length, 12_000);
  assert.deepEqual(admitted.slice(AT_A_TIME), [uuidOf(20_001)]);
  admissions.came(uuidOf(2), LARGE_BYTES);
  assert.deepEqual(admitted.slice(AT_A_TIME), uuids(20_001, 20_002));
});

test("each is told once, whatever comes when", () =>
  eachSeed(50, async (random) => {
    const { time, held, admissions, admitted, putOff, ask } = setUp();
    let asked = 0;
    for (let step = 0; step < 2000; step++) {
      if (random.below(3) > 0) ask(++asked, `10.0.0.${random.below(5) ** 2}`);
      if (random.below(4) === 0)
        admissions.came(uuidOf(1 + random.below(asked + 1)), random.below(LARGE_BYTES));
      if (random.below(10) === 0) time.advance(random.below(2000));
      if (random.below(50) === 0) held.add(held.bytes > 0 ? -held.bytes : random.below(1000));
    }
    admissions.stop();
    const told = [...admitted, ...putOff];
    assert.equal(told.length, asked);
    assert.equal(new Set(told).size, asked);
  }));
