import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import { AssertionError } from "../../../engine/core/assert.js";
import { StrataError } from "../../../engine/core/errors.js";
import { NodeScheduler } from "../../../engine/host/node-scheduler.js";
import { WorkerPool } from "../../../workers/pool/worker-pool.js";
import type { WorkerStartOptions } from "../../../workers/shared/worker-link.js";
import {
  ECHO_OPTIONS,
  EchoClient,
  workerLinkContract,
} from "../../support/contracts/worker-link-contract.js";
import { waitFor } from "../../support/wait.js";
import { ECHO, ECHO_LAYOUT } from "../../support/workers/echo-loop.js";

const ENTRY = new URL("../../support/workers/echo-entry.js", import.meta.url);
const RESOURCE_LIMITS = { maxOldGenerationSizeMb: 32 };

function openPool(): WorkerPool {
  const roles = { echo: { entry: ENTRY, threadCount: 2, resourceLimits: RESOURCE_LIMITS } };
  return new WorkerPool({ scheduler: new NodeScheduler(), roles });
}

workerLinkContract("in threads", () => {
  const pool = openPool();
  return {
    pool,
    until: (condition, what) => waitFor(what, condition),
    settle: (promise) => promise,
    end: () => pool.destroy(),
  };
});

let pool: WorkerPool;
afterEach(() => pool?.destroy());

function start(options: Partial<WorkerStartOptions> = {}): EchoClient {
  pool = openPool();
  return new EchoClient(pool.start("echo", 0, { ...ECHO_OPTIONS, ...options }));
}

async function reasonOf({ link }: EchoClient): Promise<Error> {
  const reason = await link.ended;
  assert.ok(reason !== undefined, "the worker ended without a reason");
  return reason;
}

test("an error thrown outside of the loop ends the worker", async () => {
  const client = start();
  client.sendNow(ECHO.THROW_LATER, 0);
  const reason = await reasonOf(client);
  assert.ok(reason instanceof AssertionError);
  assert.equal(reason.message, "asked to fail later");
});

test("process.exit in the worker ends it with the exit code as the reason", async () => {
  const client = start();
  client.sendNow(ECHO.EXIT, 7);
  const reason = await reasonOf(client);
  assert.ok(!(reason instanceof StrataError));
  assert.match(reason.message, /exited with code: 7/);
});

test("a worker that exceeds its memory limit ends with that reason", async () => {
  const client = start();
  client.sendNow(ECHO.EAT, 0);
  const reason = await reasonOf(client);
  assert.ok(!(reason instanceof StrataError));
  assert.match(reason.message, /memory limit/);
});

test("it is told of each worker whose loop runs, also of one that is started again", async () => {
  let startedCount = 0;
  pool = new WorkerPool({
    scheduler: new NodeScheduler(),
    roles: { echo: { entry: ENTRY, threadCount: 2 } },
    onStarted: () => startedCount++,
  });
  const clients = [0, 1].map((index) => new EchoClient(pool.start("echo", index, ECHO_OPTIONS)));
  await waitFor("both workers run", () => startedCount === 2);
  pool.terminate("echo", 0);
  await clients[0]?.link.ended;
  pool.start("echo", 0, ECHO_OPTIONS);
  await waitFor("the new worker runs", () => startedCount === 3);
});

test("a worker that never comes back from a poll can be terminated", async () => {
  const client = start();
  await client.link.started;
  client.sendNow(ECHO.HANG, 0);
  pool.terminate("echo", 0);
  assert.match((await reasonOf(client)).message, /terminated from outside/);
});

test("destroying the pool ends a sleeping worker as terminated", async () => {
  const client = start();
  await client.link.started;
  await pool.destroy();
  const reason = await reasonOf(client);
  assert.ok(reason instanceof StrataError);
  assert.equal(reason.code, "WORKER_TERMINATED");
});

test("a worker whose layouts differ refuses to run", async () => {
  const other = start({ layouts: [{ ...ECHO_LAYOUT, hash: ECHO_LAYOUT.hash ^ 1 }] });
  await assert.rejects(other.link.started, /layout "echo" differs/);
  await pool.destroy();
  const more = start({ layouts: [ECHO_LAYOUT, { name: "newer", hash: 1 }] });
  await assert.rejects(more.link.started, /layout "newer" is not known/);
  await pool.destroy();
  const fewer = start({ layouts: [] });
  await assert.rejects(fewer.link.started, /layout that main does not name/);
});

test("an idle worker takes next to no processor time", async () => {
  const client = start();
  await client.link.started;
  const before = process.cpuUsage();
  await new Promise((resolve) => setTimeout(resolve, 1000));
  const { user, system } = process.cpuUsage(before);
  // Measured 0.2 %; the bound leaves room for the test runner and a busy machine.
  assert.ok(user + system < 100_000, `${user + system} µs of CPU in one second`);
});

test("a worker that always has something to say does not keep main from its timers", async () => {
  const client = start({ ringBytes: 1 << 20 });
  let tickCount = 0;
  const timer = setInterval(() => tickCount++, 1);
  let maxBatch = 0;
  let lastCount = 0;
  client.link.onBatchEnd = () => {
    maxBatch = Math.max(maxBatch, client.received.length - lastCount);
    lastCount = client.received.length;
  };
  client.sendNow(ECHO.BURST, 300_000);
  await waitFor("the burst", () => client.received.length === 300_000, 30_000);
  clearInterval(timer);
  assert.ok(maxBatch <= 512, `${maxBatch} records in a turn`);
  assert.ok(tickCount >= 3, `${tickCount} ticks`);
});
