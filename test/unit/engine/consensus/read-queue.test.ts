import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { ReadQueue } from "../../../../engine/consensus/read-queue.js";
import { StrataError } from "../../../../engine/core/errors.js";
import { logIndex } from "../../../../engine/core/ids.js";
import type { ReadContext, ReadState } from "../../../../engine/raft/types.js";

/** A queue over a core that notes what it is asked. */
function make({ waitingCountMax = 100, retryTicks = 10, contextFloor = 0 } = {}) {
  const asked: number[] = [];
  const core = { readIndex: (context: ReadContext) => void asked.push(context) };
  const queue = new ReadQueue(core, { waitingCountMax, retryTicks }, contextFloor);
  const answers: string[] = [];
  const add = (name: string) =>
    queue.add((refusal) => answers.push(refusal === undefined ? name : `${name} ${refusal.code}`));
  return { queue, asked, answers, add };
}

function state(context: number, index: number): ReadState {
  return { context: context as ReadContext, index: logIndex(index) };
}

test("the barriers of a turn share one question, and the answer waits until its index is applied", () => {
  const { queue, asked, answers, add } = make();
  add("a");
  add("b");
  assert.deepEqual(asked, [], "nothing is asked before the end of the turn");
  queue.ask();
  queue.ask();
  assert.deepEqual(asked, [1]);
  queue.onReadStates([state(1, 7)]);
  queue.release(logIndex(6));
  assert.deepEqual(answers, []);
  assert.equal(queue.waitingCount, 2);
  queue.release(logIndex(7));
  assert.deepEqual(answers, ["a", "b"]);
  assert.equal(queue.waitingCount, 0);
});

test("a barrier is not released by the answer to a question that was asked before it", () => {
  const { queue, answers, add } = make();
  add("a");
  queue.ask();
  add("b");
  queue.onReadStates([state(1, 3)]);
  queue.release(logIndex(9));
  assert.deepEqual(answers, ["a"], "b is only gathered");
  queue.ask();
  queue.onReadStates([state(1, 9)]);
  queue.release(logIndex(9));
  assert.deepEqual(answers, ["a"], "an answer that comes twice says nothing of b");
  queue.onReadStates([state(2, 9)]);
  queue.release(logIndex(9));
  assert.deepEqual(answers, ["a", "b"]);
});

test("an answer counts for all questions before it, whose own answers may be lost", () => {
  const { queue, answers, add } = make();
  for (const name of ["a", "b", "c"]) {
    add(name);
    queue.ask();
  }
  queue.onReadStates([state(2, 5)]);
  queue.release(logIndex(5));
  assert.deepEqual(answers, ["a", "b"]);
  queue.onReadStates([state(1, 4), state(3, 6)]);
  queue.release(logIndex(6));
  assert.deepEqual(answers, ["a", "b", "c"]);
});

test("while one waits it is asked anew each election timeout, but not for applying", () => {
  const { queue, asked, answers, add } = make({ retryTicks: 3 });
  const tick = (count: number) => {
    for (let i = 0; i < count; i++) queue.onTick();
  };
  tick(10);
  assert.deepEqual(asked, [], "nobody waits");
  add("a");
  queue.ask();
  tick(2);
  assert.deepEqual(asked, [1]);
  tick(1);
  assert.deepEqual(asked, [1, 2]);
  tick(300);
  assert.equal(asked.length, 102);
  queue.onReadStates([state(102, 4)]);
  tick(10);
  assert.equal(asked.length, 102, "it is confirmed");
  queue.release(logIndex(4));
  assert.deepEqual(answers, ["a"]);
});

test("a barrier that was added while an older one is repeated waits for a question of its own", () => {
  const { queue, asked, answers, add } = make({ retryTicks: 1 });
  add("a");
  queue.ask();
  add("b");
  queue.onTick();
  assert.deepEqual(asked, [1, 2]);
  queue.ask();
  queue.onReadStates([state(2, 1)]);
  queue.release(logIndex(1));
  assert.deepEqual(answers, ["a"]);
  queue.onReadStates([state(3, 1)]);
  queue.release(logIndex(1));
  assert.deepEqual(answers, ["a", "b"]);
});

test("too many are refused, and make room when they are answered", () => {
  const { queue, answers, add } = make({ waitingCountMax: 2 });
  add("a");
  queue.ask();
  add("b");
  assert.equal(add("c")?.code, "OVERLOADED");
  queue.onReadStates([state(1, 1)]);
  queue.release(logIndex(1));
  assert.equal(add("c"), undefined);
  assert.deepEqual(answers, ["a"], "who was refused is not called");
});

test("with the loss of leadership all get the error, in order, and late answers find nobody", () => {
  const { queue, answers, add } = make();
  add("a");
  queue.ask();
  queue.onReadStates([state(1, 9)]);
  add("b");
  queue.ask();
  add("c");
  queue.failAll(new StrataError("SHUTTING_DOWN"));
  assert.deepEqual(answers, ["a SHUTTING_DOWN", "b SHUTTING_DOWN", "c SHUTTING_DOWN"]);
  assert.equal(queue.waitingCount, 0);
  queue.onReadStates([state(2, 9)]);
  queue.release(logIndex(9));
  queue.ask();
  assert.equal(answers.length, 3);
  add("d");
  queue.ask();
  queue.onReadStates([state(2, 9)]);
  queue.release(logIndex(9));
  assert.equal(answers.length, 3, "numbers go on, so an old answer is never taken for a new one");
  queue.onReadStates([state(3, 9)]);
  queue.release(logIndex(9));
  assert.equal(answers.at(-1), "d");
});

test("who is called back may add a barrier at once", () => {
  const { queue, answers, add, asked } = make();
  queue.add(() => {
    answers.push("first");
    add("second");
  });
  queue.ask();
  queue.onReadStates([state(1, 0)]);
  queue.release(logIndex(0));
  assert.deepEqual(answers, ["first"]);
  assert.equal(queue.waitingCount, 1, "the second came in the first one's callback");
  queue.add(() => add("third"));
  queue.failAll(new StrataError("SHUTTING_DOWN"));
  assert.deepEqual(answers, ["first", "second SHUTTING_DOWN"]);
  assert.equal(queue.waitingCount, 1, "the third came after the failure");
  queue.ask();
  assert.deepEqual(asked, [1, 2]);
});

test("contexts begin above the floor, so that answers to an earlier life are told apart", () => {
  const { queue, asked, answers, add } = make({ contextFloor: 1000 });
  add("a");
  queue.ask();
  assert.deepEqual(asked, [1001]);
  queue.onReadStates([state(3, 1)]);
  queue.release(logIndex(1));
  assert.deepEqual(answers, []);
});

test("whatever is lost and repeated, nobody is released early, twice, or out of order", () => {
  const action = fc.record({
    name: fc.constantFrom("add", "ask", "tick", "answer", "commit", "apply", "lose", "fail"),
    pick: fc.nat(100),
  });
  fc.assert(
    fc.property(fc.array(action, { maxLength: 120 }), (actions) => {
      // The core's side: what was committed when each question was asked.
      let commit = 0;
      let applied = 0;
      const questions: { context: number; index: number }[] = [];
      const core = {
        readIndex: (context: ReadContext) => void questions.push({ context, index: commit }),
      };
      const queue = new ReadQueue(core, { waitingCountMax: 20, retryTicks: 2 });
      const released: number[] = [];
      let added = 0;
      let ended = 0;
      for (const { name, pick } of actions) {
        if (name === "add") {
          const committedBefore = commit;
          const number = added;
          const refusal = queue.add((error) => {
            ended++;
            if (error !== undefined) return;
            assert.ok(applied >= committedBefore, "all that was committed before it is applied");
            released.push(number);
          });
          if (refusal === undefined) added++;
        } else if (name === "ask") queue.ask();
        else if (name === "tick") queue.onTick();
        else if (name === "commit") commit++;
        else if (name === "apply") applied = Math.min(commit, applied + pick);
        else if (name === "lose") questions.splice(0, pick % 3);
        else if (name === "fail") {
          queue.failAll(new StrataError("SHUTTING_DOWN"));
          assert.equal(queue.waitingCount, 0);
        } else {
          const question = questions[pick % (questions.length || 1)];
          if (question !== undefined) queue.onReadStates([state(question.context, question.index)]);
        }
        queue.release(logIndex(applied));
        assert.equal(queue.waitingCount, added - ended);
      }
      assert.deepEqual(
        released,
        [...released].sort((a, b) => a - b),
      );
      // Whatever was lost: in the end a question gets through.
      queue.ask();
      queue.onTick();
      queue.onTick();
      const last = questions.at(-1);
      if (last !== undefined) queue.onReadStates([state(last.context, commit)]);
      applied = commit;
      queue.release(logIndex(applied));
      assert.equal(queue.waitingCount, 0);
    }),
  );
});
