import { type Mutant, tests } from "./mutant.js";

const POLICIES = tests("test/unit/engine/cluster/placement/policies.test.ts");
const PROPERTIES = tests("test/unit/engine/cluster/placement/policies-property.test.ts");
const SPREAD = tests("test/unit/engine/cluster/placement/rack-spread.test.ts");
const PENDING = tests("test/unit/engine/cluster/placement/pending-containers.test.ts");
const FOLDER = "engine/cluster/placement";
const BUDGET_SECONDS = 60;

/** Bugs of placement, most of them the reference's (spec 03 §20). */
export const PLACEMENT_MUTANTS: readonly Mutant[] = [
  {
    name: "favoured-unchecked",
    bug: "a favoured datanode is chosen though it is full, stale or excluded",
    source: "spec 03 §20.8",
    edits: [
      {
        file: `${FOLDER}/rack-aware.ts`,
        find: "choice.isCandidate(node) && fits(",
        replace: "!choice.chosen.includes(node) && fits(",
      },
    ],
    catchers: [POLICIES, PROPERTIES],
    budgetSeconds: BUDGET_SECONDS,
  },
  {
    name: "full-rack-counts",
    bug: "a rack that has nothing to give counts, so that a choice fails",
    source: "spec 03 §20.9",
    edits: [
      {
        file: `${FOLDER}/rack-scatter.ts`,
        find: "return racks.length - this.#freshCount - this.#heldCount;",
        replace: "return 0 * racks.length;",
      },
    ],
    catchers: [POLICIES],
    budgetSeconds: BUDGET_SECONDS,
  },
  {
    name: "third-replica-anywhere",
    bug: "the third replica may land on the rack of the first two",
    source: "spec 03 §15.2",
    edits: [
      {
        file: `${FOLDER}/rack-aware.ts`,
        find: "choice.chosen.length < required) this.#takeOff(racks);",
        replace: "choice.chosen.length < required) this.#takeOff(racks.slice(racks.length));",
      },
    ],
    catchers: [POLICIES, PROPERTIES],
    budgetSeconds: BUDGET_SECONDS,
  },
  {
    name: "extra-copy-is-wrong",
    bug: "a copy that a decommission makes looks like one too many on its rack",
    source: "spec 03 §16.3",
    edits: [
      {
        file: `${FOLDER}/rack-spread.ts`,
        find: "Math.max(0, holders.length - replicaCount)",
        replace: "Math.min(0, holders.length - replicaCount)",
      },
    ],
    catchers: [SPREAD],
    budgetSeconds: BUDGET_SECONDS,
  },
  {
    name: "half-reserved",
    bug: "room is taken on the datanodes that have some, though another one of the pipeline is full",
    source: "spec 03 §11.2",
    edits: [
      {
        file: `${FOLDER}/pending-containers.ts`,
        find: "nodes.some((node) => this.#options.slotsOf(node)",
        replace: "nodes.every((node) => this.#options.slotsOf(node)",
      },
    ],
    catchers: [PENDING],
    budgetSeconds: BUDGET_SECONDS,
  },
];
