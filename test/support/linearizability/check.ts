import type { Partition } from "./history.js";
import { type PreparedCall, type PreparedPartition, prepare } from "./prepared.js";
import { type Placed, type SearchLimits, search } from "./search.js";

export interface CheckOptions {
  /** For each partition, all searches of it together; default 10 s. */
  readonly timeMsMax?: number;
  /** Of what a search remembers; default 256 MiB. */
  readonly bytesMax?: number;
}

const TIME_MS_MAX = 10_000;
const BYTES_MAX = 256 * 1024 * 1024;
/** Answers in the first beginning of a history that is searched, and how much longer the next ones are. */
const ANSWERS_FIRST = 64;
const GROWTH = 4;

/** Why a partition cannot be explained. */
export interface Violation {
  /** The calls up to the first answer that no order explains; later ones are left out, and what had no answer
   * by then has none here. */
  readonly calls: readonly PreparedCall[];
  /** The call with that answer. */
  readonly culprit: PreparedCall;
  /** The longest order that was found, which cannot be continued, with the state after each. */
  readonly order: readonly Placed[];
}

export type PartitionResult =
  | { readonly verdict: "linearizable" }
  | { readonly verdict: "violation"; readonly violation: Violation }
  /** The time or the memory was not enough: it may be right or wrong. */
  | { readonly verdict: "unknown"; readonly reason: string };

export interface Checked {
  readonly partition: Partition;
  readonly result: PartitionResult;
}

/** Checks every partition of a history, each for itself.
 * @throws HistoryError when the history does not mean anything */
export function checkHistory(partitions: readonly Partition[], options: CheckOptions = {}): Checked[] {
  return partitions.map((partition) => ({ partition, result: checkPartition(partition, options) }));
}

/** Whether there is an order of the calls of `partition`, each at one moment between its invocation and its
 * answer, in which the thing would have given just these answers.
 *
 * What cannot be explained early on is not mended later: so a beginning is searched first, and then ever
 * longer ones. To find out that there is no order takes the longer the more calls there are.
 *
 * How long it takes depends on how many calls are under way at a time. One register that is written and read
 * in turn by 10 clients: 5,000 calls 50 ms, 50,000 calls 1.5 s (Node.js 20, 2 cores). Above some 20 clients a
 * wrong history may end as unknown. */
export function checkPartition(partition: Partition, options: CheckOptions = {}): PartitionResult {
  const { timeMsMax = TIME_MS_MAX, bytesMax = BYTES_MAX } = options;
  const limits: SearchLimits = { dueMs: performance.now() + timeMsMax, bytesMax };
  const prepared = prepare(partition);
  const answered = prepared.calls
    .filter(({ returnedAt }) => returnedAt < Number.POSITIVE_INFINITY)
    .sort((a, b) => a.returnedAt - b.returnedAt);
  let rightCount = 0;
  while (rightCount < answered.length) {
    const count = Math.min(Math.max(ANSWERS_FIRST, rightCount * GROWTH), answered.length);
    const beginning = searchBeginning(prepared, answered, count, limits);
    if (beginning.outcome.kind === "given up")
      return { verdict: "unknown", reason: beginning.outcome.reason };
    if (beginning.outcome.kind === "none") {
      const violation = shortest(prepared, answered, { rightCount, wrongCount: count }, limits);
      return { verdict: "violation", violation: violation ?? violationOf(beginning) };
    }
    rightCount = count;
  }
  return { verdict: "linearizable" };
}

interface Beginning {
  readonly calls: readonly PreparedCall[];
  readonly culprit: PreparedCall;
  readonly outcome: ReturnType<typeof search>;
}

/** The history as it was known after its first `count` answers. */
function searchBeginning(
  prepared: PreparedPartition,
  answered: readonly PreparedCall[],
  count: number,
  limits: SearchLimits,
): Beginning {
  const culprit = answered[count - 1] as PreparedCall;
  const { returnedAt: time } = culprit;
  const calls = prepared.calls
    .filter(({ invokedAt }) => invokedAt <= time)
    .map((call) => (call.returnedAt <= time ? call : withoutAnswer(call)));
  return { calls, culprit, outcome: search(prepared, calls, limits) };
}

function withoutAnswer(call: PreparedCall): PreparedCall {
  return { ...call, returnedAt: Number.POSITIVE_INFINITY, answer: undefined };
}

/** Finds the first answer that cannot be explained by halving. Undefined when there is too little time even
 * for the first step; later the shortest beginning that is known to be wrong counts. */
function shortest(
  prepared: PreparedPartition,
  answered: readonly PreparedCall[],
  { rightCount, wrongCount }: { readonly rightCount: number; readonly wrongCount: number },
  limits: SearchLimits,
): Violation | undefined {
  let found: Beginning | undefined;
  for (let right = rightCount, wrong = wrongCount; right + 1 < wrong; ) {
    const middle = (right + wrong) >>> 1;
    const beginning = searchBeginning(prepared, answered, middle, limits);
    if (beginning.outcome.kind === "given up") break;
    if (beginning.outcome.kind === "found") right = middle;
    else {
      wrong = middle;
      found = beginning;
    }
  }
  return found === undefined ? undefined : violationOf(found);
}

function violationOf({ calls, culprit, outcome }: Beginning): Violation {
  return { calls, culprit, order: outcome.kind === "none" ? outcome.order : [] };
}
