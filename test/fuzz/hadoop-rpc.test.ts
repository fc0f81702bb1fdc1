import { equal, ok } from "node:assert/strict";
import { randomInt } from "node:crypto";
import { connect as connectSocket } from "node:net";
import { after, before, describe, it } from "node:test";
import type { Random } from "../../engine/core/random.js";
import { SeededRandom } from "../../engine/core/random.js";
import {
  call,
  context,
  frame,
  header,
  PROTOCOLS,
  ping,
  preamble,
  RawConnection,
  SASL_CALL,
} from "../../scripts/interop/raw-connection.js";
import { delimited, message } from "../../scripts/interop/wire-text.js";
import { KeepingProtocol, LOOPBACK, RpcWorld } from "../support/front/rpc-world.js";
import { mutate } from "../support/mutate-frame.js";
import { waitFor } from "../support/wait.js";

/** To replay a failed run, put the seed of its test name here. */
const REPLAY_SEED: number | undefined = undefined;
const SEED = REPLAY_SEED ?? randomInt(2 ** 31);
const STREAM_COUNT = 600;
/** Streams that are open at a time. */
const OPEN_COUNT_MAX = 40;

const { location } = PROTOCOLS;
const ANSWER = message([1, 14], [5, 1], [19, [[1, 0]]]);
const IN_SAFE_MODE = message([1, 14], [2, ""], [3, 3], [19, []]);

/** Pieces of right streams. */
const PIECES: readonly Uint8Array[] = [
  preamble(),
  preamble({ auth: 0xdf }),
  context(location),
  call(0, location, IN_SAFE_MODE),
  call(1, location, Buffer.alloc(70_000, 1)),
  call(2, { ...location, method: "no" }, IN_SAFE_MODE),
  call(3, { ...location, name: "org.example.Unknown" }, IN_SAFE_MODE),
  ping(),
  frame(delimited(header(SASL_CALL)), delimited(message([2, 1]))),
  frame(delimited(header(4)), delimited(message([1, "m"], [2, "p"], [3, 1]))),
  frame(),
  Buffer.from([0x7f, 0xff, 0xff, 0xff]),
  Buffer.from([0x00, 0x40, 0x00, 0x00]),
];

/** Mostly right at the beginning, so that there is something to break. */
function randomStream(random: Random): Uint8Array {
  const parts: Uint8Array[] = random.below(4) === 0 ? [] : [preamble()];
  if (parts.length > 0 && random.below(4) > 0) parts.push(context(location));
  for (let i = random.below(6); i > 0; i--) {
    const piece = PIECES[random.below(PIECES.length)] as Uint8Array;
    parts.push(random.below(3) === 0 ? mutate(piece, random, PIECES) : piece);
  }
  if (random.below(5) === 0)
    parts.push(Uint8Array.from({ length: random.below(300) }, () => random.below(256)));
  const whole = Buffer.concat(parts);
  return random.below(3) === 0 ? mutate(whole, random, PIECES) : whole;
}

describe(`streams that break the rules of Hadoop RPC (seed ${SEED})`, () => {
  let world: RpcWorld;
  before(async () => {
    const protocol = new KeepingProtocol(location.name, location.method);
    protocol.answer = () => ANSWER;
    world = await RpcWorld.open(protocol);
  });
  after(() => world.close());

  it("end their own connections at most; nobody else notices", async () => {
    const random = new SeededRandom(SEED);
    const honest = new RawConnection(world.port);
    honest.send(preamble(), context(location));
    const open: ReturnType<typeof connectSocket>[] = [];
    for (let i = 0; i < STREAM_COUNT; i++) {
      const bytes = randomStream(random);
      const socket = connectSocket({ host: LOOPBACK, port: world.port });
      socket.on("error", () => {});
      socket.on("data", () => {});
      for (let at = 0; at < bytes.length; ) {
        const end = Math.min(bytes.length, at + 1 + random.below(random.below(2) === 0 ? 8 : 100_000));
        socket.write(bytes.subarray(at, end));
        at = end;
      }
      open.push(socket);
      // Some stay in the middle of what they say.
      if (open.length > OPEN_COUNT_MAX) open.splice(random.below(open.length), 1)[0]?.destroy();
      if (i % 10 !== 0) continue;
      honest.send(call(i, location, IN_SAFE_MODE));
      const answer = await honest.answer();
      ok(answer.includes(`  1: ${i}\n  2: 0\n`), answer);
    }
    for (const socket of open) socket.destroy();
    await waitFor("they are gone", () => world.server.connectionCount === 1);
    equal(world.server.counters.callsInProgress, 0);
    equal(world.server.budget.used, 0);
    honest.close();
    await waitFor("the honest one is gone", () => world.server.connectionCount === 0);
  });

  it("and then are silent lose their connection in time", async () => {
    const half = new RawConnection(world.port);
    half.send(preamble(), context(location), call(0, location, IN_SAFE_MODE));
    await half.answer();
    half.send(call(1, location, Buffer.alloc(100_000)).subarray(0, 50_000));
    await waitFor("the half frame is there", () => world.server.budget.used > 0);
    const streams = [
      preamble().subarray(0, 3),
      preamble(),
      Buffer.concat([preamble(), context(location).subarray(0, 20)]),
    ];
    const sockets = streams.map((bytes) => {
      const socket = connectSocket({ host: LOOPBACK, port: world.port });
      socket.on("error", () => {});
      socket.write(bytes);
      return socket;
    });
    await waitFor("all are there", () => world.server.connectionCount === sockets.length + 1);
    world.time.advance(6000);
    await waitFor("the strangers are gone", () => world.server.connectionCount === 1);
    world.time.advance(60_000);
    equal((await half.untilClosed()).length, 0);
    equal(world.server.budget.used, 0);
    for (const socket of sockets) socket.destroy();
  });
});
