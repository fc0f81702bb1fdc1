import type { Ready } from "../../engine/raft/ready.js";
import type { HardState, Role } from "../../engine/raft/types.js";
import { ROLE } from "../../engine/raft/types.js";
import { entryLines, snapshotText } from "./entry-text.js";
import { messageText } from "./message-text.js";

export const ROLE_NAMES: Readonly<Record<Role, string>> = {
  [ROLE.FOLLOWER]: "StateFollower",
  [ROLE.CANDIDATE]: "StateCandidate",
  [ROLE.LEADER]: "StateLeader",
  [ROLE.PRE_CANDIDATE]: "StatePreCandidate",
};

/** As etcd-io/raft's DescribeReady. Confirmed reads are left out: no command of the suite asks for one. */
export function readyText(ready: Ready): string {
  const { softState, hardState, entries, snapshot, committedEntries, messages, mustSync } = ready;
  const text = [
    softState === undefined ? "" : `Lead:${softState.leader} State:${ROLE_NAMES[softState.role]}\n`,
    hardState === undefined ? "" : `HardState ${hardStateText(hardState)}\n`,
    entries.length === 0 ? "" : `Entries:\n${entryLines(entries)}`,
    snapshot === undefined ? "" : `Snapshot ${snapshotText(snapshot)}\n`,
    committedEntries.length === 0 ? "" : `CommittedEntries:\n${entryLines(committedEntries)}`,
    messages.length === 0
      ? ""
      : `Messages:\n${messages.map((message) => `${messageText(message)}\n`).join("")}`,
  ].join("");
  return text === "" ? "<empty Ready>" : `Ready MustSync=${mustSync}:\n${text}`;
}

function hardStateText({ term, vote, commit }: HardState): string {
  return `Term:${term}${vote === 0 ? "" : ` Vote:${vote}`} Commit:${commit}`;
}
