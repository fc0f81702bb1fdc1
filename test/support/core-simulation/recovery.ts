import { logIndex } from "../../../engine/core/ids.js";
import type { HardState } from "../../../engine/raft/types.js";
import { NO_NODE } from "../../../engine/raft/types.js";
import type { ChainedLog } from "./chained-log.js";
import type { LogDisk } from "./log-disk.js";
import type { StateImage } from "./state-machine.js";

export type Recovery =
  | {
      readonly kind: "recovered";
      readonly log: ChainedLog;
      readonly hardState: HardState;
      readonly image: StateImage;
    }
  | { readonly kind: "refused"; readonly reason: string };

/** A replica's start, by the rules of raft.md §12. What it refuses never votes or acknowledges again under
 * its id. */
export function recover(disk: LogDisk): Recovery {
  const { log, mark, hardState, newestImage: image } = disk;
  const reason =
    log.firstDamage() ??
    behindMark(disk) ??
    forgottenVote(disk) ??
    (hardState.commit > log.lastIndex ? `commit ${hardState.commit} lies beyond the log` : undefined) ??
    (disk.isStateDamaged ? "a row of the state fails its checksum" : undefined) ??
    stateMismatch(log, image);
  if (reason !== undefined) return { kind: "refused", reason: `${reason} (mark ${mark.last.index})` };
  const commit = logIndex(Math.max(hardState.commit, image.applied.index));
  return { kind: "recovered", log: log.copy(), hardState: { ...hardState, commit }, image };
}

/** Entries up to the mark were durable, and may have been acknowledged. */
function behindMark({ log, mark: { last: mark } }: LogDisk): string | undefined {
  if (mark.index <= log.truncated.index) return undefined;
  if (log.lastIndex < mark.index) return `the log ends at ${log.lastIndex}`;
  return log.chain(mark.index) === mark.chain ? undefined : `entry ${mark.index} differs from the mark`;
}

/** A vote that was given must not be forgotten: it could be given again, to another one. */
function forgottenVote({ mark, hardState }: LogDisk): string | undefined {
  const { term, vote } = hardState;
  if (term > mark.term) return undefined;
  if (term === mark.term && (mark.vote === vote || mark.vote === NO_NODE)) return undefined;
  return `the vote of term ${term} is ${vote}, and was ${mark.vote} in term ${mark.term}`;
}

function stateMismatch(log: ChainedLog, { applied, chain }: StateImage): string | undefined {
  if (!log.has(applied.index)) return `applied ${applied.index} is outside of the log`;
  return log.chain(applied.index) === chain ? undefined : `entry ${applied.index} differs from the state`;
}
