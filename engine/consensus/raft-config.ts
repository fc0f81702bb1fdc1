import type { RaftConfig } from "../raft/types.js";
import type { RaftHostOptions } from "./raft-host-options.js";

/** What the core of a member is told of the host's limits. */
export function raftConfig(
  { id, termFloor }: Pick<RaftConfig, "id" | "termFloor">,
  options: RaftHostOptions,
): RaftConfig {
  return {
    id,
    electionTimeoutTicks: options.electionTimeoutTicks,
    heartbeatTicks: options.heartbeatTicks,
    asyncStorageWrites: true,
    preVote: true,
    checkQuorum: true,
    readOnly: "safe",
    appendBytesMax: options.appendBytesMax,
    inflightLimits: { countMax: options.inflightAppendsMax, bytesMax: options.inflightAppendBytesMax },
    stepDownOnRemoval: true,
    disableConfChangeValidation: false,
    entryBytesMax: options.entryBytesMax,
    uncommittedBytesMax: backlogBytesMax(options),
    committedBytesPerReadyMax: options.committedBytesPerReadyMax,
    termFloor,
  };
}

/** The core's own limit, which the queue's must reach first: the queue overshoots its limit by one
 * operation, and the core counts an entry until all that were handed out for applying with it are
 * applied. */
function backlogBytesMax(options: RaftHostOptions): number {
  return options.uncommittedBytesMax + options.committedBytesPerReadyMax + 3 * options.entryBytesMax;
}
