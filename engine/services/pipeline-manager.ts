import type { PipelineRecord } from "../../protocol/schema/records.js";
import type { ReplicaStore } from "../../workers/pool/replica-store.js";
import type { ClusterState } from "../cluster/cluster-state.js";
import type { ReplicationConfig } from "../cluster/containers/replication-config.js";
import { isRatis, requiredNodes } from "../cluster/containers/replication-config.js";
import type { NodeManager } from "../cluster/nodes/node-manager.js";
import type { LeaderView, NodeCommand } from "../cluster/nodes/node-types.js";
import type {
  ClosePipeline,
  ContainerFigures,
  CreatePipeline,
  Operation,
  SessionStamp,
} from "../cluster/operation.js";
import { NO_SESSION, OPERATION } from "../cluster/operation.js";
import { bodyOfOutcome, errorOfOutcome, readCreatedPipeline } from "../cluster/operation-result.js";
import type { NodePipelines, PipelineInFlight } from "../cluster/pipelines/node-pipelines.js";
import type { PipelineMembers } from "../cluster/pipelines/pipeline-members.js";
import type { PendingContainers, Reservation } from "../cluster/placement/pending-containers.js";
import { noHealthyNodes, noSpace } from "../cluster/placement/refusals.js";
import type { OperationResult } from "../cluster/state-machine.js";
import type { ProposalCallback } from "../consensus/consensus.js";
import type { Clock } from "../core/clock.js";
import { StrataError } from "../core/errors.js";
import type { NodeSlot } from "../core/ids.js";
import { containerId as checkedId } from "../core/ids.js";
import type { Random } from "../core/random.js";
import type { Scheduler } from "../core/scheduler.js";
import type { Uuid } from "../core/uuid.js";
import { randomUuid } from "../core/uuid.js";
import { Histogram } from "../telemetry/histogram.js";
import { PipelineWaits } from "./pipeline-waits.js";
import type { Service } from "./service.js";

/** Of 32 bytes each. A pipeline has a handful of open containers, unless it was imported. */
export const FIGURES_MAX = 8192;

export interface PipelineManagerParts {
  readonly scheduler: Scheduler;
  readonly clock: Clock;
  readonly random: Random;
  readonly cluster: Pick<ClusterState, "containers" | "pipelines">;
  readonly nodes: Pick<NodeManager, "index" | "queueCommand" | "uuidOf">;
  readonly replicas: Pick<ReplicaStore, "liveUsage">;
  readonly load: NodePipelines;
  readonly members: PipelineMembers;
  readonly pending: Pick<PendingContainers, "reserve" | "bind" | "release">;
  readonly propose: (operation: Operation, onOutcome: ProposalCallback) => void;
  readonly leader: () => LeaderView;
  /** Safe mode's pre-checks have passed, or it is over (spec 03 §4, gate 1). */
  readonly preChecksPassed: () => boolean;
}

export interface PipelineRequest {
  readonly replication: ReplicationConfig;
  readonly excluded?: readonly NodeSlot[];
  readonly favoured?: readonly NodeSlot[];
  /** EC alone: the pipeline is open at once, with its first container for this owner. */
  readonly containerOwner?: string;
}

/** A pipeline whose members are chosen. `settled` is to be called with what became of the operation, once. */
export interface PreparedPipeline {
  readonly operation: CreatePipeline;
  settled(outcome: OperationResult | StrataError): PipelineRecord | StrataError;
}

export type PipelineCallback = (outcome: PipelineRecord | StrataError) => void;
/** Undefined = done. */
export type EndCallback = (refusal: StrataError | undefined) => void;

/** Since start (spec 03 §18). */
export interface PipelineCounters {
  numPipelineAllocated: number;
  numPipelineCreated: number;
  /** Not counted: what a limit or a gate refused, which is normal in every round (spec 03 §20 rule 12). */
  numPipelineCreationFailed: number;
  numPipelineCreationRefused: number;
  numPipelineDestroyed: number;
  numPipelineDestroyFailed: number;
  numPipelineContainSameDatanodes: number;
  /** Commands about pipelines that found no room in a datanode's queue, or no datanode. */
  refusedCommandCount: number;
}

/** Creates, opens, closes and removes pipelines, on the leader. Whatever it decides is proposed first and
 * told the datanodes when it is applied (spec 03 §20 rule 2): a leader that lost its office leaves nothing
 * behind that nobody knows of. What it remembers ends with the term. */
export class PipelineManager implements Service {
  readonly name = "pipelines";
  readonly counters: PipelineCounters = {
    numPipelineAllocated: 0,
    numPipelineCreated: 0,
    numPipelineCreationFailed: 0,
    numPipelineCreationRefused: 0,
    numPipelineDestroyed: 0,
    numPipelineDestroyFailed: 0,
    numPipelineContainSameDatanodes: 0,
    refusedCommandCount: 0,
  };
  /** From a pipeline's entry in the log to that of its opening. */
  readonly openMs = new Histogram(1, 20);
  readonly #parts: PipelineManagerParts;
  readonly #waits: PipelineWaits;
  #isRunning = false;
  #isFrozen = false;
  /** Under way, by pipeline, each with those who want to know. */
  readonly #opening = new Set<Uuid>();
  readonly #closing = new Map<Uuid, EndCallback[]>();
  readonly #removing = new Map<Uuid, EndCallback[]>();

  constructor(parts: PipelineManagerParts) {
    this.#parts = parts;
    this.#waits = new PipelineWaits(parts.scheduler, (id) => parts.cluster.pipelines.get(id));
  }

  start(): void {}

  stop(): void {
    this.#end();
  }

  onStatus(leaderReady: boolean): void {
    if (leaderReady === this.#isRunning) return;
    if (!leaderReady) {
      this.#end();
      return;
    }
    this.#isRunning = true;
    // The leader that created them may have ended before it told their members.
    for (const pipeline of this.#parts.cluster.pipelines.rows.values()) {
      if (pipeline.state === "ALLOCATED") this.#tellMembers(pipeline);
    }
  }

  status(): "RUNNING" | "PAUSED" {
    return this.#isRunning ? "RUNNING" : "PAUSED";
  }

  /** No pipeline is created until `resume`: an upgrade is being finalized (spec 03 §4, gate 2). */
  freeze(): void {
    this.#isFrozen = true;
  }

  resume(): void {
    this.#isFrozen = false;
  }

  get isFrozen(): boolean {
    return this.#isFrozen;
  }

  /** Pipelines that wait for their close or removal to be applied. */
  get endingCount(): number {
    return this.#closing.size + this.#removing.size;
  }

  /** Done when the pipeline is applied: ALLOCATED, then see `whenOpen`, or OPEN (STAND_ALONE, EC with an
   * owner of its first container). */
  create(request: PipelineRequest, done: PipelineCallback): void {
    const prepared = this.prepare(request, NO_SESSION);
    if (prepared instanceof StrataError) done(prepared);
    else this.#parts.propose(prepared.operation, (outcome) => done(prepared.settled(outcome)));
  }

  /** Chooses the members; the caller proposes the operation at once and reports the outcome. */
  prepare(request: PipelineRequest, session: SessionStamp): PreparedPipeline | StrataError {
    try {
      this.#checkGates(request.replication);
      return this.#prepared(request, session);
    } catch (error) {
      if (!(error instanceof StrataError)) throw error;
      if (error.code !== "NOT_LEADER") this.counters.numPipelineCreationRefused++;
      return error;
    }
  }

  /** All its members have reported it (spec 03 §7 rule 4). */
  open(id: Uuid, leaderId: Uuid | undefined): void {
    if (!this.#isRunning || this.#opening.has(id)) return;
    this.#opening.add(id);
    const leader = leaderId === undefined ? {} : { leaderId };
    const operation = {
      kind: OPERATION.setPipelineState,
      session: NO_SESSION,
      pipelineId: id,
      state: "OPEN",
      ...leader,
    } as const;
    this.#parts.propose(operation, (outcome) => {
      this.#opening.delete(id);
      if (errorOfOutcome(outcome) !== undefined) return;
      this.counters.numPipelineCreated++;
      const pipeline = this.#parts.cluster.pipelines.get(id);
      if (pipeline !== undefined) this.openMs.observe(pipeline.stateEnterTimeMs - pipeline.creationTimeMs);
    });
  }

  /** Closes it with its open containers; nothing is sent (spec 03 §9.1): that the containers are CLOSING has
   * its own consequences. */
  close(id: Uuid, done: EndCallback = () => undefined): void {
    this.#once(this.#closing, id, done, this.closeOperation(id, NO_SESSION));
  }

  /** With this leader's figures of the containers (spec 02 §18 rule 2), as far as an entry of the log has
   * room: all of them close. */
  closeOperation(pipelineId: Uuid, session: SessionStamp): ClosePipeline {
    const ids = this.#parts.cluster.containers.open.of(pipelineId).slice(0, FIGURES_MAX);
    const figures = ids.map((id) => this.#figuresOf(id));
    return { kind: OPERATION.closePipeline, session, pipelineId, containers: figures };
  }

  /** Forgets a closed pipeline, and has its members forget it (spec 03 §9.2). */
  remove(id: Uuid, done: EndCallback = () => undefined): void {
    const pipeline = this.#parts.cluster.pipelines.get(id);
    const operation = { kind: OPERATION.removePipeline, session: NO_SESSION, pipelineId: id } as const;
    this.#once(
      this.#removing,
      id,
      (refusal) => {
        if (refusal !== undefined) this.counters.numPipelineDestroyFailed++;
        else {
          this.counters.numPipelineDestroyed++;
          if (pipeline?.replication.type === "RATIS") {
            for (const { details } of pipeline.members) this.tellToClose(details.uuid, id);
          }
        }
        done(refusal);
      },
      operation,
    );
  }

  closeAndRemove(id: Uuid, done: EndCallback = () => undefined): void {
    this.close(id, (refusal) => {
      if (refusal === undefined) this.remove(id, done);
      else done(refusal);
    });
  }

  /** Has a datanode drop a pipeline that is none, or none any more. */
  tellToClose(datanode: Uuid, pipelineId: Uuid): void {
    this.#send(datanode, { type: "closePipelineCommand", pipelineId, deadlineMs: 0 });
  }

  /** Calls back with the first of them that is OPEN: at once when one is. Or with PIPELINE_NOT_FOUND when all
   * are closed or gone, PIPELINE_NOT_READY after `limitMs`, NOT_LEADER at the end of this term. Holds nobody
   * up (spec 03 §20 rule 6). */
  whenOpen(ids: readonly Uuid[], limitMs: number, done: PipelineCallback): void {
    if (this.#isRunning) this.#waits.add(ids, limitMs, done);
    else done(this.#notLeader());
  }

  /** By `apply`; undefined: all were loaded anew. */
  pipelineChanged(id: Uuid | undefined): void {
    // A snapshot is loaded by followers alone.
    if (id !== undefined && this.#isRunning) this.#waits.changed(id);
  }

  #checkGates({ type, factor }: ReplicationConfig): void {
    if (!this.#isRunning) throw this.#notLeader();
    const isForOne = type !== "EC" && factor === 1;
    if (!isForOne && !this.#parts.preChecksPassed()) {
      const reason = "safe mode prechecks have not yet passed";
      throw new StrataError("PIPELINE_CREATION_REFUSED", { reason });
    }
    if (this.#isFrozen) throw new StrataError("PIPELINE_CREATION_REFUSED", { reason: "it is frozen" });
  }

  #prepared(request: PipelineRequest, session: SessionStamp): PreparedPipeline {
    const { replication, excluded = [], favoured = [], containerOwner } = request;
    const { members, load, nodes, random } = this.#parts;
    members.checkLimit(replication);
    const slots = members.choose({ replication, excluded, favoured });
    if (slots.length !== requiredNodes(replication)) {
      throw noHealthyNodes(requiredNodes(replication));
    }
    const suggestedLeader = replication.type === "RATIS" ? members.suggestLeader(slots) : undefined;
    const reservation = containerOwner === undefined ? undefined : this.#reserve(slots);
    const inFlight: PipelineInFlight = { replication, members: slots, suggestedLeader };
    load.begin(inFlight);
    const isEc = replication.type === "EC";
    const operation: CreatePipeline = {
      kind: OPERATION.createPipeline,
      session,
      pipeline: {
        pipelineId: randomUuid(random),
        replication,
        members: slots.map((slot, at) => ({
          details: nodes.index.at(slot).details,
          replicaIndex: isEc ? at + 1 : 0,
        })),
        ...(suggestedLeader === undefined ? {} : { suggestedLeaderId: nodes.uuidOf(suggestedLeader) }),
      },
      ...(containerOwner === undefined ? {} : { containerOwner }),
    };
    return {
      operation,
      settled: (outcome) => {
        load.end(inFlight);
        return this.#settled(operation, outcome, reservation);
      },
    };
  }

  #reserve(slots: readonly NodeSlot[]): Reservation {
    const { pending, clock } = this.#parts;
    const reservation = pending.reserve(slots, clock.monotonicMs());
    if (reservation !== undefined) return reservation;
    throw noSpace(slots.length, 0);
  }

  /** A session may answer with the result of an earlier attempt, which created another pipeline. */
  #settled(
    { pipeline }: CreatePipeline,
    outcome: OperationResult | StrataError,
    reservation: Reservation | undefined,
  ): PipelineRecord | StrataError {
    const { pending } = this.#parts;
    const body = bodyOfOutcome(outcome);
    const created = body instanceof StrataError ? undefined : readCreatedPipeline(body);
    const isOwn = created?.pipelineId === pipeline.pipelineId;
    if (reservation !== undefined) {
      if (isOwn) pending.bind(reservation, checkedId(created.containerId));
      else pending.release(reservation);
    }
    if (body instanceof StrataError) {
      this.counters.numPipelineCreationFailed++;
      return body;
    }
    const record = this.resultOf(body);
    if (isOwn && !(record instanceof StrataError)) this.#created(record);
    return record;
  }

  /** What a creation has come to, by the body of its result; an earlier attempt may have been refused. */
  resultOf(body: Uint8Array): PipelineRecord | StrataError {
    const created = readCreatedPipeline(body);
    if (created === undefined) {
      const reason = "it was not when this was first asked";
      return new StrataError("PIPELINE_CREATION_REFUSED", { reason });
    }
    const { pipelineId } = created;
    return (
      this.#parts.cluster.pipelines.get(pipelineId) ?? new StrataError("PIPELINE_NOT_FOUND", { pipelineId })
    );
  }

  #created(pipeline: PipelineRecord): void {
    this.counters.numPipelineAllocated++;
    if (pipeline.state === "OPEN") this.counters.numPipelineCreated++;
    if (this.#hasSameMembers(pipeline)) this.counters.numPipelineContainSameDatanodes++;
    if (this.#isRunning) this.#tellMembers(pipeline);
  }

  /** As another RATIS/THREE pipeline that is not closed: told in a metric, never refused. */
  #hasSameMembers({ pipelineId, replication, members }: PipelineRecord): boolean {
    if (!isRatis(replication, 3)) return false;
    const { pipelines } = this.#parts.cluster;
    const uuids = new Set(members.map(({ details }) => details.uuid));
    const first = members[0]?.details.uuid;
    if (first === undefined) return false;
    for (const id of pipelines.index.idsOfNode(first)) {
      const other = pipelines.get(id);
      if (other === undefined || id === pipelineId || other.state === "CLOSED") continue;
      if (!isRatis(other.replication, 3)) continue;
      if (other.members.every(({ details }) => uuids.has(details.uuid))) return true;
    }
    return false;
  }

  /** Of a RATIS pipeline, which its members make; of the others they know nothing (spec 03 §5.3, §6). */
  #tellMembers({ pipelineId, replication, members, suggestedLeaderId }: PipelineRecord): void {
    if (replication.type !== "RATIS") return;
    const command: NodeCommand = {
      type: "createPipelineCommand",
      pipelineId,
      replication,
      members: members.map(({ details }) => details),
      priorities: members.map(({ details }) => (details.uuid === suggestedLeaderId ? 1 : 0)),
      deadlineMs: 0,
    };
    for (const { details } of members) this.#send(details.uuid, command);
  }

  #send(datanode: Uuid, command: NodeCommand): void {
    const { nodes, leader } = this.#parts;
    const view = leader();
    if (!view.isLeader) return;
    if (!nodes.queueCommand(datanode, command, view)) this.counters.refusedCommandCount++;
  }

  /** Proposes it unless that is under way for the pipeline already. */
  #once(underWay: Map<Uuid, EndCallback[]>, id: Uuid, done: EndCallback, operation: Operation): void {
    if (!this.#isRunning) {
      done(this.#notLeader());
      return;
    }
    const others = underWay.get(id);
    if (others !== undefined) {
      others.push(done);
      return;
    }
    const waiting = [done];
    underWay.set(id, waiting);
    this.#parts.propose(operation, (outcome) => {
      // Of this term, or of one that is over.
      if (underWay.get(id) === waiting) underWay.delete(id);
      const refusal = errorOfOutcome(outcome);
      for (const one of waiting) one(refusal);
    });
  }

  #figuresOf(containerId: number): ContainerFigures {
    const { cluster, replicas } = this.#parts;
    const { sequenceId, usedBytes, keyCount } = cluster.containers.table.read(containerId);
    const figures = { containerId, sequenceId, usedBytes, keyCount };
    replicas.liveUsage(containerId, figures);
    return figures;
  }

  #notLeader(): StrataError {
    return new StrataError("NOT_LEADER", { term: this.#parts.leader().term });
  }

  #end(): void {
    this.#isRunning = false;
    this.#opening.clear();
    this.#closing.clear();
    this.#removing.clear();
    this.#waits.end(() => this.#notLeader());
  }
}
