import type { LogIndex } from "../core/ids.js";
import { memberIds } from "../raft/conf-change.js";
import type { NodeId, ProgressStatus, RaftStatus } from "../raft/types.js";

/** Nobody else votes: this node decides alone. */
export function isLoneVoter({ id, confState: { voters, votersOutgoing } }: RaftStatus): boolean {
  return voters.length === 1 && voters[0] === id && votersOutgoing.length === 0;
}

/** There are members besides this one, learners too. */
export function hasOthers({ id, confState }: RaftStatus): boolean {
  return memberIds(confState).some((other) => other !== id);
}

/** Whether a member was heard within the last election timeout. What the core says of that
 * (`isRecentlyActive`) begins anew each time that it checks its quorum: for some moments then nobody seems to
 * be alive. */
export type IsAlive = (id: NodeId) => boolean;

/** Who could lead in this leader's place: the voter that is nearest to the end of the log, and alive. */
export function heirOf({ id, progress }: RaftStatus, isAlive: IsAlive): NodeId | undefined {
  let heir: ProgressStatus | undefined;
  for (const member of progress) {
    if (member.id === id || member.isLearner || !isAlive(member.id)) continue;
    if (heir === undefined || member.match > heir.match) heir = member;
  }
  return heir?.id;
}

/** Up to where member `id` is known to have the log; undefined when it is no member, or this node does not
 * lead. */
export function matchOf({ progress }: RaftStatus, id: NodeId): LogIndex | undefined {
  return progress.find((member) => member.id === id)?.match;
}

/** Up to here the slowest of the other members that are alive has the log; undefined when there are none, or
 * this node does not lead. */
export function slowestMatch({ id, progress }: RaftStatus, isAlive: IsAlive): LogIndex | undefined {
  let slowest: LogIndex | undefined;
  for (const member of progress) {
    if (member.id === id || !isAlive(member.id)) continue;
    if (slowest === undefined || member.match < slowest) slowest = member.match;
  }
  return slowest;
}
