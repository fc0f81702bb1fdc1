import { BLOCKS_PER_REQUEST_MAX } from "../../../protocol/schema/block-messages.js";
import { assert } from "../../core/assert.js";
import type { LocalIds } from "./local-ids.js";
import type { WritablePipeline } from "./writable-pipeline.js";

/** Places for the blocks of one request, in columns that are used again for the next one: nothing is
 * allocated for a block. */
export class Allocation {
  readonly containerIds = new Float64Array(BLOCKS_PER_REQUEST_MAX);
  /** Index in `pipelines` for each block. */
  readonly pipelineOf = new Uint16Array(BLOCKS_PER_REQUEST_MAX);
  /** The local ids' halves. */
  readonly idHigh = new Uint32Array(BLOCKS_PER_REQUEST_MAX);
  readonly idLow = new Uint32Array(BLOCKS_PER_REQUEST_MAX);
  /** Each once. */
  readonly pipelines: WritablePipeline[] = [];
  count = 0;
  /** Of the answer in hand: a pipeline knows by it whether it stands in `pipelines`. */
  #number = 0;

  begin(): void {
    this.count = 0;
    this.pipelines.length = 0;
    this.#number++;
  }

  has(pipeline: WritablePipeline): boolean {
    return pipeline.answerNumber === this.#number;
  }

  add(pipeline: WritablePipeline, containerId: number): void {
    if (!this.has(pipeline)) {
      pipeline.answerNumber = this.#number;
      pipeline.answerPlace = this.pipelines.push(pipeline) - 1;
    }
    this.containerIds[this.count] = containerId;
    this.pipelineOf[this.count] = pipeline.answerPlace;
    this.count++;
  }

  /** Gives every block its id; there are as many. Ids are taken only now, when nothing can go wrong any more
   * (spec 05 §15). */
  mint(ids: LocalIds): void {
    for (let at = 0; at < this.count; ) {
      const taken = ids.take(this.count - at);
      assert(taken > 0, "the ids were counted before");
      for (let i = 0; i < taken; i++, at++) {
        this.idHigh[at] = ids.high(i);
        this.idLow[at] = ids.low(i);
      }
    }
    for (let at = 0; at < this.count; at++) {
      (this.pipelines[this.pipelineOf[at] as number] as WritablePipeline).blockCount++;
    }
  }
}
