import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { describe, it } from "node:test";
import type { ClientConnection, DialHandler } from "../../../../engine/core/network.js";
import type { SeededRandom } from "../../../../engine/core/random.js";
import type { ListenOptions, ServerConnection, TransportHandler } from "../../../../engine/core/transport.js";
import { GatewayMetrics } from "../../../../engine/gateway/gateway-metrics.js";
import { RpcServer } from "../../../../engine/gateway/rpc-server.js";
import type { RpcError } from "../../../../protocol/client/completion.js";
import { operationNamed } from "../../../../protocol/codec/operations.js";
import {
  ADMIN_PATH,
  DATANODE_PATH,
  FRAME_BYTES_MAX,
  type OperationName,
  type RequestOf,
  type ResponseOf,
  SUBPROTOCOL,
} from "../../../../protocol/schema/messages.js";
import type { MainConnection } from "../../../../workers/front/main-connection.js";
import { RingMainLink } from "../../../../workers/front/main-link.js";
import { eachSeed } from "../../../support/each-seed.js";
import { RingWorld } from "../../../support/front/ring-world.js";
import { CLUSTER_ID, SCM_ID } from "../../../support/gateway/rpc-world.js";

const RING_BYTES = 64 * 1024;
const OPTIONS: ListenOptions = {
  host: "",
  port: 0,
  paths: [DATANODE_PATH, ADMIN_PATH],
  subprotocol: SUBPROTOCOL,
  messageBytesMax: RING_BYTES,
  sendBufferBytesMax: 100_000,
  idleTimeoutSeconds: 60,
  connectionCountMax: 10,
};

/** What came to one end of a connection. */
class End implements DialHandler {
  readonly messages: Buffer[] = [];
  openCount = 0;
  closed: (readonly [number, string])[] = [];

  onOpen(): void {
    this.openCount++;
  }

  onMessage(message: Uint8Array): void {
    this.messages.push(Buffer.from(message));
  }

  onClose(code: number, reason: string): void {
    this.closed.push([code, reason]);
  }
}

/** Keeps what main's side gets. */
class Main implements TransportHandler {
  readonly connections: ServerConnection[] = [];
  readonly messages = new Map<number, Buffer[]>();
  readonly closes: (readonly [number, number])[] = [];

  onOpen(connection: ServerConnection): void {
    this.connections.push(connection);
    this.messages.set(connection.id, []);
  }

  onMessage(connection: ServerConnection, message: Uint8Array): void {
    this.messages.get(connection.id)?.push(Buffer.from(message));
  }

  onClose(connection: ServerConnection, code: number): void {
    this.closes.push([connection.id, code]);
  }
}

async function world(): Promise<{ rings: RingWorld; main: Main }> {
  const rings = new RingWorld(RING_BYTES);
  const main = new Main();
  await rings.transport.listen(OPTIONS, main);
  return { rings, main };
}

function open(rings: RingWorld, path = ADMIN_PATH): { socket: ClientConnection; end: End } {
  const end = new End();
  return { socket: rings.link.dial(path, "10.0.0.7", end), end };
}

describe("connections over the rings", () => {
  it("tell main their path and who is behind them", async () => {
    const { rings, main } = await world();
    const { end } = open(rings, DATANODE_PATH);
    equal(end.openCount, 0);
    await rings.settle();
    equal(end.openCount, 1);
    const [connection] = main.connections;
    deepEqual(
      [connection?.path, connection?.remoteAddress, connection?.isInternal],
      [DATANODE_PATH, "10.0.0.7", true],
    );
  });

  it("lose nothing and keep the order, however little room there is", () =>
    eachSeed(40, async (random) => {
      const { rings, main } = await world();
      const links = Array.from({ length: 1 + random.below(5) }, () => open(rings));
      const sent = links.map(() => [] as Buffer[]);
      const answered = links.map(() => [] as Buffer[]);
      for (let step = 0; step < 400; step++) {
        const i = random.below(links.length);
        const message = randomMessage(random, step);
        if (random.below(2) === 0) {
          links[i]?.socket.send(message);
          sent[i]?.push(Buffer.from(message));
        } else if (main.connections[i]?.send(message) === true) answered[i]?.push(Buffer.from(message));
        // Neither side may look again at what the other goes on using.
        const copy = message.fill(0);
        equal(copy[0], 0);
        if (random.below(10) === 0) rings.mainStep(random.below(20));
        if (random.below(10) === 0) rings.frontStep(random.below(20));
        if (random.below(20) === 0) rings.time.advance(random.below(3));
        await Promise.resolve();
      }
      await rings.settle();
      for (const [i, { end }] of links.entries()) {
        const connection = main.connections[i] as ServerConnection;
        deepEqual(main.messages.get(connection.id), sent[i]);
        // Who did not read enough was closed: what came is the beginning of what was sent.
        deepEqual(end.messages, (answered[i] ?? []).slice(0, end.messages.length));
        if (end.closed.length === 0) equal(end.messages.length, answered[i]?.length);
      }
      equal(rings.blocked.at(-1) ?? false, false);
    }));

  it("are told to wait when the ring is full, and to go on", async () => {
    const { rings, main } = await world();
    const { socket } = open(rings);
    for (let i = 0; i < 20; i++) socket.send(Buffer.alloc(8000, i));
    deepEqual(rings.blocked, [true]);
    ok(socket.bufferedBytes() > 0);
    await rings.settle();
    deepEqual(rings.blocked, [true, false]);
    equal(main.messages.get(1)?.length, 20);
    equal(socket.bufferedBytes(), 0);
  });

  it("are closed by main when too much waits for them", async () => {
    const { rings, main } = await world();
    const { end } = open(rings);
    await rings.settle();
    const connection = main.connections[0] as ServerConnection;
    let count = 0;
    while (connection.send(Buffer.alloc(8000))) count++;
    ok(count * 8000 > OPTIONS.sendBufferBytesMax);
    deepEqual(main.closes, [[1, 1008]]);
    equal(connection.isOpen, false);
    await rings.settle();
    deepEqual(end.closed, [[1008, ""]]);
  });

  it("close once on both sides, whoever began", async () => {
    const { rings, main } = await world();
    const [mine, theirs, both] = [open(rings), open(rings), open(rings)];
    await rings.settle();
    mine.socket.close(1000, "enough");
    main.connections[1]?.close(4112, "TOO_MANY_REQUESTS: x");
    both.socket.close(1000, "enough");
    main.connections[2]?.close(1001, "me too");
    await rings.settle();
    deepEqual(mine.end.closed, [[1000, "enough"]]);
    deepEqual(theirs.end.closed, [[4112, "TOO_MANY_REQUESTS: x"]]);
    deepEqual(both.end.closed, [[1000, "enough"]]);
    deepEqual(main.closes.toSorted(), [
      [1, 1000],
      [2, 4112],
      [3, 1001],
    ]);
    equal(mine.socket.send(Buffer.from("x")), false);
    equal(main.connections[0]?.send(Buffer.from("x")), false);
  });

  it("are all closed on main when the front has ended", async () => {
    const { rings, main } = await world();
    open(rings);
    open(rings);
    await rings.settle();
    rings.transport.detach();
    deepEqual(main.closes, [
      [1, 1006],
      [2, 1006],
    ]);
    equal(main.connections[0]?.send(Buffer.from("x")), false);
  });
});

/** The SCM's server at the one end, the front's client at the other. */
class Served {
  readonly rings = new RingWorld(1024 * 1024);
  readonly metrics = new GatewayMetrics();
  readonly #link: RingMainLink;
  close: () => Promise<void> = async () => {};

  static async start(requestsInFlightMax = 4): Promise<Served> {
    const served = new Served();
    const { time, transport } = served.rings;
    const server = new RpcServer({
      transport,
      clock: time,
      scheduler: time,
      facts: {
        clusterId: CLUSTER_ID,
        scmId: SCM_ID,
        heartbeatIntervalMs: 1000,
        isLeader: () => true,
        redirect: () => ({ term: 3 }),
      },
      limits: {
        connectionCountMax: 2,
        connectionsPerAddressMax: 2,
        sendBufferBytesMax: 1024 * 1024,
        idleTimeoutSeconds: 60,
        handshakeTimeoutMs: 1000,
        requestsInFlightMax,
      },
      metrics: served.metrics,
    });
    server.handle("scmRoles", (_session, _request, answer) => {
      const late = answer.defer();
      time.after(5, () => late.done(ROLES));
    });
    const listener = await server.serve(transport);
    served.close = () => listener.close();
    return served;
  }

  constructor() {
    const { time } = this.rings;
    const random = { uint32: () => 4, below: () => 0 } as never;
    this.#link = new RingMainLink({ clock: time, scheduler: time, random }, this.rings.link, CLUSTER_ID);
  }

  connect(onClosed: (error: RpcError) => void = () => {}): MainConnection {
    return this.#link.connect(ADMIN_PATH, "10.0.0.7", "root (test)", onClosed);
  }

  async ask<N extends OperationName>(
    connection: MainConnection,
    name: N,
    request: RequestOf<N>,
  ): Promise<ResponseOf<N>> {
    let outcome: ResponseOf<N> | RpcError | undefined;
    connection.request(name, request, (answer) => {
      outcome = answer;
    });
    for (let i = 0; i < 20 && outcome === undefined; i++) await this.rings.settle();
    if (outcome instanceof Error) throw outcome;
    ok(outcome !== undefined, "there is an outcome");
    return outcome as ResponseOf<N>;
  }
}

const ROLES: ResponseOf<"scmRoles"> = { peers: [] };

describe("requests to main", () => {
  it("may be made before hello, and more at a time than main takes", async () => {
    const served = await Served.start();
    const connection = served.connect();
    const answers: unknown[] = [];
    for (let i = 0; i < 50; i++) connection.request("scmRoles", {}, (answer) => answers.push(answer));
    equal(answers.length, 0);
    for (let i = 0; i < 40; i++) await served.rings.settle();
    deepEqual(
      answers,
      Array.from({ length: 50 }, () => ROLES),
    );
  });

  it("come as bytes and go as bytes where that is wanted", async () => {
    const served = await Served.start();
    const connection = served.connect();
    const { request, response } = operationNamed("scmRoles");
    const bodies: unknown[] = [];
    const keep = (body: Uint8Array | RpcError) => {
      bodies.push(body instanceof Error ? body : response.decode(Buffer.from(body), 0, body.length));
    };
    const encoded = request.encodeValue({});
    connection.requestEncoded("scmRoles", encoded, keep);
    encoded.fill(0xff);
    connection.requestRaw("scmRoles", {}, keep);
    for (let i = 0; i < 10; i++) await served.rings.settle();
    deepEqual(bodies, [ROLES, ROLES]);
  });

  it("that cannot be encoded have that error as their outcome, and harm nobody", async () => {
    const served = await Served.start();
    const connection = served.connect();
    const bad = { containerId: -1 } as unknown as RequestOf<"getContainer">;
    await rejects(served.ask(connection, "getContainer", bad), { code: "FIELD_INVALID" });
    await served.ask(connection, "scmRoles", {});
    await rejects(served.ask(connection, "getContainer", bad), { code: "FIELD_INVALID" });
    deepEqual(await served.ask(connection, "scmRoles", {}), ROLES);
  });

  it("that are longer than a frame have that error as their outcome, encoded ones too", async () => {
    const served = await Served.start();
    const connection = served.connect();
    const outcomes: unknown[] = [];
    const ask = () => {
      const body = new Uint8Array(FRAME_BYTES_MAX);
      connection.requestEncoded("scmRoles", body, (answer) => outcomes.push((answer as RpcError).code));
    };
    ask();
    deepEqual(await served.ask(connection, "scmRoles", {}), ROLES);
    ask();
    deepEqual(await served.ask(connection, "scmRoles", {}), ROLES);
    deepEqual(outcomes, ["FRAME_TOO_LARGE", "FRAME_TOO_LARGE"]);
  });

  it("without a handler are refused by main", async () => {
    const served = await Served.start();
    await rejects(served.ask(served.connect(), "listPipelines", { countMax: 1 } as never), {
      code: "UNSUPPORTED_OPERATION",
    });
  });

  it("fail with their connection, those that waited too", async () => {
    const served = await Served.start();
    const closes: string[] = [];
    const connection = served.connect((error) => closes.push(error.code));
    const outcomes: unknown[] = [];
    for (let i = 0; i < 10; i++) {
      connection.request("scmRoles", {}, (answer) => outcomes.push((answer as RpcError).code));
    }
    await served.close();
    await served.rings.settle();
    deepEqual(outcomes, new Array(10).fill("CONNECTION_LOST"));
    deepEqual(closes, ["CONNECTION_LOST"]);
    equal(connection.isOpen, false);
    await rejects(served.ask(connection, "scmRoles", {}), { code: "CONNECTION_LOST" });
  });

  it("may come on more connections from one address than strangers may open", async () => {
    const served = await Served.start();
    const connections = Array.from({ length: 20 }, () => served.connect());
    for (const each of connections) deepEqual(await served.ask(each, "scmRoles", {}), ROLES);
    equal(served.metrics.gauges.connections, 20);
    equal(served.metrics.closesByCode.size, 0);
  });
});

function randomMessage(random: SeededRandom, step: number): Buffer {
  const message = Buffer.alloc(4 + random.below([10, 500, 8000][random.below(3)] ?? 10), step);
  message.writeUInt32BE(step);
  return message;
}
