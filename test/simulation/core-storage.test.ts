import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { SeededRandom } from "../../engine/core/random.js";
import { MESSAGE_KIND } from "../../engine/raft/message.js";
import type { DamageKind } from "../support/core-simulation/log-disk.js";
import type { Replica } from "../support/core-simulation/replica.js";
import { removed, Scenario } from "../support/core-simulation/scenario.js";

/** Powers `replica` off and harms its disk. */
function harm(replica: Replica, kind: DamageKind): void {
  replica.crash();
  assert.ok(replica.disk.harm(kind, new SeededRandom(7)), "there is something to harm");
}

describe("raft.md §15 #8 a disk that lost what it had acknowledged", () => {
  for (const kind of ["shortened", "forgottenVote", "flippedBit", "flippedStateBit"] as const) {
    for (const id of [1, 2]) {
      test(`${id === 1 ? "a leader" : "a follower"} with a disk (${kind}) stays away`, () => {
        const scenario = new Scenario();
        scenario.elect(1);
        scenario.commit(10);
        scenario.converge();
        const replica = scenario.replica(id);
        harm(replica, kind);
        replica.start();
        assert.equal(replica.state, "refused");
        scenario.commit(5);
        // It comes back as another one, with the state of the others.
        const leader = scenario.cluster.leader() as Replica;
        scenario.change(leader, [removed(id)]);
        scenario.commit(1);
        const successor = scenario.addLearner();
        scenario.until("it may vote", () => scenario.operators.promote(leader, successor.id));
        scenario.commit(1);
        scenario.converge();
        assert.ok(successor.machine.confState.voters.includes(successor.id));
      });
    }
  }
});

describe("raft.md §15 #10 a group of one", () => {
  test("acknowledges nothing that its own disk does not hold", () => {
    const scenario = new Scenario({ voterCount: 1, syncMax: 60 });
    const leader = scenario.elect(1);
    for (let i = 0; i < 40; i++) {
      scenario.append(leader, 1);
      scenario.cluster.run(1);
      assert.ok(scenario.cluster.checker.commit <= leader.disk.log.lastIndex);
    }
  });

  test("does not go on with a shorter log after a lost fsync", () => {
    const scenario = new Scenario({ voterCount: 1 });
    scenario.elect(1);
    scenario.commit(10);
    const replica = scenario.replica(1);
    harm(replica, "shortened");
    replica.start();
    assert.equal(replica.state, "refused");
  });
});

describe("raft.md §15 #13 a snapshot that conflicts with the log", () => {
  for (const tail of [3, 40]) {
    test(`a tail of ${tail} divergent entries is gone after one`, () => {
      const scenario = new Scenario({ keptEntriesMax: 1, flushIntervalMax: 10, uncommittedBytesMax: 10_000 });
      const old = scenario.elect(1);
      scenario.commit(2);
      scenario.isolate(1);
      scenario.append(old, tail);
      scenario.until("another one leads", () => {
        const leader = scenario.cluster.leader();
        return leader !== undefined && leader !== old;
      });
      const { log } = scenario.cluster.leader() as Replica;
      scenario.truncate(20);
      const { network } = scenario.cluster;
      network.forgetSnapshots();
      network.heal();
      scenario.converge();
      assert.ok(network.snapshotCount <= 2, `${network.snapshotCount} snapshots were sent`);
      assert.equal(old.log.last().chain, log.last().chain);
    });
  }
});

describe("raft.md §15 #14 snapshots close together", () => {
  for (const order of ["in order", "the newer one first", "both twice"]) {
    test(`arrive ${order}`, () => {
      const scenario = new Scenario({ keptEntriesMax: 1, flushIntervalMax: 10 });
      const leader = scenario.elect(1);
      scenario.isolate(3);
      scenario.truncate(20);
      const { network } = scenario.cluster;
      const held: number[] = [];
      network.intercept = (message) => {
        if (message.kind !== MESSAGE_KIND.SNAP) return "pass";
        held.push(message.snapshot.id.index);
        return "hold";
      };
      network.heal();
      scenario.until("one is under way", () => held.length === 1);
      // It seems lost, so that a newer one follows.
      scenario.commit(20);
      scenario.until("a newer one is under way", () => {
        leader.ask(() => leader.core.reportSnapshot(scenario.replica(3).id, false));
        return held.length >= 2 && (held.at(-1) as number) > (held[0] as number);
      });
      const isNewest = (index: number): boolean => index === held.at(-1);
      const copies = order === "both twice" ? network.heldMessages() : [];
      if (order === "the newer one first") {
        network.release(
          (message) => message.kind === MESSAGE_KIND.SNAP && isNewest(message.snapshot.id.index),
        );
        scenario.cluster.run(1);
      }
      network.intercept = () => "pass";
      network.release();
      for (const copy of copies) network.send(leader, copy);
      leader.ask(() => leader.core.reportSnapshot(scenario.replica(3).id, true));
      scenario.commit(3);
      scenario.converge();
    });
  }
});

describe("raft.md §15 #16 what a leader believes to be durable", () => {
  test("comes from acknowledgements only, however many heartbeats are answered", () => {
    const scenario = new Scenario();
    const leader = scenario.elect(1);
    scenario.converge();
    scenario.cluster.network.intercept = ({ kind }) => (kind === MESSAGE_KIND.APP_REQ ? "drop" : "pass");
    const { commit } = leader.hardState;
    scenario.append(leader, 3);
    scenario.cluster.run(5 * scenario.electionTimeout);
    assert.equal(leader.hardState.commit, commit);
    for (const { id, match } of leader.core.status().progress) if (id !== 1) assert.equal(match, commit);
  });
});
