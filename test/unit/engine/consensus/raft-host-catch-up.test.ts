import assert from "node:assert/strict";
import { test } from "node:test";
import type { RaftHostOptions } from "../../../../engine/consensus/raft-host-options.js";
import { HostGroup } from "../../../support/consensus/host-group.js";

/** Entries of one operation each, so that there are many. */
function proposeOneByOne(group: HostGroup, leader: number, count: number): void {
  const rig = group.rig(leader);
  const before = rig.outcomes.length;
  for (let i = 1; i <= count; i++) {
    rig.propose(before + i);
    group.until(() => rig.outcomes.length === before + i);
  }
  assert.ok(rig.outcomes.slice(before).every(([, outcome]) => outcome === 0));
}

/** Lets one member miss what is proposed and come back; returns how many entries its leader read again. */
function missAndReturn(options: Partial<RaftHostOptions>, count: number): number {
  const group = new HostGroup(3, options);
  const leader = group.elect();
  const away = (leader % 3) + 1;
  group.kill(away);
  proposeOneByOne(group, leader, count);
  group.start(away);
  const { machine, log } = group.rig(leader);
  group.until(() => group.rig(away).machine.appliedIndex === machine.appliedIndex);
  assert.equal(group.rig(away).machine.hash(), machine.hash());
  assert.deepEqual(group.leaders, [leader], "it came back without an election");
  return log.fetchedCount;
}

test("a member that was away gets what it missed from memory when that is still there", () => {
  assert.equal(missAndReturn({}, 60), 0);
});

test("it gets the rest from the disk, piece by piece", () => {
  const small = { entryCacheBytesMax: 3000, fetchBytesMax: 2000, fetchedBytesMax: 4000, appendBytesMax: 300 };
  const count = missAndReturn(small, 60);
  assert.ok(count >= 40, `${count} entries were read again`);
  assert.ok(count <= 120, `${count} entries were read again: most of them once`);
});

test("two that are behind at different places both catch up, while others go on", () => {
  const small = { entryCacheBytesMax: 1000, fetchBytesMax: 1500, fetchedBytesMax: 3000, appendBytesMax: 200 };
  const group = new HostGroup(5, small);
  const leader = group.elect();
  const [first, second] = [1, 2, 3, 4, 5].filter((id) => id !== leader) as [number, number];
  group.kill(first);
  proposeOneByOne(group, leader, 40);
  group.kill(second);
  proposeOneByOne(group, leader, 40);
  group.start(first);
  group.start(second);
  proposeOneByOne(group, leader, 20);
  const { machine } = group.rig(leader);
  for (const id of [first, second]) {
    group.until(() => group.rig(id).machine.appliedIndex === machine.appliedIndex);
    assert.equal(group.rig(id).machine.hash(), machine.hash());
  }
});

test("a new leader that was started anew reads from disk for those who are behind", () => {
  const group = new HostGroup(3, { fetchBytesMax: 2000, fetchedBytesMax: 4000 });
  const leader = group.elect();
  const away = (leader % 3) + 1;
  const other = 6 - leader - away;
  group.kill(away);
  proposeOneByOne(group, leader, 40);
  group.pass(200);
  group.kill(other);
  group.start(other);
  group.until(() => group.rig(other).machine.appliedIndex === group.rig(leader).machine.appliedIndex);
  group.kill(leader);
  group.start(away);
  const next = group.elect();
  assert.equal(next, other, "the one that has everything");
  group.until(() => group.rig(away).machine.appliedIndex === group.rig(other).machine.appliedIndex);
  assert.equal(group.rig(away).machine.hash(), group.rig(other).machine.hash());
  assert.ok(group.rig(other).log.fetchedCount > 0, "what it had applied before it started is only on disk");
});
