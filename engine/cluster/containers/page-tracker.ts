import { assert } from "../../core/assert.js";
import type { DrainTarget, FlushPart } from "../flush-part.js";
import { TABLE } from "../tables.js";

/** A page's flag: clean, or the number of the flush that it waits for, of which there are two at most. */
const CLEAN = 0;
const FLUSHES = [1, 2] as const;
/** Copies are cut from slabs of that many pages. */
const SLAB_PAGES = 64;

/** Where the tracker reads and how large a page is. */
export interface PageSource {
  readonly pageBytes: number;
  /** The live bytes of a page as they stand on disk (version words 0), written into `target`. */
  readPage(page: number, target: Uint8Array): void;
}

/** Which pages of the container table differ from the disk.
 *
 *   clean ─change─► dirty ─freeze─► frozen ─drain─► clean
 *                                     │ change: the page is copied first, then it is dirty;
 *                                     │ drain hands out the copy
 *
 * A freeze touches no page: what was flagged for the next flush is from then on flagged for the present one,
 * so that main is held for the same moment however much is dirty. */
export class PageTracker implements FlushPart {
  readonly #source: PageSource;
  /** A byte of flags a page, by stripe. */
  readonly #flags: (Uint8Array | undefined)[] = [];
  readonly #pagesPerStripe: number;
  /** The flush that a change now waits for. */
  #nextFlush: (typeof FLUSHES)[number] = FLUSHES[0];
  #dirty = new PageList();
  #frozen = new PageList();
  #next = 0;
  readonly #copies = new Map<number, Uint8Array>();
  readonly #pool: Uint8Array[] = [];
  readonly #scratch: Uint8Array;
  readonly #key = new Uint8Array(4);
  readonly #keyView = new DataView(this.#key.buffer);

  constructor(source: PageSource, pagesPerStripe: number) {
    this.#source = source;
    this.#pagesPerStripe = pagesPerStripe;
    this.#scratch = new Uint8Array(source.pageBytes);
  }

  addStripe(stripe: number): void {
    this.#flags[stripe] = new Uint8Array(this.#pagesPerStripe);
  }

  /** All pages are on disk as they will be loaded. */
  reset(): void {
    for (const flags of this.#flags) flags?.fill(CLEAN);
    for (const [page, copy] of [...this.#copies]) this.#release(page, copy);
    this.#dirty.clear();
    this.#frozen.clear();
    this.#next = 0;
  }

  /** To be called before a row of the page is changed. */
  touch(stripe: number, pageInStripe: number): void {
    const flags = this.#flags[stripe] as Uint8Array;
    const flag = flags[pageInStripe] as number;
    if (flag === this.#nextFlush) return;
    const page = stripe * this.#pagesPerStripe + pageInStripe;
    if (flag !== CLEAN) this.#copy(page);
    flags[pageInStripe] = this.#nextFlush;
    this.#dirty.push(page);
  }

  dirtyBytes(): number {
    return (this.#dirty.length + this.#frozen.length - this.#next) * this.#source.pageBytes;
  }

  freeze(): number {
    assert(this.#frozen.length === 0, "the flush before is not drained");
    const frozen = this.#dirty;
    this.#dirty = this.#frozen;
    this.#frozen = frozen;
    this.#nextFlush = this.#nextFlush === FLUSHES[0] ? FLUSHES[1] : FLUSHES[0];
    return frozen.length;
  }

  drain(target: DrainTarget): boolean {
    for (; this.#next < this.#frozen.length; this.#next++) {
      const page = this.#frozen.at(this.#next);
      const copy = this.#copies.get(page);
      if (copy === undefined) this.#source.readPage(page, this.#scratch);
      this.#keyView.setUint32(0, page);
      if (!target.put(TABLE.containers, this.#key, copy ?? this.#scratch)) return false;
      if (copy === undefined) this.#setClean(page);
      else this.#release(page, copy);
    }
    this.#frozen.clear();
    this.#next = 0;
    return true;
  }

  #setClean(page: number): void {
    const flags = this.#flags[Math.floor(page / this.#pagesPerStripe)] as Uint8Array;
    flags[page % this.#pagesPerStripe] = CLEAN;
  }

  #copy(page: number): void {
    const copy = this.#pool.pop() ?? this.#grow();
    this.#source.readPage(page, copy);
    this.#copies.set(page, copy);
  }

  #release(page: number, copy: Uint8Array): void {
    this.#copies.delete(page);
    this.#pool.push(copy);
  }

  #grow(): Uint8Array {
    const bytes = this.#source.pageBytes;
    const slab = new Uint8Array(bytes * SLAB_PAGES);
    for (let i = 1; i < SLAB_PAGES; i++) this.#pool.push(slab.subarray(i * bytes, (i + 1) * bytes));
    return slab.subarray(0, bytes);
  }
}

/** Growing list of page numbers; keeps its memory. */
class PageList {
  #pages = new Uint32Array(1024);
  length = 0;

  push(page: number): void {
    if (this.length === this.#pages.length) {
      const grown = new Uint32Array(this.#pages.length * 2);
      grown.set(this.#pages);
      this.#pages = grown;
    }
    this.#pages[this.length++] = page;
  }

  at(index: number): number {
    assert(index < this.length, "beyond the list");
    return this.#pages[index] as number;
  }

  clear(): void {
    this.length = 0;
  }
}
