import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { AssertionError } from "../../../engine/core/assert.js";
import { StrataError } from "../../../engine/core/errors.js";
import type { WorkerLink, WorkerStarter, WorkerStartOptions } from "../../../workers/shared/worker-link.js";
import { ECHO, ECHO_LAYOUT } from "../workers/echo-loop.js";

/** A pool with the role "echo" (EchoLoop), two workers of it. */
export interface WorkerWorld {
  readonly pool: WorkerStarter & {
    terminate(role: string, index: number): void;
    close(): Promise<void>;
  };
  until(condition: () => boolean, what: string): Promise<void>;
  /** Awaits something that the world must run for. */
  settle<T>(promise: Promise<T>): Promise<T>;
  end(): Promise<void>;
}

export const ECHO_OPTIONS: WorkerStartOptions = { data: null, ringBytes: 4096, layouts: [ECHO_LAYOUT] };

/** Main's side of an echo worker. */
export class EchoClient {
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
}

/** What every pool and link must do. */
export function workerLinkContract(name: string, makeWorld: () => WorkerWorld): void {
  const contract = (title: string, run: (stage: Stage) => Promise<void>) =>
    test(title, async () => {
      const stage = new Stage(makeWorld());
      try {
        await run(stage);
      } finally {
        await stage.world.end();
      }
    });

  describe(`workers ${name}`, () => {
    recordTests(contract);
    stopTests(contract);
    failureTests(contract);
  });
}

type Contract = (title: string, run: (stage: Stage) => Promise<void>) => void;

class Stage {
  readonly world: WorkerWorld;

  constructor(world: WorkerWorld) {
    this.world = world;
  }

  start(options: Partial<WorkerStartOptions> = {}, index = 0): EchoClient {
    return new EchoClient(this.world.pool.start("echo", index, { ...ECHO_OPTIONS, ...options }));
  }

  async reason({ link }: EchoClient): Promise<Error> {
    const reason = await this.world.settle(link.ended);
    assert.ok(reason !== undefined, "the worker ended without a reason");
    return reason;
  }
}

function recordTests(contract: Contract): void {
  contract("records come back in order", async (stage) => {
    const client = stage.start();
    await stage.world.settle(client.link.started);
    for (let i = 0; i < 100; i++) assert.ok(client.send(ECHO.ECHO, i));
    client.link.sender.publish();
    await stage.world.until(() => client.received.length === 100, "100 echoes");
    assert.deepEqual(
      client.received.map(({ value }) => value),
      Array.from({ length: 100 }, (_, i) => i),
    );
    assert.ok(client.batchCount > 0);
  });

  contract("records that are published before the worker has started wait for it", async (stage) => {
    const client = stage.start();
    client.sendNow(ECHO.ECHO, 5);
    await stage.world.until(() => client.received.length === 1, "the echo");
  });

  contract("a full ring to main holds the worker back and loses nothing", async (stage) => {
    const count = 20_000;
    const client = stage.start();
    client.sendNow(ECHO.BURST, count);
    await stage.world.until(() => client.received.length === count, "the burst");
    for (const [index, { value }] of client.received.entries()) assert.equal(value, index);
    // The ring holds 256 of them: no batch can be larger.
    assert.ok(client.batchCount >= count / 256, `${client.batchCount} batches`);
  });

  contract(
    "a full ring to the worker refuses, and takes records again when it was drained",
    async (stage) => {
      const client = stage.start();
      let sentCount = 0;
      while (client.send(ECHO.ECHO, sentCount)) sentCount++;
      assert.equal(sentCount, 256);
      await stage.world.until(() => client.received.length === sentCount, "all echoes");
      client.sendNow(ECHO.ECHO, sentCount);
      await stage.world.until(() => client.received.length === sentCount + 1, "one more echo");
    },
  );

  contract("a record that is published after a posted message never overtakes it", async (stage) => {
    const client = stage.start();
    await stage.world.settle(client.link.started);
    for (let round = 1; round <= 300; round++) {
      client.link.post({ round });
      client.sendNow(ECHO.EXPECT_MESSAGES, round);
      if (round % 7 === 0) {
        await stage.world.until(() => client.received.length === round, "the answers");
      }
    }
    await stage.world.settle(client.link.stop());
    assert.equal(await client.link.ended, undefined);
    assert.equal(client.received.length, 301);
  });

  contract("a message alone wakes the worker", async (stage) => {
    const client = stage.start();
    await stage.world.settle(client.link.started);
    for (let i = 0; i < 10; i++) client.link.post({ i });
    client.sendNow(ECHO.EXPECT_MESSAGES, 10);
    await stage.world.until(() => client.received.length === 1, "the answer");
  });
}

function stopTests(contract: Contract): void {
  contract("stop lets the worker finish what was published, and its last records arrive", async (stage) => {
    const client = stage.start();
    for (let i = 0; i < 50; i++) assert.ok(client.send(ECHO.ECHO, i));
    await stage.world.settle(client.link.stop());
    assert.equal(await client.link.ended, undefined);
    // One more comes from the loop's own stop.
    assert.equal(client.received.length, 51);
  });

  contract("stop waits until what did not fit the ring has been sent", async (stage) => {
    const client = stage.start();
    client.sendNow(ECHO.BURST, 2000);
    await stage.world.settle(client.link.stop());
    assert.equal(client.received.length, 2001);
  });

  contract("stopping twice, and posting to a worker that has ended, do nothing", async (stage) => {
    const client = stage.start();
    await stage.world.settle(Promise.all([client.link.stop(), client.link.stop()]));
    client.link.post("late");
    await client.link.stop();
    assert.equal(client.received.length, 1);
  });

  contract("close stops every worker", async (stage) => {
    const clients = [stage.start({}, 0), stage.start({}, 1)];
    for (const client of clients) assert.ok(client.send(ECHO.ECHO, 1));
    await stage.world.settle(stage.world.pool.close());
    for (const client of clients) {
      assert.equal(await client.link.ended, undefined);
      assert.equal(client.received.length, 2);
    }
  });
}

function failureTests(contract: Contract): void {
  contract("an assertion that fails in the worker ends it as an AssertionError", async (stage) => {
    const client = stage.start();
    client.sendNow(ECHO.THROW_ASSERTION, 0);
    const reason = await stage.reason(client);
    assert.ok(reason instanceof AssertionError);
    assert.equal(reason.message, "asked to fail");
    assert.match(String(reason.stack), /echo-loop/);
  });

  contract("an error of the table keeps its code and details on the way to main", async (stage) => {
    const client = stage.start();
    client.sendNow(ECHO.THROW_CODED, 0);
    const reason = await stage.reason(client);
    assert.ok(reason instanceof StrataError);
    assert.equal(reason.code, "STORAGE_FULL");
    assert.deepEqual(reason.details, { path: "somewhere" });
  });

  contract("what was published before a failure arrives before its reason", async (stage) => {
    const client = stage.start();
    for (let i = 0; i < 20; i++) assert.ok(client.send(ECHO.ECHO, i));
    client.sendNow(ECHO.PUBLISH_AND_THROW, 0);
    await stage.reason(client);
    assert.equal(client.received.length, 20);
  });

  contract("a failing start refuses `started` with the reason", async (stage) => {
    const client = stage.start({ data: "refuse" });
    await assert.rejects(stage.world.settle(client.link.started), { code: "STORAGE_LOCKED" });
    assert.equal((await stage.reason(client)).name, "StorageError");
  });

  contract("a loop that leaves a control message lying is an assertion failure", async (stage) => {
    const client = stage.start({ data: "deaf" });
    client.link.post("anybody?");
    assert.match((await stage.reason(client)).message, /control messages/);
  });

  contract("a worker terminated from outside is told apart, and can be started again", async (stage) => {
    const client = stage.start();
    await stage.world.settle(client.link.started);
    stage.world.pool.terminate("echo", 0);
    const reason = await stage.reason(client);
    assert.ok(reason instanceof StrataError);
    assert.equal(reason.code, "WORKER_TERMINATED");
    assert.deepEqual(reason.details, { role: "echo", index: 0 });

    const again = stage.start();
    again.sendNow(ECHO.ECHO, 5);
    await stage.world.until(() => again.received.length === 1, "an echo of the restarted worker");
  });
}
