import { setTimeout as sleep } from "node:timers/promises";
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
  async ask<N extends OperationName>(name: N, request: RequestOf<N>): Promise<ResponseOf<N> | undefined> {
    try {
      const connection = await this.#connected();
      return await promised<ResponseOf<N>>((completion) => {
        if (!connection.request(name, request, completion, TIMEOUT_MS)) throw new Error("not connected");
      });
    } catch {
      return undefined;
    }
  }

  /** The answer, as soon as there is one that `isWanted`; undefined after `limitMs`. */
  async until<N extends OperationName>(
    name: N,
    request: RequestOf<N>,
    isWanted: (response: ResponseOf<N>) => boolean,
    limitMs: number,
  ): Promise<ResponseOf<N> | undefined> {
    const dueMs = performance.now() + limitMs;
    do {
      const response = await this.ask(name, request);
      if (response !== undefined && isWanted(response)) return response;
      await sleep(50);
    } while (performance.now() < dueMs);
    return undefined;
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
