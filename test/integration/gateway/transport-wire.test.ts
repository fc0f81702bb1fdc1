import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { describe, test } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import type { ListenOptions, Transport, TransportHandler } from "../../../engine/core/transport.js";
import { loadUws } from "../../../engine/gateway/create-transport.js";
import { openFileLimit } from "../../../engine/host/open-file-limit.js";
import {
  clientFrame,
  OPCODE_BINARY,
  OPCODE_PING,
  OPCODE_TEXT,
  RawClient,
} from "../../support/gateway/raw-client.js";
import { transports, until } from "../../support/gateway/socket-world.js";
import { listenOptions, RecordingHandler } from "./transport-contract.js";

/** Shortest idle timeout that exists. */
const IDLE_SECONDS = 8;
const IDLE_LIMIT_MS = 20_000;

async function withServer(
  transport: Transport,
  changes: Partial<ListenOptions>,
  run: (port: number, handler: RecordingHandler) => Promise<void>,
): Promise<void> {
  const handler = new RecordingHandler();
  const listener = await transport.listen(listenOptions({ host: "127.0.0.1", ...changes }), handler);
  try {
    await run(listener.port, handler);
  } finally {
    await listener.close();
  }
}

describe("on the wire", { concurrency: true }, () => {
  for (const { name, make } of transports()) {
    describe(name, { concurrency: true }, () => {
      httpTests(make);
      frameTests(make);
      silenceTests(make);
      listenerTests(make);
      processTests(name);
    });
  }
});

// Afterwards: they keep the event loop from answering the pings of others.
for (const { name, make } of transports()) {
  test(`5,000 connections to ${name}, opened and closed again, leave nothing behind`, async () => {
    await openAndCloseMany(make());
  });
}

function httpTests(make: () => Transport): void {
  test("answers wrong paths, wrong subprotocols and plain requests with a status", async () => {
    await withServer(make(), { connectionCountMax: 1 }, async (port) => {
      assert.match(await new RawClient(port).upgrade("/nowhere"), /^HTTP\/1.1 404 /);
      assert.match(await new RawClient(port).upgrade("/datanode/x"), /^HTTP\/1.1 404 /);
      assert.match(await new RawClient(port).upgrade("/datanode", "strata.v2"), /^HTTP\/1.1 400 /);
      assert.match(await new RawClient(port).upgrade("/datanode", ""), /^HTTP\/1.1 400 /);
      assert.match(await new RawClient(port).request("/datanode", []), /^HTTP\/1.1 426 /);
      assert.match(await new RawClient(port).request("/", []), /^HTTP\/1.1 404 /);
      const first = new RawClient(port);
      assert.match(await first.upgrade("/datanode?x=1", "other, strata.v1"), /^HTTP\/1.1 101 /);
      assert.match(await new RawClient(port).upgrade(), /^HTTP\/1.1 503 /);
      first.socket.destroy();
    });
  });

  test("closes sockets that never finish a request", async () => {
    await withServer(make(), {}, async (port) => {
      const silent = new RawClient(port);
      const half = new RawClient(port);
      half.socket.write("GET /datanode HTTP/1.1\r\nHost:");
      await until(() => silent.isEnded && half.isEnded, "both are closed", 30_000);
    });
  });
}

function frameTests(make: () => Transport): void {
  test("refuses text frames with 1003", async () => {
    await withServer(make(), {}, async (port, handler) => {
      const client = new RawClient(port);
      await client.upgrade();
      client.sendFrame(OPCODE_TEXT, Buffer.from("hello"));
      const { code, reason } = await client.closed();
      assert.deepEqual([code, reason], [1003, "FRAME_MALFORMED: text frames are not accepted"]);
      await until(() => handler.closed.length === 1, "the handler hears of it");
      assert.deepEqual([handler.closed[0]?.code, handler.received.length], [1003, 0]);
    });
  });

  test("puts fragments together", async () => {
    await withServer(make(), {}, async (port, handler) => {
      const client = new RawClient(port);
      await client.upgrade();
      const first = clientFrame(OPCODE_BINARY, Uint8Array.of(1, 2));
      first[0] = OPCODE_BINARY;
      client.socket.write(first);
      client.sendFrame(0, Uint8Array.of(3));
      await until(() => client.frames.length === 1, "the echo");
      assert.deepEqual([...(handler.received[0] ?? [])], [1, 2, 3]);
      client.socket.destroy();
    });
  });

  test("closes a connection whose frame announces too much, before the bytes come", async () => {
    await withServer(make(), { messageBytesMax: 1000 }, async (port, handler) => {
      const client = new RawClient(port);
      await client.upgrade();
      client.socket.allowHalfOpen = true;
      client.socket.write(clientFrame(OPCODE_BINARY, Buffer.alloc(1_000_000)).subarray(0, 20));
      // At once, though this client never answers a close frame.
      await until(() => handler.closed.length === 1, "the handler hears of it", 3_000);
      client.socket.destroy();
    });
  });

  test("survives bytes that are no frames", async () => {
    await withServer(make(), {}, async (port, handler) => {
      for (const garbage of [
        "GET / HTTP/1.1\r\n\r\n",
        "\xff".repeat(5000),
        "\x8b\x80\0\0\0\0",
        "\xc2\x80\0\0\0\0",
      ]) {
        const client = new RawClient(port);
        await client.upgrade();
        client.socket.write(Buffer.from(garbage, "latin1"));
        await client.closed();
      }
      await until(() => handler.closed.length === 4, "all are closed");
      assert.equal(handler.received.length, 0);
    });
  });

  test("holds the answers to messages that came in one read until all are there", async () => {
    await withServer(make(), {}, async (port, handler) => {
      const buffered: number[] = [];
      handler.onMessageDo = (connection, message) => {
        connection.send(message);
        buffered.push(connection.bufferedBytes());
      };
      const client = new RawClient(port);
      await client.upgrade();
      const frames = Array.from({ length: 50 }, (_, i) => clientFrame(OPCODE_BINARY, Uint8Array.of(i)));
      client.socket.write(Buffer.concat(frames));
      await until(() => client.frames.length === 50, "all answers");
      // uWebSockets.js does not count what it holds back.
      if (make().name === "ws") assert.equal(buffered.at(-1), 50 * 3);
      client.socket.destroy();
    });
  });

  test("takes a burst above the limit for no slow consumer when the system takes it at once", async () => {
    await withServer(make(), { sendBufferBytesMax: 100_000 }, async (port, handler) => {
      handler.onMessageDo = (connection) => {
        for (let i = 0; i < 20; i++) connection.send(new Uint8Array(10_000));
      };
      const client = new RawClient(port);
      await client.upgrade();
      client.sendFrame(OPCODE_BINARY, Uint8Array.of(1));
      await until(() => client.frames.length === 20 || client.isEnded, "the burst");
      assert.equal(client.frames.length, 20);
      client.socket.destroy();
    });
  });
}

function silenceTests(make: () => Transport): void {
  test("pings silent connections, keeps those that answer and closes those that do not", async () => {
    await withServer(make(), { idleTimeoutSeconds: IDLE_SECONDS }, async (port, handler) => {
      const alive = new RawClient(port);
      const halfOpen = new RawClient(port);
      const halfFrame = new RawClient(port);
      await Promise.all([alive, halfOpen, halfFrame].map((client) => client.upgrade()));
      halfFrame.socket.write(clientFrame(OPCODE_BINARY, Buffer.alloc(1000)).subarray(0, 500));
      const pong = setInterval(() => {
        // Only the pings go: an answer may have come with one.
        const pingCount = alive.frames.filter(({ opcode }) => opcode === OPCODE_PING).length;
        alive.frames.splice(0, Infinity, ...alive.frames.filter(({ opcode }) => opcode !== OPCODE_PING));
        for (let i = 0; i < pingCount; i++) alive.sendFrame(10, new Uint8Array(0));
      }, 50);
      try {
        await until(() => handler.closed.length >= 2, "two are closed", IDLE_LIMIT_MS);
        assert.ok(halfOpen.frames.some(({ opcode }) => opcode === OPCODE_PING));
        await until(() => halfOpen.isEnded && halfFrame.isEnded, "their sockets end");
        alive.sendFrame(OPCODE_BINARY, Uint8Array.of(1));
        await until(
          () => alive.frames.some(({ opcode }) => opcode === OPCODE_BINARY),
          "the third is answered",
        );
      } finally {
        clearInterval(pong);
        alive.socket.destroy();
      }
    });
  });

  test("does not wait for ever for a peer that ignores the close frame", async () => {
    await withServer(make(), { idleTimeoutSeconds: IDLE_SECONDS }, async (port, handler) => {
      handler.onOpenDo = (connection) => connection.close(4000, "GO: away");
      const client = new RawClient(port);
      client.socket.allowHalfOpen = true;
      await client.upgrade();
      const { code } = await client.closed();
      assert.equal(code, 4000);
      const noise = setInterval(() => client.sendFrame(OPCODE_BINARY, Uint8Array.of(1)), 100);
      try {
        await until(() => client.isEnded, "the socket is cut off", IDLE_LIMIT_MS);
      } finally {
        clearInterval(noise);
      }
      assert.equal(handler.received.length, 0);
    });
  });
}

function listenerTests(make: () => Transport): void {
  test("a listener that closes cuts off peers that do not end the connection themselves", async () => {
    const handler = new RecordingHandler();
    const listener = await make().listen(listenOptions({ host: "127.0.0.1" }), handler);
    const client = new RawClient(listener.port);
    client.socket.allowHalfOpen = true;
    await client.upgrade();
    const startMs = performance.now();
    await listener.close();
    assert.ok(performance.now() - startMs < 4_000, "it does not wait for them either");
    const { code } = await client.closed();
    assert.equal(code, 1001);
    const noise = setInterval(() => client.sendFrame(OPCODE_BINARY, Uint8Array.of(1)), 20);
    try {
      await until(() => client.isEnded, "the socket is gone on the server's side", 4_000);
    } finally {
      clearInterval(noise);
      client.socket.destroy();
    }
  });
}

function processTests(name: string): void {
  const run = (order: string) => {
    const script = new URL("../../support/gateway/transport-process.js", import.meta.url).pathname;
    return new Promise<{ code: unknown; signal: unknown; stderr: string }>((resolve) => {
      execFile(process.execPath, [script, name, order], { timeout: 20_000 }, (error, _stdout, stderr) => {
        resolve({ code: error?.code ?? 0, signal: error?.signal ?? null, stderr });
      });
    });
  };

  for (const place of ["open", "message", "close"]) {
    test(`an exception in the handler of ${place} ends the process with its message`, async () => {
      const { code, signal, stderr } = await run(`throw-in-${place}`);
      assert.deepEqual([code, signal], [1, null]);
      assert.match(stderr, new RegExp(`Error: handler of ${place} failed`));
    });
  }

  test("a process that closed its listener ends by itself", async () => {
    const { code, signal } = await run("stop");
    assert.deepEqual([code, signal], [0, null]);
  });

  test("a process may exit with open connections", async () => {
    const { code, signal } = await run("exit");
    assert.deepEqual([code, signal], [7, null]);
  });
}

async function openAndCloseMany(transport: Transport): Promise<void> {
  const count = Math.min(5_000, (openFileLimit() ?? 1024) - 500);
  const collect = collector();
  let openCount = 0;
  const handler: TransportHandler = {
    onOpen: () => openCount++,
    onMessage: () => {},
    onClose: () => openCount--,
  };
  const listener = await transport.listen(
    listenOptions({ host: "127.0.0.1", connectionCountMax: count }),
    handler,
  );
  const rssBytes: number[] = [];
  for (const order of ["close", "reset"]) {
    const script = new URL("../../support/gateway/many-connections.js", import.meta.url).pathname;
    const clients = spawn(process.execPath, [script, String(listener.port), String(count)]);
    const exited = once(clients, "exit");
    await until(() => openCount === count, `${count} connections are open`, 60_000);
    clients.stdin.write(`${order}\n`);
    await exited;
    await until(() => openCount === 0, "all are closed", 60_000);
    collect();
    rssBytes.push(process.memoryUsage().rss);
  }
  await listener.close();
  const grownMib = ((rssBytes[1] ?? 0) - (rssBytes[0] ?? 0)) / 1024 / 1024;
  assert.ok(grownMib < 48, `${count} connections more made the process grow by ${grownMib.toFixed(1)} MiB`);
}

function collector(): () => void {
  setFlagsFromString("--expose-gc");
  return runInNewContext("gc") as () => void;
}

const uws = loadUws(process.versions.modules).uws;
test("a message's memory is taken away when the handler returns", { skip: uws === undefined }, async () => {
  const make = transports().find(({ name }) => name === "uws")?.make;
  assert.ok(make !== undefined);
  await withServer(make(), {}, async (port, handler) => {
    let kept: Uint8Array | undefined;
    handler.onMessageDo = (_, message) => {
      kept = message;
      assert.equal(message.length, 3);
    };
    const client = new RawClient(port);
    await client.upgrade();
    client.sendFrame(OPCODE_BINARY, Uint8Array.of(1, 2, 3));
    await until(() => handler.received.length === 1, "the message");
    assert.equal(kept?.length, 0);
    assert.deepEqual([...(handler.received[0] ?? [])], [1, 2, 3]);
    client.socket.destroy();
  });
});
