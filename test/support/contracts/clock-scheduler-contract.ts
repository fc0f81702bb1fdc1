import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Clock } from "../../../engine/core/clock.js";
import type { Scheduler, Timer } from "../../../engine/core/scheduler.js";

export interface TimeWorld {
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  /** Lets time pass until `condition` holds; fails naming `what` when it does not. */
  until(condition: () => boolean, what: string): Promise<void>;
}

/** What every pair of clock and scheduler must do, on real and on virtual time. */
export function clockSchedulerContract(name: string, makeWorld: () => TimeWorld): void {
  const contract = (title: string, run: (world: TimeWorld) => Promise<void>) =>
    test(title, () => run(makeWorld()));

  describe(`time ${name}`, () => {
    clockTests(contract);
    afterTests(contract);
    everyTests(contract);
    endOfTurnTests(contract);
  });
}

type Contract = (title: string, run: (world: TimeWorld) => Promise<void>) => void;

function clockTests(contract: Contract): void {
  contract("the wall clock counts whole milliseconds since 1970", async ({ clock }) => {
    assert.ok(Number.isInteger(clock.wallMs()));
    assert.ok(clock.wallMs() > Date.UTC(2025, 0, 1));
  });

  contract("both clocks go on while time passes", async ({ clock, scheduler, until }) => {
    const monotonicMs = clock.monotonicMs();
    const wallMs = clock.wallMs();
    let isDone = false;
    scheduler.after(20, () => {
      isDone = true;
    });
    await until(() => isDone, "the timer");
    assert.ok(clock.monotonicMs() - monotonicMs >= 20);
    // Whole milliseconds: up to one is lost.
    assert.ok(clock.wallMs() - wallMs >= 19);
  });
}

function afterTests(contract: Contract): void {
  contract("after runs its task once and never early", async ({ clock, scheduler, until }) => {
    const delays = [0, 0.3, 1, 1.7, 4.999, 12];
    const startMs = clock.monotonicMs();
    const ran: { delayMs: number; atMs: number }[] = [];
    for (const delayMs of delays) {
      scheduler.after(delayMs, () => ran.push({ delayMs, atMs: clock.monotonicMs() }));
    }
    assert.equal(ran.length, 0, "nothing runs within the call");
    await until(() => ran.length === delays.length, "all timers");
    for (const { delayMs, atMs } of ran) assert.ok(atMs - startMs >= delayMs, `${delayMs} ms were early`);
    let isOver = false;
    scheduler.after(20, () => {
      isOver = true;
    });
    await until(() => isOver, "a last timer");
    assert.equal(ran.length, delays.length);
  });

  contract("timers run in the order of their times", async ({ scheduler, until }) => {
    const order: number[] = [];
    for (const delayMs of [30, 10, 20]) scheduler.after(delayMs, () => order.push(delayMs));
    await until(() => order.length === 3, "all timers");
    assert.deepEqual(order, [10, 20, 30]);
  });

  contract(
    "a cancelled timer does not run, and cancelling late does nothing",
    async ({ scheduler, until }) => {
      const ran: string[] = [];
      const cancelled = scheduler.after(5, () => ran.push("cancelled"));
      const kept = scheduler.after(10, () => ran.push("kept"));
      cancelled.cancel();
      cancelled.cancel();
      await until(() => ran.length > 0, "the other timer");
      kept.cancel();
      assert.deepEqual(ran, ["kept"]);
    },
  );
}

function everyTests(contract: Contract): void {
  contract("every runs again and again, an interval apart", async ({ clock, scheduler, until }) => {
    const timesMs = [clock.monotonicMs()];
    const timer = scheduler.every(5, () => timesMs.push(clock.monotonicMs()));
    await until(() => timesMs.length === 5, "four runs");
    timer.cancel();
    for (let i = 1; i < timesMs.length; i++) {
      assert.ok((timesMs[i] as number) - (timesMs[i - 1] as number) >= 5);
    }
  });

  contract("every ends when it is cancelled, also from its own task", async ({ scheduler, until }) => {
    let ownCount = 0;
    let otherCount = 0;
    const own: Timer = scheduler.every(2, () => {
      ownCount++;
      own.cancel();
    });
    const other = scheduler.every(2, () => {
      otherCount++;
    });
    await until(() => otherCount === 3, "three runs of the other");
    other.cancel();
    let isOver = false;
    scheduler.after(20, () => {
      isOver = true;
    });
    await until(() => isOver, "time to be wrong in");
    assert.equal(ownCount, 1);
    assert.equal(otherCount, 3);
  });
}

function endOfTurnTests(contract: Contract): void {
  contract("end-of-turn tasks run once, after the present code, in order", async ({ scheduler, until }) => {
    const ran: number[] = [];
    for (let i = 0; i < 3; i++) scheduler.endOfTurn(() => ran.push(i));
    assert.deepEqual(ran, []);
    await until(() => ran.length > 0, "the end of the turn");
    assert.deepEqual(ran, [0, 1, 2]);
  });

  contract("what a timer's task asks for comes before a later timer", async ({ scheduler, until }) => {
    const ran: string[] = [];
    scheduler.after(5, () => {
      scheduler.endOfTurn(() => ran.push("end of turn"));
      scheduler.after(10, () => ran.push("later"));
    });
    await until(() => ran.length === 2, "both");
    assert.deepEqual(ran, ["end of turn", "later"]);
  });

  contract("a task that asks for another turn lets time pass", async ({ scheduler, until }) => {
    let turnCount = 0;
    let isOver = false;
    const again = (): void => {
      turnCount++;
      if (!isOver) scheduler.endOfTurn(again);
    };
    scheduler.after(5, () => {
      isOver = true;
    });
    scheduler.endOfTurn(again);
    await until(() => isOver, "the timer");
    assert.ok(turnCount > 1);
  });
}
