import { CONTAINER_FLAG, CONTAINER_ROW, STRIPE_ROWS } from "../../../workers/shared/container-layout.js";
import { beginWrite, endWrite } from "../../../workers/shared/version-word.js";
import { assert } from "../../core/assert.js";
import { SAFE_INTEGER_MAX } from "../../core/ids.js";
import type { Uuid } from "../../core/uuid.js";
import { readUuid, writeUuid } from "../../core/uuid.js";
import { HashSum } from "../hash-sum.js";
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
const ROW_BYTES = CONTAINER_ROW.rowBytes;
export const PAGE_BYTES = PAGE_ROWS * ROW_BYTES;
const STRIPE_PAGES = STRIPE_ROWS / PAGE_ROWS;
export const STRIPE_BYTES = STRIPE_ROWS * ROW_BYTES;

/** Stripe numbers end here: 2^32 ids, 2^28 pages. */
const STRIPE_COUNT_MAX = 65_536;
/** Rows cleared in one step: a millisecond. */
const CLEAR_ROWS = STRIPE_ROWS / 4;
/** How far above the highest known id a new one may lie: room for the gaps of many leaders, and no more
 * stripes than that for a stray id. */
export const CONTAINER_ID_REACH = 4_194_304;

const AT = CONTAINER_ROW.fields;
const ROW_WORDS = ROW_BYTES / 4;
const ROW_HALVES = ROW_BYTES / 2;
const ROW_DOUBLES = ROW_BYTES / 8;
const VERSION_WORD = AT.version.offset / 4;
/** Hashes leave out the version. */
const HASHED_WORD = VERSION_WORD + 1;
const HASHED_WORDS = ROW_WORDS - 1;
const REPLICATION_HALF = AT.replication.offset / 2;
const OWNER_HALF = AT.owner.offset / 2;
/** u48: low 16 bits, then the high 32 in the next word. */
const TIME_LOW_HALF = AT.stateEnterTimeMs.offset / 2;
const TIME_HIGH_WORD = (AT.stateEnterTimeMs.offset + 2) / 4;
const USED_DOUBLE = AT.usedBytes.offset / 8;
const KEYS_DOUBLE = AT.keyCount.offset / 8;
const SEQUENCE_DOUBLE = AT.sequenceId.offset / 8;
const DELETE_DOUBLE = AT.deleteTransactionId.offset / 8;
const STATE_COUNT = 8;
const KNOWN_FLAGS = CONTAINER_FLAG.HAS_PIPELINE | CONTAINER_FLAG.SUPPRESSED;

/** A container in numbers; see CONTAINER_ROW. */
export interface ContainerFields {
  /** CONTAINER_STATE. */
  state: number;
  suppressed: boolean;
  /** Number in the dictionary of configurations. */
  replication: number;
  /** Number in the dictionary of owners. */
  owner: number;
  stateEnterTimeMs: number;
  pipelineId: Uuid | undefined;
  usedBytes: number;
  keyCount: number;
  sequenceId: number;
  deleteTransactionId: number;
}

class Stripe {
  readonly bytes: Uint8Array;
  readonly halves: Uint16Array;
  readonly words: Int32Array;
  readonly doubles: Float64Array;

  constructor(buffer: SharedArrayBuffer) {
    assert(buffer.byteLength === STRIPE_BYTES, "a stripe has 65,536 rows");
    this.bytes = new Uint8Array(buffer);
    this.halves = new Uint16Array(buffer);
    this.words = new Int32Array(buffer);
    this.doubles = new Float64Array(buffer);
  }
}

/** All containers: rows in shared memory, dense by id (architecture §2). Written by `apply` alone. */
export class ContainerTable {
  readonly #allocateStripe: (stripe: number) => SharedArrayBuffer;
  /** Full length from the start: V8 would make a hash table of a sparse one. */
  readonly #stripes = new Array<Stripe | undefined>(STRIPE_COUNT_MAX).fill(undefined);
  readonly #countByState = new Float64Array(STATE_COUNT);
  readonly #countByReplication = new Uint32Array(65_536);
  readonly #countByOwner = new Uint32Array(65_536);
  #suppressedCount = 0;
  #highestId = 0;
  /** Others look at the rows while they are loaded. */
  #isReloading = false;
  /** Rows that are still to be cleared, by the first one of each piece. */
  #toClear: number[] = [];
  readonly hash = new HashSum();
  readonly pages: PageTracker;

  constructor(allocateStripe: (stripe: number) => SharedArrayBuffer) {
    this.#allocateStripe = allocateStripe;
    this.pages = new PageTracker(
      { pageBytes: PAGE_BYTES, readPage: (page, target) => this.#readPage(page, target) },
      STRIPE_PAGES,
    );
  }

  get count(): number {
    let sum = 0;
    for (const count of this.#countByState) sum += count;
    return sum;
  }

  /** @param state CONTAINER_STATE. */
  countInState(state: number): number {
    return this.#countByState[state] ?? 0;
  }

  /** Highest dictionary number that a container has, 0 when there is none. */
  highestReplication(): number {
    return Math.max(
      0,
      this.#countByReplication.findLastIndex((count) => count > 0),
    );
  }

  highestOwner(): number {
    return Math.max(
      0,
      this.#countByOwner.findLastIndex((count) => count > 0),
    );
  }

  get suppressedCount(): number {
    return this.#suppressedCount;
  }

  /** 0 when there is none. */
  get highestId(): number {
    return this.#highestId;
  }

  /** Whether a row for `id` may be made when `highestId` is the highest id known so far. */
  isWithinReach(id: number, highestId: number): boolean {
    return id <= highestId + CONTAINER_ID_REACH && id < STRIPE_COUNT_MAX * STRIPE_ROWS;
  }

  /** CONTAINER_STATE, 0 when there is no such container. `id` may be any number. */
  state(id: number): number {
    const stripe = this.#stripeOf(id);
    return stripe === undefined
      ? 0
      : (stripe.bytes[(id % STRIPE_ROWS) * ROW_BYTES + AT.state.offset] as number);
  }

  isSuppressed(id: number): boolean {
    return (this.#flags(id) & CONTAINER_FLAG.SUPPRESSED) !== 0;
  }

  replication(id: number): number {
    return this.#existing(id).halves[(id % STRIPE_ROWS) * ROW_HALVES + REPLICATION_HALF] as number;
  }

  sequenceId(id: number): number {
    return this.#existing(id).doubles[(id % STRIPE_ROWS) * ROW_DOUBLES + SEQUENCE_DOUBLE] as number;
  }

  /** All fields of an existing container. */
  read(id: number): ContainerFields {
    const stripe = this.#existing(id);
    const row = id % STRIPE_ROWS;
    const flags = this.#flags(id);
    const timeHigh = (stripe.words[row * ROW_WORDS + TIME_HIGH_WORD] as number) >>> 0;
    const double = (field: number): number => stripe.doubles[row * ROW_DOUBLES + field] as number;
    const hasPipeline = (flags & CONTAINER_FLAG.HAS_PIPELINE) !== 0;
    return {
      state: stripe.bytes[row * ROW_BYTES + AT.state.offset] as number,
      suppressed: (flags & CONTAINER_FLAG.SUPPRESSED) !== 0,
      replication: stripe.halves[row * ROW_HALVES + REPLICATION_HALF] as number,
      owner: stripe.halves[row * ROW_HALVES + OWNER_HALF] as number,
      stateEnterTimeMs: timeHigh * 65_536 + (stripe.halves[row * ROW_HALVES + TIME_LOW_HALF] as number),
      pipelineId: hasPipeline ? readUuid(stripe.bytes, row * ROW_BYTES + AT.pipeline.offset) : undefined,
      usedBytes: double(USED_DOUBLE),
      keyCount: double(KEYS_DOUBLE),
      sequenceId: double(SEQUENCE_DOUBLE),
      deleteTransactionId: double(DELETE_DOUBLE),
    };
  }

  /** Adds a container that does not exist yet, allocating its stripe when it is the first one there. */
  insert(id: number, fields: ContainerFields): void {
    assert(this.state(id) === 0, "container exists");
    const stripe = this.#stripeOf(id) ?? this.#addStripe(Math.floor(id / STRIPE_ROWS));
    const row = id % STRIPE_ROWS;
    this.#touch(id);
    beginWrite(stripe.words, row * ROW_WORDS + VERSION_WORD);
    this.#write(stripe, row, fields);
    endWrite(stripe.words, row * ROW_WORDS + VERSION_WORD);
    this.hash.addWords(stripe.words, row * ROW_WORDS + HASHED_WORD, HASHED_WORDS, id);
    this.#account(stripe, id);
  }

  /** Sets the flag; false when there is no such container. The hottest operation: allocates nothing. */
  suppress(id: number, suppress: boolean): boolean {
    const stripe = this.#stripeOf(id);
    if (stripe === undefined) return false;
    const row = id % STRIPE_ROWS;
    if (stripe.bytes[row * ROW_BYTES + AT.state.offset] === 0) return false;
    const at = row * ROW_BYTES + AT.flags.offset;
    const flags = stripe.bytes[at] as number;
    const wanted = suppress ? flags | CONTAINER_FLAG.SUPPRESSED : flags & ~CONTAINER_FLAG.SUPPRESSED;
    if (wanted === flags) return true;
    this.#beginChange(stripe, id);
    stripe.bytes[at] = wanted;
    this.#endChange(stripe, id);
    this.#suppressedCount += suppress ? 1 : -1;
    return true;
  }

  /** Moves an existing container on, with the figures of that moment. */
  enterState(id: number, step: StateStep): void {
    const stripe = this.#existing(id);
    const row = id % STRIPE_ROWS;
    const at = row * ROW_BYTES + AT.state.offset;
    bump(this.#countByState, stripe.bytes[at] as number, -1);
    bump(this.#countByState, step.state, 1);
    this.#beginChange(stripe, id);
    stripe.bytes[at] = step.state;
    writeTime(stripe, row, step.timeMs);
    stripe.doubles[row * ROW_DOUBLES + USED_DOUBLE] = step.usedBytes;
    stripe.doubles[row * ROW_DOUBLES + KEYS_DOUBLE] = step.keyCount;
    stripe.doubles[row * ROW_DOUBLES + SEQUENCE_DOUBLE] = step.sequenceId;
    this.#endChange(stripe, id);
  }

  raiseSequenceId(id: number, sequenceId: number): void {
    const stripe = this.#existing(id);
    assert(sequenceId > this.sequenceId(id), "a sequence id only rises");
    this.#beginChange(stripe, id);
    stripe.doubles[(id % STRIPE_ROWS) * ROW_DOUBLES + SEQUENCE_DOUBLE] = sequenceId;
    this.#endChange(stripe, id);
  }

  /** Visits existing ids from `from` on in ascending order, until `visit` answers false or `rowsMax` rows
   * were looked at. Returns the id to go on from, 0 when the end was reached. Stripes that do not exist cost
   * nothing. */
  scan(from: number, rowsMax: number, visit: (id: number) => boolean): number {
    let rowsLeft = rowsMax;
    let id = from;
    while (id <= this.#highestId) {
      const stripe = this.#stripeOf(id);
      if (stripe === undefined) {
        id = (Math.floor(id / STRIPE_ROWS) + 1) * STRIPE_ROWS;
        continue;
      }
      if (rowsLeft-- <= 0) return id;
      const exists = stripe.bytes[(id % STRIPE_ROWS) * ROW_BYTES + AT.state.offset] !== 0;
      if (exists && !visit(id)) return id;
      id++;
    }
    return 0;
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
    this.#countByState.fill(0);
    this.#countByReplication.fill(0);
    this.#countByOwner.fill(0);
    this.#suppressedCount = 0;
    this.#highestId = 0;
    this.hash.clear();
    this.pages.reset();
  }

  /** True when no row of before is left. */
  clearStep(): boolean {
    const first = this.#toClear.pop();
    if (first === undefined) return true;
    const stripe = this.#existing(first);
    for (let row = first % STRIPE_ROWS, end = row + CLEAR_ROWS; row < end; row++) {
      if (stripe.bytes[row * ROW_BYTES + AT.state.offset] === 0) continue;
      const word = row * ROW_WORDS;
      beginWrite(stripe.words, word + VERSION_WORD);
      stripe.words.fill(0, word + HASHED_WORD, word + ROW_WORDS);
      endWrite(stripe.words, word + VERSION_WORD);
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
    if (this.#isReloading) setRows(stripe, firstRow, value);
    else stripe.bytes.set(value, firstRow * ROW_BYTES);
    for (let row = firstRow; row < firstRow + PAGE_ROWS; row++) {
      if (!this.#isReloading && stripe.words[row * ROW_WORDS + VERSION_WORD] !== 0) {
        throw new RangeError(`version in row ${row}`);
      }
      const problem = rowProblem(stripe, row);
      if (problem !== undefined) throw new RangeError(`row ${row}: ${problem}`);
      if (stripe.bytes[row * ROW_BYTES + AT.state.offset] === 0) continue;
      const id = stripeNumber * STRIPE_ROWS + row;
      this.hash.addWords(stripe.words, row * ROW_WORDS + HASHED_WORD, HASHED_WORDS, id);
      this.#account(stripe, id);
    }
  }

  /** What is wrong with the table, undefined when nothing is. O(n). */
  problem(): string | undefined {
    const fresh = new ContainerTable(() => new SharedArrayBuffer(0));
    for (const [stripeNumber, stripe] of this.#stripes.entries()) {
      if (stripe === undefined) continue;
      for (let row = 0; row < STRIPE_ROWS; row++) {
        const id = stripeNumber * STRIPE_ROWS + row;
        const problem = rowProblem(stripe, row);
        if (problem !== undefined) return `container ${id}: ${problem}`;
        if (((stripe.words[row * ROW_WORDS + VERSION_WORD] as number) & 1) !== 0)
          return `container ${id}: odd version`;
        if (stripe.bytes[row * ROW_BYTES + AT.state.offset] === 0) continue;
        fresh.hash.addWords(stripe.words, row * ROW_WORDS + HASHED_WORD, HASHED_WORDS, id);
        fresh.#account(stripe, id);
      }
    }
    if (!fresh.hash.equals(this.hash)) return `container hash is ${this.hash}, rows give ${fresh.hash}`;
    if (fresh.#highestId !== this.#highestId) return "highest container id";
    if (fresh.#suppressedCount !== this.#suppressedCount) return "count of suppressed containers";
    if (!isEqual(fresh.#countByState, this.#countByState)) return "counts by state";
    if (!isEqual(fresh.#countByReplication, this.#countByReplication)) return "counts by configuration";
    return isEqual(fresh.#countByOwner, this.#countByOwner) ? undefined : "counts by owner";
  }

  #stripeOf(id: number): Stripe | undefined {
    return this.#stripes[Math.floor(id / STRIPE_ROWS)];
  }

  #existing(id: number): Stripe {
    const stripe = this.#stripeOf(id);
    assert(stripe !== undefined, `no container ${id}`);
    return stripe;
  }

  #flags(id: number): number {
    return this.#existing(id).bytes[(id % STRIPE_ROWS) * ROW_BYTES + AT.flags.offset] as number;
  }

  #addStripe(stripeNumber: number): Stripe {
    assert(stripeNumber < STRIPE_COUNT_MAX, "stripe number out of range");
    const stripe = new Stripe(this.#allocateStripe(stripeNumber));
    this.#stripes[stripeNumber] = stripe;
    this.pages.addStripe(stripeNumber);
    return stripe;
  }

  #touch(id: number): void {
    this.pages.touch(Math.floor(id / STRIPE_ROWS), Math.floor((id % STRIPE_ROWS) / PAGE_ROWS));
  }

  #beginChange(stripe: Stripe, id: number): void {
    this.#touch(id);
    const word = (id % STRIPE_ROWS) * ROW_WORDS;
    this.hash.subtractWords(stripe.words, word + HASHED_WORD, HASHED_WORDS, id);
    beginWrite(stripe.words, word + VERSION_WORD);
  }

  #endChange(stripe: Stripe, id: number): void {
    const word = (id % STRIPE_ROWS) * ROW_WORDS;
    endWrite(stripe.words, word + VERSION_WORD);
    this.hash.addWords(stripe.words, word + HASHED_WORD, HASHED_WORDS, id);
  }

  #write(stripe: Stripe, row: number, fields: ContainerFields): void {
    const byte = row * ROW_BYTES;
    const hasPipeline = fields.pipelineId !== undefined;
    stripe.bytes[byte + AT.state.offset] = fields.state;
    stripe.bytes[byte + AT.flags.offset] =
      (hasPipeline ? CONTAINER_FLAG.HAS_PIPELINE : 0) | (fields.suppressed ? CONTAINER_FLAG.SUPPRESSED : 0);
    stripe.halves[row * ROW_HALVES + REPLICATION_HALF] = fields.replication;
    stripe.halves[row * ROW_HALVES + OWNER_HALF] = fields.owner;
    writeTime(stripe, row, fields.stateEnterTimeMs);
    if (fields.pipelineId !== undefined)
      writeUuid(fields.pipelineId, stripe.bytes, byte + AT.pipeline.offset);
    stripe.doubles[row * ROW_DOUBLES + USED_DOUBLE] = fields.usedBytes;
    stripe.doubles[row * ROW_DOUBLES + KEYS_DOUBLE] = fields.keyCount;
    stripe.doubles[row * ROW_DOUBLES + SEQUENCE_DOUBLE] = fields.sequenceId;
    stripe.doubles[row * ROW_DOUBLES + DELETE_DOUBLE] = fields.deleteTransactionId;
  }

  #account(stripe: Stripe, id: number): void {
    const row = id % STRIPE_ROWS;
    bump(this.#countByState, stripe.bytes[row * ROW_BYTES + AT.state.offset] as number, 1);
    bump(this.#countByReplication, stripe.halves[row * ROW_HALVES + REPLICATION_HALF] as number, 1);
    bump(this.#countByOwner, stripe.halves[row * ROW_HALVES + OWNER_HALF] as number, 1);
    const flags = stripe.bytes[row * ROW_BYTES + AT.flags.offset] as number;
    if ((flags & CONTAINER_FLAG.SUPPRESSED) !== 0) this.#suppressedCount++;
    if (id > this.#highestId) this.#highestId = id;
  }

  #readPage(page: number, target: Uint8Array): void {
    const stripe = this.#stripes[Math.floor(page / STRIPE_PAGES)] as Stripe;
    const start = (page % STRIPE_PAGES) * PAGE_BYTES;
    target.set(stripe.bytes.subarray(start, start + PAGE_BYTES));
    for (let row = 0; row < PAGE_ROWS; row++) target.fill(0, row * ROW_BYTES, row * ROW_BYTES + 4);
  }
}

/** What a container takes on with a new state. */
export interface StateStep {
  /** CONTAINER_STATE. */
  readonly state: number;
  readonly timeMs: number;
  readonly usedBytes: number;
  readonly keyCount: number;
  readonly sequenceId: number;
}

function bump(counts: Float64Array | Uint32Array, index: number, by: number): void {
  counts[index] = (counts[index] as number) + by;
}

function writeTime(stripe: Stripe, row: number, timeMs: number): void {
  stripe.halves[row * ROW_HALVES + TIME_LOW_HALF] = timeMs % 65_536;
  stripe.words[row * ROW_WORDS + TIME_HIGH_WORD] = Math.floor(timeMs / 65_536);
}

/** Puts the rows of a page where others may be reading. Throws RangeError. */
function setRows(stripe: Stripe, firstRow: number, page: Uint8Array): void {
  for (let i = 0; i < PAGE_ROWS; i++) {
    const from = i * ROW_BYTES;
    const version = page.subarray(from, from + HASHED_WORD * 4);
    if (version.some((byte) => byte !== 0)) throw new RangeError(`version in row ${firstRow + i}`);
    const row = page.subarray(from + HASHED_WORD * 4, from + ROW_BYTES);
    const word = (firstRow + i) * ROW_WORDS;
    if (page[from + AT.state.offset] === 0) {
      if (row.some((byte) => byte !== 0))
        throw new RangeError(`row ${firstRow + i}: bytes without a container`);
      continue;
    }
    beginWrite(stripe.words, word + VERSION_WORD);
    stripe.bytes.set(row, (word + HASHED_WORD) * 4);
    endWrite(stripe.words, word + VERSION_WORD);
  }
}

/** What no `apply` can have written; a row has one encoding. */
function rowProblem(stripe: Stripe, row: number): string | undefined {
  const byte = row * ROW_BYTES;
  const state = stripe.bytes[byte + AT.state.offset] as number;
  if (state === 0) return isZero(stripe, row) ? undefined : "bytes without a container";
  if (state >= STATE_COUNT) return `state ${state}`;
  const flags = stripe.bytes[byte + AT.flags.offset] as number;
  if ((flags & ~KNOWN_FLAGS) !== 0) return `flags ${flags}`;
  for (let field = USED_DOUBLE; field <= DELETE_DOUBLE; field++) {
    const value = stripe.doubles[row * ROW_DOUBLES + field] as number;
    if (!(value >= 0 && value <= SAFE_INTEGER_MAX && Number.isInteger(value))) return `value ${value}`;
  }
  return undefined;
}

function isZero(stripe: Stripe, row: number): boolean {
  for (let word = HASHED_WORD; word < ROW_WORDS; word++) {
    if (stripe.words[row * ROW_WORDS + word] !== 0) return false;
  }
  return true;
}

function isEqual(a: Float64Array | Uint32Array, b: Float64Array | Uint32Array): boolean {
  return a.length === b.length && a.every((value, index) => value === b[index]);
}
