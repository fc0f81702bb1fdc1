import assert from "node:assert/strict";
import { test } from "node:test";
import type { SnapshotHost } from "../../../../engine/consensus/snapshots.js";
import { logIndex } from "../../../../engine/core/ids.js";
import { nodeId } from "../../../../engine/raft/types.js";
import { MemberSnapshots } from "../../../../engine/snapshot/member-snapshots.js";
import { StateRecordWriter } from "../../../../workers/shared/state-records.js";
import { ManualScheduler } from "../../../support/consensus/manual-scheduler.js";
import { MemoryLink } from "../../../support/consensus/memory-link.js";
import { newMachine } from "../../../support/snapshot/stored-member.js";

test("no timer outlives the stop, also when the state thread takes nothing any more", () => {
  const scheduler = new ManualScheduler();
  const state = new MemoryLink(1 << 12);
  const host: SnapshotHost = {
    chainAt: () => {},
    truncatedIndex: () => logIndex(0),
    onOpened: () => {},
    suspendFlushes: () => {},
    resumeFlushes: () => {},
  };
  const snapshots = new MemberSnapshots(host, {
    nodeId: nodeId(1),
    clock: scheduler,
    scheduler,
    state,
    machine: newMachine(),
    dialer: { dial: () => assert.fail("nobody is sent anything") },
    recheckContainers: () => {},
    onSendFailed: () => {},
    onRefused: () => {},
    onUnwanted: () => {},
    onFatal: () => {},
  });
  const filler = new StateRecordWriter(state.sender);
  while (filler.put(2, new Uint8Array(8), new Uint8Array(16)));
  assert.equal(snapshots.sender.snapshot(), "pending");
  scheduler.advance(10);
  assert.equal(scheduler.timerCount, 1);
  snapshots.stop();
  scheduler.advance(10);
  assert.equal(scheduler.timerCount, 0);
});
