import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import { AssertionError } from "../../../engine/core/assert.js";
import { StrataError } from "../../../engine/core/errors.js";
import { NodeScheduler } from "../../../engine/host/node-scheduler.js";
import { WorkerPool } from "../../../workers/pool/worker-pool.js";
import type { WorkerLink, WorkerStartOptions } from "../../../workers/shared/worker-link.js";
import { waitFor } from "../../support/wait.js";
import { ECHO, ECHO_LAYOUT } from "../../support/workers/echo-loop.js";

const OPTIONS: WorkerStartOptions = { data: null, ringBytes: 4096, layouts: [ECHO_LAYOUT] };

const RESOURCE_LIMITS = { maxOldGenerationSizeMb: 32 };

let pool: WorkerPool;
afterEach(() => pool.destroy());

function startEcho(options: Partial<WorkerStartOptions> = {}, threadCount = 1): EchoClient {
  pool = new WorkerPool({
    scheduler: new NodeScheduler(),
    roles: {
      echo: {
        entry: new URL("../../support/workers/echo-entry.js", import.meta.url),
        threadCount,
        resourceLimits: RESOURCE_LIMITS,
      },
    },
  });
  return new EchoClient(pool.start("echo", 0, { ...OPTIONS, ...options }));
}

class EchoClient {
  readonly link: WorkerLink;
  readonly received: { readonly kind: number; readonly value: number }[] = [];
  batchCount = 0;

  constructor(link: WorkerLink) {
    this.link = link;
    link.onRecord = (kind, offset, payloadBytes) => {
      this.received.push({ kind, value: payloadBytes < 4 ? 0 : link.receiver.view.getUint32(offset, true) });
    };
    link.onBatchEnd = () => {
      this.batchCount++;
    };
  }

  send(kind: number, value: number): boolean {
    const offset = this.link.sender.reserve(kind, 8);
    if (offset < 0) return false;
    this.link.sender.view.setUint32(offset, value, true);
    this.link.sender.commit();
    return true;
  }

  sendNow(kind: number, value: number): void {
    assert.ok(this.send(kind, value));
    this.link.sender.publish();
  }

  async ended(): Promise<Error> {
    const reason = await this.link.ended;
    assert.ok(reason !== undefined, "the worker ended without a reason");
    return reason;
  }
}

test("a worker echoes records in order and ends without a reason when stopped", async () => {
  const client = startEcho();
  await client.link.started;
  for (let i = 0; i < 100; i++) assert.ok(client.send(ECHO.ECHO, i));
  client.link.sender.publish();
  await waitFor("100 echoes", () => client.received.length === 100);
  assert.deepEqual(
    client.received.map(({ value }) => value),
    Array.from({ length: 100 }, (_, i) => i),
  );
  await client.link.stop();
  assert.equal(await client.link.ended, undefined);
});

test("stop lets the worker finish what was published, and its last records arrive", async () => {
  const client = startEcho();
  for (let i = 0; i < 50; i++) assert.ok(client.send(ECHO.ECHO, i));
  await client.link.stop();
  // One more comes from the loop's own stop.
  assert.equal(client.received.length, 51);
});

test("a full ring to main holds the worker back and loses nothing", async () => {
  const client = startEcho();
  client.sendNow(ECHO.BURST, 100_000);
  await waitFor("the burst", () => client.received.length === 100_000);
  for (const [index, { value }] of client.received.entries()) assert.equal(value, index);
  // 512 records of 16 bytes exceed the ring of 4 KiB: no batch can be larger than the ring.
  assert.ok(client.batchCount >= 100_000 / 256, `${client.batchCount} batches`);
  await client.link.stop();
});

test("a record published after a posted message never overtakes it", async () => {
  const client = startEcho();
  await client.link.started;
  for (let round = 1; round <= 500; round++) {
    client.link.post({ round });
    client.sendNow(ECHO.EXPECT_MESSAGES, round);
    if (round % 7 === 0) await waitFor("the answers", () => client.received.length === round);
  }
  await client.link.stop();
  assert.equal(await client.link.ended, undefined);
  assert.equal(client.received.length, 501);
});

test("an assertion that fails in the worker ends it as an AssertionError", async () => {
  const client = startEcho();
  client.sendNow(ECHO.THROW_ASSERTION, 0);
  const reason = await client.ended();
  assert.ok(reason instanceof AssertionError);
  assert.equal(reason.message, "asked to fail");
  assert.match(String(reason.stack), /echo-loop/);
});

test("an error of the table keeps its code and details on the way to main", async () => {
  const client = startEcho();
  client.sendNow(ECHO.THROW_CODED, 0);
  const reason = await client.ended();
  assert.ok(reason instanceof StrataError);
  assert.equal(reason.code, "STORAGE_FULL");
  assert.deepEqual(reason.details, { path: "somewhere" });
});

test("an error thrown outside of the loop ends the worker", async () => {
  const client = startEcho();
  client.sendNow(ECHO.THROW_LATER, 0);
  const reason = await client.ended();
  assert.ok(reason instanceof AssertionError);
  assert.equal(reason.message, "asked to fail later");
});

test("process.exit in the worker ends it with the exit code as the reason", async () => {
  const client = startEcho();
  client.sendNow(ECHO.EXIT, 7);
  const reason = await client.ended();
  assert.ok(!(reason instanceof StrataError));
  assert.match(reason.message, /exited with code: 7/);
});

test("a worker that exceeds its memory limit ends with that reason", async () => {
  const client = startEcho();
  client.sendNow(ECHO.EAT, 0);
  const reason = await client.ended();
  assert.ok(!(reason instanceof StrataError));
  assert.match(reason.message, /memory limit/);
});

test("a failing start refuses `started` with the reason", async () => {
  const client = startEcho({ data: "refuse" });
  await assert.rejects(client.link.started, { code: "STORAGE_LOCKED" });
  assert.equal((await client.ended()).name, "StorageError");
});

test("a worker terminated from outside is told apart and can be started again", async () => {
  const client = startEcho({}, 2);
  await client.link.started;
  client.sendNow(ECHO.HANG, 0);
  pool.terminate("echo", 0);
  const reason = await client.ended();
  assert.ok(reason instanceof StrataError);
  assert.equal(reason.code, "WORKER_TERMINATED");

  const again = new EchoClient(pool.start("echo", 0, OPTIONS));
  again.sendNow(ECHO.ECHO, 5);
  await waitFor("an echo of the restarted worker", () => again.received.length === 1);
  await again.link.stop();
});

test("destroying the pool ends a sleeping worker as terminated", async () => {
  const client = startEcho();
  await client.link.started;
  await pool.destroy();
  const reason = await client.ended();
  assert.ok(reason instanceof StrataError);
  assert.equal(reason.code, "WORKER_TERMINATED");
});

test("a worker whose layouts differ refuses to run", async () => {
  const other = startEcho({ layouts: [{ ...ECHO_LAYOUT, hash: ECHO_LAYOUT.hash ^ 1 }] });
  await assert.rejects(other.link.started, /layout "echo" differs/);
  await pool.destroy();
  const fewer = startEcho({ layouts: [] });
  await assert.rejects(fewer.link.started, /layout that main does not name/);
});

test("an idle worker takes next to no processor time", async () => {
  const client = startEcho();
  await client.link.started;
  const before = process.cpuUsage();
  await new Promise((resolve) => setTimeout(resolve, 1000));
  const { user, system } = process.cpuUsage(before);
  // Measured 0.2 %; the bound leaves room for the test runner and a busy machine.
  assert.ok(user + system < 100_000, `${user + system} µs of CPU in one second`);
  await client.link.stop();
});

test("close stops every worker and returns when the threads are gone", async () => {
  const first = startEcho({}, 2);
  const second = new EchoClient(pool.start("echo", 1, OPTIONS));
  await Promise.all([first.link.started, second.link.started]);
  await pool.close();
  assert.equal(await first.link.ended, undefined);
  assert.equal(await second.link.ended, undefined);
});
