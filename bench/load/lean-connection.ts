import { connect, type Socket } from "node:net";
import { encodeMessage } from "../../protocol/codec/codec.js";
import { FLAG_ANSWER, FLAG_ERROR } from "../../protocol/codec/frame.js";
import { HELLO_REQUEST, OPERATIONS, PROTOCOL_VERSION, SUBPROTOCOL } from "../../protocol/schema/messages.js";

const BINARY = 0x82;
const MASKED = 0x80;
/** A length above this stands in two further bytes, or in eight. */
const SHORT_MAX = 125;
const LENGTH_16 = 126;
const MASK_BYTES = 4;
const ID_AT = 8;
const FLAGS_AT = 2;

/** One WebSocket to an SCM that repeats one request, with as little work as a client can do: the library's
 * client, in the same process for all, would need more time for a call than the SCM does. The frame is masked
 * with zeros, so that only the request id changes. Answers are told apart by their flags and not decoded. */
export class LeanConnection {
  readonly #socket: Socket;
  /** The request as a client's WebSocket frame; `#payloadAt` is where the message begins. */
  #frame = Buffer.alloc(0);
  #payloadAt = 0;
  #lastRequestId = 0;
  #unread: Buffer = Buffer.alloc(0);
  #isUpgraded = false;
  #onUpgraded: () => void = () => undefined;
  /** The message of an answer, valid within the call. */
  onAnswer: (message: Buffer, isError: boolean) => void = () => undefined;

  private constructor(port: number) {
    this.#socket = connect({ port, host: "127.0.0.1", noDelay: true });
    this.#socket.on("data", (bytes) => this.#take(bytes));
  }

  /** Connected, and greeted. */
  static async open(endpoint: string, path: string): Promise<LeanConnection> {
    const { port } = new URL(endpoint);
    const connection = new LeanConnection(Number(port));
    const lines = [
      `GET ${path} HTTP/1.1`,
      "Host: x",
      "Upgrade: websocket",
      "Connection: Upgrade",
      "Sec-WebSocket-Version: 13",
      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
      `Sec-WebSocket-Protocol: ${SUBPROTOCOL}`,
    ];
    await new Promise<void>((resolve) => {
      connection.#onUpgraded = resolve;
      connection.#socket.write(`${lines.join("\r\n")}\r\n\r\n`);
    });
    const hello = { protocolVersionMax: PROTOCOL_VERSION, clientName: "lean load" };
    connection.prepare(encodeMessage(OPERATIONS.hello.op, 0, 1, HELLO_REQUEST, hello));
    await new Promise<void>((resolve) => {
      connection.onAnswer = () => resolve();
      connection.send();
    });
    return connection;
  }

  /** The message that `send` repeats. */
  prepare(message: Uint8Array): void {
    const isShort = message.length <= SHORT_MAX;
    const head = isShort
      ? [BINARY, MASKED | message.length]
      : [BINARY, MASKED | LENGTH_16, message.length >>> 8, message.length & 0xff];
    this.#frame = Buffer.concat([Buffer.from(head), Buffer.alloc(MASK_BYTES), message]);
    this.#payloadAt = head.length + MASK_BYTES;
  }

  send(): void {
    this.#frame.writeDoubleLE(++this.#lastRequestId, this.#payloadAt + ID_AT);
    // The socket may keep the bytes when its buffer is full, which one request at a time never does.
    this.#socket.write(this.#frame);
  }

  close(): void {
    this.#socket.destroy();
  }

  #take(bytes: Buffer): void {
    let unread = this.#unread.length === 0 ? bytes : Buffer.concat([this.#unread, bytes]);
    if (!this.#isUpgraded) {
      const end = unread.indexOf("\r\n\r\n");
      if (end < 0) return;
      this.#isUpgraded = true;
      unread = unread.subarray(end + 4);
      this.#onUpgraded();
    }
    let at = 0;
    for (let end = frameEnd(unread, at); end > 0; end = frameEnd(unread, at)) {
      const messageAt = at + headBytes(unread, at);
      this.#answered(unread.subarray(messageAt, end), unread[at] as number);
      at = end;
    }
    this.#unread = at === unread.length ? EMPTY : Buffer.from(unread.subarray(at));
  }

  #answered(message: Buffer, first: number): void {
    // Pings are left alone: a load is shorter than the SCM's patience.
    if (first !== BINARY) return;
    const flags = message[FLAGS_AT] as number;
    if ((flags & FLAG_ANSWER) !== 0) this.onAnswer(message, (flags & FLAG_ERROR) !== 0);
  }
}

const EMPTY = Buffer.alloc(0);

/** Where the frame at `at` ends; 0 when it is not whole. */
function frameEnd(bytes: Buffer, at: number): number {
  if (bytes.length < at + 2) return 0;
  const head = headBytes(bytes, at);
  if (bytes.length < at + head) return 0;
  const short = bytes[at + 1] as number;
  const length =
    short <= SHORT_MAX
      ? short
      : short === LENGTH_16
        ? bytes.readUInt16BE(at + 2)
        : Number(bytes.readBigUInt64BE(at + 2));
  const end = at + head + length;
  return end <= bytes.length ? end : 0;
}

function headBytes(bytes: Buffer, at: number): number {
  const short = bytes[at + 1] as number;
  return short <= SHORT_MAX ? 2 : short === LENGTH_16 ? 4 : 10;
}
