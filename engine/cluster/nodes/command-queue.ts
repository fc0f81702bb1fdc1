import type { CommandType } from "../../core/enums.js";
import type { QueuedCommand } from "./node-types.js";

/** Per type; the datanode's own queue takes 5,000 in all (`hdds.datanode.command.queue.limit`). */
export const COMMANDS_PER_TYPE_MAX = 1024;

/** Commands that wait for one datanode's next heartbeat, in order. Bounded per type; of commands of one type
 * for the same container or pipeline only the last is kept, at the place of the first (spec 01 §16.8). */
export class CommandQueue {
  #commands = new Map<string, QueuedCommand>();
  readonly #countByType = new Map<CommandType, number>();

  get length(): number {
    return this.#commands.size;
  }

  countOf(type: CommandType): number {
    return this.#countByType.get(type) ?? 0;
  }

  /** False when there is no room for another one of its type. */
  push(command: QueuedCommand): boolean {
    const key = keyOf(command);
    if (!this.#commands.has(key)) {
      if (this.countOf(command.type) >= COMMANDS_PER_TYPE_MAX) return false;
      this.#count(command.type, 1);
    }
    this.#commands.set(key, command);
    return true;
  }

  /** Takes the first ones out. */
  drain(countMax: number): QueuedCommand[] {
    const drained: QueuedCommand[] = [];
    for (const [key, command] of this.#commands) {
      if (drained.length === countMax) break;
      this.#commands.delete(key);
      this.#count(command.type, -1);
      drained.push(command);
    }
    return drained;
  }

  /** Puts drained commands back to the front. One that was queued anew meanwhile stays as it is now. */
  takeBack(commands: readonly QueuedCommand[]): void {
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

function keyOf({ type, containerId, pipelineId }: QueuedCommand): string {
  return `${type} ${containerId ?? pipelineId ?? ""}`;
}
