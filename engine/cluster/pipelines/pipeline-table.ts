import type { PipelineRecord } from "../../../protocol/schema/records.js";
import { assert } from "../../core/assert.js";
import type { Uuid } from "../../core/uuid.js";
import { replicationProblem, requiredNodes } from "../containers/replication-config.js";
import { RowSet } from "../row-set.js";
import { TABLE } from "../tables.js";
import { readPipeline, writePipeline } from "./pipeline-codec.js";
import { PipelineIndex } from "./pipeline-index.js";

export const PIPELINE_COUNT_MAX = 262_144;
/** Limit of a stored pipeline: it is one record of the state thread's channel. 64 members need about 20 KB.
 */
export const PIPELINE_BYTES_MAX = 64 * 1024;

/** Complete pipelines by id (spec 03 §2). */
export class PipelineTable {
  readonly rows = new RowSet<Uuid, PipelineRecord>({
    table: TABLE.pipelines,
    typicalRowBytes: 1024,
    writeKey: (writer, id) => writer.uuid(id),
    readKey: (reader) => reader.uuid(),
    writeRow: writePipeline,
    readRow: readPipeline,
  });
  readonly index = new PipelineIndex();
  readonly #onChanged: (id: Uuid) => void;
  /** Ids in order, as far as they were sorted; `#unsorted` waits until somebody lists. */
  #sorted: Uuid[] = [];
  #unsorted: Uuid[] = [];

  /** `onChanged` is called when one was added, replaced or removed, but not while all are loaded. */
  constructor(onChanged: (id: Uuid) => void = () => undefined) {
    this.#onChanged = onChanged;
  }

  get count(): number {
    return this.rows.size;
  }

  get(id: Uuid): PipelineRecord | undefined {
    return this.rows.get(id);
  }

  /** Adds a pipeline that does not exist and was checked with `pipelineProblem`. */
  add(pipeline: PipelineRecord): void {
    this.rows.set(pipeline.pipelineId, pipeline);
    this.#index(pipeline);
    this.#onChanged(pipeline.pipelineId);
  }

  /** Puts another record of the same pipeline into its place. */
  replace(pipeline: PipelineRecord): void {
    const { pipelineId } = pipeline;
    this.index.remove(this.#existing(pipelineId));
    this.rows.set(pipelineId, pipeline);
    this.index.add(pipeline);
    this.#onChanged(pipelineId);
  }

  remove(id: Uuid): void {
    this.index.remove(this.#existing(id));
    this.rows.delete(id);
    this.#sort();
    this.#sorted.splice(firstAbove(this.#sorted, id) - 1, 1);
    this.#onChanged(id);
  }

  /** True when all fields are the same. */
  isEqual(a: PipelineRecord, b: PipelineRecord): boolean {
    const bytes = this.rows.encode(a).slice();
    const others = this.rows.encode(b);
    return bytes.length === others.length && bytes.every((byte, index) => byte === others[index]);
  }

  bytesOf(pipeline: PipelineRecord): number {
    return this.rows.encode(pipeline).length;
  }

  /** Up to `countMax` pipelines by id, after `after`. */
  list(after: Uuid | undefined, countMax: number): PipelineRecord[] {
    this.#sort();
    const start = after === undefined ? 0 : firstAbove(this.#sorted, after);
    return this.#sorted.slice(start, start + countMax).map((id) => this.rows.get(id) as PipelineRecord);
  }

  /** Before it is loaded anew. */
  clear(): void {
    this.rows.clear();
    this.index.clear();
    this.#sorted = [];
    this.#unsorted = [];
  }

  /** At boot, after the last row. Throws RangeError. */
  loaded(): void {
    const pipelines: PipelineRecord[] = [];
    for (const [id, pipeline] of this.rows.entries()) {
      if (id !== pipeline.pipelineId) throw new RangeError(`pipeline ${pipeline.pipelineId} has key ${id}`);
      pipelines.push(pipeline);
    }
    // As they became OPEN.
    pipelines.sort(
      (a, b) => a.stateEnterTimeMs - b.stateEnterTimeMs || (a.pipelineId < b.pipelineId ? -1 : 1),
    );
    for (const pipeline of pipelines) this.#index(pipeline);
  }

  /** What is wrong with the table, undefined when nothing is. O(n). */
  problem(): string | undefined {
    const fresh = new PipelineIndex();
    for (const [id, pipeline] of this.rows.entries()) {
      if (id !== pipeline.pipelineId) return `pipeline ${pipeline.pipelineId} has key ${id}`;
      const problem = pipelineProblem(pipeline);
      if (problem !== undefined) return `pipeline ${id}: ${problem}`;
      fresh.add(pipeline);
    }
    const difference = this.index.differenceTo(fresh);
    if (difference !== undefined) return difference;
    if (this.#sorted.length + this.#unsorted.length !== this.rows.size) return "list of pipelines";
    return this.rows.rehash().equals(this.rows.hash) ? undefined : "pipeline hash";
  }

  #index(pipeline: PipelineRecord): void {
    this.index.add(pipeline);
    this.#unsorted.push(pipeline.pipelineId);
  }

  #existing(id: Uuid): PipelineRecord {
    const pipeline = this.rows.get(id);
    assert(pipeline !== undefined, `no pipeline ${id}`);
    return pipeline;
  }

  #sort(): void {
    if (this.#unsorted.length === 0) return;
    this.#sorted = merge(this.#sorted, this.#unsorted.sort());
    this.#unsorted = [];
  }
}

/** What is wrong with a pipeline that came from outside; undefined when it is sound (spec 03 §3). */
export function pipelineProblem(pipeline: PipelineRecord): string | undefined {
  const problem = replicationProblem(pipeline.replication);
  if (problem !== undefined) return problem;
  const { members } = pipeline;
  const wanted = requiredNodes(pipeline.replication);
  if (members.length !== wanted) return `${members.length} members, ${wanted} are needed`;
  if (new Set(members.map(({ details }) => details.uuid)).size !== wanted) return "a member occurs twice";
  const indexes = members.map(({ replicaIndex }) => replicaIndex);
  if (pipeline.replication.type !== "EC") {
    return indexes.every((index) => index === 0) ? undefined : "replica index without EC";
  }
  const isInRange = indexes.every((index) => index >= 1 && index <= wanted);
  return isInRange && new Set(indexes).size === wanted ? undefined : "replica indexes are not 1 … n";
}

/** Two sorted lists as one. */
function merge(a: readonly Uuid[], b: readonly Uuid[]): Uuid[] {
  const merged: Uuid[] = [];
  let next = 0;
  for (const id of a) {
    while (next < b.length && (b[next] as Uuid) < id) merged.push(b[next++] as Uuid);
    merged.push(id);
  }
  return merged.concat(b.slice(next));
}

/** Index of the first id above `id`. */
function firstAbove(ids: readonly Uuid[], id: Uuid): number {
  let low = 0;
  let high = ids.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((ids[middle] as Uuid) <= id) low = middle + 1;
    else high = middle;
  }
  return low;
}
