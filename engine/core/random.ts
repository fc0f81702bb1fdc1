import { assert } from "./assert.js";

/** The only source of randomness. */
export interface Random {
  /** A whole number in [0, 2^32). */
  uint32(): number;
  /** A whole number in [0, `boundExclusive`), bound ≤ 2^32. */
  below(boundExclusive: number): number;
  /** A number in [0, 1). */
  fraction(): number;
  fill(bytes: Uint8Array): void;
}

/** xoshiro128** with a seed: the same seed gives the same numbers for ever. Not for secrets. */
export class SeededRandom implements Random {
  #a: number;
  #b: number;
  #c: number;
  #d: number;

  constructor(seed: number) {
    // splitmix32 spreads a small seed over the four words; none may stay all zero.
    let state = seed >>> 0;
    const next = (): number => {
      state = (state + 0x9e3779b9) >>> 0;
      let z = state;
      z = Math.imul(z ^ (z >>> 16), 0x21f0aaad);
      z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
      return (z ^ (z >>> 15)) >>> 0;
    };
    this.#a = next();
    this.#b = next();
    this.#c = next();
    this.#d = next() | 1;
  }

  uint32(): number {
    const result = Math.imul(rotateLeft(Math.imul(this.#b, 5), 7), 9) >>> 0;
    const t = this.#b << 9;
    this.#c ^= this.#a;
    this.#d ^= this.#b;
    this.#b ^= this.#c;
    this.#a ^= this.#d;
    this.#c ^= t;
    this.#d = rotateLeft(this.#d, 11);
    return result;
  }

  below(boundExclusive: number): number {
    return scaledWord(this.uint32(), boundExclusive);
  }

  fraction(): number {
    return this.uint32() / 2 ** 32;
  }

  fill(bytes: Uint8Array): void {
    for (let i = 0; i < bytes.length; i++) bytes[i] = this.uint32() >>> 24;
  }

  /** A generator of its own for `name`: drawing from one stream does not move the others (verification
   * L3/L4). */
  stream(name: string): SeededRandom {
    let hash = 0x811c9dc5;
    for (let i = 0; i < name.length; i++) hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193);
    return new SeededRandom((this.#a ^ hash) >>> 0);
  }
}

/** `word`, of 32 bits, spread over [0, `boundExclusive`). */
export function scaledWord(word: number, boundExclusive: number): number {
  assert(boundExclusive > 0, "bound must be positive");
  assert(boundExclusive <= 2 ** 32, "bound exceeds 32 bits");
  return Math.floor((word * boundExclusive) / 2 ** 32);
}

function rotateLeft(value: number, bits: number): number {
  return (value << bits) | (value >>> (32 - bits));
}
