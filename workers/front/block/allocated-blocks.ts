import { assert } from "../../../engine/core/assert.js";
import type { Halves } from "../../../protocol/codec/body-reader.js";
import { BodyReader } from "../../../protocol/codec/body-reader.js";
import type { ProtoWriter } from "../../../protocol/hadoop/proto-writer.js";
import { BLOCKS_PER_REQUEST_MAX, PIPELINES_PER_ANSWER_MAX } from "../../../protocol/schema/block-messages.js";
import type { PortChoice } from "../client-version.js";
import type { KnownPipelines } from "../rendered-pipelines.js";

const MEMBERS_MAX = 64;
/** Fields of the answer, and of a block in it. */
const FIELDS_MAX = 3;
const BLOCK_FIELDS = 3;

/** Turns encoded answers to allocateBlocks into the fields of AllocateScmBlockResponse: the hottest answer,
 * so nothing is made of it on the way (spec 12 §6.1, §9.1). */
export class AllocatedBlocks {
  readonly #pipelines: KnownPipelines;
  readonly #reader = new BodyReader();
  readonly #containerIds = new Float64Array(BLOCKS_PER_REQUEST_MAX);
  readonly #idHigh = new Uint32Array(BLOCKS_PER_REQUEST_MAX);
  readonly #idLow = new Uint32Array(BLOCKS_PER_REQUEST_MAX);
  readonly #pipelineOf = new Uint16Array(BLOCKS_PER_REQUEST_MAX);
  readonly #localId: Halves = { high: 0, low: 0 };
  /** Of this answer. */
  readonly #rendered: Uint8Array[] = [];
  readonly #orders: number[][] = [];

  constructor(pipelines: KnownPipelines) {
    this.#pipelines = pipelines;
  }

  write(writer: ProtoWriter, body: Uint8Array, ports: PortChoice): void {
    const count = this.#read(body, ports);
    for (let i = 0; i < count; i++) {
      const pipeline = this.#pipelineOf[i] as number;
      const order = this.#orders[pipeline];
      writer.openMessage(3);
      writer.openMessage(1);
      writer.number(1, this.#containerIds[i] as number);
      writer.halves(2, this.#idHigh[i] as number, this.#idLow[i] as number);
      writer.closeMessage();
      if (order === undefined) writer.bytes(2, this.#rendered[pipeline] as Uint8Array);
      else writeOrdered(writer, this.#rendered[pipeline] as Uint8Array, order);
      writer.closeMessage();
    }
  }

  /** Number of blocks. */
  #read(body: Uint8Array, ports: PortChoice): number {
    const reader = this.#reader;
    reader.begin(body, 0, body.length);
    const fieldCount = reader.arrayLength(FIELDS_MAX);
    const count = reader.arrayLength(BLOCKS_PER_REQUEST_MAX);
    for (let i = 0; i < count; i++) {
      assert(reader.arrayLength(BLOCK_FIELDS) === BLOCK_FIELDS, "a block has three fields");
      this.#containerIds[i] = reader.wholeNumber(1, Number.MAX_SAFE_INTEGER);
      assert(reader.halves(this.#localId), "a block has a local id");
      this.#idHigh[i] = this.#localId.high;
      this.#idLow[i] = this.#localId.low;
      this.#pipelineOf[i] = reader.wholeNumber(0, PIPELINES_PER_ANSWER_MAX);
    }
    const pipelineCount = reader.arrayLength(PIPELINES_PER_ANSWER_MAX);
    this.#rendered.length = 0;
    this.#orders.length = 0;
    for (let i = 0; i < pipelineCount; i++)
      this.#rendered.push(this.#pipelines.read(reader, body).bytes(ports));
    if (fieldCount === FIELDS_MAX && !reader.nil()) this.#readOrders();
    reader.finish();
    return count;
  }

  #readOrders(): void {
    const reader = this.#reader;
    const pipelineCount = reader.arrayLength(PIPELINES_PER_ANSWER_MAX);
    for (let i = 0; i < pipelineCount; i++) {
      const length = reader.arrayLength(MEMBERS_MAX);
      const order: number[] = [];
      for (let member = 0; member < length; member++) order.push(reader.wholeNumber(0, MEMBERS_MAX));
      this.#orders.push(order);
    }
  }
}

/** With memberOrders, unless the order is the pipeline's own (spec 05 §2.4 rule 3). */
function writeOrdered(writer: ProtoWriter, pipeline: Uint8Array, order: readonly number[]): void {
  if (order.every((member, i) => member === i)) {
    writer.bytes(2, pipeline);
    return;
  }
  writer.openMessage(2);
  writer.encoded(pipeline);
  for (const member of order) writer.number(7, member);
  writer.closeMessage();
}
