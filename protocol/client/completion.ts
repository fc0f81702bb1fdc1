import { StrataError } from "../../engine/core/errors.js";
import { RemoteError } from "../codec/errors.js";

/** What a request can end with besides its answer: an error that the SCM answered, or one of ours. Both have
 * `code` and `retry`. */
export type RpcError = StrataError | RemoteError;

/** Where the outcome of a request goes: exactly one of the two is called, once, and never before the call
 * that takes the completion has returned. An object and not a pair of functions, so that who asks often can
 * make it once. */
export interface Completion<T> {
  succeeded(value: T): void;
  failed(error: RpcError): void;
}

/** The outcome as a promise, for the edge of the library; inside, nothing waits on promises. */
export function promised<T>(start: (completion: Completion<T>) => void): Promise<T> {
  return new Promise((resolve, reject) => start({ succeeded: resolve, failed: reject }));
}

/** The code of an error that a client reported, undefined for any other error. */
export function codeOf(error: unknown): string | undefined {
  return error instanceof StrataError || error instanceof RemoteError ? error.code : undefined;
}
