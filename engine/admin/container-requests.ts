import type { RequestOf } from "../../protocol/schema/messages.js";
import type { ReplicaRecord } from "../../protocol/schema/records.js";
import type { ReplicaFacts } from "../../workers/pool/replica-store.js";
import { enumName } from "../cluster/enum-name.js";
import { OPERATION } from "../cluster/operation.js";
import { readFailedContainerIds, readImportCounts } from "../cluster/operation-result.js";
import { REPLICA_STATE } from "../core/enums.js";
import { StrataError } from "../core/errors.js";
import { containerId } from "../core/ids.js";
import type { Answer, LateAnswer } from "../gateway/answer.js";
import type { RpcSession } from "../gateway/rpc-session.js";
import type { AdminServices } from "./admin-services.js";
import type { Mutations } from "./mutations.js";
import { checkCount, stampOf } from "./request-checks.js";

const LIST_COUNT_MAX = 512;

/** `ozone admin container …` (spec 02 §14, §15; spec 09 §4.1). */
export class ContainerRequests {
  readonly #services: AdminServices;
  readonly #mutations: Mutations;

  constructor(services: AdminServices, mutations: Mutations) {
    this.#services = services;
    this.#mutations = mutations;
  }

  list(request: RequestOf<"listContainers">, answer: LateAnswer<"listContainers">): void {
    checkCount("countMax", request.countMax, LIST_COUNT_MAX);
    const { containers } = this.#services.cluster;
    const page = containers.list(Math.max(1, request.startContainerId), request, request.countMax);
    answer.done({ ...page, totalCount: containers.table.count });
  }

  get(request: RequestOf<"getContainer">, answer: LateAnswer<"getContainer">): void {
    const { cluster, pipelineReports } = this.#services;
    const container = cluster.containers.get(request.containerId);
    if (container === undefined) {
      answer.fail(new StrataError("CONTAINER_NOT_FOUND", { containerId: request.containerId }));
      return;
    }
    const { pipelineId } = container;
    const pipeline = pipelineId === undefined ? undefined : cluster.pipelines.get(pipelineId);
    const shown = pipeline === undefined ? {} : { pipeline: pipelineReports.withLeader(pipeline) };
    answer.done({ container, ...shown, health: 0 });
  }

  /** Answers for ids that the SCM does not know too: what datanodes reported is worth seeing. */
  replicas(request: RequestOf<"getContainerReplicas">, answer: LateAnswer<"getContainerReplicas">): void {
    checkId(request.containerId);
    this.#services.replicas.queryReplicas(containerId(request.containerId), (found) => {
      if (found instanceof StrataError) answer.fail(found);
      else {
        const replicas = found.replicas.map((each) => this.#replica(request.containerId, each));
        answer.done({ replicas: replicas.sort(byDatanode) });
      }
    });
  }

  suppress(
    session: RpcSession,
    request: RequestOf<"suppressContainers">,
    answer: Answer<"suppressContainers">,
  ): void {
    const { suppress, containerIds } = request;
    this.#mutations.run<"suppressContainers">(
      session,
      answer,
      { kind: OPERATION.suppressContainers, session: stampOf(request), suppress, containerIds },
      {
        operation: suppress ? "SUPPRESS_CONTAINER" : "UNSUPPRESS_CONTAINER",
        parameters: idsOf(containerIds),
      },
      (body) => ({ failedContainerIds: readFailedContainerIds(body) }),
    );
  }

  import(session: RpcSession, request: RequestOf<"import">, answer: Answer<"import">): void {
    const { pipelines, containers } = request;
    this.#mutations.run<"import">(
      session,
      answer,
      { kind: OPERATION.importBatch, session: stampOf(request), pipelines, containers },
      {
        operation: "IMPORT",
        parameters: {
          pipelines: pipelines.length,
          containers: containers.length,
          firstContainerId: containers[0]?.containerId,
        },
      },
      readImportCounts,
    );
  }

  #replica(id: number, facts: ReplicaFacts): ReplicaRecord {
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
    };
  }
}

function byDatanode(a: ReplicaRecord, b: ReplicaRecord): number {
  return a.datanode < b.datanode ? -1 : 1;
}

function checkId(id: number): void {
  if (id === 0)
    throw new StrataError("INVALID_ARGUMENT", { field: "containerId", reason: "must be positive" });
}

/** Few ids in full, many as a count: an audit line stays a line. */
function idsOf(containerIds: readonly number[]): Readonly<Record<string, unknown>> {
  return containerIds.length <= 16
    ? { containerIds }
    : { count: containerIds.length, first: containerIds[0] };
}
