import { type Mutant, tests } from "./mutant.js";

const SNAPSHOTS = "test/unit/engine/snapshot/snapshots.test.ts";
const CRASH = "test/unit/engine/snapshot/crash.test.ts";

/** Bugs of sending the whole state to a member, some of which this code has had. */
export const SNAPSHOT_MUTANTS: readonly Mutant[] = [
  {
    name: "snapshot-of-earlier-members",
    bug: "a member that was just added is sent a state of the group before, which its core ignores, for ever",
    source: "raft.md §15 #7, #13; docs/GUARANTEES.md, track record",
    edits: [
      {
        file: "engine/snapshot/open-snapshots.ts",
        find: "return index >= truncatedIndex() && isSameMembers(confState, machine.confState);",
        replace:
          "return index >= truncatedIndex() && (confState.voters.length > 0 || machine === undefined);",
      },
    ],
    catchers: [tests(SNAPSHOTS)],
    budgetSeconds: 60,
  },
  {
    name: "received-state-removed-at-stop",
    bug: "a stop removes the received state that the log has gone over to: the next start finds none",
    source: "raft.md §9 (one atomic switch); docs/GUARANTEES.md, track record",
    edits: [
      {
        file: "workers/state/snapshot-keeper.ts",
        find: "if (received !== undefined) await ignoringDiskErrors(() => received.close());",
        replace: "if (received !== undefined) await ignoringDiskErrors(() => received.discard());",
      },
    ],
    catchers: [tests(SNAPSHOTS), tests(CRASH)],
    budgetSeconds: 60,
  },
  {
    name: "learner-waits-for-leadership",
    bug: "a learner that is started again waits for an office that it cannot get, and serves nobody",
    source: "docs/GUARANTEES.md, track record",
    edits: [
      {
        file: "engine/scm.ts",
        find: "if (!isLoneVoter(raft.status())) {",
        replace: "if (!isLoneVoter(raft.status()) && raft.status().confState.voters.length > 1) {",
      },
    ],
    catchers: [tests("test/simulation/start.test.ts")],
    budgetSeconds: 60,
  },
];
