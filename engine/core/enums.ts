/** The domain's enumerations with the reference's names and numbers (spec 01 §1.4, 02 §1–3, 03 §2). The
 * number is what travels and what is stored; the name is what people and JSON see. */

export const NODE_HEALTH = { HEALTHY: 1, STALE: 2, DEAD: 3, HEALTHY_READONLY: 6 } as const;
export type NodeHealth = keyof typeof NODE_HEALTH;

export const OPERATIONAL_STATE = {
  IN_SERVICE: 1,
  ENTERING_MAINTENANCE: 2,
  IN_MAINTENANCE: 3,
  DECOMMISSIONING: 4,
  DECOMMISSIONED: 5,
} as const;
export type OperationalState = keyof typeof OPERATIONAL_STATE;

export const CONTAINER_STATE = {
  OPEN: 1,
  CLOSING: 2,
  QUASI_CLOSED: 3,
  CLOSED: 4,
  DELETING: 5,
  DELETED: 6,
  RECOVERING: 7,
} as const;
export type ContainerState = keyof typeof CONTAINER_STATE;

export const CONTAINER_EVENT = {
  FINALIZE: 1,
  QUASI_CLOSE: 2,
  CLOSE: 3,
  FORCE_CLOSE: 4,
  DELETE: 5,
  CLEANUP: 6,
} as const;
export type ContainerEvent = keyof typeof CONTAINER_EVENT;

export const REPLICA_STATE = {
  OPEN: 1,
  CLOSING: 2,
  QUASI_CLOSED: 3,
  CLOSED: 4,
  UNHEALTHY: 5,
  INVALID: 6,
  DELETED: 7,
} as const;
export type ReplicaState = keyof typeof REPLICA_STATE;

/** What the replication manager finds (spec 02 §15.4). */
export const CONTAINER_HEALTH = {
  HEALTHY: 0,
  UNDER_REPLICATED: 1,
  MIS_REPLICATED: 2,
  OVER_REPLICATED: 3,
  MISSING: 4,
  UNHEALTHY: 5,
  EMPTY: 6,
  OPEN_UNHEALTHY: 7,
  QUASI_CLOSED_STUCK: 8,
  OPEN_WITHOUT_PIPELINE: 9,
  UNHEALTHY_UNDER_REPLICATED: 100,
  UNHEALTHY_OVER_REPLICATED: 101,
  MISSING_UNDER_REPLICATED: 102,
  QUASI_CLOSED_STUCK_UNDER_REPLICATED: 103,
  QUASI_CLOSED_STUCK_OVER_REPLICATED: 104,
  QUASI_CLOSED_STUCK_MISSING: 105,
} as const;

export const REPLICATION_TYPE = { RATIS: 1, STAND_ALONE: 2, EC: 4 } as const;
export type ReplicationType = keyof typeof REPLICATION_TYPE;

export const PIPELINE_STATE = { ALLOCATED: 1, OPEN: 2, DORMANT: 3, CLOSED: 4 } as const;
export type PipelineState = keyof typeof PIPELINE_STATE;

export const STORAGE_TYPE = { DISK: 1, SSD: 2, ARCHIVE: 3, RAM_DISK: 4, PROVIDED: 5 } as const;
export type StorageType = keyof typeof STORAGE_TYPE;

/** Spec 01 §10. */
export const COMMAND_TYPE = {
  unknownScmCommand: 0,
  reregisterCommand: 1,
  deleteBlocksCommand: 2,
  closeContainerCommand: 3,
  deleteContainerCommand: 4,
  replicateContainerCommand: 5,
  createPipelineCommand: 6,
  closePipelineCommand: 7,
  setNodeOperationalStateCommand: 8,
  finalizeNewLayoutVersionCommand: 9,
  refreshVolumeUsageInfo: 10,
  reconstructECContainersCommand: 11,
  reconcileContainerCommand: 12,
} as const;
export type CommandType = keyof typeof COMMAND_TYPE;

/** Name of a number, undefined when the table has none. Linear: tables are a dozen entries, callers are not
 * hot. */
export function nameOf<T extends Readonly<Record<string, number>>>(
  table: T,
  number: number,
): (keyof T & string) | undefined {
  for (const name in table) if (table[name] === number) return name;
  return undefined;
}
