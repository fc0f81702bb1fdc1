/** Arithmetic of majorities, also of joint ones, where both halves must agree (etcd-io/raft quorum/). */

export function majorityCount(voterCount: number): number {
  return Math.floor(voterCount / 2) + 1;
}

/** Reused, for few voters; descending. */
let sorted = new Float64Array(8);

/** Highest index that a majority of voters has; `acked[i]` is the one of voter i, 0 = nothing known.
 * Without voters Infinity, so that the empty half of a joint configuration never holds anything back.
 * Sorts by insertion, which is the fastest for the few there are and allocates nothing. */
export function committedIndex(acked: readonly number[]): number {
  const count = acked.length;
  if (count === 0) return Number.POSITIVE_INFINITY;
  if (count > sorted.length) sorted = new Float64Array(count);
  for (let i = 0; i < count; i++) {
    const index = acked[i] as number;
    let at = i;
    for (; at > 0 && (sorted[at - 1] as number) < index; at--) sorted[at] = sorted[at - 1] as number;
    sorted[at] = index;
  }
  return sorted[majorityCount(count) - 1] as number;
}

export function jointCommittedIndex(incoming: readonly number[], outgoing: readonly number[]): number {
  return Math.min(committedIndex(incoming), committedIndex(outgoing));
}

export type VoteResult = "pending" | "lost" | "won";

/** `votes[i]` is the one of voter i, undefined = not known yet. Without voters the election is won, for
 * the same reason as above. */
export function voteResult(votes: readonly (boolean | undefined)[]): VoteResult {
  let granted = 0;
  let missing = 0;
  for (const vote of votes) {
    if (vote === undefined) missing++;
    else if (vote) granted++;
  }
  const needed = votes.length === 0 ? 0 : majorityCount(votes.length);
  if (granted >= needed) return "won";
  return granted + missing >= needed ? "pending" : "lost";
}

export function jointVoteResult(
  incoming: readonly (boolean | undefined)[],
  outgoing: readonly (boolean | undefined)[],
): VoteResult {
  const first = voteResult(incoming);
  const second = voteResult(outgoing);
  if (first === second) return first;
  return first === "lost" || second === "lost" ? "lost" : "pending";
}
