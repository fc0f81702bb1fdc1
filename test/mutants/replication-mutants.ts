import { coreSeeds, type Mutant, tests } from "./mutant.js";

const RAFT = "engine/raft/raft.ts";

/** Bugs of acknowledging, committing and reading. */
export const REPLICATION_MUTANTS: readonly Mutant[] = [
  {
    name: "ack-before-durable",
    bug: "a follower acknowledges entries before they are durable",
    source: "raft.md §15 #8 (nodedb#161; etcd#12589)",
    edits: [
      {
        file: "engine/raft/message.ts",
        find: "  return (\n    kind === MESSAGE_KIND.APP_RESP || kind === MESSAGE_KIND.VOTE_RESP ||",
        replace: "  return (\n    kind === MESSAGE_KIND.VOTE_RESP ||",
      },
      {
        file: RAFT,
        find: "assert(message.to !== this.id, `message ${message.kind} to oneself`);",
        replace: "if (message.to === this.id) return void this.#messagesAfterAppend.push(message);",
      },
    ],
    catchers: [coreSeeds(20)],
    budgetSeconds: 60,
  },
  {
    name: "lone-voter-acks-before-own-fsync",
    bug: "a leader counts its own entries before they are durable: a lone voter answers before its fsync",
    source: "raft.md §15 #10 (etcd#14370)",
    edits: [
      {
        file: RAFT,
        find: "    this.#sendAppResp(this.id, this.log.lastIndex);\n",
        replace:
          "    this.#sendAppResp(this.id, this.log.lastIndex);\n" +
          "    this.#progressOf(this.id)?.acknowledged(this.log.lastIndex);\n    this.#maybeCommit();\n",
      },
    ],
    catchers: [tests("test/simulation/core-storage.test.ts"), coreSeeds(20)],
    budgetSeconds: 60,
  },
  {
    name: "match-from-heartbeat",
    bug: "a heartbeat's answer moves what a leader believes to be on the member's disk",
    source: "raft.md §15 #16 (RATIS-2605)",
    edits: [
      {
        file: RAFT,
        find: "    progress.resumeFlow();\n",
        replace: "    progress.resumeFlow();\n    progress.acknowledged(this.#capped(progress.next));\n",
      },
    ],
    catchers: [tests("test/simulation/core-storage.test.ts"), coreSeeds(20)],
    budgetSeconds: 60,
  },
  {
    name: "commit-of-earlier-term",
    bug: "entries of earlier terms are committed by counting who has them",
    source: "thesis §3.6.2 (figure 3.7); verification.md §7 R4, R8",
    edits: [
      {
        file: "engine/raft/log.ts",
        find: "if (id.term === 0 || id.index <= this.#commit || !this.matches(id)) return false;",
        replace: "if (id.term === 0 || id.index <= this.#commit) return false;",
      },
    ],
    catchers: [tests("test/unit/engine/raft/paper.test.ts"), coreSeeds(100)],
    budgetSeconds: 90,
  },
  {
    name: "commit-by-one-half",
    bug: "in a joint configuration only the incoming voters are counted",
    source: "raft.md §8, §15 #5 (redpanda#17675: quorums that do not meet)",
    edits: [
      {
        file: "engine/raft/commit-quorum.ts",
        find: "return jointCommittedIndex(this.#incomingMatches, this.#outgoingMatches);",
        replace: "return jointCommittedIndex(this.#incomingMatches, []);",
      },
    ],
    catchers: [tests("test/unit/engine/raft/commit-quorum.test.ts"), coreSeeds(40)],
    budgetSeconds: 60,
  },
  {
    name: "heartbeat-commits-beyond-match",
    bug: "a heartbeat tells the leader's commit index, whatever the follower's log holds there",
    source: "raft.md §7; etcd-io/raft bcastHeartbeat",
    edits: [
      {
        file: RAFT,
        find: "const commit = logIndex(Math.min(progress.match, this.log.commit));",
        replace: "const { commit } = this.log;",
      },
    ],
    catchers: [coreSeeds(20)],
    budgetSeconds: 60,
  },
  {
    name: "stale-append-truncates",
    bug: "an append that was late cuts off what was acknowledged after it",
    source: "raft.md §15 #8; paper figure 2, AppendEntries rule 3",
    edits: [
      {
        file: "engine/raft/log.ts",
        find: "    if (firstNew < entries.length) this.append(firstNew === 0 ? entries :",
        replace:
          "    const from = entries.findIndex(({ index }) => index > this.#commit);\n" +
          "    if (from >= 0) this.append(from >= 0 ? entries.slice(from) :",
      },
    ],
    catchers: [tests("test/unit/engine/raft/log.test.ts"), coreSeeds(40)],
    budgetSeconds: 60,
  },
  {
    name: "append-aba",
    bug: "an old term's answer of the log thread frees the tail that a later write replaces",
    source: "raft.md §15 #11, §6 H3 (etcd-io/raft rawnode.go)",
    edits: [
      {
        file: RAFT,
        find: 'if (message.last !== undefined) this.#emitStale("staleAppendIgnored", message);',
        replace: "if (message.last !== undefined) this.log.unstable.stableTo(message.last);",
      },
    ],
    catchers: [tests("test/unit/engine/raft/storage-modes.test.ts"), coreSeeds(100)],
    budgetSeconds: 90,
  },
  {
    name: "read-before-own-commit",
    bug: "a new leader serves a read before an entry of its own term is committed",
    source: "raft.md §9, §15 #19; etcd-io/raft committedEntryInCurrentTerm",
    edits: [
      {
        file: RAFT,
        find: "if (this.log.term(this.log.commit) === this.#term) this.#confirmRead(request);",
        replace: "if (this.log.commit >= 0) this.#confirmRead(request);",
      },
    ],
    catchers: [tests("test/unit/engine/raft/reads.test.ts"), coreSeeds(40)],
    budgetSeconds: 60,
  },
  {
    name: "read-confirmed-by-old-heartbeat",
    bug: "the answer to any heartbeat confirms every read that waits, also one that came after it was sent",
    source: "raft.md §15 #19 (etcd#20418; etcd-io/raft#397)",
    edits: [
      {
        file: RAFT,
        find: "if (readRound > (this.#readAcks.get(from) ?? 0)) this.#readAcks.set(from, readRound);",
        replace: "if (readRound > 0) this.#readAcks.set(from, this.#reads.lastRound);",
      },
    ],
    catchers: [
      tests("test/unit/engine/raft/reads.test.ts", "test/simulation/core-reads.test.ts"),
      coreSeeds(100),
    ],
    budgetSeconds: 90,
  },
];
