import type { PipelineRecord } from "../../../protocol/schema/records.js";
import type { PipelineState } from "../../core/enums.js";
import type { Uuid } from "../../core/uuid.js";
import { printReplication, type ReplicationConfig } from "../containers/replication-config.js";

export type PipelineCounts = Readonly<Record<PipelineState, number>>;

interface OfConfig {
  readonly counts: Record<PipelineState, number>;
  readonly open: PipelineRecord[];
}

interface OfNode {
  readonly ids: Set<Uuid>;
  /** Not closed. */
  activeCount: number;
  /** Of these, RATIS/ONE, and RATIS/THREE. */
  ratisOneCount: number;
  ratisThreeCount: number;
  /** Of those that are not closed, where it is the suggested leader. */
  suggestedCount: number;
}

/** What is asked about pipelines again and again, kept with each change. Derived from the rows. */
export class PipelineIndex {
  readonly #byConfig = new Map<string, OfConfig>();
  readonly #byNode = new Map<Uuid, OfNode>();
  readonly #counts = noPipelines();

  get counts(): PipelineCounts {
    return this.#counts;
  }

  countsOf(replication: ReplicationConfig): PipelineCounts {
    return this.#byConfig.get(printReplication(replication))?.counts ?? NO_PIPELINES;
  }

  /** In the order in which they became OPEN (spec 03 §3 rule 3). Asking for a configuration leaves nothing
   * behind: clients name them. */
  openOf(replication: ReplicationConfig): readonly PipelineRecord[] {
    return this.#byConfig.get(printReplication(replication))?.open ?? NO_OPEN;
  }

  idsOfNode(datanode: Uuid): ReadonlySet<Uuid> {
    return this.#byNode.get(datanode)?.ids ?? NO_IDS;
  }

  activeCountOf(datanode: Uuid): number {
    return this.#byNode.get(datanode)?.activeCount ?? 0;
  }

  ratisOneCountOf(datanode: Uuid): number {
    return this.#byNode.get(datanode)?.ratisOneCount ?? 0;
  }

  ratisThreeCountOf(datanode: Uuid): number {
    return this.#byNode.get(datanode)?.ratisThreeCount ?? 0;
  }

  suggestedCountOf(datanode: Uuid): number {
    return this.#byNode.get(datanode)?.suggestedCount ?? 0;
  }

  add(pipeline: PipelineRecord): void {
    this.#count(pipeline, 1);
    for (const { details } of pipeline.members) this.#node(details.uuid).ids.add(pipeline.pipelineId);
    if (pipeline.state === "OPEN") this.#config(pipeline.replication).open.push(pipeline);
  }

  /** The very record that was added. */
  remove(pipeline: PipelineRecord): void {
    this.#count(pipeline, -1);
    for (const { details } of pipeline.members) {
      const { ids } = this.#node(details.uuid);
      ids.delete(pipeline.pipelineId);
      if (ids.size === 0) this.#byNode.delete(details.uuid);
    }
    if (pipeline.state !== "OPEN") return;
    const { open } = this.#config(pipeline.replication);
    open.splice(open.indexOf(pipeline), 1);
  }

  clear(): void {
    for (const { counts, open } of this.#byConfig.values()) {
      Object.assign(counts, NO_PIPELINES);
      open.length = 0;
    }
    this.#byNode.clear();
    Object.assign(this.#counts, NO_PIPELINES);
  }

  /** What differs from an index of the same pipelines that was built anew; undefined when nothing does. */
  differenceTo(fresh: PipelineIndex): string | undefined {
    if (!isSame(this.#counts, fresh.#counts)) return "counts of pipelines";
    if (this.#byNode.size !== fresh.#byNode.size) return "nodes with pipelines";
    for (const [uuid, node] of this.#byNode) {
      const other = fresh.#byNode.get(uuid);
      if (other === undefined || !isSameNode(node, other)) return `pipelines of ${uuid}`;
    }
    for (const [text, { counts, open }] of this.#byConfig) {
      const other = fresh.#byConfig.get(text) ?? { counts: NO_PIPELINES, open: [] };
      if (!isSame(counts, other.counts)) return `counts of ${text} pipelines`;
      // The order in which they opened is not known anew.
      const others = new Set(other.open);
      if (open.length !== others.size || !open.every((pipeline) => others.has(pipeline))) {
        return `open pipelines of ${text}`;
      }
    }
    return undefined;
  }

  #count({ state, replication, members, suggestedLeaderId }: PipelineRecord, by: 1 | -1): void {
    this.#counts[state] += by;
    this.#config(replication).counts[state] += by;
    if (state === "CLOSED") return;
    const ratisFactor = replication.type === "RATIS" ? replication.factor : 0;
    for (const { details } of members) {
      const node = this.#node(details.uuid);
      node.activeCount += by;
      if (ratisFactor === 1) node.ratisOneCount += by;
      if (ratisFactor === 3) node.ratisThreeCount += by;
      if (details.uuid === suggestedLeaderId) node.suggestedCount += by;
    }
  }

  #config(replication: ReplicationConfig): OfConfig {
    const text = printReplication(replication);
    let config = this.#byConfig.get(text);
    if (config === undefined) {
      config = { counts: noPipelines(), open: [] };
      this.#byConfig.set(text, config);
    }
    return config;
  }

  #node(datanode: Uuid): OfNode {
    let node = this.#byNode.get(datanode);
    if (node === undefined) {
      node = { ids: new Set(), activeCount: 0, ratisOneCount: 0, ratisThreeCount: 0, suggestedCount: 0 };
      this.#byNode.set(datanode, node);
    }
    return node;
  }
}

const NO_PIPELINES: PipelineCounts = { ALLOCATED: 0, OPEN: 0, DORMANT: 0, CLOSED: 0 };
const NO_IDS: ReadonlySet<Uuid> = new Set();
const NO_OPEN: readonly PipelineRecord[] = [];

function noPipelines(): Record<PipelineState, number> {
  return { ...NO_PIPELINES };
}

function isSame(a: PipelineCounts, b: PipelineCounts): boolean {
  return (Object.keys(a) as PipelineState[]).every((state) => a[state] === b[state]);
}

function isSameNode(a: OfNode, b: OfNode): boolean {
  return (
    a.activeCount === b.activeCount &&
    a.ratisOneCount === b.ratisOneCount &&
    a.ratisThreeCount === b.ratisThreeCount &&
    a.suggestedCount === b.suggestedCount &&
    a.ids.size === b.ids.size &&
    [...a.ids].every((id) => b.ids.has(id))
  );
}
