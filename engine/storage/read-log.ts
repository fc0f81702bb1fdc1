import { join } from "node:path";
import type { Disk, Store } from "../core/disk.js";
import { StrataError } from "../core/errors.js";
import type { LogIndex } from "../core/ids.js";
import { type HardState, NO_NODE } from "../raft/types.js";
import { type DurableMark, MARK_FILE, readMark } from "./durable-mark.js";
import { logCorrupt } from "./log-format.js";
import { type LogMeta, readLogMeta } from "./log-meta.js";
import { LogWalk } from "./log-walk.js";
import type { LogPoint, LogPosition, OnRecoveryStep, TermSpan } from "./recovered.js";

/** What a log store holds, proven to be whole. */
export interface ReadLog {
  readonly meta: LogMeta;
  readonly mark: DurableMark;
  readonly last: LogPoint;
  readonly terms: readonly TermSpan[];
  readonly blobFirstIndexes: Float64Array;
}

/** Reads a log store and proves that it is whole, also against the watermark. */
export async function readLog(
  disk: Disk,
  path: string,
  store: Store,
  onStep: OnRecoveryStep,
): Promise<ReadLog> {
  const { loss, ...log } = await readLogAsIs(disk, path, store, onStep);
  if (loss !== undefined) throw loss;
  return log;
}

/** The same for somebody who may go on without what is missing: entries or votes that this SCM has
 * acknowledged. What is there is whole; `loss` says what is not. */
export async function readLogAsIs(
  disk: Disk,
  path: string,
  store: Store,
  onStep: OnRecoveryStep,
): Promise<ReadLog & { readonly loss: StrataError | undefined }> {
  const meta = readLogMeta(store, path);
  const mark = readMark(disk, join(path, MARK_FILE));
  const { truncated } = meta.truncation;
  const walk = new LogWalk(store, meta.truncation, mark.last.index);
  try {
    while (walk.step()) {
      await onStep({ name: "log", count: walk.last.index - truncated.index, isDone: false });
    }
  } finally {
    walk.close();
  }
  const { last } = walk;
  const loss =
    lostEntries(mark, truncated, last, walk.watched) ??
    lostVote(mark, meta.hardState) ??
    (meta.hardState.commit > last.index ? behindWatermark(last.index, meta.hardState.commit) : undefined);
  await onStep({ name: "log", count: last.index - truncated.index, isDone: true });
  return { meta, mark, last, terms: walk.terms, blobFirstIndexes: walk.blobFirstIndexes(), loss };
}

/** Entries up to the mark were durable, and may have been acknowledged. */
function lostEntries(
  mark: DurableMark,
  truncated: LogPoint,
  last: LogPoint,
  watched: LogPoint | undefined,
): StrataError | undefined {
  if (mark.last.index <= truncated.index) return undefined;
  if (last.index < mark.last.index) return behindWatermark(last.index, mark.last.index);
  if (watched?.chain === mark.last.chain && watched.term === mark.last.term) return undefined;
  const where = `entry ${mark.last.index}`;
  return new StrataError("LOG_CORRUPT", { where, reason: "differs from what the watermark names" });
}

/** A vote that was given must not be forgotten: it could be given again, to another one. */
function lostVote(mark: DurableMark, { term, vote }: HardState): StrataError | undefined {
  if (term > mark.term) return undefined;
  if (term === mark.term && (mark.vote === vote || mark.vote === NO_NODE)) return undefined;
  const reason = `term ${term} and vote ${vote}, after term ${mark.term} and vote ${mark.vote}`;
  return logCorrupt("row hs", reason);
}

/** Entries up to `watermark` were acknowledged, the log ends before it. */
export function behindWatermark(lastIndex: LogIndex, watermark: LogIndex): StrataError {
  return new StrataError("LOG_BEHIND_WATERMARK", { lastIndex, watermark });
}

/** What the log thread needs to write on. */
export function logPosition({ meta, mark, last, blobFirstIndexes }: ReadLog): LogPosition {
  return {
    ...meta.truncation,
    last,
    hardState: meta.hardState,
    blobFirstIndexes,
    mark: { lastIndex: mark.last.index, sequence: mark.sequence, nextSlot: mark.nextSlot },
  };
}
