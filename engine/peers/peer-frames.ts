import {
  FRAME_HEADER_BYTES,
  type Frame,
  frameEnd,
  readFrame,
  writeFrameHeader,
} from "../../protocol/codec/frame.js";
import {
  PEER_FRAME_BYTES_MAX,
  PEER_MESSAGE_BYTES_MAX,
  SNAPSHOT_PART_OP,
} from "../../protocol/schema/peer-messages.js";
import { StrataError } from "../core/errors.js";

/** Reads the frames of one WebSocket message in order, until `take` says false.
 * @throws StrataError of the frame, or what `take` throws */
export function readFrames(message: Uint8Array, take: (frame: Frame, bytes: Uint8Array) => boolean): void {
  let at = 0;
  do {
    const end = frameEnd(message, at);
    const bytes = end - at === message.length ? message : message.subarray(at, end);
    // Its own limit is looked at where the op is known.
    const frame = readFrame(bytes, PEER_MESSAGE_BYTES_MAX);
    if (frame.op !== SNAPSHOT_PART_OP && bytes.length > PEER_FRAME_BYTES_MAX) {
      throw new StrataError("FRAME_TOO_LARGE", { bytes: bytes.length, limit: PEER_FRAME_BYTES_MAX });
    }
    if (!take(frame, bytes)) return;
    at = end;
  } while (at < message.length);
}

/** What a member sent was wrong, or is refused: its connection is closed, and nothing else happens. Anything
 * else that is thrown while it is handled is ours. */
export function isFaultOfPeer(error: unknown): error is StrataError {
  return error instanceof StrataError && (error.class === "ProtocolError" || error.class === "RejectedError");
}

/** Frames without an answer are numbered 1, 2, 3 … in each direction: a gap is a fault of who sends.
 * @throws StrataError REQUEST_ID */
export function checkNumber(requestId: number, last: number): void {
  if (requestId !== last + 1) throw new StrataError("REQUEST_ID", { requestId });
}

/** A part of a snapshot as a frame. Copies it. */
export function snapshotPart(part: Uint8Array, number: number): Uint8Array {
  const frame = new Uint8Array(FRAME_HEADER_BYTES + part.length);
  frame.set(part, FRAME_HEADER_BYTES);
  writeFrameHeader(frame, SNAPSHOT_PART_OP, 0, number);
  return frame;
}

/** Frames that leave together, as few WebSocket messages. */
export class FrameBatch {
  readonly #send: (message: Uint8Array) => void;
  #frames: Uint8Array[] = [];
  #bytes = 0;

  /** `send` may keep what it gets. */
  constructor(send: (message: Uint8Array) => void) {
    this.#send = send;
  }

  /** Takes over `frame`. */
  add(frame: Uint8Array): void {
    if (this.#bytes + frame.length > PEER_MESSAGE_BYTES_MAX) this.flush();
    this.#frames.push(frame);
    this.#bytes += frame.length;
  }

  flush(): void {
    const frames = this.#frames;
    const first = frames[0];
    if (first === undefined) return;
    const bytes = this.#bytes;
    this.#frames = [];
    this.#bytes = 0;
    if (frames.length === 1) {
      this.#send(first);
      return;
    }
    const message = new Uint8Array(bytes);
    let at = 0;
    for (const frame of frames) {
      message.set(frame, at);
      at += frame.length;
    }
    this.#send(message);
  }

  clear(): void {
    this.#frames = [];
    this.#bytes = 0;
  }
}
