import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { SeededRandom } from "../../../../engine/core/random.js";
import { isLinearizableByForce } from "../../../support/linearizability/brute-force.js";
import { checkPartition } from "../../../support/linearizability/check.js";
import type { Partition } from "../../../support/linearizability/history.js";
import { randomPartition, wholeHistory } from "../../../support/linearizability/random-history.js";
import { calls, partition } from "../../../support/linearizability/timeline.js";

const SEED = Math.floor(Math.random() * 2 ** 31);
const CASES = 4_000;

function verdict(history: Partition): string {
  return checkPartition(history).verdict;
}

describe("calls of a register that can be explained", () => {
  const right = (name: string, ...lines: string[]): void => {
    test(name, () => assert.equal(verdict(partition("register", false, calls(lines))), "linearizable"));
  };
  right("none at all");
  right("one after the other", "write true |--|", "read true       |--|");
  right(
    "a read beside a write, old or new",
    "write true |--------|",
    "read false  |--|",
    "read true       |--|",
  );
  right(
    "a read that reaches over two writes",
    "write true  |--|",
    "write false      |--|",
    "read true |-----------|",
  );
  right("a write without an answer that has happened", "write true |--?", "read true        |--|");
  right("a write without an answer that has not happened", "write true |--?", "read false       |--|");
  right(
    "a write without an answer that happens late",
    "write true |--?",
    "read false |--|",
    "read true       |--|",
  );
  right(
    "two equal writes without an answer that both happen",
    "write true  |--?",
    "write true  |--?",
    "read true      |--|",
    "write false         |--|",
    "read true                |--|",
  );
  right("calls that touch count as concurrent", "write true |--|", "read false   |--|");
});

describe("calls of a register that cannot be explained", () => {
  const wrong = (name: string, ...lines: string[]): void => {
    test(name, () => assert.equal(verdict(partition("register", false, calls(lines))), "violation"));
  };
  wrong("a stale read", "write true |--|", "read false      |--|");
  wrong(
    "a lost update",
    "write true |--|",
    "write false |------|",
    "read true           |--|",
    "read false               |--|",
    "read true                     |--|",
  );
  wrong("a value out of thin air", "read true |--|");
  wrong(
    "a write that happens twice",
    "write true  |--|",
    "write false      |--|",
    "read true             |--|",
  );
  wrong(
    "a write without an answer that happens twice",
    "write true  |--?",
    "read true      |--|",
    "write false         |--|",
    "read true                |--|",
  );
  wrong("values that go back and forth", "write true |----?", "read true    |--|", "read false        |--|");
  wrong("a read of what was written only later", "read true |--|", "write true     |--|");
});

describe("other things", () => {
  const sequence = (...lines: string[]): Partition => partition("sequence", 1, calls(lines));
  const membership = (...lines: string[]): Partition => partition("membership", 0, calls(lines));

  test("a sequence gives each number once", () => {
    assert.equal(verdict(sequence("reserve 5→1 |--|", "reserve 5→6 |--|")), "linearizable");
    assert.equal(verdict(sequence("reserve 5→1 |--|", "reserve 5→5 |--|")), "violation");
  });

  test("a sequence ascends", () => {
    assert.equal(verdict(sequence("reserve 5→100 |--|", "reserve 5→1        |--|")), "violation");
    assert.equal(verdict(sequence("reserve 5→100 |--|", "reserve 5→1 |--|")), "linearizable");
  });

  test("a sequence may leave numbers out", () => {
    assert.equal(
      verdict(sequence("reserve 5→1 |--|", "reserve 1 |--?", "reserve 5→80      |--|")),
      "linearizable",
    );
  });

  test("of two changes of a membership at one version one is made", () => {
    assert.equal(verdict(membership("change 4→6 |--|", "change 4→x6 |--|")), "linearizable");
    assert.equal(verdict(membership("change 4→6 |--|", "change 4→7 |--|")), "violation");
  });

  test("versions of a membership do not go back", () => {
    assert.equal(verdict(membership("read 6:a,b |--|", "read 4:a       |--|")), "violation");
    assert.equal(verdict(membership("change 4→6 |--|", "read 5:a       |--|")), "violation");
    assert.equal(
      verdict(membership("change 4 |--?", "read 9:a,b     |--|", "read 4:a |----|")),
      "linearizable",
    );
  });

  test("a version is one membership", () => {
    assert.equal(verdict(membership("read 6:a,b |--|", "read 6:a,b     |--|")), "linearizable");
    assert.equal(verdict(membership("read 6:a,b |--|", "read 6:a       |--|")), "violation");
  });

  test("a change is refused only for another version", () => {
    assert.equal(verdict(membership("change 4→x4 |--|")), "violation");
    assert.equal(verdict(membership("change 4→x5 |--|", "change 4→6      |--|")), "violation");
  });
});

describe(`small histories, compared with all orders (seed ${SEED})`, () => {
  for (const model of ["register", "sequence", "membership"] as const) {
    test(`of the ${model}`, () => {
      const random = new SeededRandom(SEED).stream(model);
      let violations = 0;
      for (let i = 0; i < CASES; i++) {
        const history = randomPartition(model, random);
        const isRight = isLinearizableByForce(history);
        const found = verdict(history);
        assert.equal(found, isRight ? "linearizable" : "violation", JSON.stringify(history));
        if (!isRight) violations++;
      }
      // Else the comparison would say little.
      assert.ok(violations > CASES / 10, `${violations} violations`);
      assert.ok(violations < CASES * 0.9, `${violations} violations`);
    });
  }

  test("the first answer that cannot be explained is found", () => {
    const random = new SeededRandom(SEED).stream("culprit");
    for (let i = 0; i < CASES / 4; i++) {
      const history = randomPartition("register", random);
      const result = checkPartition(history);
      if (result.verdict !== "violation") continue;
      const { returnedAt } = result.violation.culprit;
      const until = (time: number): Partition => ({
        ...history,
        calls: history.calls
          .filter(({ invokedAt }) => invokedAt <= time)
          .map((call) => ((call.returnedAt ?? time + 1) <= time ? call : { ...call, returnedAt: undefined })),
      });
      assert.ok(!isLinearizableByForce(until(returnedAt)), JSON.stringify(history));
      assert.ok(isLinearizableByForce(until(returnedAt - 0.5)), JSON.stringify(history));
    }
  });
});

describe(`a service with a bug (seed ${SEED})`, () => {
  for (const bug of ["stale read", "lost update", "double execution", "thin air"] as const) {
    test(`is found out: ${bug}`, () => {
      const random = new SeededRandom(SEED).stream(bug);
      let foundCount = 0;
      for (let i = 0; i < 20; i++) {
        const size = { callCount: 400, clientCount: 3, unknownRate: 0.01 };
        assert.equal(verdict(wholeHistory({ random, ...size })), "linearizable");
        if (verdict(wholeHistory({ random, ...size, bug })) === "violation") foundCount++;
      }
      // Now and then nobody reads between a lost update and the next one: that history is a right one.
      assert.ok(foundCount >= 15, `${foundCount} of 20`);
    });
  }
});

describe(`long histories (seed ${SEED})`, () => {
  test("of many clients are explained", () => {
    const random = new SeededRandom(SEED).stream("long");
    const history = wholeHistory({ random, callCount: 5_000, clientCount: 10, unknownRate: 0.01 });
    assert.equal(verdict(history), "linearizable");
  });

  test("with one wrong answer are not", () => {
    const random = new SeededRandom(SEED).stream("harmed");
    const history = wholeHistory({ random, callCount: 2_000, clientCount: 8, unknownRate: 0 });
    const calls = history.calls.map((call) => ({ ...call }));
    const harmed = calls.findIndex(({ answer }, index) => index > 1_500 && answer !== undefined);
    calls[harmed] = { ...(calls[harmed] as (typeof calls)[number]), answer: "never written" };
    const result = checkPartition({ ...history, calls });
    assert.equal(result.verdict, "violation");
    const { culprit } = result.verdict === "violation" ? result.violation : assert.fail();
    assert.equal(culprit.answer, '"never written"');
  });

  test("that take too long are unknown, never right", () => {
    const random = new SeededRandom(SEED).stream("late");
    const history = wholeHistory({ random, callCount: 3_000, clientCount: 10, unknownRate: 0 });
    assert.equal(checkPartition(history, { timeMsMax: 0 }).verdict, "unknown");
    assert.equal(checkPartition(history, { bytesMax: 1_000 }).verdict, "unknown");
  });
});
