import { ROW_BYTES } from "../../protocol/codec/report-rows.js";
import { median } from "../harness/figure.js";
import { type PathTimes, ReportPath } from "./report-path.js";
import { ReportPlan } from "./report-plan.js";

const NODES = 750;
const CONTAINERS = 1_000_000;
const ROUNDS = 51;
/** Reports of a round; in the ring together. */
const REPORTS = 200;

export interface IncrementalReportTimes {
  /** ns of CPU per entry: check, cut and copy into the ring, with the report's bookkeeping. */
  readonly main: number;
  /** ns of CPU per entry, each a change of a replica that is there. */
  readonly shard: number;
}

/** Times the way of incremental reports of `rowsPerReport` entries from the decoded message to the table,
 * on one thread. */
export function incrementalReportTimes(rowsPerReport: number): IncrementalReportTimes {
  const plan = new ReportPlan(CONTAINERS, NODES);
  const path = new ReportPath(CONTAINERS);
  for (let node = 0; node < NODES; node++) path.fullReport(node, plan.rowsOf(node, 0));
  const times: PathTimes[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const rows = plan.rowsOf(round, 1);
    const reportBytes = rowsPerReport * ROW_BYTES;
    const reports = Array.from({ length: REPORTS }, (_, index) => {
      const at = (index * reportBytes) % (rows.length - reportBytes);
      return rows.subarray(at - (at % ROW_BYTES), at - (at % ROW_BYTES) + reportBytes);
    });
    times.push(path.incrementalReports(round, reports));
  }
  const perEntry = (side: keyof PathTimes): number =>
    median(times.map((each) => each[side])) / (REPORTS * rowsPerReport);
  return { main: perEntry("main"), shard: perEntry("shard") };
}
