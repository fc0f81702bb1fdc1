import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { ClientConnection, DialHandler, DialOptions } from "../../../engine/core/network.js";
import type { Listener, ServerConnection } from "../../../engine/core/transport.js";
import {
  listenOptions,
  RecordingClient,
  RecordingHandler,
  type TransportWorld,
} from "../../integration/gateway/transport-contract.js";

export interface NetworkWorld extends TransportWorld {
  /** Address where a connection is taken but no handshake ever answered. */
  silentUrl(): Promise<string>;
}

const DIAL_OPTIONS: DialOptions = {
  subprotocol: "strata.v1",
  messageBytesMax: 128 * 1024,
  handshakeTimeoutMs: 500,
};

/** What every network must do for those who dial. */
export function networkContract(name: string, makeWorld: () => NetworkWorld): void {
  const contract = (title: string, run: (stage: Stage) => Promise<void>) =>
    test(title, async () => {
      const stage = new Stage(makeWorld());
      try {
        await stage.listen();
        await run(stage);
        await stage.world.settle(stage.listener.close());
      } finally {
        await stage.world.close();
      }
    });

  describe(`network ${name}`, () => {
    openTests(contract);
    refusalTests(contract);
    closeTests(contract);
    messageTests(contract);
  });
}

type Contract = (title: string, run: (stage: Stage) => Promise<void>) => void;

class Stage {
  readonly world: NetworkWorld;
  readonly handler = new RecordingHandler();
  listener!: Listener;

  constructor(world: NetworkWorld) {
    this.world = world;
  }

  async listen(): Promise<void> {
    const options = listenOptions({ host: this.world.host });
    this.listener = await this.world.settle(this.world.transport.listen(options, this.handler));
  }

  dial(url = `ws://${this.world.host}:${this.listener.port}/admin`): RecordingClient {
    const client = new RecordingClient();
    client.connection = this.world.network.dial(url, DIAL_OPTIONS, client);
    return client;
  }

  async connect(): Promise<{ client: RecordingClient; server: ServerConnection }> {
    const client = this.dial();
    await this.world.until(() => client.isOpened, "the client is open");
    return { client, server: this.handler.opened.at(-1) as ServerConnection };
  }

  async closed(client: RecordingClient): Promise<{ code: number; reason: string }> {
    await this.world.until(() => client.closed !== undefined, "the client is closed");
    return client.closed as { code: number; reason: string };
  }
}

function openTests(contract: Contract): void {
  contract("a connection opens later than dial, and sends nothing before", async (stage) => {
    const client = stage.dial();
    assert.equal(client.isOpened, false);
    assert.equal(client.connection.isOpen, false);
    assert.equal(client.connection.send(Uint8Array.of(1)), false);
    assert.equal(client.connection.bufferedBytes(), 0);
    await stage.world.until(() => client.isOpened, "the client is open");
    assert.equal(client.connection.isOpen, true);
    assert.equal(client.connection.send(Uint8Array.of(2)), true);
    await stage.world.until(() => client.received.length === 1, "the echo");
    assert.deepEqual(client.received, [Uint8Array.of(2)]);
  });

  contract("a handler may send from within onOpen", async (stage) => {
    const { port } = stage.listener;
    const received: Uint8Array[] = [];
    const handler: DialHandler = {
      onOpen: () => assert.equal(connection.send(Uint8Array.of(7)), true),
      onMessage: (message) => received.push(message.slice()),
      onClose: () => {},
    };
    const url = `ws://${stage.world.host}:${port}/admin`;
    const connection: ClientConnection = stage.world.network.dial(url, DIAL_OPTIONS, handler);
    await stage.world.until(() => received.length === 1, "the echo");
  });
}

function refusalTests(contract: Contract): void {
  contract("a port where nobody listens closes the connection with 1006", async (stage) => {
    const client = stage.dial(`ws://${stage.world.host}:1/admin`);
    assert.equal((await stage.closed(client)).code, 1006);
    assert.equal(client.isOpened, false);
    assert.equal(client.isRefused, true);
  });

  contract("something that is no address closes the connection with 1006, but later", async (stage) => {
    const client = stage.dial("not an address");
    assert.equal(client.closed, undefined);
    assert.equal(client.connection.isOpen, false);
    assert.equal(client.connection.send(Uint8Array.of(1)), false);
    assert.equal((await stage.closed(client)).code, 1006);
    client.connection.close(1000, "");
    assert.equal(client.closeCount, 1);
  });

  contract("a server that never answers is given up after the handshake timeout", async (stage) => {
    const client = stage.dial(await stage.world.silentUrl());
    assert.equal((await stage.closed(client)).code, 1006);
    assert.equal(client.isOpened, false);
    assert.equal(client.closeCount, 1);
    assert.equal(client.isRefused, false, "silence is no refusal");
  });

  contract("a refusal tells the status", async (stage) => {
    const client = stage.dial(`ws://${stage.world.host}:${stage.listener.port}/nowhere`);
    const { code, reason } = await stage.closed(client);
    assert.equal(code, 1006);
    assert.match(reason, /404/);
    assert.equal(client.isRefused, false, "somebody is there");
  });

  contract("a connection that was open is not refused, however it ends", async (stage) => {
    const { client } = await stage.connect();
    await stage.world.settle(stage.listener.close());
    await stage.closed(client);
    assert.equal(client.isRefused, false);
  });
}

function closeTests(contract: Contract): void {
  contract("closing tells the server code and reason, and the own handler once", async (stage) => {
    const { client, server } = await stage.connect();
    client.connection.close(4001, "bye");
    assert.equal(client.connection.isOpen, false);
    assert.equal(client.connection.send(Uint8Array.of(1)), false);
    assert.equal(client.closed, undefined, "the handler hears of it later");
    client.connection.close(4002, "again");
    assert.deepEqual(await stage.closed(client), { code: 4001, reason: "bye" });
    assert.deepEqual(stage.handler.closed, [{ connection: server, code: 4001 }]);
    assert.equal(client.closeCount, 1);
  });

  contract("closing before it is open is one close and no open", async (stage) => {
    const client = stage.dial();
    client.connection.close(1000, "");
    assert.equal((await stage.closed(client)).code, 1006);
    assert.equal(client.isOpened, false);
    assert.equal(client.closeCount, 1);
  });

  contract("no message is delivered after the own close", async (stage) => {
    const { client, server } = await stage.connect();
    for (let i = 0; i < 10; i++) server.send(Uint8Array.of(i));
    client.connection.close(1000, "");
    await stage.closed(client);
    assert.deepEqual(client.received, []);
  });

  contract("the server's close comes after the messages before it", async (stage) => {
    const { client, server } = await stage.connect();
    for (let i = 0; i < 10; i++) server.send(Uint8Array.of(i));
    server.close(4000, "DONE: that was all");
    assert.deepEqual(await stage.closed(client), { code: 4000, reason: "DONE: that was all" });
    assert.equal(client.received.length, 10);
    assert.equal(client.connection.isOpen, false);
  });
}

function messageTests(contract: Contract): void {
  contract("a message above the own limit closes the connection", async (stage) => {
    const { client, server } = await stage.connect();
    server.send(new Uint8Array(DIAL_OPTIONS.messageBytesMax + 1));
    assert.equal((await stage.closed(client)).code, 1006);
    assert.equal(client.received.length, 0);
    await stage.world.until(() => stage.handler.closed.length === 1, "the server hears of it");
    assert.equal(stage.handler.closed[0]?.code, 1009);
  });

  contract("what the server has not taken yet counts as buffered, until it is gone", async (stage) => {
    const { client } = await stage.connect();
    let receivedBytes = 0;
    stage.handler.onMessageDo = (_, message) => {
      receivedBytes += message.length;
    };
    const message = new Uint8Array(64 * 1024);
    for (let i = 0; i < 256; i++) client.connection.send(message);
    assert.ok(client.connection.bufferedBytes() > 0);
    await stage.world.until(() => receivedBytes === 256 * message.length, "all arrived");
    await stage.world.until(() => client.connection.bufferedBytes() === 0, "nothing is buffered");
  });
}
