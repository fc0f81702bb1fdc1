import type { ByteReader } from "../core/byte-reader.js";
import type { ByteWriter } from "../core/byte-writer.js";

/** Sum of row hashes: 64 bits as two lanes of 32. Adding and subtracting rows makes it independent of their
 * order and cheap to keep: O(1) a change. Not a defence against an adversary; it finds states that differ. */
export class HashSum {
  #low = 0;
  #high = 0;
  #mixedLow = 0;
  #mixedHigh = 0;

  /** Takes in the row of `count` words that `words` holds from `start` on. `seed` tells rows apart: its key.
   */
  addWords(words: Int32Array, start: number, count: number, seed: number): void {
    this.#mixWords(words, start, count, fold(seed));
    this.#low = (this.#low + this.#mixedLow) | 0;
    this.#high = (this.#high + this.#mixedHigh) | 0;
  }

  subtractWords(words: Int32Array, start: number, count: number, seed: number): void {
    this.#mixWords(words, start, count, fold(seed));
    this.#low = (this.#low - this.#mixedLow) | 0;
    this.#high = (this.#high - this.#mixedHigh) | 0;
  }

  /** Takes in a row given as bytes, key and table included. */
  addBytes(bytes: Uint8Array, seed: number): void {
    this.#mixBytes(bytes, seed);
    this.#low = (this.#low + this.#mixedLow) | 0;
    this.#high = (this.#high + this.#mixedHigh) | 0;
  }

  subtractBytes(bytes: Uint8Array, seed: number): void {
    this.#mixBytes(bytes, seed);
    this.#low = (this.#low - this.#mixedLow) | 0;
    this.#high = (this.#high - this.#mixedHigh) | 0;
  }

  add(other: HashSum): void {
    this.#low = (this.#low + other.#low) | 0;
    this.#high = (this.#high + other.#high) | 0;
  }

  subtract(other: HashSum): void {
    this.#low = (this.#low - other.#low) | 0;
    this.#high = (this.#high - other.#high) | 0;
  }

  clear(): void {
    this.#low = 0;
    this.#high = 0;
  }

  equals(other: HashSum): boolean {
    return this.#low === other.#low && this.#high === other.#high;
  }

  write(writer: ByteWriter): void {
    writer.u32(this.#low >>> 0);
    writer.u32(this.#high >>> 0);
  }

  read(reader: ByteReader): void {
    this.#low = reader.u32() | 0;
    this.#high = reader.u32() | 0;
  }

  /** 16 hex digits. */
  toString(): string {
    return hex(this.#high) + hex(this.#low);
  }

  /** Both lanes in one pass: their chains run side by side in the processor. */
  #mixWords(words: Int32Array, start: number, count: number, seed: number): void {
    let low = Math.imul(seed ^ LOW, SPREAD);
    let high = Math.imul(seed ^ HIGH, SPREAD);
    for (let i = start; i < start + count; i++) {
      const word = words[i] as number;
      low = Math.imul(low ^ word, LOW);
      high = Math.imul(high ^ word, HIGH);
      low = (low << 13) | (low >>> 19);
      high = (high << 15) | (high >>> 17);
    }
    this.#mixedLow = finish(low);
    this.#mixedHigh = finish(high);
  }

  #mixBytes(bytes: Uint8Array, seed: number): void {
    let low = Math.imul(seed ^ LOW, SPREAD);
    let high = Math.imul(seed ^ HIGH, SPREAD);
    for (let i = 0; i < bytes.length; i++) {
      const byte = bytes[i] as number;
      low = Math.imul(low ^ byte, LOW);
      high = Math.imul(high ^ byte, HIGH);
      low = (low << 13) | (low >>> 19);
      high = (high << 13) | (high >>> 19);
    }
    this.#mixedLow = finish(low);
    this.#mixedHigh = finish(high);
  }
}

/** Odd multipliers with well spread bits (murmur3, xxHash32), other ones in each lane. */
const LOW = 0x85ebca6b;
const HIGH = 0x9e3779b1;
const SPREAD = 0xc2b2ae35;

/** A key up to 2^53 in 32 bits; both halves count. */
function fold(seed: number): number {
  return (seed | 0) ^ Math.imul((seed / 0x1_0000_0000) | 0, 0x27d4eb2f);
}

function finish(hash: number): number {
  const mixed = Math.imul(hash ^ (hash >>> 16), LOW);
  return Math.imul(mixed ^ (mixed >>> 13), SPREAD) ^ (mixed >>> 16);
}

function hex(lane: number): string {
  return (lane >>> 0).toString(16).padStart(8, "0");
}
