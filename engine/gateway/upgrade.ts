import { assert } from "../core/assert.js";
import type { ListenOptions } from "../core/transport.js";

/** An HTTP answer in place of a connection. */
export interface Refusal {
  /** Status line without the protocol, for example `404 Not Found`. */
  readonly status: string;
  readonly text: string;
}

/** Below this a WebSocket idle timeout makes uWebSockets.js abort the process (its own limits). */
const IDLE_TIMEOUT_SECONDS_MIN = 8;
const IDLE_TIMEOUT_SECONDS_MAX = 960;

/** A close frame's payload has 125 bytes, two of them are the code (RFC 6455 §5.5). */
export const CLOSE_REASON_BYTES_MAX = 123;

/** Close codes of RFC 6455 §7.4.1 that a transport gives by itself. */
export const CLOSE_GOING_AWAY = 1001;
export const CLOSE_PROTOCOL_ERROR = 1002;
export const CLOSE_UNSUPPORTED_DATA = 1003;
export const CLOSE_ABNORMAL = 1006;
export const CLOSE_SLOW_CONSUMER = 1008;
export const CLOSE_TOO_BIG = 1009;

/** What a transport says when the listener closes. */
export const GOING_AWAY_REASON = "SHUTTING_DOWN: the SCM is stopping";
export const TEXT_FRAME_REASON = "FRAME_MALFORMED: text frames are not accepted";

/** Time that peers have to take the last close frame before their sockets are cut off. */
export const CLOSE_GRACE_MS = 200;

export const NOT_FOUND: Refusal = { status: "404 Not Found", text: "no such path\n" };
const UPGRADE_REQUIRED: Refusal = { status: "426 Upgrade Required", text: "WebSocket only\n" };
const WRONG_SUBPROTOCOL: Refusal = { status: "400 Bad Request", text: "subprotocol is not offered\n" };
const FULL: Refusal = { status: "503 Service Unavailable", text: "connection limit is reached\n" };
export const CLOSING: Refusal = { status: "503 Service Unavailable", text: "shutting down\n" };

/** Throws on options that no transport can serve. */
export function checkListenOptions(options: ListenOptions): void {
  const { idleTimeoutSeconds } = options;
  const isServed =
    idleTimeoutSeconds >= IDLE_TIMEOUT_SECONDS_MIN && idleTimeoutSeconds <= IDLE_TIMEOUT_SECONDS_MAX;
  assert(isServed, `idle timeout of ${idleTimeoutSeconds} s is outside of 8 … 960 s`);
  assert(options.connectionCountMax > 0, "connection limit is not positive");
  assert(options.messageBytesMax > 0, "message limit is not positive");
  assert(options.sendBufferBytesMax > 0, "send buffer limit is not positive");
  for (const path of options.paths) {
    assert(/^\/[\w/-]*$/.test(path), `path is not plain: ${path}`);
  }
}

/** Why an upgrade to a WebSocket is refused; undefined when it is fine.
 * `offered` is the Sec-WebSocket-Protocol header, `connectionCount` counts those that hold a socket now. */
export function refuseUpgrade(
  options: ListenOptions,
  path: string,
  offered: string,
  connectionCount: number,
): Refusal | undefined {
  if (!options.paths.includes(path)) return NOT_FOUND;
  const isOffered = offered.split(",").some((name) => name.trim() === options.subprotocol);
  if (!isOffered) return WRONG_SUBPROTOCOL;
  return connectionCount >= options.connectionCountMax ? FULL : undefined;
}

/** The answer to a plain HTTP request. */
export function refuseRequest(options: ListenOptions, path: string): Refusal {
  return options.paths.includes(path) ? UPGRADE_REQUIRED : NOT_FOUND;
}
