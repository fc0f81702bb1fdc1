import assert from "node:assert/strict";
import { test } from "node:test";
import { NO_SESSION, OPERATION } from "../../../../engine/cluster/operation.js";
import { readReservation } from "../../../../engine/cluster/operation-result.js";
import { StrataError } from "../../../../engine/core/errors.js";
import type { SeededRandom } from "../../../../engine/core/random.js";
import { initializeDisk, StoredScm } from "../../../support/consensus/stored-scm.js";
import { SimDisk } from "../../../support/simulation/sim-disk.js";

const OPTIONS = { flushIntervalMs: 20, logEntryCountMax: 64, logBytesMax: 16_384, flushBytes: 4096 };

/** Reserves ids and keeps what was acknowledged: an id that comes twice, or a sequence that falls back
 * behind an acknowledged one, is a lost operation. */
class Reservations {
  readonly #taken = new Set<bigint>();
  highest = 0n;

  request(scm: StoredScm, count: number): void {
    const operation = {
      kind: OPERATION.reserveSequence,
      session: NO_SESSION,
      sequence: "delTxnId",
      count,
    } as const;
    scm.host.propose(operation, (outcome) => {
      if (outcome instanceof StrataError) return;
      assert.equal(outcome.error, 0);
      const { first } = readReservation(outcome.body);
      for (let id = first; id < first + BigInt(count); id++) {
        assert.ok(!this.#taken.has(id), `id ${id} was given twice`);
        this.#taken.add(id);
        if (id > this.highest) this.highest = id;
      }
    });
  }

  get count(): number {
    return this.#taken.size;
  }

  check(scm: StoredScm): void {
    const last = scm.machine.sequences.last("delTxnId");
    assert.ok(last >= this.highest, `the sequence is at ${last}, ${this.highest} was acknowledged`);
  }
}

/** Requests at random times until `untilMs`, with more of them in some turns. */
function startWorkload(scm: StoredScm, random: SeededRandom, reservations: Reservations): void {
  const next = (): void => {
    for (let i = random.below(20); i >= 0; i--) reservations.request(scm, 1 + random.below(5));
    scm.world.scheduler.after(random.fraction() * 2, next);
  };
  next();
}

for (let seed = 1; seed <= 12; seed++) {
  test(`nothing acknowledged is lost by crashes of the real storage code, seed ${seed}`, async () => {
    const disk = new SimDisk();
    await initializeDisk(disk, seed);
    const reservations = new Reservations();
    let term = 0;
    for (let life = 0; life < 8; life++) {
      const scm = await StoredScm.start(disk, seed * 100 + life, OPTIONS);
      assert.ok(scm.host.leadership.term > term, "each life has a term of its own");
      term = scm.host.leadership.term;
      reservations.check(scm);
      scm.machine.checkInvariants();
      const random = scm.world.random.stream("workload");
      startWorkload(scm, random, reservations);
      const diesAtMs = scm.world.scheduler.nowMs + random.fraction() * 150;
      await scm.world.scheduler.run(diesAtMs);
      scm.host.checkInvariants();
      disk.crash(random);
    }
    const scm = await StoredScm.start(disk, seed, OPTIONS);
    reservations.check(scm);
    assert.ok(reservations.count > 500, `only ${reservations.count} acknowledged`);
    assert.ok(scm.recovered.truncated.index > 0, "the log was truncated on the way");
  });
}

test("after an orderly stop the state is on disk as it was, and nothing is replayed", async () => {
  const disk = new SimDisk();
  await initializeDisk(disk, 5);
  const scm = await StoredScm.start(disk, 5, OPTIONS);
  const reservations = new Reservations();
  for (let i = 0; i < 100; i++) reservations.request(scm, 3);
  await scm.stop();
  assert.equal(reservations.count, 300);
  const { appliedIndex } = scm.machine;
  const hash = scm.machine.hash();
  disk.crash(scm.world.random);
  const again = await StoredScm.start(disk, 6, OPTIONS);
  assert.equal(again.recovered.hardState.commit, appliedIndex);
  assert.equal(again.recovered.last.index, appliedIndex);
  assert.equal(again.machine.appliedIndex, appliedIndex + 1, "only the new leader's entry came after");
  assert.equal(again.machine.hash(), hash);
  reservations.check(again);
});

test("a disk that fails acknowledges nothing more", async () => {
  const disk = new SimDisk();
  await initializeDisk(disk, 7);
  const scm = await StoredScm.start(disk, 7, OPTIONS);
  const reservations = new Reservations();
  reservations.request(scm, 1);
  await scm.world.scheduler.runUntil("the first is acknowledged", () => reservations.count === 1);
  disk.beforeWrite = () => {
    throw new StrataError("STORAGE_IO", { path: "raft", reason: "EIO" });
  };
  reservations.request(scm, 1);
  const reason = await scm.world.scheduler.settle(scm.logEnded);
  assert.ok(reason instanceof StrataError && reason.code === "STORAGE_IO");
  await scm.world.scheduler.run(scm.world.scheduler.nowMs + 1000);
  assert.equal(reservations.count, 1);
});
