import type { NodeSlot } from "../../core/ids.js";

const FIRST_ROWS = 1024;
const FIRST_NODES = 64;

/** A row is six eights: its container id and its end, then the links as halves. */
const ROW_DOUBLES = 6;
const ID = 0;
const END = 1;
const ROW_WORDS = 2 * ROW_DOUBLES;
const NODE = 4;
/** Of the same node, in the order in which they came. */
const OLDER_OF_NODE = 5;
const NEWER_OF_NODE = 6;
/** Of the same bucket; of free rows: the next one. */
const NEXT_IN_BUCKET = 7;
/** In the order in which they came; all rows are a ring through row 0. */
const OLDER = 8;
const NEWER = 9;

/** No row: the first one is the beginning and the end of the ring. */
const NONE = 0;

/** Containers that datanodes are to show, a row for each of a datanode, in one block of memory: there may be
 * hundreds of thousands, made and forgotten tens of thousands of times a second. As objects in maps each of
 * them would be copied by collections of garbage and waited for at every look. Nothing is allocated for one.
 *
 *   bucket of the id ─► rows of containers with that id, whatever the node
 *   node             ─► its rows
 *   row 0            ─► all rows, in the order in which they came
 */
export class PromiseTable {
  #numbers = new Float64Array(FIRST_ROWS * ROW_DOUBLES);
  #words = new Int32Array(this.#numbers.buffer);
  /** As many as rows, a power of two: ids that follow each other lie side by side. */
  #buckets = new Int32Array(FIRST_ROWS);
  #newestOfNode = new Int32Array(FIRST_NODES);
  #countOfNode = new Int32Array(FIRST_NODES);
  /** Rows that have been used, row 0 among them. */
  #usedCount = 1;
  #firstFree = NONE;

  /** Rows of the node. */
  countOf(node: NodeSlot): number {
    return this.#countOfNode[node] ?? 0;
  }

  has(node: NodeSlot, containerId: number): boolean {
    return this.#find(node, containerId) !== NONE;
  }

  /** Adds what is not there. */
  add(node: NodeSlot, containerId: number, endMs: number): void {
    const row = this.#freeRow();
    this.#reach(node);
    const at = row * ROW_WORDS;
    const last = this.#words[OLDER] as number;
    this.#numbers[row * ROW_DOUBLES + ID] = containerId;
    this.#numbers[row * ROW_DOUBLES + END] = endMs;
    this.#words[at + NODE] = node;
    this.#link(last, row);
    this.#link(row, NONE);
    const newest = this.#newestOfNode[node] as number;
    this.#words[at + OLDER_OF_NODE] = newest;
    this.#words[at + NEWER_OF_NODE] = NONE;
    if (newest !== NONE) this.#words[newest * ROW_WORDS + NEWER_OF_NODE] = row;
    this.#newestOfNode[node] = row;
    this.#countOfNode[node] = this.countOf(node) + 1;
    this.#enterBucket(row);
  }

  /** False when it is not there. */
  remove(node: NodeSlot, containerId: number): boolean {
    const row = this.#find(node, containerId);
    if (row === NONE) return false;
    this.#removeRow(row);
    return true;
  }

  /** Removes what ends at `nowMs` or before, in the order in which it came, and calls `visit` with the node
   * of each. A row whose end is before that of an older one waits for it. */
  removeEnded(nowMs: number, visit: (node: NodeSlot) => void): void {
    for (;;) {
      const row = this.#words[NEWER] as number;
      if (row === NONE || this.#endOf(row) > nowMs) return;
      const node = this.#words[row * ROW_WORDS + NODE] as NodeSlot;
      this.#removeRow(row);
      visit(node);
    }
  }

  /** Calls `visit` with the containers of the node, which may remove the one that it is called with. */
  forEachOf(node: NodeSlot, visit: (containerId: number) => void): void {
    let row = this.#newestOfNode[node] ?? NONE;
    while (row !== NONE) {
      const older = this.#words[row * ROW_WORDS + OLDER_OF_NODE] as number;
      visit(this.#idOf(row));
      row = older;
    }
  }

  #find(node: NodeSlot, containerId: number): number {
    let row = this.#buckets[this.#bucketOf(containerId)] as number;
    while (row !== NONE) {
      const at = row * ROW_WORDS;
      if (this.#words[at + NODE] === node && this.#idOf(row) === containerId) return row;
      row = this.#words[at + NEXT_IN_BUCKET] as number;
    }
    return NONE;
  }

  #removeRow(row: number): void {
    const at = row * ROW_WORDS;
    const words = this.#words;
    this.#leaveBucket(row);
    this.#link(words[at + OLDER] as number, words[at + NEWER] as number);
    const node = words[at + NODE] as number;
    const older = words[at + OLDER_OF_NODE] as number;
    const newer = words[at + NEWER_OF_NODE] as number;
    if (newer === NONE) this.#newestOfNode[node] = older;
    if (newer !== NONE) words[newer * ROW_WORDS + OLDER_OF_NODE] = older;
    if (older !== NONE) words[older * ROW_WORDS + NEWER_OF_NODE] = newer;
    this.#countOfNode[node] = (this.#countOfNode[node] as number) - 1;
    words[at + NEXT_IN_BUCKET] = this.#firstFree;
    this.#firstFree = row;
  }

  #enterBucket(row: number): void {
    const bucket = this.#bucketOf(this.#idOf(row));
    this.#words[row * ROW_WORDS + NEXT_IN_BUCKET] = this.#buckets[bucket] as number;
    this.#buckets[bucket] = row;
  }

  #leaveBucket(row: number): void {
    const bucket = this.#bucketOf(this.#idOf(row));
    const next = this.#words[row * ROW_WORDS + NEXT_IN_BUCKET] as number;
    let other = this.#buckets[bucket] as number;
    if (other === row) {
      this.#buckets[bucket] = next;
      return;
    }
    for (;;) {
      const place = other * ROW_WORDS + NEXT_IN_BUCKET;
      other = this.#words[place] as number;
      if (other !== row) continue;
      this.#words[place] = next;
      return;
    }
  }

  #link(older: number, newer: number): void {
    this.#words[older * ROW_WORDS + NEWER] = newer;
    this.#words[newer * ROW_WORDS + OLDER] = older;
  }

  #freeRow(): number {
    const row = this.#firstFree;
    if (row !== NONE) {
      this.#firstFree = this.#words[row * ROW_WORDS + NEXT_IN_BUCKET] as number;
      return row;
    }
    if (this.#usedCount === this.#buckets.length) this.#grow();
    return this.#usedCount++;
  }

  #grow(): void {
    const rowCount = this.#buckets.length * 2;
    const numbers = new Float64Array(rowCount * ROW_DOUBLES);
    numbers.set(this.#numbers);
    this.#numbers = numbers;
    this.#words = new Int32Array(numbers.buffer);
    this.#buckets = new Int32Array(rowCount);
    // No row is free, or there would be no need for more.
    for (let row = 1; row < this.#usedCount; row++) this.#enterBucket(row);
  }

  #reach(node: NodeSlot): void {
    if (node < this.#countOfNode.length) return;
    this.#newestOfNode = grownTo(this.#newestOfNode, node);
    this.#countOfNode = grownTo(this.#countOfNode, node);
  }

  #bucketOf(containerId: number): number {
    return (containerId | 0) & (this.#buckets.length - 1);
  }

  #idOf(row: number): number {
    return this.#numbers[row * ROW_DOUBLES + ID] as number;
  }

  #endOf(row: number): number {
    return this.#numbers[row * ROW_DOUBLES + END] as number;
  }
}

/** A larger copy, in which there is a place for `index`. */
export function grownTo(old: Int32Array, index: number): Int32Array<ArrayBuffer> {
  let length = old.length;
  while (length <= index) length *= 2;
  const words = new Int32Array(length);
  words.set(old);
  return words;
}
