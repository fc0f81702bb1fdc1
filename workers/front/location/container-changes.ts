import type { ProtoWriter } from "../../../protocol/hadoop/proto-writer.js";
import { notSupported } from "../hadoop-errors.js";
import { requireReadable } from "../rendered-containers.js";
import { replicationOf } from "../replication.js";
import { bodyOf, containerIdOf, isContainerId } from "../request-parts.js";
import type { LocatedContainer, LocatedContainers } from "./located-containers.js";
import { writeLocated } from "./located-containers.js";
import type { LocationCall, LocationHandler, LocationHandlers } from "./location-call.js";
import { AT_LEAST_ONCE } from "./location-call.js";

const SUPPRESS_MAX = 1024;
/** Of ContainerResponse and of SCMCloseContainerResponse. */
const SUCCESS = 1;
const CLOSE_STATUS = { CONTAINER_ALREADY_CLOSED: 2, CONTAINER_ALREADY_CLOSING: 3 } as const;

async function allocate(locations: LocatedContainers, call: LocationCall, body: ProtoWriter): Promise<void> {
  const request = bodyOf(call.message.containerRequest, "containerRequest");
  const { replicationType: type, replicationFactor: factor, ecReplicationConfig: ec, owner } = request;
  const replication = replicationOf({ type, factor, ec });
  requireReadable(replication, call.clientVersion);
  const located = await call.main.askRaw<"allocateContainer", LocatedContainer>(
    "allocateContainer",
    { replication, owner, ...AT_LEAST_ONCE },
    (answer) => locations.readAllocated(answer),
  );
  body.number(1, SUCCESS);
  writeLocated(body, 2, located, call);
}

/** The reference leaves OK out; the others make the client throw (spec 12 §6.2). */
const close: LocationHandler = async ({ message, main }, body) => {
  const { containerID } = bodyOf(message.scmCloseContainerRequest, "scmCloseContainerRequest");
  const containerId = containerIdOf(containerID);
  const { status } = await main.ask<"closeContainer">("closeContainer", { ...AT_LEAST_ONCE, containerId });
  if (status !== "OK") body.number(1, CLOSE_STATUS[status]);
};

/** The reference has the request and no answer to it. */
const remove: LocationHandler = () => {
  throw notSupported("DeleteContainer");
};

const reconcile: LocationHandler = async ({ message, main }) => {
  const { containerID } = bodyOf(message.reconcileContainerRequest, "reconcileContainerRequest");
  await main.ask<"reconcileContainer">("reconcileContainer", { containerId: containerIdOf(containerID) });
};

/** Ids that cannot be one fail like those that do not exist. */
const suppress: LocationHandler = async ({ message, main }, body) => {
  const request = bodyOf(message.suppressContainerRequest, "suppressContainerRequest");
  const containerIds: number[] = [];
  for (const id of request.containerIDs) {
    if (isContainerId(id)) containerIds.push(Number(id));
    else body.bigint(1, id);
  }
  for (let from = 0; from < containerIds.length; from += SUPPRESS_MAX) {
    const { failedContainerIds } = await main.ask<"suppressContainers">("suppressContainers", {
      ...AT_LEAST_ONCE,
      containerIds: containerIds.slice(from, from + SUPPRESS_MAX),
      suppress: request.suppress,
    });
    for (const id of failedContainerIds) body.number(1, id);
  }
};

/** What changes containers (spec 09 §4.1). */
export function containerChanges(locations: LocatedContainers): LocationHandlers {
  return {
    AllocateContainer: (call, body) => allocate(locations, call, body),
    CloseContainer: close,
    DeleteContainer: remove,
    ReconcileContainer: reconcile,
    SuppressContainer: suppress,
  };
}
