import { coreSeeds, type Mutant, tests } from "./mutant.js";

const RAFT = "engine/raft/raft.ts";
const MEMBERSHIP = "test/unit/engine/raft/membership.test.ts";

/** Bugs of changes of membership, and of snapshots. */
export const MEMBERSHIP_MUTANTS: readonly Mutant[] = [
  {
    name: "campaign-with-unapplied-change",
    bug: "a node campaigns under a membership that a committed change has replaced",
    source: "raft.md §15 #3 (etcd#12359), §8",
    edits: [
      {
        file: RAFT,
        find: "          : this.log.hasUnappliedConfChange()",
        replace: "          : this.log.hasUnappliedConfChange() && this.log.lastIndex < 0",
      },
    ],
    catchers: [tests(MEMBERSHIP), coreSeeds(40)],
    budgetSeconds: 60,
  },
  {
    name: "two-changes-at-once",
    bug: "a change of membership is proposed while one is under way: quorums need not meet",
    source: "raft.md §15 #5 (redpanda#17675)",
    edits: [
      {
        file: RAFT,
        find: 'if (this.#pendingConfIndex > this.log.applied) return "pending";',
        replace: 'if (this.#pendingConfIndex > this.log.lastIndex) return "pending";',
      },
    ],
    catchers: [tests(MEMBERSHIP), coreSeeds(40)],
    budgetSeconds: 60,
  },
  {
    name: "membership-lost-at-restart",
    bug: "changes of membership in the log are not replayed by a start",
    source: "raft.md §15 #6 (camunda#60086; canonical/raft#250)",
    edits: [
      {
        file: "engine/storage/recovery.ts",
        find: "target.applyConfChange(index, term, after, ",
        replace: "target.applyConfChange(index, term, target.confState, ",
      },
    ],
    catchers: [
      tests(
        "test/unit/engine/storage/recovery.test.ts",
        "test/unit/engine/consensus/raft-host-membership.test.ts",
      ),
    ],
    budgetSeconds: 60,
  },
  {
    name: "snapshot-keeps-conflicting-log",
    bug: "a snapshot that the log disagrees with leaves the log as it is: it is sent again and again",
    source: "raft.md §15 #13 (hashicorp/raft#697)",
    edits: [
      {
        file: RAFT,
        find: "if (this.log.matches(id)) {",
        replace: "if (id.index <= this.log.lastIndex) {",
      },
    ],
    catchers: [
      tests("test/unit/engine/raft/snapshots.test.ts", "test/simulation/core-storage.test.ts"),
      coreSeeds(40),
    ],
    budgetSeconds: 90,
  },
  {
    name: "snapshot-truncates-matching-log",
    bug: "a snapshot of what the log holds already takes back entries that were acknowledged after it",
    source: "raft.md §9 (etcd#1763)",
    edits: [
      {
        file: RAFT,
        find: "if (this.log.matches(id)) {",
        replace: "if (this.log.matches(id) && this.log.lastIndex < 0) {",
      },
    ],
    catchers: [tests("test/unit/engine/raft/snapshots.test.ts"), coreSeeds(40)],
    budgetSeconds: 60,
  },
  {
    name: "only-the-awaited-snapshot",
    bug: "a member that got another snapshot than the one awaited is sent nothing any more",
    source: "raft.md §15 #14 (etcd#18055)",
    edits: [
      {
        file: RAFT,
        find: "} else if (progress.match >= this.log.truncated.index) {",
        replace: "} else if (progress.match === progress.pendingSnapshot) {",
      },
    ],
    catchers: [
      tests("test/unit/engine/raft/snapshots.test.ts", "test/simulation/core-storage.test.ts"),
      coreSeeds(40),
    ],
    budgetSeconds: 90,
  },
  {
    name: "snapshot-membership-ignored",
    bug: "who begins anew from a snapshot goes on with the membership that it knew before",
    source: "raft.md §15 #6, #7 (canonical/raft#250)",
    edits: [
      {
        file: RAFT,
        find: `    this.#switchTo(restoreMembership(confState, this.#added()));
    this.#emitSnapshot("restored"`,
        replace: `    this.#emitSnapshot("restored"`,
      },
    ],
    catchers: [tests("test/unit/engine/raft/snapshots.test.ts"), coreSeeds(40)],
    budgetSeconds: 60,
  },
];
