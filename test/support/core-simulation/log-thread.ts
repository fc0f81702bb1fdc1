import { assert } from "../../../engine/core/assert.js";
import type { Random } from "../../../engine/core/random.js";
import type { Message } from "../../../engine/raft/message.js";
import { EVENT, type EventQueue, SimEvent } from "./event-queue.js";
import type { LogDisk, LogWrite } from "./log-disk.js";
import type { CoreSimOptions } from "./options.js";

export interface LogThreadParts {
  readonly options: CoreSimOptions;
  readonly disk: LogDisk;
  readonly queue: EventQueue;
  readonly random: Random;
}

/** Whose log it is. */
export interface LogThreadHost {
  readonly id: number;
  readonly life: number;
  /** The disk holds `group`. */
  onDurable(group: readonly LogWrite[]): void;
  /** The main thread learns that `write` is durable. */
  onAnswer(write: LogWrite): void;
  /** A synced write begins, or has just become durable: moments to crash at. */
  onSync(stage: "begin" | "end"): void;
}

/** One life of the thread that writes a replica's log: all that is queued goes into one synced write, and
 * its answers come back in order, some time after the fact. */
export class LogThread {
  readonly #parts: LogThreadParts;
  readonly #host: LogThreadHost;
  /** Appends handed out and not answered, the oldest first. */
  readonly #unanswered: LogWrite[] = [];
  #count = 0;
  /** When the first of `#unanswered` became the first. */
  #waitingSince = 0;
  #lastAnswerAt = 0;
  /** It hangs until then. */
  stalledUntil = 0;

  constructor(parts: LogThreadParts, host: LogThreadHost) {
    this.#parts = parts;
    this.#host = host;
  }

  /** Number of the last append handed out. */
  get count(): number {
    return this.#count;
  }

  /** How long the oldest append has been waiting, in units. */
  get waitingUnits(): number {
    return this.#unanswered.length === 0 ? 0 : this.#parts.queue.now - this.#waitingSince;
  }

  /** Hands out an append. */
  append(write: Omit<LogWrite, "number">): void {
    const append = { ...write, number: ++this.#count };
    if (this.#unanswered.length === 0) this.#waitingSince = this.#parts.queue.now;
    this.#unanswered.push(append);
    this.write(append);
  }

  /** Has `responses` delivered with the last append handed out; false when all are answered. */
  ride(responses: readonly Message[]): boolean {
    const last = this.#unanswered.at(-1);
    last?.responses.push(...responses);
    return last !== undefined;
  }

  write(write: LogWrite): void {
    this.#parts.disk.enqueue(write);
    this.#begin();
  }

  /** What is being written is durable. */
  complete(): void {
    const group = this.#parts.disk.complete(this.#parts.queue.now);
    this.#host.onDurable(group);
    this.#host.onSync("end");
    this.#answerLater(group);
    this.#begin();
  }

  #begin(): void {
    const { disk, options, queue, random } = this.#parts;
    if (disk.isWriting || !disk.hasQueued) return;
    const finished = disk.begin();
    if (finished !== undefined) {
      this.#answerLater(finished);
      return;
    }
    const stall = Math.max(0, this.stalledUntil - queue.now);
    const delay = stall + 1 + random.below(options.syncMax);
    queue.push(delay, new SimEvent(EVENT.DISK, this.#host, undefined, undefined));
    this.#host.onSync("begin");
  }

  #answerLater(group: readonly LogWrite[]): void {
    const { queue, random } = this.#parts;
    this.#lastAnswerAt = Math.max(this.#lastAnswerAt, queue.now + random.below(2));
    const answer = (): void => this.#answer(group);
    queue.push(this.#lastAnswerAt - queue.now, new SimEvent(EVENT.ANSWER, this.#host, undefined, answer));
  }

  #answer(group: readonly LogWrite[]): void {
    for (const write of group) {
      if (write.number === 0) continue;
      assert(this.#unanswered.shift() === write, "appends are answered in order");
      this.#waitingSince = this.#parts.queue.now;
      this.#host.onAnswer(write);
    }
  }
}
