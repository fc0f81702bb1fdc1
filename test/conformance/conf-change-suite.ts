import { logIndex } from "../../engine/core/ids.js";
import type { ConfChangeRefusal, ConfChangeResult } from "../../engine/raft/conf-change.js";
import { changeSimply, enterJoint, leaveJoint, NO_MEMBERS } from "../../engine/raft/conf-change.js";
import type { ConfChangeStep } from "../../engine/raft/types.js";
import { CONF_CHANGE, nodeId } from "../../engine/raft/types.js";
import type { Directive } from "./datadriven.js";
import { valuesOf } from "./datadriven.js";
import { confStateText, progressText } from "./raft-text.js";
import type { Suite } from "./suite.js";

const STEP_TYPES: Readonly<Record<string, ConfChangeStep["type"]>> = {
  v: CONF_CHANGE.ADD_VOTER,
  l: CONF_CHANGE.ADD_LEARNER,
  r: CONF_CHANGE.REMOVE,
  u: CONF_CHANGE.UPDATE,
};

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

  const change = (directive: Directive): ConfChangeResult | string => {
    const added = { lastIndex: logIndex(lastIndex), inflightLimits: { countMax: 10, bytesMax: 2 ** 40 } };
    const steps = parseSteps(directive.input);
    if (typeof steps === "string") return steps;
    switch (directive.command) {
      case "simple":
        return changeSimply(membership, steps, added);
      case "enter-joint": {
        const autoLeave = valuesOf(directive, "autoleave")[0] === "true";
        return enterJoint(membership, steps, { ...added, autoLeave });
      }
      case "leave-joint":
        return steps.length > 0 ? "this command takes no input" : leaveJoint(membership);
      default:
        return "unknown command";
    }
  };

  return (directive) => {
    const result = change(directive);
    lastIndex++;
    if (typeof result === "string") return result;
    if (result.kind === "refused") return REFUSALS[result.reason];
    membership = result.membership;
    const lines = membership.progress.map((progress) => `${progress.id}: ${progressText(progress)}\n`);
    return `${confStateText(membership.confState)}\n${lines.join("")}`;
  };
};

/** "v1 l2 r3 u4"; a text says what is wrong. */
function parseSteps(input: string): ConfChangeStep[] | string {
  const steps: ConfChangeStep[] = [];
  for (const token of input.split(/\s+/).filter((word) => word !== "")) {
    if (token.length < 2) return `unknown token ${token}`;
    const type = STEP_TYPES[token[0] as string];
    if (type === undefined) return `unknown input: ${token}`;
    steps.push({ type, nodeId: nodeId(Number(token.slice(1))) });
  }
  return steps;
}
