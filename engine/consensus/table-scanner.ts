import type { StateRow } from "../../workers/shared/state-records.js";
import {
  readScannedComplete,
  readStateRow,
  readUnread,
  STATE_RECORD,
  StateRecordWriter,
} from "../../workers/shared/state-records.js";
import type { WorkerLink } from "../../workers/shared/worker-link.js";
import type { DiskRow } from "../cluster/merge-tail.js";
import { mergeTail } from "../cluster/merge-tail.js";
import type { StateMachine, Tail, TailSource } from "../cluster/state-machine.js";
import { assert } from "../core/assert.js";
import { StrataError } from "../core/errors.js";
import { Fifo } from "../core/fifo.js";
import type { LogIndex } from "../core/ids.js";
import type { Scheduler, Timer } from "../core/scheduler.js";

/** Pages that are read or wait to be. */
export const SCANS_IN_FLIGHT_MAX = 64;
export const SCAN_ROW_COUNT_MAX = 1024;
/** Of one page's rows on disk; overshot by a few rows. Bounds how long a flush waits behind a page. */
const SCAN_BYTES_MAX = 256 * 1024;
/** How long to wait when the channel to the state thread is full; it tells nobody when it has room again. */
const RETRY_MS = 1;

/** Rows of a disk-resident table with `from` ≤ key < `to`; without `to` up to its end. */
export interface ScanRequest {
  readonly table: number;
  readonly from: Uint8Array;
  readonly to?: Uint8Array;
  /** 1 … SCAN_ROW_COUNT_MAX. A page may have fewer, even none, and not be the last. */
  readonly rowCountMax: number;
}

export interface ScanPage {
  readonly rows: readonly DiskRow[];
  /** `from` of the next page; undefined when the range has no more rows. */
  readonly next: Uint8Array | undefined;
  /** The rows are those of the state as of this index. */
  readonly appliedIndex: LogIndex;
}

export type ScanCallback = (outcome: ScanPage | StrataError) => void;

/** Reads disk-resident tables. */
export interface TableReader {
  /** Calls back once, later; with OVERLOADED, NOT_READY or SHUTTING_DOWN perhaps at once. STATE_CORRUPT or
   * STORAGE_IO: the rows on disk cannot be read. */
  scan(request: ScanRequest, onPage: ScanCallback): void;
}

interface Sent {
  readonly tail: Tail;
  readonly rowCountMax: number;
  readonly appliedIndex: LogIndex;
  readonly rows: DiskRow[];
  readonly onPage: ScanCallback;
}

/** Reads disk-resident tables page by page. A page shows the state at the moment of its SCAN: the channel
 * keeps the order, so the state thread reads what was flushed before it, and the changes since are copied
 * from memory in the same moment. Two pages are two moments: a row that exists in both is seen exactly once,
 * since keys ascend. */
export class TableScanner implements TableReader {
  readonly #scheduler: Scheduler;
  readonly #source: StateMachine & TailSource;
  readonly #link: WorkerLink;
  readonly #writer: StateRecordWriter;
  readonly #waiting = new Fifo<{ readonly request: ScanRequest; readonly onPage: ScanCallback }>();
  /** Answered in order. */
  readonly #sent = new Fifo<Sent>();
  readonly #row: StateRow = { keyStart: 0, valueStart: 0, valueEnd: 0 };
  #timer: Timer | undefined;
  #isStopped = false;

  constructor(parts: {
    readonly scheduler: Scheduler;
    readonly source: StateMachine & TailSource;
    readonly link: WorkerLink;
  }) {
    this.#scheduler = parts.scheduler;
    this.#source = parts.source;
    this.#link = parts.link;
    this.#writer = new StateRecordWriter(parts.link.sender);
  }

  scan(request: ScanRequest, onPage: ScanCallback): void {
    assert(request.rowCountMax >= 1 && request.rowCountMax <= SCAN_ROW_COUNT_MAX, "a page has its limits");
    if (this.#isStopped) {
      onPage(new StrataError("SHUTTING_DOWN"));
      return;
    }
    if (this.#sent.length + this.#waiting.length >= SCANS_IN_FLIGHT_MAX) {
      onPage(new StrataError("OVERLOADED", { reason: `${SCANS_IN_FLIGHT_MAX} scans are under way` }));
      return;
    }
    this.#waiting.push({ request, onPage });
    this.#send();
  }

  /** A ROW, SCANNED or UNREAD of the state thread; after `stop` nobody waits for them any more. */
  onRecord(kind: number, offset: number): void {
    if (this.#isStopped) return;
    const scan = this.#sent.at(0);
    assert(scan !== undefined, "the state thread answers a scan that was never sent");
    const { bytes, view } = this.#link.receiver;
    if (kind === STATE_RECORD.ROW) {
      readStateRow(view, offset, this.#row);
      const { keyStart, valueStart, valueEnd } = this.#row;
      scan.rows.push({
        key: bytes.slice(keyStart + 1, valueStart),
        value: bytes.slice(valueStart, valueEnd),
      });
      return;
    }
    this.#sent.drop(1);
    if (kind === STATE_RECORD.UNREAD) {
      scan.onPage(readUnread(bytes, view, offset));
      return;
    }
    assert(kind === STATE_RECORD.SCANNED, `record ${kind} does not come from the state thread`);
    const isComplete = readScannedComplete(view, offset);
    const merged = mergeTail({ rows: scan.rows, isComplete }, scan.tail, scan.rowCountMax);
    scan.onPage({ ...merged, appliedIndex: scan.appliedIndex });
  }

  stop(): void {
    this.#isStopped = true;
    this.#timer?.cancel();
    const unfinished = [
      ...this.#sent.slice(0, this.#sent.length),
      ...this.#waiting.slice(0, this.#waiting.length),
    ];
    this.#sent.clear();
    this.#waiting.clear();
    for (const { onPage } of unfinished) onPage(new StrataError("SHUTTING_DOWN"));
  }

  /** What is sent shows the state of before; what is not would show none. */
  #refuseWaiting(): void {
    const waiting = this.#waiting.slice(0, this.#waiting.length);
    this.#waiting.clear();
    for (const { onPage } of waiting) onPage(new StrataError("NOT_READY", { step: "snapshot" }));
  }

  #send(): void {
    if (this.#source.isReloading) {
      this.#refuseWaiting();
      return;
    }
    for (let next = this.#waiting.at(0); next !== undefined; next = this.#waiting.at(0)) {
      const { table, from, to, rowCountMax } = next.request;
      const tail = this.#source.tail(table, from, to, rowCountMax);
      const range = { table, from: tail.from, to, rowCountMax, bytesMax: SCAN_BYTES_MAX };
      if (!this.#writer.scan(range)) {
        this.#timer ??= this.#scheduler.after(RETRY_MS, () => {
          this.#timer = undefined;
          this.#send();
        });
        break;
      }
      this.#waiting.drop(1);
      const { appliedIndex } = this.#source;
      this.#sent.push({ tail, rowCountMax, appliedIndex, rows: [], onPage: next.onPage });
    }
    this.#link.sender.publish();
  }
}
