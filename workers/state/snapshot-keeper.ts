import { dirname, join } from "node:path";
import { assert } from "../../engine/core/assert.js";
import type { Disk } from "../../engine/core/disk.js";
import { StrataError } from "../../engine/core/errors.js";
import { Fifo } from "../../engine/core/fifo.js";
import { ReceivedStore } from "../../engine/storage/received-store.js";
import type { StorageIdentity } from "../../engine/storage/recovered.js";
import type { StateReader } from "../../engine/storage/state-reader.js";
import { StateStore } from "../../engine/storage/state-store.js";
import {
  CHUNK_OVERHEAD_BYTES,
  type OpenRequest,
  type ReadRequest,
  readChunkWrite,
  readClose,
  readFinish,
  readOpen,
  readRead,
  readReceive,
  SNAPSHOT_RECORD,
  writeChunk,
  writeEmpty,
  writeFailed,
  writeOpened,
} from "../shared/snapshot-records.js";
import type { WorkerContext } from "../shared/worker-link.js";

export interface SnapshotKeeperParts {
  readonly context: WorkerContext;
  readonly disk: Disk;
  /** Directory of the present state store; those of snapshots lie beside it. */
  readonly path: string;
  readonly identity: StorageIdentity;
  store(): StateStore;
  setStore(store: StateStore): void;
  /** Writes an answer into the channel, behind the others; false when it will be as soon as there is room. */
  answer(write: () => boolean): boolean;
}

/** Returns a promise when it takes the disk longer. */
type Job = () => Promise<void> | undefined;

/** The state thread's work on snapshots: holds states open and reads them, writes one that arrives into a
 * store of its own, and goes over to it. What takes the disk longer than a turn is waited for: later requests
 * of this kind queue up behind it, while flushes go on. */
export class SnapshotKeeper {
  readonly #parts: SnapshotKeeperParts;
  #path: string;
  readonly #readers = new Map<number, StateReader>();
  /** Those of `#readers` that read the store which is being received. */
  readonly #receivedReaders = new Set<number>();
  #received: ReceivedStore | undefined;
  readonly #waiting = new Fifo<Job>();
  /** The job that is waited for. */
  #task: Promise<void> | undefined;
  /** Of such a job: a bug, which must end the thread. */
  #failure: unknown;

  constructor(parts: SnapshotKeeperParts) {
    this.#parts = parts;
    this.#path = parts.path;
  }

  /** A job waits for the disk: keep polling. */
  get isBusy(): boolean {
    if (this.#failure !== undefined) throw this.#failure;
    return this.#task !== undefined;
  }

  onRecord(kind: number, offset: number): void {
    const job = this.#jobOf(kind, offset);
    if (this.#task === undefined) this.#run(job);
    else this.#waiting.push(job);
  }

  /** A snapshot that was not gone over to here stays where it is: the log may have gone over to it already.
   * The next start knows, and removes it when it is worth nothing. */
  async stop(): Promise<void> {
    while (this.isBusy) await this.#task;
    this.#closeReaders(() => true);
    const received = this.#received;
    this.#received = undefined;
    if (received !== undefined) await ignoringDiskErrors(() => received.close());
  }

  /** Requests are copied out, since they may have to wait; but for rows, for which nobody waits. */
  #jobOf(kind: number, offset: number): Job {
    const { bytes, view } = this.#parts.context.receiver;
    switch (kind) {
      case SNAPSHOT_RECORD.OPEN: {
        const request = readOpen(bytes, view, offset);
        return () => this.#open(request);
      }
      case SNAPSHOT_RECORD.READ: {
        const request = readRead(bytes, view, offset);
        return () => this.#read(request);
      }
      case SNAPSHOT_RECORD.CLOSE: {
        const reader = readClose(view, offset);
        return () => this.#close(reader);
      }
      case SNAPSHOT_RECORD.RECEIVE: {
        const directory = readReceive(bytes, view, offset);
        return () => this.#receive(directory);
      }
      case SNAPSHOT_RECORD.WRITE: {
        const request = readChunkWrite(bytes, view, offset);
        const own = this.#task === undefined ? request : { ...request, rows: request.rows.slice() };
        return () => this.#change((received) => received.write(own));
      }
      case SNAPSHOT_RECORD.FINISH: {
        const sum = readFinish(view, offset);
        return () => this.#change((received) => received.finish(sum));
      }
      case SNAPSHOT_RECORD.DISCARD:
        return async () => {
          await this.#discard();
          this.#done();
        };
      default:
        assert(kind === SNAPSHOT_RECORD.SWITCH, `unknown state record ${kind}`);
        return () => this.#switch();
    }
  }

  #run(job: Job): void {
    try {
      this.#task = job()?.then(
        () => this.#finished(),
        (error: unknown) => this.#finished(error),
      );
    } catch (error) {
      this.#fail(error);
    }
  }

  #finished(error?: unknown): void {
    this.#task = undefined;
    try {
      if (error !== undefined) this.#fail(error);
      while (this.#task === undefined) {
        const job = this.#waiting.shift();
        if (job === undefined) return;
        this.#run(job);
      }
    } catch (failure) {
      this.#failure = failure;
    }
  }

  /** Whoever asked learns of an error of the disk or of the sender; anything else is a bug. */
  #fail(error: unknown): void {
    if (!(error instanceof StrataError)) throw error;
    this.#parts.answer(() => writeFailed(this.#parts.context.sender, error));
  }

  #done(): undefined {
    this.#parts.answer(() => writeEmpty(this.#parts.context.sender, SNAPSHOT_RECORD.DONE));
  }

  #open({ reader: number, source, tables, rowKey }: OpenRequest): undefined {
    assert(!this.#readers.has(number), `reader ${number} is open`);
    const reader = (source === "received" ? this.#receiving() : this.#parts.store()).openReader(tables);
    let value: Uint8Array | undefined;
    try {
      value = reader.value(rowKey);
    } catch (error) {
      reader.close();
      throw error;
    }
    this.#readers.set(number, reader);
    if (source === "received") this.#receivedReaders.add(number);
    this.#parts.answer(() => writeOpened(this.#parts.context.sender, value));
  }

  #read({ reader: number, after, total, bytesMax }: ReadRequest): undefined {
    const reader = this.#readers.get(number);
    if (reader === undefined) throw refused("the state is not held open any more");
    const { sender } = this.#parts.context;
    const limit = Math.min(bytesMax, sender.payloadBytesMax - CHUNK_OVERHEAD_BYTES);
    let chunk = reader.read({ after, total, bytesMax: limit });
    const isWritten = this.#parts.answer(() => writeChunk(sender, chunk));
    // The reader uses its memory again.
    if (!isWritten) chunk = { ...chunk, rows: chunk.rows.slice() };
  }

  #close(number: number): undefined {
    this.#closeReaders((reader) => reader === number);
    this.#done();
  }

  async #receive(directory: string): Promise<void> {
    await this.#discard();
    const { disk, identity } = this.#parts;
    const path = join(dirname(this.#path), directory);
    if (path === this.#path) throw refused(`${directory} is the present state`);
    this.#received = await ReceivedStore.create(disk, path, identity);
    this.#done();
  }

  /** After an error nothing of it can be used. */
  #change(write: (received: ReceivedStore) => void): Promise<void> | undefined {
    const received = this.#receiving();
    try {
      write(received);
    } catch (error) {
      return this.#discard().then(() => this.#fail(error));
    }
    return this.#done();
  }

  async #switch(): Promise<void> {
    const received = this.#receiving();
    this.#received = undefined;
    this.#closeReaders((number) => !this.#receivedReaders.has(number));
    this.#receivedReaders.clear();
    const old = { store: this.#parts.store(), path: this.#path };
    this.#parts.setStore(new StateStore(received.store));
    this.#path = received.path;
    await ignoringDiskErrors(async () => {
      await old.store.close();
      this.#parts.disk.removeDirectory(old.path);
    });
    this.#done();
  }

  #receiving(): ReceivedStore {
    if (this.#received === undefined) throw refused("no snapshot is being received");
    return this.#received;
  }

  async #discard(): Promise<void> {
    const received = this.#received;
    if (received === undefined) return;
    this.#received = undefined;
    this.#closeReaders((number) => this.#receivedReaders.has(number));
    await ignoringDiskErrors(() => received.discard());
  }

  #closeReaders(isMeant: (number: number) => boolean): void {
    for (const [number, reader] of [...this.#readers]) {
      if (!isMeant(number)) continue;
      reader.close();
      this.#readers.delete(number);
      this.#receivedReaders.delete(number);
    }
  }
}

/** What is left of a store that is not wanted any more is removed by the next start. */
async function ignoringDiskErrors(task: () => Promise<void>): Promise<void> {
  try {
    await task();
  } catch (error) {
    if (!(error instanceof StrataError)) throw error;
  }
}

function refused(reason: string): StrataError {
  return new StrataError("SNAPSHOT_REFUSED", { reason });
}
