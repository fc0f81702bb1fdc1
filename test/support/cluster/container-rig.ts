import { serveAdmin } from "../../../engine/admin/admin-gateway.js";
import type { AdminServices } from "../../../engine/admin/admin-services.js";
import type { NodeEntry } from "../../../engine/cluster/nodes/node-entry.js";
import type { NodeCommand } from "../../../engine/cluster/nodes/node-types.js";
import { NO_SESSION, OPERATION, type Operation } from "../../../engine/cluster/operation.js";
import { EncodedPipelines } from "../../../engine/cluster/pipelines/encoded-pipelines.js";
import type { OperationResult } from "../../../engine/cluster/state-machine.js";
import { REPLICA_STATE, type ReplicaState } from "../../../engine/core/enums.js";
import { StrataError } from "../../../engine/core/errors.js";
import { nodeSlot } from "../../../engine/core/ids.js";
import type { Uuid } from "../../../engine/core/uuid.js";
import type { AuditRecord } from "../../../engine/telemetry/audit.js";
import { codecOf } from "../../../protocol/codec/codec.js";
import { RemoteError } from "../../../protocol/codec/errors.js";
import { ADMIN_PATH, type OperationName, type ResponseOf } from "../../../protocol/schema/messages.js";
import { type ContainerRecord, PIPELINE, type PipelineRecord } from "../../../protocol/schema/records.js";
import type { HolderBatch } from "../../../workers/pool/holder-batch.js";
import type { ContainerReplicas, ReplicaFacts } from "../../../workers/pool/replica-store.js";
import { holderWord } from "../../../workers/shared/holder-records.js";
import type { LiveUsage } from "../../../workers/shared/shard-records.js";
import { FakeBarrier } from "../gateway/fake-barrier.js";
import { RpcWorld } from "../gateway/rpc-world.js";
import { AppliedState } from "./applied-state.js";
import { datanodeDetails, importBatch, seedCluster, uuidOf } from "./builders.js";

/** A replica on datanode `node`, of which the slot has the same number. */
export function factsOf(
  node: number,
  state: ReplicaState,
  changes: Partial<ReplicaFacts> = {},
): ReplicaFacts {
  return {
    node: nodeSlot(node),
    origin: node,
    state: REPLICA_STATE[state],
    replicaIndex: 0,
    isEmpty: false,
    sequenceId: 100,
    keyCount: 10,
    usedBytes: 1000,
    dataChecksum: 0n,
    ...changes,
  };
}

/** The admin gateway on a replicated state without a log, with shards that answer what a test says. */
export class ContainerRig {
  readonly world = new RpcWorld();
  readonly applied = new AppliedState();
  readonly barrier = new FakeBarrier();
  readonly audited: AuditRecord[] = [];
  readonly counters = { listContainerOps: 0 };
  readonly commands: { readonly uuid: Uuid; readonly command: NodeCommand }[] = [];
  readonly deletes: { readonly containerId: number; readonly nodes: readonly number[] }[] = [];
  /** By container; a StrataError is what a shard that is gone answers. */
  readonly facts = new Map<number, ContainerReplicas | StrataError>();
  /** What the shards know of usage, by container. */
  readonly live = new Map<number, LiveUsage>();
  /** By slot. */
  readonly nodeContainers = new Map<number, readonly number[]>();
  /** Datanodes whose queues take no command. */
  readonly fullQueues = new Set<Uuid>();
  readonly context = { safeMode: false };
  /** By slot; the others are HEALTHY and IN_SERVICE. */
  readonly nodeStates = new Map<number, Partial<Pick<NodeEntry, "health" | "operationalState">>>();
  /** What the log answers in place of `apply`. */
  logRefusal: StrataError | undefined;
  readonly #connection;
  #sequence = 0;

  constructor(containerListCountMax = 4096) {
    serveAdmin(this.world.server, {
      ...this.#services(),
      containerListCountMax,
    } as unknown as AdminServices);
    this.applied.done(seedCluster());
    this.applied.done({ kind: OPERATION.openSession, session: NO_SESSION, clientName: "test" });
    this.#connection = this.world.greeted(ADMIN_PATH);
  }

  add(containers: readonly ContainerRecord[], pipelines: readonly PipelineRecord[] = []): void {
    this.applied.done(importBatch(containers, pipelines));
  }

  /** The replicas of a container as the shards know them. */
  report(containerId: number, ...replicas: readonly ReplicaFacts[]): void {
    this.facts.set(containerId, { replicas, live: undefined });
  }

  /** The refusal as text, undefined when it was answered. The codec checks requests and answers. */
  refusal(name: OperationName, request: object): string | undefined {
    const answer = this.#ask(name, request);
    return answer instanceof RemoteError ? `${answer.code}: ${answer.message}` : undefined;
  }

  /** The answer of a request that must have one. */
  answer<N extends OperationName>(name: N, request: object): ResponseOf<N> {
    const answer = this.#ask(name, request);
    if (answer instanceof RemoteError) throw answer;
    return answer as ResponseOf<N>;
  }

  /** Answer, or refusal as text, of the next mutation of the session, or of the same one again with its
   * number. */
  mutate(name: OperationName, fields: object, sequence = ++this.#sequence): unknown {
    const answer = this.#ask(name, { ...fields, sessionId: 1, sequence, ackedSequence: 0 });
    return answer instanceof RemoteError ? `${answer.code}: ${answer.message}` : answer;
  }

  #ask(name: OperationName, request: object): unknown {
    this.world.ask(this.#connection, name, request);
    this.world.turn();
    const { error, body } = this.#connection.lastAnswer;
    return error ?? body;
  }

  #services() {
    const propose = (
      operation: Operation,
      onOutcome: (outcome: OperationResult | StrataError) => void,
    ): void => {
      onOutcome(this.logRefusal ?? (this.applied.apply(operation)[0] as OperationResult));
    };
    return {
      clock: this.world.clock,
      scheduler: this.world.scheduler,
      cluster: this.applied.state,
      nodes: this.#nodes(),
      context: this.context,
      encodedPipelines: new EncodedPipelines({
        pipelines: this.applied.state.pipelines,
        reports: { withLeader: (pipeline) => pipeline },
        encode: (pipeline) => codecOf(PIPELINE).encodeValue(pipeline),
      }),
      pipelineReports: { withLeader: (pipeline: PipelineRecord) => pipeline },
      replicas: this.#replicas(),
      consensus: { propose, readBarrier: this.barrier.ask, leadership: { leaderReady: true, term: 7 } },
      counters: this.counters,
      originOf: (number: number) => uuidOf(number),
      deleteReplicas: (containerId: number, holders: readonly { readonly node: number }[]) => {
        this.deletes.push({ containerId, nodes: holders.map(({ node }) => node) });
        return holders.length;
      },
      audit: {
        ready: () => true,
        whenReady: () => Promise.resolve(),
        write: (record: AuditRecord) => this.audited.push(record),
      },
    };
  }

  #nodes() {
    const nodeAt = (slot: number) => ({
      slot,
      details: datanodeDetails(slot),
      detailsVersion: 1,
      health: "HEALTHY",
      operationalState: "IN_SERVICE",
      ...this.nodeStates.get(slot),
    });
    const slotOf = (uuid: Uuid): number | undefined =>
      [...this.nodeContainers.keys()].find((slot) => uuidOf(slot) === uuid);
    return {
      slotOf,
      uuidOf: (slot: number) => uuidOf(slot),
      index: {
        at: nodeAt,
        get: (uuid: Uuid) => {
          for (let slot = 0; ; slot++) if (uuidOf(slot) === uuid) return nodeAt(slot);
        },
      },
      queueCommand: (uuid: Uuid, command: NodeCommand): boolean => {
        if (this.fullQueues.has(uuid)) return false;
        this.commands.push({ uuid, command });
        return true;
      },
    };
  }

  #replicas() {
    return {
      queryReplicas: (id: number, onAnswer: (answer: ContainerReplicas | StrataError) => void) => {
        onAnswer(this.facts.get(id) ?? { replicas: [], live: undefined });
      },
      queryHolders: (batch: HolderBatch, onHolders: (error: StrataError | undefined) => void) => {
        batch.containerIds.forEach((id, position) => {
          const found = this.facts.get(id) ?? { replicas: [] };
          if (found instanceof StrataError) return;
          const words = found.replicas.map(({ node, replicaIndex }) => holderWord(node, replicaIndex));
          batch.fill(position, Uint32Array.from(words), 0, words.length);
        });
        const failures = batch.containerIds.map((id) => this.facts.get(id));
        onHolders(failures.find((found) => found instanceof StrataError));
      },
      liveUsage: (id: number, into: LiveUsage) => {
        const live = this.live.get(id);
        return live !== undefined && Object.assign(into, live) === into;
      },
      nodeContainerCount: (slot: number) => this.nodeContainers.get(slot)?.length ?? 0,
      nodeContainers: (
        slot: number,
        { fromId, countMax }: { readonly fromId: number; readonly countMax: number },
        onIds: (answer: { readonly ids: readonly number[]; readonly nextContainerId: number }) => void,
      ) => {
        const rest = (this.nodeContainers.get(slot) ?? []).filter((id) => id >= fromId);
        onIds({ ids: rest.slice(0, countMax), nextContainerId: rest[countMax] ?? 0 });
      },
    };
  }
}
