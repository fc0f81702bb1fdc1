import type { ReplicaStore } from "../../workers/pool/replica-store.js";
import type { LiveUsage } from "../../workers/shared/shard-records.js";
import type { ClusterState } from "../cluster/cluster-state.js";
import type { NodeManager } from "../cluster/nodes/node-manager.js";
import type { LeaderView } from "../cluster/nodes/node-types.js";
import { NO_SESSION, OPERATION } from "../cluster/operation.js";
import type { Clock } from "../core/clock.js";
import { CONTAINER_STATE } from "../core/enums.js";
import { StrataError } from "../core/errors.js";
import type { NodeSlot } from "../core/ids.js";
import { containerId as checkedId } from "../core/ids.js";
import type { Scheduler, Timer } from "../core/scheduler.js";
import type { Uuid } from "../core/uuid.js";
import type { Logger } from "../telemetry/logger.js";
import type { ContainerProposals, ProposalEnd } from "./container-proposals.js";
import { Leases } from "./leases.js";
import { LogSummary } from "./log-summary.js";
import type { Service } from "./service.js";

/** How often leases that ended are looked for. */
const LOOK_MS = 1_000;
/** Containers whose replicas are told in one step, in well under a millisecond. */
const CONTAINERS_PER_STEP = 64;
/** Containers found in one step, in about a millisecond. */
const FOUND_PER_STEP = 4096;
/** Between two steps, of telling as of searching, so that other work comes in between. */
const STEP_MS = 2;
/** A few MB, and twice what 5,000 datanodes close in the time of a lease when each writes 500 MB/s, three
 * replicas of 5 GB for a container. What finds no room is searched for when there is. */
export const LEASES_MAX = 65_536;
/** Until a shard that could not answer is asked again. */
const RETRY_MS = 1_000;

export interface ContainerCloserParts {
  readonly scheduler: Scheduler;
  readonly clock: Clock;
  readonly logger: Pick<Logger, "warn">;
  readonly cluster: Pick<ClusterState, "containers" | "pipelines">;
  readonly nodes: Pick<NodeManager, "slotOf" | "uuidOf" | "queueCommand">;
  readonly replicas: Pick<ReplicaStore, "queryReplicas" | "liveUsage">;
  readonly proposals: ContainerProposals;
  /** `ozone.scm.close.container.wait.duration`. */
  readonly waitMs: number;
  readonly leader: () => LeaderView;
}

/** Has containers closed, on the leader (spec 02 §10): brings open ones to CLOSING when a datanode asks, and
 * tells the datanodes of a CLOSING one to close their replicas when the lease is over that clients have for
 * their last blocks. It runs since the container entered that state, by whatever way and under whatever
 * leader (spec 02 §18 rule 11). */
export class ContainerCloser implements Service {
  readonly name = "container closer";
  /** Since start. */
  readonly counters = { requested: 0, commands: 0, refusedCommands: 0 };
  readonly #parts: ContainerCloserParts;
  readonly #unknown: LogSummary;
  /** Of this term. */
  #leases: Leases | undefined;
  #lookTimer: Timer | undefined;
  #tellTimer: Timer | undefined;
  #searchTimer: Timer | undefined;
  /** A container that entered CLOSING found no room. */
  #isSearchDue = false;

  constructor(parts: ContainerCloserParts) {
    this.#parts = parts;
    this.#unknown = new LogSummary({
      ...parts,
      message: "datanodes asked to close containers that do not exist",
      subject: "containerId",
      uuidOf: (node) => parts.nodes.uuidOf(node),
    });
  }

  /** Containers whose replicas are going to be told. */
  get waitingCount(): number {
    return this.#leases?.size ?? 0;
  }

  start(): void {}

  stop(): void {
    this.#end();
  }

  onStatus(leaderReady: boolean): void {
    if (leaderReady === (this.#leases !== undefined)) return;
    if (!leaderReady) {
      this.#end();
      return;
    }
    const { clock, scheduler } = this.#parts;
    this.#leases = new Leases(clock.monotonicMs());
    this.#lookTimer = scheduler.every(LOOK_MS, () => this.#look());
    this.#search(1);
  }

  status(): "RUNNING" | "PAUSED" {
    return this.#leases === undefined ? "PAUSED" : "RUNNING";
  }

  /** A datanode asks for it; the reason is not looked at (spec 02 §10.1). */
  requestClose(containerId: number, by: NodeSlot): void {
    if (this.#leases === undefined) return;
    const { cluster, clock, waitMs } = this.#parts;
    const { table } = cluster.containers;
    const state = table.state(containerId);
    if (state === 0) {
      this.#unknown.note(containerId, by);
      return;
    }
    if (state === CONTAINER_STATE.CLOSING) {
      // If it was told, and its replica is not closed, it is told again after another lease.
      this.#lease(containerId, clock.monotonicMs() + waitMs);
      return;
    }
    // When there is no room, it asks again with a later heartbeat.
    if (state === CONTAINER_STATE.OPEN && this.finalize(containerId, () => undefined)) {
      this.counters.requested++;
    }
  }

  /** Brings an open container to CLOSING. False when there is no room for it now, or another step of this
   * container is under way. */
  finalize(containerId: number, onEnd: (end: ProposalEnd) => void): boolean {
    const { proposals } = this.#parts;
    if (proposals.isFull || proposals.has(containerId)) return false;
    const operation = {
      kind: OPERATION.transitionContainer,
      session: NO_SESSION,
      containerId,
      event: "FINALIZE",
      ...this.#figuresOf(containerId),
    } as const;
    proposals.start(containerId, [operation], onEnd);
    return true;
  }

  /** As the reports have brought them up to date (spec 02 §18 rule 2). */
  #figuresOf(containerId: number): LiveUsage {
    const { sequenceId, usedBytes, keyCount } = this.#parts.cluster.containers.table.read(containerId);
    const figures = { sequenceId, usedBytes, keyCount };
    this.#parts.replicas.liveUsage(containerId, figures);
    return figures;
  }

  /** It was created or entered another state. */
  containerChanged(containerId: number): void {
    if (this.#leases !== undefined) this.#leaseIfClosing(containerId, this.#leases);
  }

  #leaseIfClosing(containerId: number, leases: Leases): void {
    const { cluster, clock, waitMs } = this.#parts;
    const { table } = cluster.containers;
    if (table.state(containerId) !== CONTAINER_STATE.CLOSING || leases.has(containerId)) return;
    // By the clock of the leader of then: they differ, and jump, so it is never more than a whole lease.
    const ageMs = Math.max(0, clock.wallMs() - table.read(containerId).stateEnterTimeMs);
    this.#lease(containerId, clock.monotonicMs() + Math.max(0, waitMs - ageMs));
  }

  #lease(containerId: number, untilMs: number): void {
    const leases = this.#leases;
    if (leases === undefined || leases.has(containerId)) return;
    if (leases.size < LEASES_MAX) leases.add(containerId, untilMs);
    else this.#isSearchDue = true;
  }

  #look(): void {
    if (this.#tellTimer === undefined) this.#tellEnded();
    if (this.#isSearchDue && this.#searchTimer === undefined && this.waitingCount <= LEASES_MAX / 2) {
      this.#isSearchDue = false;
      this.#search(1);
    }
  }

  /** Gives every CLOSING container its lease, a bounded step at a time, and waits where there is no room. */
  #search(from: number): void {
    this.#searchTimer = undefined;
    const leases = this.#leases;
    if (leases === undefined) return;
    if (leases.size + FOUND_PER_STEP > LEASES_MAX) {
      this.#searchTimer = this.#parts.scheduler.after(LOOK_MS, () => this.#search(from));
      return;
    }
    const { containers } = this.#parts.cluster;
    const { containerIds, nextContainerId } = containers.listIds(from, "CLOSING", FOUND_PER_STEP);
    for (const containerId of containerIds) this.#leaseIfClosing(containerId, leases);
    if (nextContainerId === 0) return;
    this.#searchTimer = this.#parts.scheduler.after(STEP_MS, () => this.#search(nextContainerId));
  }

  #tellEnded(): void {
    this.#tellTimer = undefined;
    const { scheduler, clock } = this.#parts;
    const ended = this.#leases?.takeEnded(clock.monotonicMs(), CONTAINERS_PER_STEP) ?? [];
    for (const containerId of ended) this.#tell(containerId);
    if (ended.length < CONTAINERS_PER_STEP) return;
    this.#tellTimer = scheduler.after(STEP_MS, () => this.#tellEnded());
  }

  /** After another lease, as long as that is what it waits for. */
  #tellAgain(containerId: number): void {
    const { cluster, clock, waitMs } = this.#parts;
    if (cluster.containers.table.state(containerId) !== CONTAINER_STATE.CLOSING) return;
    // One that is told in vain for ever must not take the place of others.
    if (this.waitingCount < LEASES_MAX / 2) this.#lease(containerId, clock.monotonicMs() + waitMs);
    else this.#isSearchDue = true;
  }

  /** Whatever state it is in by now: closed replicas stay as they are, and others are still to be closed
   * (spec 02 §10.2 step 5). */
  #tell(containerId: number): void {
    const { cluster, replicas, nodes, clock } = this.#parts;
    const { pipelineId } = cluster.containers.table.read(containerId);
    const pipeline = pipelineId === undefined ? undefined : cluster.pipelines.get(pipelineId);
    if (pipeline !== undefined) {
      const members = pipeline.members.map(({ details }) => details.uuid);
      this.#send(containerId, pipelineId, members);
      return;
    }
    const term = this.#leases;
    replicas.queryReplicas(checkedId(containerId), (answer) => {
      if (this.#leases !== term) return;
      if (answer instanceof StrataError) {
        this.#lease(containerId, clock.monotonicMs() + RETRY_MS);
      } else {
        const holders = answer.replicas.map(({ node }) => nodes.uuidOf(node));
        this.#send(containerId, pipelineId, holders);
      }
    });
  }

  #send(containerId: number, pipelineId: Uuid | undefined, datanodes: readonly Uuid[]): void {
    const { cluster, nodes, leader } = this.#parts;
    const { table, replications } = cluster.containers;
    const { type } = replications.valueOf(table.replication(containerId));
    const command = {
      type: "closeContainerCommand",
      containerId,
      ...(pipelineId === undefined ? {} : { pipelineId }),
      force: type !== "RATIS",
      deadlineMs: 0,
    } as const;
    let toldCount = 0;
    for (const datanode of datanodes) {
      if (nodes.slotOf(datanode) === undefined) continue;
      if (nodes.queueCommand(datanode, command, leader())) toldCount++;
      else this.counters.refusedCommands++;
    }
    this.counters.commands += toldCount;
    // A queue is full, or, soon after a start, datanodes have not registered and replicas not been reported:
    // after another lease all are told once more, which does no harm.
    if (toldCount < datanodes.length || toldCount === 0) this.#tellAgain(containerId);
  }

  #end(): void {
    this.#leases = undefined;
    this.#isSearchDue = false;
    for (const timer of [this.#lookTimer, this.#tellTimer, this.#searchTimer]) timer?.cancel();
    this.#lookTimer = undefined;
    this.#tellTimer = undefined;
    this.#searchTimer = undefined;
    this.#unknown.stop();
  }
}
