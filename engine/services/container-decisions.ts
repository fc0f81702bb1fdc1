import type { ReplicaDecision } from "../../workers/shared/shard-records.js";
import type { ClusterState } from "../cluster/cluster-state.js";
import { nextState } from "../cluster/containers/life-cycle.js";
import { REPLICA_ACTION } from "../cluster/containers/replica-rules.js";
import type { ProvingReplicaState } from "../cluster/containers/resurrection.js";
import { PROVING_REPLICA_STATE } from "../cluster/containers/resurrection.js";
import { COMMAND_LIFETIME_MS } from "../cluster/deletion/delete-fence.js";
import { enumName } from "../cluster/enum-name.js";
import { COMMANDS_PER_TYPE_MAX } from "../cluster/nodes/command-queue.js";
import type { NodeManager } from "../cluster/nodes/node-manager.js";
import type { LeaderView } from "../cluster/nodes/node-types.js";
import { NO_SESSION, OPERATION, type Operation } from "../cluster/operation.js";
import type { Clock } from "../core/clock.js";
import { CONTAINER_STATE, type ContainerEvent, type ContainerState } from "../core/enums.js";
import type { NodeSlot } from "../core/ids.js";
import type { Scheduler, Timer } from "../core/scheduler.js";
import type { Logger } from "../telemetry/logger.js";
import type { ContainerProposals } from "./container-proposals.js";
import { LogSummary } from "./log-summary.js";
import type { Service } from "./service.js";

/** From the first decision that found no room to the recheck that makes it anew. Doubled up to the maximum
 * while rechecks find no room either: each of them looks at every container with replicas. */
const RECHECK_MS = { first: 1_000, max: 60_000 } as const;

/** What a transition asks of the container (spec 02 §9.1). */
const EVENTS: Readonly<Record<number, readonly ContainerEvent[]>> = {
  [REPLICA_ACTION.FINALIZE]: ["FINALIZE"],
  [REPLICA_ACTION.FINALIZE_AND_CLOSE]: ["FINALIZE", "CLOSE"],
  [REPLICA_ACTION.QUASI_CLOSE]: ["QUASI_CLOSE"],
  [REPLICA_ACTION.CLOSE]: ["CLOSE"],
  [REPLICA_ACTION.FORCE_CLOSE]: ["FORCE_CLOSE"],
};

export interface ContainerDecisionsParts {
  readonly scheduler: Scheduler;
  readonly clock: Clock;
  readonly logger: Pick<Logger, "warn">;
  readonly cluster: Pick<ClusterState, "containers" | "isContainerGone">;
  readonly nodes: Pick<NodeManager, "uuidOf" | "queueCommand" | "totalCommandCount">;
  readonly proposals: ContainerProposals;
  readonly leader: () => LeaderView;
  readonly recheckContainers: () => void;
  /** Has the shards decide again about one container. */
  readonly decideAgain: (containerId: number) => void;
}

export interface Holder {
  readonly node: NodeSlot;
  readonly replicaIndex: number;
}

/** Does what the shards say that replicas mean for their containers, on the leader (spec 02 §9). A decision
 * is a hint: it is checked against the container as it is now, `apply` checks once more, and what is not
 * taken up here is decided again: when the replica is reported again, when the container changes, and in a
 * recheck of all. Nothing is queued but commands, so memory is bounded. */
export class ContainerDecisions implements Service {
  readonly name = "container decisions";
  /** Since start. */
  readonly counters = {
    transitions: 0,
    resurrections: 0,
    deletes: 0,
    refused: 0,
    postponed: 0,
    stale: 0,
    unknown: 0,
    unexpected: 0,
    rechecks: 0,
  };
  readonly #parts: ContainerDecisionsParts;
  readonly #stale: LogSummary;
  readonly #unexpected: LogSummary;
  #isRunning = false;
  #recheckTimer: Timer | undefined;
  #recheckDelayMs: number = RECHECK_MS.first;
  #lastRecheckMs = Number.NEGATIVE_INFINITY;
  /** A proposal found no room, or no answer. */
  #isProposalDue = false;
  /** Datanodes whose queue had no room for a delete. */
  readonly #fullNodes = new Set<NodeSlot>();

  constructor(parts: ContainerDecisionsParts) {
    this.#parts = parts;
    const { scheduler, logger, nodes, proposals, decideAgain } = parts;
    const summary = (message: string): LogSummary =>
      new LogSummary({
        scheduler,
        logger,
        message,
        subject: "containerId",
        uuidOf: (node) => nodes.uuidOf(node),
      });
    this.#stale = summary("closed replicas are older than what their container has committed");
    this.#unexpected = summary("replicas of recovering containers were reported");
    proposals.onMissed = (containerId, end) => {
      if (end === "unanswered") this.#postponeProposal();
      else decideAgain(containerId);
    };
  }

  start(): void {}

  stop(): void {
    this.#end();
  }

  onStatus(leaderReady: boolean): void {
    if (leaderReady === this.#isRunning) return;
    if (!leaderReady) {
      this.#end();
      return;
    }
    this.#isRunning = true;
    // While nobody led, and while another one did, this SCM's shards decided and nobody acted.
    this.#recheckNow();
  }

  status(): "RUNNING" | "PAUSED" {
    return this.#isRunning ? "RUNNING" : "PAUSED";
  }

  /** From the shards, on leader and followers. The decision is used again by the caller. */
  decided(decision: Readonly<ReplicaDecision>): void {
    if (!this.#isRunning) return;
    const { containerId, action } = decision;
    const node = decision.node as NodeSlot;
    switch (action) {
      case REPLICA_ACTION.STALE:
        this.counters.stale++;
        this.#stale.note(containerId, node);
        break;
      case REPLICA_ACTION.UNEXPECTED:
        this.counters.unexpected++;
        this.#unexpected.note(containerId, node);
        break;
      case REPLICA_ACTION.UNKNOWN:
        // Shards tell only when the operator wants these deleted, of all kinds of reports (spec 02 §7, §18
        // rule 9). What may still become known is kept.
        this.counters.unknown++;
        if (this.#parts.cluster.isContainerGone(containerId)) this.#delete(decision, true);
        break;
      case REPLICA_ACTION.DELETE:
      case REPLICA_ACTION.FORCE_DELETE:
        this.#delete(decision, action === REPLICA_ACTION.FORCE_DELETE);
        break;
      default:
        this.#proposeOf(decision);
    }
  }

  /** Tells every holder of a container that is being deleted to delete its replica, if it is empty. Returns
   * how many could be told now. */
  deleteReplicas(containerId: number, holders: readonly Holder[]): number {
    if (!this.#isRunning) return 0;
    return holders.filter(({ node, replicaIndex }) =>
      this.#delete({ containerId, node, replicaIndex }, false),
    ).length;
  }

  /** Asked when a delete is about to leave for its datanode: the container may have come back since it was
   * decided, or be about to. All deletes are for containers that are gone as a whole; none is left for one
   * that lives.
   *
   * These deletes do without the fence against deletes of an earlier term (delete-fence.ts): it keeps two
   * leaders from choosing different victims among replicas of which some must stay, and here none may stay,
   * whoever decides. A replica that would bring the container back is never the one that is deleted: a delete
   * goes only to an empty one, a part of an EC container, or one of RATIS that is not newer than the
   * deletion. When another replica brings the container back while such a delete is on its way, the older
   * data go, which the newer replica has too, or which were deleted when the container was. Nor may a delete
   * linger: it has a deadline, as the fence takes for granted, within which whoever chooses victims in a
   * container that came back has to count the deletes that its holders still have. */
  mayDelete(containerId: number): boolean {
    const { cluster, proposals } = this.#parts;
    if (proposals.holdsBack(containerId)) return false;
    return isEnding(cluster.containers.table.state(containerId)) || cluster.isContainerGone(containerId);
  }

  /** True when the command waits for the datanode. */
  #delete(
    { containerId, node, replicaIndex }: Pick<ReplicaDecision, "containerId" | "node" | "replicaIndex">,
    force: boolean,
  ): boolean {
    if (!this.mayDelete(containerId)) return false;
    const { nodes, clock, leader } = this.#parts;
    const slot = node as NodeSlot;
    const isQueued = nodes.queueCommand(
      nodes.uuidOf(slot),
      {
        type: "deleteContainerCommand",
        containerId,
        force,
        // The datanode keeps a replica with another index (spec 02 §18 rule 12).
        replicaIndex,
        deadlineMs: clock.wallMs() + COMMAND_LIFETIME_MS / 2,
      },
      leader(),
    );
    if (isQueued) this.counters.deletes++;
    else {
      this.#fullNodes.add(slot);
      this.#postpone();
    }
    return isQueued;
  }

  #proposeOf(decision: Readonly<ReplicaDecision>): void {
    const { proposals, cluster } = this.#parts;
    const { containerId } = decision;
    const number = cluster.containers.table.state(containerId);
    if (number === 0 || proposals.holdsBack(containerId)) return;
    const operations = operationsOf(decision, enumName(CONTAINER_STATE, number));
    if (operations.length === 0) return;
    if (proposals.isFull) {
      this.#postponeProposal();
      return;
    }
    const isResurrection = operations[0]?.kind === OPERATION.resurrectContainer;
    proposals.start(containerId, operations, (end) => {
      if (end === "done") this.counters[isResurrection ? "resurrections" : "transitions"]++;
      // Somebody was faster.
      else if (end === "refused") this.counters.refused++;
      else this.#postponeProposal();
    });
  }

  #postponeProposal(): void {
    this.#isProposalDue = true;
    this.#postpone();
  }

  /** Something was not taken up that is still to be done. */
  #postpone(): void {
    this.counters.postponed++;
    if (this.#recheckTimer !== undefined || !this.#isRunning) return;
    const sinceMs = this.#parts.clock.monotonicMs() - this.#lastRecheckMs;
    if (sinceMs > 2 * this.#recheckDelayMs) this.#recheckDelayMs = RECHECK_MS.first;
    this.#recheckLater();
  }

  #recheckLater(): void {
    this.#recheckTimer = this.#parts.scheduler.after(this.#recheckDelayMs, () => {
      this.#recheckTimer = undefined;
      this.#recheckDelayMs = Math.min(2 * this.#recheckDelayMs, RECHECK_MS.max);
      if (this.#hasRoom()) this.#recheckNow();
      else this.#recheckLater();
    });
  }

  #recheckNow(): void {
    this.#isProposalDue = false;
    this.#fullNodes.clear();
    this.#lastRecheckMs = this.#parts.clock.monotonicMs();
    this.counters.rechecks++;
    this.#parts.recheckContainers();
  }

  /** For something of what was postponed. */
  #hasRoom(): boolean {
    const { proposals, nodes } = this.#parts;
    if (this.#isProposalDue && proposals.count <= proposals.limit / 2) return true;
    for (const node of this.#fullNodes) {
      if (nodes.totalCommandCount(node, "deleteContainerCommand") < COMMANDS_PER_TYPE_MAX) return true;
    }
    return false;
  }

  #end(): void {
    this.#isRunning = false;
    this.#parts.proposals.forget();
    this.#recheckTimer?.cancel();
    this.#recheckTimer = undefined;
    this.#recheckDelayMs = RECHECK_MS.first;
    this.#isProposalDue = false;
    this.#fullNodes.clear();
    for (const summary of [this.#stale, this.#unexpected]) summary.stop();
  }
}

/** None when the container is in another state than the one that the shard saw. */
function operationsOf(decision: Readonly<ReplicaDecision>, state: ContainerState): Operation[] {
  const { containerId, action, sequenceId, usedBytes, keyCount } = decision;
  const figures = { session: NO_SESSION, containerId, sequenceId, usedBytes, keyCount } as const;
  if (action === REPLICA_ACTION.RESURRECT_CLOSED || action === REPLICA_ACTION.RESURRECT_QUASI_CLOSED) {
    if (!isEnding(CONTAINER_STATE[state])) return [];
    const replicaState: ProvingReplicaState = enumName(PROVING_REPLICA_STATE, decision.replicaState);
    return [{ kind: OPERATION.resurrectContainer, ...figures, replicaState }];
  }
  const events = EVENTS[action] ?? [];
  const next = events[0] === undefined ? undefined : nextState(state, events[0]);
  if (next === undefined || next === state) return [];
  return events.map((event) => ({ kind: OPERATION.transitionContainer, ...figures, event }));
}

function isEnding(state: number): boolean {
  return state === CONTAINER_STATE.DELETING || state === CONTAINER_STATE.DELETED;
}
