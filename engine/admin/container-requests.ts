import type { RequestOf, ResponseOf } from "../../protocol/schema/messages.js";
import type { ContainerRecord, PipelineRecord, ReplicaRecord } from "../../protocol/schema/records.js";
import type { LiveUsage, ReplicaFacts } from "../../workers/pool/replica-store.js";
import { isStale } from "../cluster/containers/eligibility.js";
import { enumName } from "../cluster/enum-name.js";
import type { NodeEntry } from "../cluster/nodes/node-entry.js";
import { CONTAINER_STATE, type ContainerState, REPLICA_STATE } from "../core/enums.js";
import { StrataError } from "../core/errors.js";
import type { Uuid } from "../core/uuid.js";
import type { LateAnswer } from "../gateway/answer.js";
import type { AdminServices } from "./admin-services.js";
import { checkContainerId, checkCount } from "./request-checks.js";

const LIST_COUNT_MAX = 1024;
const LIST_IDS_COUNT_MAX = 8192;
const NODE_LIST_COUNT_MAX = 4096;
/** `hdds.scm.replication.container.sample.limit`. */
const SAMPLE_COUNT_MAX = 100;

/** What `ozone admin container …` asks (spec 02 §14, §15; spec 09 §4.1). None of it looks at more rows in a
 * turn than a page holds or `Containers.list` allows. */
export class ContainerRequests {
  readonly #services: AdminServices;
  /** Filled anew for each container. */
  readonly #usage: LiveUsage = { usedBytes: 0, keyCount: 0, sequenceId: 0 };

  constructor(services: AdminServices) {
    this.#services = services;
  }

  list(request: RequestOf<"listContainers">, answer: LateAnswer<"listContainers">): void {
    checkCount("countMax", request.countMax, LIST_COUNT_MAX);
    const { cluster, counters, containerListCountMax } = this.#services;
    counters.listContainerOps++;
    const countMax = Math.min(request.countMax, containerListCountMax);
    const page = cluster.containers.list(Math.max(1, request.startContainerId), request, countMax);
    const containers = page.containers.map((container) => this.#withLiveUsage(container));
    answer.done({ ...page, containers, totalCount: cluster.containers.table.count });
  }

  listIds(request: RequestOf<"listContainerIds">, answer: LateAnswer<"listContainerIds">): void {
    const { startContainerId, countMax, state } = request;
    checkCount("countMax", countMax, LIST_IDS_COUNT_MAX);
    const { cluster, counters } = this.#services;
    counters.listContainerOps++;
    answer.done(cluster.containers.listIds(Math.max(1, startContainerId), state, countMax));
  }

  get(request: RequestOf<"getContainer">, answer: LateAnswer<"getContainer">): void {
    const container = this.#existing(request.containerId);
    const pipeline = this.#pipelineOf(container);
    answer.done({ container, ...(pipeline === undefined ? {} : { pipeline }), health: 0 });
  }

  getMany(request: RequestOf<"getContainers">, answer: LateAnswer<"getContainers">): void {
    const { containerIds, existingOnly } = request;
    const { table } = this.#services.cluster.containers;
    const ids = existingOnly ? containerIds.filter((id) => table.state(id) !== 0) : containerIds;
    const containers = ids.map((id) => this.#existing(id));
    const pipelines = new Map<Uuid, PipelineRecord>();
    for (const container of containers) {
      const pipeline = this.#pipelineOf(container);
      if (pipeline !== undefined) pipelines.set(pipeline.pipelineId, pipeline);
    }
    answer.done({ containers, pipelines: [...pipelines.values()] });
  }

  /** Answers for ids that the SCM does not know too: what datanodes reported is worth seeing. */
  replicas(request: RequestOf<"getContainerReplicas">, answer: LateAnswer<"getContainerReplicas">): void {
    const id = checkContainerId(request.containerId);
    // Not later: the answer may come when this SCM does not lead any more and loads its state anew.
    const container = this.#find(id);
    this.#services.replicas.queryReplicas(id, (found) => {
      if (found instanceof StrataError) {
        answer.fail(found);
        return;
      }
      const replicas = found.replicas.map((facts) => this.#replica(id, container, facts)).sort(byDatanode);
      const { index } = this.#services.nodes;
      const datanodes = replicas.map(({ datanode }) => (index.get(datanode) as NodeEntry).details);
      answer.done({ replicas, datanodes });
    });
  }

  count({ state }: RequestOf<"getContainerCount">, answer: LateAnswer<"getContainerCount">): void {
    const { byState, total } = this.#services.cluster.containers.counts();
    answer.done({ containerCount: state === undefined ? total : byState[state] });
  }

  /** The health half is the replication manager's, which has not made a pass. */
  report(_request: RequestOf<"containerReport">, answer: LateAnswer<"containerReport">): void {
    const { byState, suppressed } = this.#services.cluster.containers.counts();
    const states = Object.keys(CONTAINER_STATE) as ContainerState[];
    answer.done({
      timeMs: 0,
      sampleCountMax: SAMPLE_COUNT_MAX,
      states: states.map((state) => ({ state, containerCount: byState[state] })),
      suppressedCount: suppressed,
      healths: [],
    });
  }

  ofNode(request: RequestOf<"listNodeContainers">, answer: LateAnswer<"listNodeContainers">): void {
    const { uuid, startContainerId, countMax } = request;
    checkCount("countMax", countMax, NODE_LIST_COUNT_MAX);
    const { nodes, replicas, cluster } = this.#services;
    const slot = nodes.slotOf(uuid);
    if (slot === undefined) throw new StrataError("NO_SUCH_DATANODE", { uuid });
    replicas.nodeContainers(slot, { fromId: Math.max(1, startContainerId), countMax }, (page) => {
      if (page instanceof StrataError) {
        answer.fail(page);
        return;
      }
      const containers = page.ids.map((containerId) => {
        const state = cluster.containers.table.state(containerId);
        return { containerId, ...(state === 0 ? {} : { state: enumName(CONTAINER_STATE, state) }) };
      });
      const totalCount = replicas.nodeContainerCount(slot);
      answer.done({ containers, nextContainerId: page.nextContainerId, totalCount });
    });
  }

  #existing(containerId: number): ContainerRecord {
    const container = this.#find(containerId);
    if (container === undefined) throw new StrataError("CONTAINER_NOT_FOUND", { containerId });
    return container;
  }

  #find(containerId: number): ContainerRecord | undefined {
    const container = this.#services.cluster.containers.get(containerId);
    return container === undefined ? undefined : this.#withLiveUsage(container);
  }

  /** What the replicas tell is newer than what the last transition put on record (spec 02 §1). */
  #withLiveUsage(container: ContainerRecord): ContainerRecord {
    if (!this.#services.replicas.liveUsage(container.containerId, this.#usage)) return container;
    const { usedBytes, keyCount, sequenceId } = this.#usage;
    return { ...container, usedBytes, keyCount, sequenceId };
  }

  #pipelineOf({ pipelineId }: ContainerRecord): ResponseOf<"getContainer">["pipeline"] {
    if (pipelineId === undefined) return undefined;
    const { cluster, pipelineReports } = this.#services;
    const pipeline = cluster.pipelines.get(pipelineId);
    return pipeline === undefined ? undefined : pipelineReports.withLeader(pipeline);
  }

  #replica(id: number, container: ContainerRecord | undefined, facts: ReplicaFacts): ReplicaRecord {
    return {
      containerId: id,
      datanode: this.#services.nodes.uuidOf(facts.node),
      state: enumName(REPLICA_STATE, facts.state),
      originNodeId: this.#services.originOf(facts.origin),
      replicaIndex: facts.replicaIndex,
      sequenceId: facts.sequenceId,
      keyCount: facts.keyCount,
      usedBytes: facts.usedBytes,
      isEmpty: facts.isEmpty,
      dataChecksum: facts.dataChecksum,
      ...(container !== undefined && isStale(container, facts) ? { isStale: true } : {}),
    };
  }
}

function byDatanode(a: ReplicaRecord, b: ReplicaRecord): number {
  return a.datanode < b.datanode ? -1 : 1;
}
