import { type Mutant, tests } from "./mutant.js";

const DECISIONS = "engine/services/container-decisions.ts";
const LIVES = tests("test/simulation/container-lives.test.ts");
const UNIT = tests("test/unit/engine/services/container-decisions.test.ts");

/** Bugs in what an SCM does about containers by itself. */
export const CONTAINER_MUTANTS: readonly Mutant[] = [
  {
    name: "decisions-without-recheck",
    bug: "a new leader does not ask what was decided while it followed: nobody ever does it",
    source: "architecture.md, leader change",
    edits: [
      {
        file: DECISIONS,
        find: "shards decided and nobody acted.\n    this.#recheckNow();",
        replace: "shards decided and nobody acted.",
      },
    ],
    catchers: [LIVES, { kind: "systemSeeds", first: 5, count: 1 }],
    budgetSeconds: 120,
  },
  {
    name: "changes-untold-to-shards",
    bug: "shards do not hear that a container is in another state: what its replicas mean then is not seen",
    source: "spec 02 §9",
    edits: [{ file: "engine/scm.ts", find: "        this.#shards.containerChanged(id);\n", replace: "" }],
    catchers: [{ kind: "systemSeeds", first: 1, count: 2 }],
    budgetSeconds: 120,
  },
  {
    name: "delete-outlives-its-reason",
    bug: "a delete leaves for its datanode though the container came back",
    source: "spec 02 §9.3",
    edits: [
      {
        file: DECISIONS,
        find: "    if (proposals.holdsBack(containerId)) return false;\n    return isEnding",
        replace: "    if (!proposals.holdsBack(0)) return true;\n    return isEnding",
      },
    ],
    catchers: [UNIT],
    budgetSeconds: 60,
  },
  {
    name: "unknown-before-its-import",
    bug: "replicas of containers that are not imported yet are deleted",
    source: "docs/IMPORT.md",
    edits: [
      {
        file: "engine/cluster/cluster-state.ts",
        find: "if (importAllowed || lostItsGroup ||",
        replace: "if ((importAllowed && lostItsGroup) ||",
      },
    ],
    catchers: [UNIT],
    budgetSeconds: 60,
  },
  {
    name: "delete-without-index",
    bug: "a delete names no replica index: a datanode loses another part of an EC container",
    source: "spec 02 §18 rule 12",
    edits: [
      {
        file: DECISIONS,
        find: "        replicaIndex,\n        deadlineMs",
        replace: "        replicaIndex: replicaIndex * 0,\n        deadlineMs",
      },
    ],
    catchers: [UNIT, { kind: "systemSeeds", first: 1, count: 1 }],
    budgetSeconds: 120,
  },
  {
    name: "close-dies-with-its-leader",
    bug: "a new leader does not know which containers are closing: their datanodes are never told",
    source: "spec 02 §18 rule 11",
    edits: [
      {
        file: "engine/services/container-closer.ts",
        find: "() => this.#look());\n    this.#search(1);",
        replace: "() => this.#look());",
      },
    ],
    catchers: [LIVES],
    budgetSeconds: 60,
  },
  {
    name: "outcome-of-another-term",
    bug: "the late outcome of an earlier term's proposal counts in this one",
    source: "spec 07 §7",
    edits: [
      {
        file: "engine/services/container-proposals.ts",
        find: "        if (underWay !== this.#underWay) return;\n",
        replace: "",
      },
    ],
    catchers: [UNIT],
    budgetSeconds: 60,
  },
  {
    name: "dead-before-the-term",
    bug: "open containers without a pipeline stay open when their datanode died before this leader's term",
    source: "spec 01 §7.4",
    edits: [
      {
        file: "engine/services/dead-node-containers.ts",
        find: 'if (health === "DEAD") this.#add(slot);',
        replace: "if (slot < 0) this.#add(slot);",
      },
    ],
    catchers: [tests("test/unit/engine/services/dead-node-containers.test.ts")],
    budgetSeconds: 60,
  },
];
