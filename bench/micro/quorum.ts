import { assert } from "../../engine/core/assert.js";
import { logIndex } from "../../engine/core/ids.js";
import { SeededRandom } from "../../engine/core/random.js";
import { CommitQuorum } from "../../engine/raft/commit-quorum.js";
import type { Membership } from "../../engine/raft/conf-change.js";
import { Progress } from "../../engine/raft/progress.js";
import { jointVoteResult } from "../../engine/raft/quorum.js";
import type { NodeId } from "../../engine/raft/types.js";
import { nodeId } from "../../engine/raft/types.js";
import { median } from "../harness/figure.js";

const INFLIGHT_LIMITS = { countMax: 256, bytesMax: 64 << 20 };
/** More than a branch predictor learns by heart, fewer than the first cache holds. */
const GROUPS = 64;
const ELECTIONS = 1024;
const VOTES = [undefined, false, true];
/** Short, so that few are disturbed by others. */
const CHUNK = 10_000;

/** ns for one commit index of a leader, in the way in which it counts it at each acknowledgement. Of many
 * groups in turn, whose members' logs differ by some entries as with appends on their way. */
export function commitIndexNs(voterCount: number, outgoingCount: number, chunkCount: number): number {
  const random = new SeededRandom(1);
  const groups = Array.from({ length: GROUPS }, () => {
    const membership = membershipOf(voterCount, outgoingCount);
    for (const progress of membership.progress) progress.acknowledged(logIndex(1000 + random.below(100)));
    return { membership, quorum: new CommitQuorum() };
  });
  return medianNs(chunkCount, () => {
    let sum = 0;
    for (let i = 0; i < CHUNK; i++) {
      const { membership, quorum } = groups[i % GROUPS] as (typeof groups)[number];
      sum += quorum.index(membership);
    }
    assert(sum >= CHUNK * 1000, "a majority has acknowledged");
  });
}

/** ns for one result of an election of two halves with `voterCount` voters each, some of them undecided. */
export function voteResultNs(voterCount: number, chunkCount: number): number {
  const random = new SeededRandom(1);
  const half = () => Array.from({ length: voterCount }, () => VOTES[random.below(VOTES.length)]);
  const elections = Array.from({ length: ELECTIONS }, () => ({ incoming: half(), outgoing: half() }));
  return medianNs(chunkCount, () => {
    let wonCount = 0;
    for (let i = 0; i < CHUNK; i++) {
      const { incoming, outgoing } = elections[i % ELECTIONS] as (typeof elections)[number];
      if (jointVoteResult(incoming, outgoing) === "won") wonCount++;
    }
    assert(wonCount > 0, "some elections are won");
  });
}

/** The second half has the last voters of the first one, and as many others as it takes. */
function membershipOf(voterCount: number, outgoingCount: number): Membership {
  const voters = Array.from({ length: voterCount }, (_, i) => nodeId(i + 1));
  const first = Math.floor(voterCount / 2) + 1;
  const votersOutgoing = Array.from({ length: outgoingCount }, (_, i) => nodeId(first + i));
  const ids = [...new Set<NodeId>([...voters, ...votersOutgoing])];
  const progress = ids.map((id) => Progress.added(id, false, logIndex(1), INFLIGHT_LIMITS));
  const confState = { voters, votersOutgoing, learners: [], learnersNext: [], autoLeave: false };
  return { confState, progress };
}

/** The first half of the chunks is for the code to get compiled. */
function medianNs(chunkCount: number, chunk: () => void): number {
  for (let i = 0; i < chunkCount; i++) chunk();
  const times = Array.from({ length: chunkCount }, () => {
    const startMs = performance.now();
    chunk();
    return ((performance.now() - startMs) * 1e6) / CHUNK;
  });
  return median(times);
}
