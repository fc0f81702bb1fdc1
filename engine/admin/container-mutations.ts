import type { RequestOf, ResponseOf } from "../../protocol/schema/messages.js";
import type { ContainerRecord, DatanodeDetails } from "../../protocol/schema/records.js";
import type { ContainerReplicas } from "../../workers/pool/replica-store.js";
import { deleteRefusal, reconcileRefusal } from "../cluster/containers/eligibility.js";
import { OPERATION, type Operation, type SessionStamp } from "../cluster/operation.js";
import { readFailedContainerIds, readImportCounts } from "../cluster/operation-result.js";
import type { ContainerEvent } from "../core/enums.js";
import { StrataError } from "../core/errors.js";
import type { ContainerId } from "../core/ids.js";
import type { Answer } from "../gateway/answer.js";
import type { RpcSession } from "../gateway/rpc-session.js";
import type { AdminServices } from "./admin-services.js";
import { type Decision, type Mutations, refusalOf } from "./mutations.js";
import { checkContainerId, stampOf } from "./request-checks.js";

/** What `ozone admin container …` changes (spec 02 §10.2, §12, §13, §15; spec 09 §4.1). */
export class ContainerMutations {
  readonly #services: AdminServices;
  readonly #mutations: Mutations;

  constructor(services: AdminServices, mutations: Mutations) {
    this.#services = services;
    this.#mutations = mutations;
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

  endImport(session: RpcSession, request: RequestOf<"endImport">, answer: Answer<"endImport">): void {
    this.#mutations.run<"endImport">(
      session,
      answer,
      { kind: OPERATION.endImport, session: stampOf(request) },
      { operation: "END_IMPORT", parameters: {} },
      () => ({}),
    );
  }

  /** Spec 02 §10.2. What datanodes are told follows from the state CLOSING. */
  close(session: RpcSession, request: RequestOf<"closeContainer">, answer: Answer<"closeContainer">): void {
    const id = checkContainerId(request.containerId);
    const stamp = stampOf(request);
    const audit = { operation: "CLOSE_CONTAINER", parameters: { containerId: id } };
    this.#mutations.runDecided<"closeContainer">(session, answer, audit, (onDecision) => {
      this.#query(id, (found) => {
        onDecision(found instanceof StrataError ? found : closing(id, stamp, found));
      });
    });
  }

  /** Spec 02 §10.3, empty handler. */
  delete(
    session: RpcSession,
    request: RequestOf<"deleteContainer">,
    answer: Answer<"deleteContainer">,
  ): void {
    const id = checkContainerId(request.containerId);
    const stamp = stampOf(request);
    const audit = { operation: "DELETE_CONTAINER", parameters: { containerId: id } };
    this.#mutations.runDecided<"deleteContainer">(session, answer, audit, (onDecision) => {
      this.#query(id, (found) => {
        onDecision(found instanceof StrataError ? found : this.#deletion(id, stamp, found));
      });
    });
  }

  /** Spec 02 §12. Nothing of it is in the log: a repetition replaces commands that wait. */
  reconcile(
    session: RpcSession,
    request: RequestOf<"reconcileContainer">,
    answer: Answer<"reconcileContainer">,
  ): void {
    const id = checkContainerId(request.containerId);
    let commandCount = 0;
    this.#mutations.carryOut<"reconcileContainer">(session, answer, {
      audit: { operation: "RECONCILE_CONTAINER", parameters: { containerId: id } },
      task: (onOutcome) => {
        this.#query(id, (found) => {
          const outcome = found instanceof StrataError ? found : this.#reconcile(id, found);
          if (typeof outcome === "number") commandCount = outcome;
          onOutcome(outcome instanceof StrataError ? outcome : undefined);
        });
      },
      respond: () => ({ commandCount }),
    });
  }

  /** Finds out what a decision stands on: only on the leader, whose state is complete. */
  #query(id: ContainerId, onFound: (found: Found | StrataError) => void): void {
    const { consensus, cluster, replicas } = this.#services;
    consensus.readBarrier((notLeading) => {
      if (notLeading !== undefined) {
        onFound(notLeading);
        return;
      }
      // Not later: what is asked of the shards may outlast the term, and a follower may load its state anew.
      const container = cluster.containers.get(id);
      replicas.queryReplicas(id, (answer) => {
        onFound(answer instanceof StrataError ? answer : { container, ...answer });
      });
    });
  }

  #deletion(id: ContainerId, stamp: SessionStamp, found: Found): Decision<ResponseOf<"deleteContainer">> {
    const { container, replicas, live } = found;
    const done = (): ResponseOf<"deleteContainer"> => {
      return { commandCount: this.#services.deleteReplicas(id, replicas) };
    };
    if (container === undefined) return refused(stamp, done, notFound(id));
    const refusal = deleteRefusal(container, replicas);
    if (refusal !== undefined) return refused(stamp, done, refusal);
    const earlier = {
      containerId: id,
      change: "deleted",
      reason: "it could not be when this was first asked",
    };
    return {
      operation: transition(stamp, container, "DELETE", live),
      respond: outcome(done, () => new StrataError("CONTAINER_INELIGIBLE", earlier)),
    };
  }

  /** How many datanodes were told. */
  #reconcile(id: ContainerId, { container, replicas }: Found): number | StrataError {
    const refusal = container === undefined ? notFound(id) : reconcileRefusal(container, replicas);
    if (refusal !== undefined) return refusal;
    const { nodes, consensus } = this.#services;
    const { leaderReady, term } = consensus.leadership;
    const holders = replicas.map(({ node }) => nodes.index.at(node).details);
    const isQueued = (holder: DatanodeDetails): boolean => {
      const peers = holders.filter((other) => other !== holder);
      const command = { type: "reconcileContainerCommand", containerId: id, deadlineMs: 0, peers } as const;
      return nodes.queueCommand(holder.uuid, command, { isLeader: leaderReady, term });
    };
    return holders.filter(isQueued).length;
  }
}

interface Found extends ContainerReplicas {
  readonly container: ContainerRecord | undefined;
}

function closing(
  id: ContainerId,
  stamp: SessionStamp,
  { container, live }: Found,
): Decision<ResponseOf<"closeContainer">> {
  const done = (): ResponseOf<"closeContainer"> => ({ status: "OK" });
  if (container === undefined) return refused(stamp, done, notFound(id));
  const { state } = container;
  switch (state) {
    case "OPEN":
      return {
        operation: transition(stamp, container, "FINALIZE", live),
        // Nothing becomes open again: an earlier attempt can only have come before there was a container.
        respond: outcome(done, () => notFound(id)),
      };
    case "CLOSING":
      return refused(stamp, done, { status: "CONTAINER_ALREADY_CLOSING" });
    case "CLOSED":
      return refused(stamp, done, { status: "CONTAINER_ALREADY_CLOSED" });
    default: {
      const error = new StrataError("CONTAINER_STATE", { containerId: id, state, event: "CLOSE" });
      return refused(stamp, done, error);
    }
  }
}

/** Nothing is done, unless an earlier attempt has done it. */
function refused<R>(stamp: SessionStamp, done: () => R, refusal: R | StrataError): Decision<R> {
  return { operation: refusalOf(stamp), respond: outcome(done, () => refusal) };
}

/** The attempt that was the first one in the log counts for all of them: it was carried out when its result
 * is empty. Otherwise no error is made: its stack costs more than the rest of the answer. */
function outcome<R>(done: () => R, refusal: () => R | StrataError): (body: Uint8Array) => R | StrataError {
  return ({ length }) => (length === 0 ? done() : refusal());
}

/** With the figures that the replicas tell, where some have been reported (spec 02 §18 rule 2). */
function transition(
  session: SessionStamp,
  container: ContainerRecord,
  event: ContainerEvent,
  live: ContainerReplicas["live"],
): Operation {
  const { containerId } = container;
  const { usedBytes, keyCount, sequenceId } = live ?? container;
  return {
    kind: OPERATION.transitionContainer,
    session,
    containerId,
    event,
    sequenceId,
    usedBytes,
    keyCount,
  };
}

function notFound(id: ContainerId): StrataError {
  return new StrataError("CONTAINER_NOT_FOUND", { containerId: id });
}

/** Few ids in full, many as a count: an audit line stays a line. */
function idsOf(containerIds: readonly number[]): Readonly<Record<string, unknown>> {
  return containerIds.length <= 16
    ? { containerIds }
    : { count: containerIds.length, first: containerIds[0] };
}
