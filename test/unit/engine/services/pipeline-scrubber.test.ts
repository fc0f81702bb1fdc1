import { deepEqual, equal } from "node:assert/strict";
import { test } from "node:test";
import { parseReplication, ratis } from "../../../../engine/cluster/containers/replication-config.js";
import { NO_SESSION, OPERATION } from "../../../../engine/cluster/operation.js";
import type { Uuid } from "../../../../engine/core/uuid.js";
import {
  PipelineScrubber,
  type PipelineScrubberOptions,
} from "../../../../engine/services/pipeline-scrubber.js";
import { datanodeDetails, pipelineRecord } from "../../../support/cluster/builders.js";
import { PipelineRig } from "../../../support/services/pipeline-rig.js";

const MINUTE_MS = 60_000;
const INTERVAL_MS = 5 * MINUTE_MS;

class ScrubberRig {
  readonly rig: PipelineRig;
  readonly scrubber: PipelineScrubber;

  constructor(nodeCount: number, options: Partial<PipelineScrubberOptions> = {}) {
    this.rig = PipelineRig.of(nodeCount);
    this.scrubber = new PipelineScrubber({
      scheduler: this.rig.time,
      clock: this.rig.time,
      cluster: this.rig.applied.state,
      nodes: this.rig.nodes.manager,
      manager: this.rig.manager,
      options: {
        intervalMs: INTERVAL_MS,
        allocatedMs: 5 * MINUTE_MS,
        closedMs: 66_000,
        waitMs: INTERVAL_MS,
        wantsDatastream: false,
        ...options,
      },
    });
    this.scrubber.onStatus(true, false);
  }

  /** Lets passes come and go, their proposals applied. */
  pass(ms: number): void {
    for (let left = ms; left > 0; left -= MINUTE_MS) {
      this.rig.time.advance(Math.min(left, MINUTE_MS));
      this.rig.settle();
    }
  }

  stateOf(id: Uuid): string {
    return this.rig.stateOf(id);
  }
}

test("a pipeline that does not open is closed and removed after its time", () => {
  const rig = new ScrubberRig(3);
  rig.pass(4 * MINUTE_MS);
  const { pipelineId } = rig.rig.created(ratis(3));
  rig.pass(2 * MINUTE_MS);
  equal(rig.stateOf(pipelineId), "ALLOCATED", "the pass after 5 minutes comes too early");
  rig.pass(4 * MINUTE_MS);
  equal(rig.stateOf(pipelineId), "none");
});

test("a closed pipeline stays for a while, an open and a dormant one for ever", () => {
  const rig = new ScrubberRig(3);
  const closed = rig.rig.created(ratis(1)).pipelineId;
  const open = rig.rig.created(ratis(1)).pipelineId;
  const dormant = rig.rig.created(ratis(1)).pipelineId;
  for (const id of [open, dormant]) rig.rig.setState(id, "OPEN");
  rig.rig.setState(dormant, "DORMANT");
  rig.pass(4 * MINUTE_MS);
  rig.rig.manager.close(closed);
  rig.rig.settle();
  rig.pass(2 * MINUTE_MS);
  equal(rig.stateOf(closed), "CLOSED");
  rig.pass(30 * MINUTE_MS);
  deepEqual(
    [closed, open, dormant].map((id) => rig.stateOf(id)),
    ["none", "OPEN", "DORMANT"],
  );
});

test("an open pipeline of which a member has not registered is closed, and removed later", () => {
  const rig = new ScrubberRig(3);
  const members = [1, 2, 9].map((number) => ({ details: datanodeDetails(number), replicaIndex: 0 }));
  const lacking = pipelineRecord(1, { members });
  rig.rig.add(lacking, pipelineRecord(2));
  rig.pass(INTERVAL_MS);
  deepEqual(
    [1, 2].map((n) => rig.stateOf(pipelineRecord(n).pipelineId)),
    ["CLOSED", "OPEN"],
  );
  rig.pass(INTERVAL_MS);
  deepEqual(
    [1, 2].map((n) => rig.stateOf(pipelineRecord(n).pipelineId)),
    ["none", "OPEN"],
  );
});

test("an EC pipeline whose container was closed is closed, but not while it may be imported", () => {
  const rig = new ScrubberRig(5);
  const replication = parseReplication("rs-3-2-1024k");
  const [spent, used] = [1, 2].map(() => rig.rig.created(replication, { containerOwner: "om" }).pipelineId);
  const { open } = rig.rig.applied.state.containers;
  const [containerId] = open.of(spent as Uuid);
  const figures = { sequenceId: 0, usedBytes: 0, keyCount: 0 };
  const kind = OPERATION.transitionContainer;
  const session = NO_SESSION;
  rig.rig.apply({ kind, session, containerId: containerId as number, event: "FINALIZE", ...figures });
  const states = (): string[] => [spent, used].map((id) => rig.stateOf(id as Uuid));
  rig.pass(15 * MINUTE_MS);
  deepEqual(states(), ["OPEN", "OPEN"]);
  rig.rig.apply({ kind: OPERATION.endImport, session });
  rig.pass(INTERVAL_MS);
  deepEqual(states(), ["CLOSED", "OPEN"]);
});

test("after a change of leader, and in safe mode, pipelines are left in peace", () => {
  const rig = new ScrubberRig(3, { intervalMs: MINUTE_MS });
  rig.rig.add(pipelineRecord(1, { state: "CLOSED" }));
  rig.pass(4 * MINUTE_MS);
  rig.scrubber.onStatus(false, false);
  rig.scrubber.onStatus(true, false);
  rig.pass(4 * MINUTE_MS);
  rig.scrubber.onStatus(true, true);
  rig.pass(20 * MINUTE_MS);
  equal(rig.stateOf(pipelineRecord(1).pipelineId), "CLOSED");
  rig.scrubber.onStatus(true, false);
  rig.pass(5 * MINUTE_MS);
  equal(rig.stateOf(pipelineRecord(1).pipelineId), "none");
});

test("a pipeline from the future of this clock is removed all the same", () => {
  const rig = new ScrubberRig(3, { intervalMs: MINUTE_MS, waitMs: 0 });
  const stateEnterTimeMs = rig.rig.time.wallMs() + 1000 * MINUTE_MS;
  rig.rig.add(pipelineRecord(1, { state: "CLOSED", stateEnterTimeMs }));
  rig.pass(2 * MINUTE_MS);
  equal(rig.stateOf(pipelineRecord(1).pipelineId), "CLOSED");
  rig.pass(MINUTE_MS);
  equal(rig.stateOf(pipelineRecord(1).pipelineId), "none");
});

test("a failure of one keeps no other from its end", () => {
  const rig = new ScrubberRig(3, { intervalMs: MINUTE_MS, waitMs: 0, closedMs: 0 });
  rig.rig.add(pipelineRecord(1, { state: "CLOSED" }), pipelineRecord(2, { state: "CLOSED" }));
  rig.rig.time.advance(MINUTE_MS);
  equal(rig.rig.waiting.length, 2);
  rig.rig.fail("OVERLOADED");
  rig.pass(MINUTE_MS);
  equal(rig.rig.applied.state.pipelines.count, 0);
});

test("with streaming wanted, a pipeline whose member has learned it is made anew", () => {
  const ports = [{ name: "RATIS_DATASTREAM", value: 9855 }];
  for (const wantsDatastream of [true, false]) {
    const rig = new ScrubberRig(3, { wantsDatastream });
    rig.rig.add(pipelineRecord(1));
    rig.rig.nodes.accept(2, { details: { ports: [...datanodeDetails(2).ports, ...ports] } });
    rig.pass(INTERVAL_MS);
    equal(rig.stateOf(pipelineRecord(1).pipelineId), wantsDatastream ? "none" : "OPEN");
  }
});

test("of many pipelines no more end at a time than the log bears", () => {
  const rig = new ScrubberRig(3, { intervalMs: MINUTE_MS, waitMs: 0, closedMs: 0 });
  const closed = Array.from({ length: 600 }, (_, at) => pipelineRecord(at, { state: "CLOSED" }));
  rig.rig.add(...closed);
  rig.rig.time.advance(MINUTE_MS);
  equal(rig.rig.waiting.length, 256);
  for (let i = 0; i < 4; i++) {
    rig.rig.settle();
    rig.rig.time.advance(1000);
  }
  equal(rig.rig.applied.state.pipelines.count, 0);
});
