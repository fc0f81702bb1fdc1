import type { Member } from "../../../engine/cluster/members/member.js";
import type {
  ClosePipeline,
  CreateContainers,
  CreatePipeline,
  Operation,
  OperationNumber,
  SessionStamp,
  SetPipelineState,
} from "../../../engine/cluster/operation.js";
import { OPERATION } from "../../../engine/cluster/operation.js";
import type { ErrorCode } from "../../../engine/core/errors.js";
import type { ContainerRecord, PipelineRecord } from "../../../protocol/schema/records.js";

/** What the model answers: an error code, or the result as plain data with the kind of the operation that was
 * carried out, which in a session may be another one than was sent again. */
export type NaiveResult =
  | { readonly error: ErrorCode }
  | { readonly kind: OperationNumber; readonly value: unknown };

type Outcome = { readonly error: ErrorCode } | { readonly value: unknown };

interface NaiveSession {
  lastUsedMs: number;
  use: number;
  acked: number;
  readonly replies: Map<number, NaiveResult>;
}

const WINDOW = 1024;
const SESSION_MAX = 4096;
const IDLE_MS = 60_000;
const REACH = 4_194_304;
const SEQUENCE_MAX: Readonly<Record<string, bigint>> = {
  localId: 2n ** 63n - 1n,
  delTxnId: 2n ** 53n - 1n,
  containerId: 2n ** 53n - 1n,
  CertificateId: 2n ** 63n - 1n,
};

/** The replicated state as Maps and plain objects, written from the specification without a look at speed:
 * what the real one is compared with. Texts of errors are left out. */
export class NaiveCluster {
  readonly containers = new Map<number, ContainerRecord>();
  readonly pipelines = new Map<string, PipelineRecord>();
  readonly sessions = new Map<number, NaiveSession>();
  readonly sequences = new Map<string, bigint>();
  readonly intents = new Map<string, { operationalState: string; expirySeconds: number }>();
  /** Members by number as last described, and those that are in the group now. */
  readonly members = new Map<number, Member>();
  group: readonly number[] = [1];
  nextNodeId = 2;
  configVersion = 0;
  clusterId = "";
  importAllowed = false;
  importEnded = false;
  nowMs = 0;
  operationCount = 0;
  nextSessionId = 1;
  /** Each operation with what became of it, but those that a session answered. */
  readonly history: { readonly operation: Operation; readonly timeMs: number; readonly error?: ErrorCode }[] =
    [];
  readonly #onDone: (operation: Operation, value: unknown) => void;

  /** `onDone` is called for each operation that was carried out, with its result: not for those that were
   * refused, nor for repetitions that a session answers. */
  constructor(onDone: (operation: Operation, value: unknown) => void = () => {}) {
    this.#onDone = onDone;
  }

  apply(nowMs: number, operations: readonly Operation[]): NaiveResult[] {
    this.nowMs = Math.max(this.nowMs, nowMs);
    return operations.map((operation) => {
      this.operationCount++;
      return this.#once(operation);
    });
  }

  changeGroup(index: number, group: readonly number[], added: Member | undefined): void {
    this.group = group;
    this.configVersion = index;
    this.nextNodeId = Math.max(this.nextNodeId, ...group.map((id) => id + 1));
    if (added !== undefined) this.members.set(added.nodeId, added);
  }

  #once(operation: Operation): NaiveResult {
    const stamp = operation.session;
    if (stamp.sessionId === 0) return this.#execute(operation);
    const session = this.sessions.get(stamp.sessionId);
    if (session === undefined) return { error: "SESSION_EXPIRED" };
    const answer = answerOf(session, stamp);
    if (answer !== undefined) return answer;
    const result = this.#execute(operation);
    session.acked = Math.max(session.acked, stamp.ackedSequence);
    for (const sequence of session.replies.keys()) {
      if (sequence <= session.acked) session.replies.delete(sequence);
    }
    session.replies.set(stamp.sequence, result);
    session.lastUsedMs = this.nowMs;
    session.use = this.operationCount;
    return result;
  }

  #execute(operation: Operation): NaiveResult {
    const outcome = this.#outcome(operation);
    const { nowMs: timeMs } = this;
    this.history.push({ operation, timeMs, ...("error" in outcome ? { error: outcome.error } : {}) });
    if ("error" in outcome) return outcome;
    this.#onDone(operation, outcome.value);
    return { kind: operation.kind, value: outcome.value };
  }

  #outcome(operation: Operation): Outcome {
    switch (operation.kind) {
      case OPERATION.seedCluster:
        if (this.clusterId === operation.clusterId) return { value: undefined };
        if (this.clusterId !== "") return { error: "CLUSTER_ID_MISMATCH" };
        this.clusterId = operation.clusterId;
        this.importAllowed = operation.importAllowed;
        this.#raise("localId", operation.localIdFloor);
        this.#raise("CertificateId", 2n);
        return { value: undefined };
      case OPERATION.openSession:
        return this.#openSession();
      case OPERATION.importBatch:
        return this.#import(operation.pipelines, operation.containers);
      case OPERATION.endImport: {
        const error = this.#importError();
        if (error !== undefined) return { error };
        this.importAllowed = false;
        this.importEnded = true;
        return { value: undefined };
      }
      case OPERATION.suppressContainers:
        return this.#suppress(operation.containerIds, operation.suppress);
      case OPERATION.setNodeIntent: {
        const { operationalState, expirySeconds } = operation;
        this.intents.set(operation.uuid, { operationalState, expirySeconds });
        return { value: undefined };
      }
      case OPERATION.reserveSequence: {
        if (this.clusterId === "") return { error: "NOT_READY" };
        const first = (this.sequences.get(operation.sequence) ?? 0n) + 1n;
        this.#raise(operation.sequence, first + BigInt(operation.count) - 1n);
        return { value: first };
      }
      case OPERATION.hashAt:
        return { value: "hash" };
      case OPERATION.transitionContainer:
        return this.#transition(operation.containerId, operation);
      case OPERATION.resurrectContainer:
        return this.#resurrect(operation.containerId, operation);
      case OPERATION.createPipeline:
        return this.#createPipeline(operation);
      case OPERATION.createContainers:
        return this.#createContainers(operation);
      case OPERATION.setPipelineState:
        return this.#setPipelineState(operation.pipelineId, operation);
      case OPERATION.closePipeline:
        return this.#closePipeline(operation);
      case OPERATION.removePipeline: {
        const pipeline = this.pipelines.get(operation.pipelineId);
        if (pipeline === undefined) return { error: "PIPELINE_NOT_FOUND" };
        if (pipeline.state !== "CLOSED") return { error: "INVALID_PIPELINE_STATE" };
        this.pipelines.delete(operation.pipelineId);
        return { value: undefined };
      }
      case OPERATION.setMember:
        return this.#setMember(operation.member);
      case OPERATION.newGroup: {
        const counts = Object.entries(operation.skipped);
        const raised = counts.map(([name, count]) => [name, this.#last(name) + BigInt(count)] as const);
        if (raised.some(([name, last]) => last > (SEQUENCE_MAX[name] ?? 0n))) {
          return { error: "SEQUENCE_EXHAUSTED" };
        }
        for (const [name, last] of raised) this.#raise(name, last);
        this.nextSessionId += operation.skippedSessionIds;
        return { value: undefined };
      }
    }
  }

  #openSession(): Outcome {
    if (this.sessions.size >= SESSION_MAX) {
      const [oldestId, oldest] = [...this.sessions].reduce((a, b) => (a[1].use < b[1].use ? a : b));
      if (this.nowMs - oldest.lastUsedMs < IDLE_MS) return { error: "SESSION_LIMIT" };
      this.sessions.delete(oldestId);
    }
    const id = this.nextSessionId++;
    const { nowMs: lastUsedMs, operationCount: use } = this;
    this.sessions.set(id, { lastUsedMs, use, acked: 0, replies: new Map() });
    return { value: id };
  }

  #import(pipelines: readonly PipelineRecord[], containers: readonly ContainerRecord[]): Outcome {
    const error = this.#importError();
    if (error !== undefined) return { error };
    const newPipelines = new Map(this.pipelines);
    for (const pipeline of pipelines) {
      const existing = newPipelines.get(pipeline.pipelineId);
      if (existing !== undefined && JSON.stringify(existing) !== JSON.stringify(pipeline)) {
        return { error: "PIPELINE_ALREADY_EXISTS" };
      }
      newPipelines.set(pipeline.pipelineId, existing ?? pipeline);
    }
    const newContainers = new Map(this.containers);
    let before = 0;
    let highest = Math.max(Number(this.sequences.get("containerId") ?? 0n), ...this.containers.keys());
    let highestAdded = 0n;
    for (const container of containers) {
      const { containerId, pipelineId, state } = container;
      if (containerId <= before) return { error: "INVALID_ARGUMENT" };
      before = containerId;
      const existing = newContainers.get(containerId);
      if (existing !== undefined) {
        if (sorted(existing) !== sorted(container)) return { error: "CONTAINER_ALREADY_EXISTS" };
        continue;
      }
      if (containerId > highest + REACH) return { error: "CONTAINER_ID_TOO_FAR" };
      if (state === "OPEN" && pipelineId !== undefined) {
        const pipeline = newPipelines.get(pipelineId);
        if (pipeline === undefined) return { error: "PIPELINE_NOT_FOUND" };
        if (pipeline.state === "CLOSED") return { error: "INVALID_ARGUMENT" };
      }
      highest = Math.max(highest, containerId);
      highestAdded = BigInt(containerId);
      newContainers.set(containerId, container);
    }
    const pipelineCount = newPipelines.size - this.pipelines.size;
    const containerCount = newContainers.size - this.containers.size;
    for (const [id, pipeline] of newPipelines) this.pipelines.set(id, pipeline);
    for (const [id, container] of newContainers) this.containers.set(id, container);
    this.#raise("containerId", highestAdded);
    return { value: { pipelineCount, containerCount } };
  }

  #importError(): ErrorCode | undefined {
    if (this.importAllowed) return undefined;
    return this.importEnded ? "IMPORT_ENDED" : "IMPORT_FLOOR_MISSING";
  }

  #suppress(ids: readonly number[], suppressed: boolean): Outcome {
    const failed: number[] = [];
    for (const id of ids) {
      const container = this.containers.get(id);
      if (container === undefined) failed.push(id);
      else this.containers.set(id, { ...container, suppressed });
    }
    return { value: failed };
  }

  #transition(
    id: number,
    step: { event: string; sequenceId: number; usedBytes: number; keyCount: number },
  ): Outcome {
    const container = this.containers.get(id);
    if (container === undefined) return { error: "CONTAINER_NOT_FOUND" };
    const next = NEXT_STATE.get(`${container.state} ${step.event}`) as ContainerRecord["state"] | undefined;
    const isEc = container.replication.type === "EC";
    if (next === undefined || (isEc && next === "QUASI_CLOSED")) return { error: "CONTAINER_STATE" };
    const mayRise = ["OPEN", "CLOSING", "QUASI_CLOSED"].includes(container.state);
    const sequenceId = mayRise ? Math.max(container.sequenceId, step.sequenceId) : container.sequenceId;
    const { usedBytes, keyCount } = step;
    const changes =
      next === container.state ? {} : { state: next, usedBytes, keyCount, stateEnterTimeMs: this.nowMs };
    this.containers.set(id, { ...container, ...changes, sequenceId });
    return { value: undefined };
  }

  #resurrect(
    id: number,
    replica: { replicaState: string; sequenceId: number; usedBytes: number; keyCount: number },
  ): Outcome {
    const container = this.containers.get(id);
    if (container === undefined) return { error: "CONTAINER_NOT_FOUND" };
    const { replicaState, sequenceId, usedBytes, keyCount } = replica;
    const { type } = container.replication;
    const isGone = ["DELETING", "DELETED"].includes(container.state);
    const mustBeNewer = type === "RATIS" && ["CLOSED", "QUASI_CLOSED"].includes(replicaState);
    if (!isGone || type === "EC" || (mustBeNewer && sequenceId <= container.sequenceId)) {
      return { error: "CONTAINER_STATE" };
    }
    this.containers.set(id, {
      ...container,
      state: replicaState === "CLOSED" ? "CLOSED" : "QUASI_CLOSED",
      stateEnterTimeMs: this.nowMs,
      usedBytes,
      keyCount,
      sequenceId: Math.max(sequenceId, container.sequenceId),
    });
    return { value: undefined };
  }

  #createPipeline({ pipeline, containerOwner: owner }: CreatePipeline): Outcome {
    const { pipelineId, replication, members } = pipeline;
    const isEc = replication.type === "EC";
    const wanted = isEc ? replication.ecData + replication.ecParity : replication.factor;
    if (members.length !== wanted) return { error: "INVALID_ARGUMENT" };
    if (this.pipelines.has(pipelineId)) return { error: "DUPLICATED_PIPELINE_ID" };
    if (owner !== undefined && !isEc) return { error: "INVALID_ARGUMENT" };
    const isOpen = owner !== undefined || replication.type === "STAND_ALONE";
    const times = { creationTimeMs: this.nowMs, stateEnterTimeMs: this.nowMs };
    this.pipelines.set(pipelineId, { ...pipeline, ...times, state: isOpen ? "OPEN" : "ALLOCATED" });
    if (owner === undefined) return { value: { pipelineId, containerId: 0 } };
    return { value: { pipelineId, containerId: this.#createContainer(pipeline, owner) } };
  }

  #createContainers({ pipelineId, owner, count }: CreateContainers): Outcome {
    if (count === 0 || count > 1024) return { error: "INVALID_ARGUMENT" };
    const pipeline = this.pipelines.get(pipelineId);
    if (pipeline === undefined) return { error: "PIPELINE_NOT_FOUND" };
    if (pipeline.state !== "OPEN") return { error: "INVALID_PIPELINE_STATE" };
    const ids = Array.from({ length: count }, () => this.#createContainer(pipeline, owner));
    return { value: ids[0] };
  }

  #createContainer(on: Pick<PipelineRecord, "pipelineId" | "replication">, owner: string): number {
    const containerId = Number(this.#last("containerId")) + 1;
    this.#raise("containerId", BigInt(containerId));
    this.containers.set(containerId, {
      containerId,
      state: "OPEN",
      replication: on.replication,
      pipelineId: on.pipelineId,
      owner,
      usedBytes: 0,
      keyCount: 0,
      sequenceId: 0,
      deleteTransactionId: 0,
      stateEnterTimeMs: this.nowMs,
      suppressed: false,
    });
    return containerId;
  }

  #setPipelineState(id: string, { state, leaderId }: Pick<SetPipelineState, "state" | "leaderId">): Outcome {
    const pipeline = this.pipelines.get(id);
    if (pipeline === undefined) return { error: "PIPELINE_NOT_FOUND" };
    const step = `${pipeline.state} ${state}`;
    if (pipeline.state === state) return { value: undefined };
    if (!["ALLOCATED OPEN", "OPEN DORMANT", "DORMANT OPEN"].includes(step)) {
      return { error: "INVALID_PIPELINE_STATE" };
    }
    const leader = leaderId === undefined ? {} : { leaderId };
    this.pipelines.set(id, { ...pipeline, ...leader, state, stateEnterTimeMs: this.nowMs });
    return { value: undefined };
  }

  #closePipeline({ pipelineId, containers: figures }: ClosePipeline): Outcome {
    const pipeline = this.pipelines.get(pipelineId);
    if (pipeline === undefined) return { error: "PIPELINE_NOT_FOUND" };
    if (pipeline.state === "CLOSED") return { value: undefined };
    for (const [id, container] of this.containers) {
      if (container.pipelineId !== pipelineId || container.state !== "OPEN") continue;
      const told = figures.filter(({ containerId }) => containerId === id).at(-1) ?? container;
      this.containers.set(id, {
        ...container,
        state: "CLOSING",
        stateEnterTimeMs: this.nowMs,
        usedBytes: told.usedBytes,
        keyCount: told.keyCount,
        sequenceId: Math.max(container.sequenceId, told.sequenceId),
      });
    }
    this.pipelines.set(pipelineId, { ...pipeline, state: "CLOSED", stateEnterTimeMs: this.nowMs });
    return { value: undefined };
  }

  #setMember(member: Member): Outcome {
    const known = this.members.get(member.nodeId);
    if (!this.group.includes(member.nodeId)) {
      return { error: known === undefined ? "MEMBER_UNKNOWN" : "MEMBER_REMOVED" };
    }
    const isTaken = [...this.members.values()].some(
      ({ nodeId, scmId }) => (nodeId === member.nodeId) !== (scmId === member.scmId),
    );
    if (isTaken) return { error: "INVALID_ARGUMENT" };
    this.members.set(member.nodeId, member);
    return { value: undefined };
  }

  #last(name: string): bigint {
    return this.sequences.get(name) ?? 0n;
  }

  #raise(name: string, last: bigint): void {
    if (last > this.#last(name)) this.sequences.set(name, last);
  }
}

function answerOf(session: NaiveSession, stamp: SessionStamp): NaiveResult | undefined {
  if (stamp.sequence <= session.acked) return { error: "SESSION_SEQUENCE" };
  const stored = session.replies.get(stamp.sequence);
  if (stored !== undefined) return stored;
  const acked = Math.max(session.acked, stamp.ackedSequence);
  const isInWindow = stamp.sequence > acked && stamp.sequence <= acked + WINDOW;
  return isInWindow ? undefined : { error: "SESSION_SEQUENCE" };
}

/** Text of a record whatever the order of its fields. */
export function sorted(record: object): string {
  return JSON.stringify(Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** Spec 02 §4.1 once more, as a list: from, event, to. */
const NEXT_STATE = new Map<string, string>(
  [
    ["OPEN", "FINALIZE", "CLOSING"],
    ["CLOSING", "FINALIZE", "CLOSING"],
    ["CLOSING", "QUASI_CLOSE", "QUASI_CLOSED"],
    ["CLOSING", "CLOSE", "CLOSED"],
    ["QUASI_CLOSED", "FINALIZE", "QUASI_CLOSED"],
    ["QUASI_CLOSED", "QUASI_CLOSE", "QUASI_CLOSED"],
    ["QUASI_CLOSED", "FORCE_CLOSE", "CLOSED"],
    ["QUASI_CLOSED", "DELETE", "DELETING"],
    ...["FINALIZE", "QUASI_CLOSE", "CLOSE", "FORCE_CLOSE"].flatMap((event) => [
      ["CLOSED", event, "CLOSED"],
      ["DELETING", event, "DELETING"],
      ["DELETED", event, "DELETED"],
    ]),
    ["CLOSED", "DELETE", "DELETING"],
    ["DELETING", "DELETE", "DELETING"],
    ["DELETING", "CLEANUP", "DELETED"],
    ["DELETED", "DELETE", "DELETED"],
    ["DELETED", "CLEANUP", "DELETED"],
  ].map(([from, event, to]) => [`${from} ${event}`, to as string]),
);
