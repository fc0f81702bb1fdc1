import type { StrataError } from "../../engine/core/errors.js";
import type { NodeSlot } from "../../engine/core/ids.js";
import type { Uuid } from "../../engine/core/uuid.js";

/** Where container reports enter, whatever transport brought them (spec 12 §8.2 H1). The values have the
 * shape of the decoded messages `fullReportBegin`, `fullReportChunk` and `incrementalReport`, so a
 * gateway passes them on as they are. */

export interface FullReportBegin {
  /** First report after registering. */
  readonly fromRegistration: boolean;
  /** Estimate; decides how much credit is worth while. */
  readonly rowCount: number;
}

export interface ReportGrant {
  /** Goes into every chunk of this report. */
  readonly reportId: number;
  /** Chunks that may be without an answer at a time. */
  readonly chunksInFlightMax: number;
}

export interface FullReportChunk {
  readonly reportId: number;
  readonly last: boolean;
  readonly fromId: number;
  /** Inclusive; 2^53 − 1 in the last chunk. */
  readonly toId: number;
  /** 32, or 40 with checksums. */
  readonly rowBytes: number;
  /** Dictionary of the whole report; with its first chunk only. */
  readonly origins?: readonly Uuid[] | undefined;
  /** Read during the call only: what must wait is copied. May stand at any offset of its buffer. */
  readonly rows: Uint8Array;
}

export interface IncrementalReport {
  readonly rowBytes: number;
  readonly origins: readonly Uuid[];
  /** Read during the call only. In any order; of rows with one id the last wins. */
  readonly rows: Uint8Array;
}

/** Called exactly once, perhaps before the call that was given it returns. A ProtocolError says that the
 * peer broke the contract (close its connection), any other error that this attempt has no effect on
 * later ones. */
export type ReportDone = (error: StrataError | undefined) => void;
export type ReportGranted = (answer: ReportGrant | StrataError) => void;

/** Implemented by ReportIntake. Nothing here throws for what a datanode sent. */
export interface ReportReceiver {
  /** Asks for credit. Grants are given in the order of the begins; a newer begin of a node takes the place
   * of its older one in the line, and a report that it had begun to send counts as dropped. */
  begin(slot: NodeSlot, begin: FullReportBegin, onGranted: ReportGranted): void;
  /** `onDone` returns the chunk's credit: every shard has merged its part. */
  chunk(slot: NodeSlot, chunk: FullReportChunk, onDone: ReportDone): void;
  /** Needs no credit; keeps its place between the node's chunks. `onDone`: handed over to the shards. */
  incremental(slot: NodeSlot, report: IncrementalReport, onDone: ReportDone): void;
  /** The node's connection ended: drops its place in line, its credit and what waits. */
  nodeGone(slot: NodeSlot): void;
  /** Makes the next heartbeat ask for a full report, for instance after a registration. */
  wantFullReport(slot: NodeSlot): void;
  /** True while a full report is missing and none is under way. Belongs into the heartbeat's answer. */
  fullReportWanted(slot: NodeSlot): boolean;
  /** A full report has been merged since the last `wantFullReport` and nothing was lost since. */
  fullReportComplete(slot: NodeSlot): boolean;
}
