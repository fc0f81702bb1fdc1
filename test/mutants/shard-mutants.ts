import { type Mutant, tests } from "./mutant.js";

const HISTORIES = tests("test/unit/workers/shard/shards-differ-never.test.ts");
const CASES = tests("test/unit/workers/shard/worked-cases.test.ts");
const VALUES = tests("test/unit/workers/shard/row-values.test.ts");
const TABLE = tests("test/unit/engine/cluster/containers/replica-rules.test.ts");
const BUDGET_SECONDS = 120;

/** Bugs of what shards hold and decide, all against spec 02. */
export const SHARD_MUTANTS: readonly Mutant[] = [
  {
    name: "usage-largest-of-open",
    bug: "the smallest replica counts for a closed container, the largest for an open one",
    source: "spec 02 §6.3",
    edits: [
      {
        file: "workers/shard/accounting.ts",
        find: "const isOpen = containerState(stripe, offset) === CONTAINER_STATE.OPEN;",
        replace: "const isOpen = containerState(stripe, offset) !== CONTAINER_STATE.OPEN;",
      },
    ],
    catchers: [HISTORIES],
    budgetSeconds: BUDGET_SECONDS,
  },
  {
    name: "usage-largest-of-open-in-place",
    bug: "the same where a changed replica is brought up to date in its place",
    source: "spec 02 §6.3",
    edits: [
      {
        file: "workers/shard/in-place.ts",
        find: "if (next < head === (state === CONTAINER_STATE.OPEN)) return next;",
        replace: "if (next > head) return next;",
      },
    ],
    catchers: [HISTORIES],
    budgetSeconds: BUDGET_SECONDS,
  },
  {
    name: "ec-index-off-by-one",
    bug: "an EC replica with the last data index proves its container closed, and counts",
    source: "spec 02 §6.4, §9.1, §17 case 1",
    edits: [
      {
        file: "workers/shard/container-facts.ts",
        find: "return replicaIndex === 1 || replicaIndex > this.#dataCount",
        replace: "return replicaIndex === 1 || replicaIndex >= this.#dataCount",
      },
    ],
    catchers: [HISTORIES],
    budgetSeconds: BUDGET_SECONDS,
  },
  {
    name: "settled-too-early",
    bug: "a replica whose report would change its container's usage is skipped",
    source: "spec 02 §6.3",
    edits: [
      {
        file: "workers/shard/replica-keeper.ts",
        find: "if (counts && (combined.usedBytes !== usedBytes || combined.keyCount !== keyCount)) return 0;",
        replace: "if (counts && combined.usedBytes < usedBytes && combined.keyCount < keyCount) return 0;",
      },
    ],
    catchers: [HISTORIES],
    budgetSeconds: BUDGET_SECONDS,
  },
  {
    name: "settled-whatever-is-due",
    bug: "a replica for which something is due is skipped when it is reported again",
    source: "spec 02 §9.2: commands are repeated on every report",
    edits: [
      {
        file: "workers/shard/replica-keeper.ts",
        find: "if (this.#facts.actionOf(identity, sequenceId, live) !== REPLICA_ACTION.NONE) return 0;",
        replace: "",
      },
    ],
    catchers: [HISTORIES],
    budgetSeconds: BUDGET_SECONDS,
  },
  {
    name: "sequence-rises-in-closed",
    bug: "reports raise the sequence id of a closed container: what is newer than it is never seen again",
    source: "spec 02 §9.3, §18 rule 1",
    edits: [
      {
        file: "engine/cluster/containers/life-cycle.ts",
        find: 'new Set(["OPEN", "CLOSING", "QUASI_CLOSED"])',
        replace: 'new Set(["OPEN", "CLOSING", "QUASI_CLOSED", "CLOSED"])',
      },
    ],
    catchers: [HISTORIES],
    budgetSeconds: BUDGET_SECONDS,
  },
  {
    name: "changed-container-missed",
    bug: "a shard does not look at the replicas of a container that entered another state",
    source: "spec 02 §9: what was reported before counts for the new state, too",
    edits: [
      {
        file: "workers/shard/shard.ts",
        find: "readContainersChanged(receiver, offset, this.#onContainerChanged);",
        replace: "readContainersChanged(receiver, offset, () => this.#onContainerChanged(0));",
      },
    ],
    catchers: [HISTORIES],
    budgetSeconds: BUDGET_SECONDS,
  },
  {
    name: "changed-container-lost",
    bug: "changes of containers that find no room in the ring are forgotten",
    source: "spec 02 §9",
    edits: [
      {
        file: "workers/pool/shard-client.ts",
        find: "if (sent > 0) this.#changedIds = ids.slice(sent);",
        replace: "this.#changedIds = [];",
      },
    ],
    catchers: [tests("test/unit/workers/shard/full-rings.test.ts")],
    budgetSeconds: BUDGET_SECONDS,
  },
  {
    name: "decision-lost",
    bug: "a decision that finds no room in the ring to main is not made again",
    source: "spec 02 §9",
    edits: [
      {
        file: "workers/shard/decision-sender.ts",
        find: "      this.#isRecheckDue = true;\n",
        replace: "",
      },
    ],
    catchers: [tests("test/unit/workers/shard/full-rings.test.ts")],
    budgetSeconds: BUDGET_SECONDS,
  },
  {
    name: "impossible-index-stays",
    bug: "a replica that was reported before its EC container was known keeps an index that it cannot have",
    source: "spec 02 §7.4d",
    edits: [
      {
        file: "workers/shard/replica-keeper.ts",
        find: "if (this.#facts.allowsIndex(replicaIndex)) {",
        replace: "if (replicaIndex >= 0) {",
      },
    ],
    catchers: [HISTORIES],
    budgetSeconds: BUDGET_SECONDS,
  },
  {
    name: "ec-quasi-closed",
    bug: "an EC container is quasi-closed",
    source: "spec 02 §18 rule 5",
    edits: [
      {
        file: "engine/cluster/containers/replica-rules.ts",
        find: '{ container: ["CLOSING"], replica: ["QUASI_CLOSED"], kind: NOT_EC, action: "QUASI_CLOSE" }',
        replace: '{ container: ["CLOSING"], replica: ["QUASI_CLOSED"], action: "QUASI_CLOSE" }',
      },
    ],
    catchers: [TABLE, HISTORIES],
    budgetSeconds: BUDGET_SECONDS,
  },
  {
    name: "added-under-old-state",
    bug: "a replica is added under the old state of its container, and raises a closed one's sequence id",
    source: "spec 02 §9.3",
    edits: [
      {
        file: "workers/shard/in-place.ts",
        find: "if (!facts.isCurrent(state, sequenceHead)) return false;",
        replace: "if (!facts.isCurrent(facts.state, sequenceHead)) return false;",
      },
    ],
    catchers: [CASES],
    budgetSeconds: BUDGET_SECONDS,
  },
  {
    name: "added-under-old-sequence",
    bug: "a replica is added under the sequence id that its container had before",
    source: "spec 02 §9.3",
    edits: [
      {
        file: "workers/shard/in-place.ts",
        find: "if (!facts.isCurrent(state, sequenceHead)) return false;",
        replace: "if (state !== facts.state) return false;",
      },
    ],
    catchers: [CASES],
    budgetSeconds: BUDGET_SECONDS,
  },
  {
    name: "as-head-of-added-only",
    bug: "another replica has the sequence id to which an added one raises the head, and is not known to",
    source: "simulation, seed 12",
    edits: [
      {
        file: "workers/shard/in-place.ts",
        find: "if (sequenceNext !== sequenceHead) others |= asHeadFlags(stripe, offset, count);",
        replace: "",
      },
    ],
    catchers: [CASES],
    budgetSeconds: BUDGET_SECONDS,
  },
  {
    name: "head-moves-with-others",
    bug: "replicas that are as the head seem to change with it when another one moves it",
    source: "spec 02 §7: a replica is what its node said last",
    edits: [
      {
        file: "workers/shard/in-place.ts",
        find: "if (others !== 0) unfold(stripe, offset, others);",
        replace: "",
      },
    ],
    catchers: [VALUES],
    budgetSeconds: BUDGET_SECONDS,
  },
  {
    name: "head-moves-with-new-one",
    bug: "replicas that are as the head seem to change with it when a new one moves it",
    source: "spec 02 §7: a replica is what its node said last",
    edits: [
      {
        file: "workers/shard/in-place.ts",
        find: "if ((flags & AS_HEAD_EVERYWHERE) !== 0) unfold(stripe, offset, flags);",
        replace: "",
      },
    ],
    catchers: [VALUES],
    budgetSeconds: BUDGET_SECONDS,
  },
  {
    name: "head-moves-with-container",
    bug: "replicas that are as the head seem to change with it when the container's sequence id rises",
    source: "spec 02 §7: a replica is what its node said last",
    edits: [
      {
        file: "workers/shard/accounting.ts",
        find: "if (numbers[sequenceAt(offset)] === sequenceId) return;\n  unfold(stripe, offset, -1);",
        replace: "if (numbers[sequenceAt(offset)] === sequenceId) return;",
      },
    ],
    catchers: [VALUES],
    budgetSeconds: BUDGET_SECONDS,
  },
  {
    name: "as-head-for-ever",
    bug: "a replica written the long way is taken for one that is as the head",
    source: "spec 02 §7: a replica is what its node said last",
    edits: [
      {
        file: "workers/shard/replica-table.ts",
        find: "this.setFlags(stripe, offset, this.flags(stripe, offset) & ~REPLICA_FLAG.AS_HEAD);",
        replace: "",
      },
    ],
    catchers: [VALUES],
    budgetSeconds: BUDGET_SECONDS,
  },
  {
    name: "values-stay-behind",
    bug: "a replica that moves to another place of its row leaves its numbers behind",
    source: "spec 02 §7: a replica is what its node said last",
    edits: [
      {
        file: "workers/shard/replica-table.ts",
        find: "if ((flags & REPLICA_FLAG.AS_HEAD) === 0) {",
        replace: "if ((flags & REPLICA_FLAG.AS_HEAD) !== 0) {",
      },
    ],
    catchers: [VALUES],
    budgetSeconds: BUDGET_SECONDS,
  },
  {
    name: "values-lost-with-state",
    bug: "the numbers of a replica are lost when its container enters a state in which something is due",
    source: "spec 02 §7: a replica is what its node said last",
    edits: [
      {
        file: "workers/shard/replica-keeper.ts",
        find: "if ((settledFlags & REPLICA_FLAG.AS_HEAD) === 0) table.unfold(stripe, offset);",
        replace: "",
      },
    ],
    catchers: [VALUES],
    budgetSeconds: BUDGET_SECONDS,
  },
];
