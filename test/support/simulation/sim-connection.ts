import type { ClientConnection, DialHandler, DialOptions } from "../../../engine/core/network.js";
import type { Scheduler, Timer } from "../../../engine/core/scheduler.js";
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
  /** Of the process that dials. */
  readonly scheduler: Scheduler;
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
  readonly #scheduler: Scheduler;
  readonly path: string;
  readonly serverPort: number;
  #state: "opening" | "open" | "closing" | "closed" = "opening";
  #server: SimServerConnection | undefined;
  /** Of the handshake, or of closing. */
  #timer: Timer | undefined;
  /** Its machine is dead: the other side does not know. */
  #isSilent = false;
  /** `goSilent` was called then. */
  #wentSilentMs: number | undefined;

  constructor(network: SimNetwork, { clientHost, url, options, handler, scheduler }: Dialled) {
    const address = URL.canParse(url) ? new URL(url) : undefined;
    this.#network = network;
    this.#options = options;
    this.#handler = handler;
    this.#scheduler = scheduler;
    this.clientHost = clientHost;
    this.serverHost = address?.hostname ?? "";
    this.serverPort = Number(address?.port ?? 0);
    this.path = address?.pathname ?? "";
    const { latency, links } = network;
    const [client, server] = [this.clientHost, this.serverHost];
    this.toServer = new SimFlow(latency, () => links.delayMs(client, server));
    this.toClient = new SimFlow(latency, () => links.delayMs(server, client));
  }

  get isOpen(): boolean {
    return this.#state === "open";
  }

  /** Whether a ping of the server would be answered. */
  get isAlive(): boolean {
    return !this.#isSilent && !this.toServer.isHeld && !this.toClient.isHeld;
  }

  get hasEnded(): boolean {
    return this.#state === "closed" && this.#server?.isOpen !== true;
  }

  /** Since when it is silent (`goSilent`), as long as the client takes it for alive. */
  get silentSinceMs(): number | undefined {
    const isUsed = this.#state === "opening" || this.#state === "open";
    return isUsed ? this.#wentSilentMs : undefined;
  }

  begin(): void {
    const { links } = this.#network;
    this.toServer.hold(links.holdCount(this.clientHost, this.serverHost));
    this.toClient.hold(links.holdCount(this.serverHost, this.clientHost));
    this.#timer = this.#scheduler.after(this.#options.handshakeTimeoutMs, () => {
      this.finish(CLOSE_ABNORMAL, "Opening handshake has timed out");
    });
    this.toServer.sendSignal(() => this.#arriveAtServer());
  }

  send(message: Uint8Array): boolean {
    if (!this.isOpen) return false;
    this.#network.onSend(this, "toServer", message);
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
      this.#scheduler.endOfTurn(() => this.finish(CLOSE_ABNORMAL, "closed before it was open"));
    } else if (this.#state === "open") {
      this.toServer.sendSignal(() => this.#server?.peerClosed(code, reason));
      this.#state = "closing";
      this.#timer = this.#scheduler.after(CLOSE_TIMEOUT_MS, () => this.finish(CLOSE_ABNORMAL, ""));
    }
  }

  /** Both sides learn after a moment that the connection is gone; what was on its way is lost. */
  reset(): void {
    this.toServer.cut();
    this.toClient.cut();
    this.toServer.sendSignal(() => this.#server?.lost());
    this.toClient.sendSignal(() => this.finish(CLOSE_ABNORMAL, ""));
  }

  /** The server's process is gone, or its machine. Unless `isDelivered`, what was on its way is lost. */
  serverDied(what: "process" | "machine", isDelivered: boolean): void {
    this.#server?.abandon();
    this.toServer.cut();
    if (!isDelivered) this.toClient.cut();
    if (what === "machine") this.#isSilent = true;
    else this.toClient.sendSignal(() => this.finish(CLOSE_ABNORMAL, "", this.#state === "opening"));
  }

  /** The same for the client's. */
  clientDied(what: "process" | "machine", isDelivered: boolean): void {
    this.#state = "closed";
    this.#timer?.cancel();
    this.toClient.cut();
    if (!isDelivered) this.toServer.cut();
    if (what === "machine") this.#isSilent = true;
    else this.toServer.sendSignal(() => this.#server?.lost());
    this.#network.forgetEnded(this);
  }

  /** The machine that died runs again, and knows nothing of this connection. */
  machineIsBack(): void {
    if (!this.#isSilent) return;
    this.reset();
  }

  /** The client's machine is gone without a word: nothing arrives any more on either side. */
  goSilent(): void {
    this.#wentSilentMs ??= this.#network.clock.monotonicMs();
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

  /** Holds back what goes from `from`, or from anywhere, to `to`. */
  holdLink(from: string | undefined, to: string): void {
    this.#flowOf(from, to)?.hold();
  }

  releaseLink(from: string | undefined, to: string): void {
    this.#flowOf(from, to)?.release();
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

  /** The client's end is closed. `isRefused`: nobody is there who could have opened it. */
  finish(code: number, reason: string, isRefused = false): void {
    if (this.#state === "closed") return;
    this.#state = "closed";
    this.#timer?.cancel();
    this.#network.forgetEnded(this);
    this.#handler.onClose(code, reason, isRefused);
  }

  #flowOf(from: string | undefined, to: string): SimFlow | undefined {
    const { clientHost, serverHost } = this;
    if (to === serverHost && (from ?? clientHost) === clientHost) return this.toServer;
    return to === clientHost && (from ?? serverHost) === serverHost ? this.toClient : undefined;
  }

  #arriveAtServer(): void {
    if (this.#state !== "opening") return;
    if (this.#network.isDead(this.serverHost)) {
      this.#isSilent = true;
      return;
    }
    const listener = this.#network.listenerAt(this.serverHost, this.serverPort);
    const refusal =
      listener === undefined ? "connection refused" : listener.refusal(this.path, this.#options.subprotocol);
    if (listener === undefined || refusal !== undefined) {
      this.toClient.sendSignal(() => this.finish(CLOSE_ABNORMAL, refusal ?? "", listener === undefined));
      return;
    }
    this.toClient.sendSignal(() => this.#opened());
    this.#server = listener.connect(this, this.path);
    listener.announce(this.#server);
  }

  #opened(): void {
    if (this.#state !== "opening") return;
    this.#state = "open";
    this.#timer?.cancel();
    this.#handler.onOpen();
  }
}
