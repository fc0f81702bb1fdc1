import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { AtomicWords } from "../../../../workers/shared/atomic-words.js";
import { type Bell, PortBell, PortBellReceiver, SleepBell } from "../../../../workers/shared/doorbell.js";
import { RecordPump } from "../../../../workers/shared/record-pump.js";
import { RING_WORD, RingReceiver, RingSender } from "../../../../workers/shared/ring.js";
import { CONTROL_WORD } from "../../../../workers/shared/worker-control.js";
import { WorkerDriver } from "../../../../workers/shared/worker-driver.js";
import type { WorkerLoop } from "../../../../workers/shared/worker-link.js";
import {
  exploreInterleavings,
  ModelFailure,
  type ModelProgram,
} from "../../../support/model/interleavings.js";
import type { ModelThread } from "../../../support/model/model-thread.js";

/* All interleavings of a sender and a receiver that run the real ring, doorbells, pump and driver over a
 * model of shared memory (verification.md §5, L5). Rings are tiny, so that a few records are full rings and
 * several laps. */

const CAPACITY_BYTES = 64;
const RECORD_HEADER_BYTES = 8;
/** Beside the ring's words. */
const CONTROL_BASE = 1000;
const MAILBOX = 2000;

interface Script {
  /** Payload bytes of each record, 0 … 16. */
  readonly lengths: readonly number[];
  /** Publishes after this many records, and at the end. */
  readonly publishEvery: number;
  readonly cursor?: number;
}

function byteOf(record: number, index: number): number {
  return (record * 37 + index * 5 + 1) & 0xff;
}

type MakeBell = (words: AtomicWords, thread: ModelThread) => Bell;
const toWorker: MakeBell = (words) => new SleepBell(words, RING_WORD.FLAG);
const toMain: MakeBell = (words, thread) => new PortBell(words, RING_WORD.FLAG, () => thread.put(MAILBOX));

function senderOf(script: Script, makeBell: MakeBell): ModelProgram {
  const run = (thread: ModelThread): void => {
    const words = thread.wordsAt(0);
    const sender = new RingSender({ words, bytes: thread.bytes }, makeBell(words, thread));
    for (const [record, length] of script.lengths.entries()) {
      thread.forget(`record ${record}`);
      writeRecord(thread, sender, record, length);
      if ((record + 1) % script.publishEvery === 0) sender.publish();
    }
    sender.publish();
  };
  return { name: "sender", run };
}

function writeRecord(thread: ModelThread, sender: RingSender, record: number, length: number): void {
  let offset = sender.reserve(record + 1, length);
  while (offset < 0) {
    thread.untilChanged(RING_WORD.TAIL);
    offset = sender.reserve(record + 1, length);
  }
  for (let i = 0; i < length; i++) thread.bytes[offset + i] = byteOf(record, i);
  sender.commit();
}

/** Checks that records come in order, once and whole. */
class Checker {
  count = 0;
  readonly #thread: ModelThread;
  readonly #script: Script;

  constructor(thread: ModelThread, script: Script) {
    this.#thread = thread;
    this.#script = script;
  }

  get isDone(): boolean {
    return this.count === this.#script.lengths.length;
  }

  readonly onRecord = (kind: number, offset: number, payloadBytes: number): void => {
    const record = this.count++;
    assert.equal(kind, record + 1, "records come in order");
    assert.equal(payloadBytes, this.#script.lengths[record]);
    const bytes = this.#thread.read(offset - RECORD_HEADER_BYTES, RECORD_HEADER_BYTES + payloadBytes);
    for (let i = 0; i < payloadBytes; i++) {
      assert.equal(bytes[RECORD_HEADER_BYTES + i], byteOf(record, i), `byte ${i} of record ${record}`);
    }
  };
}

type Sleep = (words: AtomicWords, receiver: RingReceiver) => void;
const sleepWell: Sleep = (words, receiver) =>
  new SleepBell(words, RING_WORD.FLAG).sleep(() => receiver.refresh(), 100);

function sleepingReceiver(script: Script, recordCountMax: number, sleep: Sleep = sleepWell): ModelProgram {
  const run = (thread: ModelThread): void => {
    const words = thread.wordsAt(0);
    const receiver = new RingReceiver({ words, bytes: thread.bytes });
    const checker = new Checker(thread, script);
    while (!checker.isDone) {
      thread.forget(`record ${checker.count}`);
      if (receiver.drain(checker.onRecord, recordCountMax) === 0) sleep(words, receiver);
    }
    assert.equal(receiver.drain(checker.onRecord, 1), 0, "nothing is left");
  };
  return { name: "receiver", run };
}

/** Main: a turn of the event loop is a message or the tasks of the turn before. */
function pumpingReceiver(script: Script): ModelProgram {
  const run = (thread: ModelThread): void => {
    const words = thread.wordsAt(0);
    const checker = new Checker(thread, script);
    const bell = new PortBellReceiver(words, RING_WORD.FLAG);
    const tasks: (() => void)[] = [];
    const pump = new RecordPump(
      new RingReceiver({ words, bytes: thread.bytes }),
      {
        endOfTurn: (task) => tasks.push(task),
        after: () => assert.fail("no timers here"),
        every: () => assert.fail("no timers here"),
      },
      (hasWork) => bell.reopen(hasWork),
      { onRecord: checker.onRecord, onBatchEnd: () => {} },
    );
    while (!checker.isDone) {
      thread.forget(`record ${checker.count} tasks ${tasks.length}`);
      const task = tasks.shift();
      if (task !== undefined) {
        task();
      } else {
        thread.take(MAILBOX);
        pump.wake();
      }
    }
  };
  return { name: "main", run };
}

function explore(script: Script, programs: readonly [ModelProgram, ModelProgram]): number {
  const cursor = (script.cursor ?? 0) | 0;
  const words = new Map([
    [RING_WORD.HEAD, cursor],
    [RING_WORD.TAIL, cursor],
  ]);
  return exploreInterleavings({ byteCount: CAPACITY_BYTES, words, programs });
}

const SCRIPTS: readonly (readonly [string, Script])[] = [
  ["one record", { lengths: [8], publishEvery: 1 }],
  ["three records, each published", { lengths: [8, 3, 16], publishEvery: 1 }],
  ["four records, published in pairs", { lengths: [1, 8, 0, 5], publishEvery: 2 }],
  ["records that fill the ring exactly", { lengths: [8, 8, 8, 8, 8, 8], publishEvery: 2 }],
  ["records that skip the end of the ring", { lengths: [16, 16, 16, 16, 16], publishEvery: 1 }],
  ["markers of every length", { lengths: [16, 0, 16, 8, 16, 16, 1, 16], publishEvery: 3 }],
  ["a publish only when the ring is full", { lengths: [16, 16, 16, 16, 16, 16], publishEvery: 100 }],
  ["cursors that pass 2^32", { lengths: [16, 8, 16, 16], publishEvery: 1, cursor: 2 ** 32 - 40 }],
  ["cursors that pass 2^31", { lengths: [16, 8, 16, 16], publishEvery: 1, cursor: 2 ** 31 - 24 }],
];

describe("all interleavings of a sender and a sleeping receiver", () => {
  for (const [name, script] of SCRIPTS) {
    test(`${name}: in order, once, whole, and no wake-up lost`, () => {
      for (const recordCountMax of [1, 100]) {
        explore(script, [senderOf(script, toWorker), sleepingReceiver(script, recordCountMax)]);
      }
    });
  }
});

describe("all interleavings of a worker and main with its event loop", () => {
  for (const [name, script] of SCRIPTS) {
    test(`${name}: in order, once, whole, and no wake-up lost`, () => {
      explore(script, [senderOf(script, toMain), pumpingReceiver(script)]);
    });
  }
});

/** Posts a message before the records for which `plan` says so, publishes each, and stops the worker. */
function mainOf(plan: readonly boolean[]): ModelProgram {
  const run = (thread: ModelThread): void => {
    const words = thread.wordsAt(0);
    const control = thread.wordsAt(CONTROL_BASE);
    const bell = new SleepBell(words, RING_WORD.FLAG);
    const sender = new RingSender({ words, bytes: thread.bytes }, bell);
    let postedCount = 0;
    for (const [record, isPosted] of plan.entries()) {
      thread.forget(`record ${record}`);
      if (isPosted) {
        thread.put(MAILBOX);
        control.store(CONTROL_WORD.POSTED_COUNT, ++postedCount);
        bell.ring();
      }
      writeRecord(thread, sender, record, 8);
      sender.publish();
    }
    control.store(CONTROL_WORD.STOP, 1);
    bell.ring();
  };
  return { name: "main", run };
}

/** Steps as run-worker.ts does. Unfenced, it drains the ring past the driver. */
function workerOf(plan: readonly boolean[], isFenced = true): ModelProgram {
  const run = (thread: ModelThread): void => {
    const words = thread.wordsAt(0);
    let messageCount = 0;
    const checker = new Checker(thread, { lengths: plan.map(() => 8), publishEvery: 1 });
    const ring = new RingReceiver({ words, bytes: thread.bytes });
    const driver = new WorkerDriver({
      receiver: ring,
      sender: new RingSender(ringOfItsOwn(), { ring: () => {} }),
      control: thread.wordsAt(CONTROL_BASE),
      takeMessage: () => {
        thread.take(MAILBOX);
        return "message";
      },
      data: undefined,
    });
    const loop: WorkerLoop = {
      start: async () => {},
      stop: async () => {},
      poll: () => {
        while (driver.receiveMessage() !== undefined) messageCount++;
        const count = (isFenced ? driver.receiver : ring).drain((kind, offset, payloadBytes) => {
          checker.onRecord(kind, offset, payloadBytes);
          const dueCount = plan.slice(0, kind).filter(Boolean).length;
          assert.ok(messageCount >= dueCount, `record ${kind} came before its message`);
        }, 100);
        return count > 0;
      },
    };
    const bell = new SleepBell(words, RING_WORD.FLAG);
    while (driver.step(loop) !== "done") {
      bell.sleep(() => driver.hasWork(), 100);
      thread.forget(`record ${checker.count} messages ${messageCount}`);
    }
    assert.ok(checker.isDone, "the stop word came before the last record");
  };
  return { name: "worker", run };
}

describe("all interleavings of control messages, records and the stop word", () => {
  const PLANS = [[true], [true, true], [false, true, false], [true, false, true]];

  for (const plan of PLANS) {
    const name = plan.map((isPosted) => (isPosted ? "message, record" : "record")).join(", ");
    test(`${name}: no record overtakes a message, and stop loses nothing`, () => {
      explore({ lengths: [], publishEvery: 1 }, [mainOf(plan), workerOf(plan)]);
    });
  }
});

/** A ring that nobody else looks at. */
function ringOfItsOwn() {
  const words = new Map<number, number>();
  return {
    bytes: new Uint8Array(CAPACITY_BYTES),
    words: {
      load: (index: number) => words.get(index) ?? 0,
      store: (index: number, value: number) => void words.set(index, value),
      exchange: () => 0,
      wait: () => {},
      notify: () => {},
    },
  };
}

describe("the model finds", () => {
  const script: Script = { lengths: [8, 16, 8], publishEvery: 1 };

  test("a wake-up that is lost when the receiver looks before it sets its flag", () => {
    const sleepBadly: Sleep = (words, receiver) => {
      if (receiver.refresh()) return;
      words.store(RING_WORD.FLAG, 1);
      words.wait(RING_WORD.FLAG, 1, 100);
      words.store(RING_WORD.FLAG, 0);
    };
    assert.throws(
      () => explore(script, [senderOf(script, toWorker), sleepingReceiver(script, 100, sleepBadly)]),
      (error) => error instanceof ModelFailure && /nobody can go on/.test(error.message),
    );
  });

  test("a wake-up that is lost when the bell looks at the flag before the records are published", () => {
    const hastyBell: MakeBell = (words) => {
      let wasAsleep = words.load(RING_WORD.FLAG) === 1;
      return {
        ring: () => {
          if (wasAsleep) words.notify(RING_WORD.FLAG);
          wasAsleep = words.load(RING_WORD.FLAG) === 1;
        },
      };
    };
    assert.throws(
      () => explore(script, [senderOf(script, hastyBell), sleepingReceiver(script, 100)]),
      ModelFailure,
    );
  });

  test("a record that overtakes its message when the ring is not fenced", () => {
    const programs = [mainOf([true, true]), workerOf([true, true], false)] as const;
    assert.throws(
      () => explore({ lengths: [], publishEvery: 1 }, programs),
      (error) => error instanceof ModelFailure && /came before its message/.test(error.message),
    );
  });

  test("a payload that is written after it was published", () => {
    const run = (thread: ModelThread): void => {
      const words = thread.wordsAt(0);
      const sender = new RingSender({ words, bytes: thread.bytes }, toWorker(words, thread));
      const offset = sender.reserve(1, 8);
      sender.commit();
      sender.publish();
      for (let i = 0; i < 8; i++) thread.bytes[offset + i] = byteOf(0, i);
    };
    const one: Script = { lengths: [8], publishEvery: 1 };
    assert.throws(() => explore(one, [{ name: "sender", run }, sleepingReceiver(one, 100)]), ModelFailure);
  });

  test("a record that is read after its space was released", () => {
    const long: Script = { lengths: [16, 16, 16, 16], publishEvery: 1 };
    const run = (thread: ModelThread): void => {
      const words = thread.wordsAt(0);
      const receiver = new RingReceiver({ words, bytes: thread.bytes });
      const checker = new Checker(thread, long);
      const late: [number, number, number][] = [];
      while (!checker.isDone) {
        const count = receiver.drain((kind, offset, length) => late.push([kind, offset, length]), 100);
        for (const record of late.splice(0)) checker.onRecord(...record);
        if (count === 0) sleepWell(words, receiver);
      }
    };
    assert.throws(
      () => explore(long, [senderOf(long, toWorker), { name: "receiver", run }]),
      (error) => error instanceof ModelFailure && /overwritten/.test(error.message),
    );
  });
});
