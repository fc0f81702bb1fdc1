import { printReplication } from "../containers/replication-config.js";
import { OPERATION, type Operation } from "../operation.js";

/** What an operation of the history was about, in a few words. */
export function describeOperation(operation: Operation): string {
  switch (operation.kind) {
    case OPERATION.seedCluster:
      return operation.clusterId;
    case OPERATION.importBatch:
      return `${operation.pipelines.length} pipelines, ${operation.containers.length} containers`;
    case OPERATION.suppressContainers:
      return `${operation.suppress ? "suppress" : "unsuppress"} ${operation.containerIds.join(" ")}`;
    case OPERATION.setNodeIntent: {
      const { uuid, operationalState, expirySeconds } = operation;
      return `${uuid} ${operationalState}${expirySeconds === 0 ? "" : ` until ${expirySeconds}`}`;
    }
    case OPERATION.setMember: {
      const { nodeId, scmId, name, host, ports } = operation.member;
      return `${nodeId} ${scmId} ${name === "" ? "" : `${name} `}at ${host}:${ports.raft}`;
    }
    case OPERATION.newGroup: {
      const { skipped, skippedNodeIds, skippedSessionIds } = operation;
      const counts = { ...skipped, sessionId: skippedSessionIds, nodeId: skippedNodeIds };
      return `passes over ${Object.entries(counts)
        .map(([name, count]) => `${count} ${name}`)
        .join(", ")}`;
    }
    case OPERATION.transitionContainer:
      return `container ${operation.containerId} ${operation.event}`;
    case OPERATION.resurrectContainer: {
      const { containerId, replicaState, sequenceId } = operation;
      return `container ${containerId}, by a ${replicaState} replica with sequence id ${sequenceId}`;
    }
    case OPERATION.createPipeline: {
      const { pipelineId, replication, members } = operation.pipeline;
      const uuids = members.map(({ details }) => details.uuid);
      return `pipeline ${pipelineId} ${printReplication(replication)} of ${uuids.join(" ")}`;
    }
    case OPERATION.setPipelineState:
      return `pipeline ${operation.pipelineId} ${operation.state}`;
    case OPERATION.closePipeline:
      return `pipeline ${operation.pipelineId}, ${operation.containers.length} open containers`;
    case OPERATION.removePipeline:
      return `pipeline ${operation.pipelineId}`;
    case OPERATION.createContainers:
      return `${operation.count} on pipeline ${operation.pipelineId}, owner ${operation.owner}`;
    default:
      return "";
  }
}
