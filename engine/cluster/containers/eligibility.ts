import type { ContainerRecord } from "../../../protocol/schema/records.js";
import { CONTAINER_STATE, REPLICA_STATE, type ReplicaState } from "../../core/enums.js";
import { StrataError } from "../../core/errors.js";
import { actionFor, REPLICA_ACTION, RULE_KIND, type RuleKindName, SEQUENCE_ORDER } from "./replica-rules.js";
import { type ReplicationConfig, requiredNodes } from "./replication-config.js";

/** What the rules look at in a replica, as last reported. */
export interface ReplicaView {
  /** REPLICA_STATE. */
  readonly state: number;
  readonly replicaIndex: number;
  readonly sequenceId: number;
  readonly isEmpty: boolean;
}

/** Datanodes that a command can name beside the one that it goes to, so that it always fits a frame. */
const PEER_COUNT_MAX = 16;

/** Why the replicas of a container cannot be reconciled, undefined when they can (spec 02 §12, in its
 * order). */
export function reconcileRefusal(
  container: ContainerRecord,
  replicas: readonly ReplicaView[],
): StrataError | undefined {
  const { containerId, state, replication } = container;
  if (state !== "CLOSED" && state !== "QUASI_CLOSED") {
    return new StrataError("CONTAINER_STATE", { containerId, state, event: "RECONCILE" });
  }
  const ineligible = (reason: string) => ineligibleFor("reconciled", containerId, reason);
  if (replicas.length === 0) return ineligible("none of its replicas is known");
  const open = countOf(replicas, (replica) => !isIn(replica, "CLOSED", "QUASI_CLOSED", "UNHEALTHY"));
  if (open > 0) return ineligible(`${open} of its ${replicas.length} replicas are not closed`);
  if (replication.type !== "RATIS") return ineligible(`its type is ${replication.type}, not RATIS`);
  if (requiredNodes(replication) === 1) return ineligible("it has one replica only by its configuration");
  if (replicas.length > PEER_COUNT_MAX + 1) {
    return ineligible(`it has ${replicas.length} replicas, more than the ${PEER_COUNT_MAX + 1} of a command`);
  }
  return undefined;
}

/** Why a container cannot be deleted, undefined when it can: its replicas show that nothing is in it (spec 02
 * §10.3, empty handler). An EC replica with an index of 2 … data may hold nothing while the others hold
 * data, so one of the others must show it. */
export function deleteRefusal(
  container: ContainerRecord,
  replicas: readonly ReplicaView[],
): StrataError | undefined {
  const { containerId, state, replication, sequenceId } = container;
  if (state !== "CLOSED" && state !== "QUASI_CLOSED") {
    return new StrataError("CONTAINER_STATE", { containerId, state, event: "DELETE" });
  }
  const ineligible = (reason: string) => ineligibleFor("deleted", containerId, reason);
  const all = replicas.length;
  if (all === 0) return ineligible("none of its replicas is known, so nothing shows that it is empty");
  const full = countOf(replicas, ({ isEmpty }) => !isEmpty);
  if (full > 0) return ineligible(`${full} of its ${all} replicas are not empty`);
  if (state === "CLOSED") {
    const open = countOf(replicas, (replica) => !isIn(replica, "CLOSED"));
    if (open > 0) return ineligible(`${open} of its ${all} replicas are not closed`);
    if (replication.type === "RATIS" && replicas.every((replica) => replica.sequenceId !== sequenceId)) {
      return ineligible(`none of its replicas has its sequence id ${sequenceId}`);
    }
  }
  if (replicas.every((replica) => kindOf(replication, replica) === "EC_OTHER")) {
    return ineligible(`only replicas of indexes 2 to ${replication.ecData} are known, which may be empty`);
  }
  return undefined;
}

/** Whether a replica is older than what its container has committed, so that it proves nothing (spec 02 §18
 * rule 4). */
export function isStale({ state, replication, sequenceId }: ContainerRecord, replica: ReplicaView): boolean {
  const kind = RULE_KIND[kindOf(replication, replica)];
  const { LOWER, EQUAL, HIGHER } = SEQUENCE_ORDER;
  const order = replica.sequenceId < sequenceId ? LOWER : replica.sequenceId === sequenceId ? EQUAL : HIGHER;
  const action = actionFor(CONTAINER_STATE[state], replica.state, kind, order, replica.isEmpty);
  return action === REPLICA_ACTION.STALE;
}

function ineligibleFor(change: string, containerId: number, reason: string): StrataError {
  return new StrataError("CONTAINER_INELIGIBLE", { containerId, change, reason });
}

function kindOf({ type, ecData }: ReplicationConfig, { replicaIndex }: ReplicaView): RuleKindName {
  if (type !== "EC") return type;
  return replicaIndex === 1 || replicaIndex > ecData ? "EC_PROVING" : "EC_OTHER";
}

function countOf(replicas: readonly ReplicaView[], matches: (replica: ReplicaView) => boolean): number {
  return replicas.filter(matches).length;
}

function isIn({ state }: ReplicaView, ...states: readonly ReplicaState[]): boolean {
  return states.some((name) => REPLICA_STATE[name] === state);
}
