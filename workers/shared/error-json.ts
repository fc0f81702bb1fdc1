import type { ErrorCode, ErrorDetails } from "../../engine/core/errors.js";
import { StrataError } from "../../engine/core/errors.js";

/** Reasons of RocksDB name a file and a place in it; whatever is longer is cut. */
const DETAIL_CHARS_MAX = 500;

/** An error as a worker tells main of it. The details of an error of the disk are texts. */
export function encodeError({ code, details }: StrataError): Uint8Array {
  const texts = Object.entries(details).map(([name, value]) => [
    name,
    String(value).slice(0, DETAIL_CHARS_MAX),
  ]);
  return Buffer.from(JSON.stringify({ code, details: Object.fromEntries(texts) }));
}

/** `bytes` as `encodeError` made them. */
export function decodeError(bytes: Uint8Array): StrataError {
  const { code, details } = JSON.parse(Buffer.from(bytes).toString()) as {
    readonly code: ErrorCode;
    readonly details: ErrorDetails;
  };
  return new StrataError(code, details);
}
