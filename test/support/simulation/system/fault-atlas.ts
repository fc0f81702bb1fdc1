import { memberIds } from "../../../../engine/raft/conf-change.js";
import { isQuorum } from "../../core-simulation/quorums.js";
import type { SimGroup } from "./sim-group.js";
import type { SimScm } from "./sim-scm.js";

/** Whether the group can do without what `victim` has on its disk, whatever membership its members act on: a
 * quorum knows the present one for good, and no change of it is under way anywhere. */
export function canLose(victim: SimScm, group: SimGroup): boolean {
  const { confState, confIndex } = group.journal;
  if (!victim.isUp || victim.scmId === undefined) return false;
  if (confState.votersOutgoing.length > 0 || !memberIds(confState).includes(victim.nodeId)) return false;
  const members = group.present.filter(({ nodeId }) => memberIds(confState).includes(nodeId));
  const isSettled = members.every(({ journal }) => journal.confChangesAfter(confIndex).length === 0);
  if (!isSettled) return false;
  const knows = (id: number): boolean =>
    members.some(
      (scm) =>
        scm !== victim && scm.nodeId === id && scm.damage === undefined && knowsForGood(scm, confIndex),
    );
  return isQuorum(confState, knows);
}

/** After any crash it acts on that membership: it knows that the change is committed. */
function knowsForGood({ durableLog }: SimScm, confIndex: number): boolean {
  return durableLog.truncatedIndex >= confIndex || (durableLog.hardState?.commit ?? 0) >= confIndex;
}
