import { STRIPE_ROWS, stripeOf } from "../shared/container-layout.js";
import { CONTAINER_STATE_SHIFT, REPLICA_ROW } from "../shared/replica-layout.js";
import type { LiveUsage } from "../shared/shard-records.js";
import { beginRead, endRead } from "../shared/version-word.js";

const ROW_WORDS = REPLICA_ROW.rowBytes / 4;
const ROW_NUMBERS = REPLICA_ROW.rowBytes / 8;
const { fields } = REPLICA_ROW;
const VERSION_WORD = fields.version.offset / 4;
const KEYS_WORD = fields.keyCount.offset / 4;
const FLAGS_WORD = fields.flags.offset / 4;
const USED_NUMBER = fields.usedBytes.offset / 8;
const SEQUENCE_NUMBER = fields.sequenceId.offset / 8;
/** A shard writes a head in some 30 ns. Should it lose its processor meanwhile, main goes on without. */
const ATTEMPT_COUNT_MAX = 1000;

interface Heads {
  readonly words: Int32Array;
  readonly numbers: Float64Array;
}

/** Main's eyes on the shards' replica rows: the live usage at their heads, read in place. */
export class StripeHeads {
  readonly #stripes = new Map<number, Heads>();

  /** Takes the place of the rows that the stripe had. */
  add(stripe: number, replicas: SharedArrayBuffer): void {
    this.#stripes.set(stripe, {
      words: new Int32Array(replicas, 0, replicas.byteLength / 4),
      numbers: new Float64Array(replicas, 0, replicas.byteLength / 8),
    });
  }

  /** A word of the row; not ordered in any way. */
  touch(containerId: number): number {
    const row = containerId % STRIPE_ROWS;
    return this.#stripes.get(stripeOf(containerId))?.words[row * ROW_WORDS + FLAGS_WORD] ?? 0;
  }

  /** False when no report has told of the container since it is known, or its head is just being written. */
  read(containerId: number, into: LiveUsage): boolean {
    const heads = this.#stripes.get(stripeOf(containerId));
    if (heads === undefined) return false;
    const { words, numbers } = heads;
    const row = containerId % STRIPE_ROWS;
    const word = row * ROW_WORDS;
    for (let attempt = 0; attempt < ATTEMPT_COUNT_MAX; attempt++) {
      const version = beginRead(words, word + VERSION_WORD);
      if ((words[word + FLAGS_WORD] as number) >>> CONTAINER_STATE_SHIFT === 0) return false;
      into.usedBytes = numbers[row * ROW_NUMBERS + USED_NUMBER] as number;
      into.sequenceId = numbers[row * ROW_NUMBERS + SEQUENCE_NUMBER] as number;
      into.keyCount = (words[word + KEYS_WORD] as number) >>> 0;
      if (endRead(words, word + VERSION_WORD, version)) return true;
    }
    return false;
  }
}
