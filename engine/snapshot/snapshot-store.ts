import {
  type ChunkFields,
  type OpenRequest,
  type ReadRequest,
  readChunk,
  readFailed,
  readOpened,
  SNAPSHOT_RECORD,
  type SnapshotSum,
  type WriteRequest,
  writeChunkWrite,
  writeClose,
  writeEmpty,
  writeFinish,
  writeOpen,
  writeRead,
  writeReceive,
} from "../../workers/shared/snapshot-records.js";
import type { WorkerLink } from "../../workers/shared/worker-link.js";
import { assert } from "../core/assert.js";
import type { StrataError } from "../core/errors.js";
import { Fifo } from "../core/fifo.js";
import type { Scheduler, Timer } from "../core/scheduler.js";

/** How long to wait when the channel to the state thread is full; it tells nobody when it has room again. */
const RETRY_MS = 1;

/** How a request to the state thread ends, later; not at all after `stop`. */
export type Outcome<T> = (outcome: T | StrataError) => void;

interface Sent {
  readonly kind: number;
  onAnswer(outcome: unknown): void;
}

/** Main's end of the state thread, as far as snapshots go (workers/shared/snapshot-records.ts): states that
 * are held open and read, one that is written as it arrives, and the change over to it. */
export class SnapshotStore {
  readonly #link: WorkerLink;
  readonly #scheduler: Scheduler;
  /** Without room in the channel, in order. */
  readonly #waiting = new Fifo<Sent & { readonly write: () => boolean }>();
  /** Answered in order. */
  readonly #sent = new Fifo<Sent>();
  #nextReader = 1;
  #timer: Timer | undefined;
  #isStopped = false;

  constructor(link: WorkerLink, scheduler: Scheduler) {
    this.#link = link;
    this.#scheduler = scheduler;
  }

  /** Holds the state of the last flush open, or the one that has arrived. `onOpened` gets the value of the
   * row `rowKey` in it. Returns the number of the reader, which must be closed when it was opened. */
  open(request: Omit<OpenRequest, "reader">, onOpened: Outcome<Uint8Array | undefined>): number {
    const reader = this.#nextReader++;
    const { sender } = this.#link;
    this.#request(SNAPSHOT_RECORD.OPENED, onOpened, () => writeOpen(sender, { ...request, reader }));
    return reader;
  }

  /** `rows` of a chunk are only valid during the call. */
  read(request: ReadRequest, onChunk: Outcome<ChunkFields>): void {
    this.#request(SNAPSHOT_RECORD.CHUNK, onChunk, () => writeRead(this.#link.sender, request));
  }

  close(reader: number): void {
    this.#request<undefined>(
      SNAPSHOT_RECORD.DONE,
      () => {},
      () => writeClose(this.#link.sender, reader),
    );
  }

  /** Makes a store for a snapshot that arrives; one that is there already is discarded. */
  receive(directory: string, onDone: Outcome<undefined>): void {
    this.#request(SNAPSHOT_RECORD.DONE, onDone, () => writeReceive(this.#link.sender, directory));
  }

  /** `chunk.rows` must stay as they are until it is answered. After an error the store is discarded. */
  write(chunk: WriteRequest, onDone: Outcome<undefined>): void {
    this.#request(SNAPSHOT_RECORD.DONE, onDone, () => writeChunkWrite(this.#link.sender, chunk));
  }

  /** Makes it durable, if it is what `sum` says. After an error it is discarded. */
  finish(sum: SnapshotSum, onDone: Outcome<undefined>): void {
    this.#request(SNAPSHOT_RECORD.DONE, onDone, () => writeFinish(this.#link.sender, sum));
  }

  discard(): void {
    this.#request<undefined>(
      SNAPSHOT_RECORD.DONE,
      () => {},
      () => writeEmpty(this.#link.sender, SNAPSHOT_RECORD.DISCARD),
    );
  }

  /** From here on the snapshot that has arrived is the state store; the one before is removed. Readers of
   * that one are closed. No flush may be under way. */
  switchOver(onDone: Outcome<undefined>): void {
    this.#request(SNAPSHOT_RECORD.DONE, onDone, () => writeEmpty(this.#link.sender, SNAPSHOT_RECORD.SWITCH));
  }

  /** A record of the state thread for which `isSnapshotRecord` is true. */
  onRecord(kind: number, offset: number): void {
    const sent = this.#sent.shift();
    assert(sent !== undefined, "the state thread answers what was never asked");
    const { bytes, view } = this.#link.receiver;
    if (this.#isStopped) return;
    if (kind === SNAPSHOT_RECORD.FAILED) {
      sent.onAnswer(readFailed(bytes, view, offset));
      return;
    }
    assert(kind === sent.kind, "the state thread answers in order");
    switch (kind) {
      case SNAPSHOT_RECORD.OPENED:
        sent.onAnswer(readOpened(bytes, view, offset));
        return;
      case SNAPSHOT_RECORD.CHUNK:
        sent.onAnswer(readChunk(bytes, view, offset));
        return;
      default:
        sent.onAnswer(undefined);
    }
  }

  /** Nobody is called back any more. */
  stop(): void {
    this.#isStopped = true;
    this.#timer?.cancel();
    this.#waiting.clear();
  }

  #request<T>(kind: number, onAnswer: Outcome<T>, write: () => boolean): void {
    if (this.#isStopped) return;
    this.#waiting.push({ kind, onAnswer: (outcome) => onAnswer(outcome as T | StrataError), write });
    if (this.#timer === undefined) this.#send();
  }

  #send(): void {
    for (let next = this.#waiting.at(0); next !== undefined; next = this.#waiting.at(0)) {
      if (!next.write()) {
        this.#timer = this.#scheduler.after(RETRY_MS, () => {
          this.#timer = undefined;
          this.#send();
        });
        break;
      }
      this.#waiting.drop(1);
      this.#sent.push(next);
    }
    this.#link.sender.publish();
  }
}
