import assert from "node:assert/strict";
import { test } from "node:test";
import { PeerWorld } from "../../../support/peers/peer-world.js";
import { appResp, heartbeat } from "../../../support/raft/make-message.js";

test("messages arrive whole and in order, those of one turn as one WebSocket message", async () => {
  const world = new PeerWorld(1);
  const [one, two] = await world.startGroup([1, 2]);
  assert.ok(one !== undefined && two !== undefined);
  const messages = [1, 2, 3, 4].map((commit) => heartbeat([1, 2, 5], commit, 7));
  const sent: Uint8Array[] = [];
  world.network.onSend = (_, direction, message) => direction === "toServer" && sent.push(message);
  for (const message of messages) one.peers.send(message);
  assert.equal(sent.length, 0);
  await world.until("all arrived", () => two.received.length === 4);
  assert.deepEqual(two.received, messages);
  assert.equal(sent.length, 1);
  two.peers.send(appResp([2, 1, 5], 9));
  two.peers.flush();
  await world.until("the answer", () => one.received.length === 1);
  assert.deepEqual(one.received, [appResp([2, 1, 5], 9)]);
});
