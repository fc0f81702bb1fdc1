import type { Uuid } from "../../core/uuid.js";
import { refused } from "../operation-result.js";
import type { SequenceTable } from "../sequence/sequence-table.js";
import type { OperationResult } from "../state-machine.js";
import type { Containers } from "./containers.js";
import type { ReplicationConfig } from "./replication-config.js";

export interface CreationTarget {
  readonly containers: Containers;
  readonly sequences: SequenceTable;
}

export interface NewContainers {
  /** Open, with this configuration. */
  readonly pipelineId: Uuid;
  readonly replication: ReplicationConfig;
  readonly owner: string;
  readonly count: number;
}

/** Why these containers cannot be created; undefined when they can. */
export function creationRefusal(
  { containers, sequences }: CreationTarget,
  { replication, owner, count }: NewContainers,
): OperationResult | undefined {
  const { table, owners, replications } = containers;
  const last = Number(sequences.last("containerId"));
  if (!sequences.hasRoom("containerId", count) || !table.isWithinReach(last + count, last)) {
    return refused("SEQUENCE_EXHAUSTED", { name: "containerId" });
  }
  if (owners.room === 0 && owners.numberOf(owner) === undefined) {
    return refused("DICTIONARY_FULL", { name: "owners" });
  }
  if (replications.room === 0 && replications.numberOf(replication) === undefined) {
    return refused("DICTIONARY_FULL", { name: "replication" });
  }
  return undefined;
}

/** Creates open, empty containers that `creationRefusal` has nothing against. They get the next ids of the
 * sequence here, in the order of the log, so that none is lost or given twice. Returns the first. */
export function createContainers(
  { containers, sequences }: CreationTarget,
  { pipelineId, replication, owner, count }: NewContainers,
  nowMs: number,
): number {
  const first = Number(sequences.reserve("containerId", count));
  for (let containerId = first; containerId < first + count; containerId++) {
    containers.add({
      containerId,
      state: "OPEN",
      replication,
      pipelineId,
      owner,
      usedBytes: 0,
      keyCount: 0,
      sequenceId: 0,
      deleteTransactionId: 0,
      stateEnterTimeMs: nowMs,
      suppressed: false,
    });
  }
  return first;
}
