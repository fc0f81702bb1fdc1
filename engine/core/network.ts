/** The client side of message connections: what DatanodeClient, AdminClient and SCM peers dial with. */
export interface Network {
  dial(url: string, options: DialOptions, handler: DialHandler): ClientConnection;
}

export interface DialOptions {
  readonly subprotocol: string;
  readonly messageBytesMax: number;
  readonly handshakeTimeoutMs: number;
}

export interface DialHandler {
  onOpen(): void;
  /** `message` is only valid during the call. */
  onMessage(message: Uint8Array): void;
  /** Exactly once, also when the connection never opened (code 1006). `isRefused`: it never did, because the
   * other machine said at once that nobody is there. */
  onClose(code: number, reason: string, isRefused: boolean): void;
}

export interface ClientConnection {
  readonly isOpen: boolean;
  /** It copies each message before `send` returns; absent: it may keep what it is given. */
  readonly copiesMessages?: true;
  /** The caller must not change `message` afterwards, unless `copiesMessages`. False when not open. */
  send(message: Uint8Array): boolean;
  bufferedBytes(): number;
  close(code: number, reason: string): void;
}
