import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { emptyLogDisk } from "../../../support/consensus/fake-log-thread.js";
import { emptyStateDisk } from "../../../support/consensus/fake-state-thread.js";
import { HostRig, type RigOptions } from "../../../support/consensus/host-rig.js";

const STEPS = ["propose", "turn", "logTake", "logSync", "logDeliver", "stateTake", "stateWrite"] as const;
const step = fc.record({
  name: fc.oneof(
    { weight: 12, arbitrary: fc.constantFrom(...STEPS) },
    { weight: 5, arbitrary: fc.constantFrom("advance" as const, "election" as const) },
    { weight: 1, arbitrary: fc.constant("crash" as const) },
  ),
  amount: fc.integer({ min: 1, max: 12 }),
});

const HOST = {
  batchBytesMax: 150,
  entryBytesMax: 200,
  uncommittedBytesMax: 4000,
  committedBytesPerReadyMax: 600,
  applyBytesPerTurnMax: 300,
  flushIntervalMs: 5,
  flushBytes: 1000,
  dirtyBytesMax: 2000,
  drainBytesPerTurnMax: 300,
  logEntryCountMax: 20,
  logBytesMax: 5000,
};

/** Lives of one SCM on the same two disks. */
class Lives {
  readonly #logDisk = emptyLogDisk();
  readonly #stateDisk = emptyStateDisk();
  readonly acknowledged = new Set<number>();
  #nextId = 1;
  rig = this.#start(0);

  act(name: (typeof STEPS)[number] | "advance" | "election" | "crash", amount: number): void {
    const { rig } = this;
    switch (name) {
      case "propose":
        for (let i = 0; i < amount; i++) rig.propose(this.#nextId++);
        break;
      case "turn":
        rig.scheduler.turn();
        break;
      case "logTake":
        rig.log.take(amount);
        break;
      case "logSync":
        rig.log.sync(amount);
        break;
      case "logDeliver":
        rig.log.link.deliver();
        break;
      case "stateTake":
        rig.state.take(amount);
        break;
      case "stateWrite":
        rig.state.write();
        rig.state.link.deliver();
        break;
      case "advance":
        rig.scheduler.advance(amount);
        break;
      case "election":
        rig.settle(() => rig.host.leadership.leaderReady);
        break;
      case "crash":
        this.crash(amount);
        return;
    }
    this.#collect();
    rig.host.checkInvariants();
  }

  /** Of what was not durable, the log keeps some first steps, and the state store some first flushes. */
  crash(amount: number): void {
    this.rig.log.sync(amount % (this.rig.log.queuedCount + 1));
    this.rig = this.#start(amount % this.#stateDisk.versions.length);
  }

  #start(stateVersion: number): HostRig {
    const options: RigOptions = {
      host: HOST,
      ringBytes: 2048,
      logDisk: this.#logDisk,
      stateDisk: this.#stateDisk,
      stateVersion,
    };
    const rig = new HostRig(options);
    rig.host.start();
    return rig;
  }

  #collect(): void {
    let before = 0;
    for (const [id, outcome] of this.rig.outcomes) {
      if (outcome !== 0) continue;
      assert.ok(id > before, `outcome of ${id} after that of ${before}`);
      before = id;
      this.acknowledged.add(id);
    }
  }

  check(): void {
    this.rig.settle(() => this.rig.host.leadership.leaderReady && this.rig.host.inflightCount === 0);
    this.#collect();
    const { counts } = this.rig.machine;
    for (const id of this.acknowledged) assert.equal(counts.get(id), 1, `operation ${id}`);
    for (const [id, count] of counts) assert.equal(count, 1, `operation ${id} was applied ${count} times`);
  }
}

test("wherever it crashes, every acknowledged operation is there after the start, and none twice", () => {
  let acknowledged = 0;
  let lives = 0;
  fc.assert(
    fc.property(fc.array(step, { minLength: 50, maxLength: 300 }), (steps) => {
      const history = new Lives();
      for (const { name, amount } of steps) history.act(name, amount);
      history.check();
      history.crash(3);
      history.check();
      acknowledged += history.acknowledged.size;
      lives += steps.filter(({ name }) => name === "crash").length + 2;
    }),
    { numRuns: 150 },
  );
  assert.ok(acknowledged > 500, `the test does something: ${acknowledged} acknowledged, ${lives} lives`);
});
