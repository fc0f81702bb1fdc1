import type { ConfState, NodeId } from "../../../engine/raft/types.js";

/** Whether every quorum of `a` meets every quorum of `b`, by trying all sets of members: a set and its
 * complement cannot both decide. Members ≤ 16. */
export function quorumsOverlap(a: ConfState, b: ConfState): boolean {
  const ids = [...new Set([...a.voters, ...a.votersOutgoing, ...b.voters, ...b.votersOutgoing])];
  for (let set = 0; set < 1 << ids.length; set++) {
    const isIn = (id: NodeId): boolean => ((set >> ids.indexOf(id)) & 1) === 1;
    if (isQuorum(a, isIn) && isQuorum(b, (id) => !isIn(id))) return false;
  }
  return true;
}

/** Whether the members for which `isIn` holds can decide: a majority of each half. */
export function isQuorum({ voters, votersOutgoing }: ConfState, isIn: (id: NodeId) => boolean): boolean {
  return isMajority(voters, isIn) && (votersOutgoing.length === 0 || isMajority(votersOutgoing, isIn));
}

function isMajority(ids: readonly NodeId[], isIn: (id: NodeId) => boolean): boolean {
  return ids.filter(isIn).length * 2 > ids.length;
}
