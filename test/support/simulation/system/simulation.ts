import { PipelineGroups } from "../../../../bench/fleet/pipeline-groups.js";
import { ClusterState } from "../../../../engine/cluster/cluster-state.js";
import { OPERATION } from "../../../../engine/cluster/operation.js";
import { assert } from "../../../../engine/core/assert.js";
import type { NodeSlot } from "../../../../engine/core/ids.js";
import type { Scm } from "../../../../engine/scm.js";
import { directoriesOf, STRIPE_BYTES } from "../../../../engine/scm-storage.js";
import { verify } from "../../../../engine/storage/verify.js";
import { METADATA_LAYOUT_VERSION } from "../../../../engine/storage/version-file.js";
import type { ReportRow } from "../../../../protocol/codec/report-rows.js";
import { HistoryRecorder } from "../../linearizability/history.js";
import { SimWorld } from "../sim-world.js";
import { BlockChecks } from "./block-checks.js";
import { checkLedger, checkModel, checkReplicas } from "./checks.js";
import { type DueDecision, DueDecisions } from "./due-decisions.js";
import { Faults } from "./faults.js";
import { HotRegisters } from "./hot-registers.js";
import { Journal } from "./journal.js";
import { LeaderLimit } from "./leader-limit.js";
import { Ledger } from "./ledger.js";
import { MutationSource, tagOf } from "./mutations.js";
import { Observer } from "./observer.js";
import { Operators } from "./operators.js";
import type { SimOptions } from "./options.js";
import { PipelineChecks } from "./pipeline-checks.js";
import { SimPlan } from "./plan.js";
import { ReplicaWorkload } from "./replica-workload.js";
import { Services } from "./services.js";
import { SimAdmin } from "./sim-admin.js";
import { SimDatanode } from "./sim-datanode.js";
import { SimGroup } from "./sim-group.js";
import type { SimScm } from "./sim-scm.js";
import { type SimWriter, writersOf } from "./sim-writer.js";
import { SpaceChecks } from "./space-checks.js";
import { SimTrace } from "./trace.js";

/** More than there are. */
const CLOSING_COUNT_MAX = 100_000;
/** Everything has healed within this virtual time after the last fault. */
const HEAL_MS_MAX = 60_000;
const SETUP_MS_MAX = 20_000;
const HEALTH_LOOK_MS = 250;
const MEND_MS = 1_000;
/** Deletes live for 6 minutes. */
const CLOCK_BEHIND_MS = 5 * 60_000;
/** Between two looks at what is still due for containers, which cost as much as hundreds of events. */
const DUE_LOOK_MS = 100;

/** A whole cluster in one thread: SCMs on disks that fail, datanodes, administrators, and what goes wrong. */
export class Simulation {
  readonly world: SimWorld;
  readonly trace: SimTrace;
  readonly group: SimGroup;
  readonly ledger = new Ledger();
  readonly operators: Operators;
  readonly faults: Faults;
  /** What administrators did with hot things. */
  readonly history: HistoryRecorder;
  readonly #options: SimOptions;
  readonly #plan: SimPlan;
  readonly #journal: Journal;
  readonly #datanodes: readonly SimDatanode[];
  readonly #admins: readonly SimAdmin[];
  readonly #replicas: ReplicaWorkload;
  readonly #services: Services;
  readonly #blocks: BlockChecks;
  readonly #space: SpaceChecks;
  readonly #writers: readonly SimWriter[];
  readonly #observer: Observer;
  readonly #due = new DueDecisions();
  readonly #pipelines: PipelineChecks;
  /** Containers that were DELETING once. */
  readonly #everDeleted = new Set<number>();
  #dueLook: { readonly atMs: number; readonly found: DueDecision | undefined } | undefined;
  #pipelineLook: { readonly atMs: number; readonly found: string | undefined } | undefined;
  #failure: unknown;

  constructor(seed: number, options: SimOptions, onLine?: (line: string) => void) {
    this.#options = options;
    this.world = new SimWorld(seed, { latencyMsMax: options.latencyMsMax });
    const { world } = this;
    const { random } = world;
    const workload = random.stream("workload");
    this.trace = new SimTrace(world.clock, onLine);
    const { trace, ledger } = this;
    const plan = new SimPlan(options, seed);
    this.#plan = plan;
    this.#journal = new Journal((operation, value) => {
      const tag = tagOf(operation, value);
      if (tag !== undefined) ledger.executed(tag);
      this.#blocks.done(operation, value);
      const { kind } = operation;
      if (kind === OPERATION.transitionContainer && operation.event === "DELETE") {
        this.#everDeleted.add(operation.containerId);
      }
    });
    this.#blocks = new BlockChecks(this.#journal.model, options.pipelineLimit);
    const onFailure = (error: unknown): void => {
      this.#failure ??= error;
    };
    this.#space = new SpaceChecks(onFailure);
    const disk = random.stream("disk");
    this.group = new SimGroup({ world, options, trace, journal: this.#journal, random: disk, onFailure });
    const { group } = this;
    for (let i = 0; i < options.groupSize; i++) group.add();
    const groups = new PipelineGroups();
    this.#datanodes = Array.from({ length: options.datanodeCount }, (_, number) => {
      const stream = workload.stream(`datanode ${number}`);
      return new SimDatanode({
        world,
        plan,
        trace,
        random: stream,
        number,
        layoutVersion: METADATA_LAYOUT_VERSION,
        group,
        groups,
        onHeld: (row) => this.#due.held(row),
        onReport: (datanode, scm, has) => this.#space.reported(scm, datanode, has),
        onDelete: (row) => this.#checkDelete(row),
      });
    });
    const mutations = new MutationSource(workload.stream("mutations"), plan, ledger);
    const hot = new HotRegisters(workload.stream("hot"), plan, mutations);
    this.history = new HistoryRecorder(() => world.clock.monotonicMs());
    const { history } = this;
    hot.declare(history);
    this.#admins = Array.from({ length: options.adminCount }, (_, number) => {
      const stream = workload.stream(`admin ${number}`);
      const parts = { world, plan, options, trace, ledger, mutations, hot, history, group };
      return new SimAdmin({ ...parts, random: stream, number });
    });
    const datanodes = this.#datanodes;
    this.#replicas = new ReplicaWorkload({
      world,
      options,
      plan,
      random: workload.stream("replicas"),
      datanodes,
    });
    const checks = this.#blocks;
    this.#services = new Services({ world, group, plan, trace, random: workload.stream("services"), checks });
    this.#writers = writersOf(
      { world, options, trace, group, groups, datanodes, checks },
      workload.stream("writers"),
    );
    this.#pipelines = new PipelineChecks({ groups, datanodes, created: checks.created });
    this.#observer = new Observer({ world, group, datanodes });
    const admins = this.#admins;
    this.operators = new Operators({
      world,
      group,
      trace,
      random: random.stream("operators"),
      onChanged: () => {
        for (const datanode of datanodes) datanode.groupChanged();
      },
    });
    const { operators } = this;
    this.faults = new Faults({
      world,
      options,
      trace,
      random: random.stream("faults"),
      group,
      operators,
      datanodes,
      admins,
    });
    group.onAdded = (scm) => this.#watch(scm);
    for (const scm of group.all) this.#watch(scm);
  }

  #watch(scm: SimScm): void {
    this.faults.watch(scm);
    scm.onServing = (serving) => this.#restarted(scm, serving);
    for (const datanode of this.#datanodes) datanode.groupChanged();
  }

  /** Throws the first thing that is wrong. */
  async run(): Promise<void> {
    await this.#prepare();
    for (let round = 1; round <= this.#options.rounds; round++) {
      this.trace.line("sim", `round ${round}`);
      await this.#disturb();
      await this.#heal();
      await this.#checkAll();
    }
    await this.#endImport();
    await this.#finish();
  }

  /** A first container, so that its stripe is there; then the datanodes come. */
  async #prepare(): Promise<void> {
    const { first, present } = this.group;
    if (present.length > 1) for (const scm of present) scm.joinService(present);
    await first.initialize();
    first.start();
    for (const scm of present) if (scm !== first) this.#join(scm);
    await this.#until("all vote", () => this.#votersCount() === present.length, SETUP_MS_MAX);
    this.#admins[0]?.importFirst();
    await this.#until("the first containers are there", () => this.ledger.counts.done === 3, SETUP_MS_MAX);
    await this.#until("all have its stripe", () => this.#areEqual(), SETUP_MS_MAX);
    this.#replicas.prepare();
    for (const datanode of this.#datanodes) datanode.start();
  }

  /** Datanodes drop the pipelines then that no SCM knows any more. Unknown replicas would be deleted, where
   * that is asked for. */
  async #endImport(): Promise<void> {
    if (this.#options.deletesUnknown) return;
    this.#admins[0]?.endImport();
    await this.#heal();
    await this.#checkAll();
  }

  #join(scm: SimScm): void {
    scm.bootstrap().then(
      () => scm.start(),
      (error: unknown) => {
        this.#failure ??= error;
      },
    );
  }

  /** All have applied the same. */
  #areEqual(): boolean {
    const index = this.group.leader?.running?.cluster.appliedIndex;
    return this.group.present.every(({ running }) => running?.cluster.appliedIndex === index);
  }

  #votersCount(): number {
    return this.group.leader?.serving?.raft.status().confState.voters.length ?? 0;
  }

  async #disturb(): Promise<void> {
    const { scheduler } = this.world;
    const endMs = scheduler.nowMs + this.#options.roundMs;
    for (const client of [...this.#admins, ...this.#writers]) client.work();
    this.#replicas.work();
    this.#services.work();
    this.faults.start();
    const health = scheduler.every(HEALTH_LOOK_MS, () => this.#observer.lookAtHealth());
    let isOver = false;
    scheduler.after(endMs - scheduler.nowMs, () => {
      isOver = true;
    });
    await this.#until("the round ends", () => isOver, 2 * this.#options.roundMs);
    health.cancel();
    for (const part of [...this.#admins, ...this.#writers, this.#replicas, this.#services]) part.rest();
  }

  /** Somebody leads within three election timeouts after nothing stands in the way any more, or after a vote
   * was split. */
  async #elect(): Promise<void> {
    const { world, group, trace } = this;
    const limit = new LeaderLimit(world, group);
    await this.#until("somebody leads", () => limit.look(), 2 * HEAL_MS_MAX);
    const tookMs = Math.round(world.scheduler.nowMs - limit.fromMs);
    trace.line("sim", `led by ${group.leader?.name} after ${tookMs} ms`);
  }

  async #heal(): Promise<void> {
    this.trace.line("sim", "heal");
    this.faults.heal();
    await this.#elect();
    const mend = this.world.scheduler.every(MEND_MS, () => {
      for (const datanode of this.#datanodes) {
        datanode.reportWhenNeeded();
        // A delete goes with its connection or its datanode, and is repeated when the replica is reported.
        if (this.#dueLook?.found?.isDelete === true) datanode.fullReport();
      }
    });
    const limitMs = this.world.scheduler.nowMs + HEAL_MS_MAX;
    const isHealed = (): boolean => {
      const unrest = this.#unrest();
      assert(unrest === undefined || this.world.scheduler.nowMs < limitMs, `does not heal: ${unrest}`);
      return unrest === undefined;
    };
    await this.#until("everything heals", isHealed, 2 * HEAL_MS_MAX);
    mend.cancel();
    this.trace.line("sim", "at rest");
  }

  /** Who is not at rest. */
  #unrest(): string | undefined {
    const { leader, present, journal } = this.group;
    if (leader === undefined) return "nobody leads";
    if (this.operators.unrest !== undefined) return this.operators.unrest;
    const { voters, votersOutgoing } = journal.confState;
    if (voters.length !== present.length || votersOutgoing.length > 0) return "not all vote";
    const index = leader.running?.cluster.appliedIndex;
    for (const { name, serving } of present) {
      if (serving === undefined) return `${name} does not serve`;
      if (serving.cluster.appliedIndex !== index) return `${name} is behind ${leader.name}`;
    }
    for (const admin of this.#admins)
      if (admin.openCount > 0) return `${admin.host} waits for ${admin.openCount} answers`;
    if (this.#writers.some(({ openCount }) => openCount > 0)) return "writers wait for blocks";
    for (const datanode of this.#datanodes) {
      if (!datanode.isAtRest) return datanode.describe();
      for (const scm of present) {
        const unrest = this.#unrestOf(scm, datanode);
        if (unrest !== undefined) return `dn${datanode.number} on ${scm.name}: ${unrest}`;
      }
    }
    return this.#unfinished(leader) ?? this.#pipelineUnrest();
  }

  /** What the leader still has to do for containers. */
  #unfinished({ serving, clock }: SimScm): string | undefined {
    const { services, nodes } = serving as Scm;
    const { waitingCount } = services.closer;
    if (waitingCount > 0 && waitingCount > this.#closingUnheldCount(serving as Scm)) {
      return `${waitingCount} containers wait for their close commands`;
    }
    for (const { uuid, number } of this.#datanodes) {
      const count = nodes.totalCommandCount(nodes.slotOf(uuid) as NodeSlot, "closeContainerCommand");
      if (count > 0) return `dn${number} has ${count} containers to close`;
    }
    const { nowMs } = this.world.scheduler;
    if (this.#dueLook === undefined || nowMs >= this.#dueLook.atMs + DUE_LOOK_MS) {
      this.#dueLook = { atMs: nowMs, found: this.#due.find(serving as Scm, this.#datanodes) };
    }
    const { found } = this.#dueLook;
    // Datanodes take a delete whose deadline is over by their clock for one that came too late.
    const isClockBehind = clock.wallMs() < this.world.clock.wallMs() - CLOCK_BEHIND_MS;
    return found?.isDelete === true && isClockBehind ? undefined : found?.text;
  }

  #pipelineUnrest(): string | undefined {
    const { nowMs } = this.world.scheduler;
    if (this.#pipelineLook === undefined || nowMs >= this.#pipelineLook.atMs + DUE_LOOK_MS) {
      const found = this.group.present
        .map(({ name, serving }) => ({ name, unrest: this.#pipelines.unrestOf(serving as Scm) }))
        .find(({ unrest }) => unrest !== undefined);
      this.#pipelineLook = { atMs: nowMs, found: found && `${found.name}: ${found.unrest}` };
    }
    return this.#pipelineLook.found;
  }

  /** Containers that nobody can be told to close: no datanode has a replica, and the pipeline on which they
   * were to be written is gone. They wait for a report for ever. */
  #closingUnheldCount({ cluster }: Scm): number {
    const { containerIds } = cluster.containers.listIds(1, "CLOSING", CLOSING_COUNT_MAX);
    return containerIds.filter((id) => {
      const { pipelineId } = cluster.containers.table.read(id);
      const isPipelineGone = pipelineId === undefined || cluster.pipelines.get(pipelineId) === undefined;
      return isPipelineGone && !this.#datanodes.some(({ replicas }) => replicas.has(id));
    }).length;
  }

  /** Only replicas of containers that were deleted are: an unknown one may still be imported, whatever the
   * operator wants of those that are gone. */
  #checkDelete({ containerId }: ReportRow): void {
    assert(this.#everDeleted.has(containerId), `a replica of container ${containerId} is deleted`);
  }

  #unrestOf({ serving, clock }: SimScm, datanode: SimDatanode): string | undefined {
    const { nodes, intake, cluster } = serving as Scm;
    const slot = nodes.slotOf(datanode.uuid);
    if (slot === undefined) return "not known";
    const counts = { containerCount: 0, pipelineCount: 0 };
    const node = nodes.node(slot, counts, clock.monotonicMs());
    if (node.health !== "HEALTHY") return node.health;
    if (!intake.fullReportComplete(slot) || !node.fullReportComplete) return "has not reported in full";
    const intent = cluster.intents.rows.get(datanode.uuid);
    const wanted = intent?.operationalState ?? "IN_SERVICE";
    if (node.operationalState !== wanted) return `is ${node.operationalState}, should be ${wanted}`;
    if (datanode.persistedState !== wanted) return `holds ${datanode.persistedState}, should be ${wanted}`;
    return undefined;
  }

  async #checkAll(): Promise<void> {
    this.#checkAudit();
    this.#blocks.checkContainers();
    this.trace.line("sim", `blocks ${JSON.stringify(this.#writers.map(({ counters }) => counters))}`);
    this.trace.line("sim", `containers ${JSON.stringify(this.#space.counters)}`);
    for (const scm of this.group.present) await this.#check(scm, scm.serving as Scm);
  }

  async #check(scm: SimScm, serving: Scm): Promise<void> {
    serving.cluster.checkInvariants();
    serving.raft.checkInvariants();
    for (const shard of scm.shards) shard.checkInvariants();
    // Pipelines are created in the background, whatever else is at rest.
    const hasAll = (): boolean => serving.cluster.appliedIndex === this.#journal.appliedIndex;
    await this.#until(`${scm.name} has applied everything`, hasAll, HEAL_MS_MAX);
    this.#checkReplicated(serving);
    await checkReplicas(serving, this.world.scheduler, this.#plan, this.#datanodes);
    const { replicaCount, unknownReplicaCount } = serving.shards.statistics();
    this.trace.line(scm.name, `replicas ${replicaCount}, unknown ${unknownReplicaCount}`);
    const { decisions, closer } = serving.services;
    this.trace.line(scm.name, `decisions ${JSON.stringify(decisions.counters)}`);
    this.trace.line(scm.name, `closing ${JSON.stringify(closer.counters)}`);
  }

  /** The log's model, the clients' ledger and the SCM's tables say the same (S1). */
  #checkReplicated(scm: Scm): void {
    checkModel(scm, this.#journal.model);
    checkLedger(scm, this.ledger, this.#plan);
    this.ledger.checkAcknowledged();
  }

  /** Every mutation that was answered is on record, done or refused. */
  #checkAudit(): void {
    for (const outcome of ["done", "refused"] as const) {
      const recorded = this.group.all.reduce((sum, { audit }) => sum + audit.counts[outcome], 0);
      const answered = this.#admins.reduce((sum, admin) => sum + admin.answered[outcome], 0);
      assert(recorded >= answered, `${answered} mutations were ${outcome}, ${recorded} are on record`);
    }
  }

  #restarted(scm: SimScm, serving: Scm): void {
    this.#observer.restarted(scm, serving);
    this.#space.watch(scm, serving);
    // Of several, one that has just started may be behind.
    if (this.group.present.length === 1) this.#checkReplicated(serving);
  }

  /** An orderly stop, and an offline check of what it leaves. */
  async #finish(): Promise<void> {
    for (const scm of this.group.present) await this.#stop(scm);
    for (const client of [...this.#admins, ...this.#writers]) client.close();
    const { eventCount, digest } = this.world.scheduler;
    this.trace.line("sim", `end after ${eventCount} events, ${digest.toString(16)}`);
  }

  async #stop(scm: SimScm): Promise<void> {
    let isStopped = false;
    scm.stop(() => {
      isStopped = true;
    });
    await this.#until(`${scm.name} stops`, () => isStopped, HEAL_MS_MAX);
    const state = new ClusterState({
      allocateStripe: () => new SharedArrayBuffer(STRIPE_BYTES),
      onReplicationConfig: () => {},
      onContainerChanged: () => {},
      onNodeIntent: () => {},
      onPipelineChanged: () => undefined,
    });
    const { config, disk } = scm;
    const report = await verify(disk, directoriesOf(config.storage), state, () => {});
    assert(report.findings.length === 0, `verify: ${JSON.stringify(report.findings)}`);
    this.trace.line(scm.name, `verify ${JSON.stringify(report.summary)}`);
  }

  /** Runs until `isDone`, looking at everything after each event. */
  async #until(what: string, isDone: () => boolean, limitMs: number): Promise<void> {
    const look = (): boolean => {
      if (this.#failure !== undefined) throw this.#failure;
      this.#observer.look();
      return isDone();
    };
    await this.world.scheduler.runUntil(what, look, limitMs);
  }
}
