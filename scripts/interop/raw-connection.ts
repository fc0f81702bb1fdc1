import { connect, type Socket } from "node:net";
import { waitFor } from "../../test/support/wait.js";
import { HOST } from "./scm-service.js";
import { delimited, delimitedMessages, message, wireText, zigzag } from "./wire-text.js";

const ANSWER_LIMIT_MS = 60_000;
const CLIENT_ID = Buffer.from("0123456789abcdef");
/** callId of what is not a call (spec 12 §2.4). */
const CONTEXT_CALL = -3;
const PING_CALL = -4;
export const SASL_CALL = -33;

const PROTOBUF_KIND = 2;
const FINAL_PACKET = 0;

/** The protocols of spec 12 §2.7. */
export const PROTOCOLS = {
  datanode: {
    name: "org.apache.hadoop.ozone.protocol.StorageContainerDatanodeProtocol",
    method: "submitRequest",
  },
  block: { name: "org.apache.hadoop.hdds.scm.protocol.ScmBlockLocationProtocol", method: "send" },
  location: {
    name: "org.apache.hadoop.hdds.scm.protocol.StorageContainerLocationProtocol",
    method: "submitRequest",
  },
} as const;

export interface Protocol {
  readonly name: string;
  readonly method: string;
  readonly version?: number;
}

/** A connection that sends what it is told, right or wrong, and shows what comes back. */
export class RawConnection {
  readonly #socket: Socket;
  #received = Buffer.alloc(0);
  #isEnded = false;

  constructor(port: number) {
    this.#socket = connect({ host: HOST, port });
    this.#socket.on("data", (bytes) => {
      this.#received = Buffer.concat([this.#received, bytes]);
    });
    this.#socket.on("close", () => {
      this.#isEnded = true;
    });
    this.#socket.on("error", () => {});
  }

  send(...parts: readonly (string | Uint8Array)[]): void {
    for (const part of parts) this.#socket.write(part);
  }

  /** The next answer, header and body, as text. */
  async answer(): Promise<string> {
    return answerText(await this.frame());
  }

  /** The same as bytes, without the length. */
  async frame(): Promise<Uint8Array> {
    await waitFor("an answer comes", () => this.#hasFrame || this.#isEnded, ANSWER_LIMIT_MS);
    if (!this.#hasFrame) throw new Error("closed without an answer");
    const end = 4 + this.#received.readUInt32BE();
    const bytes = this.#received.subarray(4, end);
    this.#received = this.#received.subarray(end);
    return bytes;
  }

  /** All that came until the server closed. */
  async untilClosed(): Promise<Buffer> {
    await waitFor("the server closes", () => this.#isEnded, ANSWER_LIMIT_MS);
    return this.#received;
  }

  /** Reads no more. */
  pause(): void {
    this.#socket.pause();
  }

  close(): void {
    this.#socket.destroy();
  }

  get #hasFrame(): boolean {
    return this.#received.length >= 4 && this.#received.length >= 4 + this.#received.readUInt32BE();
  }
}

/** A frame without its length: header and body. */
export function answerText(frame: Uint8Array): string {
  const parts = delimitedMessages(frame);
  return parts.map((part, i) => `${i === 0 ? "header" : "body"}\n${wireText(part, "  ")}`).join("");
}

export function preamble({ magic = "hrpc", version = 9, serviceClass = 0, auth = 0 } = {}): Uint8Array {
  return Buffer.concat([Buffer.from(magic), Buffer.from([version, serviceClass, auth])]);
}

export function context(protocol: Protocol): Uint8Array {
  const user = [[1, "root"]] as const;
  return frame(delimited(header(CONTEXT_CALL)), delimited(message([2, user], [3, protocol.name])));
}

export function ping(): Uint8Array {
  return frame(delimited(header(PING_CALL)));
}

export function call(callId: number, protocol: Protocol, body: Uint8Array): Uint8Array {
  const { name, method, version = 1 } = protocol;
  const engine = message([1, method], [2, name], [3, version]);
  return frame(delimited(header(callId)), delimited(engine), delimited(body));
}

export function frame(...parts: readonly Uint8Array[]): Uint8Array {
  const bytes = Buffer.concat(parts);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length);
  return Buffer.concat([length, bytes]);
}

export function header(callId: number): Uint8Array {
  return message([1, PROTOBUF_KIND], [2, FINAL_PACKET], [3, zigzag(callId)], [4, CLIENT_ID], [5, 0]);
}

/** One connection, one call: the answer as text. */
export async function ask(port: number, protocol: Protocol, body: Uint8Array): Promise<string> {
  const connection = new RawConnection(port);
  try {
    connection.send(preamble(), context(protocol), call(0, protocol, body));
    return await connection.answer();
  } finally {
    connection.close();
  }
}
