import { deepEqual, equal, match, ok, throws } from "node:assert/strict";
import { describe, it } from "node:test";
import { RpcResponseHeaderProtoSchema } from "../../../../../protocol/hadoop/generated/rpc_pb.js";
import { decodeMessage } from "../../../../../protocol/hadoop/message.js";
import {
  call,
  context,
  frame,
  PROTOCOLS,
  ping,
  preamble,
  RawConnection,
} from "../../../../../scripts/interop/raw-connection.js";
import { delimited, delimitedMessages, message } from "../../../../../scripts/interop/wire-text.js";
import type { HadoopCall } from "../../../../../workers/front/rpc/call.js";
import type { FrontSettings } from "../../../../../workers/shared/front-settings.js";
import { KeepingProtocol, RpcWorld, SETTINGS } from "../../../../support/front/rpc-world.js";
import { waitFor } from "../../../../support/wait.js";

const { location } = PROTOCOLS;
const BODY = Buffer.from("0807", "hex");
const ANSWER = Buffer.from("0809", "hex");
const MIB = 1024 * 1024;

async function inWorld(
  play: (world: RpcWorld) => Promise<void>,
  settings: Partial<FrontSettings> = {},
): Promise<void> {
  const world = await RpcWorld.open(new KeepingProtocol(location.name, location.method), settings);
  try {
    await play(world);
  } finally {
    await world.close();
  }
}

function connect(world: RpcWorld): RawConnection {
  const connection = new RawConnection(world.port);
  connection.send(preamble(), context(location));
  return connection;
}

/** And waits until it has been read. */
async function sendWhole(world: RpcWorld, connection: RawConnection, bytes: Uint8Array): Promise<void> {
  const { counters } = world.server;
  const receivedBytes = counters.receivedBytes + bytes.length;
  connection.send(bytes);
  await waitFor("it has come", () => counters.receivedBytes === receivedBytes);
}

async function callsOf(world: RpcWorld, count: number): Promise<readonly HadoopCall[]> {
  const { calls } = world.protocol;
  await waitFor(`${count} calls`, () => calls.length >= count);
  return calls;
}

function callIdsOf(answers: readonly string[]): number[] {
  return answers.map((text) => Number(/^ {2}1: (\d+)$/m.exec(text)?.[1]));
}

describe("calls", () => {
  it("tell who asks for what", () =>
    inWorld(async (world) => {
      const connection = connect(world);
      connection.send(call(3, location, BODY));
      const [first] = await callsOf(world, 1);
      deepEqual(
        [first?.user, first?.realUser, first?.method, first?.type, first?.remoteAddress],
        ["root", undefined, location.method, location.method, "127.0.0.1"],
      );
      deepEqual(Buffer.from(world.protocol.bodies[0] as Uint8Array), BODY);
      connection.close();
    }));

  it("of one segment are answered in any order, each once", () =>
    inWorld(async (world) => {
      const connection = connect(world);
      const ids = [0, 1, 2, 2 ** 31 - 1];
      connection.send(Buffer.concat(ids.map((id) => call(id, location, BODY))));
      const calls = [...(await callsOf(world, 4))];
      for (const each of calls.toReversed()) ok(each.reply(ANSWER));
      const answers = [];
      for (const _ of ids) answers.push(await connection.answer());
      deepEqual(callIdsOf(answers), ids.toReversed());
      connection.close();
    }));

  it("get their client id back, of whatever length, when other frames have come meanwhile", () =>
    inWorld(async (world) => {
      const connection = connect(world);
      const ids = ["", "x", "0123456789abcdef", "y".repeat(40)];
      const engine = message([1, location.method], [2, location.name], [3, 1]);
      const frames = ids.map((id, i) => {
        const header = message([1, 2], [2, 0], [3, 2 * i], [4, id], [5, 7]);
        return frame(delimited(header), delimited(engine), delimited(BODY));
      });
      // In two parts each, so that they come through the buffers that are used again.
      for (const bytes of frames) {
        const received = world.server.counters.receivedBytes;
        connection.send(bytes.subarray(0, 30));
        await waitFor("a part has come", () => world.server.counters.receivedBytes > received);
        connection.send(bytes.subarray(30));
        await waitFor("all has come", () => world.server.counters.receivedBytes >= received + bytes.length);
      }
      for (const each of await callsOf(world, ids.length)) each.reply(ANSWER);
      for (const id of ids) {
        const answer = await connection.answer();
        equal(/^ {2}7: "(.*)"$/m.exec(answer)?.[1], id);
        equal(/^ {2}8: (\d+)$/m.exec(answer)?.[1], "7");
      }
      connection.close();
    }));

  it("with a client id that is too long to keep end their connection", () =>
    inWorld(async (world) => {
      const connection = connect(world);
      const header = message([1, 2], [2, 0], [3, 0], [4, "y".repeat(257)], [5, 0]);
      const engine = message([1, location.method], [2, location.name], [3, 1]);
      connection.send(frame(delimited(header), delimited(engine), delimited(BODY)));
      match(await connection.answer(), /RPC header cannot be read/);
      equal(world.protocol.calls.length, 0);
      connection.close();
    }));

  it("must not be answered twice", () =>
    inWorld(async (world) => {
      const connection = connect(world);
      connection.send(call(0, location, BODY));
      const [first] = await callsOf(world, 1);
      ok(first?.reply(ANSWER));
      throws(() => first?.reply(ANSWER), /answered twice/);
      throws(() => first?.fail("c", "m"), /answered twice/);
      connection.close();
    }));

  it("whose client has gone are told so", () =>
    inWorld(async (world) => {
      const connection = connect(world);
      connection.send(call(0, location, BODY), call(1, location, BODY));
      const [first, second] = await callsOf(world, 2);
      connection.close();
      await waitFor("the connection is gone", () => world.server.connectionCount === 0);
      equal(first?.reply(ANSWER), false);
      equal(second?.fail("c", "m"), false);
      equal(world.server.counters.callsInProgress, 0);
    }));

  it("whose answer gathers when the connection breaks are told so once", () =>
    inWorld(async (world) => {
      const connection = connect(world);
      connection.send(call(0, location, BODY), call(1, location, BODY));
      const [first, second] = await callsOf(world, 2);
      let undelivered = 0;
      for (const each of [first, second]) {
        if (each === undefined) continue;
        each.onUndelivered = () => undelivered++;
        ok(each.reply(ANSWER));
      }
      // Before the turn ends, in which the answers would be written.
      for (const open of world.server.connections()) open.cutOff();
      equal(undelivered, 2);
      await waitFor("the connection is gone", () => world.server.connectionCount === 0);
      equal(undelivered, 2);
    }));

  it("whose answer the system has taken are not told anything", () =>
    inWorld(async (world) => {
      const connection = connect(world);
      connection.send(call(0, location, BODY));
      const [first] = await callsOf(world, 1);
      let undelivered = 0;
      if (first !== undefined) first.onUndelivered = () => undelivered++;
      first?.reply(ANSWER);
      await connection.answer();
      connection.close();
      await waitFor("the connection is gone", () => world.server.connectionCount === 0);
      equal(undelivered, 0);
    }));

  it("are counted by type, with errors by class", () =>
    inWorld(async (world) => {
      const connection = connect(world);
      connection.send(
        call(0, location, BODY),
        call(1, location, BODY),
        call(2, { ...location, name: "x" }, BODY),
      );
      const [first, second] = await callsOf(world, 2);
      if (first !== undefined) first.type = "GetScmInfo";
      world.time.advance(40);
      first?.reply(ANSWER);
      second?.fail("java.io.IOException", "no");
      for (let i = 0; i < 3; i++) await connection.answer();
      const figures = [...world.server.callStats()].map(
        ({ protocol, type, count, totalMs, requestBytes, errors }) => {
          return { protocol, type, count, totalMs, requestBytes, errors: [...errors] };
        },
      );
      const same = { count: 1, requestBytes: 2 };
      deepEqual(figures, [
        { ...same, protocol: location.name, type: "GetScmInfo", totalMs: 40, errors: [] },
        {
          ...same,
          protocol: location.name,
          type: location.method,
          totalMs: 40,
          errors: [["java.io.IOException", 1]],
        },
        {
          ...same,
          protocol: "unknown",
          type: "unknown",
          totalMs: 0,
          errors: [["org.apache.hadoop.ipc_.RpcNoSuchProtocolException", 1]],
        },
      ]);
      connection.close();
    }));

  it("with long answers get them whole, beside short ones", () =>
    inWorld(async (world) => {
      const connection = connect(world);
      const lengths = [0, 100, 20_000, 300_000, 5, 3 * MIB, 1];
      connection.send(Buffer.concat(lengths.map((_, i) => call(i, location, BODY))));
      const calls = await callsOf(world, lengths.length);
      for (const [i, length] of lengths.entries()) calls[i]?.reply(Buffer.alloc(length, 0x41));
      for (const [i, length] of lengths.entries()) {
        const [header, body] = delimitedMessages(await connection.frame());
        equal(decodeMessage(RpcResponseHeaderProtoSchema, header as Uint8Array).callId, i);
        ok(Buffer.alloc(length, 0x41).equals(body as Uint8Array));
      }
      connection.close();
    }));

  it("that are too many without an answer stop the reading, until there are fewer", () =>
    inWorld(async (world) => {
      const connection = connect(world);
      const sent = 40_000;
      for (let at = 0; at < sent; at += 1000) {
        connection.send(Buffer.concat(Array.from({ length: 1000 }, (_, i) => call(at + i, location, BODY))));
      }
      const calls = await callsOf(world, 1024);
      // What was read already is handled; the rest stays with the system.
      await new Promise((resolve) => setTimeout(resolve, 50));
      ok(calls.length < 3000, `${calls.length} calls were taken`);
      world.protocol.answer = () => ANSWER;
      for (const each of calls.slice()) each.reply(ANSWER);
      await waitFor("all are handled", () => world.protocol.bodies.length === sent);
      connection.close();
    }));

  it("that were cut off are shown to their protocol", () =>
    inWorld(async (world) => {
      const connection = connect(world);
      const bytes = call(0, location, Buffer.alloc(100_000, 7));
      connection.send(bytes.subarray(0, 50_000));
      await waitFor("it has come", () => world.server.counters.receivedBytes >= 50_000);
      connection.close();
      await waitFor("the connection is gone", () => world.server.connectionCount === 0);
      const [cutOff] = world.protocol.cutOff;
      equal(world.protocol.cutOff.length, 1);
      equal(cutOff?.method, location.method);
      deepEqual(Buffer.from(cutOff?.body ?? []), Buffer.alloc(4096, 7));
    }));
});

describe("the life of a connection", () => {
  it("ends 5 s after it was accepted, without a context", () =>
    inWorld(async (world) => {
      const silent = new RawConnection(world.port);
      silent.send("hrp");
      const honest = connect(world);
      honest.send(call(0, location, BODY));
      await callsOf(world, 1);
      await waitFor("both are there", () => world.server.connectionCount === 2);
      world.time.advance(4000);
      equal(world.server.connectionCount, 2);
      world.time.advance(2000);
      equal((await silent.untilClosed()).length, 0);
      equal(world.server.connectionCount, 1);
      honest.close();
    }));

  it("ends after 60 s of silence, but not with a call in progress", () =>
    inWorld(async (world) => {
      const [idle, busy, pinging] = [connect(world), connect(world), connect(world)];
      busy.send(call(0, location, BODY));
      idle.send(call(0, location, BODY));
      pinging.send(call(0, location, BODY));
      const calls = await callsOf(world, 3);
      const [first, second, third] = calls;
      ok(first !== undefined && second !== undefined && third !== undefined);
      // All three come from one address: which is whose shows by who gets the answer.
      calls[0]?.reply(ANSWER);
      calls[1]?.reply(ANSWER);
      const answered = await Promise.race(
        [idle, busy, pinging].map(async (each) => {
          await each.answer();
          return each;
        }),
      );
      const received = world.server.counters.receivedBytes;
      world.time.advance(50_000);
      answered.send(ping());
      await waitFor("the ping has come", () => world.server.counters.receivedBytes > received);
      world.time.advance(20_000);
      // Gone is the one of the three that was answered and did not ping.
      await waitFor("one has gone", () => world.server.connectionCount === 2);
      world.time.advance(300_000);
      await waitFor("only the one with a call is left", () => world.server.connectionCount === 1);
      third.reply(ANSWER);
      for (const each of [idle, busy, pinging]) each.close();
    }));

  it("does not begin beyond the limit of connections", () =>
    inWorld(
      async (world) => {
        const [first, second] = [connect(world), connect(world)];
        await waitFor("both are there", () => world.server.connectionCount === 2);
        const third = connect(world);
        equal((await third.untilClosed()).length, 0);
        equal(world.server.counters.connectionsRefused, 1);
        first.close();
        await waitFor("there is room", () => world.server.connectionCount === 1);
        const fourth = connect(world);
        fourth.send(call(0, location, BODY));
        await callsOf(world, 1);
        for (const each of [second, fourth]) each.close();
      },
      { connectionCountMax: 2 },
    ));

  it("stands still while main can take no more, and nothing of it is lost", () =>
    inWorld(async (world) => {
      const connection = connect(world);
      connection.send(call(0, location, BODY));
      await callsOf(world, 1);
      world.server.setPaused(true);
      connection.send(call(1, location, BODY));
      const late = connect(world);
      late.send(call(0, location, BODY));
      await waitFor("the late one is there", () => world.server.connectionCount === 2);
      await new Promise((resolve) => setTimeout(resolve, 50));
      equal(world.protocol.calls.length, 1);
      world.server.setPaused(false);
      await callsOf(world, 3);
      for (const each of [connection, late]) each.close();
    }));

  it("ends with a frame that is longer than its port takes", async () => {
    for (const name of ["client", "datanode", "block"] as const) {
      const bytesMax = SETTINGS.frameBytesMax[name];
      const world = await RpcWorld.open(new KeepingProtocol(location.name, location.method), {}, name);
      const [fitting, longer] = [connect(world), connect(world)];
      const length = Buffer.alloc(4);
      length.writeInt32BE(bytesMax + 1);
      longer.send(length);
      equal((await longer.untilClosed()).length, 0);
      length.writeInt32BE(bytesMax);
      fitting.send(length);
      await waitFor("it has begun", () => world.server.budget.used > 0);
      equal(world.server.connectionCount, 1);
      fitting.close();
      await world.close();
    }
  });

  it("ends when a frame has not come whole in 60 s, however it drips, while main took more", () =>
    inWorld(async (world) => {
      const [dripping, honest] = [connect(world), connect(world)];
      const whole = call(0, location, Buffer.alloc(1000));
      dripping.send(call(0, location, BODY));
      honest.send(call(0, location, BODY));
      for (const each of await callsOf(world, 2)) each.reply(ANSWER);
      await Promise.all([dripping.answer(), honest.answer()]);
      const drip = (connection: RawConnection, bytes: Uint8Array) => sendWhole(world, connection, bytes);
      // A frame each that takes 50 s: the time of one does not count for the next.
      const half = Math.floor(whole.length / 2);
      await drip(honest, whole.subarray(0, half));
      world.time.advance(50_000);
      await drip(honest, Buffer.concat([whole.subarray(half), whole.subarray(0, 100)]));
      await drip(dripping, whole.subarray(0, 2));
      world.time.advance(30_000);
      equal(world.server.connectionCount, 2);
      await drip(dripping, whole.subarray(2, 3));
      world.server.setPaused(true);
      world.time.advance(100_000);
      world.server.setPaused(false);
      world.time.advance(29_000);
      equal(world.server.connectionCount, 2);
      await drip(dripping, whole.subarray(3, 4));
      await drip(honest, whole.subarray(100));
      await waitFor("the whole one is there", () => world.protocol.calls.length === 4);
      world.time.advance(1000);
      await dripping.untilClosed();
      equal(world.server.connectionCount, 1);
      equal(world.server.counters.connectionsTimedOut, 1);
      honest.close();
    }));

  it("does not end since main could take no more for a while, which is counted", () =>
    inWorld(async (world) => {
      const known = connect(world);
      known.send(call(0, location, BODY));
      (await callsOf(world, 1))[0]?.reply(ANSWER);
      await known.answer();
      world.server.setPaused(true);
      const late = connect(world);
      late.send(call(0, location, BODY));
      known.send(call(1, location, BODY));
      await waitFor("the late one is there", () => world.server.connectionCount === 2);
      world.time.advance(70_000);
      equal(world.server.connectionCount, 2);
      world.server.setPaused(false);
      world.time.advance(1000);
      await callsOf(world, 3);
      const { connectionsTimedOut, pauses, pausedMs } = world.server.counters;
      deepEqual([connectionsTimedOut, pauses, pausedMs], [0, 1, 70_000]);
      for (const each of [known, late]) each.close();
    }));

  it("ends as late as main has paused, and no later, whenever that is looked at", () =>
    inWorld(async (world) => {
      // So that each look falls into a pause.
      const live = (seconds: number): void => {
        for (let second = 0; second < seconds; second++) {
          world.time.advance(600);
          world.server.setPaused(true);
          world.time.advance(400);
          world.server.setPaused(false);
        }
      };
      const [dripping, stranger] = [new RawConnection(world.port), new RawConnection(world.port)];
      const known = [preamble(), context(location), call(0, location, BODY)];
      await sendWhole(world, dripping, Buffer.concat([...known, new Uint8Array(3)]));
      await sendWhole(world, stranger, preamble());
      (await callsOf(world, 1))[0]?.reply(ANSWER);
      await dripping.answer();
      // 0.6 s each: 4.8 s of the 5 that a context may take.
      live(8);
      equal(world.server.connectionCount, 2);
      live(1);
      await stranger.untilClosed();
      const silent = new RawConnection(world.port);
      await sendWhole(world, silent, Buffer.concat([preamble(), context(location), ping()]));
      live(90);
      equal(world.server.connectionCount, 2);
      live(1);
      await dripping.untilClosed();
      live(8);
      equal(world.server.connectionCount, 1);
      live(1);
      await silent.untilClosed();
      equal(world.server.counters.connectionsTimedOut, 3);
    }));

  it("has no more time for what began in a pause of main than from its end on", () =>
    inWorld(async (world) => {
      const known = connect(world);
      known.send(call(0, location, BODY));
      const [asked] = await callsOf(world, 1);
      world.server.setPaused(true);
      world.time.advance(50_000);
      const stranger = new RawConnection(world.port);
      await waitFor("the stranger is there", () => world.server.connectionCount === 2);
      asked?.reply(ANSWER);
      await known.answer();
      world.time.advance(20_000);
      world.server.setPaused(false);
      world.time.advance(4000);
      equal(world.server.connectionCount, 2);
      world.time.advance(1000);
      equal(world.server.connectionCount, 1);
      await stranger.untilClosed();
      world.time.advance(54_000);
      equal(world.server.connectionCount, 1);
      world.time.advance(1000);
      equal(world.server.connectionCount, 0);
      await known.untilClosed();
    }));

  it("of who reads nothing holds a bounded number of answers, and the others go on", () =>
    inWorld(async (world) => {
      world.protocol.answer = () => Buffer.alloc(100_000);
      const slow = connect(world);
      slow.pause();
      const calls = Buffer.concat(Array.from({ length: 200 }, (_, i) => call(i, location, BODY)));
      for (let i = 0; i < 40; i++) slow.send(calls);
      await waitFor("answers pile up", () => world.protocol.bodies.length > 100);
      await new Promise((resolve) => setTimeout(resolve, 100));
      // One read of 64 KB holds about 400 such calls.
      ok(world.protocol.bodies.length < 2000, `${world.protocol.bodies.length} were handled`);
      const honest = connect(world);
      honest.send(call(5, location, BODY));
      deepEqual(callIdsOf([await honest.answer()]), [5]);
      for (const each of [slow, honest]) each.close();
    }));

  it("a second frame that is larger than the memory for all waits, and then comes whole", () =>
    inWorld(
      async (world) => {
        const connections = [connect(world), connect(world), connect(world)];
        const frames = connections.map((_, i) => call(i, location, Buffer.alloc(20 * MIB, i)));
        for (const [i, each] of connections.entries())
          each.send((frames[i] as Uint8Array).subarray(0, 15 * MIB));
        await waitFor("two wait", () => world.server.budget.waitingCount > 0);
        for (const [i, each] of connections.entries())
          each.send((frames[i] as Uint8Array).subarray(15 * MIB));
        await callsOf(world, 3);
        deepEqual(
          world.protocol.bodies.map((body) => body.length),
          [20 * MIB, 20 * MIB, 20 * MIB],
        );
        equal(world.server.budget.used, 0);
        for (const each of connections) each.close();
      },
      { bufferedBytesMax: 16 * MIB },
    ));

  it("2,000 clients one after the other leave nothing behind", { timeout: 60_000 }, () =>
    inWorld(async (world) => {
      world.protocol.answer = () => ANSWER;
      for (let at = 0; at < 5000; at += 50) {
        const clients = Array.from({ length: 50 }, () => connect(world));
        for (const each of clients) each.send(call(1, location, BODY));
        await Promise.all(clients.map((each) => each.answer()));
        for (const each of clients) each.close();
      }
      await waitFor("all are gone", () => world.server.connectionCount === 0);
      equal(world.server.counters.connectionsAccepted, 5000);
      deepEqual(
        [
          world.server.counters.callsInProgress,
          world.server.budget.used,
          world.server.counters.connectionsRefused,
        ],
        [0, 0, 0],
      );
    }),
  );
});
