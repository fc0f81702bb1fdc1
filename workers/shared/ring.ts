import { assert } from "../../engine/core/assert.js";
import type { ChannelReceiver, ChannelSender, RecordHandler } from "../../engine/core/shared-channel.js";
import { type AtomicWords, SharedWords } from "./atomic-words.js";
import type { Bell } from "./doorbell.js";
import { layout } from "./layout.js";

/* A ring of bytes between two threads: one sender, one receiver, records in order.
 *
 *   cursors       tail ─────────────► head              free-running byte counts modulo 2^32;
 *                 │ receiver          │ sender          position = cursor mod capacity
 *   ┌─────────────▼───────────────────▼─────────────────────────┐
 *   │ … free …    │ record │ record   │ … free …     │ marker   │   a record never crosses the end: when it
 *   └───────────────────────────────────────────────────────────┘   does not fit, a marker skips the rest
 *
 *   record = ┌ u32 payload bytes │ u16 stamp │ u16 kind (0: marker) │ payload, padded to 8 ┐   all 8-aligned
 *
 *   word   written by   how it is published
 *   head   sender       writes records plainly, then store(head): who loads this head sees the records
 *   tail   receiver     reads records plainly, then store(tail): who loads this tail may overwrite them
 *   flag   both         the doorbell's (doorbell.ts)
 *
 * Each side keeps its own cursor and the last seen value of its peer's in private fields and touches the
 * peer's cache line only when that value says "full" (sender) or when a drain begins (receiver). The three
 * words lie 128 bytes apart, since processors fetch lines in pairs. The sender publishes once per turn, by
 * itself after 64 records or 16 KB, and when the ring is full; the receiver releases in the same steps.
 *
 * The stamp is a hash of the record's cursor: bytes of an earlier lap, or a header read at a wrong place,
 * fail the receiver's check instead of being taken for a record. */
export const RING_HEADER = layout({
  name: "ring header",
  rowBytes: 512,
  writer: "each word its own, see ring.ts",
  readers: "sender and receiver",
  fields: {
    capacityBytes: { type: "u32", offset: 0, doc: "bytes of records, a power of two; never changes" },
    head: { type: "i32", offset: 128, doc: "cursor after the last published record; sender" },
    tail: { type: "i32", offset: 256, doc: "cursor after the last released record; receiver" },
    flag: { type: "i32", offset: 384, doc: "the doorbell's" },
  },
});

/** Indexes into the ring's words (`RingMemory.words`). */
export const RING_WORD = {
  HEAD: RING_HEADER.fields.head.offset / 4,
  TAIL: RING_HEADER.fields.tail.offset / 4,
  FLAG: RING_HEADER.fields.flag.offset / 4,
} as const;

const RECORD_HEADER_BYTES = 8;
const KIND_MARKER = 0;
const KIND_MAX = 0xffff;
const CAPACITY_BYTES_MIN = 64;
/** Cursors are 32-bit and their difference must stay positive. */
const CAPACITY_BYTES_MAX = 2 ** 30;
const PUBLISH_RECORD_COUNT = 64;
const PUBLISH_BYTES = 16 * 1024;

/** One ring's memory as one of the two threads sees it. */
export interface RingMemory {
  readonly words: AtomicWords;
  /** The records; the length is the capacity. */
  readonly bytes: Uint8Array;
}

/** Allocates an empty ring of shared memory, which is committed when it is touched.
 * @param capacityBytes a power of two, 64 B … 1 GiB.
 * @param cursor where both cursors begin, a multiple of 8; tests begin just below 2^32. */
export function allocateSharedRing(capacityBytes: number, cursor = 0): SharedArrayBuffer {
  const buffer = new SharedArrayBuffer(RING_HEADER.rowBytes + checkCapacity(capacityBytes));
  initialize(buffer, cursor);
  return buffer;
}

/** The same in ordinary memory, for two parties on one thread (simulation). */
export function allocateLocalRing(capacityBytes: number, cursor = 0): ArrayBuffer {
  const buffer = new ArrayBuffer(RING_HEADER.rowBytes + checkCapacity(capacityBytes));
  initialize(buffer, cursor);
  return buffer;
}

function checkCapacity(capacityBytes: number): number {
  assert(Number.isInteger(Math.log2(capacityBytes)), "ring capacity is not a power of two");
  assert(capacityBytes >= CAPACITY_BYTES_MIN, "ring capacity is too small");
  assert(capacityBytes <= CAPACITY_BYTES_MAX, "ring capacity is too large");
  return capacityBytes;
}

function initialize(buffer: ArrayBufferLike, cursor: number): void {
  assert(cursor % 8 === 0, "ring cursors are 8-aligned");
  const header = new Int32Array(buffer, 0, RING_HEADER.rowBytes / 4);
  header[RING_HEADER.fields.capacityBytes.offset / 4] = buffer.byteLength - RING_HEADER.rowBytes;
  header[RING_WORD.HEAD] = cursor | 0;
  header[RING_WORD.TAIL] = cursor | 0;
}

/** The views over an allocated ring. */
export function ringMemory(buffer: ArrayBufferLike): RingMemory {
  const header = new Int32Array(buffer, 0, RING_HEADER.rowBytes / 4);
  const capacityBytes = header[RING_HEADER.fields.capacityBytes.offset / 4];
  assert(buffer.byteLength - RING_HEADER.rowBytes === capacityBytes, "ring memory is damaged: capacity");
  return { words: new SharedWords(header), bytes: new Uint8Array(buffer, RING_HEADER.rowBytes) };
}

/** The sending end. One per ring. */
export class RingSender implements ChannelSender {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  readonly capacityBytes: number;
  readonly payloadBytesMax: number;

  readonly #words: AtomicWords;
  readonly #headers: Int32Array;
  readonly #bell: Bell;
  readonly #mask: number;
  /** After the last committed record. */
  #head: number;
  /** The head that the receiver can see. */
  #published: number;
  /** The receiver's cursor when last looked at. */
  #tailSeen: number;
  #reservedBytes = 0;
  #unpublishedCount = 0;
  #wasFull = false;

  constructor(memory: RingMemory, bell: Bell) {
    this.bytes = memory.bytes;
    this.view = new DataView(memory.bytes.buffer, memory.bytes.byteOffset, memory.bytes.byteLength);
    this.capacityBytes = memory.bytes.byteLength;
    this.payloadBytesMax = payloadBytesMax(this.capacityBytes);
    this.#words = memory.words;
    this.#headers = recordHeaders(memory.bytes);
    this.#bell = bell;
    this.#mask = this.capacityBytes - 1;
    this.#head = memory.words.load(RING_WORD.HEAD);
    this.#published = this.#head;
    this.#tailSeen = memory.words.load(RING_WORD.TAIL);
  }

  /** Whether a `reserve` or `hasRoom` found no room since this was last asked. */
  takeWasFull(): boolean {
    const wasFull = this.#wasFull;
    this.#wasFull = false;
    return wasFull;
  }

  freeBytes(): number {
    this.#tailSeen = this.#words.load(RING_WORD.TAIL);
    return this.capacityBytes - ((this.#head - this.#tailSeen) | 0);
  }

  hasRoom(bytes: number): boolean {
    if (bytes <= this.capacityBytes - ((this.#head - this.#tailSeen) | 0)) return true;
    if (bytes <= this.freeBytes()) return true;
    // The receiver can only make room when it knows of the records.
    this.publish();
    this.#wasFull = true;
    return false;
  }

  reserve(kind: number, payloadBytes: number): number {
    assert(this.#reservedBytes === 0, "the record before is not committed");
    assert(kind > KIND_MARKER && kind <= KIND_MAX, "record kind out of range");
    assert((payloadBytes | 0) === payloadBytes, "payload length is not a whole number");
    assert(payloadBytes >= 0 && payloadBytes <= this.payloadBytesMax, "payload does not fit the ring");
    const recordBytes = RECORD_HEADER_BYTES + ((payloadBytes + 7) & ~7);
    const start = this.#head & this.#mask;
    const bytesToEnd = this.capacityBytes - start;
    const skippedBytes = recordBytes <= bytesToEnd ? 0 : bytesToEnd;
    if (!this.hasRoom(skippedBytes + recordBytes)) return -1;
    if (skippedBytes > 0) {
      this.#writeHeader(start, KIND_MARKER, skippedBytes - RECORD_HEADER_BYTES);
      this.#head = (this.#head + skippedBytes) | 0;
    }
    const position = this.#head & this.#mask;
    this.#writeHeader(position, kind, payloadBytes);
    this.#reservedBytes = recordBytes;
    return position + RECORD_HEADER_BYTES;
  }

  commit(): void {
    assert(this.#reservedBytes > 0, "nothing is reserved");
    this.#head = (this.#head + this.#reservedBytes) | 0;
    this.#reservedBytes = 0;
    this.#unpublishedCount++;
    const unpublishedBytes = (this.#head - this.#published) | 0;
    if (this.#unpublishedCount >= PUBLISH_RECORD_COUNT || unpublishedBytes >= PUBLISH_BYTES) this.publish();
  }

  publish(): void {
    assert(this.#reservedBytes === 0, "the reserved record is not committed");
    if (this.#head === this.#published) return;
    this.#words.store(RING_WORD.HEAD, this.#head);
    this.#published = this.#head;
    this.#unpublishedCount = 0;
    this.#bell.ring();
  }

  #writeHeader(position: number, kind: number, payloadBytes: number): void {
    this.#headers[position >> 2] = payloadBytes;
    this.#headers[(position >> 2) + 1] = (kind << 16) | stampOf(this.#head);
  }
}

/** The receiving end. One per ring. */
export class RingReceiver implements ChannelReceiver {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  readonly capacityBytes: number;

  readonly #words: AtomicWords;
  readonly #headers: Int32Array;
  readonly #mask: number;
  readonly #payloadBytesMax: number;
  /** After the last handled record. */
  #tail: number;
  /** The tail that the sender can see. */
  #released: number;
  /** The sender's cursor when last looked at. */
  #headSeen: number;
  #isDraining = false;

  constructor(memory: RingMemory) {
    this.bytes = memory.bytes;
    this.view = new DataView(memory.bytes.buffer, memory.bytes.byteOffset, memory.bytes.byteLength);
    this.capacityBytes = memory.bytes.byteLength;
    this.#words = memory.words;
    this.#headers = recordHeaders(memory.bytes);
    this.#mask = this.capacityBytes - 1;
    this.#payloadBytesMax = payloadBytesMax(this.capacityBytes);
    this.#tail = memory.words.load(RING_WORD.TAIL);
    this.#released = this.#tail;
    this.#headSeen = this.#tail;
  }

  /** Looks for published records; true when there are any. */
  refresh(): boolean {
    this.#headSeen = this.#words.load(RING_WORD.HEAD);
    return this.#headSeen !== this.#tail;
  }

  /** @param bytesMax no further record after so many bytes of payload */
  drain(handler: RecordHandler, recordCountMax: number, bytesMax: number = Number.POSITIVE_INFINITY): number {
    this.refresh();
    return this.drainSeen(handler, recordCountMax, bytesMax);
  }

  /** `drain` of what the last `refresh` saw. When the handler throws, its record and those since the last
   * release stay in the ring. Throws AssertionError when the memory is damaged. */
  drainSeen(
    handler: RecordHandler,
    recordCountMax: number,
    bytesMax: number = Number.POSITIVE_INFINITY,
  ): number {
    assert(!this.#isDraining, "a handler must not drain its own ring");
    this.#isDraining = true;
    let count = 0;
    let bytes = 0;
    let unreleasedCount = 0;
    try {
      while (count < recordCountMax && bytes < bytesMax && this.#tail !== this.#headSeen) {
        const position = this.#tail & this.#mask;
        const payloadBytes = this.#headers[position >> 2] as number;
        const kind = this.#checkHeader(position, payloadBytes);
        if (kind !== KIND_MARKER) {
          handler(kind, position + RECORD_HEADER_BYTES, payloadBytes);
          count++;
          bytes += payloadBytes;
          unreleasedCount++;
        }
        this.#tail = (this.#tail + RECORD_HEADER_BYTES + ((payloadBytes + 7) & ~7)) | 0;
        const unreleasedBytes = (this.#tail - this.#released) | 0;
        if (unreleasedCount >= PUBLISH_RECORD_COUNT || unreleasedBytes >= PUBLISH_BYTES) {
          this.#release();
          unreleasedCount = 0;
        }
      }
    } finally {
      this.#isDraining = false;
    }
    if (this.#tail !== this.#released) this.#release();
    return count;
  }

  #release(): void {
    this.#words.store(RING_WORD.TAIL, this.#tail);
    this.#released = this.#tail;
  }

  /** The record's kind, after checking that its header can be one. */
  #checkHeader(position: number, payloadBytes: number): number {
    const word = this.#headers[(position >> 2) + 1] as number;
    const availableBytes = (this.#headSeen - this.#tail) | 0;
    const recordBytes = RECORD_HEADER_BYTES + ((payloadBytes + 7) & ~7);
    const kind = word >>> 16;
    assert(availableBytes >= RECORD_HEADER_BYTES, "ring is damaged: head");
    assert(availableBytes <= this.capacityBytes, "ring is damaged: head is too far ahead");
    assert((word & 0xffff) === stampOf(this.#tail), "ring is damaged: stamp of a record");
    assert(payloadBytes >= 0, "ring is damaged: length of a record");
    assert(recordBytes <= availableBytes, "ring is damaged: record exceeds what was published");
    assert(position + recordBytes <= this.capacityBytes, "ring is damaged: record crosses the end");
    if (kind === KIND_MARKER) {
      assert(position + recordBytes === this.capacityBytes, "ring is damaged: marker does not reach the end");
    } else {
      assert(payloadBytes <= this.#payloadBytesMax, "ring is damaged: record is too long");
    }
    return kind;
  }
}

/** A quarter of the ring: such a record always fits an empty ring, wherever the end lies. */
function payloadBytesMax(capacityBytes: number): number {
  return capacityBytes / 4;
}

function recordHeaders(bytes: Uint8Array): Int32Array {
  assert(bytes.byteOffset % 8 === 0, "ring memory is not aligned");
  return new Int32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);
}

/** 16 bits of the cursor's hash (Knuth's multiplier): differs between laps and between neighbours. */
function stampOf(cursor: number): number {
  return Math.imul(cursor, 0x9e3779b1) >>> 16;
}
