import type { Metrics } from "../telemetry/metrics.js";
import type { RaftHost } from "./raft-host.js";

/** Shows what the host counts: `strata_raft_…`, `strata_log_…`, `strata_state_…`. */
export function addRaftMetrics(metrics: Metrics, host: RaftHost): void {
  metrics.addCounters("raft", host.counters, {
    proposed: "Operations given to consensus.",
    overloaded: "Operations refused because too much was in flight.",
    applied: "Operations whose outcome was told.",
    entries: "Log entries proposed; each holds the operations of one event-loop turn.",
    heldTurns: "Turns in which proposals waited for changed state to be written.",
  });
  metrics.addHistogram("raft", "commit_ms", "From proposing an entry to having applied it.", host.commitMs);
  metrics.addGauge("raft", "inflight", "Operations without outcome.", () => host.inflightCount);
  metrics.addGauge("raft", "term", "Term.", () => host.leadership.term);
  metrics.addGauge("raft", "leader_ready", "1 while this SCM leads and serves.", () =>
    host.leadership.leaderReady ? 1 : 0,
  );
  metrics.addGauge("raft", "commit_index", "Highest committed index.", () => host.status().hardState.commit);
  metrics.addGauge("raft", "applied_index", "Highest applied index.", () => host.status().applied);
  metrics.addCounters("log", host.appends.counters, {
    appends: "Appends handed to the log thread.",
    entries: "Entries in them.",
    syncs: "Synced writes.",
  });
  metrics.addHistogram("log", "sync_us", "Time of a synced write of the log.", host.appends.syncUs);
  metrics.addCounters("state", host.flushes.counters, {
    flushes: "Flushes of changed state.",
    durableFlushes: "Those that were synced, so that the log could be truncated.",
    rows: "Pages and rows written.",
    bytes: "Bytes written.",
  });
  metrics.addHistogram("state", "write_us", "Time of writing a flush.", host.flushes.writeUs);
}
