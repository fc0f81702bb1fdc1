import { assert } from "../../core/assert.js";
import { changeConfState, isJoint } from "../../raft/conf-change.js";
import type { ConfChange, ConfChangeStep, ConfState, NodeId } from "../../raft/types.js";
import { CONF_CHANGE, CONF_CHANGE_TRANSITION } from "../../raft/types.js";
import { type NewGroup, NO_SESSION, OPERATION } from "../operation.js";
import { encodeChangeContext } from "./change-context.js";

/** How many ids the old group may have given out since the state that a new one is made of.
 *
 * Local ids: a million in a second for nine years, of 2^63. Container ids are numbers of table rows, of which
 * there are 2^32: a million is 5 PB in containers of 5 GB, and the room lasts for 4,000 new groups. Node ids
 * are read by people, and changes of membership are rare. */
export const NEW_GROUP: NewGroup = {
  kind: OPERATION.newGroup,
  session: NO_SESSION,
  skipped: { localId: 2 ** 48, delTxnId: 2 ** 40, containerId: 2 ** 20, CertificateId: 2 ** 32 },
  skippedSessionIds: 2 ** 32,
  skippedNodeIds: 1000,
};

/** The changes of membership that leave `own` alone, each legal after the ones before; undefined when it is
 * no member. */
export function changesToLoneVoter(before: ConfState, own: NodeId): ConfChange[] | undefined {
  const changes: ConfChange[] = [];
  let members = before;
  const change = (...steps: readonly ConfChangeStep[]): void => {
    const next = { transition: CONF_CHANGE_TRANSITION.AUTO, steps, context: encodeChangeContext(undefined) };
    const after = changeConfState(members, next);
    assert(after !== undefined, "a change that leaves voters is legal");
    changes.push(next);
    members = after;
  };
  if (isJoint(members)) change();
  const { voters, learners } = members;
  if (learners.includes(own)) change({ type: CONF_CHANGE.ADD_VOTER, nodeId: own });
  else if (!voters.includes(own)) return undefined;
  for (const nodeId of [...learners, ...voters]) {
    if (nodeId !== own) change({ type: CONF_CHANGE.REMOVE, nodeId });
  }
  return changes;
}
