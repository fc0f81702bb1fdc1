import assert from "node:assert/strict";
import { test } from "node:test";
import {
  ECHO_OPTIONS,
  EchoClient,
  workerLinkContract,
} from "../../../support/contracts/worker-link-contract.js";
import { SimWorkerPool } from "../../../support/simulation/sim-workers.js";
import { SimWorld } from "../../../support/simulation/sim-world.js";
import { ECHO, EchoLoop } from "../../../support/workers/echo-loop.js";

function open(seed: number) {
  const world = new SimWorld(seed);
  const pool = new SimWorkerPool({
    scheduler: world.scheduler,
    random: world.random.stream("workers"),
    roles: { echo: (context) => new EchoLoop(context) },
  });
  return { world, pool };
}

workerLinkContract("sim", () => {
  const { world, pool } = open(4);
  return {
    pool,
    until: (condition, what) => world.scheduler.runUntil(what, condition),
    settle: (promise) => world.scheduler.settle(promise),
    end: async () => {},
  };
});

test("the same seed gives the same run, another one another", async () => {
  const runOf = async (seed: number): Promise<number> => {
    const { world, pool } = open(seed);
    const clients = [0, 1].map((index) => new EchoClient(pool.start("echo", index, ECHO_OPTIONS)));
    for (let i = 0; i < 50; i++) {
      for (const client of clients) client.sendNow(ECHO.ECHO, i);
      await world.scheduler.run(world.scheduler.nowMs + 0.1);
    }
    await world.scheduler.settle(pool.close());
    assert.ok(clients.every((client) => client.received.length === 51));
    return world.scheduler.digest;
  };
  assert.equal(await runOf(5), await runOf(5));
  assert.notEqual(await runOf(5), await runOf(6));
});

test("a sleeping worker costs no events", async () => {
  const { world, pool } = open(7);
  const client = new EchoClient(pool.start("echo", 0, ECHO_OPTIONS));
  await world.scheduler.settle(client.link.started);
  await world.scheduler.run(1000);
  const { eventCount } = world.scheduler;
  await world.scheduler.run(100_000);
  assert.equal(world.scheduler.eventCount, eventCount);
});

test("a stalled worker does nothing until its time is over", async () => {
  const { world, pool } = open(8);
  const client = new EchoClient(pool.start("echo", 0, ECHO_OPTIONS));
  await world.scheduler.settle(client.link.started);
  pool.stall("echo", 0, 500);
  client.sendNow(ECHO.ECHO, 1);
  await world.scheduler.run(world.scheduler.nowMs + 499);
  assert.equal(client.received.length, 0);
  await world.scheduler.runUntil("the echo", () => client.received.length === 1, 5);
});
