import type { Bench, BenchContext } from "../harness/bench.js";
import { type Figure, median } from "../harness/figure.js";
import { commitIndexNs, voteResultNs } from "../micro/quorum.js";
import { RaftGroup, type StepTotal, type StepTotals } from "../micro/raft-step.js";

const RUNS = 5;
/** A turn's proposal is one entry, or several when it is large; the design counts with 32 (raft.md §17). */
const ENTRIES_PER_PROPOSAL = [1, 32];
const GROUP_SIZES = [3, 5];

/** Sizes of a run; the tests make them small. */
export interface RaftStepSizes {
  readonly roundCount: number;
  readonly warmUpCount: number;
}

const SIZES: RaftStepSizes = { roundCount: 2000, warmUpCount: 4000 };

/** An odd number of 10,000 counts each. */
const QUORUM_CHUNKS = 1001;

/** The count at each acknowledgement, and that of votes. */
export const quorum: Bench = {
  name: "quorum",
  doc: "commit index of 3 and 5 voters and of 5 and 5, as the leader counts it; joint votes",
  run: () => Promise.resolve(runQuorums(QUORUM_CHUNKS)),
};

export function runQuorums(chunkCount: number): readonly Figure[] {
  const target = { comparison: "≤", value: 50 } as const;
  const ns = { unit: "ns", yardstick: "integer" } as const;
  return [
    { name: "quorum.commit.3", value: commitIndexNs(3, 0, chunkCount), ...ns },
    { name: "quorum.commit.5", value: commitIndexNs(5, 0, chunkCount), ...ns, target },
    { name: "quorum.commit.joint.5.5", value: commitIndexNs(5, 5, chunkCount), ...ns },
    { name: "quorum.votes.joint.5.5", value: voteResultNs(5, chunkCount), ...ns },
  ];
}

/** Messages through the consensus core alone. */
export const raftStep: Bench = {
  name: "raft-step",
  doc: "messages through the core, leader and follower of 3 and 5; proposals of 1 and 32 entries",
  run: (context) => Promise.resolve(runRaftSteps(context, SIZES)),
};

export function runRaftSteps({ print }: BenchContext, sizes: RaftStepSizes): readonly Figure[] {
  return GROUP_SIZES.flatMap((memberCount) =>
    ENTRIES_PER_PROPOSAL.flatMap((entries) => {
      const group = new RaftGroup(memberCount, entries);
      group.run(sizes.warmUpCount, false);
      const runs = Array.from({ length: RUNS }, () => group.run(sizes.roundCount, false));
      const heap = group.run(sizes.roundCount, true);
      group.close();
      return (["leader", "follower"] as const).map((side): Figure => {
        const all = runs.map((run) => run[side]);
        print(`${side} of ${memberCount}, ${entries} entries a proposal, ns (heap bytes) a message:`);
        print(`  ${describe(all, heap[side])}`);
        return {
          name: `raft-step.${side}.of.${memberCount}.entries.${entries}`,
          value: median(all.map(perMessage)) / 1000,
          unit: "µs",
          target: { comparison: "≤", value: 2 },
          yardstick: "integer",
        };
      });
    }),
  );
}

/** Time of everything, by the messages that came from elsewhere: what the own storage answers, and ticks,
 * come on top of these. */
function perMessage(totals: StepTotals): number {
  let [ns, count] = [0, 0];
  for (const [kind, total] of totals) {
    ns += total.ns;
    if (!kind.startsWith("storage") && kind !== "tick") count += total.count;
  }
  return ns / count;
}

function describe(runs: readonly StepTotals[], heap: StepTotals): string {
  const kinds = [...(runs[0] as StepTotals).keys()];
  const parts = kinds.map((kind) => {
    const ns = median(runs.map((run) => nsOf(run.get(kind))));
    const { heapBytes, heapCount } = heap.get(kind) as StepTotal;
    return `${kind} ${ns.toFixed(0)} (${(heapBytes / Math.max(1, heapCount)).toFixed(0)})`;
  });
  return parts.join(", ");
}

function nsOf(total: StepTotal | undefined): number {
  return total === undefined ? 0 : total.ns / total.count;
}
