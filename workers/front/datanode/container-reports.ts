import type { Random } from "../../../engine/core/random.js";
import type { ReportRows } from "../../../protocol/client/report-source.js";
import { HeldBytes, type HeldRows } from "./held-reports.js";
import { ReplicaRowReader } from "./replica-rows.js";
import type { RequestScan } from "./request-scan.js";

/** The container reports of one request, as rows that are held until main takes them. */
export interface ContainerReports {
  readonly full: HeldRows | undefined;
  readonly incremental: HeldRows | undefined;
  /** There was a full report. */
  readonly hasFull: boolean;
  /** There was no room: what the datanode has under way is given up as a whole (spec 12 §8.2 H2). */
  readonly isLost: boolean;
}

const NO_REPORTS: ContainerReports = {
  full: undefined,
  incremental: undefined,
  hasFull: false,
  isLost: false,
};

/** Takes the container reports out of requests. */
export class ContainerReportReader {
  readonly held: HeldBytes;
  readonly #rows: ReplicaRowReader;

  constructor(heldBytesMax: number, random: Random) {
    this.held = new HeldBytes(heldBytesMax);
    this.#rows = new ReplicaRowReader(random);
  }

  /** `message`: the field of the request that has them, for the text of an error.
   * @throws StrataError PROTOBUF_MALFORMED, PROTOBUF_INCOMPLETE */
  read(
    body: Uint8Array,
    { fullReports, incrementalReports }: RequestScan,
    message: string,
  ): ContainerReports {
    const hasFull = fullReports.length > 0;
    if (!hasFull && incrementalReports.length === 0) return NO_REPORTS;
    const { held } = this;
    let full: ReportRows | undefined;
    if (hasFull) {
      full = this.#rows.readFull(body, fullReports, `${message}.containerReport.reports`, held.free);
    }
    // Read before anything is held: a request that cannot be read leaves nothing behind.
    const path = `${message}.incrementalContainerReport`;
    const incremental = this.#rows.readIncremental(body, incrementalReports, path);
    const heldFull = full && held.hold(full);
    const heldIncremental = incremental.rows.length === 0 ? undefined : held.hold(incremental);
    const isLost =
      (hasFull && heldFull === undefined) || (incremental.rows.length > 0 && heldIncremental === undefined);
    return { full: heldFull, incremental: heldIncremental, hasFull, isLost };
  }
}

export function releaseReports({ full, incremental }: ContainerReports): void {
  full?.release();
  incremental?.release();
}
