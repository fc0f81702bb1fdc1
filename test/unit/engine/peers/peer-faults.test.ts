import assert from "node:assert/strict";
import { randomInt } from "node:crypto";
import { test } from "node:test";
import type { SeededRandom } from "../../../../engine/core/random.js";
import type { AppReq, Heartbeat, Message } from "../../../../engine/raft/message.js";
import { MESSAGE_KIND } from "../../../../engine/raft/message.js";
import { makeEntries } from "../../../support/peers/make-entries.js";
import { addressNumber, hostOf, type PeerNode, PeerWorld } from "../../../support/peers/peer-world.js";
import { appReq, heartbeat } from "../../../support/raft/make-message.js";

/** To replay a failed run, put the seed of its test name here. */
const REPLAY_SEED: number | undefined = undefined;
const SEED = REPLAY_SEED ?? randomInt(2 ** 31);
/** Runs of the two tests. */
const ORDER_RUN_COUNT = 6;
const END_RUN_COUNT = 40;
const FAULT_COUNT = 12;
const IDS = [1, 2, 3];

/** What one member has sent to another, and what has come of it. */
class Way {
  readonly #from: PeerNode;
  readonly #to: number;
  #lastNumber = 0;

  constructor(from: PeerNode, to: number) {
    this.#from = from;
    this.#to = to;
  }

  /** Numbers are in the commit index; all the rest follows from it. */
  send(isAppend: boolean, bytes: number): void {
    const commit = ++this.#lastNumber;
    const way = [this.#from.id, this.#to, 5] as const;
    if (!isAppend) {
      this.#from.peers.send(heartbeat(way, commit));
      return;
    }
    const [entry] = makeEntries(1, bytes);
    const entries = entry === undefined ? [] : [{ ...entry, payload: entry.payload.fill(commit) }];
    this.#from.peers.send(appReq(way, { previous: [5, 99], entries, commit }));
  }

  hasLast(received: readonly Message[]): boolean {
    const own = received.filter(({ from }) => from === this.#from.id);
    return own.some((message) => (message as AppReq | Heartbeat).commit === this.#lastNumber);
  }

  /** No message twice, none that was not sent or is not as it was sent, and each kind in its order: those
   * that were under way on an older connection never come behind later ones. */
  check(received: readonly Message[]): void {
    const last = { append: 0, heartbeat: 0 };
    for (const message of received) {
      if (message.from !== this.#from.id) continue;
      const { commit } = message as AppReq | Heartbeat;
      const kind = message.kind === MESSAGE_KIND.APP_REQ ? "append" : "heartbeat";
      assert.ok(commit <= this.#lastNumber, "it was sent");
      assert.ok(commit > last[kind], `${kind} ${commit} after ${last[kind]}`);
      last[kind] = commit;
      if (message.kind !== MESSAGE_KIND.APP_REQ) continue;
      assert.ok(message.entries[0]?.payload.every((byte) => byte === (commit & 0xff)));
    }
  }
}

/** Breaks something, and gives back what mends it. */
function hurt(world: PeerWorld, random: SeededRandom): () => void {
  const a = hostOf(1 + random.below(3));
  const b = hostOf(1 + ((Number(a.slice(-1)) + random.below(2)) % 3));
  switch (random.below(5)) {
    case 0: {
      const { connections } = world.network;
      connections[random.below(Math.max(1, connections.length))]?.reset();
      return () => {};
    }
    case 1:
      world.network.partition(a, b);
      return () => world.network.heal(a, b);
    case 2:
      return world.network.cut(a, b);
    case 3:
      return world.network.slow(a, b, random.below(500));
    default:
      return world.network.freeze(a);
  }
}

test(`faults change, repeat and reorder no message (seed ${SEED}, ${ORDER_RUN_COUNT} runs)`, async () => {
  for (let run = 0; run < ORDER_RUN_COUNT; run++) {
    const world = new PeerWorld(SEED + run);
    const random = world.random.stream("test");
    const limits = { socketBytesMax: 40_000, queueBytesMax: 200_000, socketBytesLimit: 100_000 };
    const nodes = await world.startGroup(IDS, { limits });
    const ways = nodes.flatMap((from) => {
      return IDS.filter((to) => to !== from.id).map((to) => ({ to, way: new Way(from, to) }));
    });
    for (let fault = 0; fault < FAULT_COUNT; fault++) {
      const mend = hurt(world, random);
      const steps = 1 + random.below(60);
      for (let step = 0; step < steps; step++) {
        for (const { way } of ways) way.send(random.below(2) === 0, random.below(20_000));
        await world.pass(random.below(150));
      }
      mend();
      await world.pass(random.below(1_000));
    }
    await world.until("all are connected again", () =>
      nodes.every((node) => IDS.every((id) => id === node.id || (node.isReady(id) && node.isHeard(id)))),
    );
    await world.until("nothing waits", () =>
      nodes.every(({ peers }) => peers.status().every(({ waitingBytes }) => waitingBytes === 0)),
    );
    for (const { way } of ways) way.send(false, 0);
    const received = (id: number): readonly Message[] => nodes.find((node) => node.id === id)?.received ?? [];
    await world.until("the last ones", () => ways.every(({ to, way }) => way.hasLast(received(to))));
    for (const { to, way } of ways) way.check(received(to));
    assert.deepEqual(
      nodes.flatMap(({ gone }) => gone),
      [],
      "no process has ended",
    );
  }
});

test(`whatever came before, who ends is known to be gone, who is back is found (seed ${SEED})`, async () => {
  for (let run = 0; run < END_RUN_COUNT; run++) {
    const world = new PeerWorld(SEED + run);
    const random = world.random.stream("test");
    const nodes = await world.startGroup(IDS);
    await world.pass(random.below(3_000));
    const mend = hurt(world, random);
    await world.pass(random.below(5_000));
    mend();
    await world.until("all are connected", () =>
      nodes.every((node) => IDS.every((id) => id === node.id || (node.isReady(id) && node.isHeard(id)))),
    );
    await world.pass(random.below(2_000));
    const victim = 1 + random.below(3);
    world.kill(victim);
    const others = nodes.filter(({ id }) => id !== victim);
    await world.until("the others know", () => others.every(({ gone }) => gone.includes(victim)), 200);
    await world.pass(random.below(3_000));
    const again = await world.start(victim);
    again.peers.setPeers(IDS.filter((id) => id !== victim).map((id) => addressNumber(id)));
    await world.until("it is back", () => others.every((other) => other.isReady(victim)), 1_000);
    for (const { gone } of others) assert.deepEqual(gone, [victim]);
  }
});
