import { ratis } from "../../../engine/cluster/containers/replication-config.js";
import type { Member } from "../../../engine/cluster/members/member.js";
import type { Operation, SessionStamp } from "../../../engine/cluster/operation.js";
import { NO_SESSION, OPERATION } from "../../../engine/cluster/operation.js";
import type { Uuid } from "../../../engine/core/uuid.js";
import { nodeId } from "../../../engine/raft/types.js";
import type { ContainerRecord, DatanodeDetails, PipelineRecord } from "../../../protocol/schema/records.js";

/** A uuid that tells its number. */
export function uuidOf(number: number): Uuid {
  return `00000000-0000-4000-8000-${number.toString(16).padStart(12, "0")}` as Uuid;
}

/** SCM `number` of a group. */
export function memberOf(number: number, changes: Partial<Member> = {}): Member {
  return {
    nodeId: nodeId(number),
    scmId: uuidOf(2_000_000 + number),
    name: `scm${number}`,
    host: `scm${number}.example.org`,
    ports: { raft: 9894, strata: 9865, http: 9876, client: 9860, datanode: 9861, block: 9863, security: 0 },
    ...changes,
  };
}

export function containerRecord(
  containerId: number,
  changes: Partial<ContainerRecord> = {},
): ContainerRecord {
  return {
    containerId,
    state: "CLOSED",
    replication: ratis(3),
    owner: "om",
    usedBytes: 1000 + containerId,
    keyCount: 10,
    sequenceId: 100,
    deleteTransactionId: 0,
    stateEnterTimeMs: 1_700_000_000_000,
    suppressed: false,
    ...changes,
  };
}

export function datanodeDetails(number: number, changes: Partial<DatanodeDetails> = {}): DatanodeDetails {
  return {
    uuid: uuidOf(number),
    ipAddress: `10.0.0.${number}`,
    hostName: `dn${number}.example.org`,
    ports: [
      { name: "RATIS", value: 9858 },
      { name: "STANDALONE", value: 9859 },
    ],
    version: "2.2.0",
    ...changes,
  };
}

export function pipelineRecord(number: number, changes: Partial<PipelineRecord> = {}): PipelineRecord {
  return {
    pipelineId: uuidOf(1_000_000 + number),
    replication: ratis(3),
    state: "OPEN",
    members: [1, 2, 3].map((node) => ({ details: datanodeDetails(node), replicaIndex: 0 })),
    creationTimeMs: 1_700_000_000_000,
    stateEnterTimeMs: 1_700_000_000_000,
    ...changes,
  };
}

export function seedCluster(importAllowed = true): Operation {
  return {
    kind: OPERATION.seedCluster,
    session: NO_SESSION,
    clusterId: "CID-test",
    importAllowed,
    localIdFloor: 1n << 57n,
    termFloor: 7,
  };
}

export function importBatch(
  containers: readonly ContainerRecord[],
  pipelines: readonly PipelineRecord[] = [],
  session: SessionStamp = NO_SESSION,
): Operation {
  return { kind: OPERATION.importBatch, session, pipelines, containers };
}

export function suppressContainers(
  containerIds: readonly number[],
  suppress = true,
  session: SessionStamp = NO_SESSION,
): Operation {
  return { kind: OPERATION.suppressContainers, session, suppress, containerIds };
}
