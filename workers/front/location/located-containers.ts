import { createHash } from "node:crypto";
import { assert } from "../../../engine/core/assert.js";
import type { Clock } from "../../../engine/core/clock.js";
import type { Uuid } from "../../../engine/core/uuid.js";
import { readUuid } from "../../../engine/core/uuid.js";
import { BodyReader } from "../../../protocol/codec/body-reader.js";
import { compileRecordDecoder } from "../../../protocol/codec/decoders.js";
import type { ProtoWriter } from "../../../protocol/hadoop/proto-writer.js";
import { READ_CONTAINERS_MAX } from "../../../protocol/schema/read-messages.js";
import type { ContainerRecord, DatanodeDetails, PipelineRecord } from "../../../protocol/schema/records.js";
import { CONTAINER, DATANODE_DETAILS } from "../../../protocol/schema/records.js";
import { KnownRecords } from "../known-records.js";
import { writeContainer } from "../rendered-containers.js";
import { type KnownPipelines, RenderedPipeline } from "../rendered-pipelines.js";
import type { LocationCall } from "./location-call.js";

/** A container with where it is written or read. */
export interface LocatedContainer {
  readonly container: ContainerRecord;
  readonly pipeline: RenderedPipeline;
}

type Member = PipelineRecord["members"][number];

const MANY = 0xffff;
const ALLOCATED_FIELDS = 2;
const DATANODES_KNOWN_MAX = 16_384;
const decodeContainer = compileRecordDecoder(CONTAINER) as (reader: BodyReader) => ContainerRecord;

/** Reads encoded answers about containers and their pipelines: to getContainersWithPipelines, which Ozone
 * Manager asks for each key that is not in its cache, and to allocateContainer. Pipelines and datanodes of
 * them are mostly known already. */
export class LocatedContainers {
  readonly #clock: Pick<Clock, "wallMs">;
  readonly #pipelines: KnownPipelines;
  readonly #datanodes = new KnownRecords(DATANODE_DETAILS, (details) => details, DATANODES_KNOWN_MAX);
  readonly #reader = new BodyReader();

  constructor(clock: Pick<Clock, "wallMs">, pipelines: KnownPipelines) {
    this.#clock = clock;
    this.#pipelines = pipelines;
  }

  /** The containers, and how many of the ids that were asked for they cover. */
  read(body: Uint8Array): { readonly located: LocatedContainer[]; readonly coveredCount: number } {
    const reader = this.#reader;
    reader.begin(body, 0, body.length);
    reader.arrayLength(MANY);
    const containers = this.#list(READ_CONTAINERS_MAX, () => decodeContainer(reader));
    const pipelineOf = this.#list(READ_CONTAINERS_MAX, () => reader.wholeNumber(0, MANY));
    const pipelines = this.#list(READ_CONTAINERS_MAX, () => this.#pipelines.read(reader, body));
    const readPipelines = this.#list(READ_CONTAINERS_MAX, () => this.#list(MANY, () => this.#place()));
    const datanodes = this.#list(MANY, () => this.#datanodes.read(reader, body));
    const coveredCount = reader.wholeNumber(0, MANY);
    const located = containers.map((container, i) => {
      const which = pipelineOf[i] as number;
      const own = pipelines[which];
      if (own !== undefined) return { container, pipeline: own };
      const places = readPipelines[which - pipelines.length];
      assert(places !== undefined, "a container has a pipeline");
      const members = places.map(({ datanode, replicaIndex }) => {
        return { details: datanodes[datanode] as DatanodeDetails, replicaIndex };
      });
      return { container, pipeline: this.#readPipeline(container, members) };
    });
    return { located, coveredCount };
  }

  /** The new container in an answer to allocateContainer. */
  readAllocated(body: Uint8Array): LocatedContainer {
    const reader = this.#reader;
    reader.begin(body, 0, body.length);
    assert(reader.arrayLength(MANY) === ALLOCATED_FIELDS, "an allocated container has a pipeline");
    const container = decodeContainer(reader);
    const pipeline = this.#pipelines.read(reader, body);
    reader.finish();
    return { container, pipeline };
  }

  #place(): { readonly datanode: number; readonly replicaIndex: number } {
    this.#reader.arrayLength(2);
    const datanode = this.#reader.wholeNumber(0, MANY);
    return { datanode, replicaIndex: this.#reader.wholeNumber(0, 0xff) };
  }

  #list<T>(countMax: number, item: () => T): T[] {
    const items: T[] = [];
    for (let left = this.#reader.arrayLength(countMax); left > 0; left--) items.push(item());
    return items;
  }

  #readPipeline({ replication }: ContainerRecord, members: readonly Member[]): RenderedPipeline {
    const nowMs = this.#clock.wallMs();
    return new RenderedPipeline({
      pipelineId: readPipelineId(members),
      replication,
      state: replication.type === "STAND_ALONE" ? "OPEN" : "ALLOCATED",
      members,
      creationTimeMs: nowMs,
      stateEnterTimeMs: nowMs,
    });
  }
}

/** ContainerWithPipeline as a field of an answer. */
export function writeLocated(
  body: ProtoWriter,
  field: number,
  { container, pipeline }: LocatedContainer,
  { clientVersion, ioPorts }: Pick<LocationCall, "clientVersion" | "ioPorts">,
): void {
  body.openMessage(field);
  writeContainer(body, 1, container, clientVersion);
  body.bytes(2, pipeline.bytes(ioPorts));
  body.closeMessage();
}

/** Clients keep their connections by the pipeline's id, which Strata's read pipelines do not have. One that
 * is made of the members is the same for the same connections, and never for others (a name-based UUID). */
function readPipelineId(members: readonly Member[]): Uuid {
  const hash = createHash("md5");
  for (const { details, replicaIndex } of members) hash.update(`${details.uuid}${replicaIndex};`);
  const bytes = hash.digest();
  bytes[6] = ((bytes[6] as number) & 0x0f) | 0x30;
  bytes[8] = ((bytes[8] as number) & 0x3f) | 0x80;
  return readUuid(bytes, 0);
}
