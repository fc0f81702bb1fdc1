import type { StrataError } from "../../../engine/core/errors.js";
import type { RpcError } from "../../../protocol/client/completion.js";
import { operationNamed } from "../../../protocol/codec/operations.js";
import type { OperationName, RequestOf, ResponseOf } from "../../../protocol/schema/messages.js";
import type { MainConnection, MainLink } from "../../../workers/front/main-connection.js";
import { EncodingConnection } from "./encoding-connection.js";

/** A request that waits until the test answers it. */
export interface Asked<N extends OperationName = OperationName> {
  readonly name: N;
  readonly request: RequestOf<N>;
  answer(value: ResponseOf<N> | RpcError): void;
}

/** Main, as one connection of the front sees it. Requests go through the real encoders. */
export class AskedConnection extends EncodingConnection {
  readonly path: string;
  readonly remoteAddress: string;
  /** Without an answer. */
  readonly asked: Asked[] = [];
  readonly #onClosed: (error: RpcError) => void;
  isOpen = true;

  constructor(path: string, remoteAddress: string, onClosed: (error: RpcError) => void) {
    super();
    this.path = path;
    this.remoteAddress = remoteAddress;
    this.#onClosed = onClosed;
  }

  /** The only request without an answer. */
  only<N extends OperationName>(name: N): Asked<N> {
    const [first, ...others] = this.asked;
    if (first?.name !== name || others.length > 0) {
      throw new Error(`asked for ${this.asked.map((each) => each.name).join(", ")}, not for ${name}`);
    }
    return first as unknown as Asked<N>;
  }

  requestEncoded(name: OperationName, body: Uint8Array, done: (body: Uint8Array | RpcError) => void): void {
    const { request, response } = operationNamed(name);
    const bytes = body.slice();
    this.#ask(name, request.decode(bytes, 0, bytes.length) as RequestOf<OperationName>, (value) => {
      done(value instanceof Error ? value : response.encodeValue(value));
    });
  }

  protected refuse(name: OperationName, request: RequestOf<OperationName>, done: () => void): void {
    this.#ask(name, request, done);
  }

  #ask(name: OperationName, request: RequestOf<OperationName>, onAnswer: Asked["answer"]): void {
    const asked: Asked = {
      name,
      request,
      answer: (value) => {
        this.asked.splice(this.asked.indexOf(asked), 1);
        onAnswer(value);
      },
    };
    this.asked.push(asked);
  }

  close(reason: StrataError): void {
    if (!this.isOpen) return;
    this.isOpen = false;
    for (const { answer } of [...this.asked]) answer(reason);
    this.#onClosed(reason);
  }
}

/** Main, of which nothing is known but what the test makes it answer. */
export class AskedMain implements MainLink {
  readonly connections: AskedConnection[] = [];

  connect(
    path: string,
    remoteAddress: string,
    _clientName: string,
    onClosed: (error: RpcError) => void,
  ): MainConnection {
    const connection = new AskedConnection(path, remoteAddress, onClosed);
    this.connections.push(connection);
    return connection;
  }

  /** The one that was opened last. */
  get last(): AskedConnection {
    const connection = this.connections.at(-1);
    if (connection === undefined) throw new Error("no connection was opened");
    return connection;
  }
}
