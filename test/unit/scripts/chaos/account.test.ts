import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Account } from "../../../../scripts/chaos/account.js";
import { Tags, tagOfDetails } from "../../../../scripts/chaos/tag.js";

const ID = 2 ** 50 + 7;

function entry(number: number, changes: object = {}) {
  return {
    number,
    logIndex: number,
    timeMs: 0,
    operation: "suppressContainers",
    outcome: "DONE",
    sessionId: 3,
    sequence: number,
    details: `suppress 5 ${ID}`,
    ...changes,
  };
}

describe("the account of mutations", () => {
  test("takes a mutation that was acknowledged and happened once", () => {
    const account = new Account();
    account.settle(ID, "acknowledged");
    account.read(entry(1));
    account.requireAcknowledged();
  });

  test("misses one that was acknowledged and did not happen", () => {
    const account = new Account();
    account.settle(ID, "acknowledged");
    account.read(entry(1, { outcome: "SESSION_EXPIRED" }));
    assert.throws(() => account.requireAcknowledged(), /acknowledged and is not in the history/);
  });

  test("takes one with an unknown outcome whether it happened or not", () => {
    const account = new Account();
    account.settle(ID, "unknown");
    account.settle(ID + 1, "unknown");
    account.read(entry(1));
    account.requireAcknowledged();
  });

  const wrong = (name: string, message: RegExp, read: (account: Account) => void): void => {
    test(name, () => {
      const account = new Account();
      account.settle(ID, "acknowledged");
      assert.throws(() => read(account), message);
    });
  };
  wrong("sees that one happened twice", /happened twice/, (account) => {
    account.read(entry(1));
    account.read(entry(2, { sessionId: 4 }));
  });
  wrong("sees a number of a session twice", /operation 1 of session 3 again/, (account) => {
    account.read(entry(1));
    account.read(entry(2, { sequence: 1, details: `suppress 5 ${ID + 1}` }));
  });
  wrong("sees one that was refused and happened", /refused, and happened/, (account) => {
    account.settle(ID, "refused");
    account.read(entry(1));
  });
  wrong("sees one of an earlier round that nobody waits for", /nobody asked for it/, (account) => {
    account.startRound();
    account.read(entry(1));
  });
  wrong("sees that an entry of the history is missing", /history entry 2 follows 0/, (account) => {
    account.read(entry(2));
  });
});

test("a mutation is known again by its tag", () => {
  const tags = new Tags();
  const id = tags.nextId();
  assert.equal(tagOfDetails("suppressContainers", `unsuppress 12 ${id}`), id);
  const expiry = tags.nextNumber();
  assert.equal(tagOfDetails("setNodeIntent", `0000-11 DECOMMISSIONED until ${expiry}`), expiry);
  assert.equal(tagOfDetails("importBatch", "3 pipelines, 12 containers"), undefined);
});
