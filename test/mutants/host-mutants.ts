import { type Mutant, tests } from "./mutant.js";

const GROUP = "test/unit/engine/consensus/raft-host-group.test.ts";
const READ_QUEUE = "test/unit/engine/consensus/read-queue.test.ts";
const STALL_WATCH = "test/unit/engine/consensus/stall-watch.test.ts";

/** Bugs of what drives the core of a member of several, and of what answers datanodes and administrators. */
export const HOST_MUTANTS: readonly Mutant[] = [
  {
    name: "hung-disk-keeps-office",
    bug: "rule H4 is dropped: a leader whose log thread hangs looks healthy for ever",
    source: "raft.md §15 #17, §7 H4 (hashicorp/raft#503; etcd#13527)",
    edits: [
      {
        file: "engine/consensus/stall-watch.ts",
        find: "if (nowMs - waitsSinceMs > this.#timeoutMs) return",
        replace: "if (nowMs - waitsSinceMs > this.#timeoutMs && nowMs < 0) return",
      },
    ],
    catchers: [tests(GROUP)],
    budgetSeconds: 60,
  },
  {
    name: "deaf-leader-keeps-office",
    bug: "a leader that sends and does not hear waits for its own next check of the quorum",
    source: "raft.md §7 H4; verification.md §6 F5",
    edits: [
      {
        file: "engine/consensus/stall-watch.ts",
        find: 'if (nowMs - quorumMs > this.#timeoutMs) return this.#bad("quorumLost", status, nowMs);',
        replace: "if (nowMs - quorumMs < 0) return FINE;",
      },
    ],
    catchers: [tests(STALL_WATCH), tests(GROUP)],
    budgetSeconds: 60,
  },
  {
    name: "successor-not-named",
    bug: "a leader that gives up in silence leaves the others, who heard it until then, to their timeouts",
    source: "raft.md §7 H4, §15 #17",
    edits: [
      {
        file: "engine/raft/raft.ts",
        find: "if (this.#isVoter(successor)) this.#sendTimeoutNow(successor);",
        replace: "if (this.#isVoter(successor)) this.#transferTarget = NO_NODE;",
      },
    ],
    catchers: [tests(GROUP)],
    budgetSeconds: 60,
  },
  {
    name: "vote-grace-off",
    bug: "a member votes at once after its start, although a leader may still count on its lease",
    source: "raft.md §9, §15 #18 (tikv#15035)",
    edits: [
      {
        file: "engine/consensus/election-guard.ts",
        find: "if (graceMs === 0) this.#isVoting = true;",
        replace: "if (graceMs >= 0) this.#isVoting = true;",
      },
    ],
    catchers: [tests(GROUP)],
    budgetSeconds: 60,
  },
  {
    name: "read-without-quorum",
    bug: "a leader answers reads without asking whether it still leads",
    source: "raft.md §9; verification.md §7 S2 (etcd#20418)",
    edits: [
      {
        file: "engine/consensus/raft-host.ts",
        find: `const refusal = this.#refusal() ?? this.#reads.add(onReady);
    if (refusal !== undefined)`,
        replace: `const refusal = this.#refusal();
    if (refusal !== null)`,
      },
    ],
    catchers: [tests(GROUP)],
    budgetSeconds: 60,
  },
  {
    name: "read-before-applied",
    bug: "a read is served when it is confirmed, before what it must see is applied",
    source: "raft.md §9 (thesis §6.4)",
    edits: [
      {
        file: "engine/consensus/read-queue.ts",
        find: "if (first.index > appliedIndex) return;",
        replace: "if (first.index > appliedIndex && appliedIndex < 0) return;",
      },
    ],
    catchers: [tests(READ_QUEUE)],
    budgetSeconds: 60,
  },
  {
    name: "read-confirms-later-ones",
    bug: "the answer to one read confirms those that were asked for after it, too",
    source: "raft.md §15 #19 (etcd-io/raft#397)",
    edits: [
      {
        file: "engine/consensus/read-queue.ts",
        find: "if (next === undefined || next.context > context) break;",
        replace: "if (next === undefined || next.context < 0) break;",
      },
    ],
    catchers: [tests(READ_QUEUE)],
    budgetSeconds: 60,
  },
  {
    name: "lost-leadership-told-as-not-done",
    bug: "what is in the log of a deposed leader is refused as if it would never happen",
    source: "raft.md §13; verification.md §4 (commit_unknown_result)",
    edits: [
      {
        file: "engine/consensus/office.ts",
        find: "for (const batch of inLog) this.#fail(batch, unknown);",
        replace: "for (const batch of inLog) this.#fail(batch, notLeader);",
      },
    ],
    catchers: [tests(GROUP)],
    budgetSeconds: 60,
  },
  {
    name: "commands-outlive-their-leader",
    bug: "commands that were queued in an earlier term are sent by the same SCM in a later one",
    source: "raft.md §13 fencing (HDDS-7621); verification.md §7 S10",
    edits: [
      {
        file: "engine/cluster/nodes/command-queue.ts",
        find: "if (command.term === term) drained.push(command);",
        replace: "if (command.term <= term) drained.push({ ...command, term });",
      },
    ],
    catchers: [tests("test/unit/engine/cluster/nodes/heartbeat.test.ts")],
    budgetSeconds: 30,
  },
  {
    name: "delete-before-earlier-ones-are-over",
    bug: "a new leader has replicas deleted while deletes of the one before may still take away others",
    source: "verification.md §7 S8 (HDDS-4589)",
    edits: [
      {
        file: "engine/cluster/deletion/delete-fence.ts",
        find: "if (termSeen !== undefined && termSeen >= this.#term && deleteCount === 0)",
        replace: "if (termSeen !== undefined)",
      },
    ],
    catchers: [tests("test/unit/engine/cluster/nodes/heartbeat.test.ts")],
    budgetSeconds: 30,
  },
  {
    name: "command-of-deposed-leader",
    bug: "a datanode runs the command of a leader although it has seen a later term",
    source: "raft.md §13 (HDDS-7621); verification.md §7 S10",
    edits: [
      {
        file: "protocol/client/command-terms.ts",
        find: "if (command.term === this.#highest) {",
        replace: "if (command.term <= this.#highest) {",
      },
    ],
    catchers: [tests("test/unit/protocol/client/command-terms.test.ts")],
    budgetSeconds: 30,
  },
  {
    name: "lagging-learner-promoted",
    bug: "a learner becomes a voter although it lacks entries, or the newest change of membership",
    source: "raft.md §15 #15 (RATIS-1960, RATIS-2274)",
    edits: [
      {
        file: "engine/cluster/members/membership-rules.ts",
        find: "if (match < facts.members.configVersion) throw",
        replace: "if (match < 0) throw",
      },
      {
        file: "engine/cluster/members/membership-rules.ts",
        find: "if (lag > PROMOTION_LAG_MAX) throw",
        replace: "if (lag < 0) throw",
      },
    ],
    catchers: [tests("test/unit/engine/cluster/members/membership-rules.test.ts")],
    budgetSeconds: 30,
  },
];
