/** errorDetail of RpcResponseHeader (spec 12 §2.4). */
export const RPC_ERROR_DETAIL = {
  APPLICATION: 1,
  NO_SUCH_METHOD: 2,
  NO_SUCH_PROTOCOL: 3,
  RPC_SERVER: 4,
  SERIALIZING_RESPONSE: 5,
  RPC_VERSION_MISMATCH: 6,
  UNKNOWN: 10,
  UNSUPPORTED_SERIALIZATION: 11,
  INVALID_RPC_HEADER: 12,
  DESERIALIZING_REQUEST: 13,
  VERSION_MISMATCH: 14,
  UNAUTHORIZED: 15,
} as const;
export type RpcErrorDetail = (typeof RPC_ERROR_DETAIL)[keyof typeof RPC_ERROR_DETAIL];

/** A call of a Hadoop client on its way through the front. It is answered exactly once, by `reply` or by
 * `fail`, in `handle` or later, also when the client has gone meanwhile; after that it must not be touched:
 * the object is used again. */
export interface HadoopCall {
  /** Whom the client says it acts for (spec 12 §2.4 rule 8). */
  readonly user: string;
  /** Who acts for `user`, where it is a proxy. */
  readonly realUser: string | undefined;
  readonly remoteAddress: string;
  readonly method: string;
  /** The request message; valid during `handle` only. */
  readonly body: Uint8Array;
  /** What the call is counted as in the metrics of its protocol; at first the method. Handlers of protocols
   * with an envelope set the envelope's type. */
  type: string;
  /** Whether `reply` or `fail` was called. */
  readonly isAnswered: boolean;
  /** The response message, without its length; copied. False: the client is gone. */
  reply(message: Uint8Array): boolean;
  /** An error frame. `className` is one of Java's (hadoop-errors.ts), `detail` APPLICATION unless given. */
  fail(className: string, message: string, detail?: RpcErrorDetail): boolean;
  /** Called at most once after `reply` returned true, when the socket failed before the system had the
   * answer: what was in it has not arrived. Set it before `reply`. */
  onUndelivered: (() => void) | undefined;
}

/** What one protocol of spec 12 §2.7 does with its calls. */
export interface HadoopProtocol {
  /** declaringClassProtocolName. */
  readonly name: string;
  /** All methods that there are; the server answers others. */
  readonly methods: ReadonlySet<string>;
  /** Throws nothing: whatever it throws ends the front. */
  handle(call: HadoopCall): void;
  /** A connection broke in the middle of a request to this protocol: what had come of its body, at most the
   * first 4 KB, valid during the call only (spec 12 §11). */
  onCutOff?(method: string, partialBody: Uint8Array): void;
  /** What it counts beside its calls, by name; told to main every second. */
  readonly counters?: Readonly<Record<string, number>>;
  /** The thread is told to end; the listeners are closed. */
  stop?(): void;
}
