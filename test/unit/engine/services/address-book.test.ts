import { deepEqual, equal } from "node:assert/strict";
import { test } from "node:test";
import type { Member } from "../../../../engine/cluster/members/member.js";
import type { MemberRow } from "../../../../engine/cluster/members/member-table.js";
import { StrataError } from "../../../../engine/core/errors.js";
import type { NodeId } from "../../../../engine/raft/types.js";
import { AddressBook } from "../../../../engine/services/address-book.js";
import { memberOf } from "../../../support/cluster/builders.js";
import { ManualScheduler } from "../../../support/consensus/manual-scheduler.js";

/** SCM 1 with the table of members, and proposals that the test settles. */
class Rig {
  readonly scheduler = new ManualScheduler();
  readonly table = new Map<NodeId, MemberRow>();
  readonly proposals: { member: Member; settle: (refusal?: StrataError) => void }[] = [];
  own = memberOf(1);
  readonly book = new AddressBook({
    scheduler: this.scheduler,
    own: () => this.own,
    members: this.table,
    propose: (member, onOutcome) => {
      const settle = (refusal?: StrataError): void => {
        if (refusal === undefined) this.table.set(member.nodeId, { ...member, isRemoved: false });
        onOutcome(refusal);
      };
      this.proposals.push({ member, settle });
    },
  });

  record(...members: Member[]): this {
    for (const member of members) this.table.set(member.nodeId, { ...member, isRemoved: false });
    return this;
  }

  /** What was proposed since the last call, all of it applied. */
  settleAll(): Member[] {
    const proposals = this.proposals.splice(0);
    for (const { settle } of proposals) settle();
    return proposals.map(({ member }) => member);
  }
}

const moved = memberOf(2, { host: "elsewhere.example.org" });

test("the first leader writes its own record, and no second time", () => {
  const rig = new Rig();
  rig.book.start();
  rig.book.onStatus(false);
  deepEqual(rig.settleAll(), []);
  rig.book.onStatus(true);
  deepEqual(rig.settleAll(), [], "it has not opened its ports yet");
  rig.book.ownChanged();
  deepEqual(rig.settleAll(), [memberOf(1)]);
  rig.book.onStatus(true);
  deepEqual(rig.settleAll(), []);
  equal(rig.book.status(), "RUNNING");
});

test("a member that says another address gets it written down by the leader", () => {
  const rig = new Rig().record(memberOf(1), memberOf(2));
  rig.book.onStatus(true);
  rig.book.heard(memberOf(2));
  deepEqual(rig.settleAll(), []);
  rig.book.heard(moved);
  rig.book.heard(moved);
  deepEqual(rig.settleAll(), [moved]);
});

test("what a follower heard is written down when it leads", () => {
  const rig = new Rig().record(memberOf(1), memberOf(2));
  rig.book.onStatus(false);
  rig.book.heard(moved);
  deepEqual(rig.settleAll(), []);
  rig.book.onStatus(true);
  deepEqual(rig.settleAll(), [moved]);
});

test("what changes while a proposal is under way follows it", () => {
  const rig = new Rig().record(memberOf(1), memberOf(2));
  rig.book.onStatus(true);
  rig.book.heard(moved);
  const again = memberOf(2, { host: "back.example.org" });
  rig.book.heard(again);
  deepEqual(rig.settleAll(), [moved]);
  deepEqual(rig.settleAll(), [again]);
  deepEqual(rig.settleAll(), []);
});

test("whoever is no member, or says it is another SCM, gets no record", () => {
  const rig = new Rig().record(memberOf(1), memberOf(2));
  rig.book.onStatus(true);
  rig.book.heard(memberOf(3));
  rig.table.set(memberOf(4).nodeId, { ...memberOf(4), isRemoved: true });
  rig.book.heard(memberOf(4, { host: "y" }));
  rig.book.heard(memberOf(2, { scmId: memberOf(3).scmId, host: "x" }));
  deepEqual(rig.settleAll(), []);
});

test("a refused record is tried again after a pause, as long as this SCM leads", () => {
  const rig = new Rig().record(memberOf(1), memberOf(2));
  rig.book.onStatus(true);
  rig.book.heard(moved);
  rig.proposals.pop()?.settle(new StrataError("OVERLOADED", { reason: "test" }));
  equal(rig.proposals.length, 0);
  rig.scheduler.advance(1000);
  rig.proposals.pop()?.settle(new StrataError("NOT_LEADER", { term: 4 }));
  rig.book.onStatus(false);
  rig.scheduler.advance(5000);
  equal(rig.proposals.length, 0);
  rig.book.onStatus(true);
  deepEqual(rig.settleAll(), [moved]);
  rig.book.stop();
  equal(rig.scheduler.timerCount, 0);
});

test("a member that has opened its ports before it leads is written down when it does", () => {
  const rig = new Rig();
  rig.book.onStatus(false);
  rig.book.ownChanged();
  deepEqual(rig.settleAll(), []);
  rig.book.onStatus(true);
  deepEqual(rig.settleAll(), [memberOf(1)]);
});

test("this SCM's own move is written down too", () => {
  const rig = new Rig().record(memberOf(1));
  rig.book.onStatus(true);
  rig.own = memberOf(1, { ports: { ...memberOf(1).ports, strata: 12_345 } });
  rig.book.ownChanged();
  deepEqual(rig.settleAll(), [rig.own]);
});
