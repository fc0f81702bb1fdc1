import { join } from "node:path";
import { assert } from "../../../engine/core/assert.js";
import type { Clock } from "../../../engine/core/clock.js";
import type { Disk } from "../../../engine/core/disk.js";
import { logIndex } from "../../../engine/core/ids.js";
import { changeConfState } from "../../../engine/raft/conf-change.js";
import { decodeConfChange } from "../../../engine/raft/conf-change-codec.js";
import { type ConfState, ENTRY_TYPE, type Entry } from "../../../engine/raft/types.js";
import { type StorageDirectories, snapshotStateDirectory } from "../../../engine/storage/directories.js";
import { LogStore } from "../../../engine/storage/log-store.js";
import type { Recovered } from "../../../engine/storage/recovered.js";
import { recover } from "../../../engine/storage/recovery.js";
import { STATE_STORE_OPTIONS, StateStore, writeStateIdentity } from "../../../engine/storage/state-store.js";
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
    flushTo(this.#states, this.state, durable);
    if (durable) this.log.truncate(this.state.appliedIndex);
  }

  /** Does what the receiver of a snapshot at `index` does. The SCM has to be started again after it. */
  async install(disk: Disk, directories: StorageDirectories, index: number, term: number): Promise<void> {
    const stateDirectory = snapshotStateDirectory(logIndex(index));
    const path = join(directories.state, stateDirectory);
    const store = await disk.createStore(path, STATE_STORE_OPTIONS);
    writeStateIdentity(store, this.found.identity);
    await store.close();
    const { confState } = this.found;
    const states = await StateStore.open(disk, path, this.found.identity);
    flushTo(states, snapshotState(index, term, confState), true);
    await states.close();
    const hardState = hardStateOf(term, 1, index);
    this.log.setHardState(hardState);
    const snapshot = { index: logIndex(index), term: hardState.term, chain: index * 7 };
    this.log.installSnapshot({ snapshot, confState, stateDirectory });
  }

  async stop(): Promise<void> {
    await this.log.close();
    await this.#states.close();
  }

  #apply({ index, term, type, payload }: Entry): void {
    if (type === ENTRY_TYPE.NORMAL) {
      this.state.apply(index, term, payload);
      return;
    }
    const change = decodeConfChange(payload);
    assert(change !== undefined, "no change of membership");
    const confState = changeConfState(this.state.confState, change);
    assert(confState !== undefined, "a change of membership that is not legal");
    this.state.applyConfChange(index, term, confState);
  }
}

/** What a snapshot at `index` holds. */
export function snapshotState(index: number, term: number, members: ConfState): MemoryState {
  const state = new MemoryState();
  state.loaded(members);
  for (let i = 1; i <= index; i++) {
    const payload = Buffer.concat([Buffer.of(i % 5), Buffer.from(`snapshot ${i}`)]);
    state.apply(logIndex(i), hardStateOf(term, 1, 0).term, payload);
  }
  return state;
}

function flushTo(states: StateStore, state: MemoryState, durable: boolean): void {
  state.freeze();
  state.drain({
    put: (table, key, value) => {
      const bytes = Buffer.concat([Buffer.of(table), key, value, Buffer.alloc(4)]);
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
      const valueStart = 1 + key.length;
      states.put(bytes, view, { keyStart: 0, valueStart, valueEnd: valueStart + value.length });
      return true;
    },
    delete: () => true,
    deleteBelow: () => true,
  });
  states.commit(durable);
  state.flushed();
}

/** Where the state store lies after --init. */
export function statePathOf(directories: StorageDirectories): string {
  return join(directories.state, "base");
}
