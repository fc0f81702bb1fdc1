import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { logIndex, term } from "../../engine/core/ids.js";
import { encodeMessage } from "../../engine/peers/message-codec.js";
import { MESSAGE_KIND } from "../../engine/raft/message.js";
import { nodeId } from "../../engine/raft/types.js";
import type { Scm } from "../../engine/scm.js";
import { GroupStage } from "../support/simulation/system/group-stage.js";
import { Ledger } from "../support/simulation/system/ledger.js";
import { NO_FAULTS } from "../support/simulation/system/options.js";
import { optionsOf } from "../support/simulation/system/run-seed.js";
import { Simulation } from "../support/simulation/system/simulation.js";

/** The simulator's own checks: each must see what it is there for. */

const RAFT_DIRECTORY = "/data/scm/raft";

/** A short run without faults but the one that `harm` does after a while. */
async function playWith(harm: (simulation: Simulation) => void, mutationRate = 20): Promise<void> {
  const options = {
    ...optionsOf(1),
    rounds: 1,
    roundMs: 4_000,
    mutationRate,
    // No report comes in the right moment to mend what was harmed.
    fullReportIntervalMs: 60_000,
    // Containers are imported open, too.
    pipelineLimit: 5,
    faults: NO_FAULTS,
  };
  const simulation = new Simulation(1, options);
  // The state was flushed a moment before, and with it the watermark is safe from any crash.
  simulation.world.scheduler.after(3_200, () => harm(simulation));
  await simulation.run();
}

describe("a simulation", () => {
  test("goes well without harm", async () => {
    await playWith(() => {});
  });

  test("sees that a disk has lost what was synced", async () => {
    const harmed = playWith(({ group: { first: scm } }) => {
      scm.crash("process");
      scm.disk.loseBatches(RAFT_DIRECTORY, 60);
      scm.start();
      // So seldom that the batches are of more than the second that the watermark may be behind.
    }, 5);
    await assert.rejects(harmed, { code: "LOG_BEHIND_WATERMARK" });
  });

  test("sees a container that changes outside of the log", async () => {
    const harmed = playWith(({ group: { first: scm } }) => {
      const table = scm.serving?.cluster.containers.table;
      table?.suppress(1, !table.isSuppressed(1));
    });
    await assert.rejects(harmed, /container 1 is/);
  });

  const forget = ({ group: { first: scm } }: Simulation): void => {
    const nodes = scm.serving?.nodes;
    for (const { slot } of nodes?.index.all() ?? []) scm.serving?.shards.purgeNode(slot);
  };

  test("sees replicas that the SCM has forgotten", async () => {
    // No container is imported later, so nothing is due for the replicas.
    await assert.rejects(playWith(forget, 0.01), /the shards count|is none, should be/);
  });

  test("sees a container that is left behind", async () => {
    await assert.rejects(playWith(forget), /does not heal: .* (is due|wait for their close commands)/);
  });
});

describe("the watch over a group", () => {
  const log = { index: logIndex(0), term: term(0) };

  test("sees a member whose state is another one", async () => {
    const stage = await GroupStage.founded(3);
    const client = stage.client();
    await stage.importFlag(client);
    await stage.converge();
    const [odd] = stage.followers();
    const intent = { operationalState: "IN_MAINTENANCE", expirySeconds: 1 } as const;
    odd?.running?.cluster.intents.rows.set(stage.plan.uuid(0), intent);
    await assert.rejects(stage.write(client, 3), /has another state at index/);
  });

  test("sees who acknowledges what its disk does not hold", async () => {
    const stage = await GroupStage.founded(3);
    const [scm] = stage.followers();
    assert.ok(scm !== undefined);
    const resp = {
      kind: MESSAGE_KIND.APP_RESP,
      from: nodeId(scm.nodeId),
      to: nodeId(stage.leader.nodeId),
      term: term(scm.term),
      rejected: false,
      hint: log,
    } as const;
    const send = (index: number): void => {
      stage.group.watch.sentToPeer(scm, encodeMessage({ ...resp, index: logIndex(index) }, 1));
    };
    const { lastIndex } = scm.durableLog;
    send(lastIndex);
    assert.throws(() => send(lastIndex + 1), /acknowledges/);
  });

  test("sees a vote that is not on disk", async () => {
    const stage = await GroupStage.founded(3);
    const [scm] = stage.followers();
    assert.ok(scm !== undefined);
    const vote = { kind: MESSAGE_KIND.VOTE_RESP, from: nodeId(scm.nodeId), to: nodeId(1) } as const;
    const send = (voteTerm: number): void => {
      const message = { ...vote, term: term(voteTerm), rejected: false };
      stage.group.watch.sentToPeer(scm, encodeMessage(message, 1));
    };
    assert.throws(() => send(scm.term + 1), /votes for/);
  });

  test("sees two leaders of one term", async () => {
    const stage = await GroupStage.founded(3);
    const [scm] = stage.followers();
    assert.ok(scm?.running !== undefined);
    const liar = { raft: { leadership: { term: stage.leader.term, isLeader: true } } } as unknown as Scm;
    assert.throws(() => stage.group.watch.lookAtLeadership(scm, liar), /is led by/);
  });
});

describe("the clients' ledger", () => {
  const change = (tag: string, value: string) => ({ tag, values: new Map([["a", value]]) });

  test("wants what was acknowledged to be there, once", () => {
    const ledger = new Ledger();
    ledger.begin(change("1", "x"));
    ledger.end(change("1", "x"), "done");
    assert.throws(() => ledger.checkAcknowledged(), /is not there/);
    ledger.executed("1");
    ledger.checkAcknowledged();
    ledger.checkValue("a", "x");
    assert.throws(() => ledger.checkValue("a", ""), /should be "x"/);
    assert.throws(() => ledger.executed("1"), /happened 2 times/);
  });

  test("wants what was refused not to be there", () => {
    const ledger = new Ledger();
    ledger.begin(change("1", "x"));
    ledger.end(change("1", "x"), "refused");
    ledger.checkValue("a", "");
    assert.throws(() => ledger.executed("1"), /refused and happened/);
  });

  test("lets what has no outcome happen, or not", () => {
    const ledger = new Ledger();
    ledger.begin(change("1", "x"));
    for (const value of ["", "x"]) ledger.checkValue("a", value);
    ledger.end(change("1", "x"), "unknown");
    for (const value of ["", "x"]) ledger.checkValue("a", value);
    assert.throws(() => ledger.checkValue("a", "y"));
  });

  test("judges a read only when nothing changed meanwhile", () => {
    const ledger = new Ledger();
    const glimpse = ledger.glimpse("a");
    ledger.checkRead(glimpse, "");
    assert.throws(() => ledger.checkRead(glimpse, "y"));
    ledger.begin(change("1", "x"));
    ledger.checkRead(glimpse, "y");
  });
});
