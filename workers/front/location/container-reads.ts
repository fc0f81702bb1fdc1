import { StrataError } from "../../../engine/core/errors.js";
import type { ProtoWriter } from "../../../protocol/hadoop/proto-writer.js";
import { FRAME_BYTES_MAX } from "../../../protocol/schema/messages.js";
import { READ_CONTAINERS_MAX } from "../../../protocol/schema/read-messages.js";
import type { ReplicaRecord } from "../../../protocol/schema/records.js";
import { writeContainer } from "../rendered-containers.js";
import { writeDetails } from "../rendered-details.js";
import { bodyOf, containerIdOf, isContainerId } from "../request-parts.js";
import type { LocatedContainers } from "./located-containers.js";
import { writeLocated } from "./located-containers.js";
import type { LocationCall, LocationHandler, LocationHandlers } from "./location-call.js";

/** Single containers and where they are (spec 09 §4.1). */
export function containerReads(locations: LocatedContainers): LocationHandlers {
  return {
    GetContainer: get,
    GetContainerWithPipeline: (call, body) => {
      const request = bodyOf(call.message.getContainerWithPipelineRequest, "getContainerWithPipelineRequest");
      const wanted = { containerIds: [containerIdOf(request.containerID)], existingOnly: false };
      return writeAll(locations, call, body, wanted);
    },
    GetContainerWithPipelineBatch: (call, body) => {
      const request = call.message.getContainerWithPipelineBatchRequest;
      const { containerIDs } = bodyOf(request, "getContainerWithPipelineBatchRequest");
      const wanted = { containerIds: containerIDs.map(containerIdOf), existingOnly: false };
      return writeAll(locations, call, body, wanted);
    },
    GetExistContainerWithPipelinesInBatch: (call, body) => {
      const request = call.message.getExistContainerWithPipelinesInBatchRequest;
      const { containerIDs } = bodyOf(request, "getExistContainerWithPipelinesInBatchRequest");
      const wanted = { containerIds: containerIDs.filter(isContainerId).map(Number), existingOnly: true };
      return writeAll(locations, call, body, wanted);
    },
    GetContainerReplicas: replicas,
  };
}

interface Wanted {
  readonly containerIds: readonly number[];
  readonly existingOnly: boolean;
}

const get: LocationHandler = async ({ message, main, clientVersion }, body) => {
  const { containerID } = bodyOf(message.getContainerRequest, "getContainerRequest");
  const { container } = await main.ask<"getContainer">("getContainer", {
    containerId: containerIdOf(containerID),
  });
  writeContainer(body, 1, container, clientVersion);
};

/** An answer of main is bounded, one of the reference is not. */
async function writeAll(
  locations: LocatedContainers,
  call: LocationCall,
  body: ProtoWriter,
  { containerIds, existingOnly }: Wanted,
): Promise<void> {
  for (let from = 0; from < containerIds.length; ) {
    const request = { containerIds: containerIds.slice(from, from + READ_CONTAINERS_MAX), existingOnly };
    const { located, coveredCount } = await call.main.askRaw(
      "getContainersWithPipelines",
      request,
      (answer) => locations.read(answer),
    );
    if (coveredCount === 0)
      throw new StrataError("FRAME_TOO_LARGE", { bytes: "more", limit: FRAME_BYTES_MAX });
    for (const each of located) writeLocated(body, 1, each, call);
    from += coveredCount;
  }
}

const replicas: LocationHandler = async ({ message, main, ports }, body) => {
  const { containerID } = bodyOf(message.getContainerReplicasRequest, "getContainerReplicasRequest");
  const containerId = containerIdOf(containerID);
  const { replicas: found, datanodes } = await main.ask<"getContainerReplicas">("getContainerReplicas", {
    containerId,
  });
  for (const [i, replica] of found.entries()) {
    const details = datanodes?.[i];
    if (details === undefined) continue;
    body.openMessage(1);
    body.number(1, replica.containerId);
    body.text(2, replica.state);
    writeDetails(body, 3, details, ports);
    writeReplicaFigures(body, replica);
    body.closeMessage();
  }
};

function writeReplicaFigures(body: ProtoWriter, replica: ReplicaRecord): void {
  body.text(4, replica.originNodeId);
  body.number(5, replica.sequenceId);
  body.number(6, replica.keyCount);
  body.number(7, replica.usedBytes);
  body.number(8, replica.replicaIndex);
  body.bigint(9, replica.dataChecksum);
}
