/** The server side of message connections: accepts, frames, closes. Implementations: uWebSockets.js, `ws`,
 * the simulator's, which pass one test file, and the rings of the front. */
export interface Transport {
  readonly name: string;
  listen(options: ListenOptions, handler: TransportHandler): Promise<Listener>;
}

export interface ListenOptions {
  readonly host: string;
  /** 0 picks a free one; `Listener.port` tells which. */
  readonly port: number;
  /** Accepted paths; another one is answered 404. */
  readonly paths: readonly string[];
  /** The one subprotocol; a client that does not offer it is answered 400. */
  readonly subprotocol: string;
  readonly messageBytesMax: number;
  /** Above this much unsent data a connection is closed as a slow consumer. */
  readonly sendBufferBytesMax: number;
  /** A connection that is silent this long is pinged, and closed when it stays silent; 8 … 960 s. */
  readonly idleTimeoutSeconds: number;
  readonly connectionCountMax: number;
}

export interface Listener {
  readonly port: number;
  /** Stops accepting and closes every connection with 1001. */
  close(): Promise<void>;
}

export interface TransportHandler {
  onOpen(connection: ServerConnection): void;
  /** `message` is only valid during the call; copy what must stay. Called corked: sends leave together
   * after it. */
  onMessage(connection: ServerConnection, message: Uint8Array): void;
  /** Exactly once for each opened connection, whoever closed it. When we do, it is called within `close`,
   * or within the `send` that found a slow consumer (code 1008). */
  onClose(connection: ServerConnection, code: number): void;
}

export interface ServerConnection {
  /** 1, 2, 3 … in order of arrival. */
  readonly id: number;
  /** It comes from another part of this SCM: limits on what strangers may open do not hold for it. */
  readonly isInternal?: true;
  readonly path: string;
  readonly remoteAddress: string;
  /** False from the moment it closes; every method is then a harmless no-op. */
  readonly isOpen: boolean;
  /** For the owner of the handler. */
  session: unknown;
  /** Copies `message` out before it returns. False when the connection is closed (or was closed by this
   * send because the peer reads too slowly): a dropped message never leaves a gap in an open stream. */
  send(message: Uint8Array): boolean;
  /** Runs `task` at once; sends within it leave in one system call. On a closed connection it is not run. */
  cork(task: () => void): void;
  bufferedBytes(): number;
  /** Closes with a WebSocket code and a reason of at most 123 bytes. */
  close(code: number, reason: string): void;
}
