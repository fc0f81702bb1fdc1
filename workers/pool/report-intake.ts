import { assert } from "../../engine/core/assert.js";
import type { Clock } from "../../engine/core/clock.js";
import { StrataError } from "../../engine/core/errors.js";
import { type NodeSlot, SAFE_INTEGER_MAX } from "../../engine/core/ids.js";
import type { Uuid } from "../../engine/core/uuid.js";
import { Histogram } from "../../engine/telemetry/histogram.js";
import { ROW_BYTES, ROW_BYTES_WITH_CHECKSUM } from "../../protocol/codec/report-rows.js";
import { REPORT_CHUNK_BYTES_MAX } from "../../protocol/schema/datanode-messages.js";
import { type AwaitedContainers, confirmAwaited } from "./awaited-containers.js";
import { emptyNodeQueue, type NodeQueue, NodeQueues, type QueuedRows } from "./node-queue.js";
import { OriginDictionary, type OriginIntroducer } from "./origin-dictionary.js";
import type {
  FullReportBegin,
  FullReportChunk,
  IncrementalReport,
  ReportDone,
  ReportGranted,
  ReportReceiver,
} from "./report-source.js";
import { RowChecker } from "./row-check.js";
import type { ShardSet } from "./shard-set.js";

export interface ReportIntakeOptions {
  readonly shards: Pick<ShardSet, "mergeChunk" | "applyIncremental" | "acceptsReports">;
  readonly clock: Pick<Clock, "monotonicMs">;
  /** Chunks of all datanodes together that may be on the way: bounds what the rings hold. */
  readonly chunksInFlightMax: number;
  /** Chunks of one report that may be on the way. */
  readonly chunksPerNodeMax: number;
  /** Rows of one datanode, and of all of them, that may wait for room in the rings, in bytes. */
  readonly waitingBytesMax: number;
  readonly waitingBytesTotalMax: number;
  /** A full report has been merged as a whole (spec 12 §8.2 H3). `fromRegistration`: it is the first one
   * since the datanode registered. */
  readonly onComplete: (slot: NodeSlot, fromRegistration: boolean) => void;
  /** Told of rows that passed the checks; left out: nothing is awaited. */
  readonly awaited?: AwaitedContainers;
}

export interface IntakeCounters {
  /** Full reports that asked for credit. */
  begun: number;
  granted: number;
  completed: number;
  /** Given up before their last chunk was merged: replaced, connection or shard lost, idle, too much
   * waiting. */
  dropped: number;
  /** Full reports that waited long for credit, and that took long in all (spec 02 §11). */
  longWaits: number;
  longReports: number;
  chunks: number;
  incrementals: number;
  /** Rows of incremental reports that were taken over, and that were refused or dropped. */
  entries: number;
  failedEntries: number;
  /** Reports refused for what was in them. */
  refused: number;
}

/** A full report that has credit. */
interface ActiveReport {
  readonly slot: NodeSlot;
  readonly reportId: number;
  readonly credit: number;
  readonly begunMs: number;
  nextFromId: number;
  inFlightCount: number;
  origins: Uint16Array;
  isLastTaken: boolean;
}

interface WaitingBegin {
  readonly request: FullReportBegin;
  readonly onGranted: ReportGranted;
  readonly begunMs: number;
}

interface NodeIntake extends OriginIntroducer {
  active: ActiveReport | undefined;
  readonly queue: NodeQueue;
  /** Of the last grant; 0 = none yet. */
  lastReportId: number;
  isWanted: boolean;
  isComplete: boolean;
  /** A report from registration was begun and none was completed since. */
  isFromRegistration: boolean;
}

/** From the begin on (spec 02 §11). */
const LONG_WAIT_MS = 60_000;
const LONG_REPORT_MS = 120_000;
const REPORT_ID_MAX = 2 ** 32 - 1;
const NO_ORIGINS = new Uint16Array(0);

/** Where reports enter, whatever brought them: gives credit, checks rows, keeps each node's reports in order,
 * and hands them to the shards.
 *
 *   begin ─► line ─credit─► grant ─► chunks ─► shards ─► merged: the answer returns the chunk's credit
 *                                  incremental reports pass without credit, in their place between the chunks
 *
 * Credit waits while a ring is more than half full, so that what was granted before gets through and
 * incremental reports find room. However many datanodes are told to report, after the loss of a
 * shard all of them, a begin that waits costs its place in the line only: rows come when they are granted.
 *
 * A report that is given up leaves its node "wanted": the next heartbeat's answer asks for another one. */
export class ReportIntake implements ReportReceiver {
  readonly counters: IntakeCounters = {
    begun: 0,
    granted: 0,
    completed: 0,
    dropped: 0,
    longWaits: 0,
    longReports: 0,
    chunks: 0,
    incrementals: 0,
    entries: 0,
    failedEntries: 0,
    refused: 0,
  };
  /** From the begin to the grant. */
  readonly waitMs = new Histogram(1, 20);
  /** From a chunk's arrival until every shard has merged its part. */
  readonly mergeMs = new Histogram(0.125, 20);
  readonly #options: ReportIntakeOptions;
  readonly #origins = new OriginDictionary();
  readonly #checker = new RowChecker();
  readonly #nodes = new Map<NodeSlot, NodeIntake>();
  readonly #queues: NodeQueues;
  /** Nodes that asked for credit, in the order of their first begin: a Map keeps the place of a key. */
  readonly #line = new Map<NodeSlot, WaitingBegin>();
  #creditInUse = 0;
  #lastReportId = 0;

  constructor(options: ReportIntakeOptions) {
    assert(options.chunksPerNodeMax >= 1, "a report needs one chunk on the way");
    assert(options.chunksPerNodeMax <= options.chunksInFlightMax, "one report must fit the limit of all");
    assert(options.waitingBytesMax <= options.waitingBytesTotalMax, "one node must fit the limit of all");
    this.#options = options;
    this.#queues = new NodeQueues(options);
  }

  /** Datanodes that wait for credit. */
  get lineCount(): number {
    return this.#line.size;
  }

  /** Chunks that the reports under way may have on the way. */
  get creditInUse(): number {
    return this.#creditInUse;
  }

  /** Origins of replicas that were left out of the dictionary. */
  get unknownOriginCount(): number {
    return this.#origins.unknownCount;
  }

  /** Datanodes whose full report is missing, whether it was begun or not. */
  get missingCount(): number {
    let count = 0;
    for (const { isWanted } of this.#nodes.values()) if (isWanted) count++;
    return count;
  }

  /** Bytes of rows that wait for room in the rings. */
  get waitingBytes(): number {
    return this.#queues.bytes;
  }

  begin(slot: NodeSlot, request: FullReportBegin, onGranted: ReportGranted): void {
    const node = this.#node(slot);
    this.counters.begun++;
    if (request.fromRegistration) node.isFromRegistration = true;
    const replaced = this.#line.get(slot);
    this.#line.set(slot, { request, onGranted, begunMs: this.#options.clock.monotonicMs() });
    // Mostly there is nothing to give up, and an error costs more than all the rest.
    if (replaced !== undefined || node.active !== undefined || node.queue.items.length > 0) {
      // It makes up for what is left of an older one and incremental reports before it (spec 12 §8.2 H1).
      const dropped = new StrataError("REPORT_DROPPED", { reason: "a newer one takes its place" });
      this.#dropAll(node, dropped);
      replaced?.onGranted(dropped);
    }
    this.#grantNext();
  }

  chunk(slot: NodeSlot, chunk: FullReportChunk, onDone: ReportDone): void {
    const node = this.#node(slot);
    const { active } = node;
    if (active === undefined || active.reportId !== chunk.reportId) {
      onDone(this.#refuseStray(node, chunk));
      return;
    }
    const rows = this.#checkChunk(node, active, chunk);
    if (rows instanceof StrataError) {
      this.counters.refused++;
      this.#dropReport(node);
      onDone(rows);
      this.#grantNext();
      return;
    }
    const { fromId, toId, rowBytes, last } = chunk;
    const { awaited } = this.#options;
    if (awaited !== undefined) confirmAwaited({ slot, rows, rowBytes }, true, awaited);
    this.counters.chunks++;
    active.nextFromId = toId + 1;
    active.inFlightCount++;
    active.isLastTaken = last;
    const { clock } = this.#options;
    const takenMs = clock.monotonicMs();
    const onMerged = (failure: StrataError | undefined): void => {
      if (failure === undefined) this.mergeMs.observe(clock.monotonicMs() - takenMs);
      this.#merged(node, active, failure);
      onDone(failure);
    };
    this.#send(node, {
      rows,
      send: (kept) => this.#options.shards.mergeChunk({ slot, rows: kept, rowBytes, fromId, toId }, onMerged),
      drop: onDone,
    });
  }

  incremental(slot: NodeSlot, report: IncrementalReport, onDone: ReportDone): void {
    const { rowBytes } = report;
    const node = this.#node(slot);
    const origins = this.#origins.numbersOf(report.origins, node);
    const rows = this.#checker.check({ rows: report.rows, rowBytes, origins, range: undefined });
    if (rows instanceof StrataError) {
      // What it says is missing now: only a full report can make it good.
      this.counters.refused++;
      this.counters.failedEntries += Math.ceil(report.rows.length / ROW_BYTES);
      want(node);
      onDone(rows);
      return;
    }
    const { awaited } = this.#options;
    if (awaited !== undefined) confirmAwaited({ slot, rows, rowBytes }, false, awaited);
    const entryCount = rows.length / rowBytes;
    const apply = (kept: Uint8Array): boolean => {
      if (!this.#options.shards.applyIncremental({ slot, rows: kept, rowBytes })) return false;
      this.counters.incrementals++;
      this.counters.entries += entryCount;
      onDone(undefined);
      return true;
    };
    const drop = (error: StrataError | undefined): void => {
      this.counters.failedEntries += entryCount;
      onDone(error);
    };
    this.#send(node, { rows, send: apply, drop });
  }

  nodeGone(slot: NodeSlot): void {
    const node = this.#nodes.get(slot);
    if (node === undefined) return;
    const lost = new StrataError("CONNECTION_LOST", { reason: "the datanode is gone" });
    this.#dropAll(node, lost);
    const begin = this.#line.get(slot);
    this.#line.delete(slot);
    begin?.onGranted(lost);
    this.#grantNext();
  }

  wantFullReport(slot: NodeSlot): void {
    want(this.#node(slot));
  }

  fullReportWanted(slot: NodeSlot): boolean {
    const node = this.#nodes.get(slot);
    return node?.isWanted === true && node.active === undefined && !this.#line.has(slot);
  }

  fullReportComplete(slot: NodeSlot): boolean {
    return this.#nodes.get(slot)?.isComplete === true;
  }

  /** The node's replicas were taken away because it is dead. A report under way may have been merged in part
   * before: completed now, it would pass for the whole. */
  nodePurged(slot: NodeSlot): void {
    const node = this.#node(slot);
    this.#dropAll(node, new StrataError("REPORT_DROPPED", { reason: "the datanode was taken for dead" }));
    want(node);
    this.#grantNext();
  }

  /** A shard lost its tables: every datanode must tell its replicas again. What was merged of a report
   * under way may be lost as well, so it is given up. */
  wantAllFullReports(): void {
    const dropped = new StrataError("REPORT_DROPPED", { reason: "a shard is being rebuilt" });
    for (const node of this.#nodes.values()) {
      this.#dropAll(node, dropped);
      want(node);
    }
    this.#grantNext();
  }

  /** Rows that found no room are tried again. */
  roomAppeared(): void {
    this.#queues.sendWaiting();
    this.#grantNext();
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
        queue: emptyNodeQueue(),
        lastReportId: 0,
        isWanted: false,
        isComplete: false,
        isFromRegistration: false,
        introducedOriginCount: 0,
      };
      this.#nodes.set(slot, node);
    }
    return node;
  }

  /** A chunk of no report under way: of one that was given up while the chunk travelled, or the peer's
   * mistake. */
  #refuseStray(node: NodeIntake, { reportId }: FullReportChunk): StrataError {
    if (reportId === node.lastReportId && !node.isComplete) {
      return new StrataError("REPORT_DROPPED", { reason: "it is not under way any more" });
    }
    this.counters.refused++;
    return new StrataError("REPORT_NOT_GRANTED");
  }

  /** The chunk's rows as they go to the shards, valid until the next report; or what is wrong with it. */
  #checkChunk(node: NodeIntake, report: ActiveReport, chunk: FullReportChunk): Uint8Array | StrataError {
    const problem = chunkProblem(report, chunk);
    if (problem !== undefined) return problem;
    const { rows, rowBytes } = chunk;
    if (chunk.origins !== undefined) report.origins = this.#origins.numbersOf(chunk.origins, node);
    return this.#checker.check({ rows, rowBytes, origins: report.origins, range: chunk });
  }

  /** Sends now, or lets the rows wait. When too much waits, what the node has under way is given up as a
   * whole and the node asked for another report (spec 12 §8.2 H2). */
  #send(node: NodeIntake, rows: QueuedRows): void {
    if (this.#queues.offer(node.queue, rows)) return;
    const overloaded = new StrataError("OVERLOADED", { reason: "the shards cannot keep up" });
    this.#dropAll(node, overloaded);
    want(node);
    rows.drop(overloaded);
    this.#grantNext();
  }

  /** Gives up the node's report and its waiting rows. */
  #dropAll(node: NodeIntake, error: StrataError): void {
    const waiting = this.#queues.clear(node.queue);
    if (waiting.length > 0) want(node);
    this.#dropReport(node);
    for (const { drop } of waiting) drop(error);
  }

  #dropReport(node: NodeIntake): void {
    const { active } = node;
    if (active === undefined) return;
    this.counters.dropped++;
    this.#end(node, active);
    want(node);
  }

  #end(node: NodeIntake, report: ActiveReport): void {
    node.active = undefined;
    this.#creditInUse -= report.credit;
  }

  #merged(node: NodeIntake, report: ActiveReport, failure: StrataError | undefined): void {
    report.inFlightCount--;
    if (node.active !== report) return;
    if (failure !== undefined) {
      this.#dropReport(node);
    } else {
      if (!report.isLastTaken || report.inFlightCount > 0) return;
      this.#end(node, report);
      this.counters.completed++;
      if (this.#sinceMs(report) > LONG_REPORT_MS) this.counters.longReports++;
      const fromRegistration = node.isFromRegistration;
      node.isFromRegistration = false;
      node.isWanted = false;
      node.isComplete = true;
      this.#options.onComplete(report.slot, fromRegistration);
    }
    this.#grantNext();
  }

  /** In order: a report that needs more credit than is left is not overtaken. */
  #grantNext(): void {
    const { shards, chunksInFlightMax } = this.#options;
    for (const [slot, waiting] of this.#line) {
      const credit = this.#creditFor(waiting.request.rowCount);
      if (this.#creditInUse + credit > chunksInFlightMax || !shards.acceptsReports()) return;
      this.#line.delete(slot);
      this.#grant(slot, waiting, credit);
    }
  }

  #grant(slot: NodeSlot, waiting: WaitingBegin, credit: number): void {
    const { begunMs } = waiting;
    const node = this.#node(slot);
    this.#lastReportId = (this.#lastReportId % REPORT_ID_MAX) + 1;
    const reportId = this.#lastReportId;
    node.active = {
      slot,
      reportId,
      credit,
      begunMs,
      nextFromId: 0,
      inFlightCount: 0,
      origins: NO_ORIGINS,
      isLastTaken: false,
    };
    node.lastReportId = reportId;
    this.#creditInUse += credit;
    this.counters.granted++;
    const waitedMs = this.#sinceMs(waiting);
    this.waitMs.observe(waitedMs);
    if (waitedMs > LONG_WAIT_MS) this.counters.longWaits++;
    waiting.onGranted({ reportId, chunksInFlightMax: credit });
  }

  #sinceMs({ begunMs }: { readonly begunMs: number }): number {
    return this.#options.clock.monotonicMs() - begunMs;
  }

  /** No more than the report can use. */
  #creditFor(rowCount: number): number {
    const chunkCount = Math.ceil((rowCount * ROW_BYTES_WITH_CHECKSUM) / REPORT_CHUNK_BYTES_MAX);
    return Math.max(1, Math.min(chunkCount, this.#options.chunksPerNodeMax));
  }
}

function want(node: NodeIntake): void {
  node.isWanted = true;
  node.isComplete = false;
}

/** What a chunk may not do, whatever its rows are. */
function chunkProblem(report: ActiveReport, chunk: FullReportChunk): StrataError | undefined {
  const { fromId, toId, last } = chunk;
  if (report.isLastTaken || report.inFlightCount >= report.credit)
    return new StrataError("REPORT_NOT_GRANTED");
  if (chunk.origins !== undefined && report.nextFromId !== 0)
    return rangeError("the dictionary comes with the first chunk only");
  if (fromId !== report.nextFromId) return rangeError(`fromId is ${fromId}, expected ${report.nextFromId}`);
  if (toId < fromId) return rangeError("toId is below fromId");
  if (toId > SAFE_INTEGER_MAX) return rangeError("toId exceeds 2^53 − 1");
  if (last !== (toId === SAFE_INTEGER_MAX))
    return rangeError("the last chunk, and only it, ends at 2^53 − 1");
  return undefined;
}

function rangeError(reason: string): StrataError {
  return new StrataError("REPORT_RANGE", { reason });
}
