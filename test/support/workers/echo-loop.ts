import { AssertionError } from "../../../engine/core/assert.js";
import { StrataError } from "../../../engine/core/errors.js";
import type { RecordHandler } from "../../../engine/core/shared-channel.js";
import { layout } from "../../../workers/shared/layout.js";
import type { WorkerContext, WorkerLoop } from "../../../workers/shared/worker-link.js";

/** Records to the echo worker. The payload begins with a u32. */
export const ECHO = {
  /** Comes back as it is. */
  ECHO: 1,
  /** Asserts that as many control messages came as the u32 says. */
  EXPECT_MESSAGES: 2,
  /** Sends u32 records of 8 bytes, numbered. */
  BURST: 3,
  THROW_ASSERTION: 4,
  THROW_CODED: 5,
  /** Throws outside of the loop, from a timer. */
  THROW_LATER: 6,
  /** Leaves the thread with the u32 as exit code. */
  EXIT: 7,
  /** Never returns. */
  HANG: 8,
  /** Allocates until the thread's limit. */
  EAT: 9,
  /** Publishes what there is to send, and throws. */
  PUBLISH_AND_THROW: 10,
} as const;

export const ECHO_LAYOUT = layout({
  name: "echo",
  rowBytes: 8,
  writer: "main",
  readers: "the echo worker",
  fields: { value: { type: "f64", offset: 0, doc: "any" } },
});

const RECORDS_PER_POLL = 64;

/** A worker for tests of the plumbing: echoes, counts, bursts, and dies in every way on request. With the
 * start data "refuse" it does not start, with "deaf" it takes no control messages. */
export class EchoLoop implements WorkerLoop {
  readonly #context: WorkerContext;
  readonly #backlog: { readonly kind: number; readonly bytes: Uint8Array }[] = [];
  #messageCount = 0;
  #burstNext = 0;
  #burstEnd = 0;
  #isThrowPending = false;

  constructor(context: WorkerContext) {
    this.#context = context;
  }

  async start(): Promise<void> {
    if (this.#context.data === "refuse") throw new StrataError("STORAGE_LOCKED", { path: "somewhere" });
  }

  poll(): boolean {
    if (this.#context.data === "deaf") return false;
    while (this.#context.receiveMessage() !== undefined) this.#messageCount++;
    if (!this.#sendBacklog()) return false;
    const count = this.#context.receiver.drain(this.#onRecord, RECORDS_PER_POLL);
    return count > 0 || this.#isThrowPending;
  }

  async stop(): Promise<void> {
    this.#send(ECHO.ECHO, new Uint8Array(8));
  }

  readonly #onRecord: RecordHandler = (kind, offset, payloadBytes) => {
    const value = payloadBytes === 0 ? 0 : this.#context.receiver.view.getUint32(offset, true);
    switch (kind) {
      case ECHO.ECHO:
        this.#send(kind, this.#context.receiver.bytes.slice(offset, offset + payloadBytes));
        return;
      case ECHO.EXPECT_MESSAGES:
        if (this.#messageCount < value)
          throw new AssertionError(`${this.#messageCount} of ${value} messages`);
        this.#send(kind, new Uint8Array(0));
        return;
      case ECHO.BURST:
        this.#burstNext = 0;
        this.#burstEnd = value;
        this.#sendBacklog();
        return;
      case ECHO.THROW_ASSERTION:
        throw new AssertionError("asked to fail");
      case ECHO.PUBLISH_AND_THROW:
        this.#context.sender.publish();
        throw new AssertionError("asked to fail");
      case ECHO.THROW_CODED:
        throw new StrataError("STORAGE_FULL", { path: "somewhere" });
      case ECHO.THROW_LATER:
        this.#isThrowPending = true;
        setTimeout(() => {
          throw new AssertionError("asked to fail later");
        }, 1);
        return;
      case ECHO.EXIT:
        return process.exit(value);
      case ECHO.HANG:
        for (;;);
      case ECHO.EAT:
        for (const eaten: number[][] = []; ; ) eaten.push(new Array(1000).fill(eaten.length));
    }
  };

  #send(kind: number, bytes: Uint8Array): void {
    this.#backlog.push({ kind, bytes });
    this.#sendBacklog();
  }

  /** False when the ring has no room for all of it. */
  #sendBacklog(): boolean {
    for (let next = this.#backlog[0]; next !== undefined; next = this.#backlog[0]) {
      const offset = this.#context.sender.reserve(next.kind, next.bytes.length);
      if (offset < 0) return false;
      this.#context.sender.bytes.set(next.bytes, offset);
      this.#context.sender.commit();
      this.#backlog.shift();
    }
    while (this.#burstNext < this.#burstEnd) {
      const offset = this.#context.sender.reserve(ECHO.BURST, 8);
      if (offset < 0) return false;
      this.#context.sender.view.setUint32(offset, this.#burstNext++, true);
      this.#context.sender.commit();
    }
    return true;
  }
}
