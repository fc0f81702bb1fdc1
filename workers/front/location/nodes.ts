import { isFieldSet } from "@bufbuild/protobuf";
import { NODE_HEALTH, nameOf, OPERATIONAL_STATE } from "../../../engine/core/enums.js";
import { StrataError } from "../../../engine/core/errors.js";
import type { Uuid } from "../../../engine/core/uuid.js";
import { usageOf, utilisation } from "../../../protocol/client/node-usage.js";
import { QueryScope } from "../../../protocol/hadoop/generated/hdds_pb.js";
import { NodeQueryRequestProtoSchema } from "../../../protocol/hadoop/generated/location_pb.js";
import type { ProtoWriter } from "../../../protocol/hadoop/proto-writer.js";
import type { RequestOf } from "../../../protocol/schema/messages.js";
import type { NodeRecord } from "../../../protocol/schema/records.js";
import type { PortChoice } from "../client-version.js";
import type { CallerConnection } from "../main-connections.js";
import { writeDetails } from "../rendered-details.js";
import { bodyOf, uuidOf, uuidOfText } from "../request-parts.js";
import type { LocationHandler, LocationHandlers } from "./location-call.js";

/** So few that volumes of many fit a frame. */
const PAGE = 64;

type NodeFilter = Pick<RequestOf<"listNodes">, "health" | "operationalState">;

const query: LocationHandler = async ({ message, main, ports }, body) => {
  const request = bodyOf(message.nodeQueryRequest, "nodeQueryRequest");
  if (request.scope !== QueryScope.CLUSTER) throw invalid("scope", "only CLUSTER is supported");
  const { field } = NodeQueryRequestProtoSchema;
  const health = isFieldSet(request, field.state) ? nameOf(NODE_HEALTH, request.state) : undefined;
  const state = isFieldSet(request, field.opState) ? nameOf(OPERATIONAL_STATE, request.opState) : undefined;
  const filter = {
    ...(health === undefined ? {} : { health }),
    ...(state === undefined ? {} : { operationalState: state }),
  };
  await forEachNode(main, filter, (node) => writeNode(body, node, ports));
};

const queryOne: LocationHandler = async ({ message, main, ports }, body) => {
  const uuid = uuidOf(bodyOf(message.singleNodeQueryRequest, "singleNodeQueryRequest").uuid);
  const { node } = await main.ask<"getNode">("getNode", { uuid });
  writeNode(body, node, ports);
};

/** The uuid wins over the address; without both, the most or least used (spec 09 §4.2). */
const usage: LocationHandler = async ({ message, main, ports }, body) => {
  const request = bodyOf(message.DatanodeUsageInfoRequest, "DatanodeUsageInfoRequest");
  const { uuid, ipaddress, mostUsed, count } = request;
  if (uuid !== "") {
    const { node } = await main.ask<"getNode">("getNode", { uuid: uuidOfText("uuid", uuid) });
    writeUsage(body, node, ports);
    return;
  }
  const nodes: NodeRecord[] = [];
  if (ipaddress !== "") {
    await forEachNode(main, {}, (node) => {
      const { ipAddress, hostName } = node.details;
      if (ipAddress === ipaddress || hostName === ipaddress) nodes.push(node);
    });
  } else {
    if (count < 1) throw invalid("count", "must be at least 1");
    const filter = { health: "HEALTHY", operationalState: "IN_SERVICE" } as const;
    await forEachNode(main, filter, (node) => nodes.push(node));
    const direction = mostUsed ? -1 : 1;
    nodes.sort((a, b) => direction * (utilisation(usageOf(a)) - utilisation(usageOf(b))));
    nodes.splice(count);
  }
  for (const node of nodes) writeUsage(body, node, ports);
};

/** What is asked about datanodes (spec 09 §4.2). */
export const NODE_HANDLERS: LocationHandlers = {
  QueryNode: query,
  SingleNodeQuery: queryOne,
  DatanodeUsageInfo: usage,
};

async function forEachNode(
  main: CallerConnection,
  filter: NodeFilter,
  each: (node: NodeRecord) => void,
): Promise<void> {
  let after: Uuid | undefined;
  do {
    const cursor = after === undefined ? {} : { after };
    const page = await main.ask<"listNodes">("listNodes", { ...filter, ...cursor, countMax: PAGE });
    for (const node of page.nodes) each(node);
    after = page.more ? page.nodes.at(-1)?.details.uuid : undefined;
  } while (after !== undefined);
}

/** Node as a field 1. */
function writeNode(body: ProtoWriter, node: NodeRecord, ports: PortChoice): void {
  const volumes = node.report?.storageReports ?? [];
  body.openMessage(1);
  writeDetails(body, 1, node.details, ports);
  body.number(2, NODE_HEALTH[node.health]);
  body.number(3, OPERATIONAL_STATE[node.operationalState]);
  body.number(4, volumes.length);
  body.number(5, volumes.filter(({ failed }) => !failed).length);
  for (const { failed, storageLocation } of volumes) if (failed) body.text(6, storageLocation);
  body.closeMessage();
}

/** DatanodeUsageInfo as a field 1. */
function writeUsage(body: ProtoWriter, node: NodeRecord, ports: PortChoice): void {
  const figures = usageOf(node);
  body.openMessage(1);
  body.number(1, figures.capacity);
  body.number(2, figures.used);
  body.number(3, figures.remaining);
  writeDetails(body, 4, node.details, ports);
  body.number(5, node.containerCount);
  body.number(6, figures.committed);
  body.number(7, figures.freeSpaceToSpare);
  body.number(8, node.pipelineCount);
  body.number(9, figures.reserved);
  if (figures.fsCapacity !== undefined) {
    body.number(10, figures.fsCapacity);
    body.number(11, figures.fsAvailable ?? 0);
  }
  body.closeMessage();
}

function invalid(field: string, reason: string): StrataError {
  return new StrataError("INVALID_ARGUMENT", { field, reason });
}
