import { join } from "node:path";
import type { Clock } from "../../../engine/core/clock.js";
import type { Disk } from "../../../engine/core/disk.js";
import type { Entry } from "../../../engine/raft/types.js";
import type { StorageDirectories } from "../../../engine/storage/directories.js";
import { LogStore } from "../../../engine/storage/log-store.js";
import type { Recovered } from "../../../engine/storage/recovered.js";
import { recover } from "../../../engine/storage/recovery.js";
import { StateStore } from "../../../engine/storage/state-store.js";
import { appendEntry, hardStateOf, NO_STEP, normalEntry } from "./log-fixture.js";
import { MemoryState } from "./memory-state.js";

/** What an SCM does with its disk, without the SCM: recovers, appends, applies, flushes. One term, one voter:
 * an entry is committed when it is durable. */
export class SmallScm {
  readonly state: MemoryState;
  readonly found: Recovered;
  readonly log: LogStore;
  readonly #states: StateStore;

  private constructor(state: MemoryState, found: Recovered, log: LogStore, states: StateStore) {
    this.state = state;
    this.found = found;
    this.log = log;
    this.#states = states;
  }

  static async start(disk: Disk, directories: StorageDirectories, clock: Clock): Promise<SmallScm> {
    const state = new MemoryState();
    const found = await recover(disk, directories, state, NO_STEP);
    const log = await LogStore.open(disk, directories.raft, found.log, clock);
    const states = await StateStore.open(disk, found.statePath, found.identity);
    const scm = new SmallScm(state, found, log, states);
    for (const entry of found.tail) scm.#apply(entry);
    return scm;
  }

  /** Writes `value` into a row; durable and applied on return. */
  set(row: number, value: string, term = 1): void {
    const payload = Buffer.concat([Buffer.of(row), Buffer.from(value, "latin1")]);
    const entry = normalEntry(this.log.last.index + 1, term, payload);
    this.log.setHardState(hardStateOf(term, 1, this.state.appliedIndex));
    appendEntry(this.log, entry);
    this.log.commit();
    this.#apply(entry);
  }

  /** Flushes the state; with `durable` also truncates the log up to it. */
  flush(durable: boolean): void {
    this.state.freeze();
    this.state.drain({
      put: (table, key, value) => {
        const bytes = Buffer.concat([Buffer.of(table), key, value, Buffer.alloc(4)]);
        const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
        const valueStart = 1 + key.length;
        this.#states.put(bytes, view, { keyStart: 0, valueStart, valueEnd: valueStart + value.length });
        return true;
      },
      delete: () => true,
      deleteBelow: () => true,
    });
    this.#states.commit(durable);
    this.state.flushed();
    if (durable) this.log.truncate(this.state.appliedIndex);
  }

  async stop(): Promise<void> {
    await this.log.close();
    await this.#states.close();
  }

  #apply({ index, term, payload }: Entry): void {
    this.state.apply(index, term, payload);
  }
}

/** Where the state store lies after --init. */
export function statePathOf(directories: StorageDirectories): string {
  return join(directories.state, "base");
}
