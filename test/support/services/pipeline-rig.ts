import type { ReplicationConfig } from "../../../engine/cluster/containers/replication-config.js";
import type { NodeEntry } from "../../../engine/cluster/nodes/node-entry.js";
import type { NodeEvent } from "../../../engine/cluster/nodes/node-types.js";
import { NO_SESSION, OPERATION, type Operation } from "../../../engine/cluster/operation.js";
import { NodePipelines } from "../../../engine/cluster/pipelines/node-pipelines.js";
import { type PipelineLimits, PipelineMembers } from "../../../engine/cluster/pipelines/pipeline-members.js";
import { PipelineReports } from "../../../engine/cluster/pipelines/pipeline-reports.js";
import { PendingContainers } from "../../../engine/cluster/placement/pending-containers.js";
import type { PlacementRequest } from "../../../engine/cluster/placement/placement-policy.js";
import { noSuitableNode } from "../../../engine/cluster/placement/refusals.js";
import type { ProposalCallback } from "../../../engine/consensus/consensus.js";
import { StrataError } from "../../../engine/core/errors.js";
import type { NodeSlot } from "../../../engine/core/ids.js";
import { SeededRandom } from "../../../engine/core/random.js";
import type { Uuid } from "../../../engine/core/uuid.js";
import { PipelineEvents } from "../../../engine/services/pipeline-events.js";
import { PipelineManager, type PipelineRequest } from "../../../engine/services/pipeline-manager.js";
import type { Command, PipelineRecord } from "../../../protocol/schema/records.js";
import { AppliedState } from "../cluster/applied-state.js";
import { importBatch, seedCluster, uuidOf } from "../cluster/builders.js";
import { DEAD_MS, NodeRig, PROCESS_MS, STALE_MS } from "../cluster/node-rig.js";
import { ManualScheduler } from "../consensus/manual-scheduler.js";

const TERM = 5;

export interface PipelineRigOptions {
  readonly limits?: Partial<PipelineLimits>;
  readonly wantsDatastream?: boolean;
  readonly suggestsLeader?: boolean;
  readonly seed?: number;
}

/** Manager and events of pipelines on real tables and a real node manager; proposals wait until the test
 * settles them. Members are the first datanodes that may be, by number. */
export class PipelineRig {
  readonly time = new ManualScheduler();
  readonly applied = new AppliedState();
  readonly nodes: NodeRig;
  readonly load: NodePipelines;
  readonly reports: PipelineReports;
  readonly pending: PendingContainers;
  readonly manager: PipelineManager;
  readonly events: PipelineEvents;
  readonly log: string[] = [];
  /** Times that a datanode appeared that may be a member. */
  usableCount = 0;
  preChecksPassed = true;
  /** Datanodes without room, by slot. */
  readonly full = new Set<NodeSlot>();
  /** RATIS/THREE pipelines of a datanode. */
  pipelineLimit = 2;
  readonly live = new Map<number, { sequenceId: number; usedBytes: number; keyCount: number }>();
  /** What `choose` was asked for. */
  readonly requests: PlacementRequest[] = [];
  #waiting: { readonly operation: Operation; readonly onOutcome: ProposalCallback }[] = [];

  constructor(options: PipelineRigOptions = {}) {
    const random = new SeededRandom(options.seed ?? 1);
    this.applied.nowMs = this.time.wallMs();
    this.applied.done(seedCluster());
    const { pipelines } = this.applied.state;
    this.nodes = new NodeRig({
      listener: {
        onEvent: (event, slot) => this.#onEvent(event, slot),
        onNodeChanged: (node) => this.#onNodeChanged(node),
        onPurge: () => {},
      },
    });
    this.nodes.leader = { isLeader: false, term: TERM };
    const { manager: nodes } = this.nodes;
    this.load = new NodePipelines({ pipelines, nodes: () => nodes, nodeCountMax: 100 });
    this.reports = new PipelineReports(pipelines);
    this.pending = new PendingContainers({
      lifetimeMs: 600_000,
      slotsOf: (slot) => (this.full.has(slot) ? 0 : 100),
      onChanged: () => {},
    });
    const policy = { name: "test", choose: (request: PlacementRequest) => this.#choose(request) };
    const members = new PipelineMembers({
      nodes,
      load: this.load,
      placement: {
        pipelines: policy,
        ec: policy,
        targets: {
          pipelineLimit: () => this.pipelineLimit,
          hasSpace: (slot) => !this.full.has(slot),
        },
        metadataBytesMin: 1,
      },
      random,
      limits: { perNode: 2, total: 0, ...options.limits },
      wantsDatastream: options.wantsDatastream ?? false,
      suggestsLeader: options.suggestsLeader ?? true,
    });
    const shared = { scheduler: this.time, clock: this.time, cluster: this.applied.state, nodes };
    this.manager = new PipelineManager({
      ...shared,
      random,
      replicas: { liveUsage: (id, into) => Object.assign(into, this.live.get(id)) && this.live.has(id) },
      load: this.load,
      members,
      pending: this.pending,
      propose: (operation, onOutcome) => this.propose(operation, onOutcome),
      leader: () => this.nodes.leader,
      preChecksPassed: () => this.preChecksPassed,
    });
    this.events = new PipelineEvents({
      ...shared,
      logger: { warn: (message: string) => void this.log.push(message) },
      reports: this.reports,
      manager: this.manager,
      onNodeUsable: () => this.usableCount++,
    });
  }

  /** Datanodes 1 … count. */
  static of(nodeCount: number, options: PipelineRigOptions = {}): PipelineRig {
    const rig = new PipelineRig(options);
    for (let number = 1; number <= nodeCount; number++) rig.nodes.accept(number);
    return rig.lead();
  }

  /** Into the log of the test. */
  readonly propose = (operation: Operation, onOutcome: ProposalCallback): void => {
    this.#waiting.push({ operation, onOutcome });
  };

  /** This SCM's standing; each time it leads in a term of its own. */
  lead(leads = true): this {
    const { term } = this.nodes.leader;
    this.nodes.become({ isLeader: leads, term: leads ? term + 1 : term });
    for (const service of [this.manager, this.events]) service.onStatus(leads);
    this.time.turn();
    return this;
  }

  /** Ends the present turn and applies what was proposed, until there is nothing more. */
  settle(): void {
    for (this.time.turn(); this.#waiting.length > 0; this.time.turn()) {
      const waiting = this.#waiting.splice(0);
      this.applied.nowMs = this.time.wallMs();
      const results = this.applied.apply(...waiting.map(({ operation }) => operation));
      this.#tellChanges();
      waiting.forEach(({ onOutcome }, at) => {
        onOutcome(results[at] as (typeof results)[number]);
      });
    }
    this.applied.state.checkInvariants();
  }

  /** What waits gets no answer. */
  fail(code: "OUTCOME_UNKNOWN" | "OVERLOADED" = "OUTCOME_UNKNOWN"): void {
    for (const { onOutcome } of this.#waiting.splice(0)) onOutcome(new StrataError(code, { reason: "test" }));
  }

  /** Operations without outcome. */
  get waiting(): readonly Operation[] {
    return this.#waiting.map(({ operation }) => operation);
  }

  /** The outcome of a creation that is carried out at once. */
  create(request: PipelineRequest): PipelineRecord | StrataError {
    let outcome: PipelineRecord | StrataError | undefined;
    this.manager.create(request, (one) => {
      outcome = one;
    });
    this.settle();
    if (outcome === undefined) throw new Error("no outcome");
    return outcome;
  }

  /** A creation that must succeed. */
  created(replication: ReplicationConfig, more: Partial<PipelineRequest> = {}): PipelineRecord {
    const outcome = this.create({ replication, ...more });
    if (outcome instanceof StrataError) throw outcome;
    return outcome;
  }

  add(...pipelines: readonly PipelineRecord[]): this {
    this.applied.done(importBatch([], pipelines));
    this.#tellChanges();
    return this;
  }

  /** Nothing more is imported. */
  endImport(): this {
    this.apply({ kind: OPERATION.endImport, session: NO_SESSION });
    return this;
  }

  apply(operation: Operation): void {
    this.applied.done(operation);
    this.#tellChanges();
  }

  stateOf(id: Uuid): string {
    return this.applied.state.pipelines.get(id)?.state ?? "none";
  }

  /** The pipeline is reported by these datanodes, the first of which says that it leads. */
  report(id: Uuid, ...datanodes: readonly number[]): void {
    for (const [at, number] of datanodes.entries()) {
      this.events.reported(uuidOf(number), [{ pipelineId: id, isLeader: at === 0, bytesWritten: 0 }]);
    }
    this.settle();
  }

  /** Opens it as its members do. */
  open(pipeline: PipelineRecord): void {
    this.report(pipeline.pipelineId, ...pipeline.members.map(({ details }) => numberOf(details.uuid)));
  }

  /** Without reports. */
  setState(pipelineId: Uuid, state: "OPEN" | "DORMANT"): void {
    this.apply({ kind: OPERATION.setPipelineState, session: NO_SESSION, pipelineId, state });
  }

  /** What the datanode's next heartbeat brings it. */
  commandsOf(datanode: number): readonly Command[] {
    return this.nodes.beat(datanode).commands;
  }

  slotOf(datanode: number): NodeSlot {
    return this.nodes.manager.slotOf(uuidOf(datanode)) as NodeSlot;
  }

  /** Lets datanodes be silent until they are STALE, or DEAD; the others send heartbeats. */
  silence(health: "STALE" | "DEAD", datanodes: readonly number[]): void {
    const others = this.nodes.manager.index
      .all()
      .map(({ uuid }) => numberOf(uuid))
      .filter((number) => !datanodes.includes(number));
    this.nodes.run((health === "STALE" ? STALE_MS : DEAD_MS) + 2 * PROCESS_MS, others);
    this.settle();
  }

  #tellChanges(): void {
    for (const id of this.applied.changedPipelines.splice(0)) {
      this.reports.pipelineChanged(id);
      this.load.changed(id);
      this.manager.pipelineChanged(id);
      this.events.pipelineChanged(id);
    }
  }

  #onEvent(event: NodeEvent, slot: NodeSlot): void {
    if (event === "NEW_NODE") this.load.nodeAdded(slot);
    this.events.nodeEvent(event, slot);
  }

  #onNodeChanged(node: NodeEntry): void {
    this.events.nodeChanged(node);
  }

  #choose(request: PlacementRequest): NodeSlot[] {
    this.requests.push(request);
    const chosen: NodeSlot[] = [];
    for (const { slot, health, operationalState } of this.nodes.manager.index.all()) {
      if (health !== "HEALTHY" || operationalState !== "IN_SERVICE") continue;
      if (request.excluded?.includes(slot) || this.full.has(slot)) continue;
      if (chosen.length < request.required) chosen.push(slot);
    }
    if (chosen.length < request.required) throw noSuitableNode(request.required, "test");
    return chosen;
  }
}

export function numberOf(uuid: Uuid): number {
  return Number.parseInt(uuid.slice(-12), 16);
}
