import type { ReloadTarget, StateMachine } from "../cluster/state-machine.js";
import { StrataError } from "../core/errors.js";
import type { Scheduler } from "../core/scheduler.js";
import { visitChunk } from "../storage/snapshot-chunk.js";
import { STATE_CHECKSUM_BYTES } from "../storage/state-rows.js";
import type { LoadingSnapshot } from "./incoming-snapshot.js";
import type { SnapshotStore } from "./snapshot-store.js";

/** Rows that are loaded in one turn at most, and one more row. */
const TURN_BYTES = 256 * 1024;

export interface SnapshotLoaderParts {
  readonly store: SnapshotStore;
  readonly machine: ReloadTarget & StateMachine;
  readonly scheduler: Scheduler;
  onFatal(error: StrataError): void;
}

/** Goes over to a snapshot that has arrived: the state thread writes into its store from now on, and the
 * tables in memory are emptied and loaded from it, a piece in each turn, so that main hears the others
 * meanwhile. The log has gone over already. So there is no way back, and what cannot be loaded ends the
 * process. */
export class SnapshotLoader {
  readonly #parts: SnapshotLoaderParts;

  constructor(parts: SnapshotLoaderParts) {
    this.#parts = parts;
  }

  /** No flush may be under way, nor begin. */
  load(snapshot: LoadingSnapshot, onLoaded: () => void): void {
    const { machine, store } = this.#parts;
    // Before the state thread goes over: from here on nobody lays the changes of the old state over rows of
    // the new one.
    machine.beginReload();
    store.switchOver((outcome) => {
      if (outcome instanceof StrataError) this.#parts.onFatal(outcome);
      else this.#clear(snapshot, onLoaded);
    });
  }

  #clear(snapshot: LoadingSnapshot, onLoaded: () => void): void {
    if (this.#parts.machine.clearStep()) this.#readNext(snapshot, { after: NO_KEY, total: 0 }, onLoaded);
    else this.#parts.scheduler.after(0, () => this.#clear(snapshot, onLoaded));
  }

  #readNext(snapshot: LoadingSnapshot, place: Place, onLoaded: () => void): void {
    const { store, onFatal } = this.#parts;
    const { reader } = snapshot;
    store.read({ ...place, reader, bytesMax: TURN_BYTES }, (chunk) => {
      if (chunk instanceof StrataError) {
        onFatal(chunk);
        return;
      }
      // The next piece is read while this one is loaded.
      if (!chunk.isLast) this.#readNext(snapshot, { after: chunk.lastKey, total: chunk.total }, onLoaded);
      try {
        this.#take(chunk.rows);
        if (!chunk.isLast) return;
        store.close(reader);
        this.#end(snapshot);
      } catch (error) {
        if (!(error instanceof StrataError)) throw error;
        onFatal(error);
        return;
      }
      onLoaded();
    });
  }

  #take(rows: Uint8Array): void {
    const { machine } = this.#parts;
    visitChunk(rows, (key, stored) => {
      const value = stored.subarray(0, stored.length - STATE_CHECKSUM_BYTES);
      machine.load(key[0] as number, key.subarray(1), value);
    });
  }

  #end({ id, hash, confState }: LoadingSnapshot): void {
    const { machine } = this.#parts;
    machine.loaded(confState);
    const found = machine.hash();
    if (machine.appliedIndex === id.index && machine.appliedTerm === id.term && found === hash) return;
    const reason = `the snapshot ${id.term}/${id.index} had hash ${hash}, what was loaded has ${found}`;
    throw new StrataError("STATE_CORRUPT", { where: "all tables", reason });
  }
}

interface Place {
  readonly after: Uint8Array;
  readonly total: number;
}

const NO_KEY = new Uint8Array(0);
