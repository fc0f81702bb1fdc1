import { codecOf } from "../../protocol/codec/codec.js";
import { FRAME_BYTES_MAX } from "../../protocol/schema/messages.js";
import { DATANODE_DETAILS } from "../../protocol/schema/records.js";
import { EncodedDetails } from "../cluster/nodes/encoded-details.js";
import type { NodeManager } from "../cluster/nodes/node-manager.js";
import type { EncodedPipeline } from "../cluster/pipelines/encoded-pipelines.js";
import { readRank } from "../cluster/pipelines/read-order.js";
import { NODE_SLOT_COUNT_MAX, type NodeSlot } from "../core/ids.js";
import type { ReadBatch, ReadEntry } from "./read-batch.js";

/** Array of two, datanode u16, index u8. */
const MEMBER_BYTES_MAX = 1 + 3 + 2;
const NUMBER_BYTES_MAX = 3;
const ARRAY_BYTES_MAX = 3;
/** Arrays behind the containers, and the number of those covered. */
const REST_BYTES_MAX = 4 * ARRAY_BYTES_MAX + NUMBER_BYTES_MAX;
const NOT_LISTED = -1;
const MEMBER_FIELD_COUNT = 2;

/** Completes the answer to a batch behind its containers: pipelines and datanodes, each once. */
export class ReadAnswer {
  readonly #nodes: Pick<NodeManager, "index">;
  readonly #details: EncodedDetails;
  readonly #pipelines: EncodedPipeline[] = [];
  readonly #placeOfPipeline = new Map<EncodedPipeline, number>();
  readonly #datanodes: NodeSlot[] = [];
  readonly #placeOfDatanode = new Int32Array(NODE_SLOT_COUNT_MAX).fill(NOT_LISTED);

  constructor(nodes: Pick<NodeManager, "index">) {
    const codec = codecOf(DATANODE_DETAILS);
    this.#nodes = nodes;
    this.#details = new EncodedDetails((details) => codec.encodeValue(details));
  }

  /** A view of the batch's memory. Throws FRAME_TOO_LARGE when not even one container finds room. */
  encode(batch: ReadBatch): Uint8Array {
    const { writer } = batch;
    try {
      this.#fit(batch);
      writer.setLength(batch.listAt, batch.count);
      const readCount = this.#writePlaces(batch);
      writer.array(this.#pipelines.length);
      for (const { bytes } of this.#pipelines) writer.encoded(bytes);
      this.#writeReadPipelines(batch, readCount);
      writer.array(this.#datanodes.length);
      for (const slot of this.#datanodes) writer.encoded(this.#details.get(this.#nodes.index.at(slot)));
      writer.number(batch.coveredCount);
      return writer.frame();
    } finally {
      this.#forget();
    }
  }

  /** Lists what the containers need, and leaves those out that the frame has no room for, but for the first:
   * then the writer says that there is none. */
  #fit(batch: ReadBatch): void {
    let bytes = batch.writer.position + REST_BYTES_MAX;
    for (let i = 0; i < batch.count; i++) {
      const entry = batch.entry(i);
      if (entry.pipeline === undefined) this.#rank(batch, entry);
      bytes += NUMBER_BYTES_MAX + this.#bytesOf(batch, entry);
      if (bytes > FRAME_BYTES_MAX && i > 0) {
        batch.coveredCount = entry.requestIndex;
        batch.cut(i);
        return;
      }
      this.#list(batch, entry);
    }
  }

  /** Members in the order in which to ask them; of EC without the dead ones (spec 03 §6). */
  #rank({ holders }: ReadBatch, { question, isEc }: ReadEntry): void {
    holders.rank(question, isEc ? this.#rankOfLiving : this.#rankOfAny);
  }

  readonly #rankOfAny = (slot: number): number => readRank(this.#nodes.index.at(slot as NodeSlot));

  readonly #rankOfLiving = (slot: number): number | undefined => {
    const node = this.#nodes.index.at(slot as NodeSlot);
    return node.health === "DEAD" ? undefined : readRank(node);
  };

  /** What the entry adds behind the containers. */
  #bytesOf({ holders }: ReadBatch, { pipeline, question }: ReadEntry): number {
    if (pipeline !== undefined) return this.#placeOfPipeline.has(pipeline) ? 0 : pipeline.bytes.length;
    let bytes = ARRAY_BYTES_MAX;
    for (let i = 0; i < holders.count(question); i++) {
      const slot = holders.node(question, i) as NodeSlot;
      bytes += MEMBER_BYTES_MAX;
      if (this.#placeOfDatanode[slot] === NOT_LISTED) {
        bytes += this.#details.get(this.#nodes.index.at(slot)).length;
      }
    }
    return bytes;
  }

  #list({ holders }: ReadBatch, { pipeline, question }: ReadEntry): void {
    if (pipeline !== undefined) {
      if (this.#placeOfPipeline.has(pipeline)) return;
      this.#placeOfPipeline.set(pipeline, this.#pipelines.push(pipeline) - 1);
      return;
    }
    for (let i = 0; i < holders.count(question); i++) {
      const slot = holders.node(question, i) as NodeSlot;
      if (this.#placeOfDatanode[slot] !== NOT_LISTED) continue;
      this.#placeOfDatanode[slot] = this.#datanodes.push(slot) - 1;
    }
  }

  /** Which pipeline each container has; returns how many have a read pipeline. */
  #writePlaces(batch: ReadBatch): number {
    batch.writer.array(batch.count);
    let readCount = 0;
    for (let i = 0; i < batch.count; i++) {
      const { pipeline } = batch.entry(i);
      const place =
        pipeline === undefined ? this.#pipelines.length + readCount++ : this.#placeOfPipeline.get(pipeline);
      batch.writer.number(place as number);
    }
    return readCount;
  }

  #writeReadPipelines(batch: ReadBatch, readCount: number): void {
    const { writer, holders } = batch;
    writer.array(readCount);
    for (let i = 0; i < batch.count; i++) {
      const { pipeline, question } = batch.entry(i);
      if (pipeline !== undefined) continue;
      const memberCount = holders.count(question);
      writer.array(memberCount);
      for (let member = 0; member < memberCount; member++) {
        writer.array(MEMBER_FIELD_COUNT);
        writer.number(this.#placeOfDatanode[holders.node(question, member)] as number);
        writer.number(holders.replicaIndex(question, member));
      }
    }
  }

  /** For the next answer. */
  #forget(): void {
    for (const slot of this.#datanodes) this.#placeOfDatanode[slot] = NOT_LISTED;
    this.#datanodes.length = 0;
    this.#pipelines.length = 0;
    this.#placeOfPipeline.clear();
  }
}
