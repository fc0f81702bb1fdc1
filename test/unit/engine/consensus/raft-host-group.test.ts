import assert from "node:assert/strict";
import { test } from "node:test";
import { MESSAGE_KIND } from "../../../../engine/raft/message.js";
import {
  CONF_CHANGE,
  CONF_CHANGE_TRANSITION,
  type ConfChange,
  type ConfChangeStep,
  nodeId,
} from "../../../../engine/raft/types.js";
import { HostGroup } from "../../../support/consensus/host-group.js";
import { heartbeat } from "../../../support/raft/make-message.js";

/** Default election timeout. */
const T = 1000;
const CAMPAIGN: ReadonlySet<number> = new Set([MESSAGE_KIND.VOTE_REQ, MESSAGE_KIND.PRE_VOTE_REQ]);
const ADD_FOURTH = changeOf({ type: CONF_CHANGE.ADD_LEARNER, nodeId: nodeId(4) });

function changeOf(step: ConfChangeStep): ConfChange {
  return { transition: CONF_CHANGE_TRANSITION.AUTO, steps: [step], context: new Uint8Array(0) };
}

test("three hosts elect one leader, and what it acknowledges is applied by all", () => {
  const group = new HostGroup(3);
  const leader = group.elect();
  const rig = group.rig(leader);
  for (let id = 1; id <= 100; id++) rig.propose(id);
  group.until(() => rig.outcomes.length === 100);
  assert.ok(rig.outcomes.every(([, outcome]) => outcome === 0));
  group.until(() => [1, 2, 3].every((id) => group.rig(id).machine.appliedIndex === rig.machine.appliedIndex));
  const hashes = new Set([1, 2, 3].map((id) => group.rig(id).machine.hash()));
  assert.equal(hashes.size, 1);
});

test("a leader whose process ends is replaced within three election timeouts", () => {
  const group = new HostGroup(3);
  const first = group.elect();
  const killedMs = group.scheduler.monotonicMs();
  group.kill(first);
  const second = group.elect();
  assert.notEqual(second, first);
  assert.ok(group.scheduler.monotonicMs() - killedMs <= 3 * T);
});

test("it is replaced within a third of a second when the others see its connections close (H5)", () => {
  const group = new HostGroup(3);
  const first = group.elect();
  group.pass(T);
  const killedMs = group.scheduler.monotonicMs();
  group.kill(first, true);
  group.elect();
  const gapMs = group.scheduler.monotonicMs() - killedMs;
  assert.ok(gapMs < 350, `${gapMs} ms`);
});

test("one broken connection changes nothing: who still hears the leader refuses", () => {
  const group = new HostGroup(3);
  const leader = group.elect();
  group.pass(T);
  const { term } = group.rig(leader).host.leadership;
  const follower = (leader % 3) + 1;
  group.gone(follower, leader);
  group.pass(3 * T);
  assert.deepEqual(group.leaders, [leader]);
  assert.equal(group.rig(leader).host.leadership.term, term);
});

test("a leader that is cut off learns that it lost: what is in its log has an unknown outcome", () => {
  const group = new HostGroup(3);
  const first = group.elect();
  const rig = group.rig(first);
  for (const other of [1, 2, 3]) {
    group.cut(first, other);
    group.cut(other, first);
  }
  rig.propose(1);
  group.until(() => rig.outcomes.length === 1);
  assert.deepEqual(rig.outcomes, [[1, "OUTCOME_UNKNOWN"]]);
  rig.propose(2);
  assert.deepEqual(rig.outcomes[1], [2, "NOT_LEADER"]);
  const second = group.elect();
  group.rig(second).propose(3);
  group.until(() => group.rig(second).outcomes.length === 1);
  group.heal();
  group.until(() => rig.machine.appliedIndex >= group.rig(second).machine.appliedIndex);
  assert.equal(rig.machine.hash(), group.rig(second).machine.hash());
});

test("a transfer leaves nobody in doubt: the earlier is answered, what comes meanwhile refused", () => {
  const group = new HostGroup(3);
  const first = group.elect();
  group.pass(T);
  const rig = group.rig(first);
  const target = (first % 3) + 1;
  for (let id = 1; id <= 10; id++) rig.propose(id);
  let outcome: unknown = "none";
  rig.host.transferLeadership(nodeId(target), (refusal) => {
    outcome = refusal?.code;
  });
  for (let id = 11; id <= 20; id++) rig.propose(id);
  const beganMs = group.scheduler.monotonicMs();
  group.until(() => outcome !== "none" && rig.outcomes.length === 20);
  assert.equal(outcome, undefined);
  assert.deepEqual(group.elect(), target);
  assert.ok(group.scheduler.monotonicMs() - beganMs < 300);
  const refused = rig.outcomes.filter(([, code]) => code !== 0);
  assert.ok(rig.outcomes.slice(0, 10).every(([, code]) => code === 0));
  assert.ok(refused.every(([, code]) => code === "NOT_LEADER"));
});

test("a transfer to a member that is down fails after an election timeout, and proposals go on", () => {
  const group = new HostGroup(3);
  const first = group.elect();
  const target = (first % 3) + 1;
  group.kill(target);
  const rig = group.rig(first);
  let outcome: unknown = "none";
  rig.host.transferLeadership(nodeId(target), (refusal) => {
    outcome = refusal?.code;
  });
  rig.propose(1);
  group.until(() => outcome !== "none" && rig.outcomes.length === 1);
  assert.equal(outcome, "TRANSFER_FAILED");
  assert.deepEqual(rig.outcomes, [[1, 0]]);
});

test("a transfer first waits for a change of membership; when that removes its target, it ends", () => {
  const group = new HostGroup(3);
  const first = group.elect();
  group.pass(T);
  const target = (first % 3) + 1;
  const { host } = group.rig(first);
  const outcomes: (string | undefined)[] = [];
  const change = changeOf({ type: CONF_CHANGE.REMOVE, nodeId: nodeId(target) });
  host.changeMembers(change, (refusal) => outcomes.push(refusal?.code));
  host.transferLeadership(nodeId(target), (refusal) => outcomes.push(refusal?.code));
  group.rig(first).propose(1);
  const beganMs = group.scheduler.monotonicMs();
  group.until(() => outcomes.length === 2 && group.rig(first).outcomes.length === 1);
  assert.deepEqual(outcomes, [undefined, "TRANSFER_FAILED"]);
  assert.deepEqual(group.rig(first).outcomes, [[1, 0]]);
  const tookMs = group.scheduler.monotonicMs() - beganMs;
  assert.ok(tookMs < T / 2, `${tookMs} ms`);
});

test("a leader that stops hands over first", () => {
  const group = new HostGroup(3);
  const first = group.elect();
  group.pass(T);
  const beganMs = group.scheduler.monotonicMs();
  let isStopped = false;
  group.rig(first).host.stop(4000, () => {
    isStopped = true;
  });
  group.until(() => isStopped && group.leaders.some((id) => id !== first));
  assert.ok(group.scheduler.monotonicMs() - beganMs < 300);
});

test("after a start nobody votes for an election timeout, so that no lease is broken", () => {
  const group = new HostGroup(3);
  const startedMs = group.scheduler.monotonicMs();
  group.elect();
  assert.ok(group.scheduler.monotonicMs() - startedMs >= T);
});

test("a leader whose disk hangs gives up its office within three election timeouts (H4)", () => {
  const group = new HostGroup(3);
  const first = group.elect();
  group.pass(T);
  group.stallDisk(first);
  const rig = group.rig(first);
  const stalledMs = group.scheduler.monotonicMs();
  rig.propose(1);
  group.until(() => group.leaders.some((id) => id !== first));
  assert.ok(group.scheduler.monotonicMs() - stalledMs <= 3 * T);
  group.until(() => rig.outcomes.length === 1);
});

test("a leader that cannot serve for want of something else gives up its office, too", () => {
  const group = new HostGroup(3);
  const first = group.elect();
  group.pass(T);
  const blockedMs = group.scheduler.monotonicMs();
  group.rig(first).waitingSinceMs = blockedMs;
  group.until(() => group.leaders.some((id) => id !== first));
  assert.ok(group.scheduler.monotonicMs() - blockedMs <= 3 * T);
});

test("such a leader falls silent, so that it is replaced although nobody hears its request (H4)", () => {
  const group = new HostGroup(3);
  const first = group.elect();
  group.pass(T);
  group.isLost = ({ kind }) => kind === MESSAGE_KIND.TIMEOUT_NOW;
  group.stallDisk(first);
  const stalledMs = group.scheduler.monotonicMs();
  group.rig(first).propose(1);
  group.until(() => group.leaders.some((id) => id !== first));
  const gapMs = group.scheduler.monotonicMs() - stalledMs;
  assert.ok(gapMs <= 4 * T, `${gapMs} ms`);
});

test("a leader that cannot hear names its successor, who need not wait for his timeout", () => {
  const group = new HostGroup(3);
  const first = group.elect();
  group.pass(T);
  for (const other of [1, 2, 3]) group.cut(other, first);
  const cutMs = group.scheduler.monotonicMs();
  // The others get it, and cannot say so.
  group.rig(first).propose(1);
  group.until(() => group.leaders.some((id) => id !== first));
  const gapMs = group.scheduler.monotonicMs() - cutMs;
  assert.ok(gapMs <= 1.5 * T, `${gapMs} ms`);
});

test("a member that was started again votes for nobody for an election timeout, whoever asks", () => {
  const group = new HostGroup(3);
  const leader = group.elect();
  group.pass(T);
  const follower = (leader % 3) + 1;
  group.kill(follower);
  group.start(follower);
  const startedMs = group.scheduler.monotonicMs();
  // The third member campaigns at once, and needs the vote.
  group.kill(leader, true);
  group.elect();
  assert.ok(group.scheduler.monotonicMs() - startedMs >= T);
});

test("a leader that can send but not hear steps down within three election timeouts", () => {
  const group = new HostGroup(3);
  const first = group.elect();
  group.pass(T);
  for (const other of [1, 2, 3]) group.cut(other, first);
  const cutMs = group.scheduler.monotonicMs();
  group.until(() => group.leaders.some((id) => id !== first));
  assert.ok(group.scheduler.monotonicMs() - cutMs <= 3 * T);
});

test("a read on the leader waits for a quorum, and one that is cut off refuses it", () => {
  const group = new HostGroup(3);
  const leader = group.elect();
  const { host } = group.rig(leader);
  const answers: (string | undefined)[] = [];
  host.readBarrier((refusal) => answers.push(refusal?.code));
  assert.equal(answers.length, 0, "nobody has confirmed it yet");
  group.until(() => answers.length === 1);
  for (const other of [1, 2, 3]) group.cut(other, leader);
  host.readBarrier((refusal) => answers.push(refusal?.code));
  group.until(() => answers.length === 2);
  assert.deepEqual(answers, [undefined, "NOT_LEADER"]);
});

test("a follower knows when it has caught up", () => {
  const group = new HostGroup(3);
  const leader = group.elect();
  const follower = (leader % 3) + 1;
  group.kill(follower);
  for (let id = 1; id <= 50; id++) group.rig(leader).propose(id);
  group.until(() => group.rig(leader).outcomes.length === 50);
  const { appliedIndex } = group.rig(leader).machine;
  group.start(follower);
  let isCaughtUp = false;
  const ask = (): void => {
    group.rig(follower).host.whenCaughtUp((refusal) => {
      if (refusal !== undefined) ask();
      else isCaughtUp = true;
    });
  };
  ask();
  group.until(() => isCaughtUp);
  assert.ok(group.rig(follower).machine.appliedIndex >= appliedIndex);
});

test("who gave way because its state could not be written campaigns again when it can", () => {
  const group = new HostGroup(3, { dirtyBytesMax: 500, flushBytes: 300 });
  const first = group.elect();
  const rig = group.rig(first);
  group.stallState(first);
  let id = 0;
  group.until(() => {
    if (rig.host.leadership.leaderReady) rig.propose(++id);
    return !rig.host.leadership.isLeader;
  });
  group.until(() => group.leaders.length === 1 && group.leaders[0] !== first);
  group.stallState(first, false);
  const second = group.leaders[0] as number;
  const third = 6 - first - second;
  // Only the first may be elected.
  group.isLost = ({ from, kind }) => from === third && CAMPAIGN.has(kind);
  group.kill(second);
  assert.equal(group.elect(), first);
});

test("what was asked of the group itself is answered when the host stops", () => {
  const group = new HostGroup(3);
  const leader = group.elect();
  group.pass(T);
  const { host } = group.rig(leader);
  for (const other of [1, 2, 3]) {
    if (other !== leader) group.cut(other, leader);
  }
  const outcomes: (string | undefined)[] = [];
  host.changeMembers(ADD_FOURTH, (refusal) => outcomes.push(refusal?.code));
  host.transferLeadership(nodeId((leader % 3) + 1), (refusal) => outcomes.push(refusal?.code));
  group.pass(10);
  assert.deepEqual(outcomes, []);
  host.stop(0, () => {});
  group.pass(1);
  assert.deepEqual(outcomes, ["SHUTTING_DOWN", "SHUTTING_DOWN"]);
});

test("a change of membership in the turn that ends the term is refused and not sent on to who leads", () => {
  const group = new HostGroup(3);
  const leader = group.elect();
  group.pass(T);
  const { host } = group.rig(leader);
  let sentOnCount = 0;
  group.isLost = ({ kind }) => {
    if (kind === MESSAGE_KIND.PROP) sentOnCount++;
    return false;
  };
  group.deliver(heartbeat([(leader % 3) + 1, leader, host.leadership.term + 1]));
  assert.equal(host.leadership.leaderReady, true);
  const outcomes: (string | undefined)[] = [];
  host.changeMembers(ADD_FOURTH, (refusal) => outcomes.push(refusal?.code));
  assert.deepEqual(outcomes, ["NOT_LEADER"]);
  group.pass(10);
  assert.equal(sentOnCount, 0);
});

test("a follower stops within an election timeout, however much the leader sends", () => {
  const group = new HostGroup(3);
  const leader = group.elect();
  group.pass(T);
  const rig = group.rig(leader);
  let stoppedMs: number | undefined;
  const { scheduler } = group;
  const beganMs = scheduler.monotonicMs();
  const follower = (leader % 3) + 1;
  group.slowDisk(follower, 5);
  group.rig(follower).host.stop(4 * T, () => {
    stoppedMs = scheduler.monotonicMs();
  });
  let id = 0;
  group.until(() => {
    if (rig.host.leadership.leaderReady) rig.propose(++id);
    return stoppedMs !== undefined;
  });
  assert.ok((stoppedMs as number) - beganMs <= T, `${(stoppedMs as number) - beganMs} ms`);
});
