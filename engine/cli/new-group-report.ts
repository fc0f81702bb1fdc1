import type { NewGroupReport } from "../scm-new-group.js";
import type { CommandIo } from "./io.js";

const MINUTE_MS = 60_000;

/** What `--force-new-group` has done, or would do. */
export function printNewGroup(report: NewGroupReport, io: CommandIo): void {
  const { clusterId, scmId, nodeId, isDone, loss, removed } = report;
  io.out(`cluster: ${clusterId}`);
  io.out(`this SCM: ${nodeId} ${scmId}`);
  io.out(`entries kept: ${entriesText(report)}`);
  io.out(`last operation: ${operationText(report)}`);
  io.out(`term: ${report.newTerm}, after ${report.oldTerm}`);
  if (loss !== undefined) io.out(`lost: ${loss.message}`);
  for (const { nodeId: id, row } of removed) {
    const place = row === undefined ? "" : ` ${row.scmId} ${row.name} at ${row.host}:${row.ports.raft}`;
    io.out(`${isDone ? "removed" : "to be removed"}: ${id}${place}`);
  }
  if (isDone) {
    io.out("This SCM is a group of its own now: start it, then let others join by --bootstrap, with empty");
    io.out("directories. None of those removed may go on with its old ones.");
    return;
  }
  const more = loss === undefined ? "" : " --accept-loss";
  io.err("strata: nothing was changed. Make sure that no other SCM of this cluster runs or will run again:");
  io.err("strata: what they know and this one does not is given up. Then do it with");
  io.err(`strata:   --force-new-group --yes ${clusterId}${more}`);
}

function entriesText({ lastIndex, uncommittedCount }: NewGroupReport): string {
  const uncommitted = uncommittedCount === 0 ? "" : `, ${uncommittedCount} of them not known to be committed`;
  return `all up to ${lastIndex}${uncommitted}`;
}

function operationText({ operationMs, nowMs }: NewGroupReport): string {
  if (operationMs === 0) return "never";
  const minutes = Math.round((nowMs - operationMs) / MINUTE_MS);
  const ago = minutes < 120 ? `${minutes} min` : `${Math.round(minutes / 60)} h`;
  return `${new Date(operationMs).toISOString()}, ${ago} ago`;
}
