import type { LogIndex } from "../../engine/core/ids.js";
import { logIndex } from "../../engine/core/ids.js";
import type { ConfChangeRefusal, ConfChangeResult, Membership } from "../../engine/raft/conf-change.js";
import { changeSimply, enterJoint, leaveJoint, NO_MEMBERS } from "../../engine/raft/conf-change.js";
import { truthValue } from "./arguments.js";
import { parseSteps } from "./conf-change-steps.js";
import type { Directive } from "./datadriven.js";
import { valuesOf } from "./datadriven.js";
import { confStateText, progressLines } from "./raft-text.js";
import { CommandError } from "./scenario-errors.js";
import type { Suite } from "./suite.js";

const REFUSALS: Readonly<Record<ConfChangeRefusal, string>> = {
  alreadyJoint: "config is already joint",
  notJoint: "can't leave a non-joint config",
  noVoters: "can't make a zero-voter config joint",
  mustLeaveJointFirst: "can't apply simple config change in joint config",
  removedAllVoters: "removed all voters",
  moreThanOneVoter: "more than one voter changed without entering joint config",
};

/** Commands `simple`, `enter-joint` and `leave-joint`, one after the other from an empty configuration;
 * each counts as an entry of the log. */
export const confChangeSuite: Suite = () => {
  let membership = NO_MEMBERS;
  let lastIndex = 0;
  return (directive) => {
    try {
      membership = change(membership, directive, logIndex(lastIndex));
    } catch (error) {
      if (error instanceof CommandError) return error.message;
      throw error;
    } finally {
      lastIndex++;
    }
    const lines = progressLines(membership.progress.map((progress) => progress.status()));
    return `${confStateText(membership.confState)}\n${lines}`;
  };
};

function change(before: Membership, directive: Directive, lastIndex: LogIndex): Membership {
  const result = changeResult(before, directive, lastIndex);
  if (result.kind === "refused") throw new CommandError(REFUSALS[result.reason]);
  return result.membership;
}

function changeResult(before: Membership, directive: Directive, lastIndex: LogIndex): ConfChangeResult {
  const added = { lastIndex, inflightLimits: { countMax: 10, bytesMax: 2 ** 40 } };
  const steps = parseSteps(directive.input);
  switch (directive.command) {
    case "simple":
      return changeSimply(before, steps, added);
    case "enter-joint": {
      const [autoLeave] = valuesOf(directive, "autoleave").map(truthValue);
      return enterJoint(before, steps, { ...added, autoLeave: autoLeave ?? false });
    }
    case "leave-joint":
      if (steps.length > 0) throw new CommandError("this command takes no input");
      return leaveJoint(before);
    default:
      throw new CommandError("unknown command");
  }
}
