import type { Socket } from "node:net";
import { StrataError } from "../../../engine/core/errors.js";
import { normalAddress } from "../../../engine/core/remote-address.js";
import {
  IpcConnectionContextProtoSchema,
  RpcSaslProto_SaslState,
  RpcSaslProtoSchema,
} from "../../../protocol/hadoop/generated/rpc_pb.js";
import { decodeMessage, encodeMessage } from "../../../protocol/hadoop/message.js";
import { RPC_ERROR_DETAIL, type RpcErrorDetail } from "./call.js";
import { FrameAssembler, type FrameSink } from "./frame-assembler.js";
import type { HadoopPort } from "./hadoop-port.js";
import type { ConnectionHost } from "./hadoop-server.js";
import { Output } from "./output.js";
import { judgePreamble, PREAMBLE_BYTES } from "./preamble.js";
import { Delimited, RpcRequestHeader } from "./request-header.js";
import { errorFrame, RPC_STATUS, responseBytesMax, writeResponse } from "./response-frame.js";

const CALL_ID_CONTEXT = -3;
const CALL_ID_PING = -4;
const CALL_ID_SASL = -33;
/** Of an answer to a frame whose header cannot be read. */
const CALL_ID_INVALID = -2;
const RPC_KIND_PROTOBUF = 2;
const RPC_OP_FINAL = 0;

/** Calls of one connection that may be without an answer; with more it is read no further. */
const CALLS_IN_PROGRESS_MAX = 1024;
/** Answers that a client leaves unread before it is read no further. */
const BACKLOG_BYTES_MAX = 1024 * 1024;
/** Of a name that is kept for as long as its connection. */
const USER_LENGTH_MAX = 255;
/** What a protocol is shown of a request that was cut off. */
const CUT_OFF_BYTES_MAX = 4096;

/** Why a socket is not read; all must be gone. */
export const PAUSE = { MAIN: 1, BUDGET: 2, CALLS: 4, BACKLOG: 8 } as const;
/** Those that are neither the client's doing nor, as main's, everybody's at once. */
const PAUSES_OF_ITS_OWN = PAUSE.BUDGET | PAUSE.CALLS;

type Stage = "preamble" | "negotiating" | "context" | "calls" | "ending" | "closed";

// One thread handles one frame at a time.
const HEADER = new RpcRequestHeader();
const PART = new Delimited();
const NOBODY = new Uint8Array(0);

/** One connection of a Hadoop client (spec 12 §2): preamble, then frames, one context, then calls. */
export class HadoopConnection implements FrameSink {
  readonly remoteAddress: string;
  user = "";
  realUser: string | undefined;
  /** Since when its context could have come. */
  awaitedMs: number;
  /** When the client was last heard, or took an answer. */
  activeMs: number;
  /** Since when the frame that has come in part could have come whole. */
  #frameMs: number;
  readonly #socket: Socket;
  readonly #port: HadoopPort;
  readonly #host: ConnectionHost;
  readonly #assembler: FrameAssembler;
  readonly #output: Output;
  #stage: Stage = "preamble";
  #preamble: Uint8Array | undefined;
  #preambleBytes = 0;
  #callCount = 0;
  #pauses = 0;
  #isDirty = false;

  constructor(socket: Socket, port: HadoopPort, host: ConnectionHost) {
    this.#socket = socket;
    this.#port = port;
    this.#host = host;
    this.remoteAddress = normalAddress(socket.remoteAddress ?? "");
    this.awaitedMs = host.nowMs();
    this.activeMs = this.awaitedMs;
    this.#frameMs = this.awaitedMs;
    this.#assembler = new FrameAssembler(this, host.budget, port.frameBytesMax);
    this.#output = new Output(socket, (isAll) => this.#written(isAll));
    socket.on("data", (chunk) => this.#read(chunk));
    // Java closes whole sockets: who says that it sends no more reads no more either.
    socket.on("end", () => {
      this.flush();
      this.cutOff();
    });
    socket.on("error", () => this.cutOff());
    socket.on("close", () => this.#closed());
  }

  get isOpen(): boolean {
    return this.#stage !== "closed" && this.#stage !== "ending";
  }

  get isEnding(): boolean {
    return this.#stage === "ending";
  }

  /** Whether it only waits for the client. */
  get isIdle(): boolean {
    return this.#callCount === 0 && (this.#pauses & PAUSES_OF_ITS_OWN) === 0;
  }

  /** How long the client has had for the frame that has come in part; 0 when there is none, or this side does
   * not read it, but for a client that leaves its answers unread. */
  frameAgeMs(nowMs: number): number {
    const isOurs = (this.#pauses & PAUSES_OF_ITS_OWN) !== 0;
    return this.#assembler.isWaiting && !isOurs ? nowMs - this.#frameMs : 0;
  }

  nowMs(): number {
    return this.#host.nowMs();
  }

  /** `call` is answered with a message. False when nobody is there to get it. */
  answerWith(call: Parameters<Output["addResponse"]>[0], message: Uint8Array, hook: Hook): boolean {
    if (!this.#callEnded()) return false;
    this.#output.addResponse(call, message, hook);
    this.#markDirty();
    return true;
  }

  /** The same with a whole frame. */
  answerWithFrame(frame: Uint8Array, hook: Hook): boolean {
    if (!this.#callEnded()) return false;
    this.#output.addBytes(frame, hook);
    this.#markDirty();
    return true;
  }

  /** Writes what has gathered. */
  flush(): void {
    this.#isDirty = false;
    if (this.#stage === "closed" || this.#output.isEmpty) return;
    this.#output.flush();
    if (this.#output.backlogBytes > BACKLOG_BYTES_MAX) this.pause(PAUSE.BACKLOG);
    if (this.#stage === "ending") this.#socket.end();
  }

  pause(reason: number): void {
    if (this.#pauses === 0) this.#socket.pause();
    this.#pauses |= reason;
  }

  resume(reason: number): void {
    if ((this.#pauses & reason) === 0) return;
    this.#pauses &= ~reason;
    if ((reason & PAUSES_OF_ITS_OWN) !== 0) {
      // What came meanwhile is yet to be read.
      this.activeMs = this.#host.nowMs();
      this.#frameMs = this.activeMs;
    }
    if (this.#pauses === 0 && this.#stage !== "closed") this.#socket.resume();
  }

  /** Main takes more again, after a pause of `pausedMs`, in which the client's time stood still: what began
   * before it moves by so much, what began in it begins now. */
  resumeAfterMain(pausedMs: number): void {
    const nowMs = this.#host.nowMs();
    this.awaitedMs = Math.min(this.awaitedMs + pausedMs, nowMs);
    this.activeMs = Math.min(this.activeMs + pausedMs, nowMs);
    this.#frameMs = Math.min(this.#frameMs + pausedMs, nowMs);
    this.resume(PAUSE.MAIN);
  }

  /** Ends it without a word. */
  cutOff(): void {
    if (this.#stage === "closed") return;
    this.#socket.destroy();
    this.#closed();
  }

  budgetFreed(): boolean {
    if (!this.isOpen) return false;
    if (this.#assembler.retry() === "ok") this.resume(PAUSE.BUDGET);
    else this.#host.budget.wait(this);
    return true;
  }

  onFrame(bytes: Uint8Array, start: number, end: number): boolean {
    // What follows it begins now.
    this.#frameMs = this.activeMs;
    const hasHeader = PART.read(bytes, start, end) && HEADER.read(bytes, PART.start, PART.end);
    if (!hasHeader) {
      this.#fatal(CALL_ID_INVALID, -1, RPC_ERROR_DETAIL.DESERIALIZING_REQUEST, "RPC header cannot be read");
      return false;
    }
    const problem = headerProblem(HEADER);
    if (problem !== undefined) return this.#refuse(problem);
    if (HEADER.callId < 0) this.#outOfBand(HEADER.callId, bytes, PART.end, end);
    else if (this.#stage !== "calls") return this.#refuse("Connection context not established");
    else this.#call(bytes, PART.end, end);
    return this.isOpen;
  }

  #read(chunk: Uint8Array): void {
    if (!this.isOpen) return;
    this.activeMs = this.#host.nowMs();
    this.#host.counters.receivedBytes += chunk.length;
    const from = this.#stage === "preamble" ? this.#readPreamble(chunk) : 0;
    if (!this.isOpen || from >= chunk.length) return;
    if (!this.#assembler.isWaiting) this.#frameMs = this.activeMs;
    const outcome = this.#assembler.push(chunk, from);
    if (!this.isOpen) return;
    // Answered by nothing, as the reference does (spec 12 §2.3).
    if (outcome === "invalid") this.cutOff();
    else if (outcome === "wait") {
      this.pause(PAUSE.BUDGET);
      this.#host.budget.wait(this);
    }
  }

  /** Returns where the frames begin. */
  #readPreamble(chunk: Uint8Array): number {
    this.#preamble ??= new Uint8Array(PREAMBLE_BYTES);
    const end = Math.min(chunk.length, PREAMBLE_BYTES - this.#preambleBytes);
    this.#preamble.set(chunk.subarray(0, end), this.#preambleBytes);
    this.#preambleBytes += end;
    if (this.#preambleBytes < PREAMBLE_BYTES) return end;
    const outcome = judgePreamble(this.#preamble, this.#host.classes);
    this.#preamble = undefined;
    if (outcome.kind === "refused") this.#endWith(outcome.answer);
    else this.#stage = outcome.isSasl ? "negotiating" : "context";
    return end;
  }

  #outOfBand(callId: number, bytes: Uint8Array, at: number, end: number): void {
    switch (callId) {
      case CALL_ID_PING:
        return;
      case CALL_ID_CONTEXT:
        this.#readBody(bytes, at, end, (body) => this.#context(body));
        return;
      case CALL_ID_SASL:
        this.#readBody(bytes, at, end, (body) => this.#negotiate(body));
        return;
      default:
        this.#refuse(`Unknown out of band call #${callId}`);
    }
  }

  #readBody(bytes: Uint8Array, at: number, end: number, take: (body: Uint8Array) => void): void {
    try {
      if (!PART.read(bytes, at, end)) {
        throw new StrataError("PROTOBUF_MALFORMED", { message: "out of band message", reason: "cut off" });
      }
      take(bytes.subarray(PART.start, PART.end));
    } catch (error) {
      if (!(error instanceof StrataError)) throw error;
      this.#refuse(error.message, RPC_ERROR_DETAIL.DESERIALIZING_REQUEST);
    }
  }

  #context(body: Uint8Array): void {
    if (this.#stage === "negotiating") this.#refuse("Connection header sent during SASL negotiation");
    else if (this.#stage === "calls") this.#refuse("Connection context already processed");
    else {
      const { userInfo } = decodeMessage(IpcConnectionContextProtoSchema, body);
      const realUser = shortened(userInfo?.realUser);
      this.user = shortened(userInfo?.effectiveUser);
      this.realUser = realUser === "" ? undefined : realUser;
      this.#stage = "calls";
      this.#host.established(this);
    }
  }

  /** Security is off here: whoever wants to negotiate is told that there is no need (spec 12 §2.5). */
  #negotiate(body: Uint8Array): void {
    if (this.#stage !== "negotiating") {
      this.#refuse("SASL protocol not requested by client");
      return;
    }
    const { state } = decodeMessage(RpcSaslProtoSchema, body);
    if (state !== RpcSaslProto_SaslState.NEGOTIATE) {
      this.#fatal(
        CALL_ID_SASL,
        -1,
        RPC_ERROR_DETAIL.UNAUTHORIZED,
        "SASL is not enabled",
        this.#host.classes.accessControl,
      );
      return;
    }
    this.#stage = "context";
    const message = encodeMessage(RpcSaslProtoSchema, { state: RpcSaslProto_SaslState.SUCCESS });
    const caller = { callId: CALL_ID_SASL, retryCount: -1, clientId: NOBODY };
    const frame = new Uint8Array(responseBytesMax(caller, message.length));
    this.#output.addBytes(frame.subarray(0, writeResponse(frame, 0, caller, message)), undefined);
    this.#markDirty();
  }

  #call(bytes: Uint8Array, at: number, end: number): void {
    const route = PART.read(bytes, at, end) ? this.#port.routeOf(bytes, PART.start, PART.end) : undefined;
    if (route === undefined || !PART.read(bytes, PART.end, end)) {
      const message = "IPC server unable to read call parameters";
      this.#refuse(message, RPC_ERROR_DETAIL.DESERIALIZING_REQUEST);
      return;
    }
    const call = this.#host.calls.take();
    call.callId = HEADER.callId;
    call.retryCount = HEADER.retryCount;
    call.setClientId(bytes, HEADER.clientIdStart, HEADER.clientIdEnd);
    call.body = new Uint8Array(bytes.buffer, bytes.byteOffset + PART.start, PART.end - PART.start);
    call.begin(this, route.stats, route.method, this.activeMs);
    this.#callCount++;
    this.#host.counters.callsInProgress++;
    if (this.#callCount >= CALLS_IN_PROGRESS_MAX) this.pause(PAUSE.CALLS);
    if (route.protocol !== undefined) {
      route.protocol.handle(call);
      // It is not valid any more, and would keep its frame alive until the answer.
      call.forgetBody();
    } else call.fail(route.refusal.className, route.refusal.message, route.refusal.detail);
  }

  /** False when the connection is gone. */
  #callEnded(): boolean {
    this.#host.counters.callsInProgress--;
    this.#callCount--;
    if (!this.isOpen) return false;
    if (this.#callCount < CALLS_IN_PROGRESS_MAX / 2) this.resume(PAUSE.CALLS);
    return true;
  }

  /** A fatal answer to the frame whose header was read; always false. */
  #refuse(message: string, detail: RpcErrorDetail = RPC_ERROR_DETAIL.INVALID_RPC_HEADER): false {
    this.#fatal(HEADER.callId, HEADER.retryCount, detail, message);
    return false;
  }

  #fatal(
    callId: number,
    retryCount: number,
    detail: RpcErrorDetail,
    message: string,
    className: string = this.#host.classes.rpcServer,
  ): void {
    const caller = { callId, retryCount, clientId: NOBODY };
    this.#endWith(errorFrame(caller, RPC_STATUS.FATAL, { className, message, detail }));
  }

  /** The last that the client gets. The socket stays half open until it has gone: closed with bytes unread it
   * would take the answer away from the client. */
  #endWith(answer: Uint8Array): void {
    this.#host.counters.connectionsRefused++;
    this.#output.addBytes(answer, undefined);
    this.#stage = "ending";
    this.#assembler.drop();
    if (this.#output.isEmpty) this.#socket.end();
    else this.#markDirty();
  }

  #markDirty(): void {
    if (this.#isDirty) return;
    this.#isDirty = true;
    this.#host.markDirty(this);
  }

  #written(isAll: boolean): void {
    this.activeMs = this.#host.nowMs();
    if (isAll) this.resume(PAUSE.BACKLOG);
  }

  #closed(): void {
    if (this.#stage === "closed") return;
    const wasServed = this.#stage === "calls";
    this.#stage = "closed";
    this.#host.closed(this);
    this.#output.drop();
    const partial = wasServed ? this.#assembler.partial : undefined;
    if (partial !== undefined) this.#tellCutOff(partial);
    this.#assembler.drop();
  }

  #tellCutOff(partial: Uint8Array): void {
    const end = partial.length;
    if (!PART.read(partial, 0, end) || !PART.read(partial, PART.end, end)) return;
    const route = this.#port.routeOf(partial, PART.start, PART.end);
    if (route?.protocol?.onCutOff === undefined) return;
    const bodyAt = PART.bodyStart(partial, PART.end, end);
    if (bodyAt < 0) return;
    route.protocol.onCutOff(route.method, partial.subarray(bodyAt, bodyAt + CUT_OFF_BYTES_MAX));
  }
}

type Hook = (() => void) | undefined;

/** A copy: a part of a text keeps the whole of it in memory. */
function shortened(user = ""): string {
  return user.length <= USER_LENGTH_MAX ? user : Buffer.from(user.slice(0, USER_LENGTH_MAX)).toString();
}

function headerProblem({ rpcKind, rpcOp }: RpcRequestHeader): string | undefined {
  if (rpcOp < 0) return " IPC Server: No rpc op in rpcRequestHeader";
  if (rpcOp !== RPC_OP_FINAL) return `IPC Server does not implement rpc header operation${rpcOp}`;
  if (rpcKind < 0) return " IPC Server: No rpc kind in rpcRequestHeader";
  return rpcKind === RPC_KIND_PROTOBUF ? undefined : `Unknown rpc kind in rpc header${rpcKind}`;
}
