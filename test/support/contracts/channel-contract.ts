import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { AssertionError } from "../../../engine/core/assert.js";
import type { ChannelReceiver, ChannelSender } from "../../../engine/core/shared-channel.js";

export interface Channel {
  readonly sender: ChannelSender;
  readonly receiver: ChannelReceiver;
}

interface Received {
  readonly kind: number;
  readonly payload: Uint8Array;
}

/** What every channel must do, with both ends on this thread.
 * @param open a channel of at least that capacity. */
export function channelContract(name: string, open: (capacityBytes: number) => Channel): void {
  const contract = (title: string, run: () => void) => test(title, run);
  describe(`channel ${name}`, () => {
    deliveryTests(contract, open);
    capacityTests(contract, open);
    misuseTests(contract, open);
  });
}

type Contract = (title: string, run: () => void) => void;
type Open = (capacityBytes: number) => Channel;

/** False when the channel is full. */
function send({ sender }: Channel, kind: number, payload: Uint8Array): boolean {
  const offset = sender.reserve(kind, payload.length);
  if (offset < 0) return false;
  assert.equal((sender.bytes.byteOffset + offset) % 8, 0, "payloads are 8-aligned");
  sender.bytes.set(payload, offset);
  sender.commit();
  return true;
}

function receive({ receiver }: Channel, recordCountMax = 1_000_000): Received[] {
  const received: Received[] = [];
  const count = receiver.drain((kind, offset, payloadBytes) => {
    received.push({ kind, payload: receiver.bytes.slice(offset, offset + payloadBytes) });
  }, recordCountMax);
  assert.equal(count, received.length);
  return received;
}

function patternOf(seed: number, length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (seed * 31 + i * 7) & 0xff);
}

function deliveryTests(contract: Contract, open: Open): void {
  contract("records arrive in order with kind and content, once", () => {
    const channel = open(4096);
    const sent = [0, 1, 7, 8, 9, 63, 64, 65, 1000].map((length, i) => ({
      kind: i === 0 ? 1 : 65_535 - i,
      payload: patternOf(i, length),
    }));
    for (const { kind, payload } of sent) assert.ok(send(channel, kind, payload));
    channel.sender.publish();
    assert.deepEqual(receive(channel), sent);
    assert.deepEqual(receive(channel), []);
  });

  contract("a record is not seen before it is published", () => {
    const channel = open(4096);
    assert.ok(send(channel, 1, patternOf(1, 8)));
    assert.deepEqual(receive(channel), []);
    channel.sender.publish();
    assert.equal(receive(channel).length, 1);
  });

  contract("a long turn publishes by itself: every 64 records, and every 16 KB", () => {
    const channel = open(1 << 20);
    for (let i = 0; i < 63; i++) send(channel, 1, patternOf(i, 8));
    assert.equal(receive(channel).length, 0);
    send(channel, 1, patternOf(63, 8));
    assert.equal(receive(channel).length, 64);
    for (let i = 0; i < 15; i++) send(channel, 1, patternOf(i, 1024));
    assert.equal(receive(channel).length, 0);
    send(channel, 1, patternOf(15, 1024));
    assert.equal(receive(channel).length, 16);
  });

  contract("drain takes no more than it was asked for", () => {
    const channel = open(4096);
    for (let i = 0; i < 10; i++) send(channel, 1 + i, patternOf(i, 8));
    channel.sender.publish();
    assert.deepEqual(
      receive(channel, 3).map(({ kind }) => kind),
      [1, 2, 3],
    );
    assert.equal(receive(channel, 0).length, 0);
    assert.equal(receive(channel).length, 7);
  });

  contract("many laps of records of all lengths arrive unchanged", () => {
    const channel = open(1024);
    for (let round = 0; round < 3000; round++) {
      const lengths = [round % 257, (round * 7) % 129, (round * 3) % 65];
      for (const length of lengths) assert.ok(send(channel, 1 + (round % 9), patternOf(round, length)));
      channel.sender.publish();
      const received = receive(channel);
      assert.deepEqual(
        received.map(({ payload }) => payload),
        lengths.map((length) => patternOf(round, length)),
      );
    }
  });
}

function capacityTests(contract: Contract, open: Open): void {
  contract("a full channel refuses, and takes the record when some were drained", () => {
    const channel = open(1024);
    let sentCount = 0;
    while (send(channel, 1, patternOf(sentCount, 56))) sentCount++;
    assert.equal(sentCount, 1024 / 64);
    assert.equal(send(channel, 1, patternOf(0, 56)), false);
    // What fits a full channel's refusal: it published what it had, or nobody could ever drain it.
    assert.equal(receive(channel, 2).length, 2);
    assert.ok(send(channel, 1, patternOf(sentCount, 56)));
    channel.sender.publish();
    const rest = receive(channel);
    assert.equal(rest.length, sentCount - 1);
    assert.deepEqual(rest.at(-1)?.payload, patternOf(sentCount, 56));
  });

  contract("the largest payload always fits an empty channel, wherever its end lies", () => {
    const channel = open(1024);
    for (let shift = 0; shift < 200; shift++) {
      assert.ok(send(channel, 1, patternOf(shift, 8 * (shift % 5))));
      channel.sender.publish();
      assert.equal(receive(channel).length, 1);
      const payload = patternOf(shift, channel.sender.payloadBytesMax);
      assert.ok(send(channel, 2, payload));
      channel.sender.publish();
      assert.deepEqual(receive(channel), [{ kind: 2, payload }]);
    }
  });

  contract("free bytes shrink with each record and come back when it was drained", () => {
    const channel = open(1024);
    assert.equal(channel.sender.freeBytes(), channel.sender.capacityBytes);
    assert.equal(channel.sender.hasRoom(channel.sender.capacityBytes), true);
    assert.equal(channel.sender.hasRoom(channel.sender.capacityBytes + 1), false);
    send(channel, 1, patternOf(0, 100));
    assert.ok(channel.sender.freeBytes() <= channel.sender.capacityBytes - 100);
    assert.equal(channel.sender.hasRoom(channel.sender.capacityBytes - 99), false);
    channel.sender.publish();
    receive(channel);
    assert.equal(channel.sender.freeBytes(), channel.sender.capacityBytes);
  });
}

function misuseTests(contract: Contract, open: Open): void {
  contract("kinds and lengths out of range are assertion failures", () => {
    const { sender } = open(1024);
    assert.throws(() => sender.reserve(0, 8), AssertionError);
    assert.throws(() => sender.reserve(65_536, 8), AssertionError);
    assert.throws(() => sender.reserve(1, -1), AssertionError);
    assert.throws(() => sender.reserve(1, sender.payloadBytesMax + 1), AssertionError);
    assert.throws(() => sender.reserve(1, 0.5), AssertionError);
  });

  contract("reserve, commit and publish out of turn are assertion failures", () => {
    const { sender } = open(1024);
    assert.throws(() => sender.commit(), AssertionError);
    sender.reserve(1, 8);
    assert.throws(() => sender.reserve(1, 8), AssertionError);
    assert.throws(() => sender.publish(), AssertionError);
    sender.commit();
    sender.publish();
  });

  contract("a handler that drains its own channel is an assertion failure", () => {
    const channel = open(1024);
    send(channel, 1, patternOf(0, 8));
    channel.sender.publish();
    assert.throws(() => channel.receiver.drain(() => receive(channel), 1), AssertionError);
    assert.equal(receive(channel).length, 1, "the record is still there");
  });
}
