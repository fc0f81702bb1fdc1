import type { NodeId, ProgressStatus, RaftStatus } from "../raft/types.js";

/** Nobody else votes: this node decides alone. */
export function isLoneVoter({ id, confState: { voters, votersOutgoing } }: RaftStatus): boolean {
  return voters.length === 1 && voters[0] === id && votersOutgoing.length === 0;
}

/** Who could lead in this leader's place: the voter that is nearest to the end of the log, and alive. */
export function heirOf({ id, progress }: RaftStatus): NodeId | undefined {
  let heir: ProgressStatus | undefined;
  for (const member of progress) {
    if (member.id === id || member.isLearner || !member.isRecentlyActive) continue;
    if (heir === undefined || member.match > heir.match) heir = member;
  }
  return heir?.id;
}
