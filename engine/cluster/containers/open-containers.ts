import { assert } from "../../core/assert.js";
import type { Uuid } from "../../core/uuid.js";

/** Which containers are open on which pipeline: the only ones that blocks are given out in, and that end when
 * their pipeline does. Derived from the rows. */
export class OpenContainers {
  readonly #byPipeline = new Map<Uuid, number[]>();

  /** Ascending. The list is kept up to date: copy it where containers are closed meanwhile. */
  of(pipelineId: Uuid): readonly number[] {
    return this.#byPipeline.get(pipelineId) ?? NONE;
  }

  attach(pipelineId: Uuid, containerId: number): void {
    const ids = this.#byPipeline.get(pipelineId);
    if (ids === undefined) this.#byPipeline.set(pipelineId, [containerId]);
    else ids.splice(placeOf(ids, containerId), 0, containerId);
  }

  detach(pipelineId: Uuid, containerId: number): void {
    const ids = this.#byPipeline.get(pipelineId);
    assert(ids !== undefined, `pipeline ${pipelineId} has no open container`);
    const place = placeOf(ids, containerId);
    assert(ids[place] === containerId, `container ${containerId} is not open on ${pipelineId}`);
    if (ids.length === 1) this.#byPipeline.delete(pipelineId);
    else ids.splice(place, 1);
  }

  clear(): void {
    this.#byPipeline.clear();
  }

  equals(other: OpenContainers): boolean {
    if (this.#byPipeline.size !== other.#byPipeline.size) return false;
    for (const [pipelineId, ids] of this.#byPipeline) {
      const others = other.of(pipelineId);
      if (ids.length !== others.length || !ids.every((id, at) => id === others[at])) return false;
    }
    return true;
  }
}

const NONE: readonly number[] = [];

/** Where `id` is, or belongs. New ids are mostly the highest. */
function placeOf(ids: readonly number[], id: number): number {
  let low = 0;
  let high = ids.length;
  if (high > 0 && (ids[high - 1] as number) < id) return high;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((ids[middle] as number) < id) low = middle + 1;
    else high = middle;
  }
  return low;
}
