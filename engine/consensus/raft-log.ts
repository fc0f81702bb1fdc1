import type { RaftTrace, TraceEvent } from "../raft/trace.js";
import type { ConfState } from "../raft/types.js";
import type { Logger } from "../telemetry/logger.js";

/** Brings what the core tells about itself into the log: elections and membership for everybody, what no
 * correct member does as an error. */
export function loggingTrace(logger: Logger): RaftTrace {
  return { event: (_, event) => log(logger, event) };
}

function log(logger: Logger, event: TraceEvent): void {
  switch (event.kind) {
    case "becameLeader":
      logger.info("leader", { term: event.term });
      return;
    case "becameCandidate":
      logger.info("candidate", { term: event.term });
      return;
    case "becameFollower":
      logger.debug("follower", { term: event.term });
      return;
    case "leaderForgotten":
      logger.info("the leader seems to have ended", { leader: event.leader, term: event.term });
      return;
    case "quorumLost":
      logger.warn("no quorum was heard for an election timeout: leads no more", { term: event.term });
      return;
    case "switchedConfig":
      logger.info("membership", { members: describe(event.confState) });
      return;
    case "confChangeIgnored":
      logger.warn("a change of membership was not taken", { reason: event.reason });
      return;
    case "snapshotSent":
      logger.info("a member needs a snapshot", { member: event.to, index: event.snapshot.index });
      return;
    case "logRestoring":
      logger.info("a snapshot takes the place of the log", { index: event.snapshot.index });
      return;
    case "violation":
      // `beyondLog`: a leader counts on entries that this SCM acknowledged and does not have.
      logger.error("a member says what no correct one says, or this one has lost a part of its log", {
        member: event.from,
        message: event.message,
        reason: event.reason,
      });
      return;
    default:
      logger.trace("raft", { event: event.kind });
  }
}

function describe({ voters, votersOutgoing, learners, learnersNext }: ConfState): string {
  const parts = [
    ["voters", voters],
    ["outgoing", votersOutgoing],
    ["learners", learners],
    ["learners next", learnersNext],
  ] as const;
  return parts
    .filter(([, ids]) => ids.length > 0)
    .map(([name, ids]) => `${name} ${ids.join(" ")}`)
    .join(", ");
}
