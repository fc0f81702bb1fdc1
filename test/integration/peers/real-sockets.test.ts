import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import type { Transport } from "../../../engine/core/transport.js";
import { NodeClock } from "../../../engine/host/node-clock.js";
import { NodeRandom } from "../../../engine/host/node-random.js";
import { NodeScheduler } from "../../../engine/host/node-scheduler.js";
import { WsNetwork } from "../../../engine/host/ws-network.js";
import { type PeerEndpoint, PeerNetwork } from "../../../engine/peers/peer-network.js";
import type { Message } from "../../../engine/raft/message.js";
import { MESSAGE_KIND } from "../../../engine/raft/message.js";
import { nodeId } from "../../../engine/raft/types.js";
import { silentLogger } from "../../../engine/telemetry/logger.js";
import { transports } from "../../support/gateway/socket-world.js";
import { makeEntries } from "../../support/peers/make-entries.js";
import { addressNumber, CLUSTER, memberNumber } from "../../support/peers/peer-world.js";
import { LOOPBACK } from "../../support/process/scm-home.js";
import { appReq, appResp, heartbeat } from "../../support/raft/make-message.js";
import { waitFor } from "../../support/wait.js";

const PEER_PROCESS = fileURLToPath(new URL("../../support/peers/peer-process.js", import.meta.url));

/** A member on real sockets. */
class RealPeer {
  readonly id: number;
  readonly network: PeerNetwork;
  readonly received: Message[] = [];
  readonly gone: number[] = [];
  port = 0;

  constructor(id: number, transport: Transport, addressOf: () => PeerEndpoint | undefined = () => undefined) {
    this.id = id;
    const scheduler = new NodeScheduler();
    this.network = new PeerNetwork({
      clock: new NodeClock(),
      scheduler,
      random: new NodeRandom(),
      network: new WsNetwork(scheduler),
      transport,
      logger: silentLogger,
      clusterId: CLUSTER,
      own: () => memberNumber(id, { host: LOOPBACK, ports: { ...memberNumber(id).ports, raft: this.port } }),
      isMember: () => true,
      addressOf,
      onMemberSeen: () => {},
      limits: { stableMs: 0, pingIntervalMs: 50 },
    });
    this.network.handler = {
      onMessage: (message) => this.received.push(message),
      onUnreachable: () => {},
      onGone: (peer) => this.gone.push(peer),
    };
  }

  static async start(id: number, transport: Transport, addressOf?: () => PeerEndpoint): Promise<RealPeer> {
    const peer = new RealPeer(id, transport, addressOf);
    peer.port = await peer.network.listen(LOOPBACK, 0);
    return peer;
  }

  know(other: RealPeer): void {
    this.network.setPeers([addressNumber(other.id, { host: LOOPBACK, port: other.port })]);
  }

  isConnected(other: number): boolean {
    return this.network
      .status()
      .some(({ nodeId: id, isReady, isHeard }) => id === other && isReady && isHeard);
  }
}

const children: ChildProcess[] = [];
after(() => {
  for (const child of children) child.kill("SIGKILL");
});

/** Hands bytes on between members, until it does not. */
class Relay {
  readonly #sockets = new Set<Socket>();
  readonly #server: Server;
  isStalled = false;

  constructor(target: () => number) {
    this.#server = createServer((inner) => {
      const outer = connect(target(), LOOPBACK);
      for (const [from, to] of [
        [inner, outer],
        [outer, inner],
      ] as const) {
        this.#sockets.add(from);
        from.on("data", (bytes) => this.isStalled || to.write(bytes));
        from.on("error", () => {});
        from.on("close", () => to.destroy());
      }
    });
  }

  async listen(): Promise<number> {
    this.#server.listen(0, LOOPBACK);
    await once(this.#server, "listening");
    return (this.#server.address() as AddressInfo).port;
  }

  close(): void {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
  }
}

for (const { name, make } of transports()) {
  test(`${name}: members greet each other and exchange messages of every size`, async () => {
    const one = await RealPeer.start(1, make());
    const two = await RealPeer.start(2, make());
    one.know(two);
    await waitFor("both are connected", () => one.isConnected(2) && two.isConnected(1));
    const entries = [0, 1, 2_000, 200_000, 1_000_000].flatMap((bytes) => makeEntries(1, bytes));
    const sent: Message[] = [];
    for (let round = 0; round < 20; round++) {
      for (const entry of entries) {
        sent.push(appReq([1, 2, 5], { previous: [5, entry.index - 1], entries: [entry] }));
      }
      sent.push(heartbeat([1, 2, 5], round));
    }
    for (const message of sent) one.network.send(message);
    const isAppend = ({ kind }: Message): boolean => kind === MESSAGE_KIND.APP_REQ;
    await waitFor("all arrived", () => two.received.length === sent.length);
    assert.deepEqual(two.received.filter(isAppend), sent.filter(isAppend));
    assert.equal(one.network.counters.messagesDropped, 0);
    two.network.send(appResp([2, 1, 5], 100));
    await waitFor("the answer", () => one.received.length === 1);
    await Promise.all([one.network.close(), two.network.close()]);
  });

  test(`${name}: a snapshot's connection carries parts both ways`, async () => {
    const one = await RealPeer.start(1, make());
    const two = await RealPeer.start(2, make());
    const parts: Uint8Array[] = [];
    const answers: Uint8Array[] = [];
    const ends: string[] = [];
    two.network.snapshotAcceptor = (connection) => ({
      onFrame: (frame) => {
        parts.push(Uint8Array.from(frame));
        connection.send(Uint8Array.of(parts.length));
      },
      onClose: (reason) => ends.push(reason),
    });
    one.know(two);
    await waitFor("both are connected", () => one.isConnected(2));
    let isOpen = false;
    const connection = one.network.dial(nodeId(2), {
      onOpen: () => {
        isOpen = true;
      },
      onFrame: (frame) => answers.push(Uint8Array.from(frame)),
      onClose: (reason) => ends.push(reason),
    });
    await waitFor("the connection is open", () => isOpen);
    const sent = [1, 1_000_000, 4_000_000].map((bytes) => new Uint8Array(bytes).fill(bytes));
    for (const part of sent) connection.send(part);
    await waitFor("all is answered", () => answers.length === 3);
    assert.ok(sent.every((part, i) => Buffer.compare(part, parts[i] as Uint8Array) === 0));
    connection.close("done");
    await waitFor("the end", () => ends.length === 1);
    await Promise.all([one.network.close(), two.network.close()]);
  });

  test(`${name}: the other process is gone when it was killed, not when it was stopped`, async () => {
    const one = await RealPeer.start(1, make());
    const child = spawn(process.execPath, [PEER_PROCESS, "2", "1", String(one.port)], {
      stdio: ["ignore", "pipe", "inherit"],
      env: {},
    });
    children.push(child);
    await once(child.stdout as NodeJS.ReadableStream, "data");
    await waitFor("both are connected", () => one.isConnected(2));
    child.kill("SIGSTOP");
    await waitFor("its silence is noticed", () => !one.network.status().some(({ isReady }) => isReady));
    assert.deepEqual(one.gone, []);
    child.kill("SIGCONT");
    await waitFor("it is back", () => one.isConnected(2));
    const killedMs = performance.now();
    child.kill("SIGKILL");
    await waitFor("it is gone", () => one.gone.length === 1);
    // Milliseconds; the machine may be busy.
    assert.ok(performance.now() - killedMs < 1_000);
    await one.network.close();
  });

  test(`${name}: a proxy that stalls is noticed, and through it the end of a member`, async () => {
    const two = await RealPeer.start(2, make());
    const proxy = new Relay(() => two.port);
    const port = await proxy.listen();
    const one = await RealPeer.start(1, make(), () => ({ host: LOOPBACK, port }));
    one.know(two);
    two.know(one);
    await waitFor("both are connected", () => one.isConnected(2) && two.isConnected(1));
    proxy.isStalled = true;
    await waitFor("one notices", () => !one.isConnected(2));
    assert.deepEqual([one.gone, two.gone], [[], []]);
    proxy.isStalled = false;
    await waitFor("both are connected again", () => one.isConnected(2) && two.isConnected(1));
    await two.network.close();
    await waitFor("one knows", () => one.gone.length === 1);
    await one.network.close();
    proxy.close();
  });
}
