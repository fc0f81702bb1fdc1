import { CONTAINER_STATE, type ContainerState, nameOf } from "../../engine/core/enums.js";
import { StrataError } from "../../engine/core/errors.js";
import type { Uuid } from "../../engine/core/uuid.js";
import { parseUuid, uuidFromHalves } from "../../engine/core/uuid.js";
import type { PipelineID, UUID } from "../../protocol/hadoop/generated/hdds_pb.js";

/** The generated code makes an object of every two bytes, at worst. */
const DECODED_BYTES_MAX = 4 * 1024 * 1024;

/** What the generated code is to read.
 * @throws StrataError FRAME_TOO_LARGE */
export function requireDecodable({ length: bytes }: Uint8Array): void {
  if (bytes > DECODED_BYTES_MAX)
    throw new StrataError("FRAME_TOO_LARGE", { bytes, limit: DECODED_BYTES_MAX });
}

/** Ids as requests carry them. All throw INVALID_ARGUMENT for what cannot be one. */

/** The part of a request that its type promises.
 * @throws StrataError PROTOBUF_INCOMPLETE */
export function bodyOf<T>(body: T | undefined, field: string): T {
  if (body === undefined) throw new StrataError("PROTOBUF_INCOMPLETE", { fields: field });
  return body;
}

/** From either field: the newer one first (spec 12 §4). Undefined when its text is no UUID. */
export function readPipelineId({ id, uuid128 }: PipelineID): Uuid | undefined {
  return uuid128 === undefined ? parseUuid(id) : uuidOf(uuid128);
}

export function pipelineIdOf(sent: PipelineID): Uuid {
  // Which throws, since the text is no UUID then.
  return readPipelineId(sent) ?? uuidOfText("pipelineID", sent.id);
}

export function uuidOf({ mostSigBits, leastSigBits }: UUID): Uuid {
  return uuidFromHalves(mostSigBits, leastSigBits);
}

export function uuidOfText(field: string, text: string): Uuid {
  const uuid = parseUuid(text);
  if (uuid === undefined) throw new StrataError("INVALID_ARGUMENT", { field, reason: `${text} is no UUID` });
  return uuid;
}

/** A container id, or another whole number from 0 on. */
export function countOf(field: string, value: bigint): number {
  const count = Number(value);
  if (value >= 0n && Number.isSafeInteger(count)) return count;
  throw new StrataError("INVALID_ARGUMENT", { field, reason: `${value} is out of range` });
}

export function isContainerId(id: bigint): boolean {
  return id > 0n && id <= BigInt(Number.MAX_SAFE_INTEGER);
}

/** No other number is a container's: throws CONTAINER_NOT_FOUND. */
export function containerIdOf(id: bigint): number {
  if (!isContainerId(id)) throw new StrataError("CONTAINER_NOT_FOUND", { containerId: id });
  return Number(id);
}

export function containerStateOf(state: number): ContainerState {
  const name = nameOf(CONTAINER_STATE, state);
  if (name === undefined)
    throw new StrataError("INVALID_ARGUMENT", { field: "state", reason: `is ${state}` });
  return name;
}
