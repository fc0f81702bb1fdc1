import { connect, type Socket } from "node:net";
import { until } from "./socket-world.js";

export const OPCODE_TEXT = 1;
export const OPCODE_BINARY = 2;
export const OPCODE_CLOSE = 8;
export const OPCODE_PING = 9;

export interface ReceivedFrame {
  readonly opcode: number;
  readonly payload: Buffer;
}

/** A WebSocket client that does what it is told, byte by byte, and answers nothing by itself. */
export class RawClient {
  readonly socket: Socket;
  readonly frames: ReceivedFrame[] = [];
  /** Status line of the HTTP answer. */
  status = "";
  isEnded = false;
  #unread: Buffer = Buffer.alloc(0);

  constructor(port: number) {
    this.socket = connect({ port, host: "127.0.0.1", noDelay: true });
    this.socket.on("data", (bytes) => this.#take(bytes));
    this.socket.on("error", () => {});
    this.socket.on("close", () => {
      this.isEnded = true;
    });
  }

  /** Sends the request and waits for the answer's status line. */
  async request(path: string, headers: readonly string[]): Promise<string> {
    this.socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\n${headers.join("\r\n")}\r\n\r\n`);
    await until(() => this.status !== "" || this.isEnded, "the request is answered");
    return this.status;
  }

  upgrade(path = "/datanode", subprotocol = "strata.v1"): Promise<string> {
    return this.request(path, [
      "Upgrade: websocket",
      "Connection: Upgrade",
      "Sec-WebSocket-Version: 13",
      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
      `Sec-WebSocket-Protocol: ${subprotocol}`,
    ]);
  }

  sendFrame(opcode: number, payload: Uint8Array): void {
    this.socket.write(clientFrame(opcode, payload));
  }

  /** Code and reason of the close frame, once it has come or the socket has ended. */
  async closed(limitMs?: number): Promise<{ code: number; reason: string }> {
    const frame = () => this.frames.find(({ opcode }) => opcode === OPCODE_CLOSE);
    await until(() => frame() !== undefined || this.isEnded, "the server closes the connection", limitMs);
    const payload = frame()?.payload;
    if (payload === undefined) return { code: 1006, reason: "" };
    return { code: payload.readUInt16BE(0), reason: payload.toString("utf8", 2) };
  }

  #take(bytes: Buffer): void {
    this.#unread = this.#unread.length === 0 ? bytes : Buffer.concat([this.#unread, bytes]);
    if (this.status === "") {
      const end = this.#unread.indexOf("\r\n\r\n");
      if (end < 0) return;
      this.status = this.#unread.toString("latin1", 0, this.#unread.indexOf("\r\n"));
      this.#unread = this.#unread.subarray(end + 4);
    }
    while (this.#takeFrame());
  }

  #takeFrame(): boolean {
    const bytes = this.#unread;
    if (bytes.length < 2) return false;
    const short = bytes.readUInt8(1) & 0x7f;
    const start = short === 127 ? 10 : short === 126 ? 4 : 2;
    if (bytes.length < start) return false;
    const length =
      start === 10 ? Number(bytes.readBigUInt64BE(2)) : start === 4 ? bytes.readUInt16BE(2) : short;
    if (bytes.length < start + length) return false;
    const payload = Buffer.from(bytes.subarray(start, start + length));
    this.frames.push({ opcode: bytes.readUInt8(0) & 0x0f, payload });
    this.#unread = bytes.subarray(start + length);
    return true;
  }
}

/** A final frame with a mask of zeros. */
export function clientFrame(opcode: number, payload: Uint8Array): Buffer {
  const length = payload.length;
  const size = length < 126 ? 0 : length < 65_536 ? 2 : 8;
  const frame = Buffer.alloc(2 + size + 4 + length);
  frame[0] = 0x80 | opcode;
  frame[1] = 0x80 | (size === 0 ? length : size === 2 ? 126 : 127);
  if (size === 2) frame.writeUInt16BE(length, 2);
  if (size === 8) frame.writeBigUInt64BE(BigInt(length), 2);
  frame.set(payload, 2 + size + 4);
  return frame;
}
