import type { ContainerRecord, PipelineRecord } from "../../protocol/schema/records.js";
import type { ContainerEvent, OperationalState } from "../core/enums.js";
import type { Uuid } from "../core/uuid.js";
import type { ProvingReplicaState } from "./containers/resurrection.js";
import type { Member } from "./members/member.js";
import type { SettablePipelineState } from "./pipelines/pipeline-state.js";
import type { SequenceName } from "./sequence/sequence-table.js";

/** Every replicated operation by number. A number is for ever: it stands in logs on disk. An operation that
 * changes its encoding gets a new version (`OPERATION_VERSION`) and its decoder keeps reading the old ones.
 */
export const OPERATION = {
  seedCluster: 1,
  openSession: 2,
  importBatch: 3,
  suppressContainers: 4,
  setNodeIntent: 5,
  reserveSequence: 6,
  hashAt: 7,
  transitionContainer: 8,
  setMember: 9,
  newGroup: 10,
  resurrectContainer: 11,
  createPipeline: 12,
  setPipelineState: 13,
  closePipeline: 14,
  removePipeline: 15,
  createContainers: 16,
  endImport: 20,
} as const;
export type OperationNumber = (typeof OPERATION)[keyof typeof OPERATION];

/** The version that this release writes. */
export const OPERATION_VERSION: Readonly<Record<OperationNumber, number>> = {
  1: 1,
  2: 1,
  3: 1,
  4: 1,
  5: 1,
  6: 1,
  7: 1,
  8: 1,
  9: 1,
  10: 1,
  11: 1,
  12: 1,
  13: 1,
  14: 1,
  15: 1,
  16: 1,
  20: 1,
};

/** Makes a mutation happen exactly once (raft.md §13). With `sessionId` 0 it is at-least-once: a caller
 * that repeats it after a lost answer may do it twice, so every operation is idempotent or guarded by its
 * preconditions. A caller that has no session of ours but a key of its own (Hadoop RPC: client id and call
 * id, spec 12 §8.2 H12) is at-least-once too, and its audit record says so. */
export interface SessionStamp {
  readonly sessionId: number;
  /** 1, 2, 3 … within the session. */
  readonly sequence: number;
  /** Every answer up to here has been received; below `sequence`. */
  readonly ackedSequence: number;
}

export const NO_SESSION: SessionStamp = { sessionId: 0, sequence: 0, ackedSequence: 0 };

interface Stamped {
  readonly session: SessionStamp;
}

/** First operation of a fresh cluster; fixes what every SCM of it must agree on (spec 07 §12.4). */
export interface SeedCluster extends Stamped {
  readonly kind: typeof OPERATION.seedCluster;
  readonly clusterId: string;
  /** The floors of the old cluster were given, so containers may be imported. */
  readonly importAllowed: boolean;
  /** Local ids start above it: 1 January of the next year in epoch ms << 16, or the floor that was given
   * (spec 07 §12.4). */
  readonly localIdFloor: bigint;
  /** For the record; the Raft term starts above it. */
  readonly termFloor: number;
}

/** Carries no stamp of its own. Result: `readSessionId`. */
export interface OpenSession extends Stamped {
  readonly kind: typeof OPERATION.openSession;
  readonly clientName: string;
}

/** All or nothing. Containers ascend by id. Result: `readImportCounts`. */
export interface ImportBatch extends Stamped {
  readonly kind: typeof OPERATION.importBatch;
  readonly pipelines: readonly PipelineRecord[];
  readonly containers: readonly ContainerRecord[];
}

/** Every container and pipeline of the other SCM has been taken over: nothing can be imported any more, for
 * good. */
export interface EndImport extends Stamped {
  readonly kind: typeof OPERATION.endImport;
}

/** Result: `readFailedContainerIds`. */
export interface SuppressContainers extends Stamped {
  readonly kind: typeof OPERATION.suppressContainers;
  readonly suppress: boolean;
  readonly containerIds: readonly number[];
}

/** The operator's will for a datanode (spec 01 §16.3). A later one replaces it, also with another expiry
 * only. */
export interface SetNodeIntent extends Stamped {
  readonly kind: typeof OPERATION.setNodeIntent;
  readonly uuid: Uuid;
  readonly operationalState: OperationalState;
  /** End of maintenance in epoch seconds, 0 = never. */
  readonly expirySeconds: number;
}

/** Result: `readReservation`. */
export interface ReserveSequence extends Stamped {
  readonly kind: typeof OPERATION.reserveSequence;
  readonly sequence: SequenceName;
  /** 1 … 2^32 − 1. */
  readonly count: number;
}

/** Lets all SCMs note their state hash at the same place of the log. Result: `readHash`. */
export interface HashAt extends Stamped {
  readonly kind: typeof OPERATION.hashAt;
}

/** A step of a container's life (spec 02 §4). Carries the leader's figures, so that all SCMs keep the same
 * ones (spec 02 §18 rules 2 and 3). An event that the state does not allow is refused with CONTAINER_STATE
 * (rule 17). */
export interface TransitionContainer extends Stamped {
  readonly kind: typeof OPERATION.transitionContainer;
  readonly containerId: number;
  readonly event: ContainerEvent;
  readonly sequenceId: number;
  readonly usedBytes: number;
  readonly keyCount: number;
}

/** A replica with data of a container that is being deleted, or was: the container comes back (spec 02 §9.2,
 * §9.3). Carries what proved it, not the new state, so that `apply` can judge it again; the new state follows
 * from it. Refused with CONTAINER_STATE when it proves nothing. */
export interface ResurrectContainer extends Stamped {
  readonly kind: typeof OPERATION.resurrectContainer;
  readonly containerId: number;
  readonly replicaState: ProvingReplicaState;
  /** Of the replica. */
  readonly sequenceId: number;
  /** Of the container, as with a transition. */
  readonly usedBytes: number;
  readonly keyCount: number;
}

/** A member of the group tells where it is found. Refused for one that is unknown or was removed. */
export interface SetMember extends Stamped {
  readonly kind: typeof OPERATION.setMember;
  readonly member: Member;
}

/** `strata scm --force-new-group` made a group of one SCM out of what that one knew. The group before may
 * have given out more ids than are known here, so these many of each are passed over. */
export interface NewGroup extends Stamped {
  readonly kind: typeof OPERATION.newGroup;
  readonly skipped: Readonly<Record<SequenceName, number>>;
  readonly skippedSessionIds: number;
  readonly skippedNodeIds: number;
}

/** What a pipeline is created with; its state and its times follow from the entry. */
export type NewPipeline = Pick<
  PipelineRecord,
  "pipelineId" | "replication" | "members" | "suggestedLeaderId"
>;

/** RATIS and EC pipelines begin ALLOCATED, STAND_ALONE ones OPEN (spec 03 §3). Result: `readCreatedPipeline`.
 */
export interface CreatePipeline extends Stamped {
  readonly kind: typeof OPERATION.createPipeline;
  readonly pipeline: NewPipeline;
  /** EC alone: the pipeline is OPEN at once, with its first container for this owner, or neither is there. */
  readonly containerOwner?: string;
}

/** ALLOCATED → OPEN, and to and fro between OPEN and DORMANT (spec 03 §20 rule 1); nothing happens to one
 * that is in this state. Refused with INVALID_PIPELINE_STATE. */
export interface SetPipelineState extends Stamped {
  readonly kind: typeof OPERATION.setPipelineState;
  readonly pipelineId: Uuid;
  readonly state: SettablePipelineState;
  /** As the proposer's datanodes tell; kept as it was when it is left out. */
  readonly leaderId?: Uuid;
}

/** The proposer's figures of a container (spec 02 §18 rule 2). */
export interface ContainerFigures {
  readonly containerId: number;
  readonly sequenceId: number;
  readonly usedBytes: number;
  readonly keyCount: number;
}

/** All open containers of the pipeline become CLOSING, and it becomes CLOSED, in one step (spec 03 §20 rule
 * 4); nothing happens to one that is. A container without figures keeps those that it has. */
export interface ClosePipeline extends Stamped {
  readonly kind: typeof OPERATION.closePipeline;
  readonly pipelineId: Uuid;
  readonly containers: readonly ContainerFigures[];
}

/** A CLOSED pipeline is forgotten. */
export interface RemovePipeline extends Stamped {
  readonly kind: typeof OPERATION.removePipeline;
  readonly pipelineId: Uuid;
}

/** Creates open containers on an open pipeline, with its configuration; they get the next ids of the sequence
 * (spec 02 §5.2). Result: `readFirstContainerId`. */
export interface CreateContainers extends Stamped {
  readonly kind: typeof OPERATION.createContainers;
  readonly pipelineId: Uuid;
  readonly owner: string;
  /** 1 … CREATED_CONTAINERS_MAX. */
  readonly count: number;
}

/** Containers of one operation. */
export const CREATED_CONTAINERS_MAX = 1024;

export type Operation =
  | SeedCluster
  | OpenSession
  | ImportBatch
  | SuppressContainers
  | SetNodeIntent
  | ReserveSequence
  | HashAt
  | TransitionContainer
  | SetMember
  | NewGroup
  | ResurrectContainer
  | CreatePipeline
  | SetPipelineState
  | ClosePipeline
  | RemovePipeline
  | CreateContainers
  | EndImport;
