import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { cutLinks, PARTITION_KINDS } from "../support/core-simulation/partitions.js";
import { isQuorum } from "../support/core-simulation/quorums.js";
import { codeOf, GroupStage, TIMEOUT_MS } from "../support/simulation/system/group-stage.js";
import type { SimScm } from "../support/simulation/system/sim-scm.js";

/** Scenes of raft.md §15 with whole SCMs; the numbers are its rows. */

/** Until a quorum can decide again after whatever happened to the leader. */
const NEW_LEADER_MS = 3 * TIMEOUT_MS;

async function withFlag(size: number, ...rest: [Parameters<typeof GroupStage.founded>[1]?, number?]) {
  const stage = await GroupStage.founded(size, ...rest);
  const client = stage.client();
  await stage.importFlag(client);
  await stage.writeFlag(client, true);
  return { stage, client };
}

describe("a group whose leader", () => {
  test("is killed has another one within half an election timeout, for its connections close", async () => {
    const { stage, client } = await withFlag(3);
    const former = stage.leader;
    former.crash("process");
    assert.ok((await stage.untilOther(former)) < TIMEOUT_MS / 2);
    await stage.writeFlag(client, false);
    former.start();
    await stage.converge();
  });

  test("loses its machine has another one within three", async () => {
    const { stage, client } = await withFlag(3);
    const former = stage.leader;
    former.crash("machine");
    assert.ok((await stage.untilOther(former)) < NEW_LEADER_MS);
    await stage.writeFlag(client, false);
    former.start();
    await stage.converge();
  });

  test("has a log thread that hangs has another one within three (17)", async () => {
    const { stage, client } = await withFlag(3);
    const former = stage.leader;
    former.stall("log", undefined);
    const written = stage.writeFlag(client, false);
    assert.ok((await stage.untilOther(former)) < NEW_LEADER_MS);
    await written;
    former.crash("process");
    former.start();
    await stage.converge();
  });

  test("hears nobody has another one within three, also when all hear it", async () => {
    const { stage, client } = await withFlag(3);
    const former = stage.leader;
    const undo = stage.followers().map(({ host }) => stage.world.network.cut(host, former.host));
    assert.ok((await stage.untilOther(former)) < NEW_LEADER_MS);
    for (const mend of undo) mend();
    await stage.writeFlag(client, false);
    await stage.converge();
  });

  for (const pauseMs of [300, 1_500, 5_000, 30_000]) {
    test(`stands still for ${pauseMs} ms serves nothing that is stale afterwards (18, 19)`, async () => {
      const { stage, client } = await withFlag(3);
      const former = stage.leader;
      const pinned = stage.client(former);
      // It has a connection, and asks the moment the process goes on.
      assert.equal(await stage.settle(stage.readFlag(pinned)), true);
      former.pause(pauseMs);
      const asked = codeOfRead(stage.readFlag(pinned));
      await stage.writeFlag(client, false);
      const askedLater = codeOfRead(stage.readFlag(pinned));
      assert.notEqual(await stage.settle(askedLater, 120_000), true);
      await stage.settle(asked, 120_000);
      assert.equal(await stage.settle(stage.readFlag(client)), false);
      await stage.converge();
    });
  }

  test("is asked to stop hands over at once", async () => {
    const { stage, client } = await withFlag(3);
    const former = stage.leader;
    let isStopped = false;
    former.stop(() => {
      isStopped = true;
    });
    assert.ok((await stage.untilOther(former)) < 300);
    await stage.writeFlag(client, false);
    await stage.until("it has stopped", () => isStopped);
    former.start();
    await stage.converge();
  });
});

function codeOfRead(read: Promise<boolean>): Promise<boolean | string> {
  return read.catch((error: { code: string }) => error.code);
}

describe("a partition", () => {
  for (const kind of PARTITION_KINDS) {
    test(`(${kind}) of five leaves a leader where a quorum hears each other (20)`, async () => {
      for (const seed of [1, 2]) {
        const { stage, client } = await withFlag(5, {}, seed);
        const { present } = stage.group;
        const cuts = new Set<string>();
        const undo: (() => void)[] = [];
        const cut = (from: number, to: number): void => {
          const [a, b] = [scmOf(present, from), scmOf(present, to)];
          cuts.add(`${from} ${to}`);
          undo.push(stage.world.network.cut(a.host, b.host));
        };
        const numbers = present.map(({ number }) => number);
        cutLinks({ cut }, kind, numbers, stage.world.random.stream("cuts"));
        const hear = (a: number, b: number): boolean =>
          a === b || (!cuts.has(`${a} ${b}`) && !cuts.has(`${b} ${a}`));
        const canLead = numbers.filter((a) => numbers.filter((b) => hear(a, b)).length > numbers.length / 2);
        await stage.pass(NEW_LEADER_MS);
        if (canLead.length > 0) {
          await stage.until("somebody leads and a quorum follows", () => follows(stage), 10 * TIMEOUT_MS);
        }
        for (const mend of undo) mend();
        await stage.until("somebody leads", () => stage.group.leader !== undefined, NEW_LEADER_MS);
        await stage.writeFlag(client, false);
        await stage.converge();
      }
    });
  }
});

/** Somebody leads whom a quorum knows. */
function follows({ group }: GroupStage): boolean {
  const { leader, journal, present } = group;
  if (leader === undefined) return false;
  const knows = (id: number): boolean =>
    present.some(
      ({ nodeId, term, running }) =>
        nodeId === id && term === leader.term && running?.raft.leadership.leaderId === leader.nodeId,
    );
  return isQuorum(journal.confState, knows);
}

function scmOf(scms: readonly SimScm[], number: number): SimScm {
  const scm = scms.find((one) => one.number === number);
  assert.ok(scm !== undefined);
  return scm;
}

describe("a snapshot", () => {
  const SHORT_LOG = { logEntryCountMax: 20 };

  test("takes the place of a tail that nobody else has, and is sent once (13)", async () => {
    const { stage, client } = await withFlag(3, SHORT_LOG);
    const former = stage.leader;
    const heal = stage.isolate(former);
    // Entries that only the former leader will have.
    const alone = stage.client(former);
    const lost = codeOf(alone.suppressContainers({ containerIds: [1], suppress: false }));
    await stage.untilOther(former);
    await stage.write(client, 100);
    heal();
    await stage.converge();
    assert.notEqual(await stage.settle(lost), "done");
    const installed = stage.lines().filter((line) => line.includes("takes the place of the log"));
    assert.equal(installed.length, 1);
  });

  test("is finished over connections that break again and again (14)", async () => {
    const { stage, client } = await withFlag(3, SHORT_LOG);
    const [behind] = stage.followers();
    assert.ok(behind !== undefined);
    const heal = stage.isolate(behind);
    await stage.write(client, 100);
    heal();
    for (let i = 0; i < 20; i++) {
      await stage.pass(20);
      for (const connection of stage.world.network.connections) {
        if (connection.serverHost === behind.host && connection.path === "/snapshot") connection.reset();
      }
    }
    await stage.converge();
  });

  test("is taken in by a member that dies at any write of it (14)", async () => {
    for (let writes = 1; writes <= 12; writes++) {
      const { stage, client } = await withFlag(3, SHORT_LOG, writes);
      const [behind] = stage.followers();
      assert.ok(behind !== undefined);
      behind.onDeath = () => behind.start();
      const heal = stage.isolate(behind);
      await stage.write(client, 60);
      heal();
      behind.crashAfterWrites(writes, 0, "machine");
      await stage.converge();
    }
  });
});

describe("a change of membership", () => {
  test("survives the death of everybody at any write of it (3, 6)", async () => {
    for (let writes = 1; writes <= 8; writes++) {
      const { stage, client } = await withFlag(3, {}, writes);
      const [leaving] = stage.followers();
      assert.ok(leaving?.scmId !== undefined);
      const staying = stage.group.present.filter((scm) => scm !== leaving);
      const removed = codeOf(client.decommissionScm({ scmId: leaving.scmId, force: false }));
      const isOut = new Promise<void>((resolve) => {
        leaving.onRemoved = resolve;
      });
      for (const scm of staying) {
        scm.onDeath = () => scm.start();
        scm.crashAfterWrites(writes, 0, "machine");
      }
      await stage.settle(removed);
      // Whether it was done or not: when it is asked for again, it is so.
      for (let outcome = ""; outcome !== "done"; ) {
        outcome = await stage.settle(codeOf(client.decommissionScm({ scmId: leaving.scmId, force: false })));
        const [heir] = staying;
        if (outcome !== "CHANGE_REFUSED" || heir?.scmId === undefined) continue;
        await stage.settle(codeOf(client.transferLeadership({ scmId: heir.scmId })));
      }
      await stage.settle(isOut);
      leaving.isRetired = true;
      await stage.converge();
      assert.deepEqual(
        stage.group.journal.confState.voters,
        staying.map(({ nodeId }) => nodeId),
      );
    }
  });

  test("asked for by several at once happens once at a time (5)", async () => {
    const { stage } = await withFlag(5);
    const [a, b] = stage.followers();
    assert.ok(a?.scmId !== undefined && b?.scmId !== undefined);
    for (const scm of [a, b]) {
      scm.onRemoved = () => {
        scm.isRetired = true;
      };
    }
    const outcomes = [a.scmId, b.scmId, a.scmId].map((scmId) =>
      codeOf(stage.client().decommissionScm({ scmId, force: false })),
    );
    for (const outcome of await stage.settle(Promise.all(outcomes))) {
      assert.ok(["done", "MEMBERSHIP_BUSY"].includes(outcome), outcome);
    }
    await stage.converge();
  });

  test("of two voters is over when it is answered: the one that went is not needed", async () => {
    const { stage, client } = await withFlag(2);
    const [leaving] = stage.followers();
    const staying = stage.leader;
    assert.ok(leaving?.scmId !== undefined);
    await stage.settle(client.decommissionScm({ scmId: leaving.scmId, force: true }));
    leaving.crash("machine");
    leaving.isRetired = true;
    staying.crash("process");
    staying.start();
    await stage.until("it leads alone", () => stage.group.leader === staying, NEW_LEADER_MS);
    await stage.writeFlag(client, false);
  });

  test("of two voters lets the one that goes end only when the other one knows", async () => {
    for (let seed = 1; seed <= 6; seed++) {
      const { stage } = await withFlag(2, {}, seed);
      const [leaving] = stage.followers();
      const former = stage.leader;
      assert.ok(leaving?.scmId !== undefined);
      leaving.onRemoved = () => {
        leaving.isRetired = true;
      };
      const before = stage.group.journal.confIndex;
      const answer = codeOf(stage.client(former).decommissionScm({ scmId: leaving.scmId, force: true }));
      // The entry gets there and no answer comes back: the one that goes inherits it, and commits it.
      await stage.until("it has it", () => leaving.journal.confChangesAfter(before).length > 0);
      const answers = stage.world.network.cut(leaving.host, former.host);
      await stage.until("the other one hears nobody, and gives up", () => !former.leads);
      answers();
      await stage.until("it is removed", () => {
        return stage.group.journal.confState.voters.length === 1;
      });
      // Nothing of that gets through for a while.
      const mend = stage.isolate(leaving);
      await stage.pass(NEW_LEADER_MS);
      mend();
      await stage.settle(answer, 120_000);
      await stage.until("the other one leads", () => stage.group.leader === former);
      await stage.until("it has ended", () => leaving.isRetired);
    }
  });

  test("makes no voter of a learner that lags (15)", async () => {
    const { stage, client } = await withFlag(3);
    const joining = stage.group.add();
    joining.joinService(stage.group.present);
    await stage.settle(joining.bootstrap());
    const undo = stage
      .followers()
      .concat(stage.leader)
      .map(({ host }) => stage.world.network.cut(host, joining.host));
    joining.start();
    await stage.write(client, 40);
    await stage.pass(5 * TIMEOUT_MS);
    assert.equal(stage.group.journal.confState.voters.length, 3);
    for (const mend of undo) mend();
    await stage.until("it votes", () => stage.group.journal.confState.voters.length === 4);
    await stage.converge();
  });
});

test("leadership that goes round under load repeats nothing and loses nothing (21)", async () => {
  const { stage, client } = await withFlag(3);
  const operator = stage.client();
  const given = new Set<string>();
  let isOver = false;
  const load = async (): Promise<number> => {
    let count = 0;
    for (; !isOver; count++) {
      await client.suppressContainers({ containerIds: [1], suppress: count % 2 === 0 });
    }
    return count;
  };
  const written = load();
  for (let i = 0; i < 6; i++) {
    await stage.settle(codeOf(operator.transferLeadership({})));
    await stage.pass(200);
    given.add(stage.group.leader?.name ?? "nobody");
  }
  isOver = true;
  assert.ok((await stage.settle(written)) > 20);
  assert.ok(given.size > 1);
  await stage.converge();
});
