import { BodyWriter } from "../../protocol/codec/body-writer.js";
import type { RequestOf } from "../../protocol/schema/messages.js";
import { printReplication } from "../cluster/containers/replication-config.js";
import { NO_SESSION, OPERATION, type Operation } from "../cluster/operation.js";
import { readFirstContainerId } from "../cluster/operation-result.js";
import { StrataError } from "../core/errors.js";
import type { Answer } from "../gateway/answer.js";
import type { RpcSession } from "../gateway/rpc-session.js";
import type { AdminServices } from "./admin-services.js";
import { ContainerWriter } from "./container-writer.js";
import { type Mutations, refusalOf } from "./mutations.js";
import { stampOf } from "./request-checks.js";

/** Of ALLOCATE_CONTAINER_RESPONSE. */
const FIELD_COUNT = 2;

/** Containers that an administrator asks for (spec 02 §5.3). */
export class ContainerCreations {
  readonly #services: AdminServices;
  readonly #mutations: Mutations;
  readonly #writer = new BodyWriter();
  readonly #containers: ContainerWriter;

  constructor(services: AdminServices, mutations: Mutations) {
    this.#services = services;
    this.#mutations = mutations;
    this.#containers = new ContainerWriter(services.cluster, services.replicas);
  }

  allocate(
    session: RpcSession,
    request: RequestOf<"allocateContainer">,
    answer: Answer<"allocateContainer">,
  ): void {
    const { replication, owner } = request;
    const stamp = stampOf(request);
    const parameters = { replication: printReplication(replication), owner };
    const audit = { operation: "ALLOCATE_CONTAINER", parameters };
    this.#mutations.runDecided<"allocateContainer">(session, answer, audit, (onDecision) => {
      this.#services.containerCreation.prepare({ replication, owner, session: stamp }, (prepared) => {
        if (!(prepared instanceof StrataError)) {
          const { operation } = prepared;
          const settled = prepared.settled.bind(prepared);
          const respond = (body: Uint8Array) => this.#created(body, operation) ?? refusedBefore(parameters);
          onDecision({ operation, settled, respond });
        } else if (prepared.class === "NotLeaderError") onDecision(prepared);
        else {
          const operation = refusalOf(stamp);
          onDecision({ operation, respond: (body) => this.#created(body, operation) ?? prepared });
        }
      });
    });
  }

  /** By hand: the pipeline's bytes are there already, and are most of the answer. Undefined when the result
   * is that of a refusal. */
  #created(body: Uint8Array, operation: Operation): Uint8Array | StrataError | undefined {
    const { cluster, encodedPipelines } = this.#services;
    const containerId = readFirstContainerId(body);
    if (containerId === undefined) return undefined;
    const { table } = cluster.containers;
    if (table.state(containerId) === 0) return new StrataError("CONTAINER_NOT_FOUND", { containerId });
    // A session may answer with what an earlier attempt has created, on whichever pipeline.
    const isOwn = operation.kind === OPERATION.createContainers && operation.session === NO_SESSION;
    const pipelineId = isOwn ? operation.pipelineId : table.pipelineId(containerId);
    if (pipelineId === undefined) return new StrataError("CONTAINER_NOT_FOUND", { containerId });
    const pipeline = encodedPipelines.get(pipelineId);
    if (pipeline === undefined) return new StrataError("PIPELINE_NOT_FOUND", { pipelineId });
    const writer = this.#writer;
    writer.begin();
    writer.array(FIELD_COUNT);
    this.#containers.write(writer, containerId);
    writer.encoded(pipeline.bytes);
    return writer.frame();
  }
}

/** An attempt of the same mutation was, and that stays its result. */
function refusedBefore(wanted: { readonly replication: string; readonly owner: string }): StrataError {
  const reason = "it could not be when this was first asked";
  return new StrataError("FAILED_TO_ALLOCATE_CONTAINER", { ...wanted, reason });
}
