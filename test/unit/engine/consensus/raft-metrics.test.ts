import assert from "node:assert/strict";
import { test } from "node:test";
import { addRaftMetrics } from "../../../../engine/consensus/raft-metrics.js";
import { Metrics } from "../../../../engine/telemetry/metrics.js";
import { HostRig } from "../../../support/consensus/host-rig.js";

test("a scrape shows what was proposed, synced and flushed", async () => {
  const rig = HostRig.ready();
  const metrics = new Metrics();
  addRaftMetrics(metrics, rig.host);
  rig.propose(1);
  rig.propose(2);
  rig.pass(1100);
  const page = await metrics.scrape();
  for (const line of [
    "strata_raft_proposed_total 2",
    "strata_raft_applied_total 2",
    "strata_raft_entries_total 1",
    "strata_raft_leader_ready 1",
    "strata_raft_term 1",
    "strata_raft_applied_index 2",
    "strata_raft_commit_ms_count 1",
    "strata_log_entries_total 2",
    "strata_state_flushes_total 1",
    "strata_state_rows_total 3",
  ]) {
    assert.ok(page.includes(`${line}\n`), `${line} in:\n${page}`);
  }
});
