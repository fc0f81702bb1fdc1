import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { nodeId } from "../../engine/raft/types.js";
import { TICK_UNITS } from "../support/core-simulation/event-queue.js";
import { removed, Scenario, voter } from "../support/core-simulation/scenario.js";

/** Three voters and the learners 4 and 5, which have everything; 1 leads. */
function withLearners(seed = 1): Scenario {
  const scenario = new Scenario({}, seed);
  scenario.elect(1);
  scenario.addLearner();
  scenario.addLearner();
  return scenario;
}

function votersAt(scenario: Scenario, id: number): string {
  const { voters, votersOutgoing } = scenario.replica(id).machine.confState;
  return `${voters.join(" ")}|${votersOutgoing.join(" ")}`;
}

/** From (1 2 3) to (1 4 5) through both. */
const REPLACEMENT = [voter(4), voter(5), removed(2), removed(3)];

describe("raft.md §15 #3 a leader crashes between commit and apply of a joint membership", () => {
  for (let split = 0; split < 8; split++) {
    test(`the others elect after every partition, number ${split}`, () => {
      const scenario = withLearners();
      const leader = scenario.replica(1);
      leader.applyStalledUntil = scenario.cluster.queue.now + 50 * scenario.electionTimeout * TICK_UNITS;
      const commit = leader.hardState.commit;
      scenario.change(leader, REPLACEMENT);
      scenario.until("the change is committed", () => leader.hardState.commit > commit, 2);
      assert.equal(votersAt(scenario, 1), "1 2 3|");
      leader.crash();
      scenario.isolate(...[2, 3, 4, 5].filter((id) => id === 5 || ((split >> (id - 2)) & 1) === 1));
      scenario.cluster.run(5 * scenario.electionTimeout);
      scenario.cluster.network.heal();
      scenario.until("somebody leads", () => scenario.cluster.leader() !== undefined, 10);
      leader.start();
      scenario.commit(1);
      scenario.converge();
      assert.equal(votersAt(scenario, 1), "1 4 5|");
      assert.equal(votersAt(scenario, 4), "1 4 5|");
    });
  }
});

describe("raft.md §15 #5 two operators at once", () => {
  test("of two changes at one leader the second is refused while the first is pending", () => {
    const scenario = withLearners();
    const leader = scenario.replica(1);
    leader.ask(() => {
      for (const step of [voter(4), removed(3)]) {
        leader.core.proposeConfChange({ transition: 0, steps: [step], context: new Uint8Array(0) });
      }
    });
    scenario.commit(1);
    scenario.converge();
    assert.equal(votersAt(scenario, 2), "1 2 3 4|");
  });

  test("a change that a cut-off leader began is gone when another was committed", () => {
    const scenario = withLearners();
    const old = scenario.replica(1);
    scenario.isolate(1);
    scenario.change(old, [removed(2)]);
    scenario.until("another one leads", () => {
      const leader = scenario.cluster.leader();
      return leader !== undefined && leader !== old;
    });
    const leader = scenario.elect(scenario.cluster.leader()?.id ?? 0);
    scenario.until("4 is caught up", () => scenario.operators.promote(leader, nodeId(4)));
    scenario.commit(1);
    scenario.cluster.network.heal();
    scenario.converge();
    assert.equal(votersAt(scenario, 1), "1 2 3 4|");
  });

  test("a new leader begins no change before the one it found in its log is applied", () => {
    const scenario = withLearners();
    const old = scenario.replica(1);
    // The change reaches only 2, which then leads without knowing what became of it.
    for (const to of [3, 4, 5]) scenario.cluster.network.cut(1, to);
    scenario.cluster.network.cut(2, 1);
    scenario.change(old, [removed(3)]);
    const second = scenario.replica(2);
    scenario.until("2 has it", () => second.disk.log.lastConfIndex > second.machine.confIndex, 2);
    old.crash();
    scenario.cluster.network.heal();
    scenario.until("2 leads", () => {
      if (scenario.cluster.leader() === second) return true;
      second.ask(() => second.core.forgetLeader());
      second.ask(() => second.core.campaign());
      return false;
    });
    scenario.change(second, [voter(5)]);
    old.start();
    scenario.commit(1);
    scenario.converge();
    assert.match(votersAt(scenario, 2), /^1 2( 5)?\|$/);
  });
});

describe("raft.md §15 #6 restarts at every step of a change", () => {
  for (const victims of [[1], [2], [4], [1, 2, 3, 4, 5]]) {
    test(`of ${victims.join(", ")}`, () => {
      for (let step = 0; step < 60; step += 3) {
        const scenario = withLearners(step + 1);
        scenario.change(scenario.replica(1), REPLACEMENT);
        const { cluster } = scenario;
        const until = cluster.queue.now + 1_000;
        for (let i = 0; i < step; i++) cluster.step(until);
        for (const id of victims) scenario.replica(id).crash();
        scenario.cluster.run(step % 7);
        for (const id of victims) scenario.replica(id).start();
        scenario.commit(2);
        scenario.converge();
        const atEnd = votersAt(scenario, 1);
        // The leader may have fallen before anybody had the change.
        assert.ok(atEnd === "1 4 5|" || atEnd === "1 2 3|", atEnd);
        assert.equal(votersAt(scenario, 4), atEnd);
        assert.equal(votersAt(scenario, 5), atEnd);
      }
    });
  }
});

describe("raft.md §15 #15 a learner that lags", () => {
  test("is not made a voter before it has everything committed", () => {
    const scenario = withLearners();
    const leader = scenario.replica(1);
    scenario.isolate(4);
    scenario.commit(5);
    assert.equal(scenario.operators.promote(leader, nodeId(4)), false);
    scenario.cluster.network.heal();
    scenario.until("4 may vote", () => scenario.operators.promote(leader, nodeId(4)));
    scenario.commit(1);
    assert.equal(votersAt(scenario, 1), "1 2 3 4|");
  });

  test("is noticed when a host asks for it all the same", () => {
    const scenario = withLearners();
    scenario.isolate(4);
    scenario.commit(5);
    const promote = (): void => scenario.change(scenario.replica(1), [voter(4)]);
    assert.throws(promote, /4 is promoted at/);
  });
});
