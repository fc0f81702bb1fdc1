import type { Command } from "../../../protocol/schema/records.js";
import type { CommandType } from "../../core/enums.js";

/** Per type; the datanode's own queue takes 5,000 in all (`hdds.datanode.command.queue.limit`). */
export const COMMANDS_PER_TYPE_MAX = 1024;

/** Commands that wait for one datanode's next heartbeat, in order. Bounded per type; of commands of one type
 * for the same container or pipeline only the last is kept, at the place of the first (spec 01 §16.8). Each
 * carries the term in which it was decided. */
export class CommandQueue {
  #commands = new Map<string, Command>();
  readonly #countByType = new Map<CommandType, number>();

  get length(): number {
    return this.#commands.size;
  }

  countOf(type: CommandType): number {
    return this.#countByType.get(type) ?? 0;
  }

  /** False when there is no room for another one of its type. */
  push(command: Command): boolean {
    const key = keyOf(command);
    if (!this.#commands.has(key)) {
      if (this.countOf(command.type) >= COMMANDS_PER_TYPE_MAX) return false;
      this.#count(command.type, 1);
    }
    this.#commands.set(key, command);
    return true;
  }

  /** Takes the first ones of `term` out; those of another term before them are dropped: whoever decided them
   * does not lead any more. */
  drain(term: number, countMax: number): Command[] {
    const drained: Command[] = [];
    for (const [key, command] of this.#commands) {
      if (drained.length === countMax) break;
      this.#commands.delete(key);
      this.#count(command.type, -1);
      if (command.term === term) drained.push(command);
    }
    return drained;
  }

  /** Puts drained commands back to the front. One that was queued anew meanwhile stays as it is now. */
  takeBack(commands: readonly Command[]): void {
    const waiting = this.#commands;
    this.#commands = new Map();
    for (const command of commands) {
      const key = keyOf(command);
      if (waiting.has(key) || this.#commands.has(key)) continue;
      this.#commands.set(key, command);
      this.#count(command.type, 1);
    }
    for (const [key, command] of waiting) this.#commands.set(key, command);
  }

  clear(): void {
    this.#commands.clear();
    this.#countByType.clear();
  }

  #count(type: CommandType, by: number): void {
    this.#countByType.set(type, this.countOf(type) + by);
  }
}

function keyOf({ type, containerId, pipelineId }: Command): string {
  return `${type} ${containerId ?? pipelineId ?? ""}`;
}
