import {
  SNAPSHOT_CHUNK_BYTES,
  type SnapshotMessage,
  type SnapshotMessageOf,
} from "../../protocol/schema/snapshot-messages.js";
import type { ChunkFields } from "../../workers/shared/snapshot-records.js";
import type { Clock } from "../core/clock.js";
import { compareBytes } from "../core/compare-bytes.js";
import { StrataError } from "../core/errors.js";
import type { Scheduler, Timer } from "../core/scheduler.js";
import type { Snap } from "../raft/message.js";
import { ChunkPace } from "./chunk-pace.js";
import { MessageLink } from "./message-link.js";
import type { ChunkEnd, OpenSnapshot } from "./open-snapshots.js";
import type { SnapshotConnection, SnapshotDialer } from "./snapshot-link.js";
import { encodeMembers } from "./snapshot-payload.js";
import type { SnapshotStore } from "./snapshot-store.js";

/** Bytes of chunks that wait to be written at the other end: enough to keep its disk busy, and little in
 * any buffer between. */
const WINDOW_BYTES = 1024 * 1024;
/** Connections in a row that bring it no further, before it is given up. */
const ATTEMPTS_MAX = 5;
const RETRY_MS = 1000;
/** A receiver that says nothing for this long is given up and dialled again. */
const SILENCE_MS_MAX = 30_000;

export interface OutgoingSnapshotParts {
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  readonly store: SnapshotStore;
  readonly dialer: SnapshotDialer;
  /** Once, unless it is cancelled. `error` when this side is why it failed. */
  onEnd(isDelivered: boolean, error: StrataError | undefined): void;
}

/** One snapshot on its way to one member:
 *
 *   dialling ─ready─► offered ─wanted─► streaming ─arrived─► done
 *      ▲                 │                 │
 *      └──── pause ◄─────┴──── lost ◄──────┘     a new connection goes on where the last one stopped
 *
 * One chunk is read at a time, when it is due (chunk-pace.ts), and only while few are unanswered: that is the
 * only queue. */
export class OutgoingSnapshot {
  readonly #parts: OutgoingSnapshotParts;
  readonly #snapshot: OpenSnapshot;
  readonly #message: Snap;
  readonly #pace: ChunkPace;
  /** Ends of the chunks that are sent, by number. */
  readonly #ends: ChunkEnd[];
  #link: MessageLink | undefined;
  /** Grows with each connection: what belongs to an earlier one is passed by. */
  #connection = 0;
  #attempts = 0;
  #isReading = false;
  #isAllSent = false;
  /** Bytes of the chunks that are sent and not answered, by number. */
  #unanswered = new Map<number, number>();
  #unansweredBytes = 0;
  #timer: Timer | undefined;
  #hasEnded = false;

  constructor(parts: OutgoingSnapshotParts, snapshot: OpenSnapshot, message: Snap) {
    this.#parts = parts;
    this.#snapshot = snapshot;
    this.#message = message;
    this.#pace = new ChunkPace(parts.clock, parts.scheduler);
    const known = snapshot.chunks.get(message.to) ?? [];
    snapshot.chunks.set(message.to, known);
    this.#ends = known;
    this.#dial();
  }

  get snapshot(): OpenSnapshot {
    return this.#snapshot;
  }

  /** `onEnd` is not called. */
  cancel(): void {
    this.#finish();
    this.#link?.close(new StrataError("SNAPSHOT_REFUSED", { reason: "the sender gave it up" }));
    this.#link = undefined;
  }

  #dial(): void {
    this.#attempts++;
    this.#connection++;
    this.#isReading = false;
    this.#isAllSent = false;
    this.#unanswered.clear();
    this.#unansweredBytes = 0;
    this.#expectAnswer();
    const link = new MessageLink((): SnapshotConnection => connection, {
      onMessage: (message) => this.#onMessage(message),
      onClosed: () => this.#lost(),
    });
    this.#link = link;
    const connection = this.#parts.dialer.dial(this.#message.to, {
      ...link.connectionHandler,
      onOpen: () => this.#offer(link),
    });
  }

  #offer(link: MessageLink): void {
    const { index, term, hash } = this.#snapshot.head;
    const leaderTerm = this.#message.term;
    link.send("snapshotOffer", { leaderTerm, index, term, hash, chunkCount: this.#ends.length });
    this.#expectAnswer();
  }

  #onMessage(message: SnapshotMessage): void {
    this.#expectAnswer();
    switch (message.name) {
      case "snapshotWanted":
        this.#begin(message.body);
        return;
      case "snapshotProgress":
        this.#onProgress(message.body.number);
        return;
      case "snapshotNotNeeded":
      case "snapshotArrived":
        this.#end(true);
        return;
      default:
        throw new StrataError("SNAPSHOT_INVALID", {
          reason: `${message.name} does not come from a receiver`,
        });
    }
  }

  #begin({ number, lastKey }: SnapshotMessageOf<"snapshotWanted">): void {
    const end = number === 0 ? BEGINNING : this.#ends[number - 1];
    if (end === undefined || compareBytes(end.lastKey, lastKey) !== 0) {
      // The next connection begins anew.
      this.#ends.length = 0;
      throw new StrataError("SNAPSHOT_INVALID", { reason: `chunk ${number} does not end there` });
    }
    this.#ends.length = number;
    this.#readNext();
  }

  #onProgress(number: number): void {
    const bytes = this.#unanswered.get(number);
    if (bytes === undefined) {
      throw new StrataError("SNAPSHOT_INVALID", { reason: `chunk ${number} does not wait for an answer` });
    }
    this.#unanswered.delete(number);
    this.#unansweredBytes -= bytes;
    this.#attempts = 0;
    this.#readNext();
  }

  /** Reads the next chunk when it is due, unless too much waits at the other end. */
  #readNext(): void {
    if (this.#isReading || this.#isAllSent || this.#unansweredBytes >= WINDOW_BYTES) return;
    this.#isReading = true;
    const connection = this.#connection;
    const isOver = (): boolean => this.#hasEnded || connection !== this.#connection;
    this.#pace.next(() => {
      if (isOver()) return;
      const { lastKey: after, total } = this.#position();
      const request = { reader: this.#snapshot.reader, after, total, bytesMax: SNAPSHOT_CHUNK_BYTES };
      this.#parts.store.read(request, (chunk) => {
        if (isOver()) return;
        this.#isReading = false;
        if (chunk instanceof StrataError) this.#end(false, chunk);
        else this.#sendChunk(chunk);
      });
    });
  }

  #sendChunk(chunk: ChunkFields): void {
    const { rowCount, crc, rows, lastKey, total, isLast } = chunk;
    const end = { lastKey, total, rowCount: this.#position().rowCount + rowCount };
    if (rowCount > 0) {
      this.#ends.push(end);
      const number = this.#ends.length;
      this.#unanswered.set(number, rows.length);
      this.#unansweredBytes += rows.length;
      this.#link?.send("snapshotChunk", { number, rowCount, crc, rows });
    }
    if (!isLast) {
      this.#readNext();
      return;
    }
    this.#isAllSent = true;
    this.#link?.send("snapshotEnd", {
      rowCount: end.rowCount,
      total,
      chain: this.#snapshot.chain,
      confState: encodeMembers(this.#snapshot.head.confState),
    });
  }

  /** Where the last chunk that was sent ends. */
  #position(): ChunkEnd {
    return this.#ends.at(-1) ?? BEGINNING;
  }

  #lost(): void {
    this.#link = undefined;
    this.#connection++;
    this.#timer?.cancel();
    if (this.#attempts >= ATTEMPTS_MAX) this.#end(false);
    else this.#timer = this.#parts.scheduler.after(RETRY_MS, () => this.#dial());
  }

  #expectAnswer(): void {
    this.#timer?.cancel();
    this.#timer = this.#parts.scheduler.after(SILENCE_MS_MAX, () => {
      this.#link?.close(new StrataError("REQUEST_TIMEOUT", { timeoutMs: SILENCE_MS_MAX }));
      this.#lost();
    });
  }

  #end(isDelivered: boolean, error?: StrataError): void {
    this.#finish();
    this.#link?.close(error);
    this.#link = undefined;
    this.#parts.onEnd(isDelivered, error);
  }

  #finish(): void {
    this.#hasEnded = true;
    this.#timer?.cancel();
  }
}

const BEGINNING: ChunkEnd = { lastKey: new Uint8Array(0), rowCount: 0, total: 0 };
