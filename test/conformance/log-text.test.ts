import assert from "node:assert/strict";
import { test } from "node:test";
import { logIndex, term } from "../../engine/core/ids.js";
import { MESSAGE_KIND } from "../../engine/raft/message.js";
import { PROGRESS_STATE } from "../../engine/raft/progress.js";
import type { TraceEvent } from "../../engine/raft/trace.js";
import type { ConfState, EntryId, ProgressStatus } from "../../engine/raft/types.js";
import { CONF_CHANGE, CONF_CHANGE_TRANSITION, nodeId, ROLE } from "../../engine/raft/types.js";
import { loggingTrace } from "./log-text.js";
import { ScenarioOutput } from "./scenario-output.js";

const JOINT: ConfState = {
  voters: [nodeId(1), nodeId(26)],
  votersOutgoing: [nodeId(1), nodeId(3)],
  learners: [nodeId(4)],
  learnersNext: [nodeId(3)],
  autoLeave: true,
};
const JOINT_TEXT = "voters=(1 1a)&&(1 3) learners=(4) learners_next=(3) autoleave";
const PROGRESS: ProgressStatus = {
  id: nodeId(11),
  state: PROGRESS_STATE.SNAPSHOT,
  match: logIndex(1),
  next: logIndex(13),
  isLearner: true,
  isRecentlyActive: false,
  isPaused: true,
  pendingSnapshot: logIndex(12),
  inflightCount: 2,
  isInflightFull: true,
};
const PROGRESS_TEXT = "StateSnapshot match=1 next=13 learner paused pendingSnap=12 inactive inflight=2[full]";

function id(ofTerm: number, index: number): EntryId {
  return { term: term(ofTerm), index: logIndex(index) };
}

/** What node 26 (1a) logs. */
function logged(event: TraceEvent): string {
  const output = new ScenarioOutput();
  loggingTrace(output).event(nodeId(26), event);
  return output.text;
}

/** Wording of etcd-io/raft raft.go, log.go and log_unstable.go: mainly of lines that no public scenario
 * shows. */
const LINES: readonly (readonly [TraceEvent, string])[] = [
  [
    {
      kind: "started",
      confState: JOINT,
      term: term(2),
      commit: logIndex(3),
      applied: logIndex(4),
      last: id(1, 5),
    },
    "INFO newRaft 1a [peers: [1,3,1a], term: 2, commit: 3, applied: 4, lastindex: 5, lastterm: 1]",
  ],
  [{ kind: "becamePreCandidate", term: term(2) }, "INFO 1a became pre-candidate at term 2"],
  [
    { kind: "campaignRefused", reason: "alreadyLeader", term: term(2) },
    "DEBUG 1a ignoring MsgHup because already leader",
  ],
  [
    { kind: "campaignRefused", reason: "unappliedConfChange", term: term(2) },
    "WARN 1a cannot campaign at term 2 since there are still pending configuration changes to apply",
  ],
  [
    {
      kind: "voteDecided",
      outcome: "ignored",
      from: nodeId(11),
      message: MESSAGE_KIND.PRE_VOTE_REQ,
      last: id(1, 5),
      vote: nodeId(10),
      candidateLast: id(2, 6),
      term: term(3),
      remainingTicks: 4,
    },
    "INFO 1a [logterm: 1, index: 5, vote: a] ignored MsgPreVote from b [logterm: 2, index: 6] at term 3: " +
      "lease is not expired (remaining ticks: 4)",
  ],
  [
    {
      kind: "voteReceived",
      from: nodeId(11),
      message: MESSAGE_KIND.VOTE_RESP,
      rejected: true,
      term: term(3),
    },
    "INFO 1a received MsgVoteResp rejection from b at term 3",
  ],
  [
    { kind: "proposalDropped", reason: "transferring", term: term(2), transferTarget: nodeId(11) },
    "DEBUG 1a [term 2] transfer leadership to b is in progress; dropping proposal",
  ],
  [{ kind: "proposalDropped", reason: "notVoter", term: term(2), transferTarget: nodeId(0) }, ""],
  [
    {
      kind: "confChangeIgnored",
      change: {
        transition: CONF_CHANGE_TRANSITION.JOINT_EXPLICIT,
        steps: [
          { type: CONF_CHANGE.REMOVE, nodeId: nodeId(26) },
          { type: CONF_CHANGE.ADD_LEARNER, nodeId: nodeId(2) },
        ],
        context: new Uint8Array(0),
      },
      confState: JOINT,
      reason: "pending",
      pendingIndex: logIndex(7),
      applied: logIndex(6),
    },
    "INFO 1a ignoring conf change transition:ConfChangeTransitionJointExplicit " +
      "changes:{type:ConfChangeRemoveNode node_id:26} changes:{type:ConfChangeAddLearnerNode node_id:2} " +
      `at config ${JOINT_TEXT}: possible unapplied conf change at index 7 (applied to 6)`,
  ],
  [
    { kind: "autoLeaving", confState: JOINT, proposed: false },
    `DEBUG not initiating automatic transition out of joint configuration ${JOINT_TEXT}: ` +
      "raft proposal dropped",
  ],
  [{ kind: "unknownMember", from: nodeId(11) }, "DEBUG 1a no progress available for b"],
  [
    { kind: "snapshotSucceeded", peer: nodeId(11), progress: PROGRESS },
    `DEBUG 1a snapshot succeeded, resumed sending replication messages to b [${PROGRESS_TEXT}]`,
  ],
  [
    { kind: "snapshotFailed", peer: nodeId(11), progress: PROGRESS },
    `DEBUG 1a snapshot failed, resumed sending replication messages to b [${PROGRESS_TEXT}]`,
  ],
  [
    { kind: "snapshotNotSent", to: nodeId(11), reason: "inactive" },
    "DEBUG ignore sending snapshot to b since it is not recently active",
  ],
  [
    {
      kind: "snapshotHandled",
      stage: "fastForwarded",
      snapshot: id(2, 6),
      commit: logIndex(5),
      last: id(3, 9),
    },
    "INFO 1a [commit: 5, lastindex: 9, lastterm: 3] fast-forwarded commit to snapshot [index: 6, term: 2]",
  ],
  [
    { kind: "snapshotHandled", stage: "ignored", snapshot: id(2, 6), commit: logIndex(7), last: id(3, 9) },
    "INFO 1a [commit: 7] ignored snapshot [index: 6, term: 2]",
  ],
  [
    { kind: "transferAborted", target: nodeId(11), term: term(2) },
    "INFO 1a [term 2] abort previous transferring leadership to b",
  ],
  [
    { kind: "transferRepeatedIgnored", target: nodeId(11), term: term(2) },
    "INFO 1a [term 2] transfer leadership to b is in progress, ignores request to same node b",
  ],
  [
    { kind: "timeoutNowSent", to: nodeId(11), cause: "caughtUp" },
    "INFO 1a sent MsgTimeoutNow to b after received MsgAppResp",
  ],
  [
    { kind: "timeoutNowReceived", from: nodeId(11), term: term(2), role: ROLE.PRE_CANDIDATE },
    "DEBUG 1a [term 2 state StatePreCandidate] ignored MsgTimeoutNow from b",
  ],
  [{ kind: "unstableTruncated", from: logIndex(7) }, "INFO truncate the unstable entries before index 7"],
  [
    { kind: "stableIgnored", reason: "matchedSnapshot", attested: id(2, 6), found: term(0) },
    "INFO entry at index 6 matched unstable snapshot; ignoring",
  ],
  [{ kind: "forgetLeaderRefused" }, "ERROR ignoring MsgForgetLeader due to ReadOnlyLeaseBased"],
];

test("each event is worded as etcd words it, with ids in hex", () => {
  for (const [event, line] of LINES) assert.equal(logged(event), line === "" ? "" : `${line}\n`);
});

test("a log level hides what is below it, the last one also what commands print", () => {
  const output = new ScenarioOutput();
  const text = (): string => {
    output.clear();
    output.log("DEBUG", "d");
    output.log("INFO", "i");
    output.log("WARN", "w");
    output.write("done\n");
    return output.text;
  };
  assert.equal(text(), "DEBUG d\nINFO i\nWARN w\ndone\n");
  output.level = "WARN";
  assert.equal(text(), "WARN w\ndone\n");
  output.level = "NONE";
  assert.equal(text(), "");
});

test("a part of the output is set in, also when it is broken off", () => {
  const output = new ScenarioOutput();
  output.write("a\n");
  assert.throws(() =>
    output.indented(() => {
      output.write("b\n\nc");
      throw new Error("stop");
    }),
  );
  assert.equal(output.text, "a\n  b\n  \n  c\n");
});
