import { unreachable } from "../core/assert.js";
import { ByteReader } from "../core/byte-reader.js";
import { isCount, NODE_SLOT_COUNT_MAX } from "../core/ids.js";
import { RepeatedText } from "../core/repeated-text.js";
import { readUuid, type Uuid } from "../core/uuid.js";
import type { ClusterMeta } from "./cluster-meta.js";
import type { Containers } from "./containers/containers.js";
import { applyResurrection } from "./containers/resurrection.js";
import { applyTransition } from "./containers/transition.js";
import { applyImport } from "./import.js";
import type { MemberTable } from "./members/member-table.js";
import type { IntentTable } from "./nodes/intent-table.js";
import type { NodeIntent } from "./nodes/node-types.js";
import type { NewGroup, OpenSession, Operation, ReserveSequence, SeedCluster } from "./operation.js";
import { OPERATION, OPERATION_VERSION } from "./operation.js";
import {
  CREATE_OWNER_LENGTH_OFFSET,
  CREATE_OWNER_OFFSET,
  CREATE_PIPELINE_OFFSET,
  readOperation,
  SUPPRESS_COUNT_OFFSET,
  SUPPRESS_FLAG_OFFSET,
  SUPPRESS_IDS_OFFSET,
} from "./operation-codec.js";
import { DONE, done, failedContainerIds, refused } from "./operation-result.js";
import {
  applyClosePipeline,
  applyCreateContainers,
  applyCreatePipeline,
  applyPipelineState,
  applyRemovePipeline,
} from "./pipelines/pipeline-operations.js";
import type { PipelineTable } from "./pipelines/pipeline-table.js";
import { SEQUENCE, type SequenceName, type SequenceTable } from "./sequence/sequence-table.js";
import type { SessionTable, SessionUse } from "./sessions/session-table.js";
import type { OperationResult } from "./state-machine.js";

/** All that operations read and change. */
export interface ExecutorTables {
  readonly containers: Containers;
  readonly pipelines: PipelineTable;
  readonly sequences: SequenceTable;
  readonly intents: IntentTable;
  readonly members: MemberTable;
  readonly sessions: SessionTable;
  readonly meta: ClusterMeta;
  hash(): string;
  onNodeIntent(uuid: Uuid, intent: NodeIntent): void;
}

/** Carries single operations out: a pure function of the tables and the operation's bytes. */
export class Executor {
  readonly #tables: ExecutorTables;
  readonly #owners = new RepeatedText();

  constructor(tables: ExecutorTables) {
    this.#tables = tables;
  }

  /** The operation whose `bytes` begin at `offset` of `view`. Throws RangeError when they are none. */
  execute(bytes: Uint8Array, view: DataView, offset: number, use: SessionUse): OperationResult {
    switch (view.getUint16(offset, true)) {
      case OPERATION.suppressContainers:
        return this.#suppress(view, offset, bytes.length);
      case OPERATION.createContainers:
        return this.#createContainers(bytes, view, offset);
      default:
        return this.#executeDecoded(readOperation(new ByteReader(bytes)), use);
    }
  }

  /** Read in place, too. Consecutive ones are mostly of the same owner. */
  #createContainers(bytes: Uint8Array, view: DataView, offset: number): OperationResult {
    const version = view.getUint8(offset + 2);
    if (version !== OPERATION_VERSION[OPERATION.createContainers]) throw new RangeError(`version ${version}`);
    const ownerEnd = CREATE_OWNER_OFFSET + view.getUint32(offset + CREATE_OWNER_LENGTH_OFFSET, true);
    if (ownerEnd + 4 !== bytes.length) throw new RangeError(`owner to ${ownerEnd} in ${bytes.length} bytes`);
    const wanted = {
      pipelineId: readUuid(bytes, CREATE_PIPELINE_OFFSET),
      owner: this.#owners.text(bytes, CREATE_OWNER_OFFSET, ownerEnd),
      count: view.getUint32(offset + ownerEnd, true),
    };
    return applyCreateContainers(this.#tables, wanted, this.#tables.meta.nowMs);
  }

  /** Read in place: the hottest operation makes no object but its result when ids are unknown. */
  #suppress(view: DataView, offset: number, length: number): OperationResult {
    const version = view.getUint8(offset + 2);
    if (version !== OPERATION_VERSION[OPERATION.suppressContainers])
      throw new RangeError(`version ${version}`);
    const count = view.getUint32(offset + SUPPRESS_COUNT_OFFSET, true);
    if (SUPPRESS_IDS_OFFSET + count * 8 !== length) throw new RangeError(`${count} ids in ${length} bytes`);
    const suppress = view.getUint8(offset + SUPPRESS_FLAG_OFFSET) !== 0;
    const { table } = this.#tables.containers;
    let failed: number[] = NO_IDS;
    for (let i = 0; i < count; i++) {
      const id = view.getFloat64(offset + SUPPRESS_IDS_OFFSET + i * 8, true);
      if (table.suppress(id, suppress)) continue;
      if (failed === NO_IDS) failed = [];
      failed.push(id);
    }
    return failed === NO_IDS ? DONE : failedContainerIds(failed);
  }

  #executeDecoded(operation: Operation, use: SessionUse): OperationResult {
    const { containers, members, meta } = this.#tables;
    switch (operation.kind) {
      case OPERATION.seedCluster:
        return this.#seed(operation);
      case OPERATION.openSession:
        return this.#openSession(operation, use);
      case OPERATION.importBatch:
        return this.#importRefusal ?? applyImport(this.#tables, operation);
      case OPERATION.endImport:
        return this.#endImport();
      case OPERATION.suppressContainers:
      case OPERATION.createContainers:
        throw new RangeError(`operation ${operation.kind} is read in place`);
      case OPERATION.setNodeIntent:
        return this.#setIntent(operation.uuid, operation);
      case OPERATION.reserveSequence:
        return this.#reserve(operation);
      case OPERATION.hashAt:
        return done((writer) => writer.text(this.#tables.hash()));
      case OPERATION.transitionContainer:
        return applyTransition(containers, operation, meta.nowMs);
      case OPERATION.setMember:
        return members.set(operation.member, meta.confState) ?? DONE;
      case OPERATION.newGroup:
        return this.#startNewGroup(operation);
      case OPERATION.resurrectContainer:
        return applyResurrection(containers, operation, meta.nowMs);
      case OPERATION.createPipeline:
        return applyCreatePipeline(this.#tables, operation, meta.nowMs);
      case OPERATION.setPipelineState:
        return applyPipelineState(this.#tables, operation, meta.nowMs);
      case OPERATION.closePipeline:
        return applyClosePipeline(this.#tables, operation, meta.nowMs);
      case OPERATION.removePipeline:
        return applyRemovePipeline(this.#tables, operation);
      default:
        return unreachable(operation);
    }
  }

  /** Once in a cluster's life; repeated by a leader that did not see the first one applied. */
  #seed({ clusterId, importAllowed, localIdFloor, termFloor }: SeedCluster): OperationResult {
    const { meta, sequences } = this.#tables;
    const expected = meta.clusterId;
    if (expected === clusterId) return DONE;
    if (expected !== "") return refused("CLUSTER_ID_MISMATCH", { given: clusterId, expected });
    meta.clusterId = clusterId;
    meta.importAllowed = importAllowed;
    meta.termFloor = termFloor;
    sequences.raise("localId", localIdFloor);
    // Serials 1 and 2 belong to the certificates of the first SCM (spec 07 §12.4).
    sequences.raise("CertificateId", 2n);
    return DONE;
  }

  get #importRefusal(): OperationResult | undefined {
    const { importAllowed, hasImportEnded } = this.#tables.meta;
    if (importAllowed) return undefined;
    return refused(hasImportEnded ? "IMPORT_ENDED" : "IMPORT_FLOOR_MISSING");
  }

  #endImport(): OperationResult {
    const refusal = this.#importRefusal;
    if (refusal !== undefined) return refusal;
    const { meta } = this.#tables;
    meta.importAllowed = false;
    meta.hasImportEnded = true;
    return DONE;
  }

  #openSession({ clientName }: OpenSession, use: SessionUse): OperationResult {
    const { meta, sessions } = this.#tables;
    const id = meta.nextSessionId;
    const refusal = sessions.open(id, clientName, use);
    if (refusal !== undefined) return refusal;
    meta.nextSessionId = id + 1;
    return done((writer) => writer.f64(id));
  }

  #setIntent(uuid: Uuid, { operationalState, expirySeconds }: NodeIntent): OperationResult {
    const intent = { operationalState, expirySeconds };
    const { intents } = this.#tables;
    if (!intents.set(uuid, intent)) return refused("NODE_LIMIT", { limit: NODE_SLOT_COUNT_MAX });
    this.#tables.onNodeIntent(uuid, intent);
    return DONE;
  }

  #startNewGroup({ skipped, skippedSessionIds, skippedNodeIds }: NewGroup): OperationResult {
    const { meta, members, sequences } = this.#tables;
    const names = Object.keys(SEQUENCE) as SequenceName[];
    for (const name of names) {
      if (!sequences.hasRoom(name, skipped[name])) return refused("SEQUENCE_EXHAUSTED", { name });
    }
    const nextSessionId = meta.nextSessionId + skippedSessionIds;
    if (!isCount(nextSessionId)) return refused("SEQUENCE_EXHAUSTED", { name: "session id" });
    if (!members.skip(skippedNodeIds)) return refused("SEQUENCE_EXHAUSTED", { name: "node id" });
    meta.nextSessionId = nextSessionId;
    meta.lostItsGroup = true;
    for (const name of names) sequences.raise(name, sequences.last(name) + BigInt(skipped[name]));
    return DONE;
  }

  /** Before the cluster is seeded local ids would start at 1 and meet those of an old cluster. */
  #reserve({ sequence, count }: ReserveSequence): OperationResult {
    const { meta, sequences } = this.#tables;
    if (meta.clusterId === "") return refused("NOT_READY", { step: "the cluster is not seeded" });
    if (count === 0) return refused("INVALID_ARGUMENT", { field: "count", reason: "is 0" });
    if (!sequences.hasRoom(sequence, count)) return refused("SEQUENCE_EXHAUSTED", { name: sequence });
    const first = sequences.reserve(sequence, count);
    return done((writer) => {
      writer.u64(first);
      writer.u32(count);
    });
  }
}

const NO_IDS: number[] = [];
