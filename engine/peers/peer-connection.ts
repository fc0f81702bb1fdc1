import { closeCodeOf, closeReasonOf, decodeError, errorCodeOfClose } from "../../protocol/codec/errors.js";
import { FLAG_ANSWER, FLAG_ERROR, type Frame } from "../../protocol/codec/frame.js";
import { PEER_MESSAGE_BYTES_MAX, PEER_SUBPROTOCOL } from "../../protocol/schema/peer-messages.js";
import type { Member } from "../cluster/members/member.js";
import { StrataError } from "../core/errors.js";
import type { ClientConnection, DialHandler, Network } from "../core/network.js";
import type { Scheduler, Timer } from "../core/scheduler.js";
import type { Uuid } from "../core/uuid.js";
import type { NodeId } from "../raft/types.js";
import { isFaultOfPeer, readFrames } from "./peer-frames.js";
import {
  checkAnswer,
  HELLO_OP,
  HELLO_REQUEST,
  HELLO_RESPONSE,
  helloRequest,
  type PeerFacts,
  PING,
  PING_OP,
} from "./peer-hello.js";
import type { PeerLimits } from "./peer-limits.js";

/** Where and whom to dial. */
export interface PeerTarget {
  readonly nodeId: NodeId;
  readonly scmId: Uuid;
  readonly host: string;
  readonly port: number;
  readonly path: string;
}

/** What every dialled connection needs. */
export interface DialParts {
  readonly scheduler: Scheduler;
  readonly network: Network;
  readonly facts: PeerFacts;
  readonly limits: PeerLimits;
  readonly onBytesSent: (bytes: number) => void;
}

/** How a connection ended. */
export interface PeerConnectionEnd {
  /** The code of a refusal, or CONNECTION_LOST. */
  readonly code: string;
  readonly reason: string;
  /** The other side closed it, or its system did. */
  readonly isByOther: boolean;
  /** It never opened, because nobody is there. */
  readonly isRefused: boolean;
}

export interface PeerConnectionHandler {
  /** Both have said hello: send. */
  onReady(member: Member): void;
  /** A frame without an answer; `bytes` is only valid during the call. What is the other side's fault it may
   * throw (`isFaultOfPeer`): that closes the connection with its code. */
  onFrame(frame: Frame, bytes: Uint8Array): void;
  /** Once, but not after `close`. */
  onEnded(end: PeerConnectionEnd): void;
}

const CLOSE_NORMAL = 1000;

/** A connection that this SCM dialled: says hello, makes sure who answers, and hangs up on silence. */
export class PeerConnection implements DialHandler {
  readonly #parts: DialParts;
  readonly #target: PeerTarget;
  readonly #handler: PeerConnectionHandler;
  readonly #socket: ClientConnection;
  #state: "opening" | "greeting" | "ready" | "closed" = "opening";
  #lastNumber = 0;
  #told: Member | undefined;
  #timer: Timer | undefined;
  #silentPings = 0;
  #bufferedBefore = 0;

  constructor(parts: DialParts, target: PeerTarget, handler: PeerConnectionHandler) {
    this.#parts = parts;
    this.#target = target;
    this.#handler = handler;
    const { host, port, path } = target;
    const authority = host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
    this.#socket = parts.network.dial(
      `ws://${authority}${path}`,
      {
        subprotocol: PEER_SUBPROTOCOL,
        messageBytesMax: PEER_MESSAGE_BYTES_MAX,
        handshakeTimeoutMs: parts.limits.handshakeTimeoutMs,
      },
      this,
    );
  }

  get isReady(): boolean {
    return this.#state === "ready";
  }

  /** As what this SCM has introduced itself, once it has. */
  get told(): Member | undefined {
    return this.#told;
  }

  bufferedBytes(): number {
    return this.#socket.bufferedBytes();
  }

  /** Number for the next frame; whoever has made that frame says so with `numberUsed`, and sends it before
   * any later one. */
  get nextNumber(): number {
    return this.#lastNumber + 1;
  }

  numberUsed(): void {
    this.#lastNumber++;
  }

  /** Sends the frame of `nextNumber`. */
  sendFrame(frame: Uint8Array): void {
    this.#lastNumber++;
    this.send(frame);
  }

  /** Sends one or several frames whose numbers are used. Takes `message` over. */
  send(message: Uint8Array): void {
    // False when it is closing: onClose follows.
    if (this.#socket.send(message)) this.#parts.onBytesSent(message.length);
  }

  close(reason: string, code = CLOSE_NORMAL): void {
    if (this.#state === "closed") return;
    this.#state = "closed";
    this.#timer?.cancel();
    this.#socket.close(code, reason);
  }

  onOpen(): void {
    if (this.#state !== "opening") return;
    this.#state = "greeting";
    const { scheduler, facts, limits } = this.#parts;
    const limitMs = limits.handshakeTimeoutMs;
    this.#timer = scheduler.after(limitMs, () =>
      this.#fail(new StrataError("HANDSHAKE_TIMEOUT", { limitMs })),
    );
    const request = helloRequest(facts, this.#target.nodeId);
    this.#told = facts.own();
    this.sendFrame(HELLO_REQUEST.encode(HELLO_OP, 0, this.nextNumber, request));
  }

  onMessage(message: Uint8Array): void {
    if (this.#state === "closed") return;
    this.#silentPings = 0;
    try {
      readFrames(message, (frame, bytes) => {
        this.#take(frame, bytes);
        return this.#state !== "closed";
      });
    } catch (error) {
      if (!isFaultOfPeer(error)) throw error;
      this.#fail(error);
    }
  }

  onClose(code: number, reason: string, isRefused: boolean): void {
    if (this.#state === "closed") return;
    const errorCode = errorCodeOfClose(code);
    this.#end({
      code: errorCode ?? "CONNECTION_LOST",
      reason: reason === "" ? `closed with ${errorCode ?? `code ${code}`}` : reason,
      isByOther: true,
      isRefused,
    });
  }

  #take(frame: Frame, bytes: Uint8Array): void {
    if ((frame.flags & FLAG_ANSWER) === 0) {
      if (this.#state !== "ready") throw new StrataError("HELLO_EXPECTED");
      this.#handler.onFrame(frame, bytes);
    } else if (frame.op === HELLO_OP && this.#state === "greeting") {
      this.#greeted(frame, bytes);
    } else if (frame.op !== PING_OP || this.#state !== "ready") {
      throw new StrataError("FRAME_MALFORMED", { reason: `an answer of op ${frame.op} was not asked for` });
    }
  }

  #greeted({ flags, bodyStart, bodyEnd }: Frame, bytes: Uint8Array): void {
    if ((flags & FLAG_ERROR) !== 0) {
      const { code, message } = decodeError(bytes, bodyStart, bodyEnd);
      this.#socket.close(CLOSE_NORMAL, "hello was refused");
      this.#end({ code, reason: message, isByOther: true, isRefused: false });
      return;
    }
    const response = HELLO_RESPONSE.decode(bytes, bodyStart, bodyEnd);
    const member = checkAnswer(response, this.#parts.facts, this.#target);
    this.#state = "ready";
    this.#timer?.cancel();
    this.#timer = this.#parts.scheduler.every(this.#parts.limits.pingIntervalMs, this.#ping);
    this.#handler.onReady(member);
  }

  readonly #ping = (): void => {
    const { silentPingsMax, pingIntervalMs } = this.#parts.limits;
    const buffered = this.#socket.bufferedBytes();
    // What leaves is taken by the other side's system: a slow link is not a dead one.
    if (buffered < this.#bufferedBefore) this.#silentPings = 0;
    this.#bufferedBefore = buffered;
    if (++this.#silentPings > silentPingsMax) {
      this.#fail(new StrataError("PEER_SILENT", { limitMs: silentPingsMax * pingIntervalMs }));
    } else {
      this.sendFrame(PING.encode(PING_OP, 0, this.nextNumber, {}));
    }
  };

  /** Closes because of what the other side did, or did not do. */
  #fail(error: StrataError): void {
    this.#socket.close(closeCodeOf(error.code), closeReasonOf(error));
    this.#end({ code: error.code, reason: error.message, isByOther: false, isRefused: false });
  }

  #end(end: PeerConnectionEnd): void {
    if (this.#state === "closed") return;
    this.#state = "closed";
    this.#timer?.cancel();
    this.#handler.onEnded(end);
  }
}
