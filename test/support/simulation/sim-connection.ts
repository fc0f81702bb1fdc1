import type { ClientConnection, DialHandler, DialOptions } from "../../../engine/core/network.js";
import type { Timer } from "../../../engine/core/scheduler.js";
import { CLOSE_ABNORMAL, CLOSE_TOO_BIG } from "../../../engine/gateway/upgrade.js";
import { SimFlow } from "./sim-flow.js";
import type { SimNetwork } from "./sim-network.js";
import type { SimServerConnection } from "./sim-transport.js";

/** A server that does not answer a close frame is given up after this (ws-network.ts). */
const CLOSE_TIMEOUT_MS = 5_000;

interface Dialled {
  readonly clientHost: string;
  readonly url: string;
  readonly options: DialOptions;
  readonly handler: DialHandler;
}

/** A connection with the client's end. Faults: `reset`, `goSilent`, `pauseReading`; partitions come from
 * SimNetwork. */
export class SimConnection implements ClientConnection {
  readonly clientHost: string;
  readonly serverHost: string;
  readonly toServer: SimFlow;
  readonly toClient: SimFlow;
  readonly #network: SimNetwork;
  readonly #options: DialOptions;
  readonly #handler: DialHandler;
  readonly #path: string;
  readonly #port: number;
  #state: "opening" | "open" | "closing" | "closed" = "opening";
  #server: SimServerConnection | undefined;
  /** Of the handshake, or of closing. */
  #timer: Timer | undefined;

  constructor(network: SimNetwork, { clientHost, url, options, handler }: Dialled) {
    const address = URL.canParse(url) ? new URL(url) : undefined;
    this.#network = network;
    this.#options = options;
    this.#handler = handler;
    this.clientHost = clientHost;
    this.serverHost = address?.hostname ?? "";
    this.#port = Number(address?.port ?? 0);
    this.#path = address?.pathname ?? "";
    this.toServer = new SimFlow(network.latency);
    this.toClient = new SimFlow(network.latency);
  }

  get isOpen(): boolean {
    return this.#state === "open";
  }

  /** Whether a ping of the server would be answered. */
  get isAlive(): boolean {
    return !this.toServer.isHeld && !this.toClient.isHeld;
  }

  get hasEnded(): boolean {
    return this.#state === "closed" && this.#server?.isOpen !== true;
  }

  begin(): void {
    if (this.#network.isPartitioned(this.clientHost, this.serverHost)) this.hold();
    this.#timer = this.#network.scheduler.after(this.#options.handshakeTimeoutMs, () => {
      this.finish(CLOSE_ABNORMAL, "Opening handshake has timed out");
    });
    this.toServer.sendSignal(() => this.#arriveAtServer());
  }

  send(message: Uint8Array): boolean {
    if (!this.isOpen) return false;
    this.toServer.sendMessage(message, (copy) => this.#server?.receive(copy));
    return true;
  }

  bufferedBytes(): number {
    return this.isOpen ? this.toServer.bufferedBytes : 0;
  }

  close(code: number, reason: string): void {
    if (this.#state === "opening") {
      this.toServer.sendSignal(() => this.#server?.lost());
      this.#state = "closing";
      this.#network.scheduler.endOfTurn(() => this.finish(CLOSE_ABNORMAL, "closed before it was open"));
    } else if (this.#state === "open") {
      this.toServer.sendSignal(() => this.#server?.peerClosed(code, reason));
      this.#state = "closing";
      this.#timer = this.#network.scheduler.after(CLOSE_TIMEOUT_MS, () => this.finish(CLOSE_ABNORMAL, ""));
    }
  }

  /** Both sides learn after a moment that the connection is gone; what was on its way is lost. */
  reset(): void {
    this.toServer.cut();
    this.toClient.cut();
    this.toServer.sendSignal(() => this.#server?.lost());
    this.toClient.sendSignal(() => this.finish(CLOSE_ABNORMAL, ""));
  }

  /** The server's process is gone, or its machine. */
  serverDied(what: "process" | "machine"): void {
    this.#server?.abandon();
    this.toServer.cut();
    this.toClient.cut();
    if (what === "machine") this.hold();
    this.toClient.sendSignal(() => this.finish(CLOSE_ABNORMAL, ""));
  }

  /** The client's machine is gone without a word: nothing arrives any more on either side. */
  goSilent(): void {
    this.hold();
  }

  /** The client's process does not read: what it is sent piles up at the server. */
  pauseReading(): void {
    this.toClient.hold();
  }

  resumeReading(): void {
    this.toClient.release();
  }

  hold(): void {
    this.toServer.hold();
    this.toClient.hold();
  }

  release(): void {
    this.toServer.release();
    this.toClient.release();
  }

  /** A message of the server arrives. */
  receive(message: Uint8Array): void {
    if (!this.isOpen) return;
    if (message.length <= this.#options.messageBytesMax) {
      this.#handler.onMessage(message);
      return;
    }
    this.toServer.sendSignal(() => this.#server?.peerClosed(CLOSE_TOO_BIG, ""));
    this.finish(CLOSE_ABNORMAL, "Max payload size exceeded");
  }

  /** The client's end is closed. */
  finish(code: number, reason: string): void {
    if (this.#state === "closed") return;
    this.#state = "closed";
    this.#timer?.cancel();
    this.#network.forgetEnded(this);
    this.#handler.onClose(code, reason);
  }

  #arriveAtServer(): void {
    if (this.#state !== "opening") return;
    const listener = this.#network.listenerAt(this.serverHost, this.#port);
    const refusal =
      listener === undefined ? "connection refused" : listener.refusal(this.#path, this.#options.subprotocol);
    if (listener === undefined || refusal !== undefined) {
      this.toClient.sendSignal(() => this.finish(CLOSE_ABNORMAL, refusal ?? ""));
      return;
    }
    this.toClient.sendSignal(() => this.#opened());
    this.#server = listener.connect(this, this.#path);
    listener.announce(this.#server);
  }

  #opened(): void {
    if (this.#state !== "opening") return;
    this.#state = "open";
    this.#timer?.cancel();
    this.#handler.onOpen();
  }
}
