import { HashSum } from "../hash-sum.js";
import { ContainerCounts } from "./container-counts.js";
import type { Stripe } from "./container-stripe.js";

/** Dictionary numbers are u16. */
const NUMBERS = 65_536;

/** What the table knows of all its rows together. */
export class ContainerSums {
  readonly hash = new HashSum();
  readonly counts = new ContainerCounts();
  readonly #byReplication = new Uint32Array(NUMBERS);
  readonly #byOwner = new Uint32Array(NUMBERS);
  #highestId = 0;

  /** 0 when there is none. */
  get highestId(): number {
    return this.#highestId;
  }

  /** Containers with this number of the dictionary of configurations. */
  withReplication(number: number): number {
    return this.#byReplication[number] ?? 0;
  }

  /** Highest dictionary number that a container has, 0 when there is none. */
  highestReplication(): number {
    return highestOf(this.#byReplication);
  }

  highestOwner(): number {
    return highestOf(this.#byOwner);
  }

  /** A container that was not there before. */
  add(id: number, stripe: Stripe, row: number): void {
    stripe.addTo(this.hash, row, id);
    this.counts.addState(id, stripe.state(row), 1);
    if (stripe.isSuppressed(row)) this.counts.addSuppressed(id, 1);
    const replication = stripe.replication(row);
    const owner = stripe.owner(row);
    this.#byReplication[replication] = (this.#byReplication[replication] as number) + 1;
    this.#byOwner[owner] = (this.#byOwner[owner] as number) + 1;
    if (id > this.#highestId) this.#highestId = id;
  }

  clear(): void {
    this.hash.clear();
    this.counts.clear();
    this.#byReplication.fill(0);
    this.#byOwner.fill(0);
    this.#highestId = 0;
  }

  /** What differs from the sums of the same rows from scratch, undefined when nothing does. */
  differenceTo(fresh: ContainerSums): string | undefined {
    if (!fresh.hash.equals(this.hash)) return `container hash is ${this.hash}, rows give ${fresh.hash}`;
    if (fresh.#highestId !== this.#highestId) return "highest container id";
    if (!this.counts.equals(fresh.counts)) return "counts by state";
    if (!isEqual(fresh.#byReplication, this.#byReplication)) return "counts by configuration";
    return isEqual(fresh.#byOwner, this.#byOwner) ? undefined : "counts by owner";
  }
}

function highestOf(counts: Uint32Array): number {
  return Math.max(
    0,
    counts.findLastIndex((count) => count > 0),
  );
}

function isEqual(a: Uint32Array, b: Uint32Array): boolean {
  return a.every((value, index) => value === b[index]);
}
