import type { ConfChange, ConfChangeStep } from "../../../engine/raft/types.js";
import { CONF_CHANGE, CONF_CHANGE_TRANSITION, nodeId } from "../../../engine/raft/types.js";

export function addVoter(id: number): ConfChangeStep {
  return { type: CONF_CHANGE.ADD_VOTER, nodeId: nodeId(id) };
}

export function addLearner(id: number): ConfChangeStep {
  return { type: CONF_CHANGE.ADD_LEARNER, nodeId: nodeId(id) };
}

export function remove(id: number): ConfChangeStep {
  return { type: CONF_CHANGE.REMOVE, nodeId: nodeId(id) };
}

export function change(...steps: readonly ConfChangeStep[]): ConfChange {
  return { transition: CONF_CHANGE_TRANSITION.AUTO, steps, context: new Uint8Array(0) };
}

/** Through the joint configuration, which stays until it is left explicitly. */
export function explicitJoint(...steps: readonly ConfChangeStep[]): ConfChange {
  return { ...change(...steps), transition: CONF_CHANGE_TRANSITION.JOINT_EXPLICIT };
}

/** Through the joint configuration, also for one voter. */
export function implicitJoint(...steps: readonly ConfChangeStep[]): ConfChange {
  return { ...change(...steps), transition: CONF_CHANGE_TRANSITION.JOINT_IMPLICIT };
}

export const LEAVE_JOINT: ConfChange = change();
