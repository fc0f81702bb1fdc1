import { equal, throws } from "node:assert/strict";
import { test } from "node:test";
import { COMMAND_LIFETIME_MS, DeleteFence } from "../../../../../engine/cluster/deletion/delete-fence.js";
import { nodeSlot } from "../../../../../engine/core/ids.js";

const [A, B, C] = [nodeSlot(0), nodeSlot(1), nodeSlot(2)];

test("in a new term each holder must have seen it, and have no delete left when it says so", () => {
  const fence = new DeleteFence(1000);
  fence.startTerm(5, 0);
  equal(fence.mayDelete([A], 0), false);
  fence.reported(A, 4, 0);
  equal(fence.mayDelete([A], 0), false, "a delete of term 4 may still come to it");
  fence.reported(A, 5, 2);
  equal(fence.mayDelete([A], 0), false, "two of term 4 may still run on it");
  fence.reported(A, 5, 0);
  equal(fence.mayDelete([A], 0), true);
  equal(fence.mayDelete([A, B], 0), false, "one holder says nothing for another");
  fence.reported(B, 6, 0);
  equal(fence.mayDelete([A, B], 0), true);
});

test("a datanode that does not tell what it has seen is waited for until the deadline", () => {
  const fence = new DeleteFence(1000);
  fence.startTerm(5, 10_000);
  fence.reported(A, undefined, 0);
  equal(fence.mayDelete([A], 10_999), false);
  equal(fence.mayDelete([A, B, C], 11_000), true);
});

test("deletes of this term do not close what was open", () => {
  const fence = new DeleteFence(1000);
  fence.startTerm(5, 0);
  fence.reported(A, 5, 0);
  fence.reported(A, 5, 3);
  equal(fence.mayDelete([A], 0), true);
});

test("a datanode that registers anew must say again what it has seen", () => {
  const fence = new DeleteFence(1000);
  fence.startTerm(5, 0);
  fence.reported(A, 5, 0);
  fence.registered(A);
  equal(fence.mayDelete([A], 0), false);
});

test("the next term begins with nothing, and its own deadline", () => {
  const fence = new DeleteFence(1000);
  fence.startTerm(5, 0);
  fence.reported(A, 5, 0);
  fence.endTerm();
  fence.startTerm(7, 5000);
  equal(fence.mayDelete([A], 5000), false);
  equal(fence.mayDelete([A], 5999), false);
  equal(fence.mayDelete([A], 6000), true);
  throws(() => fence.startTerm(7, 6000), /term 7 begins after term 7/);
});

test("who does not lead deletes nothing, whatever datanodes say and however long it takes", () => {
  const fence = new DeleteFence();
  fence.reported(A, 9, 0);
  equal(fence.mayDelete([A], 10 * COMMAND_LIFETIME_MS), false);
  equal(fence.mayDelete([], 10 * COMMAND_LIFETIME_MS), false);
  fence.startTerm(5, 0);
  fence.reported(A, 5, 0);
  fence.endTerm();
  fence.reported(A, 5, 0);
  equal(fence.mayDelete([A], 10 * COMMAND_LIFETIME_MS), false);
});
