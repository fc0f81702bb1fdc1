import { STRIPE_ROWS } from "../../../workers/shared/container-layout.js";

/** Stripe numbers end here: 2^32 ids, 2^28 pages. */
export const STRIPE_COUNT_MAX = 65_536;

/** Counts stand side by side: column 0 = suppressed, the others = CONTAINER_STATE. */
const COLUMNS = 8;
const SUPPRESSED = 0;
/** Rows of a block. Containers that are spread over all cost a listing a block each. */
const BLOCK_ROWS = 64;
const BLOCKS = STRIPE_ROWS / BLOCK_ROWS;

/** What the rows themselves can tell of a container. */
export interface RowFilter {
  /** CONTAINER_STATE, 0 = any. */
  readonly state: number;
  /** Undefined = any. */
  readonly suppressed: boolean | undefined;
  /** 1 at the numbers of the configurations that fit; undefined = any. */
  readonly replications: Uint8Array | undefined;
}

interface StripeCounts {
  readonly all: Uint32Array;
  /** A byte is enough for a block. */
  readonly blocks: Uint8Array;
}

/** How many containers are in each state and how many are suppressed: of all, of each stripe and of each
 * block, so that a listing passes over what has nothing for it (spec 02 §18 rule 15). 8 KB a stripe. */
export class ContainerCounts {
  readonly #all = new Uint32Array(COLUMNS);
  readonly #stripes = new Array<StripeCounts | undefined>(STRIPE_COUNT_MAX).fill(undefined);

  addStripe(stripe: number): void {
    const blocks = new Uint8Array(BLOCKS * COLUMNS);
    this.#stripes[stripe] = { all: new Uint32Array(COLUMNS), blocks };
  }

  get total(): number {
    return atMost(this.#all, 0, ANY);
  }

  get suppressed(): number {
    return this.#all[SUPPRESSED] as number;
  }

  /** @param state CONTAINER_STATE. */
  inState(state: number): number {
    return this.#all[state] as number;
  }

  /** The container entered the state, or left it. */
  addState(id: number, state: number, by: 1 | -1): void {
    this.#add(id, state, by);
  }

  addSuppressed(id: number, by: 1 | -1): void {
    this.#add(id, SUPPRESSED, by);
  }

  clear(): void {
    this.#all.fill(0);
    for (const stripe of this.#stripes) {
      stripe?.all.fill(0);
      stripe?.blocks.fill(0);
    }
  }

  equals(other: ContainerCounts): boolean {
    if (!isEqual(this.#all, other.#all)) return false;
    return this.#stripes.every((stripe, number) => {
      const others = other.#stripes[number];
      if (stripe === undefined || others === undefined) return stripe === others;
      return isEqual(stripe.all, others.all) && isEqual(stripe.blocks, others.blocks);
    });
  }

  /** The first id from `id` on in a block that may have a match; when its stripe has none, the first id of
   * the next stripe. */
  next(id: number, filter: RowFilter): number {
    const number = Math.floor(id / STRIPE_ROWS);
    const stripe = this.#stripes[number];
    let block = BLOCKS;
    if (stripe !== undefined && atMost(stripe.all, 0, filter) > 0) {
      block = blockOf(id);
      while (block < BLOCKS && atMost(stripe.blocks, block * COLUMNS, filter) === 0) block++;
    }
    return Math.max(id, number * STRIPE_ROWS + block * BLOCK_ROWS);
  }

  /** No more than these can fit in the block of `id`. */
  inBlock(id: number, filter: RowFilter): number {
    const stripe = this.#stripes[Math.floor(id / STRIPE_ROWS)];
    return stripe === undefined ? 0 : atMost(stripe.blocks, blockOf(id) * COLUMNS, filter);
  }

  /** Whether `countBefore` can count the matches of such a filter. */
  isExact({ state, suppressed, replications }: RowFilter): boolean {
    if (replications !== undefined) return false;
    return state === 0 || suppressed === undefined || this.suppressed === 0;
  }

  /** Matches in all. */
  countAll(filter: RowFilter): number {
    return atMost(this.#all, 0, filter);
  }

  /** Matches in the blocks before that of `id`. */
  countBefore(id: number, filter: RowFilter): number {
    let count = 0;
    const number = Math.min(STRIPE_COUNT_MAX, Math.floor(id / STRIPE_ROWS));
    for (let i = 0; i < number; i++) {
      const stripe = this.#stripes[i];
      if (stripe !== undefined) count += atMost(stripe.all, 0, filter);
    }
    const stripe = this.#stripes[number];
    if (stripe === undefined) return count;
    for (let block = blockOf(id) - 1; block >= 0; block--) {
      count += atMost(stripe.blocks, block * COLUMNS, filter);
    }
    return count;
  }

  #add(id: number, column: number, by: number): void {
    const { all, blocks } = this.#stripes[Math.floor(id / STRIPE_ROWS)] as StripeCounts;
    bump(this.#all, column, by);
    bump(all, column, by);
    bump(blocks, blockOf(id) * COLUMNS + column, by);
  }
}

const ANY: RowFilter = { state: 0, suppressed: undefined, replications: undefined };

/** First id of the block of `id`. */
export function blockStart(id: number): number {
  return Math.floor(id / BLOCK_ROWS) * BLOCK_ROWS;
}

/** First id after the block of `id`. */
export function blockEnd(id: number): number {
  return blockStart(id) + BLOCK_ROWS;
}

/** In its stripe. */
function blockOf(id: number): number {
  return Math.floor((id % STRIPE_ROWS) / BLOCK_ROWS);
}

/** How many of the containers whose counts begin at `at` can fit the filter: exact when it names a state, or
 * the flag, or neither; otherwise 0 is. */
function atMost(counts: Uint32Array | Uint8Array, at: number, { state, suppressed }: RowFilter): number {
  if (suppressed === undefined && state !== 0) return counts[at + state] as number;
  let existing = 0;
  for (let column = 1; column < COLUMNS; column++) existing += counts[at + column] as number;
  const inState = state === 0 ? existing : (counts[at + state] as number);
  if (suppressed === undefined) return inState;
  const flagged = counts[at + SUPPRESSED] as number;
  return Math.min(inState, suppressed ? flagged : existing - flagged);
}

function bump(counts: Uint32Array | Uint8Array, at: number, by: number): void {
  counts[at] = (counts[at] as number) + by;
}

function isEqual(a: Uint32Array | Uint8Array, b: Uint32Array | Uint8Array): boolean {
  return a.length === b.length && a.every((value, index) => value === b[index]);
}
