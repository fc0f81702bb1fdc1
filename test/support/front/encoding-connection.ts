import type { StrataError } from "../../../engine/core/errors.js";
import type { RpcError } from "../../../protocol/client/completion.js";
import { operationNamed } from "../../../protocol/codec/operations.js";
import type { OperationName, RequestOf, ResponseOf } from "../../../protocol/schema/messages.js";
import type { MainConnection } from "../../../workers/front/main-connection.js";

/** A connection to a main of the test's: requests and answers go through the real codecs. */
export abstract class EncodingConnection implements MainConnection {
  abstract readonly isOpen: boolean;

  request<N extends OperationName>(
    name: N,
    request: RequestOf<N>,
    done: (answer: ResponseOf<N> | RpcError) => void,
  ): void {
    this.requestRaw(name, request, (body) => {
      if (body instanceof Error) done(body);
      else done(operationNamed(name).response.decode(body, 0, body.length) as ResponseOf<N>);
    });
  }

  requestRaw<N extends OperationName>(
    name: N,
    request: RequestOf<N>,
    done: (body: Uint8Array | RpcError) => void,
  ): void {
    let body: Uint8Array;
    try {
      body = operationNamed(name).request.encodeValue(request);
    } catch (error) {
      // An outcome like all others, as the contract says.
      this.refuse(name, request, () => done(error as StrataError));
      return;
    }
    this.requestEncoded(name, body, done);
  }

  abstract requestEncoded(
    name: OperationName,
    body: Uint8Array,
    done: (body: Uint8Array | RpcError) => void,
  ): void;

  abstract close(reason: StrataError): void;

  /** The request cannot be encoded: `done` tells its caller, after this has returned. */
  protected abstract refuse(name: OperationName, request: RequestOf<OperationName>, done: () => void): void;
}
