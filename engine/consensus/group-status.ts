import type { LogIndex } from "../core/ids.js";
import type { NodeId, ProgressStatus, RaftStatus } from "../raft/types.js";

/** Nobody else votes: this node decides alone. */
export function isLoneVoter({ id, confState: { voters, votersOutgoing } }: RaftStatus): boolean {
  return voters.length === 1 && voters[0] === id && votersOutgoing.length === 0;
}

/** There are members besides this one, learners too. */
export function hasOthers({ id, confState }: RaftStatus): boolean {
  const { voters, votersOutgoing, learners } = confState;
  return [voters, votersOutgoing, learners].some((ids) => ids.some((other) => other !== id));
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

/** Up to here the slowest of the other members that are alive has the log; undefined when there are none, or
 * this node does not lead. */
export function slowestMatch({ id, progress }: RaftStatus): LogIndex | undefined {
  let slowest: LogIndex | undefined;
  for (const member of progress) {
    if (member.id === id || !member.isRecentlyActive) continue;
    if (slowest === undefined || member.match < slowest) slowest = member.match;
  }
  return slowest;
}
