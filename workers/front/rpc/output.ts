import type { Socket } from "node:net";
import { Fifo } from "../../../engine/core/fifo.js";
import { type Caller, responseBytesMax, writeResponse } from "./response-frame.js";

const PAGE_BYTES = 16 * 1024;
const POOLED_COUNT_MAX = 256;
const POOL: Uint8Array[] = [];
/** More do not wait for the end of the turn. */
const GATHERED_BYTES_MAX = 256 * 1024;

type Hook = () => void;

interface Write {
  readonly page: Uint8Array;
  /** To be called when it does not arrive. */
  readonly hooks: readonly Hook[];
}

const NO_HOOKS: readonly Hook[] = [];

/** The answers of one connection: gathered during a turn, written at once. */
export class Output {
  readonly #socket: Socket;
  readonly #onProgress: (isAll: boolean) => void;
  readonly #writes = new Fifo<Write>();
  #page: Uint8Array | undefined;
  #end = 0;
  #hooks: Hook[] | undefined;

  /** @param onWritten the system has taken a turn's answers; `isAll`: nothing waits any more */
  constructor(socket: Socket, onWritten: (isAll: boolean) => void) {
    this.#socket = socket;
    this.#onProgress = onWritten;
  }

  get isEmpty(): boolean {
    return this.#end === 0;
  }

  /** Bytes that the system has not taken yet. */
  get backlogBytes(): number {
    return this.#end + this.#socket.writableLength;
  }

  addResponse(caller: Caller, message: Uint8Array, onUndelivered: Hook | undefined): void {
    const page = this.#room(responseBytesMax(caller, message.length));
    this.#end = writeResponse(page, this.#end, caller, message);
    if (onUndelivered !== undefined) this.#hook(onUndelivered);
  }

  addBytes(bytes: Uint8Array, onUndelivered: Hook | undefined): void {
    this.#room(bytes.length).set(bytes, this.#end);
    this.#end += bytes.length;
    if (onUndelivered !== undefined) this.#hook(onUndelivered);
  }

  /** Hands everything to the socket. */
  flush(): void {
    const page = this.#page;
    if (page === undefined || this.#end === 0) return;
    const bytes = page.subarray(0, this.#end);
    this.#writes.push({ page, hooks: this.#hooks ?? NO_HOOKS });
    this.#page = undefined;
    this.#end = 0;
    this.#hooks = undefined;
    this.#socket.write(bytes, this.#onWritten);
  }

  /** The connection has closed: what was not taken by the system does not arrive. */
  drop(): void {
    for (let write = this.#writes.shift(); write !== undefined; write = this.#writes.shift()) {
      for (const hook of write.hooks) hook();
    }
    const hooks = this.#hooks ?? NO_HOOKS;
    this.#hooks = undefined;
    this.#page = undefined;
    this.#end = 0;
    for (const hook of hooks) hook();
  }

  readonly #onWritten = (error?: Error | null): void => {
    // What failed is dropped with the connection.
    if (error !== null && error !== undefined) return;
    const write = this.#writes.shift();
    if (write !== undefined) recycle(write.page);
    this.#onProgress(this.#writes.length === 0);
  };

  #hook(onUndelivered: Hook): void {
    if (this.#hooks === undefined) this.#hooks = [onUndelivered];
    else this.#hooks.push(onUndelivered);
  }

  /** The page, with room for `bytes` from `#end` on. */
  #room(bytes: number): Uint8Array {
    if (this.#end > GATHERED_BYTES_MAX) this.flush();
    const page = this.#page;
    const needed = this.#end + bytes;
    if (page !== undefined && page.length >= needed) return page;
    const pooled = needed <= PAGE_BYTES ? POOL.pop() : undefined;
    const grown = pooled ?? Buffer.allocUnsafeSlow(capacityFor(needed));
    if (page !== undefined) {
      grown.set(page.subarray(0, this.#end));
      recycle(page);
    }
    this.#page = grown;
    return grown;
  }
}

function capacityFor(bytes: number): number {
  if (bytes <= PAGE_BYTES) return PAGE_BYTES;
  return bytes <= GATHERED_BYTES_MAX ? 2 * bytes : bytes;
}

function recycle(page: Uint8Array): void {
  if (page.length === PAGE_BYTES && POOL.length < POOLED_COUNT_MAX) POOL.push(page);
}
