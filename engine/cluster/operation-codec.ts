import type { ContainerRecord } from "../../protocol/schema/records.js";
import { unreachable } from "../core/assert.js";
import type { ByteReader } from "../core/byte-reader.js";
import type { ByteWriter } from "../core/byte-writer.js";
import { CONTAINER_EVENT, CONTAINER_STATE, OPERATIONAL_STATE } from "../core/enums.js";
import { printReplication, readReplication, writeReplication } from "./containers/replication-config.js";
import { PROVING_REPLICA_STATE } from "./containers/resurrection.js";
import { countFrom } from "./count-from.js";
import { enumName } from "./enum-name.js";
import { readMember, writeMember } from "./members/member-codec.js";
import type { ContainerFigures, ImportBatch, Operation, OperationNumber, SessionStamp } from "./operation.js";
import { OPERATION, OPERATION_VERSION } from "./operation.js";
import {
  readNewPipeline,
  readPipeline,
  writeNewPipeline,
  writePipeline,
} from "./pipelines/pipeline-codec.js";
import { SETTABLE_PIPELINE_STATE } from "./pipelines/pipeline-state.js";
import { SEQUENCE } from "./sequence/sequence-table.js";

/** Encoding of an operation, little-endian: number u16 @0, version u8 @2, session id f64 @3, sequence f64
 * @11, acknowledged sequence f64 @19, then its own fields from 27 on. `apply` reads the frequent ones in
 * place. */
export const OPERATION_HEADER_BYTES = 27;
/** 0 = none, which is eight zeros. */
export const SESSION_ID_OFFSET = 3;
/** Body of suppressContainers: flag u8, count u32, then ids as f64. */
export const SUPPRESS_FLAG_OFFSET = OPERATION_HEADER_BYTES;
export const SUPPRESS_COUNT_OFFSET = OPERATION_HEADER_BYTES + 1;
export const SUPPRESS_IDS_OFFSET = OPERATION_HEADER_BYTES + 5;
/** Body of createContainers: pipeline, length of the owner u32 and its text, count u32. */
export const CREATE_PIPELINE_OFFSET = OPERATION_HEADER_BYTES;
export const CREATE_OWNER_LENGTH_OFFSET = CREATE_PIPELINE_OFFSET + 16;
export const CREATE_OWNER_OFFSET = CREATE_OWNER_LENGTH_OFFSET + 4;

const NUMBERS: ReadonlySet<number> = new Set(Object.values(OPERATION));

export function writeOperation(writer: ByteWriter, operation: Operation): void {
  writer.u16(operation.kind);
  writer.u8(OPERATION_VERSION[operation.kind]);
  writer.f64(operation.session.sessionId);
  writer.f64(operation.session.sequence);
  writer.f64(operation.session.ackedSequence);
  switch (operation.kind) {
    case OPERATION.seedCluster:
      writer.text(operation.clusterId);
      writer.u8(operation.importAllowed ? 1 : 0);
      writer.u64(operation.localIdFloor);
      writer.f64(operation.termFloor);
      return;
    case OPERATION.openSession:
      writer.text(operation.clientName);
      return;
    case OPERATION.importBatch:
      writeImport(writer, operation);
      return;
    case OPERATION.suppressContainers:
      writer.u8(operation.suppress ? 1 : 0);
      writer.u32(operation.containerIds.length);
      for (const id of operation.containerIds) writer.f64(id);
      return;
    case OPERATION.setNodeIntent:
      writer.uuid(operation.uuid);
      writer.u8(OPERATIONAL_STATE[operation.operationalState]);
      writer.f64(operation.expirySeconds);
      return;
    case OPERATION.reserveSequence:
      writer.u8(SEQUENCE[operation.sequence]);
      writer.u32(operation.count);
      return;
    case OPERATION.hashAt:
    case OPERATION.endImport:
      return;
    case OPERATION.transitionContainer:
      writer.f64(operation.containerId);
      writer.u8(CONTAINER_EVENT[operation.event]);
      writer.f64(operation.sequenceId);
      writer.f64(operation.usedBytes);
      writer.f64(operation.keyCount);
      return;
    case OPERATION.setMember:
      writeMember(writer, operation.member);
      return;
    case OPERATION.newGroup:
      writer.f64(operation.skipped.localId);
      writer.f64(operation.skipped.delTxnId);
      writer.f64(operation.skipped.containerId);
      writer.f64(operation.skipped.CertificateId);
      writer.f64(operation.skippedSessionIds);
      writer.f64(operation.skippedNodeIds);
      return;
    case OPERATION.resurrectContainer:
      writer.f64(operation.containerId);
      writer.u8(PROVING_REPLICA_STATE[operation.replicaState]);
      writer.f64(operation.sequenceId);
      writer.f64(operation.usedBytes);
      writer.f64(operation.keyCount);
      return;
    case OPERATION.createPipeline:
      writeNewPipeline(writer, operation.pipeline);
      writer.u8(operation.containerOwner === undefined ? 0 : 1);
      if (operation.containerOwner !== undefined) writer.text(operation.containerOwner);
      return;
    case OPERATION.setPipelineState:
      writer.uuid(operation.pipelineId);
      writer.u8(SETTABLE_PIPELINE_STATE[operation.state]);
      writer.u8(operation.leaderId === undefined ? 0 : 1);
      if (operation.leaderId !== undefined) writer.uuid(operation.leaderId);
      return;
    case OPERATION.closePipeline:
      writer.uuid(operation.pipelineId);
      writer.u32(operation.containers.length);
      for (const figures of operation.containers) writeFigures(writer, figures);
      return;
    case OPERATION.removePipeline:
      writer.uuid(operation.pipelineId);
      return;
    case OPERATION.createContainers:
      writer.uuid(operation.pipelineId);
      writer.text(operation.owner);
      writer.u32(operation.count);
      return;
    default:
      unreachable(operation);
  }
}

/** What stands before an operation's own fields. */
export interface OperationHeader {
  readonly kind: OperationNumber;
  readonly version: number;
  readonly session: SessionStamp;
}

/** Throws RangeError. */
export function readOperationHeader(reader: ByteReader): OperationHeader {
  const kind = reader.u16();
  if (!isOperationNumber(kind)) throw new RangeError(`unknown operation ${kind}`);
  const version = reader.u8();
  const session = { sessionId: reader.f64(), sequence: reader.f64(), ackedSequence: reader.f64() };
  return { kind, version, session };
}

/** Reads one operation to the end of `reader`. Throws RangeError on anything that `writeOperation` cannot
 * have written: the caller knows where the bytes come from and makes it a CorruptionError. */
export function readOperation(reader: ByteReader): Operation {
  const { kind, version, session } = readOperationHeader(reader);
  if (version !== OPERATION_VERSION[kind]) throw new RangeError(`operation ${kind} of version ${version}`);
  const operation = readFields(kind, session, reader);
  if (reader.remaining > 0) throw new RangeError(`${reader.remaining} bytes too many`);
  return operation;
}

function readFields(kind: OperationNumber, session: SessionStamp, reader: ByteReader): Operation {
  switch (kind) {
    case OPERATION.seedCluster:
      return {
        kind,
        session,
        clusterId: reader.text(),
        importAllowed: flag(reader),
        localIdFloor: reader.u64(),
        termFloor: reader.f64(),
      };
    case OPERATION.openSession:
      return { kind, session, clientName: reader.text() };
    case OPERATION.importBatch:
      return readImport(session, reader);
    case OPERATION.suppressContainers: {
      const suppress = flag(reader);
      return { kind, session, suppress, containerIds: list(reader, reader.u32(), 8, () => reader.f64()) };
    }
    case OPERATION.setNodeIntent:
      return {
        kind,
        session,
        uuid: reader.uuid(),
        operationalState: enumName(OPERATIONAL_STATE, reader.u8()),
        expirySeconds: reader.f64(),
      };
    case OPERATION.reserveSequence:
      return { kind, session, sequence: enumName(SEQUENCE, reader.u8()), count: reader.u32() };
    case OPERATION.hashAt:
    case OPERATION.endImport:
      return { kind, session };
    case OPERATION.transitionContainer:
      return {
        kind,
        session,
        containerId: reader.f64(),
        event: enumName(CONTAINER_EVENT, reader.u8()),
        sequenceId: reader.f64(),
        usedBytes: reader.f64(),
        keyCount: reader.f64(),
      };
    case OPERATION.setMember:
      return { kind, session, member: readMember(reader) };
    case OPERATION.newGroup:
      return {
        kind,
        session,
        skipped: {
          localId: countFrom(reader),
          delTxnId: countFrom(reader),
          containerId: countFrom(reader),
          CertificateId: countFrom(reader),
        },
        skippedSessionIds: countFrom(reader),
        skippedNodeIds: countFrom(reader),
      };
    case OPERATION.resurrectContainer:
      return {
        kind,
        session,
        containerId: countFrom(reader),
        replicaState: enumName(PROVING_REPLICA_STATE, reader.u8()),
        sequenceId: countFrom(reader),
        usedBytes: countFrom(reader),
        keyCount: countFrom(reader),
      };
    case OPERATION.createPipeline: {
      const pipeline = readNewPipeline(reader);
      return { kind, session, pipeline, ...(flag(reader) ? { containerOwner: reader.text() } : {}) };
    }
    case OPERATION.setPipelineState: {
      const pipelineId = reader.uuid();
      const state = enumName(SETTABLE_PIPELINE_STATE, reader.u8());
      return { kind, session, pipelineId, state, ...(flag(reader) ? { leaderId: reader.uuid() } : {}) };
    }
    case OPERATION.closePipeline: {
      const pipelineId = reader.uuid();
      const containers = list(reader, reader.u32(), FIGURES_BYTES, () => readFigures(reader));
      return { kind, session, pipelineId, containers };
    }
    case OPERATION.removePipeline:
      return { kind, session, pipelineId: reader.uuid() };
    case OPERATION.createContainers:
      return { kind, session, pipelineId: reader.uuid(), owner: reader.text(), count: reader.u32() };
    default:
      return unreachable(kind);
  }
}

function isOperationNumber(value: number): value is OperationNumber {
  return NUMBERS.has(value);
}

function flag(reader: ByteReader): boolean {
  const value = reader.u8();
  if (value > 1) throw new RangeError(`flag ${value}`);
  return value === 1;
}

/** `count` items of at least `bytesMin` each; a count that cannot fit is refused before anything is
 * allocated. */
function list<T>(reader: ByteReader, count: number, bytesMin: number, read: () => T): T[] {
  if (count * bytesMin > reader.remaining)
    throw new RangeError(`${count} items in ${reader.remaining} bytes`);
  return Array.from({ length: count }, read);
}

const FIGURES_BYTES = 32;

function writeFigures(writer: ByteWriter, figures: ContainerFigures): void {
  writer.f64(figures.containerId);
  writer.f64(figures.sequenceId);
  writer.f64(figures.usedBytes);
  writer.f64(figures.keyCount);
}

function readFigures(reader: ByteReader): ContainerFigures {
  return {
    containerId: countFrom(reader),
    sequenceId: countFrom(reader),
    usedBytes: countFrom(reader),
    keyCount: countFrom(reader),
  };
}

/** A batch has its own dictionaries of configurations and owners, so that a container is a row of fixed size.
 */
const IMPORTED_CONTAINER_BYTES = 70;
const IMPORTED_FLAG = { HAS_PIPELINE: 1, SUPPRESSED: 2 } as const;
const NO_UUID = new Uint8Array(16);

function writeImport(writer: ByteWriter, { pipelines, containers }: ImportBatch): void {
  writer.u32(pipelines.length);
  for (const pipeline of pipelines) writePipeline(writer, pipeline);
  const configs = new LocalDictionary<ContainerRecord["replication"]>(printReplication);
  const owners = new LocalDictionary<string>((owner) => owner);
  for (const { replication, owner } of containers) {
    configs.numberOf(replication);
    owners.numberOf(owner);
  }
  writer.u16(configs.values.length);
  for (const config of configs.values) writeReplication(writer, config);
  writer.u16(owners.values.length);
  for (const owner of owners.values) writer.text(owner);
  writer.u32(containers.length);
  for (const container of containers) {
    writeContainer(writer, container, {
      replication: configs.numberOf(container.replication),
      owner: owners.numberOf(container.owner),
    });
  }
}

/** Numbers for the values of one batch, 0, 1, 2 … Consecutive containers mostly have the same ones. */
class LocalDictionary<V> {
  readonly #textOf: (value: V) => string;
  readonly #numbers = new Map<string, number>();
  readonly values: V[] = [];
  #lastValue: V | undefined = undefined;
  #lastNumber = 0;

  constructor(textOf: (value: V) => string) {
    this.#textOf = textOf;
  }

  numberOf(value: V): number {
    if (value === this.#lastValue) return this.#lastNumber;
    const text = this.#textOf(value);
    let number = this.#numbers.get(text);
    if (number === undefined) {
      number = this.values.push(value) - 1;
      this.#numbers.set(text, number);
    }
    this.#lastValue = value;
    this.#lastNumber = number;
    return number;
  }
}

function writeContainer(
  writer: ByteWriter,
  container: ContainerRecord,
  numbers: { readonly replication: number; readonly owner: number },
): void {
  const { pipelineId } = container;
  writer.f64(container.containerId);
  writer.u8(CONTAINER_STATE[container.state]);
  writer.u8(
    (pipelineId === undefined ? 0 : IMPORTED_FLAG.HAS_PIPELINE) |
      (container.suppressed ? IMPORTED_FLAG.SUPPRESSED : 0),
  );
  writer.u16(numbers.replication);
  writer.u16(numbers.owner);
  if (pipelineId === undefined) writer.raw(NO_UUID);
  else writer.uuid(pipelineId);
  writer.f64(container.usedBytes);
  writer.f64(container.keyCount);
  writer.f64(container.sequenceId);
  writer.f64(container.deleteTransactionId);
  writer.f64(container.stateEnterTimeMs);
}

function readImport(session: SessionStamp, reader: ByteReader): ImportBatch {
  const pipelines = list(reader, reader.u32(), 1, () => readPipeline(reader));
  const configs = list(reader, reader.u16(), 1, () => readReplication(reader));
  const owners = list(reader, reader.u16(), 1, () => reader.text());
  const containers = list(reader, reader.u32(), IMPORTED_CONTAINER_BYTES, (): ContainerRecord => {
    const containerId = reader.f64();
    const state = enumName(CONTAINER_STATE, reader.u8());
    const flags = reader.u8();
    if (flags > 3) throw new RangeError(`flags ${flags}`);
    const replication = configs[reader.u16()];
    const owner = owners[reader.u16()];
    if (replication === undefined || owner === undefined) throw new RangeError("dictionary number");
    const pipelineId = reader.uuid();
    return {
      containerId,
      state,
      replication,
      ...((flags & IMPORTED_FLAG.HAS_PIPELINE) === 0 ? {} : { pipelineId }),
      owner,
      usedBytes: reader.f64(),
      keyCount: reader.f64(),
      sequenceId: reader.f64(),
      deleteTransactionId: reader.f64(),
      stateEnterTimeMs: reader.f64(),
      suppressed: (flags & IMPORTED_FLAG.SUPPRESSED) !== 0,
    };
  });
  return { kind: OPERATION.importBatch, session, pipelines, containers };
}
