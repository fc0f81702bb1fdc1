import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { assert } from "../../engine/core/assert.js";
import { ProtoReader } from "../../protocol/hadoop/proto-reader.js";
import { PREAMBLE } from "../../test/support/hadoop/hadoop-frames.js";
import { Histogram } from "../harness/histogram.js";
import { contextOf, FIRST_CALL_ID, LAST_CALL_ID, writeCallId } from "./call-frames.js";

/** Longer frames are written from where they lie. */
const COPIED_BYTES_MAX = 64 * 1024;
const BATCH_BYTES = 1024 * 1024;
const LENGTH_BYTES = 4;
const SUCCESS = 0;
/** Of all three protocols' responses, in field 5. */
const STATUS_OK = 1;
const EMPTY = Buffer.alloc(0);

/** How much is called: either that many calls, or for that long. */
export interface CallLimits {
  /** Each has one call on its way; its next leaves when that was answered. */
  readonly callers: number;
  readonly calls?: number;
  readonly seconds?: number;
}

export interface CallTally {
  count: number;
  failedCount: number;
  /** What the first failure said. */
  failure: string;
  readonly latencyUs: Histogram;
}

/** One connection that several callers share, as threads share one in Java's client, with as little work as a
 * client can do: a call is a copy of a frame with another id in it, calls that become due at a time leave in
 * one write, and of an answer no more is read than whether it is a good one. */
export class PipelinedConnection {
  readonly #socket: Socket;
  readonly #reader = new ProtoReader("answer");
  #unread: Buffer = EMPTY;
  #batch = Buffer.allocUnsafeSlow(BATCH_BYTES);
  #batchEnd = 0;
  #frames: readonly Buffer[] = [];
  #tally: CallTally = newTally();
  #callers = 0;
  #callsLeft = 0;
  #endMs = 0;
  #nowMs = 0;
  #issued = 0;
  #waiting = 0;
  /** By caller: when its call left, and the id of its next. */
  #sentMs = new Float64Array(0);
  #nextIds = new Int32Array(0);
  #onEnd: () => void = () => undefined;
  #onError: (error: Error) => void = () => undefined;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("data", (bytes) => this.#take(bytes));
    socket.on("error", (error) => this.#onError(error));
    socket.on("close", () => this.#onError(new Error("the server closed the connection")));
  }

  static async open(port: number, protocol: string): Promise<PipelinedConnection> {
    const socket = connect({ port, host: "127.0.0.1", noDelay: true });
    await once(socket, "connect");
    const connection = new PipelinedConnection(socket);
    socket.write(Buffer.concat([PREAMBLE, contextOf(protocol)]));
    return connection;
  }

  /** Calls with `frames` in turns. Once for a connection. Frames above 64 KiB are changed in place: there
   * must be as many as calls. */
  async run(frames: readonly Buffer[], { callers, calls, seconds }: CallLimits): Promise<CallTally> {
    assert(frames.length > 0, "there is something to call");
    this.#frames = frames;
    this.#tally = newTally();
    this.#callers = callers;
    this.#callsLeft = calls ?? Number.POSITIVE_INFINITY;
    this.#nowMs = performance.now();
    this.#endMs = this.#nowMs + (seconds ?? Number.POSITIVE_INFINITY) * 1000;
    this.#sentMs = new Float64Array(callers);
    this.#nextIds = Int32Array.from({ length: callers }, (_, caller) => FIRST_CALL_ID + caller);
    await new Promise<void>((resolve, reject) => {
      this.#onEnd = resolve;
      this.#onError = reject;
      for (let caller = 0; caller < callers; caller++) this.#call(caller);
      this.#flush();
      if (this.#waiting === 0) resolve();
    });
    this.#onError = () => undefined;
    this.#socket.destroy();
    return this.#tally;
  }

  #call(caller: number): void {
    if (this.#callsLeft === 0 || this.#nowMs >= this.#endMs) return;
    this.#callsLeft--;
    this.#waiting++;
    const frame = this.#frames[this.#issued++ % this.#frames.length] as Buffer;
    const id = this.#nextIds[caller] as number;
    assert(id <= LAST_CALL_ID, "ids of calls last for a run");
    this.#nextIds[caller] = id + this.#callers;
    this.#sentMs[caller] = this.#nowMs;
    if (frame.length > COPIED_BYTES_MAX) {
      this.#flush();
      writeCallId(frame, 0, id);
      this.#socket.write(frame);
      return;
    }
    if (this.#batchEnd + frame.length > this.#batch.length) this.#flush();
    this.#batch.set(frame, this.#batchEnd);
    writeCallId(this.#batch, this.#batchEnd, id);
    this.#batchEnd += frame.length;
  }

  #flush(): void {
    if (this.#batchEnd === 0) return;
    this.#socket.write(this.#batch.subarray(0, this.#batchEnd));
    // The socket keeps what the kernel has not taken.
    if (this.#socket.writableLength > 0) this.#batch = Buffer.allocUnsafeSlow(BATCH_BYTES);
    this.#batchEnd = 0;
  }

  #take(bytes: Buffer): void {
    const unread = this.#unread.length === 0 ? bytes : Buffer.concat([this.#unread, bytes]);
    this.#nowMs = performance.now();
    let at = 0;
    while (unread.length - at >= LENGTH_BYTES) {
      const start = at + LENGTH_BYTES;
      const end = start + unread.readInt32BE(at);
      if (end > unread.length) break;
      this.#answered(unread, start, end);
      at = end;
    }
    this.#unread = at === unread.length ? EMPTY : Buffer.from(unread.subarray(at));
    this.#flush();
    if (this.#waiting === 0) this.#onEnd();
  }

  #answered(bytes: Uint8Array, start: number, end: number): void {
    const reader = this.#reader;
    reader.begin(bytes, start, end);
    let callId = 0;
    let isGood = false;
    const headerEnd = reader.enter();
    while (reader.hasMore()) {
      const tag = reader.tag();
      if (tag === 8) callId = reader.uint32();
      else if (tag === 16) isGood = reader.uint32() === SUCCESS;
      else if (tag === 42) this.#tally.failure ||= reader.text();
      else reader.skip(tag);
    }
    reader.leave(headerEnd);
    if (isGood) isGood = this.#isBodyGood();
    reader.release();
    const tally = this.#tally;
    const caller = (callId - FIRST_CALL_ID) % this.#callers;
    assert(caller >= 0, `an answer is about the connection: ${tally.failure}`);
    if (isGood) tally.count++;
    else tally.failedCount++;
    tally.latencyUs.record((this.#nowMs - (this.#sentMs[caller] as number)) * 1000);
    this.#waiting--;
    this.#call(caller);
  }

  /** Field 5 of all three protocols' responses is their status, field 4 what they say about it. */
  #isBodyGood(): boolean {
    const reader = this.#reader;
    let isGood = false;
    let message = "";
    const bodyEnd = reader.enter();
    while (reader.hasMore()) {
      const tag = reader.tag();
      if (tag === 34) message = reader.text();
      else if (tag === 40) isGood = reader.uint32() === STATUS_OK;
      else reader.skip(tag);
    }
    reader.leave(bodyEnd);
    if (!isGood) this.#tally.failure ||= message;
    return isGood;
  }
}

function newTally(): CallTally {
  return { count: 0, failedCount: 0, failure: "", latencyUs: new Histogram() };
}
