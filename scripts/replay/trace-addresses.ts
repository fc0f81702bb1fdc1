import type { ServerConnection, Transport, TransportHandler } from "../../engine/core/transport.js";
import { DATANODE_PATH } from "../../protocol/schema/messages.js";

/** The addresses and names that the recorded SCM saw: here every datanode dials from loopback. The player
 * makes one connection at a time, so that the next one that arrives is the one that it has announced. */
export class TraceAddresses {
  readonly #nameOf = new Map<string, string>();
  #next = "";

  /** The next datanode that connects has this address. */
  expect(address: string): void {
    this.#next = address;
  }

  /** What a look-up of `address` finds from now on. */
  name(address: string, hostName: string): void {
    this.#nameOf.set(address, hostName);
  }

  nameOf(address: string): string | undefined {
    return this.#nameOf.get(address);
  }

  /** `transport` with the trace's addresses on the datanodes' connections. */
  over(transport: Transport): Transport {
    return {
      name: transport.name,
      listen: (options, handler) => transport.listen(options, this.#handlerOver(handler)),
    };
  }

  #handlerOver(handler: TransportHandler): TransportHandler {
    return {
      onOpen: (connection) => {
        this.#rename(connection);
        handler.onOpen(connection);
      },
      onMessage: (connection, message) => handler.onMessage(connection, message),
      onClose: (connection, code) => handler.onClose(connection, code),
    };
  }

  /** On the object itself: the gateway knows a connection by its identity. */
  #rename(connection: ServerConnection): void {
    if (connection.path !== DATANODE_PATH || this.#next === "") return;
    Object.defineProperty(connection, "remoteAddress", { value: this.#next });
  }
}
