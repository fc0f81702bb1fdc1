import type { CommandType } from "../../engine/core/enums.js";
import type { Command } from "../schema/records.js";
import { Fifo } from "./fifo.js";

/** `hdds.datanode.command.queue.limit`. */
export const COMMAND_QUEUE_LIMIT = 5000;

/** Work that takes a while to begin, so its term and deadline are looked at again when it does. */
const CHECKED_AT_START: ReadonlySet<CommandType> = new Set([
  "deleteContainerCommand",
  "replicateContainerCommand",
  "reconstructECContainersCommand",
]);

export interface CommandCounters {
  /** Taken from the queue to be run. */
  run: number;
  /** Of a term below the highest that was seen. */
  stale: number;
  /** Found after their deadline. */
  late: number;
  /** The queue was full. */
  discarded: number;
}

/** Which commands a datanode may run (spec 01 §6). Every SCM of the group may send some, and only those of
 * the leader of the highest term count: a deposed leader that does not know it yet must have no effect.
 *
 * As long as no term is known, commands are held until a majority of the SCMs has this datanode registered:
 * a newer leader is then likely to have spoken too. Afterwards the highest term seen rises with every
 * command and every answer, and commands of lower ones are dropped. */
export class CommandTerms {
  readonly #queueLimit: number;
  readonly #queue = new Fifo<Command>();
  readonly #countByType = new Map<CommandType, number>();
  #highest = 0;
  #isFixed = false;
  #isMajority = false;
  readonly counters: CommandCounters = { run: 0, stale: 0, late: 0, discarded: 0 };

  constructor(queueLimit = COMMAND_QUEUE_LIMIT) {
    this.#queueLimit = queueLimit;
  }

  /** The highest term seen, 0 = none. Goes into heartbeats: no command of a lower one is begun any more. */
  get termSeen(): number {
    return this.#highest;
  }

  /** Commands that wait. */
  get length(): number {
    return this.#queue.length;
  }

  /** SCMs that have this datanode registered, of how many. */
  registered(count: number, scmCount: number): void {
    this.#isMajority = count > scmCount / 2;
  }

  /** An SCM answered in `term`; 0 = it is no leader. */
  answered(term: number): void {
    if (term > this.#highest) this.#highest = term;
  }

  /** Takes commands into the queue, in order. */
  push(commands: readonly Command[]): void {
    for (const command of commands) {
      if (command.term > this.#highest) this.#highest = command.term;
      if (this.#queue.length >= this.#queueLimit) {
        this.counters.discarded++;
        continue;
      }
      this.#queue.push(command);
      this.#count(command.type, 1);
    }
  }

  /** The next command to run, undefined when there is none, or none may run yet. */
  next(): Command | undefined {
    if (!this.#isFixed) {
      if (!this.#isMajority || this.#queue.length === 0) return undefined;
      this.#isFixed = true;
    }
    for (let command = this.#queue.shift(); command !== undefined; command = this.#queue.shift()) {
      this.#count(command.type, -1);
      if (command.term === this.#highest) {
        this.counters.run++;
        return command;
      }
      this.counters.stale++;
    }
    return undefined;
  }

  /** Whether a command that `next` gave may begin now, after it has waited for its turn: a newer leader may
   * have spoken meanwhile, or its time may be over. `nowMs`: epoch. */
  mayStart(command: Command, nowMs: number): boolean {
    if (!CHECKED_AT_START.has(command.type)) return true;
    if (command.term < this.#highest) {
      this.counters.stale++;
      return false;
    }
    if (command.deadlineMs === 0 || nowMs <= command.deadlineMs) return true;
    this.counters.late++;
    return false;
  }

  /** Commands that wait here, for the command-queue report; whoever runs them adds those that it has begun or
   * keeps waiting. */
  counts(): ReadonlyMap<CommandType, number> {
    return this.#countByType;
  }

  #count(type: CommandType, by: number): void {
    const count = (this.#countByType.get(type) ?? 0) + by;
    if (count === 0) this.#countByType.delete(type);
    else this.#countByType.set(type, count);
  }
}
