import type { Progress } from "../../engine/raft/progress.js";
import { PROGRESS_STATE } from "../../engine/raft/progress.js";
import type { ConfState, NodeId } from "../../engine/raft/types.js";

/** The core's values in etcd's words. */

const PROGRESS_STATE_NAMES = {
  [PROGRESS_STATE.PROBE]: "StateProbe",
  [PROGRESS_STATE.REPLICATE]: "StateReplicate",
  [PROGRESS_STATE.SNAPSHOT]: "StateSnapshot",
};

export function progressText(progress: Progress): string {
  const { state, match, next, inflights, pendingSnapshot } = progress;
  return [
    PROGRESS_STATE_NAMES[state],
    `match=${match}`,
    `next=${next}`,
    ...(progress.isLearner ? ["learner"] : []),
    ...(progress.isPaused ? ["paused"] : []),
    ...(pendingSnapshot > 0 ? [`pendingSnap=${pendingSnapshot}`] : []),
    ...(progress.isRecentlyActive ? [] : ["inactive"]),
    ...(inflights.count > 0 ? [`inflight=${inflights.count}${inflights.isFull ? "[full]" : ""}`] : []),
  ].join(" ");
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
