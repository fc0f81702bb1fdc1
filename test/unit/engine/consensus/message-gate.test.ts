import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { MessageGate } from "../../../../engine/consensus/message-gate.js";
import { logIndex, term } from "../../../../engine/core/ids.js";
import type { Message } from "../../../../engine/raft/message.js";
import { MESSAGE_KIND } from "../../../../engine/raft/message.js";
import type { HardState } from "../../../../engine/raft/types.js";
import { nodeId } from "../../../../engine/raft/types.js";

/** Told apart by whom they go to. */
function messageTo(to: number): Message {
  return { kind: MESSAGE_KIND.TIMEOUT_NOW, from: nodeId(1), to: nodeId(to), term: term(1) };
}

function hardState(inTerm: number, vote: number, commit = 0): HardState {
  return { term: term(inTerm), vote: nodeId(vote), commit: logIndex(commit) };
}

function newGate(): { gate: MessageGate; sent: number[] } {
  const sent: number[] = [];
  const gate = new MessageGate(hardState(1, 2), (message) => sent.push(message.to));
  return { gate, sent };
}

describe("the message gate", () => {
  test("lets messages through while term and vote stay what they are", () => {
    const { gate, sent } = newGate();
    gate.take([messageTo(2)], undefined, 0);
    gate.take([messageTo(3)], hardState(1, 2, 7), 1);
    assert.deepEqual(sent, [2, 3]);
    assert.equal(gate.isHolding, false);
  });

  for (const [what, changed] of [
    ["term", hardState(2, 2)],
    ["vote", hardState(1, 3)],
  ] as const) {
    test(`holds the messages of a change of ${what} until its append is durable`, () => {
      const { gate, sent } = newGate();
      gate.take([messageTo(2), messageTo(3)], changed, 4);
      gate.onDurable(3);
      assert.deepEqual(sent, []);
      gate.onDurable(4);
      assert.deepEqual(sent, [2, 3]);
      assert.equal(gate.isHolding, false);
    });
  }

  test("lets nothing overtake what it holds", () => {
    const { gate, sent } = newGate();
    gate.take([messageTo(2)], hardState(2, 1), 1);
    gate.take([messageTo(3)], undefined, 2);
    assert.deepEqual(sent, []);
    gate.onDurable(1);
    assert.deepEqual(sent, [2, 3]);
  });

  test("holds each change for its own append", () => {
    const { gate, sent } = newGate();
    gate.take([messageTo(2)], hardState(2, 1), 1);
    gate.take([messageTo(3)], hardState(3, 1), 2);
    gate.take([messageTo(4)], undefined, 2);
    gate.onDurable(1);
    assert.deepEqual(sent, [2]);
    gate.onDurable(2);
    assert.deepEqual(sent, [2, 3, 4]);
  });

  test("knows a change by what was handed out before, not by what is durable", () => {
    const { gate, sent } = newGate();
    gate.take([], hardState(2, 1), 1);
    gate.onDurable(1);
    gate.take([messageTo(2)], hardState(2, 1, 9), 1);
    assert.deepEqual(sent, [2]);
  });
});
