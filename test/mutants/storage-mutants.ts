import { type Mutant, tests } from "./mutant.js";

/** Bugs of what is on disk and of what a start makes of it. */
export const STORAGE_MUTANTS: readonly Mutant[] = [
  {
    name: "hard-state-before-entries",
    bug: "term, vote and commit index are written before the entries that they speak of, by themselves",
    source: "raft.md §15 #9 (etcd#8455, #5690, #10219)",
    edits: [
      {
        file: "engine/storage/log-store.ts",
        find: `    const last = this.#tail();
    if (pending.count > 0) {
      if (this.#pendingFirst`,
        replace: `    const last = this.#tail();
    this.#batch.put(META_COLUMN, META_KEY.HARD_STATE, encodeHardState(this.#hardState));
    this.#batch.write({ sync: true });
    if (pending.count > 0) {
      if (this.#pendingFirst`,
      },
    ],
    catchers: [
      tests("test/unit/engine/storage/log-store.test.ts", "test/unit/engine/storage/recovery.test.ts"),
    ],
    budgetSeconds: 60,
  },
  {
    name: "log-not-synced",
    bug: "entries are acknowledged when they are written, not when they are synced",
    source: "raft.md §15 #8, §10; verification.md §6 F3",
    edits: [
      {
        file: "engine/storage/log-store.ts",
        find: `    this.#batch.write({ sync: true });
    if (pending.count > 0) this.#blobs.push(this.#pendingFirst);`,
        replace: `    this.#batch.write({ sync: false });
    if (pending.count > 0) this.#blobs.push(this.#pendingFirst);`,
      },
    ],
    catchers: [tests("test/unit/engine/storage/log-store.test.ts")],
    budgetSeconds: 60,
  },
  {
    name: "answer-before-sync",
    bug: "the log thread answers before the sync that covers the append",
    source: "raft.md §6 H2, §15 #8",
    edits: [
      {
        file: "workers/log/log-writer.ts",
        find: "    answer.entryCount = this.#append.entryCount;\n",
        replace:
          "    answer.entryCount = this.#append.entryCount;\n    this.#writer.appended(answer);\n" +
          "    this.#context.sender.publish();\n    this.#answerCount--;\n",
      },
    ],
    catchers: [tests("test/unit/workers/log/log-writer.test.ts")],
    budgetSeconds: 60,
  },
  {
    name: "watermark-ignored",
    bug: "a start goes on with a log that ends before the watermark: acknowledged entries are gone unnoticed",
    source: "raft.md §12.3; verification.md §6 F3",
    edits: [
      {
        file: "engine/storage/read-log.ts",
        find: "if (mark.last.index <= truncated.index) return undefined;",
        replace: "if (mark.last.index <= truncated.index || last.index < mark.last.index) return undefined;",
      },
    ],
    catchers: [tests("test/unit/engine/storage/log-store.test.ts")],
    budgetSeconds: 60,
  },
  {
    name: "forgotten-vote-unnoticed",
    bug: "a start goes on with a vote that is older than the one the watermark names",
    source: "raft.md §12; verification.md §6 F3",
    edits: [
      {
        file: "engine/storage/read-log.ts",
        find: "if (term > mark.term) return undefined;",
        replace: "if (term > mark.term || term <= mark.term) return undefined;",
      },
    ],
    catchers: [tests("test/unit/engine/storage/log-store.test.ts")],
    budgetSeconds: 60,
  },
  {
    name: "new-group-in-two-writes",
    bug: "a crash while a new group is forced leaves a member of the old one, with entries of its own",
    source: "etcd --force-new-cluster; raft.md §11",
    edits: [
      {
        file: "engine/scm-new-group.ts",
        find: "  // It has led this term, with itself as the only voter.\n",
        replace: "  store.commit();\n",
      },
    ],
    catchers: [tests("test/unit/engine/scm-new-group.test.ts")],
    budgetSeconds: 60,
  },
  {
    name: "new-group-gives-ids-again",
    bug: "a group that is made of a backup gives out the ids that were given out after the backup",
    source: "spec 07 §12; raft.md §13",
    edits: [
      {
        file: "engine/cluster/executor.ts",
        find: "sequences.raise(name, sequences.last(name) + BigInt(skipped[name]))",
        replace: "sequences.raise(name, sequences.last(name))",
      },
    ],
    catchers: [tests("test/unit/engine/scm-new-group.test.ts")],
    budgetSeconds: 60,
  },
  {
    name: "chain-unchecked",
    bug: "a start does not check that each entry follows the one before",
    source: "raft.md §11, §12.2; verification.md §6 F4",
    edits: [
      {
        file: "engine/storage/log-format.ts",
        find: "if (this.chain !== expected) throw",
        replace: "if (this.chain !== expected && this.index < 0) throw",
      },
    ],
    catchers: [tests("test/unit/engine/storage/recovery.test.ts")],
    budgetSeconds: 60,
  },
  {
    name: "flush-in-pieces",
    bug: "a flush reaches the disk in several writes: the applied index is not atomic with its effects",
    source: "raft.md §15 #12 (etcd#13766, #13529, #6247)",
    edits: [
      {
        file: "workers/state/state-writer.ts",
        find: "    this.#store.put(bytes, view, this.#row);\n",
        replace: "    this.#store.put(bytes, view, this.#row);\n    this.#store.commit(false);\n",
      },
    ],
    catchers: [tests("test/unit/workers/state/state-writer.test.ts", "test/simulation/state-store.test.ts")],
    budgetSeconds: 60,
  },
  {
    name: "log-truncated-before-state-durable",
    bug: "the log is cut where the state was written, although a loss of power may take that away",
    source: "raft.md §11, verification.md §7 R10",
    edits: [
      {
        file: "engine/consensus/raft-host.ts",
        find: "    if (!isDurable) return;\n",
        replace: "",
      },
      {
        file: "engine/consensus/host-assembly.ts",
        find: " || log.isWorthCutting,",
        replace: ",",
      },
    ],
    catchers: [
      tests(
        "test/unit/engine/consensus/raft-host-storage.test.ts",
        "test/unit/engine/consensus/raft-host-crash.test.ts",
      ),
    ],
    budgetSeconds: 60,
  },
  {
    name: "fetch-of-replaced-entries",
    bug: "a member that lags behind is sent entries that were replaced while they were read",
    source: "raft.md §3 (tikv#11320); verification.md §7 R3",
    edits: [
      {
        file: "engine/storage/entry-fetch.ts",
        find: "if (rewriteCount !== this.#rewriteCount || this.#next <= truncated.index)",
        replace: "if (rewriteCount < 0 || this.#next <= truncated.index)",
      },
    ],
    catchers: [
      tests("test/unit/engine/storage/entry-fetch.test.ts", "test/unit/workers/log/log-fetch.test.ts"),
    ],
    budgetSeconds: 60,
  },
  {
    name: "fetch-before-answers",
    bug: "reading old entries for a member that lags goes before the answers that others wait for",
    source: "raft.md §15 #22 (tikv#11320)",
    edits: [
      {
        file: "workers/log/log-writer.ts",
        find: "if (!this.#isFetching || this.#answerCount > 0) return false;",
        replace: "if (!this.#isFetching) return false;",
      },
    ],
    catchers: [tests("test/unit/workers/log/log-fetch.test.ts", "test/unit/workers/log/log-writer.test.ts")],
    budgetSeconds: 60,
  },
];
