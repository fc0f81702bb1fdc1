import { SESSION_WINDOW } from "../../../protocol/schema/messages.js";
import { assert } from "../../core/assert.js";
import type { ByteReader } from "../../core/byte-reader.js";
import type { ByteWriter } from "../../core/byte-writer.js";
import { countFrom } from "../count-from.js";
import type { HashSum } from "../hash-sum.js";
import type { OperationResult } from "../state-machine.js";

const FORMAT = 1;
const INITIAL_SLOTS = 8;
/** What a stored reply needs besides its body. */
const REPLY_BYTES = 16;
const NO_REPLY: OperationResult = { error: 0, body: new Uint8Array(0) };

const TEXT = new TextEncoder();
const scratch = new Int32Array(6);

/** One client's mutations: what was answered and not yet acknowledged. Replies stand in a ring by sequence,
 * so that the usual operation allocates nothing:
 *
 *   acknowledged                       window
 *   … 7 8 9 10 │ 11   12   13   14 … │ acked + SESSION_WINDOW
 *              │ reply –    reply    │ slot = sequence mod slots; slots grow to the window when needed */
export class Session {
  readonly id: number;
  readonly clientName: string;
  /** Logged time of the last operation. */
  lastUsedMs: number;
  /** Number of the last operation over all sessions: the order of eviction. */
  lastUse: number;
  #acked = 0;
  #sequences = new Float64Array(INITIAL_SLOTS);
  #replies: OperationResult[] = new Array<OperationResult>(INITIAL_SLOTS).fill(NO_REPLY);
  #replyBytes = 0;
  /** Epoch of DirtyRows in which it was touched last. */
  touchedEpoch = 0;
  older: Session | undefined = undefined;
  newer: Session | undefined = undefined;

  constructor(id: number, clientName: string, use: { readonly nowMs: number; readonly useNumber: number }) {
    this.id = id;
    this.clientName = clientName;
    this.lastUsedMs = use.nowMs;
    this.lastUse = use.useNumber;
  }

  get acked(): number {
    return this.#acked;
  }

  /** Bytes of stored replies. */
  get replyBytes(): number {
    return this.#replyBytes;
  }

  /** What `replyBytes` will be once `acked` is acknowledged. */
  replyBytesAbove(acked: number): number {
    let bytes = 0;
    for (const [slot, sequence] of this.#sequences.entries()) {
      if (sequence > acked) bytes += REPLY_BYTES + (this.#replies[slot] as OperationResult).body.length;
    }
    return bytes;
  }

  /** The stored reply to `sequence` ≥ 1, undefined when the sequence is new. */
  reply(sequence: number): OperationResult | undefined {
    const slot = sequence & (this.#sequences.length - 1);
    return this.#sequences[slot] === sequence ? this.#replies[slot] : undefined;
  }

  /** Stores the reply of a new sequence within the window. */
  store(sequence: number, result: OperationResult, hash: HashSum): void {
    assert(sequence > this.#acked, "sequence is acknowledged");
    assert(sequence <= this.#acked + SESSION_WINDOW, "sequence is beyond the window");
    while (sequence - this.#acked > this.#sequences.length) this.#grow();
    const slot = sequence & (this.#sequences.length - 1);
    assert(this.#sequences[slot] === 0, "sequence has a reply");
    this.#sequences[slot] = sequence;
    this.#replies[slot] = result;
    this.#replyBytes += REPLY_BYTES + result.body.length;
    this.#hashReply(sequence, result, hash, 1);
  }

  /** The client has received everything up to `acked`: those replies go. */
  acknowledge(acked: number, hash: HashSum): void {
    if (acked <= this.#acked) return;
    const slots = this.#sequences.length;
    const last = Math.min(acked, this.#acked + slots);
    for (let sequence = this.#acked + 1; sequence <= last; sequence++) {
      const slot = sequence & (slots - 1);
      if (this.#sequences[slot] !== sequence) continue;
      const reply = this.#replies[slot] as OperationResult;
      this.#hashReply(sequence, reply, hash, -1);
      this.#replyBytes -= REPLY_BYTES + reply.body.length;
      this.#sequences[slot] = 0;
      this.#replies[slot] = NO_REPLY;
    }
    this.#acked = acked;
  }

  /** Takes the part that changes with every operation into or out of `hash`. */
  hashHead(hash: HashSum, sign: 1 | -1): void {
    split(this.#acked, 0);
    split(this.lastUsedMs, 2);
    split(this.lastUse, 4);
    if (sign === 1) hash.addWords(scratch, 0, 6, this.id);
    else hash.subtractWords(scratch, 0, 6, this.id);
  }

  /** Takes all of it into or out of `hash`. */
  hashAll(hash: HashSum, sign: 1 | -1): void {
    this.hashHead(hash, sign);
    const name = TEXT.encode(this.clientName);
    if (sign === 1) hash.addBytes(name, this.id);
    else hash.subtractBytes(name, this.id);
    for (const [slot, sequence] of this.#sequences.entries()) {
      if (sequence !== 0) this.#hashReply(sequence, this.#replies[slot] as OperationResult, hash, sign);
    }
  }

  write(writer: ByteWriter): void {
    writer.u8(FORMAT);
    writer.text(this.clientName);
    writer.f64(this.lastUsedMs);
    writer.f64(this.lastUse);
    writer.f64(this.#acked);
    const sequences = [...this.#sequences].filter((sequence) => sequence !== 0).sort((a, b) => a - b);
    writer.u32(sequences.length);
    for (const sequence of sequences) {
      const reply = this.reply(sequence) as OperationResult;
      writer.f64(sequence);
      writer.u16(reply.error);
      writer.bytes(reply.body);
    }
  }

  /** Throws RangeError on bytes that `write` cannot have written. */
  static read(id: number, reader: ByteReader, hash: HashSum): Session {
    const format = reader.u8();
    if (format !== FORMAT) throw new RangeError(`session format ${format}`);
    const session = new Session(id, reader.text(), {
      nowMs: countFrom(reader),
      useNumber: countFrom(reader),
    });
    session.#acked = countFrom(reader);
    session.hashAll(hash, 1);
    let before = session.#acked;
    for (let left = reader.u32(); left > 0; left--) {
      const sequence = countFrom(reader);
      const error = reader.u16();
      const body = reader.bytes().slice();
      if (sequence <= before || sequence > session.#acked + SESSION_WINDOW)
        throw new RangeError("reply order");
      session.store(sequence, { error, body }, hash);
      before = sequence;
    }
    if (reader.remaining > 0) throw new RangeError("row is too long");
    return session;
  }

  #hashReply(sequence: number, { error, body }: OperationResult, hash: HashSum, sign: 1 | -1): void {
    split(this.id, 0);
    split(sequence, 2);
    scratch[4] = error;
    scratch[5] = body.length;
    if (sign === 1) {
      hash.addWords(scratch, 0, 6, sequence);
      if (body.length > 0) hash.addBytes(body, this.id ^ sequence);
    } else {
      hash.subtractWords(scratch, 0, 6, sequence);
      if (body.length > 0) hash.subtractBytes(body, this.id ^ sequence);
    }
  }

  #grow(): void {
    const slots = this.#sequences.length * 2;
    const sequences = new Float64Array(slots);
    const replies = new Array<OperationResult>(slots).fill(NO_REPLY);
    for (const [slot, sequence] of this.#sequences.entries()) {
      if (sequence === 0) continue;
      sequences[sequence & (slots - 1)] = sequence;
      replies[sequence & (slots - 1)] = this.#replies[slot] as OperationResult;
    }
    this.#sequences = sequences;
    this.#replies = replies;
  }
}

/** A number below 2^53 as two words of `scratch`. */
function split(value: number, at: number): void {
  scratch[at] = value | 0;
  scratch[at + 1] = (value / 0x1_0000_0000) | 0;
}
