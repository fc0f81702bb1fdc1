import { assert } from "../../engine/core/assert.js";
import type { StrataError } from "../../engine/core/errors.js";
import { SAFE_INTEGER_MAX } from "../../engine/core/ids.js";
import type { NodeIds } from "./replica-store.js";

export type NodeIdsDone = (answer: NodeIds | StrataError) => void;

interface NodeIdQuery {
  readonly countMax: number;
  /** Shards that have not answered. */
  shardsLeft: number;
  ids: number[];
  readonly onIds: NodeIdsDone;
}

/** Questions for the containers of a datanode that are with all shards: each has a part of them. */
export class NodeIdQueries {
  readonly #queries = new Map<number, NodeIdQuery>();

  get count(): number {
    return this.#queries.size;
  }

  add(ticket: number, query: { shardCount: number; countMax: number; onIds: NodeIdsDone }): void {
    const { shardCount, countMax, onIds } = query;
    this.#queries.set(ticket, { countMax, shardsLeft: shardCount, ids: [], onIds });
  }

  /** A shard's first `countMax` ids, ascending. */
  answered(ticket: number, ids: readonly number[]): void {
    const query = this.#queries.get(ticket);
    // One that failed because another shard was lost.
    if (query === undefined) return;
    query.ids.push(...ids);
    query.shardsLeft--;
    assert(query.shardsLeft >= 0, "a shard has answered twice");
    if (query.shardsLeft > 0) return;
    this.#queries.delete(ticket);
    query.onIds(firstIds(query));
  }

  /** A shard was lost, and each query may have a part there. */
  failAll(error: StrataError): void {
    const queries = [...this.#queries.values()];
    this.#queries.clear();
    for (const { onIds } of queries) onIds(error);
  }
}

/** Of all ids of a page and those behind it, those of the page. A shard that held back some has as many as
 * the page. */
function firstIds({ ids, countMax }: NodeIdQuery): NodeIds {
  ids.sort((a, b) => a - b);
  const last = ids[countMax - 1];
  const isEnd = last === undefined || last === SAFE_INTEGER_MAX;
  return { ids: ids.slice(0, countMax), nextContainerId: isEnd ? 0 : last + 1 };
}
