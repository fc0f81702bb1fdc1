import type { PipelineRecord } from "../../../protocol/schema/records.js";
import type { Uuid } from "../../core/uuid.js";
import { replicationProblem, requiredNodes } from "../containers/replication-config.js";
import { RowSet } from "../row-set.js";
import { TABLE } from "../tables.js";
import { readPipeline, writePipeline } from "./pipeline-codec.js";

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
  /** Pipelines that are not CLOSED, by member. */
  readonly #openByNode = new Map<Uuid, number>();
  /** Ids in order, as far as they were sorted; `#unsorted` waits until somebody lists. */
  #sorted: Uuid[] = [];
  #unsorted: Uuid[] = [];

  get count(): number {
    return this.rows.size;
  }

  get(id: Uuid): PipelineRecord | undefined {
    return this.rows.get(id);
  }

  /** Pipelines of a datanode that are not CLOSED. */
  openCountOf(datanode: Uuid): number {
    return this.#openByNode.get(datanode) ?? 0;
  }

  /** Adds a pipeline that does not exist and was checked with `pipelineProblem`. */
  add(pipeline: PipelineRecord): void {
    this.rows.set(pipeline.pipelineId, pipeline);
    this.#index(pipeline);
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
    this.#openByNode.clear();
    this.#sorted = [];
    this.#unsorted = [];
  }

  /** At boot, after the last row. Throws RangeError. */
  loaded(): void {
    for (const [id, pipeline] of this.rows.entries()) {
      if (id !== pipeline.pipelineId) throw new RangeError(`pipeline ${pipeline.pipelineId} has key ${id}`);
      this.#index(pipeline);
    }
  }

  /** What is wrong with the table, undefined when nothing is. O(n). */
  problem(): string | undefined {
    const openByNode = new Map<Uuid, number>();
    for (const [id, pipeline] of this.rows.entries()) {
      if (id !== pipeline.pipelineId) return `pipeline ${pipeline.pipelineId} has key ${id}`;
      const problem = pipelineProblem(pipeline);
      if (problem !== undefined) return `pipeline ${id}: ${problem}`;
      countOpen(openByNode, pipeline);
    }
    if (openByNode.size !== this.#openByNode.size) return "nodes with open pipelines";
    for (const [uuid, count] of openByNode) {
      if (this.#openByNode.get(uuid) !== count) return `open pipelines of ${uuid}`;
    }
    if (this.#sorted.length + this.#unsorted.length !== this.rows.size) return "list of pipelines";
    return this.rows.rehash().equals(this.rows.hash) ? undefined : "pipeline hash";
  }

  #index(pipeline: PipelineRecord): void {
    countOpen(this.#openByNode, pipeline);
    this.#unsorted.push(pipeline.pipelineId);
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

function countOpen(counts: Map<Uuid, number>, { state, members }: PipelineRecord): void {
  if (state === "CLOSED") return;
  for (const { details } of members) counts.set(details.uuid, (counts.get(details.uuid) ?? 0) + 1);
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
