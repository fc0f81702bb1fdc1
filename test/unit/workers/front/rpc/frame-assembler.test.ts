import { deepEqual, equal, ok } from "node:assert/strict";
import { describe, it } from "node:test";
import { ByteBudget } from "../../../../../workers/front/rpc/byte-budget.js";
import { FrameAssembler, type FrameSink } from "../../../../../workers/front/rpc/frame-assembler.js";
import { eachSeed } from "../../../../support/each-seed.js";

const FRAME_BYTES_MAX = 16 * 1024 * 1024;
const MIB = 1024 * 1024;

class Sink implements FrameSink {
  readonly frames: Uint8Array[] = [];
  freedCount = 0;
  isGone = false;

  onFrame(bytes: Uint8Array, start: number, end: number): boolean {
    this.frames.push(new Uint8Array(bytes.subarray(start, end)));
    return true;
  }

  budgetFreed(): boolean {
    this.freedCount++;
    return !this.isGone;
  }
}

function framed(body: Uint8Array): Buffer {
  const bytes = Buffer.alloc(4 + body.length);
  bytes.writeInt32BE(body.length);
  bytes.set(body, 4);
  return bytes;
}

describe("frames of a connection", () => {
  it("come out as they went in, however the bytes are cut", () =>
    eachSeed(60, async (random) => {
      const bodies = Array.from({ length: 1 + random.below(20) }, () => {
        const lengthMax = [0, 5, 200, 70_000, 5 * MIB][random.below(5)] ?? 0;
        return Buffer.alloc(random.below(lengthMax + 1), random.below(256));
      });
      const stream = Buffer.concat(bodies.map(framed));
      const sink = new Sink();
      const budget = new ByteBudget(64 * MIB);
      const assembler = new FrameAssembler(sink, budget, FRAME_BYTES_MAX);
      const chunkMax = [1, 3, 100, 65_536, 9 * MIB][random.below(5)] ?? 1;
      const isTiny = chunkMax < 100 && stream.length > 100_000;
      for (let at = 0; at < stream.length; ) {
        const end = Math.min(stream.length, at + 1 + random.below(isTiny ? 65_536 : chunkMax));
        equal(assembler.push(stream.subarray(at, end), 0), "ok");
        at = end;
      }
      equal(sink.frames.length, bodies.length);
      for (const [i, body] of bodies.entries()) ok(body.equals(sink.frames[i] as Uint8Array));
      equal(budget.used, 0);
      equal(assembler.partial, undefined);
    }));

  it("begin after what is not theirs in a chunk", () => {
    const sink = new Sink();
    const assembler = new FrameAssembler(sink, new ByteBudget(MIB), FRAME_BYTES_MAX);
    assembler.push(Buffer.concat([Buffer.from("hrpc123"), framed(Buffer.from("abc"))]), 7);
    deepEqual(sink.frames, [new Uint8Array(Buffer.from("abc"))]);
  });

  for (const [name, length] of [
    ["a negative length", -1],
    ["a length beyond the limit", FRAME_BYTES_MAX + 1],
    ["2 GiB", 0x7fff_ffff],
  ] as const) {
    it(`${name} is invalid, in one piece and in four`, () => {
      const head = Buffer.alloc(4);
      head.writeInt32BE(length);
      equal(new FrameAssembler(new Sink(), new ByteBudget(MIB), FRAME_BYTES_MAX).push(head, 0), "invalid");
      const assembler = new FrameAssembler(new Sink(), new ByteBudget(MIB), FRAME_BYTES_MAX);
      const outcomes = [...head].map((byte) => assembler.push(Buffer.from([byte]), 0));
      deepEqual(outcomes, ["ok", "ok", "ok", "invalid"]);
    });
  }

  it("a length alone takes no more than a report of 40,000 replicas needs", () => {
    const budget = new ByteBudget(512 * MIB);
    const head = Buffer.alloc(4);
    head.writeInt32BE(FRAME_BYTES_MAX);
    new FrameAssembler(new Sink(), budget, FRAME_BYTES_MAX).push(head, 0);
    equal(budget.used, 4 * MIB);
  });

  it("what is dropped is given back", () => {
    const budget = new ByteBudget(512 * MIB);
    const assembler = new FrameAssembler(new Sink(), budget, FRAME_BYTES_MAX);
    assembler.push(framed(Buffer.alloc(6 * MIB)).subarray(0, 5 * MIB), 0);
    ok(budget.used >= 5 * MIB);
    equal(assembler.partial?.length, 5 * MIB - 4);
    assembler.drop();
    equal(budget.used, 0);
  });
});

describe("memory for frames that have not come whole", () => {
  it("the first that finds none may exceed it, the next one waits for it", () => {
    const budget = new ByteBudget(5 * MIB);
    const [first, second, third] = [new Sink(), new Sink(), new Sink()];
    const assemblers = [first, second, third].map(
      (sink) => new FrameAssembler(sink, budget, FRAME_BYTES_MAX),
    );
    const head = framed(Buffer.alloc(6 * MIB)).subarray(0, MIB);
    const outcomes = assemblers.map((assembler) => assembler.push(head, 0));
    deepEqual(outcomes, ["ok", "wait", "wait"]);
    budget.wait(second);
    equal(second.freedCount, 1);
    equal(assemblers[1]?.retry(), "ok");
    budget.wait(third);
    equal(third.freedCount, 0);
    equal(assemblers[2]?.retry(), "wait");
    assemblers[1]?.push(framed(Buffer.alloc(6 * MIB)).subarray(MIB), 0);
    equal(second.frames.length, 1);
    equal(third.freedCount, 1);
  });

  it("who has gone does not keep the others from their turn", () => {
    const budget = new ByteBudget(MIB);
    const [busy, gone, last] = [new Sink(), new Sink(), new Sink()];
    equal(budget.take(busy, MIB), true);
    budget.wait(busy);
    gone.isGone = true;
    budget.wait(gone);
    budget.wait(last);
    equal(last.freedCount, 0);
    budget.release(busy, 0);
    equal(last.freedCount, 1);
  });

  it("a frame that ends asks a few of those who wait, however many there are", () => {
    const budget = new ByteBudget(MIB);
    const busy = new Sink();
    equal(budget.take(busy, MIB), true);
    let askedCount = 0;
    // It needs more than there will be.
    const patient = {
      budgetFreed: () => {
        askedCount++;
        budget.wait(patient);
        return true;
      },
    };
    budget.wait(new Sink());
    const WAITING_COUNT = 5000;
    for (let i = 0; i < WAITING_COUNT; i++) budget.wait(patient);
    for (let i = 0; i < WAITING_COUNT; i++) budget.release(busy, 1);
    ok(askedCount <= 20 * WAITING_COUNT, `${askedCount} asked`);
    equal(budget.waitingCount, WAITING_COUNT);
  });

  it("comes to everybody in the end, whatever their frames need", () =>
    eachSeed(20, async (random) => {
      const budget = new ByteBudget(5 * MIB);
      const peers = Array.from({ length: 60 }, () => {
        const stream = framed(Buffer.alloc(random.below([100_000, 6 * MIB][random.below(2)] ?? 1)));
        const peer = {
          at: 0,
          stream,
          frameCount: 0,
          isPaused: false,
          onFrame: () => ++peer.frameCount > 0,
          budgetFreed: () => {
            peer.isPaused = assembler.retry() === "wait";
            if (peer.isPaused) budget.wait(peer);
            return true;
          },
        };
        const assembler = new FrameAssembler(peer, budget, FRAME_BYTES_MAX);
        return { peer, assembler };
      });
      const isReading = ({ peer }: (typeof peers)[number]) => !peer.isPaused && peer.frameCount === 0;
      for (let open = peers; open.length > 0; open = peers.filter(isReading)) {
        const { peer, assembler } = open[random.below(open.length)] as (typeof peers)[number];
        const chunk = peer.stream.subarray(peer.at, peer.at + 65_536);
        peer.at += chunk.length;
        peer.isPaused = assembler.push(chunk, 0) === "wait";
        if (peer.isPaused) budget.wait(peer);
      }
      deepEqual(
        peers.map(({ peer }) => peer.frameCount),
        peers.map(() => 1),
      );
      deepEqual([budget.used, budget.waitingCount], [0, 0]);
    }));
});
