import { RPC_ERROR_DETAIL } from "./call.js";
import type { RpcClasses } from "./error-classes.js";
import { errorFrame, IPC_VERSION, RPC_STATUS } from "./response-frame.js";

/** `hrpc`, version, service class, auth protocol (spec 12 §2.2). */
export const PREAMBLE_BYTES = 7;

const MAGIC = Buffer.from("hrpc");
const HTTP_GET = Buffer.from("GET ");
const AUTH_NONE = 0;
const AUTH_SASL = 0xdf;
/** Versions 3 to 8 know an older form of fatal answers. */
const OLD_VERSION_MIN = 3;
/** Call id and status in it. */
const OLD_FATAL = -1;

const HTTP_ANSWER = Buffer.from(
  "HTTP/1.1 404 Not Found\r\nContent-type: text/plain\r\n\r\n" +
    "It looks like you are making an HTTP request to a Hadoop IPC port. " +
    "This is not the correct port for the web interface on this daemon.\r\n",
);

export type PreambleOutcome =
  | { readonly kind: "accepted"; readonly isSasl: boolean }
  /** `answer` is the last that the client gets. */
  | { readonly kind: "refused"; readonly answer: Uint8Array };

/** What becomes of a connection that begins with these bytes. */
export function judgePreamble(preamble: Uint8Array, classes: RpcClasses): PreambleOutcome {
  const isGet = startsWith(preamble, HTTP_GET);
  if (isGet) return { kind: "refused", answer: HTTP_ANSWER };
  const version = preamble[4] as number;
  const isOurs = startsWith(preamble, MAGIC);
  if (!isOurs || version !== IPC_VERSION) {
    return { kind: "refused", answer: versionMismatch(version, isOurs, classes) };
  }
  const auth = preamble[6] as number;
  if (auth === AUTH_NONE || auth === AUTH_SASL) return { kind: "accepted", isSasl: auth === AUTH_SASL };
  // A signed byte.
  const message = `Unknown auth protocol:${(auth << 24) >> 24}`;
  const detail = RPC_ERROR_DETAIL.UNAUTHORIZED;
  return { kind: "refused", answer: fatal({ className: classes.ipc, message, detail }) };
}

function versionMismatch(version: number, isOurs: boolean, { versionMismatch: className }: RpcClasses) {
  const message = `Server IPC version ${IPC_VERSION} cannot communicate with client version ${version}`;
  if (!isOurs || version >= IPC_VERSION) {
    return fatal({ className, message, detail: RPC_ERROR_DETAIL.VERSION_MISMATCH });
  }
  // What versions before 3 understand is not worth knowing.
  return version < OLD_VERSION_MIN ? new Uint8Array(0) : oldFatal(className, message);
}

const NOBODY = { callId: -1, retryCount: -1, clientId: new Uint8Array(0) };

function fatal(error: { className: string; message: string; detail: number }): Uint8Array {
  return errorFrame(NOBODY, RPC_STATUS.FATAL, error);
}

function oldFatal(className: string, message: string): Uint8Array {
  const texts = [className, message].map((text) => Buffer.from(text));
  const answer = Buffer.alloc(8 + texts.reduce((sum, text) => sum + 4 + text.length, 0));
  let at = answer.writeInt32BE(OLD_FATAL, 0);
  at = answer.writeInt32BE(OLD_FATAL, at);
  for (const text of texts) {
    at = answer.writeInt32BE(text.length, at);
    at += text.copy(answer, at);
  }
  return answer;
}

function startsWith(bytes: Uint8Array, start: Uint8Array): boolean {
  return start.every((byte, i) => bytes[i] === byte);
}
