import type { ContainerState } from "../../core/enums.js";
import { CONTAINER_STATE } from "../../core/enums.js";
import { enumName } from "../enum-name.js";
import type { ResurrectContainer } from "../operation.js";
import { DONE, refused } from "../operation-result.js";
import type { OperationResult } from "../state-machine.js";
import type { Containers } from "./containers.js";

/** States of a replica that, when it holds data, bring its container back, by REPLICA_STATE. */
export const PROVING_REPLICA_STATE = {
  OPEN: 1,
  CLOSING: 2,
  QUASI_CLOSED: 3,
  CLOSED: 4,
  UNHEALTHY: 5,
} as const;
export type ProvingReplicaState = keyof typeof PROVING_REPLICA_STATE;

const GOES_BACK_TO: Readonly<Record<ProvingReplicaState, ContainerState>> = {
  OPEN: "QUASI_CLOSED",
  CLOSING: "QUASI_CLOSED",
  QUASI_CLOSED: "QUASI_CLOSED",
  CLOSED: "CLOSED",
  UNHEALTHY: "QUASI_CLOSED",
};

/** Brings a container back from DELETING or DELETED (spec 02 §9.2, §9.3), the same on every SCM. The sequence
 * id rises to the replica's: would it stay that of the deletion, the same replica would undo every later
 * deletion, and none would have the sequence id of the container that it proved. */
export function applyResurrection(
  containers: Containers,
  { containerId, replicaState, sequenceId, usedBytes, keyCount }: ResurrectContainer,
  nowMs: number,
): OperationResult {
  const { table, replications } = containers;
  const number = table.state(containerId);
  if (number === 0) return refused("CONTAINER_NOT_FOUND", { containerId });
  const state = enumName(CONTAINER_STATE, number);
  const { type } = replications.valueOf(table.replication(containerId));
  const known = table.sequenceId(containerId);
  const isEnding = state === "DELETING" || state === "DELETED";
  // Parts of an EC container bring nothing back; nor does a closed one that the deletion knew of.
  const isStale = type === "RATIS" && isFinal(replicaState) && sequenceId <= known;
  if (!isEnding || type === "EC" || isStale) {
    const event = `resurrection by a ${replicaState} replica, sequence id ${sequenceId}`;
    return refused("CONTAINER_STATE", { containerId, state, event });
  }
  containers.enterState(containerId, {
    state: CONTAINER_STATE[GOES_BACK_TO[replicaState]],
    timeMs: nowMs,
    usedBytes,
    keyCount,
    sequenceId: Math.max(known, sequenceId),
  });
  return DONE;
}

/** Nothing is written to such a replica any more, so its sequence id says how much it has. */
function isFinal(replicaState: ProvingReplicaState): boolean {
  return replicaState === "CLOSED" || replicaState === "QUASI_CLOSED";
}
