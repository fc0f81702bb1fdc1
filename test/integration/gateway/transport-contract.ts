import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { ClientConnection, DialHandler, Network } from "../../../engine/core/network.js";
import type {
  Listener,
  ListenOptions,
  ServerConnection,
  Transport,
  TransportHandler,
} from "../../../engine/core/transport.js";

/** A transport, a network that reaches it, and a way to let time pass. Made anew for each test. */
export interface TransportWorld {
  readonly transport: Transport;
  readonly network: Network;
  /** Where to listen and whom to dial. */
  readonly host: string;
  /** Lets the world run until `condition` holds; fails naming `what` when it does not. */
  until(condition: () => boolean, what: string): Promise<void>;
  /** Awaits something that the world must run for. */
  settle<T>(promise: Promise<T>): Promise<T>;
  close(): Promise<void>;
}

const PATH = "/datanode";
const OTHER_PATH = "/admin";
const SUBPROTOCOL = "strata.v1";
const MESSAGE_BYTES_MAX = 64 * 1024;
const SEND_BUFFER_BYTES_MAX = 256 * 1024;

export function listenOptions(changes: Partial<ListenOptions> & { host: string }): ListenOptions {
  return {
    port: 0,
    paths: [PATH, OTHER_PATH],
    subprotocol: SUBPROTOCOL,
    messageBytesMax: MESSAGE_BYTES_MAX,
    sendBufferBytesMax: SEND_BUFFER_BYTES_MAX,
    idleTimeoutSeconds: 60,
    connectionCountMax: 1000,
    ...changes,
  };
}

/** Keeps what a transport tells; echoes unless told otherwise. */
export class RecordingHandler implements TransportHandler {
  readonly opened: ServerConnection[] = [];
  readonly received: Uint8Array[] = [];
  readonly closed: { connection: ServerConnection; code: number }[] = [];
  onOpenDo: (connection: ServerConnection) => void = () => {};
  onMessageDo: (connection: ServerConnection, message: Uint8Array) => void = (connection, message) => {
    connection.send(message);
  };

  onOpen(connection: ServerConnection): void {
    this.opened.push(connection);
    this.onOpenDo(connection);
  }

  onMessage(connection: ServerConnection, message: Uint8Array): void {
    this.received.push(message.slice());
    this.onMessageDo(connection, message);
  }

  onClose(connection: ServerConnection, code: number): void {
    this.closed.push({ connection, code });
  }
}

/** Keeps what a client sees. */
export class RecordingClient implements DialHandler {
  readonly received: Uint8Array[] = [];
  isOpened = false;
  closed: { code: number; reason: string } | undefined;
  isRefused: boolean | undefined;
  closeCount = 0;
  connection!: ClientConnection;

  onOpen(): void {
    this.isOpened = true;
  }

  onMessage(message: Uint8Array): void {
    this.received.push(message.slice());
  }

  onClose(code: number, reason: string, isRefused: boolean): void {
    this.closed = { code, reason };
    this.isRefused = isRefused;
    this.closeCount++;
  }
}

class Stage {
  readonly world: TransportWorld;
  readonly handler = new RecordingHandler();
  listener!: Listener;

  constructor(world: TransportWorld) {
    this.world = world;
  }

  async listen(changes: Partial<ListenOptions> = {}): Promise<void> {
    const options = listenOptions({ host: this.world.host, ...changes });
    this.listener = await this.world.settle(this.world.transport.listen(options, this.handler));
  }

  dial({ path = PATH, subprotocol = SUBPROTOCOL }: { path?: string; subprotocol?: string } = {}) {
    const client = new RecordingClient();
    const options = { subprotocol, messageBytesMax: 16 * 1024 * 1024, handshakeTimeoutMs: 5_000 };
    const url = `ws://${this.world.host}:${this.listener.port}${path}`;
    client.connection = this.world.network.dial(url, options, client);
    return client;
  }

  async connect(options: { path?: string } = {}): Promise<RecordingClient> {
    const client = this.dial(options);
    await this.world.until(() => client.isOpened, "the client is open");
    return client;
  }

  async refuseSecondListener(): Promise<void> {
    const options = listenOptions({ host: this.world.host, port: this.listener.port });
    const listening = this.world.transport.listen(options, new RecordingHandler());
    // One that should not be there would keep the process from ending.
    const attempt = listening.then((second) => second.close());
    await assert.rejects(this.world.settle(attempt), {
      code: "LISTEN_FAILED",
      message: new RegExp(`:${options.port}: .`),
    });
  }

  /** The server's side of the newest connection. */
  async newest(count: number): Promise<ServerConnection> {
    await this.world.until(() => this.handler.opened.length >= count, `${count} connections are open`);
    return this.handler.opened[count - 1] as ServerConnection;
  }
}

/** What every transport must do, whatever carries the bytes. */
export function transportContract(name: string, makeWorld: () => TransportWorld): void {
  const contract = (title: string, run: (stage: Stage) => Promise<void>) =>
    test(title, async () => {
      const stage = new Stage(makeWorld());
      try {
        await run(stage);
      } finally {
        // Also after a failure: an open listener would keep the process from ending.
        if (stage.listener !== undefined) await stage.world.settle(stage.listener.close());
        await stage.world.close();
      }
    });

  describe(`transport ${name}`, () => {
    openingTests(contract);
    messageTests(contract);
    closingTests(contract);
    limitTests(contract);
    listenerTests(contract);
  });
}

type Contract = (title: string, run: (stage: Stage) => Promise<void>) => void;

function openingTests(contract: Contract): void {
  contract("numbers connections in order of arrival and tells path and address", async (stage) => {
    await stage.listen();
    await stage.connect();
    await stage.connect({ path: OTHER_PATH });
    const second = await stage.newest(2);
    const first = stage.handler.opened[0] as ServerConnection;
    assert.deepEqual([first.id, second.id], [1, 2]);
    assert.deepEqual([first.path, second.path], [PATH, OTHER_PATH]);
    assert.match(first.remoteAddress, /^[0-9a-f.:]+$/);
    assert.equal(first.isOpen, true);
    assert.equal(first.session, undefined);
  });

  contract("refuses a path that is not served, before the handler hears of it", async (stage) => {
    await stage.listen();
    const client = stage.dial({ path: "/nowhere" });
    await stage.world.until(() => client.closed !== undefined, "the client is refused");
    assert.equal(client.isOpened, false);
    assert.equal(client.closed?.code, 1006);
    assert.equal(stage.handler.opened.length, 0);
  });

  contract("refuses a client that does not offer the subprotocol", async (stage) => {
    await stage.listen();
    const client = stage.dial({ subprotocol: "other.v1" });
    await stage.world.until(() => client.closed !== undefined, "the client is refused");
    assert.equal(client.isOpened, false);
    assert.equal(stage.handler.opened.length, 0);
  });

  contract("may close a connection within onOpen", async (stage) => {
    await stage.listen();
    stage.handler.onOpenDo = (connection) => connection.close(4000, "NO: not you");
    const client = stage.dial();
    await stage.world.until(() => client.closed !== undefined, "the client is closed");
    assert.deepEqual(client.closed, { code: 4000, reason: "NO: not you" });
    assert.equal(stage.handler.closed.length, 1);
  });
}

function messageTests(contract: Contract): void {
  contract("carries messages unchanged and in order, from empty ones to the largest", async (stage) => {
    await stage.listen();
    const client = await stage.connect();
    const messages = [0, 1, 125, 126, 127, 1000, 65_535, MESSAGE_BYTES_MAX].map(patternOf);
    for (const message of messages) assert.equal(client.connection.send(message.slice()), true);
    await stage.world.until(() => client.received.length === messages.length, "all came back");
    for (const [i, message] of messages.entries()) {
      assert.ok(Buffer.from(client.received[i] as Uint8Array).equals(message), `message ${i} is unchanged`);
    }
  });

  contract("copies a message out before send returns", async (stage) => {
    await stage.listen();
    const client = await stage.connect();
    const connection = await stage.newest(1);
    // As encoders have it; `slice` of a Buffer is no copy.
    const scratch = Buffer.alloc(1000);
    connection.cork(() => {
      for (let i = 0; i < 100; i++) {
        scratch.fill(i);
        connection.send(scratch.subarray(0, 1 + i));
      }
    });
    scratch.fill(255);
    await stage.world.until(() => client.received.length === 100, "all messages arrive");
    for (const [i, message] of client.received.entries()) {
      assert.equal(message.length, i + 1);
      assert.ok(
        message.every((byte) => byte === i),
        `message ${i} is what was sent`,
      );
    }
  });

  contract("answers from within onMessage and later leave in the order of the sends", async (stage) => {
    await stage.listen();
    const client = await stage.connect();
    for (let i = 0; i < 200; i++) client.connection.send(Uint8Array.of(i));
    await stage.world.until(() => client.received.length === 200, "all came back");
    const connection = stage.handler.opened[0] as ServerConnection;
    for (let i = 200; i < 250; i++) assert.equal(connection.send(Uint8Array.of(i)), true);
    await stage.world.until(() => client.received.length === 250, "the late ones arrive");
    assert.deepEqual(
      client.received.map((message) => message[0]),
      Array.from({ length: 250 }, (_, i) => i),
    );
  });

  contract("keeps connections apart", async (stage) => {
    await stage.listen();
    const clients = await Promise.all(Array.from({ length: 5 }, () => stage.connect()));
    for (const [i, client] of clients.entries()) client.connection.send(Uint8Array.of(i));
    await stage.world.until(() => clients.every((client) => client.received.length === 1), "all answered");
    assert.deepEqual(
      clients.map((client) => client.received[0]?.[0]),
      [0, 1, 2, 3, 4],
    );
  });

  contract("keeps the handler's session with its connection", async (stage) => {
    await stage.listen();
    stage.handler.onOpenDo = (connection) => {
      connection.session = { number: connection.id * 7 };
    };
    stage.handler.onMessageDo = (connection) => {
      connection.send(Uint8Array.of((connection.session as { number: number }).number));
    };
    const client = await stage.connect();
    client.connection.send(Uint8Array.of(0));
    await stage.world.until(() => client.received.length === 1, "the answer");
    assert.equal(client.received[0]?.[0], 7);
  });
}

function closingTests(contract: Contract): void {
  contract("tells the client code and reason, and is closed when close returns", async (stage) => {
    await stage.listen();
    const client = await stage.connect();
    const connection = await stage.newest(1);
    const reason = `CODE: ${"x".repeat(117)}`;
    connection.close(4000, reason);
    assert.equal(connection.isOpen, false);
    assert.deepEqual(stage.handler.closed, [{ connection, code: 4000 }]);
    await stage.world.until(() => client.closed !== undefined, "the client is closed");
    assert.deepEqual(client.closed, { code: 4000, reason });
    assert.equal(client.closeCount, 1);
  });

  contract("makes every method of a closed connection a harmless no-op", async (stage) => {
    await stage.listen();
    const client = await stage.connect();
    const connection = await stage.newest(1);
    client.connection.close(4001, "bye");
    await stage.world.until(() => stage.handler.closed.length === 1, "the server hears of it");
    let isRun = false;
    assert.equal(connection.isOpen, false);
    assert.equal(connection.send(Uint8Array.of(1)), false);
    connection.cork(() => {
      isRun = true;
    });
    assert.equal(isRun, false);
    assert.equal(connection.bufferedBytes(), 0);
    connection.close(4000, "late");
    await stage.world.until(() => client.closed !== undefined, "the client is closed");
    assert.deepEqual(stage.handler.closed, [{ connection, code: 4001 }]);
  });

  contract("delivers no message after it closed the connection", async (stage) => {
    await stage.listen();
    stage.handler.onMessageDo = (connection, message) => {
      if (message[0] === 2) connection.close(4000, "ENOUGH: stop");
      else connection.send(message);
    };
    const client = await stage.connect();
    for (let i = 0; i < 10; i++) client.connection.send(Uint8Array.of(i));
    await stage.world.until(() => client.closed !== undefined, "the client is closed");
    assert.deepEqual(
      stage.handler.received.map((message) => message[0]),
      [0, 1, 2],
    );
    assert.deepEqual(
      client.received.map((message) => message[0]),
      [0, 1],
    );
  });

  contract("may close a connection from another one's handler", async (stage) => {
    await stage.listen();
    const victim = await stage.connect();
    const victimConnection = await stage.newest(1);
    const client = await stage.connect();
    stage.handler.onMessageDo = (connection, message) => {
      victimConnection.close(4000, "REPLACED: by another");
      connection.send(message);
    };
    client.connection.send(Uint8Array.of(9));
    await stage.world.until(
      () => victim.closed !== undefined && client.received.length === 1,
      "both happened",
    );
    assert.equal(victim.closed?.code, 4000);
  });

  contract("reports each close once when many connections come and go", async (stage) => {
    await stage.listen();
    for (let round = 0; round < 3; round++) {
      const clients = await Promise.all(Array.from({ length: 50 }, () => stage.connect()));
      await stage.newest((round + 1) * 50);
      for (const client of clients) client.connection.close(1000, "");
      await stage.world.until(() => stage.handler.closed.length === (round + 1) * 50, "all are closed");
    }
    assert.equal(new Set(stage.handler.closed.map(({ connection }) => connection.id)).size, 150);
  });
}

function limitTests(contract: Contract): void {
  contract("closes a connection that sends too large a message, and no other", async (stage) => {
    await stage.listen();
    const healthy = await stage.connect();
    const hostile = await stage.connect();
    hostile.connection.send(new Uint8Array(MESSAGE_BYTES_MAX + 1));
    await stage.world.until(() => hostile.closed !== undefined, "the sender is closed");
    assert.ok([1006, 1009].includes(hostile.closed?.code ?? 0), `close code ${hostile.closed?.code}`);
    await stage.world.until(() => stage.handler.closed.length === 1, "the server hears of it");
    assert.equal(stage.handler.received.length, 0);
    healthy.connection.send(Uint8Array.of(5));
    await stage.world.until(() => healthy.received.length === 1, "the other one is answered");
  });

  contract("closes a slow consumer instead of leaving a gap in its stream", async (stage) => {
    await stage.listen();
    const client = await stage.connect();
    const connection = await stage.newest(1);
    // The client cannot read while this loop runs, so the system's buffers fill up, then ours.
    const message = new Uint8Array(64 * 1024);
    const view = new DataView(message.buffer);
    let sentCount = 0;
    for (; sentCount < 2000; sentCount++) {
      view.setUint32(0, sentCount);
      if (!connection.send(message)) break;
      assert.ok(connection.bufferedBytes() <= SEND_BUFFER_BYTES_MAX, "never more than the limit waits");
    }
    assert.ok(sentCount < 2000, "the connection was closed");
    assert.equal(connection.isOpen, false);
    assert.deepEqual(stage.handler.closed, [{ connection, code: 1008 }]);
    assert.equal(connection.send(message), false);
    await stage.world.until(() => client.closed !== undefined, "the client hears of it");
    assert.ok(client.received.length <= sentCount, "nothing arrives that was not sent");
    for (const [i, got] of client.received.entries()) {
      assert.equal(new DataView(got.buffer, got.byteOffset).getUint32(0), i, "what arrives has no gap");
    }
  });

  contract("does not take a corked burst below the limit for a slow consumer", async (stage) => {
    await stage.listen();
    stage.handler.onMessageDo = (connection) => {
      for (let i = 0; i < 40; i++) connection.send(new Uint8Array(5_000).fill(i));
    };
    const client = await stage.connect();
    client.connection.send(Uint8Array.of(1));
    await stage.world.until(() => client.received.length === 40, "the whole burst arrives");
    assert.equal(client.closed, undefined);
  });

  contract("refuses connections above the limit until one goes", async (stage) => {
    await stage.listen({ connectionCountMax: 2 });
    const first = await stage.connect();
    await stage.connect();
    const third = stage.dial();
    await stage.world.until(() => third.closed !== undefined, "the third is refused");
    assert.equal(third.isOpened, false);
    first.connection.close(1000, "");
    await stage.world.until(() => stage.handler.closed.length === 1, "one has gone");
    // The socket itself may be there a moment longer than its connection.
    let fourth = stage.dial();
    await stage.world.until(() => {
      if (fourth.closed !== undefined) fourth = stage.dial();
      return fourth.isOpened;
    }, "another one gets its place");
    assert.equal(stage.handler.opened.length, 3);
  });
}

function listenerTests(contract: Contract): void {
  contract("says clearly that a port is taken, also when it was asked for by number", async (stage) => {
    await stage.listen();
    await stage.refuseSecondListener();
    const { port } = stage.listener;
    await stage.world.settle(stage.listener.close());
    await stage.listen({ port });
    await stage.refuseSecondListener();
    await stage.connect();
  });

  contract(
    "closes every connection with 1001 when the listener closes, and accepts no more",
    async (stage) => {
      await stage.listen();
      const clients = await Promise.all(Array.from({ length: 5 }, () => stage.connect()));
      await stage.newest(5);
      await stage.world.settle(stage.listener.close());
      await stage.world.until(() => clients.every((client) => client.closed !== undefined), "all are closed");
      assert.deepEqual(
        clients.map((client) => client.closed?.code),
        [1001, 1001, 1001, 1001, 1001],
      );
      assert.equal(stage.handler.closed.length, 5);
      assert.ok(stage.handler.closed.every(({ code }) => code === 1001));
      const late = stage.dial();
      await stage.world.until(() => late.closed !== undefined, "a late client is refused");
      assert.equal(late.isOpened, false);
      await stage.world.settle(stage.listener.close());
    },
  );

  contract("frees the port when it closes", async (stage) => {
    await stage.listen();
    const { port } = stage.listener;
    for (let round = 0; round < 3; round++) {
      await stage.world.settle(stage.listener.close());
      await stage.listen({ port });
      assert.equal(stage.listener.port, port);
      await stage.connect();
    }
  });
}

function patternOf(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (i * 31 + length) & 0xff);
}
