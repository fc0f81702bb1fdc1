import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Message } from "../../engine/raft/message.js";
import { MESSAGE_KIND } from "../../engine/raft/message.js";
import { TICK_UNITS } from "../support/core-simulation/event-queue.js";
import { Scenario } from "../support/core-simulation/scenario.js";

/** Partitions of five members that only cut some links, as bits of the links that are left; one of each form,
 * whatever the members are called. */
const LINKS: readonly (readonly [number, number])[] = [1, 2, 3, 4].flatMap((a) =>
  [2, 3, 4, 5].filter((b) => b > a).map((b): readonly [number, number] => [a, b]),
);

function hasLink(links: number, a: number, b: number): boolean {
  const [low, high] = a < b ? [a, b] : [b, a];
  return ((links >> LINKS.findIndex(([x, y]) => x === low && y === high)) & 1) === 1;
}

function permutations(values: readonly number[]): number[][] {
  if (values.length <= 1) return [values.slice()];
  return values.flatMap((value) =>
    permutations(values.filter((other) => other !== value)).map((rest) => [value, ...rest]),
  );
}

/** The smallest of all graphs of the same form. */
function formOf(links: number, orders: readonly (readonly number[])[]): number {
  return Math.min(
    ...orders.map((order) =>
      LINKS.reduce((form, [a, b], bit) => {
        const isLinked = hasLink(links, order[a - 1] as number, order[b - 1] as number);
        return isLinked ? form | (1 << bit) : form;
      }, 0),
    ),
  );
}

/** Three members that all hear each other. */
function hasFullQuorum(links: number): boolean {
  return LINKS.some(([a, b]) =>
    [1, 2, 3, 4, 5].some(
      (c) => c > b && hasLink(links, a, b) && hasLink(links, b, c) && hasLink(links, a, c),
    ),
  );
}

function partialPartitions(): number[] {
  const orders = permutations([1, 2, 3, 4, 5]);
  const forms = new Set<number>();
  for (let links = 0; links < 1 << LINKS.length; links++) forms.add(formOf(links, orders));
  return [...forms].filter(hasFullQuorum);
}

describe("raft.md §15 #1 pre-votes between members of different terms", () => {
  for (const lag of [1, 5]) {
    test(`a member ${lag} terms behind does not keep the others from electing`, () => {
      const scenario = new Scenario();
      scenario.elect(1);
      scenario.isolate(3);
      for (let i = 0; i < lag; i++) {
        scenario.elect(1 + ((i + 1) % 2));
      }
      scenario.commit(2);
      // The one behind comes back, and the leader is gone.
      const leader = scenario.cluster.leader();
      scenario.cluster.network.heal();
      leader?.crash();
      scenario.until("somebody leads", () => scenario.cluster.leader() !== undefined, 10);
      leader?.start();
      scenario.commit(1);
      scenario.converge();
    });
  }

  test("a member ahead in term, behind in its log, does not keep the others from electing", () => {
    const scenario = new Scenario({ preVote: false });
    scenario.elect(1);
    scenario.isolate(3);
    scenario.commit(3);
    scenario.until("3 has campaigned in vain", () => scenario.replica(3).hardState.term > 5);
    scenario.replica(1).crash();
    scenario.cluster.network.heal();
    scenario.until("2 leads", () => scenario.cluster.leader()?.id === 2, 10);
    scenario.replica(1).start();
    scenario.commit(1);
    scenario.converge();
  });
});

describe("raft.md §15 #17 a leader whose disk hangs", () => {
  for (const seed of [1, 2, 3, 4, 5]) {
    test(`hands over within three election timeouts, seed ${seed}`, () => {
      const scenario = new Scenario({}, seed);
      const leader = scenario.elect(1);
      leader.thread.stalledUntil = scenario.cluster.queue.now + 50 * scenario.electionTimeout * TICK_UNITS;
      scenario.append(leader, 1);
      const successor = (): boolean => {
        const now = scenario.cluster.leader();
        return now !== undefined && now.id !== 1;
      };
      scenario.until("another one leads", successor, 3);
      scenario.commit(2, 3);
    });
  }
});

describe("raft.md §15 #20 partial partitions of five members", () => {
  for (const links of partialPartitions()) {
    const left = LINKS.filter((_, bit) => ((links >> bit) & 1) === 1).map(([a, b]) => `${a}-${b}`);
    test(`a leader that can commit, with the links ${left.join(" ")}`, () => {
      for (const first of [1, 2, 3, 4, 5]) {
        const scenario = new Scenario({ voterCount: 5 }, first);
        scenario.elect(first);
        const { network } = scenario.cluster;
        for (const [a, b] of LINKS) {
          if (hasLink(links, a, b)) continue;
          network.cut(a, b);
          network.cut(b, a);
        }
        scenario.commit(1, 10);
        network.heal();
        scenario.commit(1, 10);
        scenario.converge();
      }
    });
  }
});

describe("raft.md §15 #23 re-election in the same term after a lost self-vote (H1)", () => {
  /** What `id` has said of terms above `term`. */
  function listen(scenario: Scenario, id: number, term: number): Message[] {
    const heard: Message[] = [];
    scenario.cluster.network.intercept = (message) => {
      const isPreVote =
        message.kind === MESSAGE_KIND.PRE_VOTE_REQ || message.kind === MESSAGE_KIND.PRE_VOTE_RESP;
      if (message.from === id && message.term > term && !isPreVote) heard.push(message);
      return "pass";
    };
    return heard;
  }

  test("a candidate that crashes before its vote is durable has asked nobody", () => {
    const scenario = new Scenario();
    scenario.elect(2);
    scenario.commit(2);
    scenario.converge();
    scenario.replica(2).crash();
    const candidate = scenario.replica(1);
    const { term } = candidate.hardState;
    const heard = listen(scenario, 1, term);
    candidate.thread.stalledUntil = scenario.cluster.queue.now + 10_000;
    scenario.until("1 campaigns", () => {
      candidate.ask(() => candidate.core.forgetLeader());
      candidate.ask(() => candidate.core.campaign());
      return candidate.hardState.term > term;
    });
    scenario.cluster.run(2);
    assert.deepEqual(heard, []);
    candidate.crash();
    assert.ok(candidate.disk.hardState.term <= term + 1);
    candidate.start();
    scenario.replica(2).start();
    scenario.commit(3);
    scenario.converge();
  });

  test("its second life may win the term that its first one asked for, messages being late", () => {
    for (let seed = 1; seed <= 20; seed++) {
      const scenario = new Scenario({}, seed);
      scenario.elect(1);
      scenario.commit(2);
      const { network } = scenario.cluster;
      const leader = scenario.replica(1);
      const { term } = leader.hardState;
      // Everything of the next term is late until after the restart.
      network.intercept = (message) => (message.from === 3 && message.term > term ? "hold" : "pass");
      const third = scenario.replica(3);
      leader.crash();
      third.ask(() => third.core.forgetLeader());
      third.ask(() => third.core.campaign());
      scenario.cluster.run(seed % 4);
      third.crash();
      third.start();
      network.intercept = () => "pass";
      third.ask(() => third.core.campaign());
      scenario.cluster.run(1);
      network.release();
      leader.start();
      scenario.commit(3);
      scenario.converge();
    }
  });
});
