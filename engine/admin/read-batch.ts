import { BodyWriter } from "../../protocol/codec/body-writer.js";
import { HolderBatch } from "../../workers/pool/holder-batch.js";
import type { EncodedPipeline } from "../cluster/pipelines/encoded-pipelines.js";
import type { StrataError } from "../core/errors.js";

/** A container of a batch. The objects are used again. */
export interface ReadEntry {
  containerId: number;
  /** Of its id in the request. */
  requestIndex: number;
  /** Where its record stands in what was written. */
  start: number;
  end: number;
  /** Its own, when it has one to be written through. */
  pipeline: EncodedPipeline | undefined;
  /** Its place in `holders`; −1 = nobody was asked. */
  question: number;
  /** Replicas without which it is not answered in safe mode; 0 = it is in any case. */
  requiredCount: number;
  isEc: boolean;
}

/** One request for containers with pipelines, from the call to its answer. Used again. */
export class ReadBatch {
  readonly writer = new BodyWriter();
  readonly holders = new HolderBatch();
  readonly #entries: ReadEntry[] = [];
  #count = 0;
  /** Where the list of containers begins. */
  listAt = 0;
  /** What the request fails with, when nothing before does. */
  failure: StrataError | undefined;
  /** Ids of the request that are answered or left out. */
  coveredCount = 0;

  get count(): number {
    return this.#count;
  }

  clear(): void {
    this.writer.begin();
    this.holders.clear();
    this.#count = 0;
    this.failure = undefined;
    this.coveredCount = 0;
  }

  entry(index: number): ReadEntry {
    return this.#entries[index] as ReadEntry;
  }

  /** One more entry, to be filled. */
  add(): ReadEntry {
    const index = this.#count++;
    let entry = this.#entries[index];
    if (entry === undefined) {
      entry = emptyEntry();
      this.#entries.push(entry);
    }
    return entry;
  }

  /** Takes out all entries from `index` on. */
  cut(index: number): void {
    const { start } = this.entry(index);
    this.writer.cut(start, this.entry(this.#count - 1).end);
    this.#count = index;
  }

  /** Takes an entry out, with what was written for it. */
  remove(index: number): void {
    const [entry] = this.#entries.splice(index, 1) as [ReadEntry];
    const length = entry.end - entry.start;
    this.writer.cut(entry.start, entry.end);
    this.#count--;
    for (let i = index; i < this.#count; i++) {
      const later = this.entry(i);
      later.start -= length;
      later.end -= length;
    }
    this.#entries.push(entry);
  }

  ask(containerId: number): number {
    return this.holders.containerIds.push(containerId) - 1;
  }
}

function emptyEntry(): ReadEntry {
  return {
    containerId: 0,
    requestIndex: 0,
    start: 0,
    end: 0,
    pipeline: undefined,
    question: -1,
    requiredCount: 0,
    isEc: false,
  };
}
