import {
  committedIndex,
  jointCommittedIndex,
  jointVoteResult,
  type VoteResult,
  voteResult,
} from "../../engine/raft/quorum.js";
import type { Directive } from "./datadriven.js";
import { hasArgument, valuesOf } from "./datadriven.js";
import type { Suite } from "./suite.js";

const VOTE_NAMES: Readonly<Record<VoteResult, string>> = {
  pending: "VotePending",
  lost: "VoteLost",
  won: "VoteWon",
};

/** As which etcd's suite reads, and prints, what is no index. */
const GIVEN_NUMBERS: Readonly<Record<string, string>> = { _: "0", n: "1", y: "2" };

/** Commands `committed` and `vote`: arithmetic of one majority, or of two joint ones. Results that must
 * not differ, such as after exchanging the halves, are worked out too, and told in the output when they
 * do. */
export const quorumSuite: Suite = () => runQuorum;

function runQuorum(directive: Directive): string {
  const incoming = idsOf(valuesOf(directive, "cfg"));
  const outgoing = idsOf(valuesOf(directive, "cfgj").filter((value) => value !== "zero"));
  const isJoint = hasArgument(directive, "cfgj");
  const members = idsOf([...incoming, ...outgoing].map(String)).sort((a, b) => a - b);
  const given = valuesOf(directive, directive.command === "vote" ? "votes" : "idx");
  if (given.length !== members.length) {
    const voters = `map[${members.map((id) => `${id}:{}`).join(" ")}]`;
    const inputs = given.map((input) => GIVEN_NUMBERS[input] ?? input).join(" ");
    return `error: mismatched input (explicit or _) for voters ${voters}: [${inputs}]`;
  }
  const inOrderOfNaming = [...new Set([...incoming, ...outgoing])];
  const inputs = new Map(inOrderOfNaming.map((id, i) => [id, given[i] as string]));
  if (directive.command === "vote") return runVote(incoming, outgoing, isJoint, inputs);
  if (directive.command === "committed") return runCommitted(incoming, outgoing, isJoint, inputs);
  return `unknown command: ${directive.command}`;
}

function idsOf(values: readonly string[]): number[] {
  return [...new Set(values.map(Number))];
}

type Inputs = ReadonlyMap<number, string>;

function runVote(
  incoming: readonly number[],
  outgoing: readonly number[],
  isJoint: boolean,
  inputs: Inputs,
): string {
  const votesOf = (ids: readonly number[]): (boolean | undefined)[] =>
    ids.map((id) => (inputs.get(id) === "_" ? undefined : inputs.get(id) === "y"));
  if (!isJoint) return VOTE_NAMES[voteResult(votesOf(incoming))];
  const result = jointVoteResult(votesOf(incoming), votesOf(outgoing));
  const exchanged = jointVoteResult(votesOf(outgoing), votesOf(incoming));
  const symmetry = exchanged === result ? "" : `${VOTE_NAMES[exchanged]} <-- via symmetry\n`;
  return symmetry + VOTE_NAMES[result];
}

function runCommitted(
  incoming: readonly number[],
  outgoing: readonly number[],
  isJoint: boolean,
  inputs: Inputs,
): string {
  const ackedOf = (ids: readonly number[]): number[] =>
    ids.map((id) => (inputs.get(id) === "_" ? 0 : Number(inputs.get(id))));
  const differing = (index: number, result: number, how: string): string =>
    index === result ? "" : `${indexText(index)} <-- via ${how}\n`;
  if (isJoint) {
    const result = jointCommittedIndex(ackedOf(incoming), ackedOf(outgoing));
    const exchanged = jointCommittedIndex(ackedOf(outgoing), ackedOf(incoming));
    const members = [...new Set([...incoming, ...outgoing])];
    return bars(members, inputs) + differing(exchanged, result, "symmetry") + indexText(result);
  }
  const acked = ackedOf(incoming);
  const result = committedIndex(acked);
  return (
    bars(incoming, inputs) +
    differing(jointCommittedIndex(acked, []), result, "zero-joint quorum") +
    differing(jointCommittedIndex(acked, acked), result, "self-joint quorum") +
    overlays(acked, result) +
    indexText(result)
  );
}

/** What lies below the result may fall further without changing it. */
function overlays(acked: readonly number[], result: number): string {
  let text = "";
  acked.forEach((index, i) => {
    if (index === 0 || index >= result) return;
    for (const lowered of [index - 1, 0]) {
      const other = committedIndex(acked.with(i, lowered));
      if (other !== result) text += `${indexText(other)} <-- overlaying voter ${i}: ${index}->${lowered}\n`;
    }
  });
  return text;
}

function indexText(index: number): string {
  return index === Number.POSITIVE_INFINITY ? "∞" : String(index);
}

/** A line for each voter, with a bar as long as the number of voters that are behind it. */
function bars(ids: readonly number[], inputs: Inputs): string {
  if (ids.length === 0) return "<empty majority quorum>";
  const sorted = ids.toSorted((a, b) => a - b);
  const indexOf = (id: number): number => (inputs.get(id) === "_" ? 0 : Number(inputs.get(id)));
  const blank = " ".repeat(ids.length);
  const lines = sorted.map((id) => {
    const behind = ids.filter((other) => indexOf(other) < indexOf(id)).length;
    const bar = inputs.get(id) === "_" ? `?${blank}` : `${"x".repeat(behind)}>${blank.slice(behind)}`;
    return `${bar} ${String(indexOf(id)).padStart(5)}    (id=${id.toString(16)})\n`;
  });
  return `${blank}    idx\n${lines.join("")}`;
}
