import { assert } from "../../engine/core/assert.js";
import type { Clock } from "../../engine/core/clock.js";
import type { Disk } from "../../engine/core/disk.js";
import { StrataError } from "../../engine/core/errors.js";
import { Fifo } from "../../engine/core/fifo.js";
import type { RecordHandler } from "../../engine/core/shared-channel.js";
import type { StorageIdentity } from "../../engine/storage/recovered.js";
import { StateStore } from "../../engine/storage/state-store.js";
import { isSnapshotRecord } from "../shared/snapshot-records.js";
import {
  newStateFlushed,
  readCommitDurable,
  readCommitIndex,
  readStateRow,
  readStateScan,
  STATE_RECORD,
  type StateFlushed,
  type StateRow,
  writeScanned,
  writeScannedRow,
  writeStateFlushed,
  writeUnread,
} from "../shared/state-records.js";
import type { WorkerContext, WorkerLoop } from "../shared/worker-link.js";
import { SnapshotKeeper } from "./snapshot-keeper.js";

/** Records taken in one poll; each COMMIT among them ends the poll's flush and is answered. */
const POLL_RECORDS = 1024;

/** What main gives the state thread at its start. */
export interface StateWriterData {
  /** Directory of the state store. */
  readonly path: string;
  readonly identity: StorageIdentity;
}

/** The state thread: gathers the rows of a flush and commits them as one atomic batch, so that what is on
 * disk is always the state at one applied index (raft.md §11). Not synced, unless main asks for it before
 * it has the log truncated: what a loss of power takes away is replayed from the log. Between flushes it
 * reads pages of disk-resident tables for main, and snapshots come and go (snapshot-keeper.ts). Any error of
 * a write ends it; a page that cannot be read is only told, since what main holds and writes is sound without
 * it. */
export class StateWriter implements WorkerLoop {
  readonly #context: WorkerContext;
  readonly #disk: Disk;
  readonly #clock: Clock;
  readonly #row: StateRow = { keyStart: 0, valueStart: 0, valueEnd: 0 };
  readonly #flushed: StateFlushed = newStateFlushed();
  /** Records for main that have found no room yet, in order. */
  readonly #answers = new Fifo<() => boolean>();
  #rowCount = 0;
  #bytes = 0;
  #openStore: StateStore | undefined;
  #snapshots: SnapshotKeeper | undefined;

  constructor(context: WorkerContext, disk: Disk, clock: Clock) {
    this.#context = context;
    this.#disk = disk;
    this.#clock = clock;
  }

  async start(): Promise<void> {
    const { path, identity } = this.#context.data as StateWriterData;
    this.#openStore = await StateStore.open(this.#disk, path, identity);
    this.#snapshots = new SnapshotKeeper({
      context: this.#context,
      disk: this.#disk,
      path,
      identity,
      store: () => this.#store,
      setStore: (store) => this.#setStore(store),
      answer: (write) => this.#answer(write),
    });
  }

  poll(): boolean {
    if (!this.#resume()) return false;
    const taken = this.#context.receiver.drain(this.#onRecord, POLL_RECORDS);
    return taken > 0 || this.#keeper.isBusy;
  }

  /** Rows of a flush that got no COMMIT are dropped: the log has them. */
  async stop(): Promise<void> {
    await this.#keeper.stop();
    await this.#store.close();
  }

  get #keeper(): SnapshotKeeper {
    assert(this.#snapshots !== undefined, "the state writer has not started");
    return this.#snapshots;
  }

  /** A snapshot takes the place of the state: what was gathered of the old one goes with it. */
  #setStore(store: StateStore): void {
    this.#openStore = store;
    this.#rowCount = 0;
    this.#bytes = 0;
  }

  get #store(): StateStore {
    assert(this.#openStore !== undefined, "the state writer has not started");
    return this.#openStore;
  }

  readonly #onRecord: RecordHandler = (kind, offset) => {
    switch (kind) {
      case STATE_RECORD.PUT:
        this.#onPut(offset);
        return;
      case STATE_RECORD.DELETE:
        this.#onDelete(offset);
        return;
      case STATE_RECORD.DELETE_BELOW:
        this.#onDeleteBelow(offset);
        return;
      case STATE_RECORD.COMMIT:
        this.#onCommit(offset);
        return;
      case STATE_RECORD.SCAN:
        this.#onScan(offset);
        return;
      default:
        assert(isSnapshotRecord(kind), `unknown state record ${kind}`);
        this.#keeper.onRecord(kind, offset);
    }
  };

  #onPut(offset: number): void {
    const { bytes, view } = this.#context.receiver;
    readStateRow(view, offset, this.#row);
    this.#store.put(bytes, view, this.#row);
    this.#rowCount++;
    this.#bytes += this.#row.valueEnd - this.#row.keyStart;
  }

  #onDelete(offset: number): void {
    const { bytes, view } = this.#context.receiver;
    readStateRow(view, offset, this.#row);
    this.#store.delete(bytes.subarray(this.#row.keyStart, this.#row.valueStart));
    this.#rowCount++;
    this.#bytes += this.#row.valueStart - this.#row.keyStart;
  }

  #onDeleteBelow(offset: number): void {
    const { bytes, view } = this.#context.receiver;
    readStateRow(view, offset, this.#row);
    this.#store.deleteBelow(bytes.subarray(this.#row.keyStart, this.#row.valueStart));
  }

  /** The page is small, so it is read at once and flushes wait no longer than that for it. */
  #onScan(offset: number): void {
    const { bytes, view } = this.#context.receiver;
    const { sender } = this.#context;
    try {
      const isComplete = this.#store.scan(readStateScan(bytes, view, offset), (table, key, value) => {
        this.#answer(() => writeScannedRow(sender, { table, key, value }));
      });
      this.#answer(() => writeScanned(sender, isComplete));
    } catch (error) {
      if (!(error instanceof StrataError)) throw error;
      this.#answer(() => writeUnread(sender, error));
    }
  }

  #onCommit(offset: number): void {
    const { view } = this.#context.receiver;
    const durable = readCommitDurable(view, offset);
    const beganMs = this.#clock.monotonicMs();
    this.#store.commit(durable);
    const flushed = this.#flushed;
    flushed.appliedIndex = readCommitIndex(view, offset);
    flushed.durable = durable;
    flushed.rowCount = this.#rowCount;
    flushed.bytes = this.#bytes;
    flushed.writeUs = (this.#clock.monotonicMs() - beganMs) * 1000;
    this.#rowCount = 0;
    this.#bytes = 0;
    this.#answer(() => writeStateFlushed(this.#context.sender, flushed));
  }

  /** False when it has to wait. */
  #answer(write: () => boolean): boolean {
    if (this.#answers.length === 0 && write()) return true;
    this.#answers.push(write);
    return false;
  }

  /** False when the channel still has no room for all of them. */
  #resume(): boolean {
    for (let write = this.#answers.at(0); write !== undefined; write = this.#answers.at(0)) {
      if (!write()) return false;
      this.#answers.drop(1);
    }
    return true;
  }
}
