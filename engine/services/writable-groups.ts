import type { PipelineRecord } from "../../protocol/schema/records.js";
import { WritableGroup } from "../cluster/blocks/writable-group.js";
import type { ClusterState } from "../cluster/cluster-state.js";
import { isSameReplication, type ReplicationConfig } from "../cluster/containers/replication-config.js";
import type { Uuid } from "../core/uuid.js";

/** Owners of one configuration that are kept ready; another one takes the place of who has not asked for
 * longest. */
const OWNER_COUNT_MAX = 64;
/** Pipelines in the groups of one configuration together, 30 MB: where there are many pipelines, fewer owners
 * are kept, so that nobody can fill the memory with names. */
const PIPELINE_COUNT_MAX = 131_072;
/** Another one takes the place of the oldest. */
const CONFIG_COUNT_MAX = 64;

interface OfConfig {
  readonly replication: ReplicationConfig;
  readonly byOwner: Map<string, WritableGroup>;
}

export interface WritableGroupsParts {
  readonly cluster: Pick<ClusterState, "containers" | "pipelines">;
  /** A pipeline or a container came to the group. */
  readonly onRoom: (group: WritableGroup) => void;
  /** Throws StrataError for a configuration that nothing may be written with. */
  readonly check: (replication: ReplicationConfig) => void;
}

/** Who writes what where, as the leader sees it: made at the first request of an owner and kept with each
 * change that `apply` tells of. */
export class WritableGroups {
  readonly #parts: WritableGroupsParts;
  /** Pipelines in groups that were made, since start: what making them has cost. */
  madeCount = 0;
  #configs: OfConfig[] = [];
  #useCount = 0;

  constructor(parts: WritableGroupsParts) {
    this.#parts = parts;
  }

  /** The term is over. */
  forget(): void {
    this.#configs = [];
  }

  /** Throws StrataError. */
  of(replication: ReplicationConfig, owner: string): WritableGroup {
    let ofConfig: OfConfig | undefined;
    for (const known of this.#configs)
      if (isSameReplication(known.replication, replication)) ofConfig = known;
    if (ofConfig === undefined) {
      this.#parts.check(replication);
      if (this.#configs.length >= CONFIG_COUNT_MAX) this.#configs.shift();
      ofConfig = { replication, byOwner: new Map() };
      this.#configs.push(ofConfig);
    }
    const group = ofConfig.byOwner.get(owner) ?? this.#add(ofConfig, owner);
    group.lastUse = ++this.#useCount;
    return group;
  }

  /** Only if it is there. */
  known(replication: ReplicationConfig, owner: string): WritableGroup | undefined {
    return this.#ofConfig(replication)?.byOwner.get(owner);
  }

  visit(visit: (group: WritableGroup) => void): void {
    for (const { byOwner } of this.#configs) for (const group of byOwner.values()) visit(group);
  }

  /** Blocks given out on each open pipeline, of all owners; a pipeline without any is left out. */
  blockCounts(): ReadonlyMap<PipelineRecord, number> {
    const counts = new Map<PipelineRecord, number>();
    this.visit((group) => {
      for (const { record, blockCount } of group.pipelines) {
        if (blockCount > 0) counts.set(record, (counts.get(record) ?? 0) + blockCount);
      }
    });
    return counts;
  }

  /** It was created, or entered another state. */
  containerChanged(id: number): void {
    if (this.#configs.length === 0) return;
    const { containers } = this.#parts.cluster;
    const record = containers.get(id);
    if (record === undefined) return;
    const group = this.known(record.replication, record.owner);
    if (group === undefined) return;
    const { state, pipelineId } = record;
    if (state !== "OPEN") group.detach(id);
    else if (pipelineId !== undefined) this.#attach(group, pipelineId, id);
  }

  #attach(group: WritableGroup, pipelineId: Uuid, containerId: number): void {
    const pipeline = group.get(pipelineId) ?? this.#openPipeline(group, pipelineId);
    if (pipeline === undefined) return;
    group.attach(pipeline, containerId);
    this.#parts.onRoom(group);
  }

  /** It was created, replaced or removed; undefined: all are others now. */
  pipelineChanged(id: Uuid | undefined): void {
    if (id === undefined) {
      this.#configs = [];
      return;
    }
    const record = this.#parts.cluster.pipelines.get(id);
    for (const group of this.#groupsOf(record)) {
      if (record?.state === "OPEN") {
        this.#addPipeline(group, id);
        this.#parts.onRoom(group);
      } else group.remove(id);
    }
  }

  /** A pipeline's record or leader changed. */
  encodingChanged(id: Uuid | undefined): void {
    if (id === undefined) return;
    for (const group of this.#groupsOf(this.#parts.cluster.pipelines.get(id))) {
      const pipeline = group.get(id);
      if (pipeline !== undefined) pipeline.encoded = undefined;
    }
  }

  /** Those that the pipeline may be in: all, when there is nothing left that says. */
  *#groupsOf(pipeline: PipelineRecord | undefined): Iterable<WritableGroup> {
    for (const { replication, byOwner } of this.#configs) {
      const isOf = pipeline === undefined || isSameReplication(replication, pipeline.replication);
      if (isOf) yield* byOwner.values();
    }
  }

  #ofConfig(replication: ReplicationConfig): OfConfig | undefined {
    return this.#configs.find((known) => isSameReplication(known.replication, replication));
  }

  #add({ replication, byOwner }: OfConfig, owner: string): WritableGroup {
    const open = this.#parts.cluster.pipelines.index.openOf(replication);
    const ownerCountMax = Math.min(
      OWNER_COUNT_MAX,
      Math.floor(PIPELINE_COUNT_MAX / Math.max(1, open.length)),
    );
    while (byOwner.size > 0 && byOwner.size >= ownerCountMax) {
      // It is made anew when it asks again, from all pipelines: not who asks all the time.
      const groups = [...byOwner.values()];
      const leastUsed = groups.reduce((least, other) => (other.lastUse < least.lastUse ? other : least));
      byOwner.delete(leastUsed.owner);
    }
    const group = new WritableGroup(replication, owner);
    byOwner.set(owner, group);
    this.madeCount += open.length;
    for (const { pipelineId } of open) this.#addPipeline(group, pipelineId);
    return group;
  }

  #openPipeline(group: WritableGroup, id: Uuid): ReturnType<WritableGroup["get"]> {
    const record = this.#parts.cluster.pipelines.get(id);
    return record?.state === "OPEN" ? this.#addPipeline(group, id) : undefined;
  }

  /** An open one, with the owner's open containers. An EC pipeline belongs to the owner of its only container
   * (spec 03 §10.3). */
  #addPipeline(group: WritableGroup, id: Uuid): ReturnType<WritableGroup["get"]> {
    const { containers, pipelines } = this.#parts.cluster;
    const record = pipelines.get(id);
    if (record === undefined) return undefined;
    const ownerNumber = containers.owners.numberOf(group.owner);
    const own = containers.open
      .of(id)
      .filter((container) => containers.table.owner(container) === ownerNumber);
    if (record.replication.type === "EC" && own.length === 0) return undefined;
    const pipeline = group.add(record);
    for (const container of own) group.attach(pipeline, container);
    return pipeline;
  }
}
