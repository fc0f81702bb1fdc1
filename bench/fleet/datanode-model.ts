import type { ReplicaState } from "../../engine/core/enums.js";
import type { Uuid } from "../../engine/core/uuid.js";
import type { ReportRow } from "../../protocol/codec/report-rows.js";
import type { Command, PipelineReport } from "../../protocol/schema/records.js";
import type { GroupEntry, GroupMember, PipelineGroups } from "./pipeline-groups.js";

/** `ozone.scm.container.size` of the reference. */
export const CONTAINER_BYTES = 5 * 1024 ** 3;
/** `hdds.container.close.threshold`: from here on a datanode asks to close a container. */
const CLOSE_THRESHOLD = 0.9;
/** `hdds.container.action.max.limit`. */
const ACTIONS_MAX = 20;
/** A datanode asks with each write to a full container; ours asks again after this long. */
const ACTION_REPEAT_MS = 10_000;

/** A pipeline whose Raft group the datanode has. */
export interface ServedPipeline {
  readonly members: readonly Uuid[];
  readonly priorities: readonly number[];
}

export interface DatanodeModelOptions {
  readonly uuid: Uuid;
  readonly groups: PipelineGroups;
  readonly containerBytes?: number;
  /** A replica has another state, is new, or is gone (DELETED): to be told at once. */
  onState?(row: ReportRow): void;
  /** A replica holds more than before: told with what comes next. */
  onGrown?(row: ReportRow): void;
  /** It has joined a Raft group, or left one (`undefined`). */
  onPipeline?(pipelineId: Uuid, pipeline: ServedPipeline | undefined): void;
}

/** What a datanode does about pipelines and containers that are written to (spec 01 §10, spec 03 §7): it
 * creates and removes Raft groups as it is told, opens a replica when a block comes, grows it, asks to close
 * it when it is full, and closes it. Pure: no sockets, no clock. Only commands of the highest term may reach
 * it (`DatanodeGroupClient.nextCommand`). */
export class DatanodeModel implements GroupMember {
  readonly uuid: Uuid;
  readonly #options: DatanodeModelOptions;
  readonly #containerBytes: number;
  readonly #replicas = new Map<number, ReportRow>();
  readonly #pipelines = new Map<Uuid, ServedPipeline>();
  readonly #pipelineOf = new Map<number, Uuid>();
  /** Full containers, and when the SCM was last asked to close them. */
  readonly #full = new Map<number, number>();

  constructor(options: DatanodeModelOptions) {
    this.uuid = options.uuid;
    this.#options = options;
    this.#containerBytes = options.containerBytes ?? CONTAINER_BYTES;
    options.groups.addMember(this);
  }

  /** By container id. */
  get replicas(): ReadonlyMap<number, ReportRow> {
    return this.#replicas;
  }

  get pipelines(): ReadonlyMap<Uuid, ServedPipeline> {
    return this.#pipelines;
  }

  pipelineOf(containerId: number): Uuid | undefined {
    return this.#pipelineOf.get(containerId);
  }

  /** It has this replica from now on: as it was on its disk, or, without a pipeline, by something that is not
   * modelled here. */
  putReplica(row: ReportRow, pipelineId?: Uuid): void {
    this.#replicas.set(row.containerId, row);
    if (pipelineId === undefined) return;
    this.#pipelineOf.set(row.containerId, pipelineId);
    this.#noteFull(row);
  }

  /** Without a word. */
  dropReplica(containerId: number): void {
    this.#replicas.delete(containerId);
    this.#pipelineOf.delete(containerId);
    this.#full.delete(containerId);
  }

  /** As it was on its disk; after the replicas. */
  restorePipeline(pipelineId: Uuid, pipeline: ServedPipeline): void {
    this.#join(pipelineId, pipeline);
  }

  /** False when the command is about nothing that is modelled here. */
  obey(command: Command): boolean {
    const { pipelineId, containerId } = command;
    switch (command.type) {
      case "createPipelineCommand":
        if (pipelineId !== undefined) this.#createPipeline(pipelineId, command);
        return true;
      case "closePipelineCommand":
        if (pipelineId !== undefined) this.#closePipeline(pipelineId);
        return true;
      case "closeContainerCommand":
        return this.#withReplica(containerId, (row) => this.#close(row, command.force === true));
      case "deleteContainerCommand":
        return this.#withReplica(containerId, (row) => this.#delete(row, command.force === true));
      default:
        return false;
    }
  }

  /** For a registration or a heartbeat. */
  pipelineReports(): PipelineReport[] {
    return [...this.#pipelines.keys()].map((pipelineId) => ({
      pipelineId,
      isLeader: this.#options.groups.leaderOf(pipelineId) === this.uuid,
      bytesWritten: 0,
    }));
  }

  /** Full containers that the SCM is to be asked to close now; what it does not hear is asked again. */
  containerActions(nowMs: number): { containerId: number; reason: "CONTAINER_FULL" }[] {
    const actions: { containerId: number; reason: "CONTAINER_FULL" }[] = [];
    for (const [containerId, askedMs] of this.#full) {
      if (nowMs - askedMs < ACTION_REPEAT_MS) continue;
      actions.push({ containerId, reason: "CONTAINER_FULL" });
      this.#full.set(containerId, nowMs);
      if (actions.length === ACTIONS_MAX) break;
    }
    return actions;
  }

  /** What its containers take of its volumes, and what its open ones may still take. O(replicas) */
  storage(): { readonly usedBytes: number; readonly committedBytes: number } {
    let [usedBytes, committedBytes] = [0, 0];
    for (const row of this.#replicas.values()) {
      usedBytes += row.usedBytes;
      if (row.state === "OPEN") committedBytes += Math.max(0, this.#containerBytes - row.usedBytes);
    }
    return { usedBytes, committedBytes };
  }

  /** A part of an EC block: datanodes know nothing of EC pipelines. False when its replica is not open. */
  writePart(containerId: number, replicaIndex: number, bytes: number): boolean {
    if (!this.mayWrite(containerId)) return false;
    this.#grow(containerId, { bytes, sequenceId: 0, replicaIndex });
    return true;
  }

  mayWrite(containerId: number): boolean {
    return (this.#replicas.get(containerId)?.state ?? "OPEN") === "OPEN";
  }

  apply(entry: GroupEntry): void {
    const { containerId, pipelineId, index: sequenceId } = entry;
    if (entry.kind === "write") {
      this.#pipelineOf.set(containerId, pipelineId);
      this.#grow(containerId, { bytes: entry.bytes, sequenceId, replicaIndex: 0 });
      return;
    }
    const row = this.#replicas.get(containerId);
    if (row !== undefined && isOpen(row)) this.#setState(row, "CLOSED");
  }

  #createPipeline(pipelineId: Uuid, { members = [], priorities = [] }: Command): void {
    // A command may come twice, and to somebody who is no member.
    if (this.#pipelines.has(pipelineId)) return;
    const uuids = members.map(({ uuid }) => uuid);
    if (!uuids.includes(this.uuid)) return;
    this.#join(pipelineId, { members: uuids, priorities });
  }

  #join(pipelineId: Uuid, pipeline: ServedPipeline): void {
    this.#pipelines.set(pipelineId, pipeline);
    let lastIndex = 0;
    for (const [containerId, of] of this.#pipelineOf) {
      if (of !== pipelineId) continue;
      lastIndex = Math.max(lastIndex, this.#replicas.get(containerId)?.sequenceId ?? 0);
    }
    this.#options.groups.join({ kind: "joined", pipelineId, member: this.uuid, lastIndex, ...pipeline });
    this.#options.onPipeline?.(pipelineId, pipeline);
  }

  /** Open replicas become quasi-closed with their group (ref: ContainerStateMachine.notifyGroupRemove). */
  #closePipeline(pipelineId: Uuid): void {
    if (!this.#pipelines.delete(pipelineId)) return;
    this.#options.groups.leave(pipelineId, this.uuid);
    this.#options.onPipeline?.(pipelineId, undefined);
    for (const [containerId, of] of this.#pipelineOf) {
      const row = of === pipelineId ? this.#replicas.get(containerId) : undefined;
      if (row !== undefined && isOpen(row)) this.#setState(row, "QUASI_CLOSED");
    }
  }

  /** Spec 01 §10: by the group as long as there is one. */
  #close(row: ReportRow, force: boolean): void {
    const { containerId } = row;
    if (!isOpen(row)) {
      if (force && row.state === "QUASI_CLOSED") this.#setState(row, "CLOSED");
      return;
    }
    const pipelineId = this.#pipelineOf.get(containerId);
    if (pipelineId === undefined || !this.#pipelines.has(pipelineId)) {
      this.#setState(row, force ? "CLOSED" : "QUASI_CLOSED");
      return;
    }
    if (row.state === "OPEN") this.#setState(row, "CLOSING");
    this.#options.groups.close(pipelineId, containerId, this.uuid);
  }

  #delete(row: ReportRow, force: boolean): void {
    if (!force && !mayDeleteWithoutForce(row)) return;
    this.dropReplica(row.containerId);
    this.#options.onState?.({ ...row, state: "DELETED" });
  }

  #grow(
    containerId: number,
    written: Pick<ReportRow, "sequenceId" | "replicaIndex"> & { readonly bytes: number },
  ): void {
    const { bytes, sequenceId, replicaIndex } = written;
    const before = this.#replicas.get(containerId);
    const row: ReportRow = {
      containerId,
      usedBytes: (before?.usedBytes ?? 0) + bytes,
      sequenceId: Math.max(before?.sequenceId ?? 0, sequenceId),
      keyCount: (before?.keyCount ?? 0) + 1,
      originNodeId: before?.originNodeId ?? this.uuid,
      state: before?.state ?? "OPEN",
      isEmpty: false,
      replicaIndex,
    };
    this.#replicas.set(containerId, row);
    this.#noteFull(row);
    if (before === undefined) this.#options.onState?.(row);
    else this.#options.onGrown?.(row);
  }

  #setState(row: ReportRow, state: ReplicaState): void {
    const changed = { ...row, state };
    this.#replicas.set(row.containerId, changed);
    this.#noteFull(changed);
    this.#options.onState?.(changed);
  }

  #noteFull({ containerId, usedBytes, state }: ReportRow): void {
    if (state !== "OPEN") this.#full.delete(containerId);
    else if (usedBytes >= this.#containerBytes * CLOSE_THRESHOLD && !this.#full.has(containerId)) {
      this.#full.set(containerId, Number.NEGATIVE_INFINITY);
    }
  }

  #withReplica(containerId: number | undefined, task: (row: ReportRow) => void): boolean {
    const row = containerId === undefined ? undefined : this.#replicas.get(containerId);
    if (row === undefined) return false;
    task(row);
    return true;
  }
}

/** A datanode refuses to delete others unless it is forced to (spec 02 §13). */
export function mayDeleteWithoutForce({ state, isEmpty }: ReportRow): boolean {
  return isEmpty && state !== "OPEN" && state !== "CLOSING";
}

function isOpen({ state }: ReportRow): boolean {
  return state === "OPEN" || state === "CLOSING";
}
