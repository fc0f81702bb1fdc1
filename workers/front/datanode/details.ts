import { isFieldSet } from "@bufbuild/protobuf";
import { nameOf, OPERATIONAL_STATE } from "../../../engine/core/enums.js";
import { parseUuid, type Uuid } from "../../../engine/core/uuid.js";
import {
  type DatanodeDetailsProtoValid,
  DatanodeDetailsProtoSchema as Details,
  ExtendedDatanodeDetailsProtoSchema as Extended,
  type ExtendedDatanodeDetailsProtoValid,
} from "../../../protocol/hadoop/generated/hdds_pb.js";
import type { DatanodeDetails } from "../../../protocol/schema/records.js";
import type { Writable } from "../../../protocol/schema/types.js";
import { uuidOf } from "../request-parts.js";
import { countWithin, integerWithin } from "./numbers.js";

/** From the newest of its three forms (spec 12 §4); undefined when the datanode does not say who it is. */
export function uuidOfDetails({ id, uuid128, uuid }: DatanodeDetailsProtoValid): Uuid | undefined {
  if (id !== undefined) return uuidOf(id.uuid);
  return uuid128 === undefined ? parseUuid(uuid) : uuidOf(uuid128);
}

/** Every field as it came, absent ones absent (spec 12 §8.2 H4). */
export function registeredDetails(extended: ExtendedDatanodeDetailsProtoValid, uuid: Uuid): DatanodeDetails {
  const details: Writable<DatanodeDetails> = detailsRecord(extended.datanodeDetails, uuid);
  if (isFieldSet(extended, Extended.field.version)) details.version = extended.version;
  if (isFieldSet(extended, Extended.field.setupTime)) details.setupTime = countWithin(extended.setupTime);
  if (isFieldSet(extended, Extended.field.revision)) details.revision = extended.revision;
  if (isFieldSet(extended, Extended.field.buildDate)) details.buildDate = extended.buildDate;
  return details;
}

function detailsRecord(sent: DatanodeDetailsProtoValid, uuid: Uuid): DatanodeDetails {
  const ports = sent.ports.map(({ name, value }) => ({ name, value }));
  const { ipAddress, hostName } = sent;
  const details: Writable<DatanodeDetails> = { uuid, ipAddress, hostName, ports };
  if (isFieldSet(sent, Details.field.certSerialId)) details.certSerialId = sent.certSerialId;
  if (isFieldSet(sent, Details.field.networkName)) details.networkName = sent.networkName;
  if (isFieldSet(sent, Details.field.networkLocation)) details.networkLocation = sent.networkLocation;
  if (isFieldSet(sent, Details.field.level)) details.level = sent.level;
  if (isFieldSet(sent, Details.field.persistedOpState)) {
    const state = nameOf(OPERATIONAL_STATE, sent.persistedOpState);
    if (state !== undefined) details.persistedOpState = state;
  }
  if (isFieldSet(sent, Details.field.persistedOpStateExpiry)) {
    details.persistedOpStateExpiry = integerWithin(sent.persistedOpStateExpiry);
  }
  if (isFieldSet(sent, Details.field.currentVersion)) details.currentVersion = sent.currentVersion;
  return details;
}
