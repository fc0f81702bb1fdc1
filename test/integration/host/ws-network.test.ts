import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { WsTransport } from "../../../engine/gateway/ws-transport.js";
import { NodeScheduler } from "../../../engine/host/node-scheduler.js";
import { WsNetwork } from "../../../engine/host/ws-network.js";
import { networkContract } from "../../support/contracts/network-contract.js";
import { waitFor } from "../../support/wait.js";

const HOST = "127.0.0.1";

/** Accepts and says nothing. */
class SilentServer {
  readonly #sockets = new Set<Socket>();
  readonly #server: Server = createServer((socket) => {
    this.#sockets.add(socket);
    socket.on("error", () => {});
  });

  async url(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, HOST, resolve));
    return `ws://${HOST}:${(this.#server.address() as AddressInfo).port}/admin`;
  }

  close(): void {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
  }
}

networkContract("ws", () => {
  const scheduler = new NodeScheduler();
  const silent = new SilentServer();
  return {
    transport: new WsTransport(scheduler),
    network: new WsNetwork(scheduler),
    host: HOST,
    until: (condition, what) => waitFor(what, condition),
    settle: (promise) => promise,
    silentUrl: () => silent.url(),
    close: async () => silent.close(),
  };
});
