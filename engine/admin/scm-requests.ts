import type { RequestOf, ResponseOf } from "../../protocol/schema/messages.js";
import { nodeStatistics } from "../cluster/nodes/node-statistics.js";
import { NO_SESSION, OPERATION } from "../cluster/operation.js";
import { readSessionId } from "../cluster/operation-result.js";
import type { PipelineCounts } from "../cluster/pipelines/pipeline-index.js";
import { StrataError } from "../core/errors.js";
import type { Answer } from "../gateway/answer.js";
import type { RpcSession } from "../gateway/rpc-session.js";
import type { AdminServices } from "./admin-services.js";
import type { Mutations } from "./mutations.js";

/** Identity, figures, sessions. */
export class ScmRequests {
  readonly #services: AdminServices;
  readonly #mutations: Mutations;

  constructor(services: AdminServices, mutations: Mutations) {
    this.#services = services;
    this.#mutations = mutations;
  }

  openSession(session: RpcSession, request: RequestOf<"openSession">, answer: Answer<"openSession">): void {
    const { clientName } = request;
    this.#mutations.run<"openSession">(
      session,
      answer,
      { kind: OPERATION.openSession, session: NO_SESSION, clientName },
      { operation: "OPEN_SESSION", parameters: { clientName } },
      (body) => ({ sessionId: readSessionId(body) }),
    );
  }

  info(_session: RpcSession, _request: RequestOf<"scmInfo">, answer: Answer<"scmInfo">): void {
    // There is nothing to show until a snapshot is loaded.
    if (this.#services.cluster.isReloading) throw new StrataError("NOT_READY", { step: "snapshot" });
    const { identity, primaryScmId, cluster, nodes, replicas, consensus, figures } = this.#services;
    const statistics = replicas.statistics();
    const { countByHealth } = nodeStatistics(nodes);
    answer.done({
      clusterId: identity.clusterId,
      scmId: identity.scmId,
      term: consensus.leadership.term,
      appliedIndex: cluster.appliedIndex,
      stateHash: cluster.hash(),
      nodeCount: nodes.nodeCount,
      healthyNodeCount: (countByHealth.get("HEALTHY") ?? 0) + (countByHealth.get("HEALTHY_READONLY") ?? 0),
      containerCount: cluster.containers.table.count,
      replicaCount: statistics.replicaCount,
      pipelineCount: cluster.pipelines.count,
      pipelineCounts: countsOf(cluster.pipelines.index.counts),
      reportRowCount: statistics.rowCount,
      importAllowed: cluster.importAllowed,
      primaryScmId,
      ...figures(),
    });
  }
}

function countsOf({
  ALLOCATED,
  OPEN,
  DORMANT,
  CLOSED,
}: PipelineCounts): NonNullable<ResponseOf<"scmInfo">["pipelineCounts"]> {
  return { allocated: ALLOCATED, open: OPEN, dormant: DORMANT, closed: CLOSED };
}
