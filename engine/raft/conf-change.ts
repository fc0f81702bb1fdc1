import { assert } from "../core/assert.js";
import type { LogIndex } from "../core/ids.js";
import { logIndex } from "../core/ids.js";
import type { InflightLimits } from "./progress.js";
import { Progress, progressOf } from "./progress.js";
import type { ConfChange, ConfChangeStep, ConfState, NodeId } from "./types.js";
import { CONF_CHANGE, CONF_CHANGE_TRANSITION, isLocalThread, NO_NODE } from "./types.js";

/** Who is a member, and what is known of each: a table sorted by id. Replaced as a whole by a change. */
export interface Membership {
  readonly confState: ConfState;
  readonly progress: readonly Progress[];
}

/** Of members that a change adds. */
export interface AddedProgress {
  readonly lastIndex: LogIndex;
  readonly inflightLimits: InflightLimits;
}

export type ConfChangeRefusal =
  | "alreadyJoint"
  | "notJoint"
  | "noVoters"
  | "mustLeaveJointFirst"
  | "removedAllVoters"
  | "moreThanOneVoter";

export type ConfChangeResult =
  | { readonly kind: "changed"; readonly membership: Membership }
  | { readonly kind: "refused"; readonly reason: ConfChangeRefusal };

export const NO_MEMBERS: Membership = {
  confState: { voters: [], votersOutgoing: [], learners: [], learnersNext: [], autoLeave: false },
  progress: [],
};

/** The membership after a committed change, in whichever of the three ways below it asks for. */
export function changeMembership(
  before: Membership,
  { transition, steps }: ConfChange,
  added: AddedProgress,
): ConfChangeResult {
  const isAuto = transition === CONF_CHANGE_TRANSITION.AUTO;
  if (isAuto && steps.length === 0) return leaveJoint(before);
  if (isAuto && steps.length === 1) return changeSimply(before, steps, added);
  const autoLeave = transition !== CONF_CHANGE_TRANSITION.JOINT_EXPLICIT;
  return enterJoint(before, steps, { ...added, autoLeave });
}

/** The same for a host that only replays: undefined when the change is not legal after `before`. */
export function changeConfState(before: ConfState, change: ConfChange): ConfState | undefined {
  const unknown = { lastIndex: logIndex(0), inflightLimits: { countMax: 1, bytesMax: 1 } };
  const result = changeMembership(restoreMembership(before, unknown), change, unknown);
  return result.kind === "changed" ? result.membership.confState : undefined;
}

/** Changes that move at most one voter, so that the majorities before and after overlap. From an empty
 * configuration any first one is possible (bootstrap). */
export function changeSimply(
  before: Membership,
  steps: readonly ConfChangeStep[],
  added: AddedProgress,
): ConfChangeResult {
  checkMembership(before);
  if (isJoint(before.confState)) return { kind: "refused", reason: "mustLeaveJointFirst" };
  const draft = new Draft(before, added);
  draft.take(steps);
  if (draft.voters.length === 0) return { kind: "refused", reason: "removedAllVoters" };
  if (differenceCount(before.confState.voters, draft.voters) > 1) {
    return { kind: "refused", reason: "moreThanOneVoter" };
  }
  return draft.result(false);
}

/** Goes to the joint configuration in which the old voters (outgoing) and the new ones must both agree:
 * `(1 2 3)` becomes `(1 2 4)&&(1 2 3)` (thesis §4.3). */
export function enterJoint(
  before: Membership,
  steps: readonly ConfChangeStep[],
  options: AddedProgress & { readonly autoLeave: boolean },
): ConfChangeResult {
  checkMembership(before);
  const { confState } = before;
  if (isJoint(confState)) return { kind: "refused", reason: "alreadyJoint" };
  if (confState.voters.length === 0) return { kind: "refused", reason: "noVoters" };
  const draft = new Draft(
    { ...before, confState: { ...confState, votersOutgoing: confState.voters } },
    options,
  );
  draft.take(steps);
  if (draft.voters.length === 0) return { kind: "refused", reason: "removedAllVoters" };
  return draft.result(options.autoLeave);
}

/** Drops the outgoing voters. Those that were only waiting to become learners become them; those that are
 * nothing else any more are forgotten. */
export function leaveJoint(before: Membership): ConfChangeResult {
  checkMembership(before);
  const { voters, learners, learnersNext } = before.confState;
  if (!isJoint(before.confState)) return { kind: "refused", reason: "notJoint" };
  const newLearners = learnersNext.reduce(withId, learners);
  const progress = before.progress
    .filter(({ id }) => voters.includes(id) || newLearners.includes(id))
    .map((member) => (learnersNext.includes(member.id) ? asLearner(member, true) : member));
  const confState = {
    voters,
    votersOutgoing: [],
    learners: newLearners,
    learnersNext: [],
    autoLeave: false,
  };
  return changed({ confState, progress });
}

/** All members, in whatever part of it, ascending. */
export function memberIds(confState: ConfState): NodeId[] {
  const { voters, votersOutgoing, learners, learnersNext } = confState;
  return [...new Set([...voters, ...votersOutgoing, ...learners, ...learnersNext])].sort((a, b) => a - b);
}

/** The membership that `confState` describes, with nothing known of its members. Throws AssertionError
 * when no sequence of changes leads to it. */
export function restoreMembership(confState: ConfState, added: AddedProgress): Membership {
  let membership = NO_MEMBERS;
  const apply = (result: ConfChangeResult): void => {
    assert(result.kind === "changed", "a stored configuration is reached by legal changes");
    membership = result.membership;
  };
  const { voters, votersOutgoing, learners, learnersNext, autoLeave } = confState;
  const target = [
    ...voters.map((id): ConfChangeStep => ({ type: CONF_CHANGE.ADD_VOTER, nodeId: id })),
    ...learners
      .concat(learnersNext)
      .map((id): ConfChangeStep => ({ type: CONF_CHANGE.ADD_LEARNER, nodeId: id })),
  ];
  if (votersOutgoing.length === 0) {
    for (const step of target) apply(changeSimply(membership, [step], added));
  } else {
    // First the configuration before the joint one, whose learners do not matter any more.
    for (const id of votersOutgoing) {
      apply(changeSimply(membership, [{ type: CONF_CHANGE.ADD_VOTER, nodeId: id }], added));
    }
    const removals = votersOutgoing.map((id): ConfChangeStep => ({ type: CONF_CHANGE.REMOVE, nodeId: id }));
    apply(enterJoint(membership, [...removals, ...target], { ...added, autoLeave }));
  }
  assert(isSameConfState(membership.confState, confState), "a stored configuration is restored as it was");
  return membership;
}

/** Whether changes lead to `confState`, so that `restoreMembership` takes it. Without voters there is
 * nobody who could have agreed on it. */
export function isRestorable(confState: ConfState): boolean {
  const { voters, votersOutgoing, learners, learnersNext, autoLeave } = confState;
  if (voters.length === 0) return false;
  for (const ids of [voters, votersOutgoing, learners, learnersNext]) {
    if (ids.some((id, i) => id === NO_NODE || isLocalThread(id) || (i > 0 && (ids[i - 1] as NodeId) >= id))) {
      return false;
    }
  }
  const isIn = (ids: readonly NodeId[]) => (id: NodeId) => ids.includes(id);
  if (learners.some(isIn(voters)) || learners.some(isIn(votersOutgoing))) return false;
  if (learnersNext.some(isIn(voters)) || !learnersNext.every(isIn(votersOutgoing))) return false;
  return !autoLeave || isJoint(confState);
}

/** Throws AssertionError. An empty membership is legal: there a cluster begins. */
export function checkMembership({ confState, progress }: Membership): void {
  const { voters, votersOutgoing, learners, learnersNext, autoLeave } = confState;
  for (const ids of [voters, votersOutgoing, learners, learnersNext]) {
    for (let i = 0; i < ids.length; i++) {
      assert(i === 0 || (ids[i - 1] as NodeId) < (ids[i] as NodeId), "ids ascend");
      assert(progressOf(progress, ids[i] as NodeId) !== undefined, `no progress for member ${ids[i]}`);
    }
  }
  for (const id of learnersNext) {
    // It was held back because it still votes in the outgoing half.
    assert(votersOutgoing.includes(id), `${id} waits to become a learner, but is no outgoing voter`);
    assert(!progressOf(progress, id)?.isLearner, `${id} waits to become a learner, but is one`);
  }
  for (const id of learners) {
    assert(!votersOutgoing.includes(id), `${id} is a learner and an outgoing voter`);
    assert(!voters.includes(id), `${id} is a learner and a voter`);
    assert(progressOf(progress, id)?.isLearner === true, `${id} is a learner, but not tracked as one`);
  }
  for (const { id } of progress) {
    const isMember = voters.includes(id) || votersOutgoing.includes(id) || learners.includes(id);
    assert(isMember, `${id} is tracked, but no member`);
  }
  if (isJoint(confState)) return;
  assert(learnersNext.length === 0, "learners wait only in a joint configuration");
  assert(!autoLeave, "only a joint configuration is left");
}

export function isJoint(confState: ConfState): boolean {
  return confState.votersOutgoing.length > 0;
}

/** A membership while it is being changed. */
class Draft {
  voters: readonly NodeId[];
  readonly #votersOutgoing: readonly NodeId[];
  #learners: readonly NodeId[];
  #learnersNext: readonly NodeId[];
  #progress: readonly Progress[];
  readonly #added: AddedProgress;

  constructor({ confState, progress }: Membership, added: AddedProgress) {
    this.voters = confState.voters;
    this.#votersOutgoing = confState.votersOutgoing;
    this.#learners = confState.learners;
    this.#learnersNext = confState.learnersNext;
    this.#progress = progress;
    this.#added = added;
  }

  take(steps: readonly ConfChangeStep[]): void {
    for (const { type, nodeId } of steps) {
      // A host may blank out the id of a step that it decided against.
      if (nodeId === 0) continue;
      if (type === CONF_CHANGE.ADD_VOTER) this.#makeVoter(nodeId);
      else if (type === CONF_CHANGE.ADD_LEARNER) this.#makeLearner(nodeId);
      else if (type === CONF_CHANGE.REMOVE) this.#remove(nodeId);
    }
  }

  result(autoLeave: boolean): ConfChangeResult {
    return changed({
      confState: {
        voters: this.voters,
        votersOutgoing: this.#votersOutgoing,
        learners: this.#learners,
        learnersNext: this.#learnersNext,
        autoLeave,
      },
      progress: this.#progress,
    });
  }

  #makeVoter(id: NodeId): void {
    const known = progressOf(this.#progress, id);
    this.#track(known === undefined ? this.#newProgress(id, false) : asLearner(known, false));
    this.#learners = withoutId(this.#learners, id);
    this.#learnersNext = withoutId(this.#learnersNext, id);
    this.voters = withId(this.voters, id);
  }

  #makeLearner(id: NodeId): void {
    const known = progressOf(this.#progress, id);
    if (known?.isLearner) return;
    if (known === undefined) {
      this.#track(this.#newProgress(id, true));
      this.#learners = withId(this.#learners, id);
      return;
    }
    this.#remove(id);
    // One that still votes in the outgoing half becomes a learner when that half goes.
    const mustWait = this.#votersOutgoing.includes(id);
    this.#track(asLearner(known, !mustWait));
    if (mustWait) this.#learnersNext = withId(this.#learnersNext, id);
    else this.#learners = withId(this.#learners, id);
  }

  #remove(id: NodeId): void {
    this.voters = withoutId(this.voters, id);
    this.#learners = withoutId(this.#learners, id);
    this.#learnersNext = withoutId(this.#learnersNext, id);
    if (this.#votersOutgoing.includes(id)) return;
    this.#progress = this.#progress.filter((member) => member.id !== id);
  }

  #track(progress: Progress): void {
    const others = this.#progress.filter((member) => member.id !== progress.id);
    this.#progress = others.concat(progress).sort((a, b) => a.id - b.id);
  }

  #newProgress(id: NodeId, isLearner: boolean): Progress {
    return Progress.added(id, isLearner, this.#added.lastIndex, this.#added.inflightLimits);
  }
}

function changed(membership: Membership): ConfChangeResult {
  checkMembership(membership);
  return { kind: "changed", membership };
}

/** `progress` itself when it is so already: the old table must not change, since the change may be
 * refused. */
function asLearner(progress: Progress, isLearner: boolean): Progress {
  if (progress.isLearner === isLearner) return progress;
  const copy = progress.copy();
  copy.isLearner = isLearner;
  return copy;
}

function withId(ids: readonly NodeId[], id: NodeId): readonly NodeId[] {
  return ids.includes(id) ? ids : ids.concat(id).sort((a, b) => a - b);
}

function withoutId(ids: readonly NodeId[], id: NodeId): readonly NodeId[] {
  return ids.includes(id) ? ids.filter((other) => other !== id) : ids;
}

/** Ids that are in one of the two only. */
function differenceCount(a: readonly NodeId[], b: readonly NodeId[]): number {
  return a.filter((id) => !b.includes(id)).length + b.filter((id) => !a.includes(id)).length;
}

function isSameConfState(a: ConfState, b: ConfState): boolean {
  const isSame = (x: readonly NodeId[], y: readonly NodeId[]): boolean => differenceCount(x, y) === 0;
  if (!isSame(a.voters, b.voters) || !isSame(a.votersOutgoing, b.votersOutgoing)) return false;
  if (!isSame(a.learners, b.learners) || !isSame(a.learnersNext, b.learnersNext)) return false;
  return a.autoLeave === b.autoLeave;
}
