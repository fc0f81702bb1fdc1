import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type Member, PromisedRoom, type Proposed } from "../support/simulation/system/promised-room.js";

const LIFETIME_MS = 1_000;
const [A, B]: readonly Member[] = [
  { uuid: "a", slots: 2 },
  { uuid: "b", slots: 1 },
] as const;

function proposed(room: PromisedRoom, members: readonly (Member | undefined)[], nowMs = 0): Proposed {
  return room.propose(members as readonly Member[], 1, nowMs);
}

describe("the check of datanodes' room", () => {
  test("sees a container on a datanode without room, whoever else has some", () => {
    const room = new PromisedRoom(LIFETIME_MS);
    proposed(room, [A, B]);
    assert.throws(() => proposed(room, [A, B]), /b has room for 1 containers, was promised 1, .* 1 more/);
    proposed(room, [A]);
    assert.throws(() => proposed(room, [A]), /was promised 2/);
  });

  test("counts all containers of an operation", () => {
    const room = new PromisedRoom(LIFETIME_MS);
    assert.throws(() => room.propose([A as Member], 3, 0), /is given 3 more/);
  });

  test("has room again when the container was refused, reported, or not shown for long", () => {
    const room = new PromisedRoom(LIFETIME_MS);
    room.refused(proposed(room, [B]));
    const second = proposed(room, [B]);
    room.reported("b", () => true);
    assert.throws(() => proposed(room, [B]), /was promised 1/, "nobody can report what has no id");
    room.created(second, 7);
    room.reported("a", (id) => id === 7);
    room.reported("b", (id) => id === 8);
    assert.throws(() => proposed(room, [B]), /was promised 1/);
    room.reported("b", (id) => id === 7);
    proposed(room, [B], 100);
    assert.throws(() => proposed(room, [B], 1_099), /was promised 1/);
    proposed(room, [B], 1_100);
  });

  test("needs one place for a container that a session answers with again", () => {
    const room = new PromisedRoom(LIFETIME_MS);
    room.created(proposed(room, [A]), 7);
    room.created(proposed(room, [A]), 7);
    proposed(room, [A]);
    assert.throws(() => proposed(room, [A]), /was promised 2/);
  });
});
