import { createServer, connect as dial, type Server, type Socket } from "node:net";
import { freePort, LOOPBACK } from "../process/scm-home.js";

/** What becomes of bytes on their way from one machine to another. */
export interface PathFault {
  /** They wait, as do new connections, until the path is whole again: what a network that drops every packet
   * is to TCP. Nobody is told. */
  readonly isCut?: boolean;
  readonly delayMs?: number;
  readonly bytesPerSecond?: number;
}

/** Bytes that wait in one connection before its sender has to. */
const WAITING_BYTES_MAX = 256 * 1024;

/** Every way between some SCMs that run on one machine, each through a proxy: `portFor` says which port one
 * SCM's configuration must name for another. Connections stay; what flows in them obeys the path of its
 * direction. */
export class FaultyNetwork {
  readonly #paths = new Map<string, Path>();
  readonly #links = new Map<string, Link>();

  /** The port on which `from` reaches what `to` has opened at `targetPort`. */
  async portFor(from: string, to: string, targetPort: number): Promise<number> {
    const link = new Link(this.#path(from, to), this.#path(to, from), targetPort);
    this.#links.set(`${from} ${to}`, link);
    return await link.listen();
  }

  /** From now on this is wrong with the way from `from` to `to`, and nothing else. */
  setFault(from: string, to: string, fault: PathFault): void {
    this.#path(from, to).setFault(fault);
  }

  /** Closes every connection between the two with a reset, whoever has dialled. */
  reset(one: string, other: string): void {
    this.#links.get(`${one} ${other}`)?.reset();
    this.#links.get(`${other} ${one}`)?.reset();
  }

  /** All ways are whole. What has waited goes on. */
  heal(): void {
    for (const path of this.#paths.values()) path.setFault({});
  }

  /** Bytes that have gone from `from` to `to`. */
  carriedBytes(from: string, to: string): number {
    return this.#path(from, to).carriedBytes;
  }

  close(): void {
    for (const link of this.#links.values()) link.close();
  }

  #path(from: string, to: string): Path {
    const name = `${from} ${to}`;
    let path = this.#paths.get(name);
    if (path === undefined) {
      path = new Path();
      this.#paths.set(name, path);
    }
    return path;
  }
}

/** One direction between two machines, for all connections. */
class Path {
  fault: PathFault = {};
  carriedBytes = 0;
  /** When the next byte may go, with limited bandwidth. */
  freeAtMs = 0;
  /** Called when the fault has changed. */
  readonly listeners = new Set<() => void>();

  get isOpen(): boolean {
    return this.fault.isCut !== true;
  }

  setFault(fault: PathFault): void {
    this.fault = fault;
    this.freeAtMs = 0;
    for (const listener of [...this.listeners]) listener();
  }
}

/** A proxy for the connections that one machine dials to another. */
class Link {
  readonly #there: Path;
  readonly #back: Path;
  readonly #targetPort: number;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  constructor(there: Path, back: Path, targetPort: number) {
    this.#there = there;
    this.#back = back;
    this.#targetPort = targetPort;
    this.#server = createServer((socket) => this.#onDialled(socket));
  }

  async listen(): Promise<number> {
    const port = await freePort();
    await new Promise<void>((resolve, reject) => {
      this.#server.once("error", reject);
      this.#server.listen({ host: LOOPBACK, port }, resolve);
    });
    return port;
  }

  reset(): void {
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  close(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  #onDialled(socket: Socket): void {
    this.#keep(socket);
    const paths = [this.#there, this.#back];
    const tryToDial = (): void => {
      // A handshake needs both directions.
      if (!paths.every(({ isOpen }) => isOpen)) return;
      stop();
      this.#join(socket);
    };
    const stop = (): void => {
      for (const { listeners } of paths) listeners.delete(tryToDial);
    };
    for (const { listeners } of paths) listeners.add(tryToDial);
    socket.once("close", stop);
    tryToDial();
  }

  #join(socket: Socket): void {
    const target = dial({ host: LOOPBACK, port: this.#targetPort, noDelay: true });
    socket.setNoDelay(true);
    this.#keep(target);
    new Pipe(socket, target, this.#there);
    new Pipe(target, socket, this.#back);
  }

  #keep(socket: Socket): void {
    this.#sockets.add(socket);
    socket.once("close", () => this.#sockets.delete(socket));
    // What follows is "close".
    socket.on("error", () => {});
  }
}

interface Parcel {
  /** Undefined = the connection was closed. */
  readonly bytes: Buffer | undefined;
  readonly arrivedMs: number;
}

/** One direction of one connection. That it was closed is news like all others: it waits its turn. */
class Pipe {
  readonly #from: Socket;
  readonly #to: Socket;
  readonly #path: Path;
  readonly #waiting: Parcel[] = [];
  #waitingBytes = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(from: Socket, to: Socket, path: Path) {
    this.#from = from;
    this.#to = to;
    this.#path = path;
    path.listeners.add(this.#pump);
    from.on("data", (bytes) => this.#take(bytes));
    // At once when it is closed already: the client has given up meanwhile.
    if (from.destroyed) this.#take(undefined);
    else from.once("close", () => this.#take(undefined));
    to.once("close", () => this.#end());
    to.on("drain", this.#pump);
  }

  #take(bytes: Buffer | undefined): void {
    this.#waiting.push({ bytes, arrivedMs: performance.now() });
    this.#waitingBytes += bytes?.length ?? 0;
    if (this.#waitingBytes > WAITING_BYTES_MAX) this.#from.pause();
    this.#pump();
  }

  readonly #pump = (): void => {
    clearTimeout(this.#timer);
    for (let parcel = this.#waiting[0]; parcel !== undefined; parcel = this.#waiting[0]) {
      const { fault } = this.#path;
      if (!this.#path.isOpen || this.#to.writableNeedDrain) return;
      const now = performance.now();
      const dueMs = Math.max(parcel.arrivedMs + (fault.delayMs ?? 0), this.#path.freeAtMs);
      if (dueMs > now) {
        this.#timer = setTimeout(this.#pump, dueMs - now);
        return;
      }
      this.#waiting.shift();
      this.#deliver(parcel, now);
    }
  };

  #deliver({ bytes }: Parcel, now: number): void {
    if (bytes === undefined) {
      this.#to.end();
      this.#end();
      return;
    }
    const { bytesPerSecond } = this.#path.fault;
    if (bytesPerSecond !== undefined) this.#path.freeAtMs = now + (bytes.length / bytesPerSecond) * 1000;
    this.#path.carriedBytes += bytes.length;
    this.#waitingBytes -= bytes.length;
    this.#to.write(bytes);
    if (this.#waitingBytes <= WAITING_BYTES_MAX) this.#from.resume();
  }

  /** Nobody is there to deliver to. */
  #end(): void {
    clearTimeout(this.#timer);
    this.#waiting.length = 0;
    this.#path.listeners.delete(this.#pump);
  }
}
