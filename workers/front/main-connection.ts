import type { StrataError } from "../../engine/core/errors.js";
import type { RpcError } from "../../protocol/client/completion.js";
import type { OperationName, RequestOf, ResponseOf } from "../../protocol/schema/messages.js";

/** The way to the SCM on main: message connections over the rings, as a client of Strata's own protocol has
 * them over a socket. */
export interface MainLink {
  /** @param path DATANODE_PATH or ADMIN_PATH
   * @param remoteAddress of the client behind it, for the SCM's log, audit and topology
   * @param clientName the same as in hello: user, program
   * @param onClosed once, whoever closed it, after all requests without an answer have failed */
  connect(
    path: string,
    remoteAddress: string,
    clientName: string,
    onClosed: (error: RpcError) => void,
  ): MainConnection;
}

/** A connection to main. Requests may be made at once: they wait for hello. Each gets exactly one outcome,
 * never before the call has returned: the answer, a RemoteError of the SCM (with redirect facts for
 * NOT_LEADER), or a StrataError of this side (CONNECTION_LOST, REQUEST_TIMEOUT, OVERLOADED, FIELD_INVALID).
 * Both errors are an `Error`, and no answer is one. */
export interface MainConnection {
  readonly isOpen: boolean;
  request<N extends OperationName>(
    name: N,
    request: RequestOf<N>,
    done: (answer: ResponseOf<N> | RpcError) => void,
  ): void;
  /** The same with the encoded body of the answer, valid during the call. */
  requestRaw<N extends OperationName>(
    name: N,
    request: RequestOf<N>,
    done: (body: Uint8Array | RpcError) => void,
  ): void;
  /** The same with a request that is encoded already (its body, without frame header); copied. */
  requestEncoded(name: OperationName, body: Uint8Array, done: (body: Uint8Array | RpcError) => void): void;
  close(reason: StrataError): void;
}
