import assert from "node:assert/strict";
import { test } from "node:test";
import { interactionSuite } from "./interaction-suite.js";
import { ScenarioCluster } from "./scenario-cluster.js";
import type { ScenarioNode } from "./scenario-node.js";
import type { SuiteResult } from "./suite.js";
import { describeFailure, runSuite } from "./suite.js";

const SNAPSHOT_LINE =
  "  Snapshot: Index:3 Term:1 " +
  "ConfState:Voters:[1 2] VotersOutgoing:[] Learners:[] LearnersNext:[] AutoLeave:false";

function play(...lines: readonly string[]): SuiteResult {
  return runSuite(interactionSuite, [{ name: "scenario", text: lines.join("\n") }]);
}

function passes(...lines: readonly string[]): void {
  assert.deepEqual(play(...lines).failures.map(describeFailure), []);
}

test("commands that are refused print why, even where nothing else is printed", () => {
  passes(
    "jump 1",
    "----",
    "unknown command",
    "",
    "add-nodes 1 voters=(1) index=1",
    "----",
    "index must be specified as > 1 due to bootstrap",
    "",
    "add-nodes 1 voters=(1) index=3 read-only=never",
    "----",
    'invalid read-only option "never"',
    "",
    "log-level loud",
    "----",
    "log levels must be either of [DEBUG INFO WARN ERROR FATAL NONE]",
    "",
    "log-level none",
    "----",
    "ok",
    "",
    "add-nodes 2 voters=(1,2) index=3",
    "----",
    "ok",
    "",
    "propose 1 early",
    "----",
    "raft proposal dropped",
    "",
    "propose-conf-change 1 v1=true",
    "v2 v3",
    "----",
    "v1 conf change can only have one operation and no transition",
    "",
    "propose-conf-change 1 transition=slow",
    "----",
    "unknown transition slow",
    "",
    "propose-conf-change 1 why=1",
    "----",
    "unknown command why",
    "",
    "propose-conf-change 1",
    "w1",
    "----",
    "unknown input: w1",
    "",
    "compact 1 2",
    "----",
    "requested index is unavailable due to compaction",
    "",
    "report-unreachable 1",
    "----",
    "must specify exactly two node indexes: node on which to report, and reported node",
  );
});

test("several nodes get a title each, a single one none", () => {
  passes(
    "add-nodes 2 voters=(1,2) index=3",
    "----",
    "INFO 1 switched to configuration voters=(1 2)",
    "INFO 1 became follower at term 0",
    "INFO newRaft 1 [peers: [1,2], term: 0, commit: 3, applied: 3, lastindex: 3, lastterm: 1]",
    "INFO 2 switched to configuration voters=(1 2)",
    "INFO 2 became follower at term 0",
    "INFO newRaft 2 [peers: [1,2], term: 0, commit: 3, applied: 3, lastindex: 3, lastterm: 1]",
    "",
    "process-ready 1",
    "----",
    "<empty Ready>",
    "",
    "process-ready 1 2",
    "----",
    "> 1 handling Ready",
    "  <empty Ready>",
    "> 2 handling Ready",
    "  <empty Ready>",
    "",
    "process-append-thread 2",
    "----",
    "no append work to perform",
    "",
    "process-apply-thread 2 1",
    "----",
    "> 2 processing apply thread",
    "  no apply work to perform",
    "> 1 processing apply thread",
    "  no apply work to perform",
    "",
    "deliver-msgs 1 drop=(2)",
    "----",
    "no messages",
    "",
    "raft-log 1",
    "----",
    "log is empty: first index=4, last index=3",
    "",
    "raft-state",
    "----",
    "1: StateFollower (Voter) Term:0 Lead:0",
    "2: StateFollower (Voter) Term:0 Lead:0",
    "",
    "status 1",
    "----",
    "ok",
    "",
    "send-snapshot 2 1",
    "----",
    "2->1 MsgSnap Term:0 Log:0/0",
    SNAPSHOT_LINE,
    "",
    "deliver-msgs 1 type=MsgApp",
    "----",
    "no messages",
    "",
    "deliver-msgs drop=1 type=MsgSnap",
    "----",
    "dropped: 2->1 MsgSnap Term:0 Log:0/0",
    SNAPSHOT_LINE,
  );
});

test("a log level given with stabilize holds as long as that", () => {
  passes(
    "add-nodes 1 voters=(1) index=3",
    "----",
    "INFO 1 switched to configuration voters=(1)",
    "INFO 1 became follower at term 0",
    "INFO newRaft 1 [peers: [1], term: 0, commit: 3, applied: 3, lastindex: 3, lastterm: 1]",
    "",
    "campaign 1",
    "----",
    "INFO 1 is starting a new election at term 0",
    "INFO 1 became candidate at term 1",
    "",
    "stabilize log-level=none",
    "----",
    "ok",
    "",
    "campaign 1",
    "----",
    "DEBUG 1 ignoring MsgHup because already leader",
  );
});

test("a scenario that names what is not there fails, and the next directive is run", () => {
  const { passed, failures } = play("campaign 1", "----", "ok", "", "raft-state", "----", "ok");
  assert.equal(passed, 1);
  assert.deepEqual(failures.map(describeFailure), [
    "scenario:1: campaign 1\n-ok\nbroken off: there is no node 1\n",
  ]);
});

test("stabilize gives up on nodes that never rest", () => {
  const restless = {
    id: 1,
    core: { hasReady: () => true },
    processReady: () => undefined,
    hasAppendWork: false,
    hasApplyWork: false,
  };
  assert.throws(() => new ScenarioCluster().stabilize([restless as unknown as ScenarioNode]), /not stable/);
});
