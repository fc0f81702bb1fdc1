import {
  defaultEnvironment,
  type OperationName,
  promised,
  type RequestOf,
  type ResponseOf,
} from "../../protocol/client/index.js";
import { RpcConnection } from "../../protocol/client/rpc-connection.js";
import { ADMIN_PATH } from "../../protocol/schema/messages.js";

const TIMEOUT_MS = 1_000;

/** Asks one SCM, whoever leads, and nobody else. */
export class MemberLink {
  readonly #endpoint: string;
  #connection: RpcConnection | undefined;

  constructor(endpoint: string) {
    this.#endpoint = endpoint;
  }

  /** Undefined when it does not answer, or refuses. */
  async ask<N extends OperationName>(
    name: N,
    request: RequestOf<N>,
    timeoutMs = TIMEOUT_MS,
  ): Promise<ResponseOf<N> | undefined> {
    try {
      const connection = await this.#connected();
      return await promised<ResponseOf<N>>((completion) => {
        if (!connection.request(name, request, completion, timeoutMs)) throw new Error("not connected");
      });
    } catch {
      return undefined;
    }
  }

  close(): void {
    this.#connection?.close("the end");
    this.#connection = undefined;
  }

  #connected(): Promise<RpcConnection> {
    const known = this.#connection;
    if (known?.isReady === true) return Promise.resolve(known);
    return new Promise((resolve, reject) => {
      const options = {
        url: this.#endpoint + ADMIN_PATH,
        clientName: "chaos look",
        clusterId: undefined,
        handshakeTimeoutMs: TIMEOUT_MS,
      };
      const connection = new RpcConnection(defaultEnvironment(), options, {
        onReady: () => {
          this.#connection = connection;
          resolve(connection);
        },
        onClosed: (error) => {
          if (this.#connection === connection) this.#connection = undefined;
          reject(error);
        },
      });
    });
  }
}
