import type { ConfChangeStep } from "../../engine/raft/types.js";
import { CONF_CHANGE, nodeId } from "../../engine/raft/types.js";
import { CommandError } from "./scenario-errors.js";

const STEP_TYPES: Readonly<Record<string, ConfChangeStep["type"]>> = {
  v: CONF_CHANGE.ADD_VOTER,
  l: CONF_CHANGE.ADD_LEARNER,
  r: CONF_CHANGE.REMOVE,
  u: CONF_CHANGE.UPDATE,
};

/** "v1 l2 r3 u4". Throws CommandError. */
export function parseSteps(input: string): ConfChangeStep[] {
  return input
    .split(/\s+/)
    .filter((word) => word !== "")
    .map(parseStep);
}

function parseStep(token: string): ConfChangeStep {
  if (token.length < 2) throw new CommandError(`unknown token ${token}`);
  const type = STEP_TYPES[token[0] as string];
  if (type === undefined) throw new CommandError(`unknown input: ${token}`);
  const id = token.slice(1);
  if (!/^\d+$/.test(id)) throw new CommandError(`strconv.ParseUint: parsing "${id}": invalid syntax`);
  return { type, nodeId: nodeId(Number(id)) };
}
