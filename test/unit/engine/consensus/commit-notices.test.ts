import assert from "node:assert/strict";
import { test } from "node:test";
import { CommitNotices } from "../../../../engine/consensus/commit-notices.js";
import { logIndex, term } from "../../../../engine/core/ids.js";
import type { AppReq, Message } from "../../../../engine/raft/message.js";
import { MESSAGE_KIND } from "../../../../engine/raft/message.js";
import { ENTRY_TYPE, nodeId } from "../../../../engine/raft/types.js";
import { ManualScheduler } from "../../../support/consensus/manual-scheduler.js";

function append(to: number, previous: number, commit: number, entryCount = 0, atTerm = 3): AppReq {
  return {
    kind: MESSAGE_KIND.APP_REQ,
    from: nodeId(1),
    to: nodeId(to),
    term: term(atTerm),
    previous: { term: term(atTerm), index: logIndex(previous) },
    entries: Array.from({ length: entryCount }, (_, i) => ({
      term: term(atTerm),
      index: logIndex(previous + 1 + i),
      type: ENTRY_TYPE.NORMAL,
      payload: new Uint8Array(8),
    })),
    commit: logIndex(commit),
  };
}

function rig(): { scheduler: ManualScheduler; sent: Message[]; notices: CommitNotices } {
  const scheduler = new ManualScheduler();
  const sent: Message[] = [];
  return { scheduler, sent, notices: new CommitNotices(scheduler, (message) => sent.push(message)) };
}

test("a notice waits for the next append, which says the same", () => {
  const { scheduler, sent, notices } = rig();
  notices.send(append(2, 10, 9));
  assert.deepEqual(sent, []);
  const next = append(2, 10, 9, 1);
  notices.send(next);
  scheduler.advance(100);
  assert.deepEqual(sent, [next]);
});

test("without one it is sent a little later, once, with the newest commit index", () => {
  const { scheduler, sent, notices } = rig();
  notices.send(append(2, 10, 9));
  notices.send(append(2, 10, 10));
  notices.send(append(3, 10, 10));
  scheduler.advance(100);
  assert.deepEqual(sent, [append(2, 10, 10), append(3, 10, 10)]);
});

test("an append that says less does not take its place", () => {
  for (const less of [append(2, 9, 10, 1), append(2, 10, 8, 1), append(2, 10, 10, 1, 4)]) {
    const { sent, notices } = rig();
    const notice = append(2, 10, 10);
    notices.send(notice);
    notices.send(less);
    assert.deepEqual(sent, [notice, less]);
  }
});

test("other messages pass, and what is kept goes out when it is told to, once", () => {
  const { scheduler, sent, notices } = rig();
  const notice = append(2, 10, 10);
  notices.send(notice);
  const timeoutNow = {
    kind: MESSAGE_KIND.TIMEOUT_NOW,
    from: nodeId(1),
    to: nodeId(2),
    term: term(3),
  } as const;
  notices.send(timeoutNow);
  assert.deepEqual(sent, [timeoutNow]);
  notices.flush();
  scheduler.advance(100);
  assert.deepEqual(sent, [timeoutNow, notice]);
});
