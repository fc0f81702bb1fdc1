import type { RequestOf } from "../../protocol/schema/messages.js";
import type { NodeRecord } from "../../protocol/schema/records.js";
import { OPERATION, type Operation } from "../cluster/operation.js";
import { StrataError } from "../core/errors.js";
import type { NodeSlot } from "../core/ids.js";
import type { Answer, LateAnswer } from "../gateway/answer.js";
import type { RpcSession } from "../gateway/rpc-session.js";
import type { AdminServices } from "./admin-services.js";
import { type Mutations, refusalOf } from "./mutations.js";
import { checkCount, stampOf } from "./request-checks.js";

const LIST_COUNT_MAX = 256;

/** `ozone admin datanode …` (spec 01 §13). */
export class NodeRequests {
  readonly #services: AdminServices;
  readonly #mutations: Mutations;

  constructor(services: AdminServices, mutations: Mutations) {
    this.#services = services;
    this.#mutations = mutations;
  }

  list(request: RequestOf<"listNodes">, answer: LateAnswer<"listNodes">): void {
    checkCount("countMax", request.countMax, LIST_COUNT_MAX);
    const { slots, more } = this.#services.nodes.list(request, request.after, request.countMax);
    answer.done({ nodes: slots.map((slot) => this.#node(slot)), more });
  }

  get(request: RequestOf<"getNode">, answer: LateAnswer<"getNode">): void {
    const slot = this.#services.nodes.slotOf(request.uuid);
    if (slot === undefined) answer.fail(new StrataError("NO_SUCH_DATANODE", { uuid: request.uuid }));
    else answer.done({ node: this.#node(slot) });
  }

  setOperationalState(
    session: RpcSession,
    request: RequestOf<"setNodeOperationalState">,
    answer: Answer<"setNodeOperationalState">,
  ): void {
    const { uuid, operationalState, operationalStateExpiry } = request;
    const stamp = stampOf(request);
    const { nodes } = this.#services;
    const audit = {
      operation: "SET_NODE_OPERATIONAL_STATE",
      parameters: { uuid, operationalState, operationalStateExpiry },
    };
    // After a restart a datanode is not known until it registers, and another leader may know it.
    const isKnown = nodes.slotOf(uuid) !== undefined;
    const intent: Operation = {
      kind: OPERATION.setNodeIntent,
      session: stamp,
      uuid,
      operationalState,
      expirySeconds: operationalStateExpiry,
    };
    this.#mutations.run<"setNodeOperationalState">(
      session,
      answer,
      isKnown ? intent : refusalOf(stamp),
      audit,
      // An intent has no result.
      ({ length }) => (length === 0 ? {} : new StrataError("NO_SUCH_DATANODE", { uuid })),
    );
  }

  #node(slot: NodeSlot): NodeRecord {
    const { nodes, cluster, replicas, clock } = this.#services;
    const counts = {
      containerCount: replicas.nodeContainerCount(slot),
      pipelineCount: cluster.pipelines.index.activeCountOf(nodes.uuidOf(slot)),
    };
    return nodes.node(slot, counts, clock.monotonicMs());
  }
}
