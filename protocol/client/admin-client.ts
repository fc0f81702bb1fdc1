import type { OperationName, RequestOf, ResponseOf } from "../schema/messages.js";
import type { AdminClientOptions } from "./admin-calls.js";
import { AdminCalls } from "./admin-calls.js";
import type { Completion } from "./completion.js";
import { promised } from "./completion.js";
import type { ClientEnvironment } from "./environment.js";

/** Fields that the client fills in by itself. */
interface SessionFields {
  readonly sessionId: number;
  readonly sequence: number;
  readonly ackedSequence: number;
}

/** Operations that change the state of the cluster, each exactly once. */
export type MutationName = "setNodeOperationalState" | "suppressContainers" | "import";
/** Operations that only look, or say what is to be, so that a repetition does nothing. */
export type ReadName =
  | "scmInfo"
  | "scmRoles"
  | "addScm"
  | "decommissionScm"
  | "transferLeadership"
  | "listHistory"
  | "listNodes"
  | "getNode"
  | "listContainers"
  | "getContainer"
  | "getContainerReplicas"
  | "listPipelines";

export type MutationRequest<N extends MutationName> = Omit<RequestOf<N>, keyof SessionFields>;

/** An administrator's side of the protocol: asks the leader, follows it when it changes, and repeats what got
 * no answer. A mutation is carried out exactly once, through lost connections and changes of leader.
 *
 * Connects at the first call. Every call ends within `timeoutMs` of the options: with the answer, with the
 * SCM's refusal (RemoteError), or with a StrataError: REQUEST_TIMEOUT when the time was over (for a mutation:
 * it may have been carried out), FIELD_INVALID or FRAME_TOO_LARGE when the request cannot be sent at all,
 * OVERLOADED when too many calls wait, CONNECTION_LOST when the client was closed.
 *
 * `read` and `mutate` are the same for who must not wait on promises, or asks often. */
export class AdminClient {
  readonly #calls: AdminCalls;

  constructor(environment: ClientEnvironment, options: AdminClientOptions) {
    this.#calls = new AdminCalls(environment, options);
  }

  /** Calls without an outcome. */
  get openCount(): number {
    return this.#calls.openCount;
  }

  /** Closes the connection; calls without an outcome fail with CONNECTION_LOST. */
  close(): void {
    this.#calls.close();
  }

  /** @throws StrataError OVERLOADED, CONNECTION_LOST; then the completion is not called */
  read<N extends ReadName>(name: N, request: RequestOf<N>, completion: Completion<ResponseOf<N>>): void {
    this.#calls.start({ name, request, completion, isMutation: false });
  }

  /** @throws StrataError OVERLOADED, CONNECTION_LOST; then the completion is not called */
  mutate<N extends MutationName>(
    name: N,
    request: MutationRequest<N>,
    completion: Completion<ResponseOf<N>>,
  ): void {
    this.#calls.start({ name, request, completion, isMutation: true });
  }

  /** Identity and live figures of the SCM that answers. */
  scmInfo(): Promise<ResponseOf<"scmInfo">> {
    return this.#asked("scmInfo", {}, false);
  }

  /** Members of the Raft group. */
  scmRoles(): Promise<ResponseOf<"scmRoles">> {
    return this.#asked("scmRoles", {}, false);
  }

  /** Adds an SCM to the Raft group as a learner. */
  addScm(request: RequestOf<"addScm">): Promise<ResponseOf<"addScm">> {
    return this.#asked("addScm", request, false);
  }

  /** Removes an SCM from the Raft group for good. */
  decommissionScm(request: RequestOf<"decommissionScm">): Promise<ResponseOf<"decommissionScm">> {
    return this.#asked("decommissionScm", request, false);
  }

  /** Lets another SCM lead. */
  transferLeadership(request: RequestOf<"transferLeadership">): Promise<ResponseOf<"transferLeadership">> {
    return this.#asked("transferLeadership", request, false);
  }

  /** A page of the mutations that the cluster has seen. */
  listHistory(request: RequestOf<"listHistory">): Promise<ResponseOf<"listHistory">> {
    return this.#asked("listHistory", request, false);
  }

  /** A page of datanodes, ordered by uuid. */
  listNodes(request: RequestOf<"listNodes">): Promise<ResponseOf<"listNodes">> {
    return this.#asked("listNodes", request, false);
  }

  /** One datanode; NO_SUCH_DATANODE when it is not known. */
  getNode(request: RequestOf<"getNode">): Promise<ResponseOf<"getNode">> {
    return this.#asked("getNode", request, false);
  }

  /** Records the operator's intent for a datanode. */
  setNodeOperationalState(
    request: MutationRequest<"setNodeOperationalState">,
  ): Promise<ResponseOf<"setNodeOperationalState">> {
    return this.#asked("setNodeOperationalState", request, true);
  }

  /** A page of containers, ordered by id. */
  listContainers(request: RequestOf<"listContainers">): Promise<ResponseOf<"listContainers">> {
    return this.#asked("listContainers", request, false);
  }

  /** One container with its pipeline; CONTAINER_NOT_FOUND when there is none. */
  getContainer(request: RequestOf<"getContainer">): Promise<ResponseOf<"getContainer">> {
    return this.#asked("getContainer", request, false);
  }

  /** The replicas of a container as last reported; of one that the SCM does not know, too. */
  getContainerReplicas(
    request: RequestOf<"getContainerReplicas">,
  ): Promise<ResponseOf<"getContainerReplicas">> {
    return this.#asked("getContainerReplicas", request, false);
  }

  /** Sets or clears the suppressed flag; names the ids that do not exist. */
  suppressContainers(
    request: MutationRequest<"suppressContainers">,
  ): Promise<ResponseOf<"suppressContainers">> {
    return this.#asked("suppressContainers", request, true);
  }

  /** Takes over pipelines and containers of another SCM, all of the request or nothing. */
  import(request: MutationRequest<"import">): Promise<ResponseOf<"import">> {
    return this.#asked("import", request, true);
  }

  /** A page of pipelines. */
  listPipelines(request: RequestOf<"listPipelines">): Promise<ResponseOf<"listPipelines">> {
    return this.#asked("listPipelines", request, false);
  }

  #asked<N extends OperationName>(name: N, request: object, isMutation: boolean): Promise<ResponseOf<N>> {
    return promised((completion) => this.#calls.start({ name, request, completion, isMutation }));
  }
}
