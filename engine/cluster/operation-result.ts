import { ByteReader } from "../core/byte-reader.js";
import { ByteWriter } from "../core/byte-writer.js";
import type { ErrorCode, ErrorDetails } from "../core/errors.js";
import { ERRORS, errorCodeOfWire, StrataError } from "../core/errors.js";
import type { Uuid } from "../core/uuid.js";
import type { OperationResult } from "./state-machine.js";

/** Results of operations as bytes. Sessions keep them, so they are made once and never changed; the frequent
 * ones are shared constants. */
const EMPTY = new Uint8Array(0);
const DETAIL_KIND = { text: 0, number: 1, bigint: 2 } as const;

/** Done, nothing to say. */
export const DONE: OperationResult = { error: 0, body: EMPTY };

export function done(write: (writer: ByteWriter) => void): OperationResult {
  const writer = new ByteWriter(64);
  write(writer);
  return { error: 0, body: writer.take() };
}

/** A refusal by the state; `errorOfResult` turns it back into the error. */
export function refused(code: ErrorCode, details: ErrorDetails = {}): OperationResult {
  const writer = new ByteWriter(128);
  const entries = Object.entries(details);
  writer.u8(entries.length);
  for (const [name, value] of entries) {
    writer.text(name);
    if (typeof value === "string") {
      writer.u8(DETAIL_KIND.text);
      writer.text(value);
    } else if (typeof value === "number") {
      writer.u8(DETAIL_KIND.number);
      writer.f64(value);
    } else {
      writer.u8(DETAIL_KIND.bigint);
      writer.u64(value);
    }
  }
  return { error: ERRORS[code].wire, body: writer.take() };
}

/** The refusal in `result` as an error to answer with, undefined when it was done. */
export function errorOfResult(result: OperationResult): StrataError | undefined {
  if (result.error === 0) return undefined;
  const code = errorCodeOfWire(result.error);
  if (code === undefined) {
    return new StrataError("STATE_CORRUPT", { where: "result", reason: `unknown error ${result.error}` });
  }
  const reader = new ByteReader(result.body);
  const details: Record<string, string | number | bigint> = {};
  for (let left = reader.u8(); left > 0; left--) {
    const name = reader.text();
    const kind = reader.u8();
    details[name] =
      kind === DETAIL_KIND.text ? reader.text() : kind === DETAIL_KIND.number ? reader.f64() : reader.u64();
  }
  return new StrataError(code, details);
}

/** Why a proposal was not done, undefined when it was. */
export function errorOfOutcome(outcome: OperationResult | StrataError): StrataError | undefined {
  return outcome instanceof StrataError ? outcome : errorOfResult(outcome);
}

/** What the result says, or why there is none. */
export function bodyOfOutcome(outcome: OperationResult | StrataError): Uint8Array | StrataError {
  if (outcome instanceof StrataError) return outcome;
  return errorOfResult(outcome) ?? outcome.body;
}

/** Done, but for these containers, which do not exist. */
export function failedContainerIds(ids: readonly number[]): OperationResult {
  return done((writer) => {
    writer.u32(ids.length);
    for (const id of ids) writer.f64(id);
  });
}

/** Of `openSession`. */
export function readSessionId(body: Uint8Array): number {
  return new ByteReader(body).f64();
}

export interface ImportCounts {
  readonly pipelineCount: number;
  readonly containerCount: number;
}

/** Of `importBatch`: how many were added; equal ones that existed do not count. */
export function readImportCounts(body: Uint8Array): ImportCounts {
  const reader = new ByteReader(body);
  return { pipelineCount: reader.u32(), containerCount: reader.u32() };
}

/** Of `suppressContainers`: the ids that do not exist, in the order they were given. */
export function readFailedContainerIds(body: Uint8Array): number[] {
  if (body.length === 0) return [];
  const reader = new ByteReader(body);
  return Array.from({ length: reader.u32() }, () => reader.f64());
}

export interface CreatedPipeline {
  readonly pipelineId: Uuid;
  /** Of its first container, 0 when none was asked for. */
  readonly containerId: number;
}

const CREATED_PIPELINE_BYTES = 24;

/** Of `createPipeline`; undefined when it is the result of something else, as the one that a session has kept
 * of a refusal. */
export function readCreatedPipeline(body: Uint8Array): CreatedPipeline | undefined {
  if (body.length !== CREATED_PIPELINE_BYTES) return undefined;
  const reader = new ByteReader(body);
  return { pipelineId: reader.uuid(), containerId: reader.f64() };
}

const FIRST_CONTAINER_ID_BYTES = 8;
const NUMBER = new DataView(new ArrayBuffer(FIRST_CONTAINER_ID_BYTES));
const NUMBER_BYTES = new Uint8Array(NUMBER.buffer);

/** Of `createContainers`: the first id; the others follow without a gap. */
export function createdContainers(first: number): OperationResult {
  NUMBER.setFloat64(0, first, true);
  return { error: 0, body: NUMBER_BYTES.slice() };
}

/** Undefined when it is the result of something else, as the one that a session has kept of a refusal. */
export function readFirstContainerId(body: Uint8Array): number | undefined {
  if (body.length !== FIRST_CONTAINER_ID_BYTES) return undefined;
  NUMBER_BYTES.set(body);
  return NUMBER.getFloat64(0, true);
}

export interface Reservation {
  /** First number of the range. */
  readonly first: bigint;
  readonly count: number;
}

/** Of `reserveSequence`. */
export function readReservation(body: Uint8Array): Reservation {
  const reader = new ByteReader(body);
  return { first: reader.u64(), count: reader.u32() };
}

/** Of `hashAt`: 16 hex digits. */
export function readHash(body: Uint8Array): string {
  return new ByteReader(body).text();
}
