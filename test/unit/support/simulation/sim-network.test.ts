import assert from "node:assert/strict";
import { test } from "node:test";
import {
  listenOptions,
  RecordingClient,
  RecordingHandler,
} from "../../../integration/gateway/transport-contract.js";
import { networkContract } from "../../../support/contracts/network-contract.js";
import type { SimConnection } from "../../../support/simulation/sim-connection.js";
import { SimWorld } from "../../../support/simulation/sim-world.js";

const SERVER = "10.0.0.1";
const CLIENT = "10.0.0.2";
const SILENT = "10.0.0.3";

networkContract("sim", () => {
  const { scheduler, network } = new SimWorld(2);
  return {
    transport: network.transport(SERVER),
    network: network.network(CLIENT),
    host: SERVER,
    until: (condition, what) => scheduler.runUntil(what, condition),
    settle: (promise) => scheduler.settle(promise),
    silentUrl: async () => {
      network.partition(CLIENT, SILENT);
      return `ws://${SILENT}:9865/admin`;
    },
    close: async () => {},
  };
});

interface Stage {
  readonly world: SimWorld;
  readonly handler: RecordingHandler;
  readonly client: RecordingClient;
  readonly connection: SimConnection;
}

async function connect(seed = 3): Promise<Stage> {
  const world = new SimWorld(seed);
  const handler = new RecordingHandler();
  const options = listenOptions({ host: SERVER, idleTimeoutSeconds: 10 });
  const listener = await world.network.transport(SERVER).listen(options, handler);
  const client = new RecordingClient();
  const url = `ws://${SERVER}:${listener.port}/datanode`;
  const dialOptions = { subprotocol: "strata.v1", messageBytesMax: 1 << 20, handshakeTimeoutMs: 1_000 };
  const connection = world.network.dial(CLIENT, url, dialOptions, client);
  client.connection = connection;
  await world.scheduler.runUntil("the client is open", () => client.isOpened);
  return { world, handler, client, connection };
}

test("a message that is kept beyond its handler is overwritten", async () => {
  const { world, handler, client } = await connect();
  const kept: Uint8Array[] = [];
  handler.onMessageDo = (_, message) => kept.push(message);
  client.connection.send(Uint8Array.of(1, 2, 3));
  await world.scheduler.runUntil("the message", () => kept.length === 1);
  await world.scheduler.run(world.scheduler.nowMs + 1);
  assert.deepEqual(kept[0], Uint8Array.of(0xdd, 0xdd, 0xdd));
});

test("when the server's process dies its handlers hear nothing, and the client of a reset", async () => {
  const { world, handler, client, connection } = await connect();
  world.network.die(SERVER, "process");
  await world.scheduler.runUntil("the client hears of it", () => client.closed !== undefined);
  assert.equal(client.closed?.code, 1006);
  assert.deepEqual(handler.closed, []);
  assert.ok(!world.network.connections.includes(connection));
});

test("when the server's machine dies the client hears nothing", async () => {
  const { world, handler, client } = await connect();
  world.network.die(SERVER, "machine");
  assert.equal(client.connection.send(Uint8Array.of(1)), true);
  await world.scheduler.run(world.scheduler.nowMs + 60_000);
  assert.equal(client.closed, undefined);
  assert.deepEqual(handler.closed, []);
});

test("a partition holds everything back until it heals, and loses nothing", async () => {
  const { world, client } = await connect();
  world.network.partition(SERVER, CLIENT);
  for (let i = 0; i < 20; i++) assert.equal(client.connection.send(Uint8Array.of(i)), true);
  await world.scheduler.run(world.scheduler.nowMs + 5_000);
  assert.equal(client.received.length, 0);
  world.network.heal(CLIENT, SERVER);
  await world.scheduler.runUntil("all echoes", () => client.received.length === 20);
  assert.deepEqual(
    client.received.map((message) => message[0]),
    Array.from({ length: 20 }, (_, i) => i),
  );
});

test("a partition that outlasts the idle timeout closes the server's side, then the client's", async () => {
  const { world, handler, client } = await connect();
  world.network.partition(SERVER, CLIENT);
  await world.scheduler.runUntil("the server gives up", () => handler.closed.length === 1);
  assert.equal(handler.closed[0]?.code, 1006);
  assert.ok(world.scheduler.nowMs >= 10_000);
  assert.equal(client.closeCount, 0);
  world.network.heal(SERVER, CLIENT);
  await world.scheduler.runUntil("the client hears of it", () => client.closed !== undefined);
  assert.equal(client.closed?.code, 1006);
  assert.deepEqual(world.network.connections, []);
});

test("a healthy connection that says nothing stays open", async () => {
  const { world, handler, client } = await connect();
  await world.scheduler.run(100_000);
  assert.equal(handler.closed.length, 0);
  assert.equal(client.closeCount, 0);
});

test("a silent client is closed after the idle timeout, and its own close ends by timeout", async () => {
  const { world, handler, client, connection } = await connect();
  assert.equal(connection.silentSinceMs, undefined);
  connection.goSilent();
  assert.equal(connection.silentSinceMs, world.scheduler.nowMs);
  client.connection.close(1000, "");
  assert.equal(connection.silentSinceMs, undefined, "the client has noticed");
  await world.scheduler.runUntil("the client gives up", () => client.closed !== undefined);
  assert.equal(client.closed?.code, 1006);
  assert.equal(handler.closed.length, 0);
  await world.scheduler.runUntil("the server gives up", () => handler.closed.length === 1);
});

test("a reset is a 1006 on both sides and loses what was on its way", async () => {
  const { world, handler, client, connection } = await connect();
  client.connection.send(Uint8Array.of(1));
  connection.reset();
  await world.scheduler.runUntil("both hear of it", () => handler.closed.length + client.closeCount === 2);
  assert.equal(handler.closed[0]?.code, 1006);
  assert.equal(client.closed?.code, 1006);
  assert.equal(handler.received.length, 0);
});

test("what a client does not read piles up at the server until it is cut off", async () => {
  const { world, handler, client, connection } = await connect();
  const server = handler.opened[0];
  assert.ok(server !== undefined);
  connection.pauseReading();
  const message = new Uint8Array(16 * 1024);
  let sentCount = 0;
  while (server.send(message)) {
    sentCount++;
    await world.scheduler.run(world.scheduler.nowMs + 10);
  }
  // 64 KB with the operating systems, 256 KB waiting.
  assert.equal(sentCount, 20);
  assert.equal(handler.closed[0]?.code, 1008);
  connection.resumeReading();
  await world.scheduler.runUntil("the client hears of it", () => client.closed !== undefined);
});

test("a client that reads again in time gets everything", async () => {
  const { world, handler, client, connection } = await connect();
  const server = handler.opened[0];
  assert.ok(server !== undefined);
  connection.pauseReading();
  for (let i = 0; i < 10; i++) server.send(new Uint8Array(16 * 1024));
  assert.ok(server.bufferedBytes() > 0);
  connection.resumeReading();
  await world.scheduler.runUntil("all arrive", () => client.received.length === 10);
  assert.equal(server.bufferedBytes(), 0);
});

test("the same seed gives the same run, another one another", async () => {
  const digestOf = async (seed: number): Promise<number> => {
    const { world, client } = await connect(seed);
    for (let i = 0; i < 100; i++) client.connection.send(Uint8Array.of(i));
    await world.scheduler.runUntil("all echoes", () => client.received.length === 100);
    return world.scheduler.digest;
  };
  assert.equal(await digestOf(11), await digestOf(11));
  assert.notEqual(await digestOf(11), await digestOf(12));
});

test("a link that is cut in one direction lets the other one through", async () => {
  const { world, handler, client } = await connect();
  const mend = world.network.cut(SERVER, CLIENT);
  client.connection.send(Uint8Array.of(7));
  await world.scheduler.run(world.scheduler.nowMs + 1_000);
  assert.equal(handler.received.length, 1);
  assert.equal(client.received.length, 0);
  mend();
  await world.scheduler.runUntil("the echo", () => client.received.length === 1);
});

test("a host that stands still takes nothing in until it goes on", async () => {
  const { world, handler, client } = await connect();
  const thaw = world.network.freeze(SERVER);
  client.connection.send(Uint8Array.of(7));
  await world.scheduler.run(world.scheduler.nowMs + 1_000);
  assert.equal(handler.received.length, 0);
  thaw();
  thaw();
  await world.scheduler.runUntil("the echo", () => client.received.length === 1);
});

test("a slow link takes longer, until it is quick again", async () => {
  const { world, client } = await connect();
  const quicken = world.network.slow(SERVER, CLIENT, 500);
  const startMs = world.scheduler.nowMs;
  client.connection.send(Uint8Array.of(7));
  await world.scheduler.runUntil("the echo", () => client.received.length === 1);
  assert.ok(world.scheduler.nowMs - startMs >= 500);
  quicken();
  client.connection.send(Uint8Array.of(8));
  await world.scheduler.runUntil("the next one", () => client.received.length === 2);
  assert.ok(world.scheduler.nowMs - startMs < 600);
});

test("when the client's process dies it hears nothing, and the server of a reset", async () => {
  const { world, handler, client } = await connect();
  world.network.die(CLIENT, "process");
  await world.scheduler.runUntil("the server hears of it", () => handler.closed.length === 1);
  assert.equal(handler.closed[0]?.code, 1006);
  assert.equal(client.closed, undefined);
  assert.deepEqual(world.network.connections, []);
});

test("a machine that comes back resets the connections of its former life", async () => {
  const { world, handler, client } = await connect();
  world.network.die(SERVER, "machine");
  await world.scheduler.run(world.scheduler.nowMs + 5_000);
  assert.equal(client.closed, undefined);
  world.network.revive(SERVER);
  await world.scheduler.runUntil("the client hears of it", () => client.closed !== undefined);
  assert.deepEqual(handler.closed, []);
});

test("a dead machine refuses nobody: who dials it waits for the timeout", async () => {
  const { world } = await connect();
  world.network.die(SERVER, "machine");
  const client = new RecordingClient();
  const dialOptions = { subprotocol: "strata.v1", messageBytesMax: 1 << 20, handshakeTimeoutMs: 1_000 };
  world.network.dial(CLIENT, `ws://${SERVER}:9865/datanode`, dialOptions, client);
  const startMs = world.scheduler.nowMs;
  await world.scheduler.runUntil("the timeout", () => client.closed !== undefined);
  assert.ok(world.scheduler.nowMs - startMs >= 1_000);
});
