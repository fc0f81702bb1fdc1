import { assert } from "../../../engine/core/assert.js";
import type { AtomicWords } from "../../../workers/shared/atomic-words.js";

/** What plain bytes hold before anything was written. */
export const POISON = 0xee;

export type OperationKind = "load" | "store" | "exchange" | "wait" | "notify" | "put" | "take" | "change";

/** A step at which a thread can be stopped. `value` is the operand. */
export interface ModelOperation {
  readonly kind: OperationKind;
  readonly index: number;
  readonly value: number;
}

/** The result of an operation. */
export interface ModelResult {
  readonly value: number;
  /** What the thread sees of the plain bytes from now on; undefined: as before. */
  readonly bytes: Uint8Array | undefined;
}

/** What a thread does between two operations. */
export interface Segment {
  /** The next operation; undefined when the program has ended. */
  readonly operation: ModelOperation | undefined;
  /** The plain bytes as this thread has left them. */
  readonly bytes: Uint8Array;
  /** What it has read of them since its last operation. */
  readonly reads: readonly { readonly offset: number; readonly bytes: Uint8Array }[];
  /** The thread's own state, see `ModelThread.forget`; undefined when it is all its results. */
  readonly checkpoint: string | undefined;
  /** How many of its results came before that. */
  readonly forgottenCount: number;
}

/** Thrown where a program must wait for its turn. */
export class Suspended extends Error {}

/** A program's view of the model: gives it the recorded results of its operations, and stops it at the first
 * one that has none. */
export class ModelThread {
  readonly bytes: Uint8Array;
  readonly #results: readonly ModelResult[];
  readonly #lastLoaded = new Map<number, number>();
  readonly #lastStored = new Map<number, number>();
  #resultCount = 0;
  #operation: ModelOperation | undefined;
  #reads: { offset: number; bytes: Uint8Array }[] = [];
  #checkpoint: string | undefined;
  #forgottenCount = 0;

  constructor(results: readonly ModelResult[], byteCount: number) {
    this.#results = results;
    this.bytes = new Uint8Array(byteCount).fill(POISON);
  }

  /** Shared words; `base` is added to every index. */
  wordsAt(base: number): AtomicWords {
    return {
      load: (index) => {
        const value = this.#do("load", base + index, 0);
        this.#lastLoaded.set(base + index, value);
        return value;
      },
      store: (index, value) => {
        this.#do("store", base + index, value);
        this.#lastStored.set(base + index, value);
      },
      exchange: (index, value) => this.#do("exchange", base + index, value),
      wait: (index, expected) => void this.#do("wait", base + index, expected),
      notify: (index) => void this.#do("notify", base + index, 0),
    };
  }

  /** Adds one to a mailbox. */
  put(index: number): void {
    this.#do("put", index, 0);
  }

  /** Takes one from a mailbox, and waits while it is empty. */
  take(index: number): void {
    this.#do("take", index, 0);
  }

  /** Waits until a word has another value than the one that this thread has loaded last: a loop of loads. */
  untilChanged(index: number): void {
    this.#do("change", index, this.#lastLoaded.get(index) ?? 0);
  }

  /** Says that the program reads these bytes now. */
  read(offset: number, length: number): Uint8Array {
    const bytes = this.bytes.slice(offset, offset + length);
    this.#reads.push({ offset, bytes });
    return bytes;
  }

  /** Promises that from here on the program depends on its past only through `label` and the last values that
   * it loaded from and stored to each word. So states that differ in the way there are one, and many more
   * steps can be explored. True where ring ends are between two records: the rest of their state follows from
   * the count of records. */
  forget(label: string): void {
    const valuesOf = (map: ReadonlyMap<number, number>): string =>
      [...map].map(([index, value]) => `${index}=${value}`).join(" ");
    this.#checkpoint = `${label} loaded ${valuesOf(this.#lastLoaded)} stored ${valuesOf(this.#lastStored)}`;
    this.#forgottenCount = this.#resultCount;
  }

  segment(): Segment {
    return {
      operation: this.#operation,
      bytes: this.bytes,
      reads: this.#reads,
      checkpoint: this.#checkpoint,
      forgottenCount: this.#forgottenCount,
    };
  }

  #do(kind: OperationKind, index: number, value: number): number {
    assert(this.#operation === undefined, "the program goes on although it was stopped");
    const result = this.#results[this.#resultCount++];
    if (result === undefined) {
      this.#operation = { kind, index, value };
      throw new Suspended();
    }
    if (result.bytes !== undefined) this.bytes.set(result.bytes);
    this.#reads = [];
    return result.value;
  }
}
