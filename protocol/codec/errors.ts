import type { ErrorClass, ErrorCode, RetryAdvice, StrataError } from "../../engine/core/errors.js";
import { ERRORS, errorCodeOfWire } from "../../engine/core/errors.js";
import { isCount } from "../../engine/core/ids.js";
import { ERROR_BODY } from "../schema/messages.js";
import type { ScmAddress } from "../schema/records.js";
import type { ValueOfRecord } from "../schema/types.js";
import { codecOf } from "./codec.js";
import { FLAG_ANSWER, FLAG_ERROR } from "./frame.js";

/** Body of an error answer. */
export type ErrorBody = ValueOfRecord<typeof ERROR_BODY>;

const ERROR_CODEC = codecOf(ERROR_BODY);
const MESSAGE_LENGTH_MAX = ERROR_BODY.fields.message.type.lengthMax;

/** Who leads, and where everybody is found, as far as an SCM knows. */
export interface Redirect {
  /** Highest known. */
  readonly term: number;
  /** URL of the leader's endpoint; absent = nobody is known, or this SCM leads. */
  readonly leaderHint?: string | undefined;
  readonly members?: readonly ScmAddress[] | undefined;
}

/** Body of the answer that tells `error`. Its details may carry `retryAfterMs`; `leaderHint` and `term` of
 * the details go before those of `redirect`, which goes out with errors that send the client elsewhere. */
export function errorBodyOf(error: StrataError, redirect: Redirect): ErrorBody {
  const { retryAfterMs, leaderHint = redirect.leaderHint, term: termOfError } = error.details;
  const isRedirected = error.retry === "elsewhere" || error.code === "OUTCOME_UNKNOWN";
  const hint = isRedirected && typeof leaderHint === "string" ? leaderHint : "";
  const { members } = redirect;
  return {
    code: error.wire,
    name: error.code,
    message: error.message.slice(0, MESSAGE_LENGTH_MAX),
    retryAfterMs: isCount(retryAfterMs) ? retryAfterMs : 0,
    ...(hint !== "" ? { leaderHint: hint } : {}),
    term: isCount(termOfError) ? termOfError : redirect.term,
    ...(isRedirected && members !== undefined ? { members } : {}),
  };
}

/** The error answer as a whole frame, valid until the next frame of this thread is encoded. */
export function encodeErrorView(
  op: number,
  requestId: number,
  error: StrataError,
  redirect: Redirect,
): Uint8Array {
  return ERROR_CODEC.encodeView(op, FLAG_ANSWER | FLAG_ERROR, requestId, errorBodyOf(error, redirect));
}

/** An error that an SCM answered. `code`, `class` and `retry` mean the same as in StrataError; an error of a
 * newer release, which this one has no entry for, keeps its number, name and message. */
export class RemoteError extends Error {
  /** Name of the code: a key of ERRORS, or one of a newer release. */
  readonly code: string;
  readonly wire: number;
  readonly class: ErrorClass;
  /** For an error of a newer release "never": whoever does not know it must not repeat the request. */
  readonly retry: RetryAdvice;
  /** 0 = no advice. */
  readonly retryAfterMs: number;
  /** URL of the leader's endpoint, with NOT_LEADER when it is known. */
  readonly leaderHint: string | undefined;
  readonly term: number;
  /** Address book of the group, with NOT_LEADER. */
  readonly members: readonly ScmAddress[];

  constructor(body: ErrorBody) {
    super(body.message);
    const known = errorCodeOfWire(body.code);
    const definition = known === undefined ? undefined : ERRORS[known];
    this.code = known ?? body.name;
    this.wire = body.code;
    this.class = definition?.class ?? "RejectedError";
    this.retry = definition?.retry ?? "never";
    this.name = this.class;
    this.retryAfterMs = body.retryAfterMs;
    this.leaderHint = body.leaderHint;
    this.term = body.term;
    this.members = body.members ?? [];
  }
}

/** Reads the body of an error answer.
 * @throws StrataError BODY_MALFORMED, FIELD_INVALID */
export function decodeError(bytes: Uint8Array, start: number, end: number): RemoteError {
  return new RemoteError(ERROR_CODEC.decode(bytes, start, end));
}

/** WebSocket close codes that an application may use begin here. */
const CLOSE_CODE_BASE = 4000;
/** A close frame carries at most 125 bytes, two of them the code. */
const CLOSE_REASON_BYTES_MAX = 123;

/** Close code of a connection that is closed because of `code`: 4000 + its wire number. */
export function closeCodeOf(code: ErrorCode): number {
  return CLOSE_CODE_BASE + ERRORS[code].wire;
}

/** Close reason, `CODE: message`, cut to what a close frame holds. */
export function closeReasonOf(error: StrataError): string {
  const reason = `${error.code}: ${error.message}`;
  if (Buffer.byteLength(reason) <= CLOSE_REASON_BYTES_MAX) return reason;
  // A cut inside a character leaves a mark behind, three bytes long.
  return Buffer.from(reason)
    .toString("utf8", 0, CLOSE_REASON_BYTES_MAX - 3)
    .replace(/\ufffd$/, "");
}

/** The error code behind a close code, undefined when it is none of ours. */
export function errorCodeOfClose(closeCode: number): ErrorCode | undefined {
  return errorCodeOfWire(closeCode - CLOSE_CODE_BASE);
}
