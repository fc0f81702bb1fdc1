import { type Mutant, tests } from "./mutant.js";

const TREE = tests("test/unit/engine/cluster/topology/topology.test.ts");
const NODES = tests("test/unit/engine/cluster/nodes/node-topology.test.ts");
const RACKS = tests("test/unit/engine/gateway/rack-locations.test.ts");
const FILE = "engine/cluster/topology/topology.ts";
const BUDGET_SECONDS = 60;

/** Bugs of the tree of racks, against spec 03 §12. */
export const TOPOLOGY_MUTANTS: readonly Mutant[] = [
  {
    name: "draw-excludes-twice",
    bug: "a datanode that is excluded twice takes another one out with it",
    source: "spec 03 §12.5",
    edits: [
      {
        file: FILE,
        find: "      if (place >= end) continue;\n",
        replace: "      if (end === 0) continue;\n",
      },
    ],
    catchers: [TREE],
    budgetSeconds: BUDGET_SECONDS,
  },
  {
    name: "draw-keeps-exclusions",
    bug: "what a draw left out stays left out where only the rack was excluded",
    source: "spec 03 §12.5",
    edits: [
      {
        file: FILE,
        find: "this.#takeBackRack(excludedRacks[i] as number);",
        replace: "assert(excludedRacks[i] !== undefined, excludedRacks.join());",
      },
    ],
    catchers: [TREE],
    budgetSeconds: BUDGET_SECONDS,
  },
  {
    name: "draw-rack-first",
    bug: "racks are equally likely, whatever their sizes",
    source: "spec 03 §12.5",
    edits: [
      {
        file: FILE,
        find: "const rack = eligible.find(random.below(eligible.total));",
        replace:
          "let rack = 0;\n      do rack = this.racks()[random.below(this.rackCount)] as number;\n" +
          "      while (eligible.countOf(rack) === 0);",
      },
    ],
    catchers: [TREE],
    budgetSeconds: BUDGET_SECONDS,
  },
  {
    name: "move-loses-eligibility",
    bug: "a datanode that moves to another rack gets no containers any more",
    source: "spec 03 §12.2 rule 4",
    edits: [
      {
        file: FILE,
        find: "    this.setEligible(slot, isEligible);\n    return undefined;",
        replace: "    return undefined;",
      },
    ],
    catchers: [TREE],
    budgetSeconds: BUDGET_SECONDS,
  },
  {
    name: "sort-keeps-order",
    bug: "equally near datanodes always come in the same order",
    source: "spec 03 §12.4",
    edits: [
      { file: FILE, find: "exchange(slots, i, random.below(i + 1));", replace: "exchange(slots, i, i);" },
    ],
    catchers: [TREE],
    budgetSeconds: BUDGET_SECONDS,
  },
  {
    name: "distance-without-common-ancestor",
    bug: "the common ancestor's own cost is left out",
    source: "spec 03 §12.3",
    edits: [
      {
        file: FILE,
        find: "return this.#distances[a.level] as number;",
        replace: "return this.#distances[a.level + 1] as number;",
      },
    ],
    catchers: [TREE],
    budgetSeconds: BUDGET_SECONDS,
  },
  {
    name: "dead-stays-in-tree",
    bug: "dead datanodes stay in the topology",
    source: "spec 03 §12.2 rule 4",
    edits: [
      {
        file: "engine/cluster/nodes/node-manager.ts",
        find: 'if (health === "DEAD") this.topology.remove(slot);',
        replace: 'if (health === "DEAD") return;',
      },
    ],
    catchers: [NODES],
    budgetSeconds: BUDGET_SECONDS,
  },
  {
    name: "rack-failure-forgets",
    bug: "a mapping that fails takes a known rack away",
    source: "spec 03 §12.2 rule 2",
    edits: [
      {
        file: "engine/gateway/rack-locations.ts",
        find: "entry.location = location ?? entry.location;",
        replace: "entry.location = location;",
      },
    ],
    catchers: [RACKS],
    budgetSeconds: BUDGET_SECONDS,
  },
  {
    name: "rack-host-is-option",
    bug: "a client that calls itself -x passes the operator's script an option",
    source: "spec 03 §12.2 rule 2",
    edits: [
      {
        file: "engine/gateway/rack-locations.ts",
        find: "const HOST = /^[A-Za-z0-9:_]",
        replace: "const HOST = /^[-A-Za-z0-9:_]",
      },
    ],
    catchers: [RACKS],
    budgetSeconds: BUDGET_SECONDS,
  },
];
