import assert from "node:assert/strict";
import { test } from "node:test";
import { ScmGroup, type ScmMember } from "../../support/process/scm-group.js";

/** A command of `strata admin scm` that asks all members: its exit code and what it printed. */
async function admin(group: ScmGroup, ...words: string[]) {
  const [member] = group.members as readonly [ScmMember];
  return await member.run("admin", "scm", ...words);
}

/** Names with their roles, sorted. */
async function rolesOf(group: ScmGroup): Promise<string> {
  const { code, text } = await admin(group, "roles", "--json");
  assert.equal(code, 0, text);
  const shape = JSON.parse(text) as Record<string, { name: string; number: number; raftPeerRole: string }>;
  const rows = Object.values(shape).map(
    ({ name, number, raftPeerRole }) => `${name}${number} ${raftPeerRole}`,
  );
  return rows.sort().join(", ");
}

test("a group is founded, grown, led by another one, shrunk, and a lost disk replaced", async () => {
  const group = await ScmGroup.create();
  try {
    await group.start();
    assert.equal(await rolesOf(group), "a1 LEADER, b2 FOLLOWER, c3 FOLLOWER");
    const [a, b, c] = group.members as readonly [ScmMember, ScmMember, ScmMember];

    const again = await b.run("scm", "--bootstrap");
    assert.equal(again.code, 0, again.text);
    assert.match(again.text, /is initialised already, left as it is/);

    const leader = await admin(group, "decommission", "--nodeid", "a");
    assert.equal(leader.code, 1);
    assert.match(leader.text, /it leads the group: transfer leadership first \(CHANGE_REFUSED\)/);
    const stale = await admin(group, "decommission", "--nodeid", "c", "--config-version", "1");
    assert.match(stale.text, /\(CONFIG_VERSION\)/);

    const transferred = await admin(group, "transfer", "-n", "b");
    assert.equal(transferred.code, 0, transferred.text);
    assert.equal(await rolesOf(group), "a1 FOLLOWER, b2 LEADER, c3 FOLLOWER");

    // It hears of its removal from the log.
    const removed = await admin(group, "decommission", "--nodeid", "a");
    assert.equal(removed.code, 0, removed.text);
    assert.deepEqual(await a.process.ended, { code: 1, signal: null });
    assert.match(a.process.text, /this SCM was removed from the group/);
    assert.equal(await rolesOf(group), "b2 LEADER, c3 FOLLOWER");
    const back = await a.run("scm", "--bootstrap");
    assert.equal(back.code, 1);
    assert.match(back.text, /MEMBER_UNKNOWN/);

    const last = await admin(group, "decommission", "--nodeid", "c");
    assert.match(last.text, /a lone voter would be left/);

    a.loseDisk();
    await group.join(a);
    assert.equal(await rolesOf(group), "a4 FOLLOWER, b2 LEADER, c3 FOLLOWER");

    // It is down when it is removed: the log never tells it, the others do.
    await c.kill();
    const dead = await admin(group, "decommission", "--nodeid", "c");
    assert.equal(dead.code, 0, dead.text);
    assert.deepEqual(await c.spawn().ended, { code: 1, signal: null });
    assert.match(c.process.text, /"code":"MEMBER_REMOVED"/);
  } finally {
    await group.close();
  }
});

test("an SCM waits for a group to join, and joins no other cluster than the one named", async () => {
  const group = await ScmGroup.create({ names: ["a", "b"] });
  try {
    const [a, b] = group.members as readonly [ScmMember, ScmMember];
    const early = await b.run("scm", "--bootstrap", "-Dozone.scm.info.wait.duration=1s");
    assert.equal(early.code, 69, early.text);
    assert.match(early.text, /no answer within/);
    await a.initialize();
    await a.start();
    const other = "0c1d2e3f-0000-4000-8000-000000000001";
    const wrong = await b.run("scm", "--bootstrap", "--clusterid", other);
    assert.match(wrong.text, /CLUSTER_ID_MISMATCH/);
    await group.join(b);
    assert.equal(await rolesOf(group), "a1 LEADER, b2 FOLLOWER");
  } finally {
    await group.close();
  }
});
