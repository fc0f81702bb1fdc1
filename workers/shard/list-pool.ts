import { assert } from "../../engine/core/assert.js";
import { STRIPE_ROWS } from "../shared/container-layout.js";
import { allocateSlab } from "./slab.js";

/** Lists grow in units of 16 entries, 32 bytes. */
export const UNIT_ENTRIES = 16;
const CHUNK_UNITS = 32_768;
const CHUNK_SHIFT = 15;
const CHUNK_BYTES = CHUNK_UNITS * UNIT_ENTRIES * 2;

/** Capacities in units: four steps to each doubling, so that a list wastes a tenth on average. */
const CLASS_UNITS: readonly number[] = classUnits(STRIPE_ROWS / UNIT_ENTRIES);

/** Memory for sorted lists of 16-bit numbers: 5,000 nodes × 1,000 stripes are five million lists of some
 * forty entries, and a typed array each would cost four times what it holds. A block is named by its
 * unit's number + 1; 0 = none. Free blocks of a class are linked through their first two entries. Chunks
 * are never given back. */
export class ListPool {
  readonly #chunks: Uint16Array[] = [];
  readonly #firstFree = new Uint32Array(CLASS_UNITS.length);
  readonly #freeCounts = new Uint32Array(CLASS_UNITS.length);
  /** Units of the last chunk that were never used. */
  #freshUnits = 0;
  #usedUnits = 0;

  get chunkBytes(): number {
    return this.#chunks.length * CHUNK_BYTES;
  }

  /** Smallest class that holds `count` entries, 1 … 65,536. */
  classFor(count: number): number {
    assert(count > 0 && count <= STRIPE_ROWS, "list length out of range");
    const units = Math.ceil(count / UNIT_ENTRIES);
    let low = 0;
    let high = CLASS_UNITS.length - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((CLASS_UNITS[middle] as number) < units) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  capacityOf(sizeClass: number): number {
    return (CLASS_UNITS[sizeClass] as number) * UNIT_ENTRIES;
  }

  /** A block of the class; its content is left over from earlier use. */
  allocate(sizeClass: number): number {
    this.#usedUnits += CLASS_UNITS[sizeClass] as number;
    const free = this.#firstFree[sizeClass] as number;
    if (free === 0) return this.#allocateFresh(sizeClass);
    const entries = this.entriesOf(free);
    const at = this.entryOf(free);
    this.#firstFree[sizeClass] = (entries[at] as number) + (entries[at + 1] as number) * 65_536;
    this.#freeCounts[sizeClass]!--;
    return free;
  }

  free(block: number, sizeClass: number): void {
    this.#usedUnits -= CLASS_UNITS[sizeClass] as number;
    this.#putFree(block, sizeClass);
  }

  /** The chunk that holds `block`. */
  entriesOf(block: number): Uint16Array {
    return this.#chunks[(block - 1) >>> CHUNK_SHIFT] as Uint16Array;
  }

  /** Index of its first entry in `entriesOf(block)`. */
  entryOf(block: number): number {
    return ((block - 1) & (CHUNK_UNITS - 1)) * UNIT_ENTRIES;
  }

  /** `reachableUnits`: units of all blocks that lists hold. */
  checkInvariants(reachableUnits: number): void {
    assert(reachableUnits === this.#usedUnits, "list blocks are lost");
    let freeUnits = this.#freshUnits;
    for (const [sizeClass, units] of CLASS_UNITS.entries()) {
      let count = 0;
      for (let block = this.#firstFree[sizeClass] as number; block !== 0; count++) {
        assert(count < (this.#freeCounts[sizeClass] as number), "free list of list blocks has a loop");
        const entries = this.entriesOf(block);
        const at = this.entryOf(block);
        block = (entries[at] as number) + (entries[at + 1] as number) * 65_536;
      }
      assert(count === this.#freeCounts[sizeClass], "free list of list blocks is cut");
      freeUnits += count * units;
    }
    assert(
      freeUnits + this.#usedUnits === this.#chunks.length * CHUNK_UNITS,
      "units of list blocks are lost",
    );
  }

  unitsOf(sizeClass: number): number {
    return CLASS_UNITS[sizeClass] as number;
  }

  #allocateFresh(sizeClass: number): number {
    const units = CLASS_UNITS[sizeClass] as number;
    if (units > this.#freshUnits) {
      this.#freeRest();
      this.#chunks.push(new Uint16Array(allocateSlab(CHUNK_BYTES)));
      this.#freshUnits = CHUNK_UNITS;
    }
    const block = this.#freshBlock();
    this.#freshUnits -= units;
    return block;
  }

  /** Cuts what is left of the last chunk into free blocks. */
  #freeRest(): void {
    for (let sizeClass = CLASS_UNITS.length - 1; sizeClass >= 0; sizeClass--) {
      const units = CLASS_UNITS[sizeClass] as number;
      while (units <= this.#freshUnits) {
        this.#putFree(this.#freshBlock(), sizeClass);
        this.#freshUnits -= units;
      }
    }
  }

  #freshBlock(): number {
    return this.#chunks.length * CHUNK_UNITS - this.#freshUnits + 1;
  }

  #putFree(block: number, sizeClass: number): void {
    const entries = this.entriesOf(block);
    const at = this.entryOf(block);
    const next = this.#firstFree[sizeClass] as number;
    entries[at] = next & 0xffff;
    entries[at + 1] = next >>> 16;
    this.#firstFree[sizeClass] = block;
    this.#freeCounts[sizeClass]!++;
  }
}

function classUnits(unitsMax: number): number[] {
  const classes = [1, 2, 3];
  for (let doubling = 4; doubling < unitsMax; doubling *= 2) {
    for (let quarter = 4; quarter < 8; quarter++) classes.push((doubling * quarter) / 4);
  }
  classes.push(unitsMax);
  return classes;
}
