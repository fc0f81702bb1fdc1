import { assert } from "../../engine/core/assert.js";
import { CONTAINER_ROW, STRIPE_ROWS, stripeOf } from "../shared/container-layout.js";
import type { StripeMessage } from "../shared/shard-layout.js";
import { readWord } from "../shared/version-word.js";
import { createStripe, type Stripe } from "./stripe.js";

const CONTAINER_WORDS = CONTAINER_ROW.rowBytes / 4;
const CONTAINER_VERSION = CONTAINER_ROW.fields.version.offset / 4;
/** state, flags and replication share a word. */
const CONTAINER_STATE_WORD = CONTAINER_ROW.fields.state.offset / 4;
const REPLICATION_SHIFT = (CONTAINER_ROW.fields.replication.offset - CONTAINER_ROW.fields.state.offset) * 8;
/** The shard's stripes, by number and in order. */
export class StripeDirectory {
  readonly #byNumber = new Map<number, Stripe>();
  readonly #byPlace: Stripe[] = [];
  readonly #ascending: Stripe[] = [];
  readonly #replicaIndexCounts: Uint8Array;
  #last: Stripe | undefined;

  constructor(replicaIndexCounts: SharedArrayBuffer) {
    this.#replicaIndexCounts = new Uint8Array(replicaIndexCounts);
  }

  add(message: StripeMessage): Stripe {
    const number = message.stripe;
    assert(!this.#byNumber.has(number), `stripe ${number} is there already`);
    const stripe = createStripe(message, this.#byPlace.length);
    this.#byNumber.set(number, stripe);
    this.#byPlace.push(stripe);
    this.#ascending.splice(this.indexFrom(stripe.firstId), 0, stripe);
    return stripe;
  }

  /** Ascending by id. */
  get all(): readonly Stripe[] {
    return this.#ascending;
  }

  /** Places in use: 0 … count − 1. */
  get count(): number {
    return this.#byPlace.length;
  }

  at(place: number): Stripe {
    return this.#byPlace[place] as Stripe;
  }

  find(containerId: number): Stripe | undefined {
    const number = stripeOf(containerId);
    if (this.#last?.number === number) return this.#last;
    const stripe = this.#byNumber.get(number);
    if (stripe !== undefined) this.#last = stripe;
    return stripe;
  }

  /** Index in `all` of the first stripe with an id ≥ `id`. */
  indexFrom(id: number): number {
    let low = 0;
    let high = this.#ascending.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#ascending[middle] as Stripe).firstId + STRIPE_ROWS <= id) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Replica indexes of a container: data + parity for EC, 0 for other types, −1 for an unknown container. */
  replicaIndexCount(stripe: Stripe, offset: number): number {
    const at = offset * CONTAINER_WORDS;
    const word = readWord(stripe.containers, at + CONTAINER_VERSION, at + CONTAINER_STATE_WORD);
    if ((word & 0xff) === 0) return -1;
    return this.#replicaIndexCounts[word >>> REPLICATION_SHIFT] as number;
  }
}
