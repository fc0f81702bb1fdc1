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
export type MutationName =
  | "setNodeOperationalState"
  | "suppressContainers"
  | "import"
  | "endImport"
  | "closeContainer"
  | "deleteContainer"
  | "createPipeline"
  | "closePipeline"
  | "activatePipeline"
  | "deactivatePipeline"
  | "allocateContainer";
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
  | "listNodeContainers"
  | "listContainers"
  | "listContainerIds"
  | "getContainer"
  | "getContainers"
  | "getContainerReplicas"
  | "getContainerCount"
  | "containerReport"
  | "reconcileContainer"
  | "listPipelines"
  | "getPipeline"
  | "getClusterTree"
  | "sortDatanodes"
  | "allocateBlocks";

export type MutationRequest<N extends MutationName> = Omit<RequestOf<N>, keyof SessionFields>;

/** An administrator's side of the protocol: asks the leader, follows it when it changes, and repeats what got
 * no answer. A mutation is carried out exactly once, through lost connections and changes of leader.
 *
 * Connects at the first call. Every call ends within `timeoutMs` of the options: with the answer, with the
 * SCM's refusal (RemoteError), or with a StrataError: NO_ANSWER when the time was over, REQUEST_TIMEOUT for a
 * mutation, which may have been carried out; FIELD_INVALID or FRAME_TOO_LARGE when the request cannot be sent
 * at all, OVERLOADED when too many calls wait, CONNECTION_LOST when the client was closed.
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

  /** A page of the containers of which a datanode has reported a replica, by id; NO_SUCH_DATANODE when it is
   * not known. */
  listNodeContainers(request: RequestOf<"listNodeContainers">): Promise<ResponseOf<"listNodeContainers">> {
    return this.#asked("listNodeContainers", request, false);
  }

  /** A page of containers, ordered by id. It may be empty and still not be the last one: go on from
   * `nextContainerId` until that is 0. */
  listContainers(request: RequestOf<"listContainers">): Promise<ResponseOf<"listContainers">> {
    return this.#asked("listContainers", request, false);
  }

  /** A page of ids of containers; goes on as `listContainers` does. */
  listContainerIds(request: RequestOf<"listContainerIds">): Promise<ResponseOf<"listContainerIds">> {
    return this.#asked("listContainerIds", request, false);
  }

  /** One container with the pipeline that it was created on, as long as there is one; CONTAINER_NOT_FOUND
   * when there is no such container. The SCM makes up no pipeline to read from: who wants to read a container
   * that is closed, or has lost its pipeline, finds the holders with `getContainerReplicas`. */
  getContainer(request: RequestOf<"getContainer">): Promise<ResponseOf<"getContainer">> {
    return this.#asked("getContainer", request, false);
  }

  /** Up to 256 containers with their pipelines, as `getContainer` answers them. FRAME_TOO_LARGE when the
   * answer does not fit: ask for fewer. */
  getContainers(request: RequestOf<"getContainers">): Promise<ResponseOf<"getContainers">> {
    return this.#asked("getContainers", request, false);
  }

  /** The replicas of a container as last reported; of one that the SCM does not know, too. */
  getContainerReplicas(
    request: RequestOf<"getContainerReplicas">,
  ): Promise<ResponseOf<"getContainerReplicas">> {
    return this.#asked("getContainerReplicas", request, false);
  }

  /** How many containers there are in a state, or in all. */
  getContainerCount(request: RequestOf<"getContainerCount">): Promise<ResponseOf<"getContainerCount">> {
    return this.#asked("getContainerCount", request, false);
  }

  /** Counts of containers by state of life and of health. */
  containerReport(): Promise<ResponseOf<"containerReport">> {
    return this.#asked("containerReport", {}, false);
  }

  /** Begins to close an open container. One that is closing or closed already is left as it is, and the
   * answer says so; every other one is refused with CONTAINER_STATE. */
  closeContainer(request: MutationRequest<"closeContainer">): Promise<ResponseOf<"closeContainer">> {
    return this.#asked("closeContainer", request, true);
  }

  /** Deletes a container that its replicas show to be empty; any other one is refused with CONTAINER_STATE or
   * CONTAINER_INELIGIBLE. */
  deleteContainer(request: MutationRequest<"deleteContainer">): Promise<ResponseOf<"deleteContainer">> {
    return this.#asked("deleteContainer", request, true);
  }

  /** Tells all holders of a closed RATIS container to repair their replicas from each other. */
  reconcileContainer(request: RequestOf<"reconcileContainer">): Promise<ResponseOf<"reconcileContainer">> {
    return this.#asked("reconcileContainer", request, false);
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

  /** Nothing is imported any more, for good. */
  endImport(): Promise<ResponseOf<"endImport">> {
    return this.#asked("endImport", {}, true);
  }

  /** A page of pipelines. */
  listPipelines(request: RequestOf<"listPipelines">): Promise<ResponseOf<"listPipelines">> {
    return this.#asked("listPipelines", request, false);
  }

  /** Containers with the pipelines that they are written or read through: `locatedContainers` puts them
   * together. */
  getContainersWithPipelines(
    request: RequestOf<"getContainersWithPipelines">,
  ): Promise<ResponseOf<"getContainersWithPipelines">> {
    return this.#asked("getContainersWithPipelines", request, false);
  }

  getPipeline(request: RequestOf<"getPipeline">): Promise<ResponseOf<"getPipeline">> {
    return this.#asked("getPipeline", request, false);
  }

  /** Creates a pipeline of datanodes that the SCM chooses. A RATIS pipeline opens when they have reported it.
   */
  createPipeline(request: MutationRequest<"createPipeline">): Promise<ResponseOf<"createPipeline">> {
    return this.#asked("createPipeline", request, true);
  }

  /** Closes a pipeline and its open containers; one that is closed is left as it is. */
  closePipeline(request: MutationRequest<"closePipeline">): Promise<ResponseOf<"closePipeline">> {
    return this.#asked("closePipeline", request, true);
  }

  /** Lets a pipeline be used that rests, or does not wait for its members. */
  activatePipeline(request: MutationRequest<"activatePipeline">): Promise<ResponseOf<"activatePipeline">> {
    return this.#asked("activatePipeline", request, true);
  }

  /** Lets an open pipeline rest. */
  deactivatePipeline(
    request: MutationRequest<"deactivatePipeline">,
  ): Promise<ResponseOf<"deactivatePipeline">> {
    return this.#asked("deactivatePipeline", request, true);
  }

  /** A page of the topology: `readClusterTree` puts them together. */
  getClusterTree(request: RequestOf<"getClusterTree">): Promise<ResponseOf<"getClusterTree">> {
    return this.#asked("getClusterTree", request, false);
  }

  /** Datanodes, nearest to a client first. */
  sortDatanodes(request: RequestOf<"sortDatanodes">): Promise<ResponseOf<"sortDatanodes">> {
    return this.#asked("sortDatanodes", request, false);
  }

  /** Places for blocks to be written. The client repeats it when an answer is lost: it then has other ids.
   */
  allocateBlocks(request: RequestOf<"allocateBlocks">): Promise<ResponseOf<"allocateBlocks">> {
    return this.#asked("allocateBlocks", request, false);
  }

  /** Creates a container for an owner. */
  allocateContainer(request: MutationRequest<"allocateContainer">): Promise<ResponseOf<"allocateContainer">> {
    return this.#asked("allocateContainer", request, true);
  }

  #asked<N extends OperationName>(name: N, request: object, isMutation: boolean): Promise<ResponseOf<N>> {
    return promised((completion) => this.#calls.start({ name, request, completion, isMutation }));
  }
}
