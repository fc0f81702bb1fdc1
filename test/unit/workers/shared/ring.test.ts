import assert from "node:assert/strict";
import { test } from "node:test";
import { AssertionError } from "../../../../engine/core/assert.js";
import { SeededRandom } from "../../../../engine/core/random.js";
import {
  allocateLocalRing,
  allocateSharedRing,
  RING_HEADER,
  RING_WORD,
  RingReceiver,
  RingSender,
  ringMemory,
} from "../../../../workers/shared/ring.js";
import { channelContract } from "../../../support/contracts/channel-contract.js";

/** Just before the cursors' wrap-around: a few records lie on either side of 2^32. */
const LATE_CURSOR = 2 ** 32 - 256;
const SILENT_BELL = { ring: () => {} };

function open(buffer: ArrayBufferLike) {
  const sender = new RingSender(ringMemory(buffer), SILENT_BELL);
  const receiver = new RingReceiver(ringMemory(buffer));
  return { buffer, sender, receiver };
}

channelContract("ring in shared memory", (capacityBytes) => open(allocateSharedRing(capacityBytes)));
channelContract("ring in ordinary memory", (capacityBytes) => open(allocateLocalRing(capacityBytes)));
channelContract("ring whose cursors wrap around 2^32", (capacityBytes) =>
  open(allocateSharedRing(capacityBytes, LATE_CURSOR)),
);
channelContract("ring whose cursors pass 2^31", (capacityBytes) =>
  open(allocateSharedRing(capacityBytes, 2 ** 31 - 256)),
);

/** A ring with three published records of 8 bytes, and its words and record headers as plain integers. */
function damaged(damage: (ring: { head: number; header: Int32Array; headers: Int32Array }) => void) {
  const ring = open(allocateLocalRing(256));
  for (let i = 0; i < 3; i++) {
    ring.sender.reserve(1, 8);
    ring.sender.commit();
  }
  ring.sender.publish();
  const header = new Int32Array(ring.buffer, 0, RING_HEADER.rowBytes / 4);
  const headers = new Int32Array(ring.buffer, RING_HEADER.rowBytes);
  damage({ head: header[RING_WORD.HEAD] as number, header, headers });
  return ring.receiver;
}

function drainCount(receiver: RingReceiver): number {
  return receiver.drain(() => {}, 1000);
}

test("the undamaged ring of these tests is fine", () => {
  assert.equal(drainCount(damaged(() => {})), 3);
});

for (const [what, bytes] of [
  ["negative", -8],
  ["larger than what was published", 64],
  ["larger than the ring", 1 << 20],
] as const) {
  test(`a record length that is ${what} is an assertion failure`, () => {
    const receiver = damaged(({ headers }) => {
      headers[0] = bytes;
    });
    assert.throws(() => drainCount(receiver), AssertionError);
  });
}

test("a record length that is a little wrong fails at the next record's stamp", () => {
  const receiver = damaged(({ headers }) => {
    headers[0] = 16;
  });
  assert.throws(() => drainCount(receiver), { name: "AssertionError", message: /stamp/ });
});

test("a record with the stamp of another place is an assertion failure", () => {
  const receiver = damaged(({ headers }) => {
    headers[1] = headers[5] as number;
  });
  assert.throws(() => drainCount(receiver), /stamp/);
});

test("a marker that does not reach the end is an assertion failure", () => {
  const receiver = damaged(({ headers }) => {
    headers[1] = (headers[1] as number) & 0xffff;
  });
  assert.throws(() => drainCount(receiver), /marker/);
});

test("a head that is further ahead than the ring is long is an assertion failure", () => {
  const receiver = damaged(({ head, header }) => {
    header[RING_WORD.HEAD] = head + 512;
  });
  assert.throws(() => drainCount(receiver), /head/);
});

test("a head that lies behind the tail is an assertion failure, not an endless loop", () => {
  const receiver = damaged(({ header }) => {
    header[RING_WORD.HEAD] = -48;
  });
  assert.throws(() => drainCount(receiver), /head/);
});

test("a head that is not aligned is an assertion failure, not an endless loop", () => {
  const receiver = damaged(({ head, header }) => {
    header[RING_WORD.HEAD] = head + 4;
  });
  assert.throws(() => drainCount(receiver), AssertionError);
});

const HOSTILE_SEED = 20_261;
test(`hostile bytes end in an assertion failure or in whole records (seed ${HOSTILE_SEED})`, () => {
  const random = new SeededRandom(HOSTILE_SEED);
  let refusedCount = 0;
  for (let round = 0; round < 5000; round++) {
    const receiver = damaged(({ header, headers }) => {
      if (round % 2 === 0) header[RING_WORD.HEAD] = random.below(64) * 8;
      for (let i = random.below(8); i >= 0; i--)
        headers[random.below(16)] = random.uint32() >>> random.below(32);
    });
    try {
      assert.ok(drainCount(receiver) <= 32);
    } catch (error) {
      assert.ok(error instanceof AssertionError);
      refusedCount++;
    }
  }
  assert.ok(refusedCount > 2500);
});

test("a ring whose capacity word is damaged cannot be opened", () => {
  const buffer = allocateLocalRing(256);
  new Int32Array(buffer)[0] = 512;
  assert.throws(() => ringMemory(buffer), AssertionError);
});

test("capacities that are no power of two or out of range are assertion failures", () => {
  for (const capacityBytes of [0, 32, 100, 3 << 10, 2 ** 31]) {
    assert.throws(() => allocateLocalRing(capacityBytes), AssertionError);
  }
});

test("the bell rings once for each publish that makes something visible", () => {
  let ringCount = 0;
  const memory = ringMemory(allocateLocalRing(1024));
  const sender = new RingSender(memory, { ring: () => ringCount++ });
  sender.publish();
  assert.equal(ringCount, 0);
  sender.reserve(1, 8);
  sender.commit();
  sender.publish();
  sender.publish();
  assert.equal(ringCount, 1);
});

test("a refusal is told once, and publishes what the receiver must drain", () => {
  const { sender, receiver } = open(allocateLocalRing(256));
  while (sender.reserve(1, 56) >= 0) sender.commit();
  assert.equal(sender.takeWasFull(), true);
  assert.equal(sender.takeWasFull(), false);
  assert.equal(drainCount(receiver), 4);
  assert.equal(sender.hasRoom(256), true);
  assert.equal(sender.takeWasFull(), false);
  assert.equal(sender.hasRoom(257), false);
  assert.equal(sender.takeWasFull(), true);
});

test("both ends can be opened anew in the middle of the stream", () => {
  const { buffer, sender, receiver } = open(allocateLocalRing(256));
  for (let i = 0; i < 3; i++) {
    sender.reserve(1 + i, 24);
    sender.commit();
  }
  sender.publish();
  assert.equal(
    receiver.drain(() => {}, 1),
    1,
  );
  const again = open(buffer);
  again.sender.reserve(9, 24);
  again.sender.commit();
  again.sender.publish();
  const kinds: number[] = [];
  again.receiver.drain((kind) => kinds.push(kind), 10);
  assert.deepEqual(kinds, [2, 3, 9]);
});
