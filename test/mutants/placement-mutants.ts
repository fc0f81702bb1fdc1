import { type Mutant, tests } from "./mutant.js";

const POLICIES = tests("test/unit/engine/cluster/placement/policies.test.ts");
const PROPERTIES = tests("test/unit/engine/cluster/placement/policies-property.test.ts");
const SPREAD = tests("test/unit/engine/cluster/placement/rack-spread.test.ts");
const PENDING = tests("test/unit/engine/cluster/placement/pending-containers.test.ts");
const ROOM = tests("test/unit/engine/cluster/placement/room-property.test.ts");
/** Of datanodes with small disks. */
const SMALL_DISKS = { kind: "systemSeeds", first: 2, count: 1 } as const;
const FOLDER = "engine/cluster/placement";
const BUDGET_SECONDS = 60;
const SEEDS_SECONDS = 180;

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
  {
    name: "full-datanode-gets-a-container",
    bug: "a container is created on datanodes that have no room for it",
    source: "spec 03 §11.2",
    edits: [
      {
        file: `${FOLDER}/pending-containers.ts`,
        find: "this.#options.slotsOf(node) <= this.countOf(node)",
        replace: "this.#options.slotsOf(node) < 0",
      },
    ],
    catchers: [SMALL_DISKS],
    budgetSeconds: SEEDS_SECONDS,
  },
  {
    name: "created-container-takes-no-room",
    bug: "the room of a container is free again as soon as it is created, though no report shows it",
    source: "spec 01 §11",
    edits: [
      {
        file: `${FOLDER}/pending-containers.ts`,
        find: "      this.#promises.add(node, containerId, endMs);\n    }",
        replace: "      void endMs;\n      this.#removed(node);\n    }",
      },
    ],
    catchers: [ROOM, SMALL_DISKS],
    budgetSeconds: SEEDS_SECONDS,
  },
  {
    name: "first-report-of-room-stays",
    bug: "a datanode that fills up keeps the room that it had when it registered",
    source: "spec 03 §11.2",
    edits: [
      {
        file: `${FOLDER}/targets.ts`,
        find: "this.#slots[slot] = containerSlots(report, containerBytes);",
        replace: "this.#slots[slot] ||= containerSlots(report, containerBytes);",
      },
    ],
    catchers: [SMALL_DISKS, ROOM],
    budgetSeconds: SEEDS_SECONDS,
  },
  {
    name: "promised-datanode-is-chosen",
    bug: "a choice looks at the slots of a datanode, and not at what it was promised",
    source: "spec 03 §13.4",
    edits: [
      {
        file: `${FOLDER}/targets.ts`,
        find: "return this.slotsOf(node) > this.#options.pendingCountOf(node);",
        replace: "return this.slotsOf(node) > 0;",
      },
    ],
    catchers: [ROOM],
    budgetSeconds: BUDGET_SECONDS,
  },
];
