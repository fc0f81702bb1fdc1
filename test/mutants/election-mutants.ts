import { coreSeeds, type Mutant, tests } from "./mutant.js";

const RAFT = "engine/raft/raft.ts";
const ELECTIONS = "test/unit/engine/raft/elections.test.ts";

/** Bugs of votes and terms. */
export const ELECTION_MUTANTS: readonly Mutant[] = [
  {
    name: "vote-before-durable",
    bug: "a vote leaves before it is durable, so that after a crash it is given again to another one",
    source: "raft.md §15 #8 (nodedb#161; etcd#12589)",
    edits: [
      {
        file: "engine/raft/message.ts",
        find: "  return (\n    kind === MESSAGE_KIND.APP_RESP || kind === MESSAGE_KIND.VOTE_RESP ||",
        replace: "  return (\n    kind === MESSAGE_KIND.APP_RESP ||",
      },
      {
        file: RAFT,
        find: "assert(message.to !== this.id, `message ${message.kind} to oneself`);",
        replace: "if (message.to === this.id) return void this.#messagesAfterAppend.push(message);",
      },
      // Rule H1 would hold it, too.
      {
        file: "engine/consensus/message-gate.ts",
        find: 'import type { Message } from "../raft/message.js";',
        replace: 'import { MESSAGE_KIND, type Message } from "../raft/message.js";',
      },
      {
        file: "engine/consensus/message-gate.ts",
        find: "    const last = this.#held.last;\n",
        replace:
          "    const last = this.#held.last;\n" +
          "    for (const message of messages) " +
          "if (message.kind === MESSAGE_KIND.VOTE_RESP) this.#send(message);\n",
      },
    ],
    catchers: [coreSeeds(20)],
    budgetSeconds: 60,
  },
  {
    name: "election-before-own-vote-durable",
    bug: "host rule H1 is dropped: votes are asked for before term and own vote are durable",
    source: "raft.md §15 #23, §6 H1; verification.md §11",
    edits: [
      {
        file: "engine/consensus/message-gate.ts",
        find: "hardState !== undefined && (hardState.term !== this.#term || hardState.vote !== this.#vote);",
        replace: "hardState !== undefined && hardState.term < this.#term;",
      },
    ],
    catchers: [tests("test/unit/engine/consensus/message-gate.test.ts"), coreSeeds(20)],
    budgetSeconds: 60,
  },
  {
    name: "pre-vote-answered-with-own-term",
    bug: "a pre-vote is granted with the voter's term, so that the candidate drops the answer as stale",
    source: "raft.md §15 #1 (etcd#8243)",
    edits: [
      {
        file: RAFT,
        find: "this.#sendVoteResp(message, message.term, false);",
        replace: "this.#sendVoteResp(message, this.#term, false);",
      },
    ],
    catchers: [tests(ELECTIONS), coreSeeds(20)],
    budgetSeconds: 60,
  },
  {
    name: "stale-pre-vote-unanswered",
    bug: "a pre-vote of an older term is ignored: a node with a later term and a shorter log blocks all",
    source: "raft.md §5 and §15 #1 (etcd#8501)",
    edits: [
      {
        file: RAFT,
        find: `        this.#emitVote("rejected", message);
        this.#sendVoteResp(message, this.#term, true);
        return;
      case MESSAGE_KIND.STORAGE_APPEND_RESP:`,
        replace: `        this.#emitVote("rejected", message);
        return;
      case MESSAGE_KIND.STORAGE_APPEND_RESP:`,
      },
    ],
    catchers: [tests(ELECTIONS), coreSeeds(40)],
    budgetSeconds: 60,
  },
  {
    name: "pre-candidate-keeps-leader",
    bug: "a pre-candidate remembers its old leader, and refuses its peers for it",
    source: "raft.md §15 #2 (etcd#9586; raft-rs#84)",
    edits: [
      {
        file: RAFT,
        find: `    this.#leader = NO_NODE;
    this.#role = ROLE.PRE_CANDIDATE;`,
        replace: "    this.#role = ROLE.PRE_CANDIDATE;",
      },
    ],
    catchers: [tests(ELECTIONS), coreSeeds(20)],
    budgetSeconds: 60,
  },
  {
    name: "learner-never-votes",
    bug: "a learner refuses to vote, although it may have been promoted without knowing it",
    source: "raft.md §15 #4 (etcd#10998)",
    edits: [
      {
        file: RAFT,
        find: "if (!canVote || !this.log.isUpToDate(message.last)) {",
        replace: "if (!canVote || !this.#isPromotable() || !this.log.isUpToDate(message.last)) {",
      },
    ],
    catchers: [tests(ELECTIONS, "test/simulation/core-membership.test.ts"), coreSeeds(40)],
    budgetSeconds: 90,
  },
  {
    name: "vote-for-shorter-log",
    bug: "votes do not look at the candidate's log: a leader may lack what is committed",
    source: "verification.md §7 R4 (thesis §3.6.1)",
    edits: [
      {
        file: "engine/raft/log.ts",
        find: "return last.term > own.term || (last.term === own.term && last.index >= own.index);",
        replace: "return last.term >= own.term;",
      },
    ],
    catchers: [coreSeeds(20)],
    budgetSeconds: 60,
  },
  {
    name: "check-quorum-off",
    bug: "a leader that hears nobody keeps its office, and its heartbeats keep a bridge from voting",
    source: "raft.md §15 #20 (openraft#2080)",
    edits: [
      {
        file: RAFT,
        find: "if (!this.#isQuorumActive()) {",
        replace: "if (!this.#isQuorumActive() && this.#membership.confState.voters.length === 0) {",
      },
    ],
    catchers: [tests(ELECTIONS, "test/simulation/core-elections.test.ts"), coreSeeds(20)],
    budgetSeconds: 90,
  },
];
