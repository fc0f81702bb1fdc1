import { PROGRESS_STATE } from "../../engine/raft/progress.js";
import type { ConfState, NodeId, ProgressStatus } from "../../engine/raft/types.js";

/** Membership and followers in etcd's words. */

const PROGRESS_STATE_NAMES = {
  [PROGRESS_STATE.PROBE]: "StateProbe",
  [PROGRESS_STATE.REPLICATE]: "StateReplicate",
  [PROGRESS_STATE.SNAPSHOT]: "StateSnapshot",
};

export function progressText(progress: Omit<ProgressStatus, "id">): string {
  const { state, match, next, pendingSnapshot, inflightCount, isInflightFull } = progress;
  return [
    PROGRESS_STATE_NAMES[state],
    `match=${match}`,
    `next=${next}`,
    ...(progress.isLearner ? ["learner"] : []),
    ...(progress.isPaused ? ["paused"] : []),
    ...(pendingSnapshot > 0 ? [`pendingSnap=${pendingSnapshot}`] : []),
    ...(progress.isRecentlyActive ? [] : ["inactive"]),
    ...(inflightCount > 0 ? [`inflight=${inflightCount}${isInflightFull ? "[full]" : ""}`] : []),
  ].join(" ");
}

/** A line for each member. */
export function progressLines(table: readonly ProgressStatus[]): string {
  return table.map((progress) => `${progress.id}: ${progressText(progress)}\n`).join("");
}

export function confStateText(confState: ConfState): string {
  const { voters, votersOutgoing, learners, learnersNext, autoLeave } = confState;
  return [
    `voters=${idsText(voters)}${votersOutgoing.length > 0 ? `&&${idsText(votersOutgoing)}` : ""}`,
    ...(learners.length > 0 ? [`learners=${idsText(learners)}`] : []),
    ...(learnersNext.length > 0 ? [`learners_next=${idsText(learnersNext)}`] : []),
    ...(autoLeave ? ["autoleave"] : []),
  ].join(" ");
}

function idsText(ids: readonly NodeId[]): string {
  return `(${ids.map((id) => id.toString(16)).join(" ")})`;
}
