import { decodeConfChange } from "../../engine/raft/conf-change-codec.js";
import type { ConfChange, ConfChangeStep, Entry, EntryType, Snapshot } from "../../engine/raft/types.js";
import { CONF_CHANGE, CONF_CHANGE_TRANSITION, ENTRY_TYPE } from "../../engine/raft/types.js";
import { quoted } from "./quoted.js";

/** Entries, changes and snapshots as etcd-io/raft util.go describes them. */

const ENTRY_TYPE_NAMES: Readonly<Record<EntryType, string>> = {
  [ENTRY_TYPE.NORMAL]: "EntryNormal",
  [ENTRY_TYPE.CONF_CHANGE_V1]: "EntryConfChange",
  [ENTRY_TYPE.CONF_CHANGE_V2]: "EntryConfChangeV2",
};

const STEP_LETTERS: Readonly<Record<ConfChangeStep["type"], string>> = {
  [CONF_CHANGE.ADD_VOTER]: "v",
  [CONF_CHANGE.ADD_LEARNER]: "l",
  [CONF_CHANGE.REMOVE]: "r",
  [CONF_CHANGE.UPDATE]: "u",
};

const STEP_NAMES: Readonly<Record<ConfChangeStep["type"], string>> = {
  [CONF_CHANGE.ADD_VOTER]: "ConfChangeAddNode",
  [CONF_CHANGE.ADD_LEARNER]: "ConfChangeAddLearnerNode",
  [CONF_CHANGE.REMOVE]: "ConfChangeRemoveNode",
  [CONF_CHANGE.UPDATE]: "ConfChangeUpdateNode",
};

const TRANSITION_NAMES: Readonly<Record<ConfChange["transition"], string>> = {
  [CONF_CHANGE_TRANSITION.AUTO]: "ConfChangeTransitionAuto",
  [CONF_CHANGE_TRANSITION.JOINT_IMPLICIT]: "ConfChangeTransitionJointImplicit",
  [CONF_CHANGE_TRANSITION.JOINT_EXPLICIT]: "ConfChangeTransitionJointExplicit",
};

export function entryText({ term, index, type, payload }: Entry): string {
  const content = type === ENTRY_TYPE.NORMAL ? quoted(Buffer.from(payload).toString()) : stepsText(payload);
  return `${term}/${index} ${ENTRY_TYPE_NAMES[type]}${content === "" ? "" : ` ${content}`}`;
}

/** A line each. */
export function entryLines(entries: readonly Entry[]): string {
  return entries.map((entry) => `${entryText(entry)}\n`).join("");
}

function stepsText(payload: Uint8Array): string {
  const change = decodeConfChange(payload);
  if (change === undefined) return "not a change of membership";
  return change.steps.map(({ type, nodeId }) => `${STEP_LETTERS[type]}${nodeId}`).join(" ");
}

export function confChangeText({ transition, steps }: ConfChange): string {
  return [
    `transition:${TRANSITION_NAMES[transition]}`,
    ...steps.map(({ type, nodeId }) => `changes:{type:${STEP_NAMES[type]} node_id:${nodeId}}`),
  ].join(" ");
}

export function snapshotText({ id, confState }: Snapshot): string {
  const ids = (list: readonly number[]): string => `[${list.join(" ")}]`;
  return (
    `Index:${id.index} Term:${id.term} ConfState:Voters:${ids(confState.voters)} ` +
    `VotersOutgoing:${ids(confState.votersOutgoing)} Learners:${ids(confState.learners)} ` +
    `LearnersNext:${ids(confState.learnersNext)} AutoLeave:${confState.autoLeave}`
  );
}
