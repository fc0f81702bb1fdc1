import { assert } from "../../engine/core/assert.js";
import { STRIPE_ROWS, stripeOf } from "../shared/container-layout.js";
import type { StripeMessage } from "../shared/shard-layout.js";
import { createStripe, type Stripe } from "./stripe.js";

/** The shard's stripes, by number and in order. */
export class StripeDirectory {
  readonly #byNumber = new Map<number, Stripe>();
  readonly #byPlace: Stripe[] = [];
  readonly #ascending: Stripe[] = [];
  #last: Stripe | undefined;

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
}
