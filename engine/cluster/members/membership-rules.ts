import { StrataError } from "../../core/errors.js";
import type { LogIndex } from "../../core/ids.js";
import type { Uuid } from "../../core/uuid.js";
import { memberIds } from "../../raft/conf-change.js";
import type { ConfChange, ConfChangeStep, ConfState, NodeId } from "../../raft/types.js";
import { CONF_CHANGE, CONF_CHANGE_TRANSITION } from "../../raft/types.js";
import { encodeChangeContext } from "./change-context.js";
import type { Member } from "./member.js";
import type { MemberRow, MemberTable } from "./member-table.js";

/** Members of one group, learners included. Every one more costs the leader a stream of appends. */
export const MEMBER_COUNT_MAX = 16;

/** A learner that lacks more entries than this does not vote yet: it would hold up every commit that needs it
 * (the reference's staging gap). */
const PROMOTION_LAG_MAX = 1000;

/** What the leader knows of its group when somebody wants to change it. All of it is of the applied state: a
 * change that is under way is found out when this one is proposed. */
export interface GroupFacts {
  readonly leaderId: NodeId;
  readonly confState: ConfState;
  readonly members: Pick<MemberTable, "get" | "list" | "withScmId" | "nextNodeId" | "configVersion">;
  readonly lastIndex: LogIndex;
  /** Highest entry that a member has acknowledged, 0 = none. */
  match(id: NodeId): LogIndex;
  /** It has answered within about an election timeout; the leader itself always has. */
  isLive(id: NodeId): boolean;
}

/** Whoever joins does not know its number yet. */
export type Candidate = Omit<Member, "nodeId">;

/** What to do: nothing, since it is so already, or the change to propose. */
export type Plan = { readonly kind: "done" } | { readonly kind: "change"; readonly change: ConfChange };

const DONE: Plan = { kind: "done" };

/** Adds `candidate` as a learner, which counts for nothing until it is promoted. A repetition changes
 * nothing: the answer to the first request may have been lost.
 *
 * Throws StrataError as all rules do: CONFIG_VERSION, CHANGE_REFUSED, MEMBER_REMOVED. */
export function planAdd(facts: GroupFacts, candidate: Candidate, expected: LogIndex | undefined): Plan {
  const { members } = facts;
  const known = members.withScmId(candidate.scmId);
  if (known?.isRemoved === true) throw new StrataError("MEMBER_REMOVED", { scmId: candidate.scmId });
  if (known !== undefined) return DONE;
  requireVersion(facts, expected);
  const refuse = (reason: string) => refusal(`adding SCM ${candidate.scmId}`, reason);
  if (memberIds(facts.confState).length >= MEMBER_COUNT_MAX) {
    throw refuse(`the group has ${MEMBER_COUNT_MAX} members, the most allowed`);
  }
  for (const row of members.list()) {
    if (row.name !== "" && row.name === candidate.name) {
      throw refuse(`${row.name} is SCM ${row.scmId}: decommission that one first`);
    }
    if (row.host === candidate.host && row.ports.raft === candidate.ports.raft && row.ports.raft !== 0) {
      throw refuse(`SCM ${row.scmId} is at ${row.host}:${row.ports.raft}: decommission that one first`);
    }
  }
  const nodeId = members.nextNodeId;
  return change({ type: CONF_CHANGE.ADD_LEARNER, nodeId }, { ...candidate, nodeId });
}

/** Removes a member for good. `force` allows what leaves a lone voter; nothing allows what leaves the group
 * without a quorum of voters that live. */
export function planRemove(
  facts: GroupFacts,
  scmId: Uuid,
  { expected, force }: { readonly expected: LogIndex | undefined; readonly force: boolean },
): Plan {
  const row = facts.members.withScmId(scmId);
  if (row === undefined) throw new StrataError("MEMBER_UNKNOWN", { scmId });
  if (row.isRemoved) return DONE;
  requireVersion(facts, expected);
  const refuse = (reason: string) => refusal(`removing SCM ${scmId}`, reason);
  if (row.nodeId === facts.leaderId) throw refuse("it leads the group: transfer leadership first");
  const { voters } = facts.confState;
  if (voters.includes(row.nodeId)) {
    const remaining = voters.filter((id) => id !== row.nodeId);
    requireQuorum(facts, voters, refuse);
    requireQuorum(facts, remaining, refuse);
    if (voters.length === 2 && !force) {
      throw refuse(
        "a lone voter would be left, and the group stops for good if this one fails meanwhile; " +
          "add another SCM first, or use --force",
      );
    }
  }
  return change({ type: CONF_CHANGE.REMOVE, nodeId: row.nodeId });
}

/** Makes a learner a voter. */
export function planPromotion(facts: GroupFacts, row: MemberRow): Plan {
  const { nodeId, scmId } = row;
  if (facts.confState.voters.includes(nodeId)) return DONE;
  const refuse = (reason: string) => refusal(`promoting SCM ${scmId}`, reason);
  if (!facts.confState.learners.includes(nodeId)) throw refuse("it is no learner");
  if (!facts.isLive(nodeId)) throw refuse("it does not answer");
  const match = facts.match(nodeId);
  // A voter that does not know the newest members could elect a leader by those before (RATIS-1960,
  // RATIS-2274).
  if (match < facts.members.configVersion) throw refuse("it lacks the latest change of membership");
  const lag = facts.lastIndex - match;
  if (lag > PROMOTION_LAG_MAX) throw refuse(`it lacks ${lag} entries`);
  requireQuorum(facts, [...facts.confState.voters, nodeId], refuse);
  return change({ type: CONF_CHANGE.ADD_VOTER, nodeId });
}

/** Who is to lead: `scmId`, else the voter that is furthest. The leader itself when there is nothing to
 * do. */
export function planTransfer(facts: GroupFacts, scmId: Uuid | undefined): NodeId {
  const { leaderId, members } = facts;
  const { voters } = facts.confState;
  if (scmId === undefined) {
    const others = voters.filter((id) => id !== leaderId && facts.isLive(id));
    const [best] = others.sort((a, b) => facts.match(b) - facts.match(a) || a - b);
    if (best === undefined) throw refusal("transferring leadership", "no other voter answers");
    return best;
  }
  const row = members.withScmId(scmId);
  if (row === undefined) throw new StrataError("MEMBER_UNKNOWN", { scmId });
  if (row.isRemoved) throw new StrataError("MEMBER_REMOVED", { scmId });
  const refuse = (reason: string) => refusal(`transferring leadership to SCM ${scmId}`, reason);
  if (!voters.includes(row.nodeId)) throw refuse("it is a learner and cannot lead");
  if (!facts.isLive(row.nodeId)) throw refuse("it does not answer");
  return row.nodeId;
}

/** Compare-and-set: who changes the group must know what it is (etcd-io/raft#80). */
function requireVersion({ members }: GroupFacts, expected: LogIndex | undefined): void {
  if (expected === undefined || expected === members.configVersion) return;
  throw new StrataError("CONFIG_VERSION", { expected, found: members.configVersion });
}

/** More than half of `voters` answer, so that they can agree on anything. */
function requireQuorum(
  facts: GroupFacts,
  voters: readonly NodeId[],
  refuse: (reason: string) => StrataError,
): void {
  const liveCount = voters.filter((id) => facts.isLive(id)).length;
  if (liveCount * 2 > voters.length) return;
  throw refuse(`${liveCount} of ${voters.length} voters would answer, which is no quorum`);
}

function change(step: ConfChangeStep, added?: Member): Plan {
  const transition = CONF_CHANGE_TRANSITION.AUTO;
  return { kind: "change", change: { transition, steps: [step], context: encodeChangeContext(added) } };
}

function refusal(change: string, reason: string): StrataError {
  return new StrataError("CHANGE_REFUSED", { change, reason });
}
