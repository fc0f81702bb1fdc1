import { CONTAINER_STATE } from "../../engine/core/enums.js";
import { median } from "../harness/figure.js";
import { type PathTimes, ReportPath } from "./report-path.js";
import { ReportPlan } from "./report-plan.js";

const NODES = 750;
/** Reports that are timed for each figure. Of different nodes, so that their rows have long left the
 * caches. */
const REPORTS = 101;
const NODE_STEP = 7;
const TURNS = 3;
/** Above the changes of the rounds before. */
const FIRST_TURN = 2;

export interface FullReportTimes {
  /** Replicas in each report. */
  readonly rowCount: number;
  /** ns of CPU per replica: check, cut and copy into the ring, with the chunk's bookkeeping. */
  readonly main: number;
  /** ns of CPU per replica, for replicas that are new, as before, and with other used bytes. */
  readonly shardAdded: number;
  readonly shardUnchanged: number;
  readonly shardChanged: number;
  /** The same where all three replicas of each container change, one after the other: of closed containers,
   * and of open ones, whose sequence ids and keys grow too. */
  readonly shardInTurns: number;
  readonly shardOpenInTurns: number;
}

/** Times the way of full reports from the decoded message to the table, on one thread, with tables of
 * `containerCount` × 192 bytes, 64 of which are used only where replicas differ, and three replicas a
 * container. Takes some 30 s and 1 GB for 2 M containers. */
export function fullReportTimes(containerCount: number): FullReportTimes {
  const plan = new ReportPlan(containerCount, NODES);
  const path = new ReportPath(containerCount);
  const added: PathTimes[] = [];
  for (let node = 0; node < NODES; node++) added.push(path.fullReport(node, plan.rowsOf(node, 0)));
  const round = (change: number): PathTimes[] =>
    Array.from({ length: REPORTS }, (_, index) => {
      const node = (index * NODE_STEP) % NODES;
      return path.fullReport(node, plan.rowsOf(node, change));
    });
  // The first round after the replicas were added still finds code that is being compiled.
  round(0);
  const unchanged = round(0);
  round(1);
  const changed = round(2);
  const perRow = (times: readonly PathTimes[], side: keyof PathTimes): number =>
    median(times.slice(0, REPORTS).map((each) => each[side])) / plan.rowCount;
  return {
    rowCount: plan.rowCount,
    main: perRow(unchanged, "main"),
    shardAdded: perRow(added.slice(-REPORTS), "shard"),
    shardUnchanged: perRow(unchanged, "shard"),
    shardChanged: perRow(changed, "shard"),
    shardInTurns: inTurns(plan.rowCount, (node, change) =>
      path.fullReport(node, plan.rowsOf(node, FIRST_TURN + change)),
    ),
    shardOpenInTurns: openInTurns(containerCount, plan),
  };
}

function openInTurns(containerCount: number, plan: ReportPlan): number {
  const path = new ReportPath(containerCount, CONTAINER_STATE.OPEN);
  const report = (node: number, change: number): PathTimes =>
    path.fullReport(node, plan.openRowsOf(node, change));
  for (let node = 0; node < NODES; node++) report(node, 0);
  return inTurns(plan.rowCount, report);
}

/** ns per replica of the shard while every node reports a change, again and again. The first to report moves
 * the head away from the others, the last one makes all alike: all reports count. */
function inTurns(rowCount: number, report: (node: number, change: number) => PathTimes): number {
  const rounds = Array.from({ length: TURNS }, (_, turn) => {
    let shardNs = 0;
    for (let node = 0; node < NODES; node++) shardNs += report(node, turn + 1).shard;
    return shardNs / NODES / rowCount;
  });
  return median(rounds);
}
