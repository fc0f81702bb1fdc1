import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { MESSAGE_KIND } from "../../engine/raft/message.js";
import { NO_CORE_FAULTS } from "../support/core-simulation/options.js";
import { runCoreSeed } from "../support/core-simulation/run-core-seed.js";
import { Scenario } from "../support/core-simulation/scenario.js";

/** Somebody else than `id` leads. */
function isReplaced(scenario: Scenario, id: number): boolean {
  const leader = scenario.cluster.leader();
  return leader !== undefined && leader.id !== id;
}

describe("raft.md §15 #18 reads and restarts", () => {
  test("a leader that was cut off serves no read, whatever its followers have been through", () => {
    const scenario = new Scenario();
    const old = scenario.elect(1);
    scenario.commit(2);
    scenario.isolate(1);
    // Followers that restart have forgotten their leader, and elect at once.
    for (const id of [2, 3]) {
      scenario.replica(id).crash();
      scenario.replica(id).start();
    }
    const second = scenario.replica(2);
    scenario.until("another one leads", () => {
      second.ask(() => second.core.campaign());
      return isReplaced(scenario, 1);
    });
    scenario.commit(2);
    const { readCount } = scenario.cluster.checker;
    scenario.workload.read(old);
    scenario.cluster.run(2 * scenario.electionTimeout);
    assert.equal(scenario.cluster.checker.readCount, readCount);
  });
});

describe("a group of one", () => {
  test("serves no read after a restart before it knows again what is committed", () => {
    const scenario = new Scenario({ voterCount: 1, syncMax: 20 });
    const replica = scenario.elect(1);
    scenario.commit(5);
    replica.crash();
    replica.start();
    replica.ask(() => replica.core.campaign());
    const { cluster } = scenario;
    // As soon as it leads its first entry is on its way to the disk, and its commit index is an old one.
    while (!replica.isLeader) cluster.step(Number.MAX_SAFE_INTEGER);
    assert.ok(replica.hardState.commit < cluster.checker.commit);
    scenario.workload.read(replica);
    scenario.until("the read is served", () => cluster.checker.readCount === 1);
  });
});

describe("raft.md §15 #19 reads that are confirmed late", () => {
  test("an answer to an earlier heartbeat confirms no later read", () => {
    const scenario = new Scenario();
    const old = scenario.elect(1);
    scenario.commit(1);
    const { network, checker } = scenario.cluster;
    // Both followers confirm a first read, and their answers stay on their way.
    network.intercept = ({ kind }) => (kind === MESSAGE_KIND.HEARTBEAT_RESP ? "hold" : "pass");
    scenario.workload.read(old);
    scenario.cluster.run(1);
    network.intercept = () => "pass";
    scenario.isolate(1);
    scenario.until("another one leads", () => isReplaced(scenario, 1));
    scenario.commit(3);
    const { readCount } = checker;
    scenario.workload.read(old);
    network.release();
    scenario.cluster.run(1);
    // The first one may be served: it began before. The checker has judged it.
    assert.ok(checker.readCount <= readCount + 1);
  });

  test("a leader that stood still serves no read that began before it noticed", () => {
    const scenario = new Scenario();
    const old = scenario.elect(1);
    scenario.commit(1);
    old.pause(100 * 20);
    scenario.until("another one leads", () => isReplaced(scenario, 1));
    scenario.commit(3);
    scenario.workload.read(old);
    scenario.until("it runs again", () => !old.isPaused);
    scenario.converge();
  });

  const faults = { ...NO_CORE_FAULTS, pause: 30, partition: 20, lateness: 0.05, reordering: 1, crash: 10 };
  for (const seed of [1, 2, 3, 4]) {
    test(`reads see all that was committed, with pauses and late messages, seed ${seed}`, () => {
      const changes = { voterCount: 5, readRate: 3_000, transferRate: 20, faults, steps: 10_000 };
      const { error, simulation } = runCoreSeed(seed, changes);
      assert.equal(error, undefined);
      assert.ok(simulation.cluster.checker.readCount > 50);
    });
  }
});
