import { STRIPE_ROWS } from "../../../workers/shared/container-layout.js";
import { assert } from "../../core/assert.js";
import type { Uuid } from "../../core/uuid.js";
import type { HashSum } from "../hash-sum.js";
import {
  blockEnd,
  blockStart,
  type ContainerCounts,
  type RowFilter,
  STRIPE_COUNT_MAX,
} from "./container-counts.js";
import {
  type ContainerFields,
  type ContainerNumbers,
  ROW_BYTES,
  type StateStep,
  Stripe,
} from "./container-stripe.js";
import { ContainerSums } from "./container-sums.js";
import { PageTracker } from "./page-tracker.js";

/** Rows of a page, the unit of a flush. Measured with 10 M containers and random suppress operations, 80,000
 * between two flushes:
 *
 *   rows │ bytes written per changed row         │ boot: scan, checks and load,
 *        │ among the newest 100,000 │ among all │ CPU time per container
 *     16 │ 160                      │ 1,030     │ 0.45 µs
 *     64 │ 160                      │ 4,010     │ 0.26 µs
 *
 * A quarter of the writes is worth 2 s of a start with 10 M containers, which stays below 5 s. */
export const PAGE_ROWS = 16;
export const PAGE_BYTES = PAGE_ROWS * ROW_BYTES;
const STRIPE_PAGES = STRIPE_ROWS / PAGE_ROWS;

/** Rows cleared in one step: a millisecond. */
const CLEAR_ROWS = STRIPE_ROWS / 4;
/** How far above the highest known id a new one may lie: room for the gaps of many leaders, and no more
 * stripes than that for a stray id. */
export const CONTAINER_ID_REACH = 4_194_304;

/** All containers: rows in shared memory, dense by id (architecture §2). Written by `apply` alone. */
export class ContainerTable {
  readonly #allocateStripe: (stripe: number) => SharedArrayBuffer;
  /** Full length from the start: V8 would make a hash table of a sparse one. */
  readonly #stripes = new Array<Stripe | undefined>(STRIPE_COUNT_MAX).fill(undefined);
  readonly #sums = new ContainerSums();
  /** Others look at the rows while they are loaded. */
  #isReloading = false;
  /** Rows that are still to be cleared, by the first one of each piece. */
  #toClear: number[] = [];
  readonly pages: PageTracker;

  constructor(allocateStripe: (stripe: number) => SharedArrayBuffer) {
    this.#allocateStripe = allocateStripe;
    this.pages = new PageTracker(
      { pageBytes: PAGE_BYTES, readPage: (page, target) => this.#readPage(page, target) },
      STRIPE_PAGES,
    );
  }

  get hash(): HashSum {
    return this.#sums.hash;
  }

  get counts(): ContainerCounts {
    return this.#sums.counts;
  }

  get count(): number {
    return this.#sums.counts.total;
  }

  /** Containers with this number of the dictionary of configurations. */
  countWithReplication(number: number): number {
    return this.#sums.withReplication(number);
  }

  /** Highest dictionary number that a container has, 0 when there is none. */
  highestReplication(): number {
    return this.#sums.highestReplication();
  }

  highestOwner(): number {
    return this.#sums.highestOwner();
  }

  /** 0 when there is none. */
  get highestId(): number {
    return this.#sums.highestId;
  }

  /** Whether a row for `id` may be made when `highestId` is the highest id known so far. */
  isWithinReach(id: number, highestId: number): boolean {
    return id <= highestId + CONTAINER_ID_REACH && id < STRIPE_COUNT_MAX * STRIPE_ROWS;
  }

  /** CONTAINER_STATE, 0 when there is no such container. `id` may be any number. */
  state(id: number): number {
    return this.#stripeOf(id)?.state(id % STRIPE_ROWS) ?? 0;
  }

  isSuppressed(id: number): boolean {
    return this.#existing(id).isSuppressed(id % STRIPE_ROWS);
  }

  replication(id: number): number {
    return this.#existing(id).replication(id % STRIPE_ROWS);
  }

  owner(id: number): number {
    return this.#existing(id).owner(id % STRIPE_ROWS);
  }

  /** As of the last transition; reports know better. */
  usedBytes(id: number): number {
    return this.#existing(id).usedBytes(id % STRIPE_ROWS);
  }

  sequenceId(id: number): number {
    return this.#existing(id).sequenceId(id % STRIPE_ROWS);
  }

  /** All fields of an existing container. */
  read(id: number): ContainerFields {
    return this.#existing(id).read(id % STRIPE_ROWS);
  }

  /** The same without the pipeline; allocates nothing. */
  readNumbers(id: number, into: ContainerNumbers): void {
    this.#existing(id).readNumbers(id % STRIPE_ROWS, into);
  }

  pipelineId(id: number): Uuid | undefined {
    return this.#existing(id).pipelineId(id % STRIPE_ROWS);
  }

  /** Copies the 16 bytes of the pipeline's id into `target`; false when there is none. */
  copyPipelineId(id: number, target: Uint8Array): boolean {
    return this.#existing(id).copyPipelineId(id % STRIPE_ROWS, target);
  }

  /** Adds a container that does not exist yet, allocating its stripe when it is the first one there. */
  insert(id: number, fields: ContainerFields): void {
    assert(this.state(id) === 0, "container exists");
    const stripe = this.#stripeOf(id) ?? this.#addStripe(Math.floor(id / STRIPE_ROWS));
    const row = id % STRIPE_ROWS;
    this.#touch(id);
    stripe.beginWrite(row);
    stripe.write(row, fields);
    stripe.endWrite(row);
    this.#sums.add(id, stripe, row);
  }

  /** Sets the flag; false when there is no such container. The hottest operation: allocates nothing. */
  suppress(id: number, suppress: boolean): boolean {
    const stripe = this.#stripeOf(id);
    const row = id % STRIPE_ROWS;
    if (stripe === undefined || stripe.state(row) === 0) return false;
    if (stripe.isSuppressed(row) === suppress) return true;
    this.#beginChange(stripe, id);
    stripe.setSuppressed(row, suppress);
    this.#endChange(stripe, id);
    this.counts.addSuppressed(id, suppress ? 1 : -1);
    return true;
  }

  /** Moves an existing container on, with the figures of that moment. */
  enterState(id: number, step: StateStep): void {
    const stripe = this.#existing(id);
    const row = id % STRIPE_ROWS;
    this.counts.addState(id, stripe.state(row), -1);
    this.counts.addState(id, step.state, 1);
    this.#beginChange(stripe, id);
    stripe.enterState(row, step);
    this.#endChange(stripe, id);
  }

  raiseSequenceId(id: number, sequenceId: number): void {
    const stripe = this.#existing(id);
    assert(sequenceId > this.sequenceId(id), "a sequence id only rises");
    this.#beginChange(stripe, id);
    stripe.setSequenceId(id % STRIPE_ROWS, sequenceId);
    this.#endChange(stripe, id);
  }

  /** Visits ids from `from` on that fit the filter, in ascending order, until `visit` answers false or about
   * `rowsMax` rows were looked at; what has no match, by its counts, is passed over at the price of a row:
   * blocks are few, one for 64 ids. Returns the id to go on from, 0 when the end was reached. */
  scan(from: number, filter: RowFilter, rowsMax: number, visit: (id: number) => boolean): number {
    const { counts, highestId } = this;
    let rowsLeft = rowsMax;
    let id = from;
    while (id <= highestId && rowsLeft > 0) {
      const next = counts.next(id, filter);
      rowsLeft--;
      if (next === id) {
        const stripe = this.#existing(id);
        const end = blockEnd(id);
        let matchesLeft = counts.inBlock(id, filter);
        for (let row = id % STRIPE_ROWS; id < end && matchesLeft > 0; id++, row++) {
          rowsLeft--;
          if (!stripe.fits(row, filter)) continue;
          if (!visit(id)) return id;
          matchesLeft--;
        }
        id = end;
      } else id = next;
    }
    return id > highestId ? 0 : id;
  }

  /** How many ids from `from` on fit the filter; undefined when that takes a scan. */
  countFrom(from: number, filter: RowFilter): number | undefined {
    const { counts } = this;
    if (!counts.isExact(filter)) return undefined;
    let count = counts.countAll(filter) - counts.countBefore(from, filter);
    const stripe = this.#stripeOf(from);
    if (stripe === undefined) return count;
    for (let id = blockStart(from); id < from; id++) {
      if (stripe.fits(id % STRIPE_ROWS, filter)) count--;
    }
    return count;
  }

  /** All containers are going to be loaded anew. Stripes stay where they are, since the shards know them;
   * `clearStep` clears their rows. */
  beginReload(): void {
    this.#isReloading = true;
    this.#toClear = [];
    for (const [number, stripe] of this.#stripes.entries()) {
      if (stripe === undefined) continue;
      for (let row = 0; row < STRIPE_ROWS; row += CLEAR_ROWS) this.#toClear.push(number * STRIPE_ROWS + row);
    }
    this.#sums.clear();
    this.pages.reset();
  }

  /** True when no row of before is left. */
  clearStep(): boolean {
    const first = this.#toClear.pop();
    if (first === undefined) return true;
    const stripe = this.#existing(first);
    for (let row = first % STRIPE_ROWS, end = row + CLEAR_ROWS; row < end; row++) {
      if (stripe.state(row) === 0) continue;
      stripe.beginWrite(row);
      stripe.clear(row);
      stripe.endWrite(row);
    }
    return this.#toClear.length === 0;
  }

  loaded(): void {
    assert(this.#toClear.length === 0, "rows of before are left");
    this.#isReloading = false;
  }

  /** At boot: takes a page as it stood on disk. Throws RangeError when it cannot be one. */
  loadPage(key: Uint8Array, value: Uint8Array): void {
    if (key.length !== 4) throw new RangeError(`page key of ${key.length} bytes`);
    const [a, b, c, d] = key as unknown as readonly [number, number, number, number];
    const page = ((a << 24) | (b << 16) | (c << 8) | d) >>> 0;
    if (value.length !== PAGE_BYTES) throw new RangeError(`page of ${value.length} bytes`);
    const stripeNumber = Math.floor(page / STRIPE_PAGES);
    if (stripeNumber >= STRIPE_COUNT_MAX) throw new RangeError(`page number ${page}`);
    const stripe = this.#stripes[stripeNumber] ?? this.#addStripe(stripeNumber);
    const firstRow = (page % STRIPE_PAGES) * PAGE_ROWS;
    if (this.#isReloading) stripe.replaceRows(firstRow, value);
    else stripe.loadRows(firstRow, value);
    for (let row = firstRow; row < firstRow + PAGE_ROWS; row++) {
      if (stripe.state(row) !== 0) this.#sums.add(stripeNumber * STRIPE_ROWS + row, stripe, row);
    }
  }

  /** What is wrong with the table, undefined when nothing is. O(n). */
  problem(): string | undefined {
    const fresh = new ContainerSums();
    for (const [stripeNumber, stripe] of this.#stripes.entries()) {
      if (stripe === undefined) continue;
      fresh.counts.addStripe(stripeNumber);
      for (let row = 0; row < STRIPE_ROWS; row++) {
        const id = stripeNumber * STRIPE_ROWS + row;
        const problem = stripe.problem(row);
        if (problem !== undefined) return `container ${id}: ${problem}`;
        if ((stripe.version(row) & 1) !== 0) return `container ${id}: odd version`;
        if (stripe.state(row) !== 0) fresh.add(id, stripe, row);
      }
    }
    return this.#sums.differenceTo(fresh);
  }

  #stripeOf(id: number): Stripe | undefined {
    return this.#stripes[Math.floor(id / STRIPE_ROWS)];
  }

  #existing(id: number): Stripe {
    const stripe = this.#stripeOf(id);
    assert(stripe !== undefined, `no container ${id}`);
    return stripe;
  }

  #addStripe(stripeNumber: number): Stripe {
    assert(stripeNumber < STRIPE_COUNT_MAX, "stripe number out of range");
    const stripe = new Stripe(this.#allocateStripe(stripeNumber));
    this.#stripes[stripeNumber] = stripe;
    this.counts.addStripe(stripeNumber);
    this.pages.addStripe(stripeNumber);
    return stripe;
  }

  #touch(id: number): void {
    this.pages.touch(Math.floor(id / STRIPE_ROWS), Math.floor((id % STRIPE_ROWS) / PAGE_ROWS));
  }

  #beginChange(stripe: Stripe, id: number): void {
    this.#touch(id);
    stripe.subtractFrom(this.hash, id % STRIPE_ROWS, id);
    stripe.beginWrite(id % STRIPE_ROWS);
  }

  #endChange(stripe: Stripe, id: number): void {
    stripe.endWrite(id % STRIPE_ROWS);
    stripe.addTo(this.hash, id % STRIPE_ROWS, id);
  }

  #readPage(page: number, target: Uint8Array): void {
    const stripe = this.#stripes[Math.floor(page / STRIPE_PAGES)] as Stripe;
    stripe.copyRows((page % STRIPE_PAGES) * PAGE_ROWS, target);
  }
}
