import { StrataError } from "../../../engine/core/errors.js";
import { parseUuid, readUuid, type Uuid } from "../../../engine/core/uuid.js";
import { ProtoReader } from "../../../protocol/hadoop/proto-reader.js";

/** Fields of SCMDatanodeRequest, of its messages and of DatanodeDetails, by their tag: number × 8 + wire type
 * (spec 12 §4, §5). */
const REGISTER = 34;
const HEARTBEAT = 42;
/** In SCMRegisterRequest and SCMHeartbeatRequest alike. */
const CONTAINER_REPORT = 26;
/** Of a heartbeat only. */
const INCREMENTAL_REPORT = 34;
const LAYOUT = 74;
const COMMAND_QUEUE = 82;
/** First field of a heartbeat, and of the extended details that a registration begins with. */
const DETAILS = 10;
const ID_TEXT = 10;
const ID_128 = 802;
const ID = 818;
const MOST_SIGNIFICANT = 8;
const LEAST_SIGNIFICANT = 16;
/** An empty container report: what is required must be there. */
const NO_CONTAINER_REPORT = Uint8Array.of(CONTAINER_REPORT, 0);
const VARINT_BYTES_MAX = 5;

/** Looks over a request without building anything: where its container reports are, and which datanode sent
 * it (spec 12 §9.3). What is left without them is small, and read by the generated code. Used again and
 * again. */
export class RequestScan {
  /** Pairs of offsets into the body, a pair for each message. */
  readonly fullReports: number[] = [];
  readonly incrementalReports: number[] = [];
  /** A heartbeat that says who, layout and queue, as all do, and nothing else but container reports. */
  isBare = true;
  readonly #reader = new ProtoReader("SCMDatanodeRequest");
  readonly #id = new DatanodeIdReader();
  /** Pairs of offsets: what is no container report, of the request and of the message in it. */
  readonly #outer: number[] = [];
  readonly #inner: number[] = [];
  /** Tag of the message, 0 = none. */
  #message = 0;
  #detailsStart = 0;
  #detailsEnd = 0;

  /** @throws StrataError PROTOBUF_MALFORMED */
  scan(body: Uint8Array): void {
    this.fullReports.length = 0;
    this.incrementalReports.length = 0;
    this.#outer.length = 0;
    this.#inner.length = 0;
    this.#message = 0;
    this.#detailsEnd = 0;
    this.isBare = true;
    const reader = this.#reader;
    reader.begin(body, 0, body.length);
    while (reader.hasMore()) {
      const start = reader.position;
      const tag = reader.tag();
      if ((tag === REGISTER || tag === HEARTBEAT) && (this.#message === 0 || this.#message === tag)) {
        this.#message = tag;
        const outerEnd = reader.enter();
        this.#scanMessage();
        reader.leave(outerEnd);
      } else {
        reader.skip(tag);
        this.#outer.push(start, reader.position);
      }
    }
  }

  /** Who sends the heartbeat that was scanned; undefined when it does not say. */
  sender(body: Uint8Array): Uuid | undefined {
    if (this.#message !== HEARTBEAT || this.#detailsEnd === 0) return undefined;
    return this.#id.read(body, this.#detailsStart, this.#detailsEnd);
  }

  /** The request without container reports: the body itself when it has none. */
  envelope(body: Uint8Array): Uint8Array {
    if (this.fullReports.length === 0 && this.incrementalReports.length === 0) return body;
    const needsReport = this.#message === REGISTER;
    const innerBytes = bytesOf(this.#inner) + (needsReport ? NO_CONTAINER_REPORT.length : 0);
    const envelope = new Uint8Array(bytesOf(this.#outer) + 1 + VARINT_BYTES_MAX + innerBytes);
    let at = copyRanges(body, this.#outer, envelope, 0);
    envelope[at++] = this.#message;
    for (let rest = innerBytes; ; rest >>>= 7) {
      envelope[at++] = rest < 0x80 ? rest : (rest & 0x7f) | 0x80;
      if (rest < 0x80) break;
    }
    at = copyRanges(body, this.#inner, envelope, at);
    if (needsReport) {
      envelope.set(NO_CONTAINER_REPORT, at);
      at += NO_CONTAINER_REPORT.length;
    }
    return envelope.subarray(0, at);
  }

  #scanMessage(): void {
    const reader = this.#reader;
    const isHeartbeat = this.#message === HEARTBEAT;
    while (reader.hasMore()) {
      const start = reader.position;
      const tag = reader.tag();
      if (tag === CONTAINER_REPORT) pushRange(this.fullReports, reader);
      else if (tag === INCREMENTAL_REPORT && isHeartbeat) pushRange(this.incrementalReports, reader);
      else {
        if (tag === DETAILS) {
          const length = reader.length();
          this.#detailsStart = reader.position;
          reader.position += length;
          this.#detailsEnd = reader.position;
        } else {
          if (tag !== LAYOUT && tag !== COMMAND_QUEUE) this.isBare = false;
          reader.skip(tag);
        }
        this.#inner.push(start, reader.position);
      }
    }
  }
}

/** Reads the id of DatanodeDetails in the newest of its three forms that is there (spec 12 §4, §8.2 H8). */
class DatanodeIdReader {
  readonly #reader = new ProtoReader("DatanodeDetailsProto");
  readonly #bytes = new Uint8Array(16);
  readonly #view = new DataView(this.#bytes.buffer);

  /** @throws StrataError PROTOBUF_MALFORMED */
  read(body: Uint8Array, start: number, end: number): Uuid | undefined {
    const reader = this.#reader;
    reader.begin(body, start, end);
    let textAt = -1;
    let rank = 0;
    this.#bytes.fill(0);
    while (reader.hasMore()) {
      const tag = reader.tag();
      if (tag === ID) {
        rank = ID;
        const outerEnd = reader.enter();
        while (reader.hasMore()) {
          const inner = reader.tag();
          if (inner === DETAILS) this.#readHalves();
          else reader.skip(inner);
        }
        reader.leave(outerEnd);
      } else if (tag === ID_128 && rank < ID_128) {
        rank = ID_128;
        this.#readHalves();
      } else {
        if (tag === ID_TEXT) textAt = reader.position;
        reader.skip(tag);
      }
    }
    if (rank !== 0) return readUuid(this.#bytes, 0);
    if (textAt < 0) return undefined;
    reader.begin(body, textAt, end);
    return parseUuid(reader.text());
  }

  /** The message UUID that follows. */
  #readHalves(): void {
    const reader = this.#reader;
    const outerEnd = reader.enter();
    while (reader.hasMore()) {
      const tag = reader.tag();
      if (tag === MOST_SIGNIFICANT) this.#readHalf(0);
      else if (tag === LEAST_SIGNIFICANT) this.#readHalf(8);
      else reader.skip(tag);
    }
    reader.leave(outerEnd);
  }

  #readHalf(at: number): void {
    this.#reader.halves();
    this.#view.setInt32(at, this.#reader.high);
    this.#view.setInt32(at + 4, this.#reader.low);
  }
}

/** Who sent a request of which only the beginning came; undefined when that is not known. */
export function datanodeOfPart(partialBody: Uint8Array): Uuid | undefined {
  const reader = new ProtoReader("SCMDatanodeRequest");
  reader.begin(partialBody, 0, partialBody.length);
  try {
    let isRegistration = false;
    while (reader.hasMore()) {
      const tag = reader.tag();
      // What follows within it has begun, at least; whether its end came does not matter.
      if (tag === HEARTBEAT) reader.uint32();
      else if (tag === REGISTER) {
        isRegistration = true;
        reader.uint32();
      } else if (tag !== DETAILS) reader.skip(tag);
      else if (isRegistration) {
        isRegistration = false;
        reader.uint32();
      } else {
        const length = reader.length();
        return new DatanodeIdReader().read(partialBody, reader.position, reader.position + length);
      }
    }
  } catch (error) {
    if (!(error instanceof StrataError)) throw error;
  }
  return undefined;
}

function pushRange(ranges: number[], reader: ProtoReader): void {
  const length = reader.length();
  ranges.push(reader.position, reader.position + length);
  reader.position += length;
}

function bytesOf(ranges: readonly number[]): number {
  let bytes = 0;
  for (let at = 0; at < ranges.length; at += 2) bytes += (ranges[at + 1] as number) - (ranges[at] as number);
  return bytes;
}

/** Where the copy ends. */
function copyRanges(from: Uint8Array, ranges: readonly number[], to: Uint8Array, start: number): number {
  let at = start;
  for (let range = 0; range < ranges.length; range += 2) {
    const part = from.subarray(ranges[range], ranges[range + 1]);
    to.set(part, at);
    at += part.length;
  }
  return at;
}
