import type { PipelineRecord } from "../../../protocol/schema/records.js";

/** An open pipeline as a writer of one owner sees it: the owner's open containers on it, and whose turn it
 * is. */
export class WritablePipeline {
  record: PipelineRecord;
  /** The record as the answer says it; undefined = to be looked up. */
  encoded: Uint8Array | undefined;
  /** Ids of the owner's open containers, ascending. */
  readonly containers: number[] = [];
  /** Index in `containers` behind the one that was used last (spec 03 §10.4 step 2). */
  #next = 0;
  /** How many open containers the owner should have here (spec 03 §11.3). */
  containerLimit = 1;
  /** When that was found out, as the placer counts. */
  limitAge = -1;
  /** Blocks given out on it since it was opened, or this SCM began to lead. */
  blockCount = 0;
  /** Containers that were asked for and are not there yet. */
  creatingCount = 0;
  /** Its end is under way. */
  isClosing = false;
  /** After a refusal nothing is asked for until then, on the monotonic clock. */
  retryAtMs = 0;
  /** Where it stands in the lists of its group, −1 = not there. */
  place = -1;
  readyPlace = -1;
  /** It stands in the answer with this number … */
  answerNumber = 0;
  /** … at this place. */
  answerPlace = 0;

  constructor(record: PipelineRecord) {
    this.record = record;
  }

  attach(containerId: number): void {
    const { containers } = this;
    const last = containers.at(-1);
    if (last === undefined || last < containerId) {
      containers.push(containerId);
      return;
    }
    const at = containers.findIndex((id) => id >= containerId);
    if (containers[at] === containerId) return;
    containers.splice(at, 0, containerId);
    if (at < this.#next) this.#next++;
  }

  detach(containerId: number): void {
    // From the end: a pipeline that is closed loses its last ones first.
    const at = this.containers.lastIndexOf(containerId);
    if (at < 0) return;
    this.containers.splice(at, 1);
    if (at < this.#next) this.#next--;
  }

  /** Index of the container whose turn it is, for who wants its row in the processor's cache. */
  get nextContainerId(): number {
    const { containers } = this;
    return containers[this.#next < containers.length ? this.#next : 0] ?? 0;
  }

  /** The next container in turn that `fits`; 0 when there is none. Allocates nothing. */
  match(fits: (containerId: number) => boolean): number {
    const { containers } = this;
    const count = containers.length;
    let at = this.#next;
    for (let left = count; left > 0; left--) {
      if (at >= count) at = 0;
      const containerId = containers[at++] as number;
      if (!fits(containerId)) continue;
      this.#next = at;
      return containerId;
    }
    return 0;
  }
}
