import { assert } from "../../engine/core/assert.js";
import { StrataError } from "../../engine/core/errors.js";
import type { NodeSlot } from "../../engine/core/ids.js";
import { SAFE_INTEGER_MAX } from "../../engine/core/ids.js";
import type { Uuid } from "../../engine/core/uuid.js";
import { OriginDictionary } from "./origin-dictionary.js";
import type {
  FullReportBegin,
  FullReportChunk,
  IncrementalReport,
  ReportDone,
  ReportGranted,
  ReportReceiver,
} from "./report-source.js";
import { checkRows } from "./row-check.js";
import type { CheckedRows } from "./shard-client.js";
import type { ShardSet } from "./shard-set.js";

export interface ReportIntakeOptions {
  readonly shards: Pick<ShardSet, "mergeChunk" | "applyIncremental">;
  /** Chunks of all datanodes together that may be on the way: bounds what the rings hold. */
  readonly chunksInFlightMax: number;
  /** Chunks of one report that may be on the way. */
  readonly chunksPerNodeMax: number;
  /** Rows of one datanode that may wait for room in the rings, in bytes; above it the datanode is asked anew. */
  readonly waitingBytesMax: number;
  /** A full report has been merged as a whole (spec 12 §8.2 H3). */
  readonly onComplete: (slot: NodeSlot, fromRegistration: boolean) => void;
}

export interface IntakeCounters {
  granted: number;
  completed: number;
  /** Given up before their last chunk: replaced, connection lost, shard lost, too much waiting. */
  dropped: number;
  chunks: number;
  incrementals: number;
  /** Reports refused for what was in them. */
  refused: number;
}

/** A full report that has credit. */
interface ActiveReport {
  readonly reportId: number;
  readonly fromRegistration: boolean;
  nextFromId: number;
  inFlightCount: number;
  originNumbers: Uint16Array;
  isLastTaken: boolean;
  hasFailed: boolean;
}

/** Rows that wait for room, and everything later of the same node behind them. */
interface WaitingRows {
  readonly bytes: number;
  /** Tries again; false when there is still no room. */
  send(): boolean;
  /** They are not sent any more. */
  drop(error: StrataError): void;
}

interface NodeIntake {
  active: ActiveReport | undefined;
  begin: { readonly request: FullReportBegin; readonly onGranted: ReportGranted } | undefined;
  readonly waiting: WaitingRows[];
  waitingBytes: number;
  isWanted: boolean;
  isComplete: boolean;
}

const NO_ORIGINS = new Uint16Array(0);

/** Where reports enter, whatever brought them: gives credit, checks rows, keeps each node's reports in order, and hands
 * them to the shards.
 *
 *   begin ─► line ─credit─► grant ─► chunks ─► shards ─► merged: the answer returns the chunk's credit
 *                                  incremental reports pass without credit, in their place between the chunks
 */
export class ReportIntake implements ReportReceiver {
  readonly counters: IntakeCounters = {
    granted: 0,
    completed: 0,
    dropped: 0,
    chunks: 0,
    incrementals: 0,
    refused: 0,
  };
  readonly #options: ReportIntakeOptions;
  readonly #origins = new OriginDictionary();
  readonly #nodes = new Map<NodeSlot, NodeIntake>();
  /** Nodes that asked for credit, in their order. */
  readonly #line: NodeSlot[] = [];
  /** Nodes whose rows wait for room. */
  readonly #stalled = new Set<NodeSlot>();
  #activeCount = 0;
  #lastReportId = 0;

  constructor(options: ReportIntakeOptions) {
    assert(options.chunksPerNodeMax >= 1, "a report needs one chunk on the way");
    assert(options.chunksPerNodeMax <= options.chunksInFlightMax, "one report must fit the limit of all");
    this.#options = options;
  }

  begin(slot: NodeSlot, request: FullReportBegin, onGranted: ReportGranted): void {
    const node = this.#node(slot);
    this.#dropReport(node);
    const replaced = node.begin;
    node.begin = { request, onGranted };
    if (replaced === undefined) this.#line.push(slot);
    else replaced.onGranted(new StrataError("OVERLOADED", { reason: "a newer report took its place" }));
    this.#grantNext();
  }

  chunk(slot: NodeSlot, chunk: FullReportChunk, onDone: ReportDone): void {
    const node = this.#node(slot);
    const report = node.active;
    const error = this.#chunkProblem(report, chunk) ?? this.#takeOrigins(report, chunk.origins);
    if (report === undefined || error !== undefined) {
      this.counters.refused++;
      onDone(error ?? new StrataError("REPORT_NOT_GRANTED"));
      return;
    }
    const checked = this.#check(slot, chunk, report.originNumbers, chunk);
    if (checked instanceof StrataError) {
      this.counters.refused++;
      onDone(checked);
      return;
    }
    this.counters.chunks++;
    report.nextFromId = chunk.toId + 1;
    report.inFlightCount++;
    if (chunk.last) report.isLastTaken = true;
    const { fromId, toId } = chunk;
    this.#send(slot, node, checked, onDone, (rows) =>
      this.#options.shards.mergeChunk(rows, { fromId, toId }, (failure) => {
        this.#merged(slot, node, report, failure);
        onDone(failure);
      }),
    );
  }

  incremental(slot: NodeSlot, report: IncrementalReport, onDone: ReportDone): void {
    const numbers = this.#numbersOf(report.origins);
    const checked = numbers instanceof StrataError ? numbers : this.#check(slot, report, numbers, undefined);
    if (checked instanceof StrataError) {
      this.counters.refused++;
      onDone(checked);
      return;
    }
    this.counters.incrementals++;
    this.#send(slot, this.#node(slot), checked, onDone, (rows) => {
      if (!this.#options.shards.applyIncremental(rows)) return false;
      onDone(undefined);
      return true;
    });
  }

  nodeGone(slot: NodeSlot): void {
    const node = this.#nodes.get(slot);
    if (node === undefined) return;
    const lost = new StrataError("CONNECTION_LOST", { reason: "the datanode is gone" });
    this.#dropWaiting(slot, node, lost);
    this.#dropReport(node);
    const { begin } = node;
    if (begin !== undefined) {
      node.begin = undefined;
      this.#line.splice(this.#line.indexOf(slot), 1);
      begin.onGranted(lost);
    }
    this.#grantNext();
  }

  wantFullReport(slot: NodeSlot): void {
    const node = this.#node(slot);
    node.isWanted = true;
    node.isComplete = false;
  }

  fullReportWanted(slot: NodeSlot): boolean {
    const node = this.#nodes.get(slot);
    return node?.isWanted === true && node.active === undefined && node.begin === undefined;
  }

  fullReportComplete(slot: NodeSlot): boolean {
    return this.#nodes.get(slot)?.isComplete === true;
  }

  /** Every datanode's replicas must be told again: a shard lost its tables. */
  wantAllFullReports(): void {
    for (const slot of this.#nodes.keys()) this.wantFullReport(slot);
  }

  /** Rows that found no room are tried again. */
  roomAppeared(): void {
    for (const slot of this.#stalled) {
      const node = this.#node(slot);
      while (node.waiting.length > 0) {
        const rows = node.waiting[0] as WaitingRows;
        if (!rows.send()) return;
        node.waiting.shift();
        node.waitingBytes -= rows.bytes;
      }
      this.#stalled.delete(slot);
    }
  }

  /** Uuid of an origin's number in `ReplicaFacts`. */
  originOf(number: number): Uuid {
    return this.#origins.uuidOf(number);
  }

  #node(slot: NodeSlot): NodeIntake {
    let node = this.#nodes.get(slot);
    if (node === undefined) {
      node = {
        active: undefined,
        begin: undefined,
        waiting: [],
        waitingBytes: 0,
        isWanted: false,
        isComplete: false,
      };
      this.#nodes.set(slot, node);
    }
    return node;
  }

  /** What a chunk may not do, whatever its rows are. */
  #chunkProblem(report: ActiveReport | undefined, chunk: FullReportChunk): StrataError | undefined {
    if (report === undefined || report.reportId !== chunk.reportId || report.isLastTaken) {
      return new StrataError("REPORT_NOT_GRANTED");
    }
    if (report.inFlightCount >= this.#options.chunksPerNodeMax) return new StrataError("REPORT_NOT_GRANTED");
    if (chunk.fromId !== report.nextFromId) {
      const reason = `fromId is ${chunk.fromId}, expected ${report.nextFromId}`;
      return new StrataError("REPORT_RANGE", { reason });
    }
    if (chunk.toId < chunk.fromId) return new StrataError("REPORT_RANGE", { reason: "toId is below fromId" });
    if (chunk.last !== (chunk.toId === SAFE_INTEGER_MAX)) {
      return new StrataError("REPORT_RANGE", { reason: "the last chunk, and only it, ends at 2^53 − 1" });
    }
    return undefined;
  }

  #takeOrigins(
    report: ActiveReport | undefined,
    origins: readonly Uuid[] | undefined,
  ): StrataError | undefined {
    if (report === undefined || origins === undefined) return undefined;
    if (report.nextFromId !== 0) {
      return new StrataError("REPORT_RANGE", { reason: "the dictionary comes with the first chunk only" });
    }
    const numbers = this.#numbersOf(origins);
    if (numbers instanceof StrataError) return numbers;
    report.originNumbers = numbers;
    return undefined;
  }

  #numbersOf(origins: readonly Uuid[]): Uint16Array | StrataError {
    const numbers = new Uint16Array(origins.length);
    for (const [index, uuid] of origins.entries()) {
      const number = this.#origins.numberOf(uuid);
      if (number === undefined) return new StrataError("DICTIONARY_FULL", { name: "origins" });
      numbers[index] = number;
    }
    return numbers;
  }

  #check(
    slot: NodeSlot,
    { rows, rowBytes }: { readonly rows: Uint8Array; readonly rowBytes: number },
    originNumbers: Uint16Array,
    range: { readonly fromId: number; readonly toId: number } | undefined,
  ): CheckedRows | StrataError {
    const error = checkRows({ rows, rowBytes, originCount: originNumbers.length, range });
    return error ?? { slot, rows, rowBytes, originNumbers };
  }

  /** Sends now, or keeps a copy of the rows in the node's queue until there is room. */
  #send(
    slot: NodeSlot,
    node: NodeIntake,
    checked: CheckedRows,
    onDropped: ReportDone,
    send: (rows: CheckedRows) => boolean,
  ): void {
    if (node.waiting.length === 0 && send(checked)) return;
    const bytes = checked.rows.length;
    if (node.waitingBytes + bytes > this.#options.waitingBytesMax) {
      this.#overflow(slot, node, onDropped);
      return;
    }
    const kept: CheckedRows = { ...checked, rows: checked.rows.slice() };
    node.waiting.push({ bytes, send: () => send(kept), drop: onDropped });
    node.waitingBytes += bytes;
    this.#stalled.add(slot);
  }

  /** More waits for this node than may: what waits is given up as a whole, and the node told to report anew (H2). */
  #overflow(slot: NodeSlot, node: NodeIntake, onDropped: ReportDone): void {
    const overloaded = new StrataError("OVERLOADED", { reason: "the shards cannot keep up" });
    this.#dropWaiting(slot, node, overloaded);
    this.#dropReport(node);
    this.wantFullReport(slot);
    onDropped(overloaded);
    this.#grantNext();
  }

  #dropWaiting(slot: NodeSlot, node: NodeIntake, error: StrataError): void {
    const dropped = node.waiting.splice(0);
    node.waitingBytes = 0;
    this.#stalled.delete(slot);
    for (const rows of dropped) rows.drop(error);
  }

  #dropReport(node: NodeIntake): void {
    if (node.active === undefined) return;
    node.active = undefined;
    this.#activeCount--;
    this.counters.dropped++;
  }

  #merged(slot: NodeSlot, node: NodeIntake, report: ActiveReport, failure: StrataError | undefined): void {
    report.inFlightCount--;
    if (failure !== undefined) report.hasFailed = true;
    if (node.active !== report || !report.isLastTaken || report.inFlightCount > 0) return;
    node.active = undefined;
    this.#activeCount--;
    if (report.hasFailed) {
      this.counters.dropped++;
    } else {
      this.counters.completed++;
      node.isWanted = false;
      node.isComplete = true;
      this.#options.onComplete(slot, report.fromRegistration);
    }
    this.#grantNext();
  }

  /** Each active report may have its full number of chunks on the way. */
  #grantNext(): void {
    const { chunksInFlightMax, chunksPerNodeMax } = this.#options;
    while (this.#line.length > 0 && (this.#activeCount + 1) * chunksPerNodeMax <= chunksInFlightMax) {
      const slot = this.#line.shift() as NodeSlot;
      const node = this.#node(slot);
      const { begin } = node;
      assert(begin !== undefined, "a node in the line waits for credit");
      node.begin = undefined;
      this.#lastReportId = (this.#lastReportId + 1) % 2 ** 32;
      node.active = {
        reportId: this.#lastReportId,
        fromRegistration: begin.request.fromRegistration,
        nextFromId: 0,
        inFlightCount: 0,
        originNumbers: NO_ORIGINS,
        isLastTaken: false,
        hasFailed: false,
      };
      this.#activeCount++;
      this.counters.granted++;
      begin.onGranted({ reportId: this.#lastReportId, chunksInFlightMax: chunksPerNodeMax });
    }
  }
}
