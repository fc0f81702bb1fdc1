import { type Mutant, tests } from "./mutant.js";

/** Bugs of what is replicated. */
export const STATE_MUTANTS: readonly Mutant[] = [
  {
    name: "ids-before-commit",
    bug: "numbers are handed out of a reservation of another term: two leaders give out the same",
    source: "raft.md §15 #21 (HDDS-8973); verification.md §11",
    edits: [
      {
        file: "engine/cluster/sequence/id-range.ts",
        find: "if (term !== this.#term) return;",
        replace: "if (term > this.#term) return;",
      },
    ],
    catchers: [tests("test/unit/engine/cluster/sequence/id-range.test.ts")],
    budgetSeconds: 30,
  },
  {
    name: "ids-outlive-their-term",
    bug: "what is left of a range is handed out in the next term, too",
    source: "raft.md §15 #21 (HDDS-8973), §13",
    edits: [
      {
        file: "engine/cluster/sequence/id-range.ts",
        find: "    this.#taken = 0;\n    this.#count = 0;\n    this.#next.length = 0;\n",
        replace: "    if (term < this.#term) this.#next.length = 0;\n",
      },
    ],
    catchers: [tests("test/unit/engine/cluster/sequence/id-range.test.ts")],
    budgetSeconds: 30,
  },
  {
    name: "apply-without-index",
    bug: "an entry is applied, and the state does not say so: after a start it is applied again",
    source: "raft.md §15 #12 (etcd#13766); verification.md §11",
    edits: [
      {
        file: "engine/cluster/cluster-meta.ts",
        find: "writer.f64(this.appliedIndex);",
        replace: "writer.f64(Math.max(0, this.appliedIndex - 1));",
      },
    ],
    catchers: [tests("test/simulation/state-store.test.ts")],
    budgetSeconds: 60,
  },
  {
    name: "session-answer-forgotten",
    bug: "the answer of an operation is not kept: a retry carries it out again",
    source: "raft.md §13; verification.md §7 S1",
    edits: [
      {
        file: "engine/cluster/sessions/session.ts",
        find: "return this.#sequences[slot] === sequence ? this.#replies[slot] : undefined;",
        replace:
          "return this.#sequences[slot] === sequence && sequence < 0 ? this.#replies[slot] : undefined;",
      },
    ],
    catchers: [tests("test/unit/engine/cluster/sessions/session-table.test.ts")],
    budgetSeconds: 30,
  },
];
