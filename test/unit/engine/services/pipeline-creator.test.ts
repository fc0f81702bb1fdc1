import { deepEqual, equal } from "node:assert/strict";
import { test } from "node:test";
import {
  parseReplication,
  printReplication,
  type ReplicationConfig,
  ratis,
  standAlone,
} from "../../../../engine/cluster/containers/replication-config.js";
import {
  PipelineCreator,
  type PipelineCreatorOptions,
} from "../../../../engine/services/pipeline-creator.js";
import { PipelineRig } from "../../../support/services/pipeline-rig.js";

const INTERVAL_MS = 120_000;
const WAIT_MS = 300_000;

class CreatorRig {
  readonly rig: PipelineRig;
  readonly creator: PipelineCreator;

  constructor(nodeCount: number, options: Partial<PipelineCreatorOptions> = {}) {
    this.rig = PipelineRig.of(nodeCount);
    this.creator = new PipelineCreator({
      scheduler: this.rig.time,
      clock: this.rig.time,
      logger: { info: () => {} },
      manager: this.rig.manager,
      options: {
        replication: ratis(3),
        intervalMs: INTERVAL_MS,
        createsRatisOne: true,
        createsRatisThree: true,
        runsInSafeMode: true,
        waitMs: WAIT_MS,
        ...options,
      },
    });
  }

  lead(leaderReady = true, safeMode = false): this {
    this.creator.onStatus(leaderReady, safeMode);
    this.rig.settle();
    return this;
  }

  pass(ms: number): void {
    this.rig.time.advance(ms);
    this.rig.settle();
  }

  join(number: number): void {
    this.rig.nodes.accept(number);
    this.creator.trigger();
    this.rig.settle();
  }

  count(replication: ReplicationConfig): number {
    const { ALLOCATED, OPEN } = this.rig.applied.state.pipelines.index.countsOf(replication);
    return ALLOCATED + OPEN;
  }

  get counts(): number[] {
    return [this.count(ratis(1)), this.count(ratis(3))];
  }
}

test("a round fills the cluster up to the limits", () => {
  const rig = new CreatorRig(6).lead();
  deepEqual(rig.counts, [6, 4]);
  rig.pass(10 * INTERVAL_MS);
  deepEqual(rig.counts, [6, 4]);
});

test("what becomes possible later is made up for in time, a new datanode at once", () => {
  const rig = new CreatorRig(2).lead();
  deepEqual(rig.counts, [2, 0]);
  rig.rig.nodes.accept(3);
  rig.pass(INTERVAL_MS - 1);
  deepEqual(rig.counts, [2, 0]);
  rig.pass(1);
  deepEqual(rig.counts, [3, 2]);
  rig.join(4);
  deepEqual(rig.counts, [4, 2]);
});

test("which pipelines follows from the default replication", () => {
  const ec = parseReplication("rs-3-2-1024k");
  const cases: [Partial<PipelineCreatorOptions>, string[]][] = [
    [{}, ["RATIS/ONE", "RATIS/THREE"]],
    [{ replication: ratis(1) }, ["RATIS/ONE", "RATIS/THREE"]],
    [{ createsRatisOne: false }, ["RATIS/THREE"]],
    [{ replication: ec }, ["RATIS/THREE"]],
    [{ replication: ec, createsRatisThree: false }, []],
    [{ replication: standAlone(3) }, ["STANDALONE/ONE"]],
    [{ replication: undefined }, []],
  ];
  for (const [options, expected] of cases) {
    const rig = new CreatorRig(6, options).lead();
    const { rows } = rig.rig.applied.state.pipelines;
    const found = new Set([...rows.values()].map(({ replication }) => printReplication(replication)));
    deepEqual([...found].sort(), expected);
  }
});

test("in safe mode it works only when it may, and waits after it then; a trigger overrules both", () => {
  const may = new CreatorRig(3).lead(true, true);
  deepEqual(may.counts, [3, 2]);
  equal(may.creator.status(), "RUNNING");
  const mayNot = new CreatorRig(3, { runsInSafeMode: false }).lead(true, true);
  equal(mayNot.creator.status(), "PAUSED");
  mayNot.pass(2 * INTERVAL_MS);
  deepEqual(mayNot.counts, [0, 0]);
  mayNot.lead(true, false);
  mayNot.pass(WAIT_MS - 1);
  deepEqual(mayNot.counts, [0, 0]);
  mayNot.pass(INTERVAL_MS + 1);
  deepEqual(mayNot.counts, [3, 2]);
  const triggered = new CreatorRig(3, { runsInSafeMode: false }).lead(true, true);
  triggered.join(4);
  deepEqual(triggered.counts, [4, 2]);
});

test("followers create nothing, and what a leader had begun ends with its term", () => {
  const rig = new CreatorRig(3).lead(false);
  rig.join(4);
  rig.pass(INTERVAL_MS);
  deepEqual(rig.counts, [0, 0]);
  rig.creator.onStatus(true, false);
  equal(rig.rig.waiting.length, 1);
  rig.creator.onStatus(false, false);
  rig.rig.lead(false);
  rig.rig.settle();
  deepEqual(rig.counts, [1, 0], "what was proposed may be applied");
  equal(rig.rig.time.timerCount, 0);
});

test("nothing happens while creation is frozen, and everything after", () => {
  const rig = new CreatorRig(3);
  rig.rig.manager.freeze();
  rig.lead();
  rig.join(4);
  deepEqual(rig.counts, [0, 0]);
  rig.rig.manager.resume();
  rig.pass(INTERVAL_MS);
  deepEqual(rig.counts, [4, 2]);
});
