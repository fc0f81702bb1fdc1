import { isFieldSet } from "@bufbuild/protobuf";
import { StrataError } from "../../../engine/core/errors.js";
import { ReplicationType } from "../../../protocol/hadoop/generated/hdds_pb.js";
import type { SCMListContainerRequestProto } from "../../../protocol/hadoop/generated/location_pb.js";
import {
  GetContainerCountRequestProtoSchema,
  SCMListContainerIDsRequestProtoSchema,
  SCMListContainerRequestProtoSchema,
} from "../../../protocol/hadoop/generated/location_pb.js";
import type { RequestOf } from "../../../protocol/schema/messages.js";
import { writeContainer } from "../rendered-containers.js";
import { erasureCoded, replicationOf } from "../replication.js";
import { bodyOf, containerStateOf, countOf } from "../request-parts.js";
import type { LocationHandler, LocationHandlers } from "./location-call.js";

const PAGE = 1024;
const ID_PAGE = 8192;
/** Containers of one answer: 25 MB. The reference has no limit. */
const LISTED_MAX = 250_000;
const IDS_LISTED_MAX = 2_000_000;

const list: LocationHandler = async ({ message, main, clientVersion }, body) => {
  const request = bodyOf(message.scmListContainerRequest, "scmListContainerRequest");
  const filter = filterOf(request);
  let startContainerId = countOf("startContainerID", request.startContainerID);
  let listedCount = 0;
  let matchCount: number | undefined;
  do {
    const left = request.count - listedCount;
    const countMax = Math.max(1, Math.min(left, PAGE));
    const page = await main.ask<"listContainers">("listContainers", {
      ...filter,
      startContainerId,
      countMax,
    });
    if (listedCount === 0) matchCount ??= page.matchCount;
    const containers = page.containers.slice(0, left);
    requireBounded(listedCount + containers.length, LISTED_MAX);
    for (const container of containers) writeContainer(body, 1, container, clientVersion);
    listedCount += containers.length;
    startContainerId = page.nextContainerId;
  } while (listedCount < request.count && startContainerId > 0);
  // Of all matches, not only of these. Where only a scan could count them it is left out, as older SCMs do.
  const total = matchCount ?? (startContainerId === 0 ? listedCount : undefined);
  if (total !== undefined) body.number(2, total);
};

const listIds: LocationHandler = async ({ message, main }, body) => {
  const request = bodyOf(message.scmListContainerIDsRequest, "scmListContainerIDsRequest");
  const isFiltered = isFieldSet(request, SCMListContainerIDsRequestProtoSchema.field.state);
  const filter = isFiltered ? { state: containerStateOf(request.state) } : {};
  let startContainerId = countOf("startContainerID", request.startContainerID?.id ?? 0n);
  let listedCount = 0;
  while (listedCount < request.count) {
    const countMax = Math.min(request.count - listedCount, ID_PAGE);
    const page = await main.ask<"listContainerIds">("listContainerIds", {
      ...filter,
      startContainerId,
      countMax,
    });
    listedCount += page.containerIds.length;
    requireBounded(listedCount, IDS_LISTED_MAX);
    for (const id of page.containerIds) {
      body.openMessage(1);
      body.number(1, id);
      body.closeMessage();
    }
    startContainerId = page.nextContainerId;
    if (startContainerId === 0) return;
  }
};

const count: LocationHandler = async ({ message, main }, body) => {
  const request = message.getContainerCountRequest;
  const { state } = GetContainerCountRequestProtoSchema.field;
  const isFiltered = request !== undefined && isFieldSet(request, state);
  const filter = isFiltered ? { state: containerStateOf(request.state) } : {};
  const { containerCount } = await main.ask<"getContainerCount">("getContainerCount", filter);
  body.number(1, containerCount);
};

const closedCount: LocationHandler = async ({ main }, body) => {
  const { containerCount } = await main.ask<"getContainerCount">("getContainerCount", { state: "CLOSED" });
  body.number(1, containerCount);
};

/** Containers by id, and how many there are (spec 09 §4.1). */
export const CONTAINER_LISTS: LocationHandlers = {
  ListContainer: list,
  ListContainerIDs: listIds,
  GetContainerCount: count,
  GetClosedContainerCount: closedCount,
};

/** A type comes from new clients, who then also give the whole configuration; a factor alone from old ones.
 */
function filterOf(
  request: SCMListContainerRequestProto,
): Omit<RequestOf<"listContainers">, "startContainerId" | "countMax"> {
  const { field } = SCMListContainerRequestProtoSchema;
  const { type, factor, ecReplicationConfig: ec } = request;
  const filter = {
    ...(isFieldSet(request, field.state) ? { state: containerStateOf(request.state) } : {}),
    ...(isFieldSet(request, field.suppressed) ? { suppressed: request.suppressed } : {}),
  };
  const hasFactor = isFieldSet(request, field.factor);
  if (!isFieldSet(request, field.type)) return hasFactor ? { ...filter, replicationFactor: factor } : filter;
  if (type === ReplicationType.EC) {
    if (ec === undefined) return { ...filter, replicationType: "EC" };
    return { ...filter, replication: erasureCoded(ec) };
  }
  const replication = replicationOf({ type, factor, ec: undefined });
  return hasFactor ? { ...filter, replication } : { ...filter, replicationType: replication.type };
}

function requireBounded(listedCount: number, countMax: number): void {
  if (listedCount <= countMax) return;
  throw new StrataError("INVALID_ARGUMENT", { field: "count", reason: `an answer has at most ${countMax}` });
}
