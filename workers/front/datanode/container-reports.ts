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
  /** Of requests whose reports found no room. */
  lostCount = 0;
  readonly #rows: ReplicaRowReader;

  constructor(heldBytesMax: number, random: Random) {
    this.held = new HeldBytes(heldBytesMax);
    this.#rows = new ReplicaRowReader(random);
  }

  get counters(): ReplicaRowReader["counters"] {
    return this.#rows.counters;
  }

  /** `message`: the field of the request that has them, for the text of an error.
   * @throws StrataError PROTOBUF_MALFORMED, PROTOBUF_INCOMPLETE */
  read(
    body: Uint8Array,
    { fullReports, incrementalReports }: RequestScan,
    message: string,
  ): ContainerReports {
    const hasFull = fullReports.length > 0;
    const hasIncremental = incrementalReports.length > 0;
    if (!hasFull && !hasIncremental) return NO_REPORTS;
    const { held } = this;
    let full: ReportRows | undefined;
    let incremental: ReportRows | undefined;
    // Both are read before one is held: a request that cannot be read leaves nothing behind.
    if (hasFull) {
      full = this.#rows.readFull(body, fullReports, `${message}.containerReport.reports`, held.roomForOne(0));
    }
    if (hasIncremental) {
      const path = `${message}.incrementalContainerReport`;
      const room = held.roomForOne(full?.rows.length ?? 0);
      incremental = this.#rows.readIncremental(body, incrementalReports, path, room);
    }
    const heldFull = full && held.hold(full);
    const heldIncremental = incremental && held.hold(incremental);
    const isLost = (hasFull && !heldFull) || (hasIncremental && !heldIncremental);
    if (isLost) this.lostCount++;
    return { full: heldFull, incremental: heldIncremental, hasFull, isLost };
  }
}

export function releaseReports({ full, incremental }: ContainerReports): void {
  full?.release();
  incremental?.release();
}
