import type { RaftTrace, TraceEvent } from "../../engine/raft/trace.js";
import type { ConfState, EntryId, NodeId, ProgressStatus } from "../../engine/raft/types.js";
import { ROLE } from "../../engine/raft/types.js";
import { confChangeText } from "./entry-text.js";
import { MESSAGE_NAMES } from "./message-text.js";
import { confStateText, progressText } from "./raft-text.js";
import { ROLE_NAMES } from "./ready-text.js";
import type { LogLevel, ScenarioOutput } from "./scenario-output.js";

type Kind = TraceEvent["kind"];
/** The variant of `E` whose kind can be `K`. */
type EventOf<K extends Kind, E = TraceEvent> = E extends { readonly kind: infer Kinds }
  ? K extends Kinds
    ? E
    : never
  : never;
type Line = readonly [level: LogLevel, text: string];

/** What etcd-io/raft logs at each place where the core emits an event; undefined where it says nothing.
 * `id` is that of the node, as the lines print it. */
type Wording = { readonly [K in Kind]: (id: string, event: EventOf<K>) => Line | undefined };

const WORDING: Wording = {
  started: (id, { confState, term, commit, applied, last }) => {
    const peers = [...new Set([...confState.voters, ...confState.votersOutgoing])].sort((a, b) => a - b);
    return info(
      `newRaft ${id} [peers: [${peers.map(hex).join(",")}], term: ${term}, commit: ${commit}, ` +
        `applied: ${applied}, lastindex: ${last.index}, lastterm: ${last.term}]`,
    );
  },
  becameFollower: (id, { term }) => info(`${id} became follower at term ${term}`),
  becamePreCandidate: (id, { term }) => info(`${id} became pre-candidate at term ${term}`),
  becameCandidate: (id, { term }) => info(`${id} became candidate at term ${term}`),
  becameLeader: (id, { term }) => info(`${id} became leader at term ${term}`),
  startingElection: (id, { term }) => info(`${id} is starting a new election at term ${term}`),
  campaignRefused: (id, { reason, term }) => {
    switch (reason) {
      case "alreadyLeader":
        return debug(`${id} ignoring MsgHup because already leader`);
      case "notPromotable":
        return warn(`${id} is unpromotable and can not campaign`);
      case "unappliedConfChange":
        return warn(
          `${id} cannot campaign at term ${term} ` +
            "since there are still pending configuration changes to apply",
        );
      case "lostPromotion":
        return warn(`${id} is unpromotable; campaign() should have been called`);
    }
  },

  voteRequested: (id, { to, message, last, term }) =>
    info(`${id} ${logEnd(last)} sent ${MESSAGE_NAMES[message]} request to ${hex(to)} at term ${term}`),
  voteDecided: (id, event) => {
    const { outcome, from, message, last, vote, candidateLast, term, remainingTicks } = event;
    const voter = `${id} [logterm: ${last.term}, index: ${last.index}, vote: ${hex(vote)}]`;
    const candidate = `${hex(from)} ${logEnd(candidateLast)} at term ${term}`;
    const name = MESSAGE_NAMES[message];
    switch (outcome) {
      case "granted":
        return info(`${voter} cast ${name} for ${candidate}`);
      case "rejected":
        return info(`${voter} rejected ${name} from ${candidate}`);
      case "ignored":
        return info(
          `${voter} ignored ${name} from ${candidate}: ` +
            `lease is not expired (remaining ticks: ${remainingTicks})`,
        );
    }
  },
  voteReceived: (id, { from, message, rejected, term }) =>
    info(
      `${id} received ${MESSAGE_NAMES[message]}${rejected ? " rejection" : ""} ` +
        `from ${hex(from)} at term ${term}`,
    ),
  votesCounted: (id, { message, granted, rejected }) =>
    info(`${id} has received ${granted} ${MESSAGE_NAMES[message]} votes and ${rejected} vote rejections`),
  higherTermSeen: (id, { message, from, messageTerm, term }) =>
    info(
      `${id} [term: ${term}] received a ${MESSAGE_NAMES[message]} message with higher term ` +
        `from ${hex(from)} [term: ${messageTerm}]`,
    ),
  staleIgnored: (id, { message, from, messageTerm, term }) =>
    info(
      `${id} [term: ${term}] ignored a ${MESSAGE_NAMES[message]} message with lower term ` +
        `from ${hex(from)} [term: ${messageTerm}]`,
    ),
  staleAppendIgnored: (id, { message, messageTerm, term }) =>
    info(
      `${id} [term: ${term}] ignored entry appends from a ${MESSAGE_NAMES[message]} message ` +
        `with lower term [term: ${messageTerm}]`,
    ),
  quorumLost: (id) => warn(`${id} stepped down to follower since quorum is not active`),

  proposalDropped: (id, { reason, term, transferTarget }) => {
    switch (reason) {
      case "noLeader":
        return info(`${id} no leader at term ${term}; dropping proposal`);
      case "transferring":
        return debug(
          `${id} [term ${term}] transfer leadership to ${hex(transferTarget)} is in progress; ` +
            "dropping proposal",
        );
      case "backlog":
        return warn(
          `${id} appending new entries to log would exceed uncommitted entry size limit; dropping proposal`,
        );
      case "notVoter":
      case "tooLarge":
        return undefined;
    }
  },
  confChangeIgnored: (id, { change, confState, reason, pendingIndex, applied }) => {
    const why = {
      pending: `possible unapplied conf change at index ${pendingIndex} (applied to ${applied})`,
      mustLeaveJoint: "must transition out of joint config first",
      notJoint: "not in joint state; refusing empty conf change",
      impossible: "it leads to no configuration",
    }[reason];
    return info(
      `${id} ignoring conf change ${confChangeText(change)} at config ${confStateText(confState)}: ${why}`,
    );
  },
  autoLeaving: (_, { confState, proposed }) => {
    const what = `initiating automatic transition out of joint configuration ${confStateText(confState)}`;
    return proposed ? info(what) : debug(`not ${what}: raft proposal dropped`);
  },
  switchedConfig: (id, { confState }) => info(`${id} switched to configuration ${confStateText(confState)}`),
  unknownMember: (id, { from }) => debug(`${id} no progress available for ${hex(from)}`),

  appendRejected: (id, { from, index, hint }) =>
    debug(
      `${id} received MsgAppResp(rejected, hint: (index ${hint.index}, term ${hint.term})) ` +
        `from ${hex(from)} for index ${index}`,
    ),
  appendRefused: (id, { from, previous, found }) =>
    debug(
      `${id} [logterm: ${found}, index: ${previous.index}] ` +
        `rejected MsgApp ${logEnd(previous)} from ${hex(from)}`,
    ),
  conflictFound: (_, { conflicting, existing }) =>
    info(
      `found conflict at index ${conflicting.index} ` +
        `[existing term: ${existing}, conflicting term: ${conflicting.term}]`,
    ),
  progressDecreased: (id, { peer, progress }) =>
    debug(`${id} decreased progress of ${hex(peer)} to ${bracketed(progress)}`),
  snapshotCaughtUp: (id, { peer, progress }) =>
    debug(`${id} recovered from needing snapshot, ${resumed(peer, progress)}`),
  snapshotSucceeded: (id, { peer, progress }) =>
    debug(`${id} snapshot succeeded, ${resumed(peer, progress)}`),
  snapshotFailed: (id, { peer, progress }) => debug(`${id} snapshot failed, ${resumed(peer, progress)}`),
  peerUnreachable: (id, { peer, progress }) =>
    debug(`${id} failed to send message to ${hex(peer)} because it is unreachable ${bracketed(progress)}`),
  replicationPaused: (id, { peer, progress }) =>
    debug(`${id} paused sending replication messages to ${hex(peer)} ${bracketed(progress)}`),

  snapshotSent: (id, { to, snapshot, firstIndex, commit, progress }) =>
    debug(
      `${id} [firstindex: ${firstIndex}, commit: ${commit}] sent snapshot${position(snapshot)} ` +
        `to ${hex(to)} ${bracketed(progress)}`,
    ),
  snapshotNotSent: (id, { to, reason }) =>
    reason === "inactive"
      ? debug(`ignore sending snapshot to ${hex(to)} since it is not recently active`)
      : debug(`${id} failed to send snapshot to ${hex(to)} because snapshot is temporarily unavailable`),
  logRestoring: (_, event) => {
    const { snapshot, commit, applied, applying, unstableOffset, unstableOffsetInProgress, unstableCount } =
      event;
    return info(
      `log [committed=${commit}, applied=${applied}, applying=${applying}, ` +
        `unstable.offset=${unstableOffset}, unstable.offsetInProgress=${unstableOffsetInProgress}, ` +
        `len(unstable.Entries)=${unstableCount}] starts to restore snapshot ${position(snapshot)}`,
    );
  },
  snapshotHandled: (id, { stage, snapshot, commit, last }) => {
    const log = `${id} [commit: ${commit}, lastindex: ${last.index}, lastterm: ${last.term}]`;
    switch (stage) {
      case "restored":
        return info(`${log} restored snapshot ${position(snapshot)}`);
      case "fastForwarded":
        return info(`${log} fast-forwarded commit to snapshot ${position(snapshot)}`);
      case "accepted":
        return info(`${id} [commit: ${commit}] restored snapshot ${position(snapshot)}`);
      case "ignored":
        return info(`${id} [commit: ${commit}] ignored snapshot ${position(snapshot)}`);
    }
  },
  snapshotRefused: (id, { reason, confState }) => {
    if (reason === "notFollower") {
      return warn(`${id} attempted to restore snapshot as leader; should never happen`);
    }
    const members = protobufText(confState);
    return warn(
      `${id} attempted to restore snapshot but it is not in the ConfState ${members}; should never happen`,
    );
  },

  transferStarted: (id, { target, term }) =>
    info(`${id} [term ${term}] starts to transfer leadership to ${hex(target)}`),
  transferAborted: (id, { target, term }) =>
    info(`${id} [term ${term}] abort previous transferring leadership to ${hex(target)}`),
  transferToLearnerIgnored: (id) => debug(`${id} is learner. Ignored transferring leadership`),
  transferToSelfIgnored: (id) => debug(`${id} is already leader. Ignored transferring leadership to self`),
  transferRepeatedIgnored: (id, { target, term }) =>
    info(
      `${id} [term ${term}] transfer leadership to ${hex(target)} is in progress, ` +
        `ignores request to same node ${hex(target)}`,
    ),
  transferNoLeader: (id, { term }) => info(`${id} no leader at term ${term}; dropping leader transfer msg`),
  timeoutNowSent: (id, { to, cause }) =>
    cause === "atOnce"
      ? info(`${id} sends MsgTimeoutNow to ${hex(to)} immediately as ${hex(to)} already has up-to-date log`)
      : info(`${id} sent MsgTimeoutNow to ${hex(to)} after received MsgAppResp`),
  timeoutNowReceived: (id, { from, term, role }) =>
    role === ROLE.FOLLOWER
      ? info(
          `${id} [term ${term}] received MsgTimeoutNow from ${hex(from)} ` +
            "and starts an election to get leadership.",
        )
      : debug(`${id} [term ${term} state ${ROLE_NAMES[role]}] ignored MsgTimeoutNow from ${hex(from)}`),
  leaderForgotten: (id, { leader, term }) => info(`${id} forgetting leader ${hex(leader)} at term ${term}`),
  forgetLeaderRefused: () => error("ignoring MsgForgetLeader due to ReadOnlyLeaseBased"),
  /** etcd's core believes its peers. */
  violation: () => undefined,
  readDropped: (id, { term }) => info(`${id} no leader at term ${term}; dropping index reading msg`),

  unstableReplaced: (_, { from }) => info(`replace the unstable entries from index ${from}`),
  unstableTruncated: (_, { from }) => info(`truncate the unstable entries before index ${from}`),
  stableIgnored: (_, { reason, attested, found }) => {
    const { index, term } = attested;
    switch (reason) {
      case "missing":
        return info(`entry at index ${index} missing from unstable log; ignoring`);
      case "matchedSnapshot":
        return info(`entry at index ${index} matched unstable snapshot; ignoring`);
      case "mismatch":
        return info(
          `entry at (index,term)=(${index},${term}) mismatched with entry at (${index},${found}) ` +
            "in unstable log; ignoring",
        );
    }
  },
};

/** Prints every event to `output` as etcd's logger would. */
export function loggingTrace(output: ScenarioOutput): RaftTrace {
  return {
    event: (id, event) => {
      const wording = WORDING[event.kind] as (id: string, event: TraceEvent) => Line | undefined;
      const line = wording(hex(id), event);
      if (line !== undefined) output.log(...line);
    },
  };
}

function debug(text: string): Line {
  return ["DEBUG", text];
}

function info(text: string): Line {
  return ["INFO", text];
}

function warn(text: string): Line {
  return ["WARN", text];
}

function error(text: string): Line {
  return ["ERROR", text];
}

function hex(id: NodeId): string {
  return id.toString(16);
}

/** In field order. Between fields Go prints one space or two, as the build of the program has it. */
function protobufText({ voters, learners, votersOutgoing, learnersNext, autoLeave }: ConfState): string {
  const fields = { voters, learners, voters_outgoing: votersOutgoing, learners_next: learnersNext };
  const ids = Object.entries(fields).flatMap(([name, list]) => list.map((member) => `${name}:${member}`));
  return [...ids, `auto_leave:${autoLeave}`].join(" ");
}

function logEnd({ term, index }: EntryId): string {
  return `[logterm: ${term}, index: ${index}]`;
}

function position({ term, index }: EntryId): string {
  return `[index: ${index}, term: ${term}]`;
}

function bracketed(progress: ProgressStatus): string {
  return `[${progressText(progress)}]`;
}

function resumed(peer: NodeId, progress: ProgressStatus): string {
  return `resumed sending replication messages to ${hex(peer)} ${bracketed(progress)}`;
}
