import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { PipelineGroups } from "../../bench/fleet/pipeline-groups.js";
import { METADATA_LAYOUT_VERSION } from "../../engine/storage/version-file.js";
import type { ReportRow } from "../../protocol/codec/report-rows.js";
import type { ContainerRecord } from "../../protocol/schema/records.js";
import { GroupStage } from "../support/simulation/system/group-stage.js";
import { SimDatanode } from "../support/simulation/system/sim-datanode.js";
import type { SimScm } from "../support/simulation/system/sim-scm.js";
import { SimTrace } from "../support/simulation/system/trace.js";

/** Of sim-scm.ts. */
const CLOSE_WAIT_MS = 2_000;
const HEARTBEAT_MS = 1_000;
const IMPORT_MAX = 1_000;
/** An eighth of `strata.admin.mutations.max`. */
const PROPOSALS_MAX = 8_192;

/** Lives of containers through whole SCMs, with datanodes that obey. */
class Lives {
  readonly stage: GroupStage;
  readonly datanodes: readonly SimDatanode[];
  /** Commands that datanodes took: `dn1 closeContainerCommand 5 of term 2, by force`. */
  readonly commands: string[] = [];

  private constructor(stage: GroupStage, datanodeCount: number) {
    this.stage = stage;
    const { world, plan, group } = stage;
    this.datanodes = Array.from(
      { length: datanodeCount },
      (_, number) =>
        new SimDatanode({
          world,
          plan,
          trace: new SimTrace(world.clock, (line) => this.#note(line)),
          random: world.random.stream(`datanode ${number}`),
          number,
          layoutVersion: METADATA_LAYOUT_VERSION,
          group,
          groups: new PipelineGroups(),
          onHeld: () => {},
          onReport: () => {},
          onDelete: () => {},
        }),
    );
  }

  static async begun(size: number, seed = 1): Promise<Lives> {
    const datanodeCount = 4;
    const stage = await GroupStage.founded(size, { datanodeCount, shardCount: 2 }, seed);
    const lives = new Lives(stage, datanodeCount);
    for (const datanode of lives.datanodes) datanode.start();
    await lives.rest();
    return lives;
  }

  #note(line: string): void {
    const [, datanode, command] = / (dn\d+) +command (.*)$/.exec(line) ?? [];
    // Those about pipelines are another matter.
    if (command !== undefined && !/^\w+PipelineCommand /.test(command))
      this.commands.push(`${datanode} ${command}`);
  }

  /** Everybody knows all datanodes and what they hold. */
  async rest(): Promise<void> {
    await this.stage.until("datanodes rest", () => this.datanodes.every(({ isAtRest }) => isAtRest));
  }

  async add(changes: Partial<ContainerRecord>, ids: readonly number[] = [this.id]): Promise<void> {
    const { stage } = this;
    const client = stage.client();
    const pipelines = changes.pipelineId === undefined ? [] : [stage.plan.pipeline(0)];
    for (let at = 0; at < ids.length; at += IMPORT_MAX) {
      const containers = ids
        .slice(at, at + IMPORT_MAX)
        .map((id) => ({ ...stage.plan.container(id, undefined), ...FIGURES, ...changes }));
      await stage.settle(client.import({ pipelines: at === 0 ? pipelines : [], containers }));
    }
    client.close();
    await stage.converge();
  }

  /** A RATIS container. */
  get id(): number {
    return this.stage.plan.containerIds.find((id) => !this.stage.plan.isEc(id)) as number;
  }

  row(containerId: number, changes: Partial<ReportRow> = {}): ReportRow {
    const replica = { replicaIndex: 0, isEmpty: false, originNodeId: this.stage.plan.uuid(0) };
    return { containerId, ...replica, ...FIGURES, state: "CLOSED", ...changes };
  }

  put(datanode: number, changes: Partial<ReportRow>, id = this.id): void {
    this.datanodes[datanode]?.put(this.row(id, changes));
  }

  stateOn(scm: SimScm, id = this.id): string | undefined {
    return scm.running?.cluster.containers.get(id)?.state;
  }

  /** Until the container has the state everywhere, and the hashes agree. */
  async reaches(state: string, ids: readonly number[] = [this.id], limitMs?: number): Promise<void> {
    const { stage } = this;
    const last = ids.at(-1) as number;
    await stage.until(
      `container ${last} is ${state}`,
      () => this.stateOn(stage.group.leader ?? stage.group.first, last) === state,
      limitMs,
    );
    await stage.until(`all are ${state}`, () =>
      ids.every((id) => stage.group.present.every((scm) => this.stateOn(scm, id) === state)),
    );
    await stage.converge();
  }
}

const FIGURES = { sequenceId: 100, usedBytes: 5_000, keyCount: 50 } as const;

describe("a container", () => {
  test("that a datanode wants closed is closed on all datanodes and SCMs alike", async () => {
    const lives = await Lives.begun(3);
    const { stage, id } = lives;
    const { pipelineId } = stage.plan.pipeline(0);
    await lives.add({ state: "OPEN", pipelineId });
    for (const datanode of [0, 1, 2])
      lives.put(datanode, { state: "OPEN", sequenceId: 110, usedBytes: 6_000 + datanode });
    await lives.rest();
    lives.datanodes[1]?.wishClose(id);
    await lives.reaches("CLOSING");
    const atMs = stage.world.scheduler.nowMs;
    await lives.reaches("CLOSED");
    assert.ok(stage.world.scheduler.nowMs - atMs > CLOSE_WAIT_MS - HEARTBEAT_MS, "clients had their time");
    const members = stage.plan.fleet.members(0);
    const expected = members.map(
      (number) => `dn${number} closeContainerCommand ${id} of term ${stage.leader.term}`,
    );
    await stage.until("all were told", () => lives.commands.length >= expected.length);
    assert.deepEqual([...lives.commands].sort(), expected.sort());
    const container = stage.leader.running?.cluster.containers.get(id);
    assert.deepEqual([container?.sequenceId, container?.usedBytes], [110, 6_002]);
  });

  test("that was closing when the leader died is told by the next one, in its term", async () => {
    const lives = await Lives.begun(3);
    const { stage, id } = lives;
    const { pipelineId } = stage.plan.pipeline(0);
    await lives.add({ state: "OPEN", pipelineId });
    for (const datanode of [0, 1, 2, 3]) lives.put(datanode, { state: "OPEN" });
    await lives.rest();
    lives.datanodes[0]?.wishClose(id);
    await lives.reaches("CLOSING");
    // It would ask the next leader, too, which would know of it then.
    lives.datanodes[0]?.forgetWishes();
    const former = stage.leader;
    former.crash("machine");
    await stage.untilOther(former);
    assert.deepEqual(lives.commands, []);
    const { term } = stage.leader;
    const fromMs = stage.world.scheduler.nowMs;
    await stage.until("it is closed", () => lives.stateOn(stage.leader) === "CLOSED");
    assert.ok(stage.world.scheduler.nowMs - fromMs < CLOSE_WAIT_MS + 2 * HEARTBEAT_MS);
    await stage.until("all were told", () => lives.commands.length >= 3);
    // The members, or the holders if the pipeline went with a datanode that was silent for too long.
    const holders = new Set([0, 1, 2, 3].map((n) => `dn${n} closeContainerCommand ${id} of term ${term}`));
    assert.deepEqual(
      lives.commands.filter((command) => !holders.has(command)),
      [],
    );
    assert.equal(new Set(lives.commands).size, lives.commands.length, "once");
    former.start();
    await lives.reaches("CLOSED");
  });

  test("whose replica told a leader in vain is closed by the next one, and nobody repeats it", async () => {
    const lives = await Lives.begun(3);
    const { stage } = lives;
    await lives.add({ state: "CLOSING" });
    const former = stage.leader;
    const mend = stage.isolate(former);
    // All SCMs hear of it: one can decide nothing any more, and the others do not lead.
    lives.put(0, { sequenceId: 120 });
    await lives.rest();
    await stage.untilOther(former);
    const heir = stage.leader;
    await stage.until("it is closed", () => lives.stateOn(heir) === "CLOSED");
    assert.equal(heir.running?.services.decisions.counters.transitions, 1);
    mend();
    await lives.reaches("CLOSED");
  });

  test("that was deleted loses its old replicas by force, and comes back for a newer one", async () => {
    const lives = await Lives.begun(3);
    const { stage, id } = lives;
    const [, other] = stage.plan.containerIds.filter((each) => !stage.plan.isEc(each)) as [number, number];
    await lives.add({ state: "DELETED" }, [id, other]);
    lives.put(0, { sequenceId: 100 });
    lives.put(1, { sequenceId: 90, state: "QUASI_CLOSED" });
    lives.put(2, { isEmpty: true, state: "UNHEALTHY" });
    lives.put(3, { sequenceId: 101 }, other);
    await stage.until("the old ones are gone", () =>
      lives.datanodes.every(({ replicas }) => !replicas.has(id)),
    );
    const { term } = stage.leader;
    assert.deepEqual(lives.commands.filter((command) => command.includes(` ${id} `)).sort(), [
      `dn0 deleteContainerCommand ${id} of term ${term}, by force`,
      `dn1 deleteContainerCommand ${id} of term ${term}, by force`,
      `dn2 deleteContainerCommand ${id} of term ${term}`,
    ]);
    await lives.reaches("CLOSED", [other]);
    assert.ok(lives.datanodes[3]?.replicas.has(other));
    await lives.reaches("DELETED");
    await lives.rest();
    const { replicaCount } = stage.leader.running?.shards.statistics() ?? {};
    assert.equal(replicaCount, 1);
  });

  test("is closed also when more of them are reported at once than the leader takes up", async () => {
    const lives = await Lives.begun(1);
    const { stage } = lives;
    const ids = Array.from({ length: 6 * PROPOSALS_MAX }, (_, i) => 10_000 + i).filter(
      (id) => !stage.plan.isEc(id),
    );
    await lives.add({ state: "CLOSING" }, ids);
    for (const id of ids) lives.datanodes[0]?.model.putReplica(lives.row(id));
    // Nothing is decided meanwhile. A recheck of the others fills the ring to main, too: 1 MB.
    stage.leader.stall("log", 2_000);
    lives.datanodes[0]?.fullReport();
    await lives.reaches("CLOSED", ids, 300_000);
    const { transitions, postponed, rechecks } = stage.leader.running?.services.decisions.counters ?? {};
    assert.equal(transitions, ids.length);
    assert.ok((postponed ?? 0) > 0 && (rechecks ?? 0) > 1, `${postponed} postponed, ${rechecks} rechecks`);
  });
});
